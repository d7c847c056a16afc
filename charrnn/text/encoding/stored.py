"""The folder of a large text in the cache: how the text is known again without being read, and how its ids are checked.

A text is known by its files: their places, sizes, inodes and the times of their last change (`mtime` and `ctime`, in
nanoseconds; the second changes with every change of content, and no program can set it back), and by some of their
bytes. Another version of the same files has another folder, and replaces it.
"""

import glob
import hashlib
import json
import mmap
import os
import random
import shutil
import time
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault
from charrnn.files import environment_fault, write_atomically
from charrnn.numerics import Ids
from charrnn.text.encoding.numbering import BLOCK
from charrnn.text.sources import TextSource

VERSION = 1
"""The version of what lies in these folders."""
READ_WITH = (
    *("level", "lines", "separator", "documents", "field", "max_chars"),
    *("encoding", "keep_newlines", "normalize", "tidied"),
)
"""The settings that decide what the text is."""
SAMPLED = 1 << 20
"""Bytes from which on a file's content is sampled too."""
SAMPLE = 1 << 12
"""Bytes of a sample: at the start of a file, in its middle, at its end."""
SETTLED = 2.0
"""Seconds after which a further change of a file has another time, on every usual file system."""
CHECKED = 64
"""Blocks of ids that are compared with their checksums at each start, other ones each time."""

State = list[list[int]]
"""Size, inode, mtime and ctime of each file."""


def state_of(sources: Sequence[TextSource]) -> State:
    """The present state of the files of sources.

    Raises:
        DataError: one cannot be read.
    """
    found = []
    for source in sources:
        try:
            seen = os.stat(str(source.path))  # noqa: PTH116 (quicker, for a hundred thousand files)
        except OSError as error:
            raise DataError(f"cannot read {source.name!r}: {error.strerror or error}") from error
        found.append([seen.st_size, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns])
    return found


def wait_until_settled(state: State) -> None:
    """Wait, 2 seconds at most, until a later change of a file is seen by its time."""
    newest = max(max(file[2:]) for file in state) / 1e9
    if 0 <= (age := time.time() - newest) < SETTLED:
        time.sleep(SETTLED - age)


def folder_for(
    sources: Sequence[TextSource], state: State, config: CorpusConfig, cache: Path
) -> Path:
    """The folder of a text in the cache: its name is made of where the text is, how it is read, and in which state."""
    how = {name: getattr(config, name) for name in READ_WITH}
    places = [
        [os.path.abspath(str(s.path)), s.part, str(s.folder or "")]  # noqa: PTH100 (links stay)
        for s in sources
    ]
    which = _digest([VERSION, unicodedata.unidata_version, how, places])
    now = _digest([state, [*_samples(sources, state)]])
    return cache / f"{which[:24]}-{now[:24]}"


def _digest(record: Any) -> str:
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()


