"""Sources of text: a file, standard input, or a compressed one of these, read as pieces of bytes.

A source can be opened again and again, because a corpus is read twice: once to count its characters and once to number
them.
"""

import contextlib
import io
import re
import shlex
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

from charrnn.errors import DataError, EnvironmentFault, literal
from charrnn.wording import counted, escape, listed, nearest

PIECE = 1 << 22
"""Bytes read at once."""
MOST_NAMED = 3
"""Names of files left out of a folder that are shown for each reason."""
MAX_EXPANSION = 1 << 30
"""Bytes beyond which a compressed file must not expand, if that is also more than 100 times its own size."""


Part = Literal["train", "val", "test"]
"""The parts of a corpus, in their order."""


@dataclass(frozen=True)
class TextSource:
    """One text that can be read from the start again and again."""

    name: str
    """The source's name in messages."""
    open: Callable[[], IO[bytes]] = field(repr=False)
    """Opens its bytes."""
    part: Part = "train"
    """The part of the corpus that it belongs to: `train` is split further, unless other sources are its other parts."""


@dataclass
class Notes:
    """What a user should know about the reading of sources; filled in on the way."""

    newlines: set[str] = field(default_factory=set)
    """The kinds of line end that occur."""
    marks: set[str] = field(default_factory=set)
    """The encodings named by byte order marks."""
    num_marks: int = 0
    """Byte order marks inside a text, which were left out."""
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """Names of files left out of folders, by reason."""
    remedies: dict[str, str] = field(default_factory=dict)
    """What would read the first of the files left out, by reason."""
    truncated: bool = False
    """Whether the reading stopped at `max_chars`."""
    num_read: int = 0
    """Sources that were read, at least in part."""
    is_utf8: bool = True
    """Whether the bytes that were read at level byte are UTF-8."""
    lengths: Counter[str] = field(default_factory=Counter)
    """Symbols that were read, by the part of the corpus."""
    is_open: bool = False
    """Whether what was read so far does not end with the boundary of a file."""
    num_ended: int = 0
    """Files that got a newline at their end, as a boundary to the next."""

    def skip(self, name: object, reason: str, remedy: str = "") -> None:
        """Note a file that is left out of a folder, why, and what would read it."""
        self.skipped.setdefault(reason, []).append(str(name))
        if remedy:
            self.remedies.setdefault(reason, remedy)

    def sentences(self, *, keep_newlines: bool) -> list[str]:
        """The notes as sentences, settings as names in braces (see `charrnn.errors.spelled`)."""
        sentences = []
        for reason, names in sorted(self.skipped.items()):
            remedy = f"; {self.remedies[reason]}" if reason in self.remedies else ""
            shown = literal(escape(listed(names, MOST_NAMED)))
            sentences.append(f"left out of the folder as {reason}: {shown}{remedy}")
        if self.marks:
            sentences.append("byte order mark found: read as " + ", ".join(sorted(self.marks)))
        if self.num_marks:
            marks = counted(self.num_marks, "byte order mark")
            sentences.append(f"{marks} inside the text left out (U+FEFF, where files were joined)")
        foreign = sorted({"\r\n": "CR LF", "\r": "CR"}[n] for n in self.newlines - {"\n"})
        if foreign and not keep_newlines:
            ends = " and ".join(foreign)
            sentences.append(
                f"{ends} line endings were converted to LF ({{keep_newlines}} keeps them)"
            )
        return sentences


def file_source(path: Path) -> TextSource:
    """A file, or the text inside a compressed one.

    Raises:
        DataError: there is no such file, it cannot be read, or it is neither a file nor a pipe.
    """
    try:
        if path.is_char_device() or path.is_block_device():
            raise DataError(f"{path} is a device, not a text")
        if path.is_fifo():
            with path.open("rb") as pipe:
                return spooled_source(pipe, str(path))
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return unpacked(TextSource(str(path), lambda: path.open("rb")))


