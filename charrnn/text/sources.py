"""Sources of text: a file, a folder, standard input or a .gz file, read as pieces of bytes.

A source can be opened again and again, because a corpus is read twice: once to count its characters and once to number
them.
"""

import contextlib
import gzip
import io
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, cast

from charrnn.errors import DataError, EnvironmentFault
from charrnn.wording import nearest

PIECE = 1 << 22
"""Bytes read at once."""
MAX_EXPANSION = 1 << 30
"""Bytes beyond which a .gz file must not expand, if that is also more than 100 times its own size."""


@dataclass(frozen=True)
class TextSource:
    """One text that can be read from the start again and again."""

    name: str
    """The source's name in messages."""
    open: Callable[[], IO[bytes]] = field(repr=False)
    """Opens its bytes."""


@dataclass
class Notes:
    """What a user should know about the reading of sources; filled in on the way."""

    newlines: set[str] = field(default_factory=set)
    """The kinds of line end that occur."""
    marks: set[str] = field(default_factory=set)
    """The encodings named by byte order marks."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Files left out of folders, by reason."""
    truncated: bool = False
    """Whether the reading stopped at `max_chars`."""
    num_read: int = 0
    """Sources that were read, at least in part."""
    is_open: bool = False
    """Whether what was read so far does not end with the boundary of a file."""
    num_ended: int = 0
    """Files that got a newline at their end, as a boundary to the next."""

    def sentences(self, *, keep_newlines: bool) -> list[str]:
        """The notes as sentences, settings as names in braces (see `charrnn.errors.spelled`)."""
        sentences = []
        if self.skipped:
            parts = [f"{count:,} {kind}" for kind, count in sorted(self.skipped.items())]
            sentences.append("skipped in the folder: " + ", ".join(parts))
        if self.marks:
            sentences.append("byte order mark found: read as " + ", ".join(sorted(self.marks)))
        foreign = sorted({"\r\n": "CR LF", "\r": "CR"}[n] for n in self.newlines - {"\n"})
        if foreign and not keep_newlines:
            ends = " and ".join(foreign)
            sentences.append(
                f"{ends} line endings were converted to LF ({{keep_newlines}} keeps them)"
            )
        return sentences


def file_source(path: Path) -> TextSource:
    """A file, or the text inside a .gz file.

    Raises:
        DataError: there is no such file, it cannot be read, or it is neither a file nor a pipe.
    """
    try:
        if path.is_char_device() or path.is_block_device():
            raise DataError(f"{path} is a device, not a text")
        if path.is_fifo():
            with path.open("rb") as pipe:
                return spooled_source(pipe, str(path))
        with path.open("rb") as file:
            magic = file.read(2)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if magic == b"\x1f\x8b":
        return TextSource(str(path), lambda: cast("IO[bytes]", _BoundedGzip(path)))
    return TextSource(str(path), lambda: path.open("rb"))


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or str(error)
    near = None
    if isinstance(error, FileNotFoundError) and path.parent.is_dir():
        with contextlib.suppress(OSError):  # a folder may be entered and yet not listed
            near = nearest(path.name, [p.name for p in path.parent.iterdir()])
    hint = f"did you mean {path.parent / near}?" if near else ""
    return DataError(f"cannot read {str(path)!r}: {reason}", hint)


class _BoundedGzip(gzip.GzipFile):
    """A .gz file that raises DataError when it expands without bound."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._path = path
        self._limit = max(MAX_EXPANSION, 100 * path.stat().st_size)
        self._so_far = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read bytes, as `GzipFile.read` does."""
        try:
            piece = super().read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{self._path} is a damaged .gz file: {error}") from error
        self._so_far += len(piece)
        if self._so_far > self._limit:
            raise DataError.naming(
                "{path} expands to more than {limit:,} bytes, over 100 times its size: refused as a decompression bomb",
                "unpack it yourself, or read a part with {max_chars}",
                path=self._path,
                limit=self._limit,
            )
        return piece


def spooled_source(stream: BinaryIO | IO[bytes], name: str) -> TextSource:
    """A stream that can be read only once, copied to memory or, if large, to a temporary file."""
    kept = _Kept(max_size=1 << 26)  # lives as long as the source
    try:
        shutil.copyfileobj(stream, kept, PIECE)
    except OSError as error:
        raise EnvironmentFault(f"cannot store {name}: {error.strerror or error}") from error

    def reopen() -> IO[bytes]:
        kept.seek(0)
        return cast("IO[bytes]", _Unclosing(kept))

    return TextSource(name, reopen)


class _Kept(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that is removed, without a warning, with the last reference to it."""

    def __del__(self) -> None:
        self.close()


class _Unclosing(io.RawIOBase):
    """A view of a file that stays open when the view is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


def byte_pieces(source: TextSource) -> Iterator[bytes]:
    """The bytes of a source, a piece at a time."""
    try:
        with source.open() as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise DataError(f"cannot read {source.name!r}: {error.strerror or error}") from error
