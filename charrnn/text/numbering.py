"""Numbering: from sources to ids, in two passes, one that counts the characters and one that numbers them.

Small texts stay in memory. The ids of large ones lie in a file of the cache, mapped into memory, so that a text may be
larger than the memory. The file is named by its content, has a checksum, and is written completely or not at all.
"""

import codecs
import hashlib
import shutil
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault
from charrnn.files import environment_fault, replacing
from charrnn.numerics import Ids
from charrnn.text.kinds import item_end_of
from charrnn.text.pieces import read_pieces
from charrnn.text.sources import Notes, Part, TextSource
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary, code_points

MAX_IN_MEMORY = 1 << 26
"""Bytes of ids above which they live in a file."""
ENCODED = "encoded"
"""The folder of ids in the cache."""
PIECE = 1 << 22
"""Bytes of ids that are compared with their checksum at once."""
END, SIGN = struct.Struct("<4sI"), b"ids1"
"""The end of a file of ids: a sign, and the CRC-32 of what stands before it."""
CODE_POINTS = 0x110000
"""The number of Unicode code points."""


def texts_of(
    sources: Iterable[TextSource], config: CorpusConfig, notes: Notes
) -> Iterator[tuple[Part, str]]:
    """All sources in pieces, each with its part; of the training part `max_chars` at most."""
    for part, some in groupby(sources, lambda source: source.part):
        notes.is_open, left = False, config.max_chars if part == "train" else None
        for source in some:
            if left == 0:
                notes.truncated = True
                break
            for text in _bounded(source, config, notes):
                piece = text[:left]
                notes.truncated |= len(piece) < len(text)
                left = None if left is None else left - len(piece)
                notes.lengths[part] += len(piece)
                if piece:
                    yield part, piece
                if notes.truncated and left == 0:
                    break


def _bounded(source: TextSource, config: CorpusConfig, notes: Notes) -> Iterator[str]:
    """A source in pieces, with a boundary to what was read before, and its last item with an end.

    In a running text the boundary is a newline, unless the file before has one at its end.
    """
    end = item_end_of(config)
    notes.num_read, last = notes.num_read + 1, ""
    for piece in read_pieces(source, config, notes):
        if notes.is_open and not last:
            notes.num_ended += 1
            yield "\n"
        yield piece
        last = piece[-1]
    if end and last not in ("", end):
        yield end
    if last:
        notes.is_open = end is None and config.tidied and last != "\n"


def _points(text: str, config: CorpusConfig) -> Ids:
    if config.level == "byte":
        return np.frombuffer(text.encode("latin-1"), np.uint8)
    return code_points(text)


def count(
    sources: Sequence[TextSource], config: CorpusConfig, notes: Notes
) -> tuple[npt.NDArray[np.int64], str]:
    """How often each code point (or byte) occurs, (CODE_POINTS,), and the fingerprint of the text."""
    counts = np.zeros(CODE_POINTS, np.int64)
    digest, utf8 = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    for piece, content in _hashed(sources, config, notes, digest):
        own = np.bincount(piece)
        counts[: len(own)] += own
        if notes.is_utf8 and config.level == "byte":
            notes.is_utf8 = _continues(utf8, content)
    return counts, digest.hexdigest()


def _hashed(
    sources: Sequence[TextSource], config: CorpusConfig, notes: Notes, digest: "hashlib._Hash"
) -> Iterator[tuple[Ids, bytes]]:
    """The pieces of all sources with their bytes, of which the digest is made; the name of a part of its own too."""
    current: Part = "train"
    for part, text in texts_of(sources, config, notes):
        piece = _points(text, config)
        if part != current:
            digest.update(part.encode())
            current = part
        content = _text_bytes(piece, config)
        digest.update(content)
        yield piece, content


def _continues(utf8: codecs.IncrementalDecoder, content: bytes) -> bool:
    """Whether some more bytes continue a text in UTF-8."""
    try:
        utf8.decode(content)
    except UnicodeDecodeError:
        return False
    return True


def _text_bytes(points: Ids, config: CorpusConfig) -> bytes:
    """The bytes of a piece that the fingerprint is made of: its characters in UTF-8."""
    if config.level == "byte":
        return points.tobytes()
    return points.tobytes().decode("utf-32-le", "surrogatepass").encode("utf-8", "surrogatepass")


