"""The items of a large text, shuffled on the disk in memory of a fixed size.

Each item has a random number, and goes into the bucket of its first bits; then one bucket after another is sorted. So
the order is that of `charrnn.text.items.shuffled`, and no array has a number for each item of the text. Where the items
are stands in a file too, 8 bytes for each.
"""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Ids
from charrnn.text.encoding.numbering import BLOCK, Checksums
from charrnn.text.items import PIECE, Positions, copied

BUCKET = 1 << 26
"""Bytes of a bucket, about."""
MOST_BITS = 8
"""First bits of the random numbers by which buckets are told apart, at most: each bucket is an open file."""


@dataclass
class Shuffled:
    """What was written."""

    sizes: list[int] = field(default_factory=list)
    """The items of each part."""
    num_empty: int = 0
    """Empty items, which were left out."""
    total: int = 0
    """Ids, with the end before the first item."""
    checksums: list[int] = field(default_factory=list)
    """The checksum of each block of them."""


def shuffle_items(
    ids: Ids,
    end: int,
    ends: Positions,
    seed: int,
    path: Path,
    moved: Callable[[int], object] = lambda _: None,
) -> Shuffled:
    """Write the items of a text, those of each part shuffled, and where they are.

    Args:
        ids: the text.
        end: the symbol that ends an item.
        ends: where each part of the text ends.
        seed: the seed of the order.
        path: the file to write. `.bounds` instead of its ending is that of the place of the end symbol before each item,
            and of the one after the last, as int64.
        moved: called with the bytes that were moved, each of which is moved twice.

    Raises:
        OSError: there is no room, or the like.
    """
    done, checksums = Shuffled(), Checksums(BLOCK * ids.dtype.itemsize)
    place = path.with_suffix(".buckets")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        with path.open("wb") as out, path.with_suffix(".bounds").open("wb") as bounds:
            first = np.array([end], ids.dtype).tobytes()
            out.write(first)
            checksums.add(first)
            bounds.write(np.zeros(1, np.int64).tobytes())
            for begin, stop in itertools.pairwise([0, *ends.tolist()]):
                dealt = _Dealt(place, ids.dtype, stop - begin)
                done.num_empty += _deal(ids[begin:stop], end, seed, dealt, moved)
                done.sizes.append(dealt.num_items)
                for lengths, pieces in dealt.sorted():
                    ended = done.total + np.cumsum(lengths)
                    bounds.write(ended.tobytes())
                    done.total = int(ended[-1])
                    for piece in pieces:
                        content = piece.tobytes()
                        out.write(content)
                        checksums.add(content)
                        moved(len(content))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    done.total, done.checksums = done.total + 1, checksums.close()
    return done


def _deal(ids: Ids, end: int, seed: int, dealt: "_Dealt", moved: Callable[[int], object]) -> int:
    """Deal the items of a part into buckets; how many are empty."""
    random, num_empty, last = np.random.PCG64(np.random.SeedSequence((seed,))), 0, -1
    for k in range(0, len(ids), PIECE):
        found = np.flatnonzero(ids[k : k + PIECE] == end) + k
        if not len(found):
            continue
        lengths = np.diff(found, prepend=last)
        full, last = lengths > 1, int(found[-1])
        num_empty += int((~full).sum())
        starts, lengths = (found + 1 - lengths)[full], lengths[full]
        numbers: npt.NDArray[np.uint64] = random.random_raw(len(starts))
        dealt.add(ids, starts, lengths, numbers)
        moved(int(lengths.sum()) * ids.dtype.itemsize)
    return num_empty


class _Dealt:
    """Items in buckets.

    Args:
        place: the folder of their files.
        dtype: the type of the ids.
        total: the symbols of all items, about.
    """

    def __init__(self, place: Path, dtype: np.dtype[np.integer], total: int) -> None:
        self._dtype, self.num_items = dtype, 0
        need = total * dtype.itemsize / BUCKET
        self._bits = next((b for b in range(MOST_BITS) if 1 << b >= need), MOST_BITS)
        self._stack = ExitStack()
        names = [place / str(k) for k in range(1 << self._bits)]
        self._symbols, self._spans = self._opened(names, ".ids"), self._opened(names, ".spans")
        self._names = names

    def _opened(self, names: list[Path], ending: str) -> list[IO[bytes]]:
        opened = (path.with_suffix(ending).open("wb") for path in names)
        return [self._stack.enter_context(file) for file in opened]

    def add(
        self, ids: Ids, starts: Positions, lengths: Positions, numbers: npt.NDArray[np.uint64]
    ) -> None:
        """Deal some items of a text, each with its random number."""
        self.num_items += len(starts)
        bucket = numbers >> np.uint64(64 - self._bits) if self._bits else np.zeros_like(numbers)
        order = np.argsort(bucket, kind="stable")
        cuts = np.searchsorted(bucket[order], np.arange(len(self._names) + 1))
        for k, (a, b) in enumerate(itertools.pairwise(cuts.tolist())):
            some = order[a:b]
            if len(some):
                for piece in copied(ids, starts[some], lengths[some]):
                    self._symbols[k].write(piece.tobytes())
                spans = np.stack([numbers[some].view(np.int64), lengths[some]], 1)
                self._spans[k].write(spans.tobytes())

    def sorted(self) -> Iterator[tuple[Positions, Iterator[Ids]]]:
        """The lengths of the items of each bucket, in their order, and their symbols in pieces."""
        self._stack.close()
        for name in self._names:
            symbols, spans = name.with_suffix(".ids"), name.with_suffix(".spans")
            known = np.fromfile(spans, np.int64).reshape(-1, 2)
            if len(known):
                numbers, lengths = known[:, 0].view(np.uint64), known[:, 1]
                order = np.argsort(numbers, kind="stable")
                starts = np.cumsum(lengths) - lengths
                ids = _symbols_in(symbols, self._dtype)
                yield lengths[order], copied(ids, starts[order], lengths[order])
                del ids
            symbols.unlink()
            spans.unlink()


def _symbols_in(path: Path, dtype: np.dtype[np.integer]) -> Ids:
    """The symbols of a bucket: in memory, where they are read in any order; mapped if long items made it too large."""
    if path.stat().st_size <= 4 * BUCKET:
        return np.fromfile(path, dtype)
    return np.memmap(path, dtype, "r")
