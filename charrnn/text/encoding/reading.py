"""The first pass over a large text: a task becomes shards, whose characters are counted."""

import codecs
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Self, cast

import numpy as np
import numpy.typing as npt

from charrnn.config import CorpusConfig
from charrnn.text.decoding import MARK, refuse_format, refuse_utf16, text_pieces
from charrnn.text.encoding.shards import (
    PIECE,
    SHARD,
    Segment,
    Shard,
    add_characters,
    byte_counts,
    finished_shards,
    whole_pieces,
)
from charrnn.text.encoding.tasks import Task
from charrnn.text.folders import text_file
from charrnn.text.kinds import LINES, items_of
from charrnn.text.numbering import CODE_POINTS, texts_of
from charrnn.text.sources import Notes, TextSource, file_source
from charrnn.text.tables import NoFieldError, TornRowError, table_kind

HELD = 1 << 24
"""Bytes of the largest file that is held in memory while it is checked."""


@dataclass
class Reading:
    """What was read by a task."""

    shards: list[Shard] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    last: str = ""
    """The last character; empty if there is none."""
    is_broken_off: bool = False
    """Whether bytes that began like UTF-8 end inside a character."""
    is_whole: bool = True
    """Whether the files are read as a whole, so that what stands between them is there."""
    is_torn: bool = False
    """Whether a range of a table ends inside a row, so that the table cannot be divided."""

    def as_json(self) -> dict[str, Any]:
        """The record of it."""
        shards = [vars(shard) for shard in self.shards]
        return {**vars(self), "shards": shards, "notes": notes_record(self.notes)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Reading":
        """What was read, from its record."""
        shards = [Shard.from_json(shard) for shard in record["shards"]]
        return cls(**(record | {"shards": shards, "notes": notes_from(record["notes"])}))


def notes_record(notes: Notes) -> dict[str, Any]:
    """The record of notes."""
    values = vars(notes)
    return values | {name: sorted(v) for name, v in values.items() if isinstance(v, set)}


def notes_from(record: dict[str, Any]) -> Notes:
    """Notes from their record."""
    notes = Notes(**record)
    notes.newlines, notes.marks = set(notes.newlines), set(notes.marks)
    notes.lengths = Counter(notes.lengths)
    return notes


def read_task(task: Task, config: CorpusConfig, spool: Path) -> Reading:
    """Read a task.

    Args:
        task: what to read.
        config: how.
        spool: the beginning of the names of the files for text that lies nowhere as it is.

    Raises:
        DataError: a file is no text, or cannot be read; unless a folder leaves it out.
        OSError: there is no room.
    """
    if task.end is None or items_of(config) not in (None, LINES):
        return _read_whole(task, config, spool)
    assert len(task.paths) == 1
    plain = _read_bytes(task) if config.level == "byte" else _read_plain(task, config)
    return plain or _read_changed(task, config, spool)


# --- a range of a file ------------------------------------------------------------------------------------------------


def _read_bytes(task: Task) -> Reading:
    """A range of bytes."""
    (path,), end = task.paths, cast("int", task.end)
    counts, reading = np.zeros(256, np.int64), Reading(is_whole=False)
    decoder, last = codecs.getincrementaldecoder("utf-8")(), b""
    for piece in whole_pieces(path, task.begin, end):
        counts += byte_counts(piece)
        last = piece[-1:]
        if reading.notes.is_utf8:
            reading.notes.is_utf8 = _decodes(decoder, piece)
    reading.last, reading.is_broken_off = last.decode("latin-1"), bool(decoder.getstate()[0])
    reading.shards = [_shard([(path, task.begin, end)], end - task.begin, counts)]
    return reading


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes) -> bool:
    try:
        decoder.decode(piece)
    except UnicodeDecodeError:
        return False
    return True


def _read_plain(task: Task, config: CorpusConfig) -> Reading | None:
    """A range of UTF-8 that is the text as it stands; None: something in it is left out or converted, or is no UTF-8."""
    (path,), end = task.paths, cast("int", task.end)
    counts, last = np.zeros(CODE_POINTS, np.int64), ""
    altered = [0] if config.keep_newlines else [0, ord("\r")]
    altered += [ord(MARK)] if config.tidied or not task.begin else []
    for number, piece in enumerate(whole_pieces(path, task.begin, end)):
        if not number and not task.begin:
            refuse_format(piece, path)
            refuse_utf16(piece, path)
        try:
            last = _last_of(piece)
        except UnicodeDecodeError:
            return None
        add_characters(counts, piece)
        if any(counts[point] for point in altered):
            return None
    reading = Reading(last=last, is_whole=False)
    reading.shards = [_shard([(path, task.begin, end)], int(counts.sum()), counts)]
    return reading


def _last_of(piece: bytes) -> str:
    """The last character of some UTF-8, all of which must be valid."""
    return (piece[-1:] if piece.isascii() else piece).decode()[-1:]


def _read_changed(task: Task, config: CorpusConfig, spool: Path) -> Reading:
    """A range of UTF-8 whose text is written down, because it is not what stands in the file."""
    reading = Reading(is_whole=False)
    with _Writer(spool, config) as writer:
        for text in text_pieces(_range_of(task), config, reading.notes):
            writer.add(text)
            reading.last = text[-1:] or reading.last
        reading.shards = writer.finish()
    return reading


