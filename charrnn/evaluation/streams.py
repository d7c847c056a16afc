"""A long text cut into streams that are read in parallel.

    text        a b c d e f g h i j k l
    stream 0    a b c d e                scores b c d e
    stream 1        (c d) e f g h i      scores f g h i     (c d) is the warm-up and scores nothing
    stream 2                (g h) i j k l  scores j k l

A stream whose state starts at zero would score its first characters as if nothing had come before. So each stream
reads some characters before its own without scoring them.

Legend: N streams, T time steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Ids, Mask

STREAM_LENGTH = 8192
"""Characters per stream of a carried text: a shorter text is read in one stream."""
WARM_UP = 1024
"""Characters that a stream reads, unscored, before its own."""
MAX_STREAMS = 64
"""Maximum streams of a carried text read in parallel."""
MAX_ITEMS = 256
"""Maximum lines read in parallel."""


@dataclass(frozen=True)
class Chunk:
    """T time steps of N streams."""

    inputs: Ids
    """Symbols read, (T, N)."""
    targets: Ids
    """Symbols that follow them, (T, N)."""
    places: npt.NDArray[np.int64]
    """Positions of the targets in the text, (T, N)."""
    scored: Mask
    """Which predictions count, (T, N)."""


@dataclass(frozen=True)
class Streams:
    """Where N streams of one text start, and what each of them scores."""

    first: npt.NDArray[np.int64]
    """Position of the first symbol that each reads, (N,)."""
    begin: npt.NDArray[np.int64]
    """Position of the first symbol whose successor it scores, (N,)."""
    end: npt.NDArray[np.int64]
    """Position after the last such symbol, (N,)."""

    def __len__(self) -> int:
        """The number of streams, N."""
        return len(self.first)

    @property
    def num_steps(self) -> int:
        """Time steps of the longest stream."""
        return int((self.end - self.first).max())

    def chunks(self, ids: Ids, length: int) -> Iterator[Chunk]:
        """The text in chunks of at most `length` time steps.

        A stream that has ended reads on to the end of the text and stays there, unscored.
        """
        last = len(ids) - 2
        for start in range(0, self.num_steps, length):
            steps = np.arange(start, min(start + length, self.num_steps))
            at = self.first + steps[:, None]  # (T, N)
            scored = (at >= self.begin) & (at < self.end)
            at = np.minimum(at, last)
            yield Chunk(ids[at], ids[at + 1], at + 1, scored)

    def groups(self, size: int) -> Iterator["Streams"]:
        """These streams in groups of at most `size`."""
        for k in range(0, len(self), size):
            part = slice(k, k + size)
            yield Streams(self.first[part], self.begin[part], self.end[part])


def stretches(num_symbols: int, num_streams: int, warm_up: int) -> Streams:
    """Streams that together score every symbol of a text but the first, once each.

    Each reads `warm_up` symbols, or as many as there are, before its own.
    """
    bounds = np.linspace(0, num_symbols - 1, num_streams + 1).astype(np.int64)
    begin, end = bounds[:-1], bounds[1:]
    return Streams(np.maximum(begin - warm_up, 0), begin, end)


def resumed_stretches(num_symbols: int, num_streams: int, warm_up: int) -> Streams:
    """Streams like `stretches`, of which the last is the longest, so that all of them end when it ends."""
    size = -(-(num_symbols - 1) // num_streams)
    bounds = np.maximum(num_symbols - 1 - size * np.arange(num_streams, -1, -1), 0)
    bounds = np.unique(bounds)
    begin, end = bounds[:-1], bounds[1:]
    return Streams(np.maximum(begin - warm_up, 0), begin, end)


def excerpts(num_symbols: int, num_streams: int, length: int, warm_up: int) -> Streams:
    """Streams that score `length` symbols each, spread evenly over a text longer than all of them together."""
    begin = np.linspace(0, num_symbols - 1 - length, num_streams).astype(np.int64)
    return Streams(np.maximum(begin - warm_up, 0), begin, begin + length)


def item_streams(bounds: npt.NDArray[np.int64]) -> Streams:
    """One stream for each line, from the model's initial state, in order of rising length.

    Args:
        bounds: position of the newline before each line, and of the one after the last, (lines + 1,).
    """
    order = np.argsort(np.diff(bounds), kind="stable")
    return Streams(bounds[:-1][order], bounds[:-1][order], bounds[1:][order])


def windows(num_symbols: int, size: int) -> Streams:
    """Streams that predict `size` symbols each from the model's initial state; the last may be shorter."""
    begin = np.arange(0, num_symbols - 1, size)
    return Streams(begin, begin, np.minimum(begin + size, num_symbols - 1))
