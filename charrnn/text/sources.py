"""Sources of text: a file, standard input, or a compressed one of these, read as pieces of bytes.

A source can be opened again and again, because a corpus is read twice: once to count its characters and once to number
them.
"""

import contextlib
import io
import re
import shlex
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

from charrnn.errors import CharrnnError, DataError, literal
from charrnn.text.spool import Spool
from charrnn.wording import counted, escape, listed, nearest

PIECE = 1 << 22
"""Bytes read at once."""
MOST_NAMED = 3
"""Names of files left out of a folder that are shown for each reason."""
MAX_EXPANSION = 1 << 30
"""Bytes beyond which a compressed file must not expand, if that is also more than EXPANSION times its own size."""
EXPANSION = 100
MAX_STREAM = 1 << 28
"""Bytes of the longest stream whose text is held in memory."""


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
    is_stream: bool = False
    """Whether it can be read only once, and may never end."""
    path: str | None = None
    """Its file; None: it is no file, or not the whole of one."""
    folder: str | None = None
    """The folder that it is to be left out of if it is no text; None: it was named, or is known to be one."""
    is_start: bool = True
    """Whether its bytes begin a file; else they go on with a file in UTF-8."""
    is_end: bool = True
    """Whether its bytes end a file; else the rows of a table must end with them."""
    groups: tuple[int, int] | None = None
    """The row groups of a Parquet file that are read, from the first to before the second; None: all."""


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
    cache_damaged: bool = False
    """Whether ids in the cache were damaged, and were made again."""
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
    """A file, or the text inside a compressed one; errors as for `plain_file`."""
    return unpacked(plain_file(path))


def plain_file(path: Path) -> TextSource:
    """A file or a pipe, its bytes as they are.

    Raises:
        DataError: there is no such file, it cannot be read, or it is neither a file nor a pipe.
    """
    try:
        if path.is_char_device() or path.is_block_device():
            raise DataError(f"{path} is a device, not a file")
        if path.is_fifo():
            return plain_stream(path.open("rb"), str(path), owned=True)
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return TextSource(str(path), lambda: path.open("rb"), path=str(path))


ADDRESS = re.compile(r"(?i)([a-z][a-z0-9+.-]+)://\S+")
"""An address, such as one on the web, as far as its first blank."""
BY_CURL = ("http", "https", "ftp", "ftps", "sftp", "file")
"""The kinds of addresses that curl reads."""


def is_address(words: str) -> bool:
    """Whether words are an address and nothing else."""
    return ADDRESS.fullmatch(words) is not None


def is_pipe(path: Path) -> bool:
    """Whether a path is a pipe, which can be read once."""
    try:
        return path.is_fifo()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False


def named_source(name: str) -> TextSource:
    """The file of a name that a user gave.

    Raises:
        DataError: see `file_source`; or it is an address.
    """
    if address := ADDRESS.match(name):
        by_curl = f": curl -LO {shlex.quote(name)}" if address[1].lower() in BY_CURL else ""
        raise DataError(f"{name} is an address, not a file", f"download it first{by_curl}")
    return file_source(Path(name))


def unreadable(path: Path, error: Exception) -> DataError:
    """The error for a file that cannot be read, with the file of the most similar name."""
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
        names = [other.name for other in path.parent.iterdir()]
        near = nearest(path.name, [name for name in names if name != path.name])
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
    return replace(
        source,
        open=lambda: cast("IO[bytes]", _Bounded(module, source.open(), source.name, ending)),
    )


class _Bounded(io.RawIOBase):
    """A compressed file that raises DataError when it expands without bound."""

    def __init__(self, module: Any, packed: IO[bytes], name: str, ending: str) -> None:
        self._packed, self._name, self._ending = packed, name, ending
        self._file = module.open(packed, "rb")
        self._so_far = 0
        self._size = _size_of(packed)

    def read(self, size: int = -1) -> bytes:
        """Read bytes, as the file's own `read` does."""
        try:
            piece: bytes = self._file.read(size)
        except CharrnnError:
            raise
        except Exception as error:  # each module has exceptions of its own for a damaged file
            raise DataError(f"{self._name} is a damaged {self._ending} file: {error}") from error
        self._so_far += len(piece)
        # of a stream the size is known so far
        limit = expansion_limit(self._size or self._packed.tell())
        if self._so_far > limit:
            raise _bomb(self._name, limit, "unpack it yourself, or only a part of it (head -c)")
        return piece

    def close(self) -> None:
        """Close both files."""
        if not self.closed:
            self._file.close()
            self._packed.close()
        super().close()


def require_no_bomb(archive: zipfile.ZipFile, name: str) -> None:
    """Raise DataError if the members of a .zip file expand without bound."""
    members = archive.infolist()
    limit = expansion_limit(sum(member.compress_size for member in members))
    if sum(member.file_size for member in members) > limit:
        raise _bomb(name, limit, "save it again without compression")


def expansion_limit(size: int) -> int:
    """The bytes to which a file of a size may expand."""
    return max(MAX_EXPANSION, EXPANSION * size)


def _bomb(name: str, limit: int, hint: str) -> DataError:
    return DataError(
        f"{name} expands to more than {limit:,} bytes, over {EXPANSION} times its size: "
        "refused as a decompression bomb",
        hint,
    )


def _size_of(file: IO[bytes]) -> int | None:
    """The size of a file at its start; None if it is a stream."""
    if not file.seekable():
        return None
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size


# --- streams ----------------------------------------------------------------------------------------------------------


def spooled_source(stream: BinaryIO | IO[bytes], name: str) -> TextSource:
    """The text of a stream, or inside a compressed one; see `plain_stream`."""
    return unpacked(plain_stream(stream, name))


def plain_stream(stream: BinaryIO | IO[bytes], name: str, *, owned: bool = False) -> TextSource:
    """A stream that can be read only once; it is read as far as it is wanted, and kept so far (see `Spool`).

    Args:
        stream: the stream.
        name: its name in messages.
        owned: whether it is closed with the source.
    """
    return TextSource(name, Spool(stream, name, owned=owned).open, is_stream=True)


def in_memory(source: TextSource) -> TextSource:
    """A source whose text is held in memory: a stream then raises DataError when it is longer than MAX_STREAM."""
    if not source.is_stream:
        return source
    return replace(source, open=lambda: cast("IO[bytes]", _Ending(source)))


class _Ending(io.RawIOBase):
    """A stream that must end."""

    def __init__(self, source: TextSource) -> None:
        self._file, self._name, self._left = source.open(), source.name, MAX_STREAM

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes, or all.

        Raises:
            DataError: they are too many.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(PIECE), b""))
        piece = self._file.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise DataError(
                f"{self._name} has more than {MAX_STREAM:,} bytes, too many to be held in memory",
                "pipe a part of it in: ... | head -c 1000000 | charrnn ...",
            )
        return piece

    def close(self) -> None:
        self._file.close()
        super().close()


def byte_pieces(source: TextSource) -> Iterator[bytes]:
    """The bytes of a source, a piece at a time."""
    try:
        with source.open() as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise DataError(f"cannot read {source.name!r}: {error.strerror or error}") from error