def _samples(sources: Sequence[TextSource], state: State) -> Iterator[int]:
    """The checksums of samples of each large file."""
    for source, (size, *_) in zip(sources, state, strict=True):
        if size < SAMPLED:
            continue
        try:
            with Path(str(source.path)).open("rb") as file:
                for at in (0, size // 2, size - SAMPLE):
                    file.seek(at)
                    yield zlib.crc32(file.read(SAMPLE))
        except OSError as error:
            raise DataError(f"cannot read {source.name!r}: {error.strerror or error}") from error


def remove_older(folder: Path) -> None:
    """Remove what was kept of an earlier state of the same text."""
    which = folder.name.partition("-")[0]
    for other in folder.parent.glob(f"{which}-*"):
        if other != folder and other.is_dir():
            shutil.rmtree(other, ignore_errors=True)


def write_record(path: Path, record: Any) -> None:
    """Write a record; see `charrnn.files.replacing`."""
    write_atomically(path, with_checksum(record))


def with_checksum(record: Any) -> bytes:
    """A record as JSON, below a line with its checksum."""
    content = json.dumps(record).encode()
    return b"%08x\n%b" % (zlib.crc32(content), content)


def read_record(path: Path) -> Any:
    """A record that was written; None if it is not there, or is damaged."""
    try:
        checksum, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return json.loads(content) if checksum == b"%08x" % zlib.crc32(content) else None


def require_room(folder: Path, need: int) -> int:
    """The bytes that are free where a folder is.

    Raises:
        EnvironmentFault: they are fewer than needed.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise environment_fault("write", folder, error) from error
    if free < need:
        raise EnvironmentFault.naming(
            "the corpus needs {need:,} bytes in {folder}, where {free:,} are free",
            "choose another folder with {cache}",
            need=need,
            folder=folder,
            free=free,
        )
    return free


@dataclass(frozen=True)
class StoredIds:
    """Ids in a file, with checksums in another."""

    path: Path
    dtype: np.dtype[np.unsignedinteger]
    total: int

    @property
    def record(self) -> Path:
        """The file of the checksums, which is there when the ids are."""
        return self.path.with_suffix(".json")

    @property
    def size(self) -> int:
        """Their bytes."""
        return self.total * self.dtype.itemsize

    def finish(self, stretches: Sequence[tuple[int, Sequence[int]]], **more: Any) -> None:
        """Say that they are complete.

        Args:
            stretches: the length of each stretch of them, and the checksums of its blocks.
            more: what else is to be known of them.
        """
        write_record(self.record, {"total": self.total, "stretches": stretches, **more})

    def about(self) -> dict[str, Any] | None:
        """What is known of them; None if they are not there, or not as many."""
        record = read_record(self.record)
        try:
            whole = record and record["total"] == self.total
            return record if whole and self.path.stat().st_size == self.size else None
        except OSError:
            return None

    def are_whole(
        self, most: int | None = CHECKED, read: Callable[[int], object] = lambda _: None
    ) -> bool:
        """Whether blocks of them have their checksums.

        Args:
            most: how many blocks, chosen at random each time; None: all.
            read: called with the bytes of each.
        """
        about = self.about()
        if about is None:
            return False
        blocks = [*_blocks(about["stretches"])]
        if most is not None and len(blocks) > most:
            blocks = sorted(random.sample(blocks, most))
        width = self.dtype.itemsize
        with self.path.open("rb") as file:
            for begin, length, checksum in blocks:
                file.seek(begin * width)
                if zlib.crc32(file.read(length * width)) != checksum:
                    return False
                read(length * width)
        return True

    def opened(self, *, in_order: bool = False) -> Ids:
        """The ids, mapped into memory; `in_order` if they are read from the first to the last."""
        ids = np.memmap(self.path, self.dtype, "r", shape=(self.total,))
        if not in_order:
            read_here_and_there(ids)
        return ids

    def remove(self) -> None:
        """Remove them."""
        for path in (self.record, self.path):
            path.unlink(missing_ok=True)


def read_here_and_there(mapped: np.memmap[Any, Any]) -> None:
    """Let the system read no more of a mapped file than is asked for: what stands around it is seldom needed soon."""
    advise = getattr(mmap, "MADV_RANDOM", None)
    if advise is not None and isinstance(mapped.base, mmap.mmap):
        mapped.base.madvise(advise)


def stored_in(cache: Path) -> Iterator[StoredIds]:
    """All ids that are complete in a folder of encoded texts."""
    for record in sorted(cache.glob("*/ids-*.json")):
        about = read_record(record)
        for path in record.parent.glob(f"{glob.escape(record.stem)}.uint*"):
            dtype = np.dtype(path.suffix[1:])
            yield StoredIds(path, dtype, about["total"] if about else -1)


def _blocks(stretches: Sequence[Sequence[Any]]) -> Iterator[tuple[int, int, int]]:
    """The place, length and checksum of each block."""
    begin = 0
    for length, checksums in stretches:
        for k, checksum in enumerate(checksums):
            yield begin + k * BLOCK, min(BLOCK, length - k * BLOCK), checksum
        begin += length
