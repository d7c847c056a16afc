"""Files, folders, standard input and .gz files as streams of text, read in pieces.

Knows encodings and newlines; knows nothing of vocabularies. A source can be opened again and again, because a corpus is
read twice: once to count its characters and once to number them.
"""

import codecs
import contextlib
import fnmatch
import gzip
import io
import os
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, NoReturn, cast

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault

PIECE = 1 << 22
"""Bytes read at once."""
PROBE = 1 << 13
"""Bytes at a file's start that tell text from binary, as git does."""
LARGEST_EXPANSION = 1 << 30
"""A .gz file that grows beyond this, and beyond 100 times its own size, is taken for a bomb."""

BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Source:
    """One text: its name for people, and how to open its bytes from the start."""

    name: str
    open: Callable[[], IO[bytes]] = field(repr=False)


@dataclass
class Notes:
    """What was found on the way and should be said: counts, by kind."""

    newlines: set[str] = field(default_factory=set)
    marks: set[str] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)
    truncated: bool = False
    num_read: int = 0
    """Sources of which something was read."""

    def sentences(self, *, keep_newlines: bool) -> list[str]:
        """The notes as plain sentences."""
        said = []
        if self.skipped:
            parts = [f"{count:,} {kind}" for kind, count in sorted(self.skipped.items())]
            said.append("left out of the folder: " + ", ".join(parts))
        if self.marks:
            said.append("byte order mark found: read as " + ", ".join(sorted(self.marks)))
        foreign = sorted({"\r\n": "CR LF", "\r": "CR"}[n] for n in self.newlines - {"\n"})
        if foreign and not keep_newlines:
            said.append(f"{' and '.join(foreign)} line ends became LF (--keep-newlines keeps them)")
        return said


# --- where bytes come from ---------------------------------------------------------------------------------------------


def file_source(path: Path) -> Source:
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
        return Source(str(path), lambda: cast("IO[bytes]", _BoundedGzip(path)))
    return Source(str(path), lambda: path.open("rb"))


def _unreadable(path: Path, error: Exception) -> DataError:
    import difflib

    reason = getattr(error, "strerror", None) or str(error)
    near: list[str] = []
    if isinstance(error, FileNotFoundError) and path.parent.is_dir():
        with contextlib.suppress(OSError):  # a folder may be entered and yet not listed
            near = difflib.get_close_matches(path.name, (p.name for p in path.parent.iterdir()), 1)
    hint = f"did you mean {path.parent / near[0]}?" if near else ""
    return DataError(f"cannot read {str(path)!r}: {reason}", hint)


class _BoundedGzip(gzip.GzipFile):
    """A .gz file that refuses to grow without bound."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._path = path
        self._limit = max(LARGEST_EXPANSION, 100 * path.stat().st_size)
        self._so_far = 0

    def read(self, size: int | None = -1) -> bytes:
        try:
            piece = super().read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{self._path} is a damaged .gz file: {error}") from error
        self._so_far += len(piece)
        if self._so_far > self._limit:
            raise DataError(
                f"{self._path} grows to more than {self._limit:,} bytes, over 100 times its size: refused as a bomb",
                "unpack it yourself, or read a part with --max-chars",
            )
        return piece


def spooled_source(stream: BinaryIO | IO[bytes], name: str) -> Source:
    """A stream that can be read only once, kept in memory or, when large, in a temporary file."""
    kept = _Kept(max_size=1 << 26)  # lives as long as the source
    try:
        shutil.copyfileobj(stream, kept, PIECE)
    except OSError as error:
        raise EnvironmentFault(f"cannot keep {name}: {error.strerror or error}") from error

    def reopen() -> IO[bytes]:
        kept.seek(0)
        return cast("IO[bytes]", _Unclosing(kept))

    return Source(name, reopen)


class _Kept(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that goes, without a warning, when nobody holds it any more."""

    def __del__(self) -> None:
        self.close()


class _Unclosing(io.RawIOBase):
    """A view of a file that stays open when the view is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


def folder_sources(folder: Path, config: CorpusConfig, notes: Notes) -> list[Source]:
    """The text files of a folder, in the order of their paths.

    Links to folders are not followed; .git, binary files and files that are not in the encoding are counted in `notes`.

    Raises:
        DataError: no file is left.
    """

    def count_unreadable(_: OSError) -> None:
        notes.skipped["unreadable"] += 1

    found = []
    for root, folders, files in os.walk(folder, onerror=count_unreadable):
        if ".git" in folders:
            folders.remove(".git")
            notes.skipped[".git folder"] += 1
        found += [Path(root, name) for name in files]
    found = [p for p in found if _wanted(p.relative_to(folder), config.globs)]
    sources = []
    for path in sorted(found, key=lambda p: p.relative_to(folder).parts):
        source = _text_file(path, config, notes)
        if source:
            sources.append(source)
    if not sources:
        wanted = " ".join(config.globs) or "*"
        raise DataError(
            f"no text file in {folder} matches {wanted}", "choose files with --glob '*.txt'"
        )
    return sources


def _wanted(path: Path, globs: tuple[str, ...]) -> bool:
    def matches(pattern: str) -> bool:
        return fnmatch.fnmatch(path.name, pattern) or fnmatch.fnmatch(path.as_posix(), pattern)

    taken = [g for g in globs if not g.startswith("!")] or ["*"]
    left_out = [g[1:] for g in globs if g.startswith("!")]
    return any(map(matches, taken)) and not any(map(matches, left_out))


def _text_file(path: Path, config: CorpusConfig, notes: Notes) -> Source | None:
    """The source of a folder's file, or None (counted in `notes`) if it is not text that can be read."""
    if not path.is_file():
        notes.skipped["neither file nor folder"] += 1
        return None
    try:
        source = file_source(path)
        with source.open() as file:
            start = file.read(PROBE)
        if config.level == "char" and looks_binary(start, config.encoding):
            notes.skipped["binary"] += 1
            return None
        for _ in text_pieces(source, config, Notes()) if config.level == "char" else ():
            pass
    except DataError as error:
        notes.skipped[
            "not in the encoding" if " at offset " in error.message else "unreadable"
        ] += 1
        return None
    return source


