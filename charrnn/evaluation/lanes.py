"""One long text cut into stretches that can be read side by side.

    text      a b c d e f g h i j k l
    lane 0    a b c d e                scores b c d e
    lane 1      (c d) e f g h i        scores f g h i     (c d) warm the state up and score nothing
    lane 2              (g h) i j k l  scores j k l

A lane whose state starts at zero would judge its first characters as if nothing had come before.
Each lane therefore reads some characters before its own, without scoring them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.text.vocabulary import Ids

ITEM_LANES = 256
"""Items read side by side, at most."""


@dataclass(frozen=True)
class Block:
    """T time steps of N lanes."""

    inputs: npt.NDArray[np.integer]
    """(T, N) the symbols read."""
    targets: npt.NDArray[np.integer]
    """(T, N) the symbols that follow them."""
    scored: npt.NDArray[np.bool_]
    """(T, N) whether a prediction counts."""


@dataclass(frozen=True)
class Lanes:
    """Where N lanes of one text start and what they score."""

    first: npt.NDArray[np.int64]
    """(N,) the position of the first symbol that each reads."""
    begin: npt.NDArray[np.int64]
    """(N,) the position of the first symbol whose successor it scores."""
    end: npt.NDArray[np.int64]
    """(N,) the position after the last such symbol."""

    @property
    def num_steps(self) -> int:
        """Time steps of the longest lane."""
        return int((self.end - self.first).max())

    def blocks(self, ids: Ids, length: int) -> Iterator[Block]:
        """The text in blocks of at most `length` time steps.

        A lane that has ended goes on to the end of the text and stays there, unscored.
        """
        last = len(ids) - 2
        for start in range(0, self.num_steps, length):
            steps = np.arange(start, min(start + length, self.num_steps))
            at = self.first + steps[:, None]  # (T, N)
            scored = (at >= self.begin) & (at < self.end)
            at = np.minimum(at, last)
            yield Block(ids[at], ids[at + 1], scored)


def stretches(num_symbols: int, num_lanes: int, warm_up: int) -> Lanes:
    """Lanes that score every symbol but the first of a text once.

    Each reads `warm_up` symbols, or as many as there are, before its own.
    """
    bounds = np.linspace(0, num_symbols - 1, num_lanes + 1).astype(np.int64)
    begin, end = bounds[:-1], bounds[1:]
    return Lanes(np.maximum(begin - warm_up, 0), begin, end)


def samples(num_symbols: int, num_lanes: int, length: int, warm_up: int) -> Lanes:
    """Lanes that each score `length` symbols, spread evenly over a text that is longer than all of them together."""
    begin = np.linspace(0, num_symbols - 1 - length, num_lanes).astype(np.int64)
    return Lanes(np.maximum(begin - warm_up, 0), begin, begin + length)


def items(bounds: npt.NDArray[np.int64]) -> Lanes:
    """A lane for each item of a text of lines, the longer ones last, from the model's first state.

    Args:
        bounds: the newline before each, and the one after the last.
    """
    order = np.argsort(np.diff(bounds), kind="stable")
    return Lanes(bounds[:-1][order], bounds[:-1][order], bounds[1:][order])


def windows(num_symbols: int, size: int) -> Lanes:
    """Lanes that each predict `size` symbols from the model's first state; the last may be shorter."""
    begin = np.arange(0, num_symbols - 1, size)
    return Lanes(begin, begin, np.minimum(begin + size, num_symbols - 1))


def group(lanes: Lanes, most: int) -> Iterator[Lanes]:
    """The lanes, at most so many at a time."""
    for k in range(0, len(lanes.first), most):
        part = slice(k, k + most)
        yield Lanes(lanes.first[part], lanes.begin[part], lanes.end[part])
