"""A text of items that are independent of each other: where they are, and how they are shuffled.

    ↵ e m m a ↵ o l i v i a ↵ a v a ↵      the line "ava" is read as ↵ava and predicted as ava↵

A text of items (see `charrnn.text.kinds`) begins and ends with the symbol that ends one, and has no empty item.
Everything here works on ids, and knows of the vocabulary only the id of that symbol.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Ids

Positions = npt.NDArray[np.int64]

PIECE = 1 << 22
"""Ids that are processed at once."""


def shuffled(num: int, *seed: int) -> Positions:
    """The numbers from 0 to num - 1, in an order that depends only on the seed, in every version of NumPy."""
    return np.argsort(random_numbers(num, *seed), kind="stable")


def random_numbers(num: int, *seed: int) -> npt.NDArray[np.uint64]:
    """Random whole numbers, (num,), that are the same in every version of NumPy."""
    numbers: npt.NDArray[np.uint64] = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(num)
    return numbers


def item_bounds(ids: Ids, end: int) -> Positions:
    """The position of the end symbol before each item, and of the one after the last, (items + 1,).

    An item is read from its bound to the last symbol before the next, and each of these predicts its successor. Symbols
    before the first end symbol or after the last belong to no item.
    """
    bounds = [
        np.flatnonzero(ids[k : k + PIECE] == end) + k for k in range(0, max(1, len(ids)), PIECE)
    ]
    return np.concatenate(bounds).astype(np.int64)


def whole_items(ids: Ids, end: int) -> Ids:
    """Any text as items: "b a ↵ ↵ c" -> "↵ b a ↵ c ↵"."""
    closed = np.concatenate([ids, [end]]).astype(ids.dtype)
    starts, lengths = item_spans(closed, end)
    return np.concatenate(list(copied_items(closed, end, starts, lengths)))


def item_spans(ids: Ids, end: int) -> tuple[Positions, Positions]:
    """Start of each complete, non-empty item, and its length with its end, (items,) each."""
    ends = item_bounds(ids, end) + 1
    lengths = np.diff(ends, prepend=0)
    full = lengths > 1
    return (ends - lengths)[full], lengths[full]


def part_spans(ids: Ids, end: int, ends: Positions) -> list[tuple[Positions, Positions]]:
    """The spans of the items of each part of a text, given where the parts end; the last item of one may be cut off."""
    spans = []
    for first, last in itertools.pairwise([0, *ends.tolist()]):
        starts, lengths = item_spans(ids[first:last], end)
        spans.append((starts + first, lengths))
    return spans


def copied_items(ids: Ids, end: int, starts: Positions, lengths: Positions) -> Iterator[Ids]:
    """An end symbol and then these items, one after another, a piece at a time."""
    yield np.array([end], ids.dtype)
    yield from copied(ids, starts, lengths)


def copied(ids: Ids, starts: Positions, lengths: Positions) -> Iterator[Ids]:
    """These stretches of a text, one after another, in pieces of at most PIECE symbols."""
    ends, k = np.cumsum(lengths), 0
    while k < len(lengths):
        last = int(np.searchsorted(ends, ends[k] - lengths[k] + PIECE, "right"))
        if last == k:  # longer than a piece
            start, length = int(starts[k]), int(lengths[k])
            for at in range(0, length, PIECE):
                yield ids[start + at : start + min(at + PIECE, length)]
            k += 1
            continue
        some = lengths[k:last]
        before = np.cumsum(some) - some
        yield ids[np.repeat(starts[k:last] - before, some) + np.arange(int(some.sum()))]
        k = last


def first_items(ids: Ids, end: int, most: int) -> Ids:
    """The first items that have at most `most` symbols together; at least one item."""
    if len(ids) <= most + 1:
        return ids
    bounds, looked_at = np.zeros(0, np.int64), most + 1
    while len(bounds) < 2 and looked_at < 2 * len(
        ids
    ):  # of a long text no more is read than these items
        looked_at *= 2
        bounds = item_bounds(ids[:looked_at], end)
    last = max(1, int(np.searchsorted(bounds, most, side="right")) - 1)
    return ids[: bounds[last] + 1]


def count_repeated(ids: Ids, others: Ids, end: int, *, longer_than: int = 0) -> int:
    """How many items of one text, of those longer than a number of symbols, also occur in another."""
    items = [item for piece in _pieces(ids, end) for item in piece if len(item) > longer_than]
    distinct, repeated = set(items), set[str]()
    for piece in _pieces(others, end):
        repeated |= distinct.intersection(piece)
    return sum(item in repeated for item in items)


def count_longer(ids: Ids, end: int, longer_than: int) -> int:
    """How many items of a text are longer than a number of symbols."""
    return sum(len(item) > longer_than for piece in _pieces(ids, end) for item in piece)


def _pieces(ids: Ids, end: int) -> Iterator[list[str]]:
    """The items as strings in which each character stands for an id, some at a time.

    What stands before the first end symbol or after the last is an item too.
    """
    bounds = item_bounds(ids, end)
    if not len(bounds) or bounds[0] > 0:
        bounds = np.append([-1], bounds)
    if bounds[-1] < len(ids) - 1:
        bounds = np.append(bounds, len(ids))
    step = max(1, PIECE * len(bounds) // max(1, len(ids)))
    for k in range(0, len(bounds) - 1, step):
        last = min(k + step, len(bounds) - 1)
        inside = np.asarray(ids[bounds[k] + 1 : bounds[last]], np.dtype("<u4"))
        yield inside.tobytes().decode("utf-32-le", "surrogatepass").split(chr(end))