def number(
    sources: Sequence[TextSource],
    config: CorpusConfig,
    vocabulary: Vocabulary,
    total: int,
    fingerprint: str,
    cache: Path,
    notes: Notes,
) -> Ids:
    """The ids of the whole text, in memory or, if large, mapped from the cache."""

    def pieces() -> Iterator[Ids]:
        return _numbered(sources, config, vocabulary, total, fingerprint)

    return make_ids(
        total, vocabulary.dtype, cache_path(vocabulary, fingerprint, cache), pieces, notes
    )


def _numbered(
    sources: Sequence[TextSource],
    config: CorpusConfig,
    vocabulary: Vocabulary,
    total: int,
    fingerprint: str,
) -> Iterator[Ids]:
    """The ids of the text, a piece at a time; DataError if it is not the one that was counted."""
    at, digest = 0, hashlib.sha256()
    for piece, _ in _hashed(sources, config, Notes(), digest):
        numbers = vocabulary.lookup(piece)
        at += len(piece)
        if at > total or (numbers == NOT_IN_VOCABULARY).any():
            break
        yield numbers
    if digest.hexdigest() != fingerprint:
        raise DataError(
            "the corpus changed while it was being read",
            "try again when no other program is writing to it",
        )


# --- the cache ----------------------------------------------------------------------------------------------------


def cache_path(vocabulary: Vocabulary, fingerprint: str, cache: Path, order: str = "") -> Path:
    """Where the ids of a text are cached, by text, vocabulary and order of lines."""
    kept = hashlib.sha256(
        vocabulary.symbols.tobytes() + bytes([vocabulary.has_unknown])
    ).hexdigest()
    name = f"{fingerprint[:32]}-{kept[:16]}{order}.{vocabulary.dtype.name}"
    return cache / ENCODED / name


def make_ids(
    total: int,
    dtype: np.dtype[np.unsignedinteger],
    path: Path,
    pieces: Callable[[], Iterator[Ids]],
    notes: Notes,
) -> Ids:
    """An array of `total` ids: in memory or, if large, mapped from a file, which is made unless it is there, undamaged.

    Args:
        total: the number of ids.
        dtype: their type.
        path: the file.
        pieces: makes them, a piece at a time.
        notes: gets a note of a damaged file.

    Raises:
        EnvironmentFault: the file cannot be written.
    """
    if total * dtype.itemsize <= MAX_IN_MEMORY:
        ids, at = np.empty(total, dtype), 0
        for piece in pieces():
            ids[at : at + len(piece)] = piece
            at += len(piece)
        return ids
    if not _is_whole(path, total * dtype.itemsize):
        notes.cache_damaged |= path.exists()
        _write_ids(path, dtype, total, pieces())
    return np.memmap(path, dtype, "r", shape=(total,))


def _is_whole(path: Path, size: int) -> bool:
    """Whether a file has ids of this size in bytes, and the checksum that they had when they were written."""
    checksum, left = 0, size
    try:
        with path.open("rb") as file:
            while piece := file.read(min(PIECE, left)):
                checksum = zlib.crc32(piece, checksum)
                left -= len(piece)
            return left == 0 and file.read(END.size + 1) == END.pack(SIGN, checksum)
    except OSError:
        return False


def _write_ids(
    path: Path, dtype: np.dtype[np.unsignedinteger], total: int, pieces: Iterator[Ids]
) -> None:
    """Write ids, not into a memory map: where the disk is full, that would end the process by a signal."""
    need = total * dtype.itemsize
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise environment_fault("write", path, error) from error
    if free < need:
        raise EnvironmentFault.naming(
            "the corpus needs {need:,} bytes in {folder}, where {free:,} are free",
            "choose another folder with {cache}",
            need=need,
            folder=path.parent,
            free=free,
        )
    checksum = 0
    try:
        with replacing(path) as file:
            for piece in pieces:
                content = piece.astype(dtype, copy=False).tobytes()
                checksum = zlib.crc32(content, checksum)
                file.write(content)
            file.write(END.pack(SIGN, checksum))
    except EnvironmentFault as error:
        raise EnvironmentFault.naming(
            "{fault}", "make room, or choose another folder with {cache}", fault=error.message
        ) from error
