"""Shards: stretches of a text, each with the counts of its characters and where its bytes lie."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.text.vocabulary import code_points

SHARD = 1 << 26
"""Bytes of a shard, about."""
PIECE = 1 << 20
"""Bytes of text that are processed at once: more do not fit the processor's cache."""
ASCII = bytes(range(128))

Segment = str | tuple[str, int, int]
"""Characters, or a path and a range of bytes in its file."""


@dataclass
class Shard:
    """A stretch of a text: UTF-8, or bytes at level byte."""

    segments: list[Segment]
    """Where it lies, in order."""
    characters: int
    """Characters, or bytes at level byte."""
    points: list[int] = field(default_factory=list)
    """The code points that occur, ascending."""
    counts: list[int] = field(default_factory=list)
    """How often each of them occurs."""

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Shard":
        """A shard from its record."""
        segments = [s if isinstance(s, str) else (s[0], s[1], s[2]) for s in record["segments"]]
        return cls(segments, record["characters"], record["points"], record["counts"])

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, a piece at a time; each piece has whole characters, if they are characters."""
        for segment in self.segments:
            if isinstance(segment, str):
                yield segment.encode()
            else:
                yield from whole_pieces(*segment)

    @property
    def places(self) -> list[tuple[Path, int]]:
        """The files where its bytes lie, and where these end in each."""
        return [(Path(s[0]), s[2]) for s in self.segments if not isinstance(s, str)]


def finished_shards(journal: Path) -> list[Shard]:
    """The first shards of a journal, a line of JSON each, as far as the text that was written down for them is there."""
    found: list[Shard] = []
    with contextlib.suppress(
        OSError, ValueError, TypeError, KeyError
    ):  # the last line may be cut off
        for line in journal.read_text(encoding="utf-8").splitlines():
            shard = Shard.from_json(json.loads(line))
            if not all(has_size(*place) for place in shard.places):
                break
            found.append(shard)
    return found


def has_size(path: Path, size: int) -> bool:
    """Whether there is a file of so many bytes."""
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def whole_pieces(path: str, begin: int, end: int) -> Iterator[bytes]:
    """A range of a file of UTF-8 in pieces of whole characters; of other bytes, as they come."""
    with open(path, "rb") as file:  # noqa: PTH123 (quicker, and a path is a string here)
        file.seek(begin)
        left, rest = end - begin, b""
        while left and (read := file.read(min(PIECE, left))):
            left -= len(read)
            piece = rest + read if rest else read
            cut = _last_boundary(piece) if left else len(piece)
            rest = piece[cut:]
            yield piece[:cut]
        if rest:  # the file has become shorter
            yield rest


def _last_boundary(piece: bytes) -> int:
    """Where the last character of a piece ends, as far as one can see: all of it, or before one that is cut off."""
    for back in range(1, min(4, len(piece)) + 1):
        byte = piece[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            size = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(piece) - back if back < size else len(piece)
    return len(piece)


def byte_counts(piece: bytes) -> npt.NDArray[np.int64]:
    """How often each byte occurs, (256,)."""
    even = len(piece) & ~1
    pairs = np.bincount(np.frombuffer(piece, np.uint16, even // 2), minlength=1 << 16)
    pairs = pairs.reshape(256, 256)  # half as many numbers to count, and no slower to sum
    counts: npt.NDArray[np.int64] = pairs.sum(0) + pairs.sum(1)
    if even < len(piece):
        counts[piece[-1]] += 1
    return counts


def add_characters(counts: npt.NDArray[np.int64], piece: bytes) -> None:
    """Count the characters of some UTF-8, of which each is whole.

    Args:
        counts: how often each code point has occurred, (CODE_POINTS,); changed in place.
        piece: the bytes.
    """
    counts[:128] += byte_counts(piece)[:128]
    if not piece.isascii():  # what is left without ASCII is UTF-8 too
        others = code_points(piece.translate(None, ASCII).decode("utf-8", "surrogatepass"))
        own = np.bincount(others)
        counts[: len(own)] += own
