"""The second pass over a large text: a shard's characters become ids, at their place in the file of all ids."""

import contextlib
import os
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from charrnn.text.encoding.shards import Shard
from charrnn.text.vocabulary import Vocabulary, code_points

BLOCK = 1 << 20
"""Ids whose checksum is kept, so that a damaged file is noticed without reading all of it."""
LATIN_TRIES = 4
"""Pieces with other characters than those of Latin-1, after which a shard is no longer taken for a text of these."""
CHANGED = "changed"
"""Said of a file that is no longer what was counted."""


class ChangedError(Exception):
    """A file is no longer what was counted."""


def table_of(vocabulary: Vocabulary) -> npt.NDArray[np.unsignedinteger]:
    """Ids by code point, or by byte; the last entry is for all code points beyond the largest known."""
    table = vocabulary.lookup(np.arange(int(vocabulary.symbols[-1]) + 2, dtype=np.uint32))
    return np.maximum(table, 0).astype(vocabulary.dtype)


def write_shard(
    shard: Shard, table: npt.NDArray[np.unsignedinteger], path: Path, begin: int, *, as_bytes: bool
) -> list[int]:
    """Write the ids of a shard.

    Args:
        shard: the shard.
        table: see `table_of`.
        path: the file of all ids, which is there.
        begin: the place of its first id.
        as_bytes: whether its bytes are the symbols.

    Returns:
        The checksum (CRC-32) of each BLOCK of its ids.

    Raises:
        ChangedError: it has other characters than when it was counted.
        OSError: it cannot be read, or there is no room.
    """
    checksums, size = Checksums(BLOCK * table.itemsize), 0
    number = _Numbers(table)
    with path.open("r+b") as file:
        file.seek(begin * table.itemsize)
        for piece in shard.pieces():
            content = piece if as_bytes else number(piece)
            file.write(content)
            checksums.add(content)
            size += len(content)
        file.flush()
        os.fsync(file.fileno())
    if size != shard.characters * table.itemsize:
        raise ChangedError
    return checksums.close()


class _Numbers:
    """Numbers UTF-8; text of ASCII, or of western languages, quicker than other text.

    Args:
        table: see `table_of`.
    """

    def __init__(self, table: npt.NDArray[np.unsignedinteger]) -> None:
        self._table, self._tries = table, LATIN_TRIES
        self._of_latin = np.full(256, table[-1], table.dtype)
        self._of_latin[: len(table)] = table[:256]
        self._small = self._of_latin.tobytes() if table.itemsize == 1 else None

    def __call__(self, piece: bytes) -> bytes:
        """The bytes of the ids of a piece, which has whole characters."""
        if piece.isascii():
            return self._by_latin(piece)
        try:
            text = piece.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise ChangedError from error
        if self._tries:
            with contextlib.suppress(UnicodeEncodeError):
                return self._by_latin(text.encode("latin-1"))
            self._tries -= 1
        return self._table.take(code_points(text), mode="clip").tobytes()

    def _by_latin(self, content: bytes) -> bytes:
        if self._small:
            return content.translate(self._small)
        return self._of_latin.take(np.frombuffer(content, np.uint8)).tobytes()


class Checksums:
    """The checksums of blocks of some bytes."""

    def __init__(self, size: int) -> None:
        self._size, self._left, self._now = size, size, 0
        self._done: list[int] = []

    def add(self, content: bytes) -> None:
        """Go on with some bytes."""
        at = 0
        while at < len(content):
            some = content[at : at + self._left]
            self._now = zlib.crc32(some, self._now)
            at, self._left = at + len(some), self._left - len(some)
            if not self._left:
                self._end()

    def _end(self) -> None:
        self._done.append(self._now)
        self._left, self._now = self._size, 0

    def close(self) -> list[int]:
        """All of them; the last block may be shorter."""
        if self._left < self._size:
            self._end()
        return self._done