def _range_of(task: Task) -> TextSource:
    """The source of a task that is a range of a file."""
    (path,), begin, end = task.paths, task.begin, cast("int", task.end)
    return TextSource(
        path,
        lambda: cast("IO[bytes]", _Range(path, begin, end, task.head)),
        task.part,
        is_start=not begin or task.head > 0,
        is_end=task.is_last,
    )


def _groups_of(task: Task) -> TextSource:
    """The source of a task that is some row groups of a Parquet file."""
    groups = task.begin, cast("int", task.end)
    return replace(file_source(Path(task.paths[0])), part=task.part, groups=groups)


class _Range(io.RawIOBase):
    """A range of a file, as a file; before it stands the head of the file, of so many bytes."""

    def __init__(self, path: str, begin: int, end: int, head: int) -> None:
        self._file, self._left = Path(path).open("rb"), end - begin  # noqa: SIM115 (close closes it)
        self._head = self._file.read(head)
        self._file.seek(begin)

    def read(self, size: int = -1) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        piece = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()
        super().close()


def _shard(segments: list[Segment], characters: int, counts: npt.NDArray[np.int64]) -> Shard:
    points = np.flatnonzero(counts)
    return Shard(segments, characters, points.tolist(), counts[points].tolist())


# --- whole files ------------------------------------------------------------------------------------------------------


def _read_whole(task: Task, config: CorpusConfig, spool: Path) -> Reading:
    """Whole files, joined as those of a small text are; or a range of a file of records, as if it were one."""
    reading = Reading()
    sources = _sources(task, config, reading.notes)
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _Writer(spool, config) as writer:
        try:
            for _, text in texts_of(sources, config, reading.notes):
                writer.add(text)
                if config.level == "byte" and reading.notes.is_utf8:
                    reading.notes.is_utf8 = _decodes(decoder, text.encode("latin-1"))
                reading.last = text[-1]
        except NoFieldError:
            if task.end is None:
                raise  # else other ranges may have it
        except TornRowError:
            return Reading(is_torn=True)
        reading.shards = writer.finish()
    if not task.is_last:
        reading.notes.num_read = 0
    reading.is_broken_off = bool(decoder.getstate()[0])
    return reading


def _sources(task: Task, config: CorpusConfig, notes: Notes) -> Iterator[TextSource]:
    """The sources of a task, without those that a folder leaves out."""
    for path in task.paths:
        if task.end is not None:
            part = _range_of(task)
            is_parquet = config.field is not None and table_kind(part) == "parquet"
            yield _groups_of(task) if is_parquet else part
        elif task.folder is None:
            yield replace(file_source(Path(path)), part=task.part)
        elif source := text_file(path, task.folder, config, notes, held=HELD):
            yield replace(source, part=task.part)


class _Writer:
    """Writes text down in shards, and counts it.

    Args:
        spool: the beginning of the names of the files.
        config: how the text is read.
    """

    def __init__(self, spool: Path, config: CorpusConfig) -> None:
        self._spool, self._is_byte = spool, config.level == "byte"
        self._shards = finished_shards(self._journal)
        self._num_skipped = sum(shard.characters for shard in self._shards)
        self._file: IO[bytes] | None = None
        self._held, self._num_held = list[str](), 0
        self._begin()

    def _begin(self) -> None:
        self._counts = np.zeros(256 if self._is_byte else CODE_POINTS, np.int64)
        self._size = self._characters = 0

    def add(self, text: str) -> None:
        """Write some text; it is held until there is enough of it, as to count a short one takes as long.

        What stands in shards that were finished before an interruption is skipped.
        """
        if self._num_skipped:
            skipped = min(self._num_skipped, len(text))
            self._num_skipped -= skipped
            text = text[skipped:]
        self._held.append(text)
        self._num_held += len(text)
        if self._num_held >= PIECE:
            self._write()

    def _write(self) -> None:
        text = "".join(self._held)
        self._held, self._num_held = [], 0
        for k in range(0, len(text), PIECE):
            self._add(text[k : k + PIECE])

    def _add(self, text: str) -> None:
        if self._file is None:
            self._file = self._path.open("wb")
        if self._is_byte:
            content = text.encode("latin-1")
            self._counts += byte_counts(content)
        else:
            content = text.encode("utf-8", "surrogatepass")
            add_characters(self._counts, content)
        self._file.write(content)
        self._size += len(content)
        self._characters += len(text)
        if self._size >= SHARD:
            self._end()

    @property
    def _journal(self) -> Path:
        return self._spool.with_name(f"{self._spool.name}.done")

    @property
    def _path(self) -> Path:
        return self._spool.with_name(f"{self._spool.name}-{len(self._shards)}.text")

    def _end(self) -> None:
        if self._file:
            path, self._file = self._path, self._file.close()
            shard = _shard([(str(path), 0, self._size)], self._characters, self._counts)
            self._shards.append(shard)
            with self._journal.open("a", encoding="utf-8") as log:
                log.write(json.dumps(vars(shard)) + "\n")
        self._begin()

    def finish(self) -> list[Shard]:
        """The shards."""
        self._write()
        self._end()
        return self._shards

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:  # the text was refused, or the reading broke off
            self._file.close()