ADDRESS = re.compile(r"(?i)(https?|ftp)://\S+")
"""An address on the web, as far as its first blank."""


def is_address(words: str) -> bool:
    """Whether words are an address on the web and nothing else."""
    return ADDRESS.fullmatch(words) is not None


def named_source(name: str) -> TextSource:
    """The file of a name that a user gave.

    Raises:
        DataError: see `file_source`; or it is an address on the web.
    """
    if ADDRESS.match(name):
        raise DataError(
            f"{name} is an address, not a file", f"download it first: curl -LO {shlex.quote(name)}"
        )
    return file_source(Path(name))


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or str(error)
    near = near_file(path) if isinstance(error, FileNotFoundError) else None
    return DataError(
        f"cannot read {str(path)!r}: {reason}", f"did you mean {near}?" if near else ""
    )


def near_file(path: Path) -> Path | None:
    """The file with the most similar name in the folder of a path; None if none is near."""
    with contextlib.suppress(
        OSError
    ):  # a folder may be missing, or may be entered and yet not listed
        near = nearest(path.name, [p.name for p in path.parent.iterdir()])
        return path.parent / near if near else None
    return None


# --- compressed texts -------------------------------------------------------------------------------------------------

COMPRESSED = (
    (b"\x1f\x8b", ".gz", "gzip"),
    (b"\xfd7zXZ\0", ".xz", "lzma"),
    (b"BZh", ".bz2", "bz2"),
    (b"\x28\xb5\x2f\xfd", ".zst", "compression.zstd"),
)
"""The first bytes of compressed files, their endings, and the modules that open them."""


def unpacked(source: TextSource) -> TextSource:
    """The text inside a compressed file; the source itself if it is not one, or if this Python cannot open it.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with source.open() as file:
            start = file.read(10)
    except OSError as error:
        raise DataError(f"cannot read {source.name!r}: {error.strerror or error}") from error
    for sign, ending, module in COMPRESSED:
        is_bzip = ending != ".bz2" or start[4:] == b"1AY&SY"
        if start.startswith(sign) and is_bzip and find_spec(module.partition(".")[0]):
            with contextlib.suppress(ModuleNotFoundError):
                return _opened_by(import_module(module), source, ending)
    return source


def _opened_by(module: Any, source: TextSource, ending: str) -> TextSource:
    return TextSource(
        source.name, lambda: cast("IO[bytes]", _Bounded(module, source.open(), source.name, ending))
    )


class _Bounded(io.RawIOBase):
    """A compressed file that raises DataError when it expands without bound."""

    def __init__(self, module: Any, packed: IO[bytes], name: str, ending: str) -> None:
        self._packed, self._name, self._ending = packed, name, ending
        self._file = module.open(packed, "rb")
        self._so_far = 0
        self._limit = max(MAX_EXPANSION, 100 * packed.seek(0, io.SEEK_END))
        packed.seek(0)

    def read(self, size: int = -1) -> bytes:
        """Read bytes, as the file's own `read` does."""
        try:
            piece: bytes = self._file.read(size)
        except DataError:
            raise
        except Exception as error:  # each module has exceptions of its own for a damaged file
            raise DataError(f"{self._name} is a damaged {self._ending} file: {error}") from error
        self._so_far += len(piece)
        if self._so_far > self._limit:
            raise DataError.naming(
                "{path} expands to more than {limit:,} bytes, over 100 times its size: refused as a decompression bomb",
                "unpack it yourself, or read a part with {max_chars}",
                path=self._name,
                limit=self._limit,
            )
        return piece

    def close(self) -> None:
        """Close both files."""
        if not self.closed:
            self._file.close()
            self._packed.close()
        super().close()


# --- streams ----------------------------------------------------------------------------------------------------------


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

    return unpacked(TextSource(name, reopen))


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

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)


def byte_pieces(source: TextSource) -> Iterator[bytes]:
    """The bytes of a source, a piece at a time."""
    try:
        with source.open() as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise DataError(f"cannot read {source.name!r}: {error.strerror or error}") from error
