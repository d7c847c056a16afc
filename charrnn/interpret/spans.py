"""Which units are on exactly in a span of text, and where else they are on together.

The question is LSTMVis's. A unit is on where its value is at least a threshold. It fits a span if it is off before it,
on throughout it, and off after it, over as many characters of context as one asks for; without context it only has to
be on. That is all or nothing, so besides there is a margin: by how much the unit keeps to this at the place where it
keeps to it least. Units that mean something by being far *below* zero are found through `both_signs`.

The other places are runs of characters where many of the units found are on, ranked by how many are on all along, then
by how few others are, then by length. Values are best given as parts of a unit's scale, so that one threshold suits
all.

Source: H. Strobelt, S. Gehrmann, H. Pfister and A. Rush, "LSTMVis: A Tool for Visual Analysis of Hidden State Dynamics
in Recurrent Neural Networks", IEEE TVCG 24(1), 2018 (arXiv:1606.07461), whose signature is ours with positive values
and whose matches come from runs of equal counts. Ours are of counts that do not fall below a number; the ranking is
theirs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.errors import UsageError

Values = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]

THRESHOLD = 0.3
"""From which on a unit is on, as a part of its scale; LSTMVis begins with the same."""
LEAST, MOST = 2, 50
"""The length of a run, and the number of places."""


@dataclass(frozen=True)
class Span:
    """Characters `start` to before `stop`, and how much context before and after them counts.

    Raises:
        UsageError: it is empty, begins before the text, or a context is negative.
    """

    start: int
    stop: int
    left: int = 0
    right: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise UsageError(
                f"a span goes from a character to a later one, not from {self.start} to {self.stop}"
            )
        if min(self.left, self.right) < 0:
            raise UsageError(
                f"a context has 0 characters or more, not {min(self.left, self.right)}"
            )

    def within(self, length: int) -> tuple[slice, Flags]:
        """The characters that count in a text of a length, and for each of them whether a unit is to be on.

        Context that the text does not have does not count.

        Raises:
            UsageError: the text ends before the span does.
        """
        if self.stop > length:
            raise UsageError(
                f"the span ends at character {self.stop:,}, but the text has {length:,}"
            )
        first, last = max(0, self.start - self.left), min(length, self.stop + self.right)
        places = np.arange(first, last)
        return slice(first, last), (self.start <= places) & (places < self.stop)


@dataclass(frozen=True)
class Place:
    """A run of characters where units are on together."""

    start: int
    stop: int
    shared: int
    """How many of the units in question are on all along."""
    union: int
    """How many units are in question, or on all along."""

    @property
    def jaccard(self) -> float:
        """Their likeness, from 0 to 1."""
        return self.shared / self.union


def both_signs(values: Values) -> Values:
    """Values (T, U) and behind them their negatives, (T, 2U)."""
    return np.concatenate([values, -values], axis=1)


def margins(values: Values, span: Span, threshold: float = THRESHOLD) -> Values:
    """By how much each unit fits a span, at the place where it fits least.

    Args:
        values: (T, U).
        span: where the units are to be on, and in whose context off.
        threshold: from which on a unit is on.

    Returns:
        (U,) the smallest of value - threshold in the span and threshold - value in its context: above 0 if the unit
        fits, below 0 if it does not.

    Raises:
        UsageError: the text ends before the span does.
    """
    part, inside = span.within(len(values))
    over = values[part] - threshold
    return np.asarray(np.where(inside[:, None], over, -over).min(axis=0))


def fits(values: Values, span: Span, threshold: float = THRESHOLD) -> Flags:
    """Whether each unit (U,) is on throughout a span and off in its context; see `margins`."""
    part, inside = span.within(len(values))
    return np.asarray(((values[part] >= threshold) == inside[:, None]).all(axis=0))


def similar(
    values: Values,
    units: Sequence[int],
    threshold: float = THRESHOLD,
    *,
    least: int = LEAST,
    most: int = MOST,
) -> list[Place]:
    """Where some units are on together.

    For every number of them, from all down to one, the longest runs in which never fewer are on. Of each run it counts
    which units, of all, are on from its start to its end.

    Args:
        values: (T, U).
        units: the columns in question, each once.
        threshold: from which on a unit is on.
        least: the characters of a run, at least.
        most: places to find at most.

    Returns:
        The best first: most units shared, then fewest in the union, then longest, then earliest.
    """
    on = np.asarray(values >= threshold)
    counts = on[:, list(units)].sum(axis=1)
    found: dict[tuple[int, int], Place] = {}
    for depth in range(len(units), 0, -1):
        for start, stop in _runs(counts >= depth):
            if stop - start >= least and (start, stop) not in found:
                found[start, stop] = _place(on, units, start, stop)
        if sum(place.shared >= depth for place in found.values()) >= most:
            break  # a run with fewer on shares fewer
    places = [place for place in found.values() if place.shared]
    places.sort(key=lambda p: (-p.shared, p.union, p.start - p.stop, p.start))
    return places[:most]


def _place(on: Flags, units: Sequence[int], start: int, stop: int) -> Place:
    throughout = np.asarray(on[start:stop].all(axis=0))
    shared = int(throughout[list(units)].sum())
    return Place(start, stop, shared, int(throughout.sum()) + len(units) - shared)


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """Start and stop of each longest stretch of True in (T,)."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