# --- from bytes to text ------------------------------------------------------------------------------------------------


def looks_binary(start: bytes, asked: str | None = None) -> bool:
    """Whether a file that begins so is no text: it has NUL bytes, and not for being UTF-16 or UTF-32."""
    return b"\0" in start and not _encoding_of(start, asked)[0].startswith(("utf-16", "utf-32"))


def byte_pieces(source: Source) -> Iterator[bytes]:
    """The bytes of a source, a piece at a time."""
    try:
        with source.open() as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise DataError(f"cannot read {source.name!r}: {error.strerror or error}") from error


def text_pieces(source: Source, config: CorpusConfig, notes: Notes) -> Iterator[str]:
    """The text of a source, a piece at a time: decoded strictly, its mark removed, its newlines made LF if asked.

    Raises:
        DataError: a byte does not fit the encoding; the place is given, and an encoding that would fit.
    """
    pieces = byte_pieces(source)
    first = next(pieces, b"")
    encoding, mark = _encoding_of(first, config.encoding)
    if mark:
        notes.marks.add(encoding.upper())
    if encoding == "utf-8" and b"\0" in first[:PROBE]:
        _refuse_binary(source, first)
    strict = codecs.getincrementaldecoder(encoding)("strict")
    newlines = io.IncrementalNewlineDecoder(None, translate=not config.keep_newlines)
    lines, offset = 0, mark
    for piece in _and_then(first[mark:], pieces):
        try:
            text = strict.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            _refuse_encoding(source, encoding, error, offset - len(strict.getstate()[0]), lines)
        except UnicodeError as error:  # idna and its like name no place
            raise DataError(f"{source.name} is not {encoding.upper()}: {error}") from error
        offset += len(piece)
        lines += text.count("\n")
        decoded = newlines.decode(text, final=not piece)
        seen = newlines.newlines
        notes.newlines.update((seen,) if isinstance(seen, str) else seen or ())
        yield decoded


def _and_then(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, and an empty one that tells a decoder that this was all."""
    if first:
        yield first
    yield from rest
    yield b""


def _encoding_of(start: bytes, asked: str | None) -> tuple[str, int]:
    """The encoding to read with, and the length of the byte order mark to leave out."""
    name = asked and _plain_name(asked)
    for mark, marked in BYTE_ORDER_MARKS:
        if start.startswith(mark) and (name is None or _same_family(name, marked)):
            return marked, len(mark)
    return name or "utf-8", 0


def _plain_name(asked: str) -> str:
    """Python's own name of an encoding: "U8" -> "utf-8"."""
    try:
        # unlike lookup, it refuses base64 and others that give no text
        io.TextIOWrapper(io.BytesIO(), encoding=asked)
        return codecs.lookup(asked).name
    except (LookupError, ValueError) as error:
        from charrnn.errors import UsageError

        raise UsageError(
            f"there is no encoding {asked!r}", "for example --encoding cp1252"
        ) from error


def _same_family(asked: str, marked: str) -> bool:
    family = marked.removesuffix("-le").removesuffix("-be")
    return asked.removesuffix("-sig") in (marked, family)


def _refuse_binary(source: Source, start: bytes) -> NoReturn:
    zeros = [start[k::2].count(0) / max(1, len(start[k::2])) for k in (0, 1)]
    if max(zeros) > 0.3 and min(zeros) < 0.1:
        name = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        raise DataError(
            f"{source.name} has many NUL bytes and looks like UTF-16", f"add --encoding {name}"
        )
    raise DataError(
        f"{source.name} looks binary: a NUL byte at offset {start.index(0):,}",
        "a model of bytes can read it: --level byte",
    )


def _refuse_encoding(
    source: Source, encoding: str, error: UnicodeDecodeError, base: int, lines: int
) -> NoReturn:
    from charset_normalizer import from_bytes

    data = bytes(error.object)
    at = base + error.start
    line = lines + data[: error.start].count(b"\n") + 1
    window = data[max(0, error.start - PROBE) : error.start + PROBE]
    guess = from_bytes(window).best()
    hint = "name the encoding with --encoding, or train on bytes with --level byte"
    if guess and guess.encoding not in ("utf_8", "ascii", encoding.replace("-", "_")):
        hint = f"it may be {guess.encoding}: add --encoding {guess.encoding}; or train on bytes with --level byte"
    where = f"byte 0x{data[error.start]:02X} at offset {at:,} (line {line:,})"
    raise DataError(f"{source.name}: {where} is not {encoding.upper()}", hint) from None
