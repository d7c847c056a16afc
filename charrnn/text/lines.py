"""A text whose lines are items of their own, such as names: where they stand, and how they are shuffled.

    ↵ e m m a ↵ o l i v i a ↵ a v a ↵      the item "ava" is read as ↵ava and predicted as ava↵

Such a text begins and ends with a newline and has no empty line. Everything here works on ids, and knows of the
vocabulary only the id of the newline.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from charrnn.text.vocabulary import Ids

Positions = npt.NDArray[np.int64]

PIECE = 1 << 22
"""Ids looked at together, or items copied together."""


def shuffled(num: int, *seed: int) -> Positions:
    """The numbers from 0 to num - 1 in an order that depends on the seed alone, whatever the version of NumPy."""
    return np.argsort(random_numbers(num, *seed), kind="stable")


def random_numbers(num: int, *seed: int) -> npt.NDArray[np.uint64]:
    """Random whole numbers, (num,), of which NumPy promises that they never change."""
    numbers: npt.NDArray[np.uint64] = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(num)
    return numbers


def line_bounds(ids: Ids, newline: int) -> Positions:
    """The newline before each item, and the one after the last, (items + 1,).

    An item is read from its bound to the last symbol before the next, and each of these predicts its successor. What
    stands before the first newline or after the last is no item.
    """
    found = [
        np.flatnonzero(ids[k : k + PIECE] == newline) + k for k in range(0, max(1, len(ids)), PIECE)
    ]
    return np.concatenate(found).astype(np.int64)


def whole_lines(ids: Ids, newline: int) -> Ids:
    """Any text as items: "b a ↵ ↵ c" -> "↵ b a ↵ c ↵"."""
    closed = np.concatenate([ids, [newline]]).astype(ids.dtype)
    starts, lengths = line_spans(closed, newline)
    made = np.empty(1 + int(lengths.sum()), ids.dtype)
    copy_lines(made, closed, newline, starts, lengths)
    return made


def line_spans(ids: Ids, newline: int) -> tuple[Positions, Positions]:
    """Where each line that is not empty starts, and its symbols with the newline; a line without one does not count."""
    ends = line_bounds(ids, newline) + 1
    lengths = np.diff(ends, prepend=0)
    full = lengths > 1
    return (ends - lengths)[full], lengths[full]


def copy_lines(
    into: npt.NDArray[np.integer], ids: Ids, newline: int, starts: Positions, lengths: Positions
) -> None:
    """Write a newline and then these lines, one after another; `into` has just the room for them."""
    into[0], at = newline, 1
    step = max(1, PIECE * len(lengths) // max(1, len(into)))
    for k in range(0, len(lengths), step):
        some = lengths[k : k + step]
        before = np.cumsum(some) - some
        total = int(some.sum())
        into[at : at + total] = ids[
            np.repeat(starts[k : k + step] - before, some) + np.arange(total)
        ]
        at += total


def first_lines(ids: Ids, newline: int, most: int) -> Ids:
    """The first items that have `most` symbols together, or the first one if it is longer."""
    if len(ids) <= most + 1:
        return ids
    bounds = line_bounds(ids, newline)
    last = max(1, int(np.searchsorted(bounds, most, side="right")) - 1)
    return ids[: bounds[last] + 1]


def count_repeated(items: Ids, others: Ids, newline: int) -> int:
    """How many items of one text also stand in another."""
    wanted = [item for piece in _pieces(items, newline) for item in piece]
    missing, found = set(wanted), set[str]()
    for piece in _pieces(others, newline):
        found |= missing.intersection(piece)
    return sum(item in found for item in wanted)


def _pieces(ids: Ids, newline: int) -> Iterator[list[str]]:
    """The items as strings of which each character stands for an id, some at a time."""
    bounds = line_bounds(ids, newline)
    step = max(1, PIECE * len(bounds) // max(1, len(ids)))
    for k in range(0, len(bounds) - 1, step):
        last = min(k + step, len(bounds) - 1)
        inside = np.asarray(ids[bounds[k] + 1 : bounds[last]], np.dtype("<u4"))
        yield inside.tobytes().decode("utf-32-le", "surrogatepass").split(chr(newline))
