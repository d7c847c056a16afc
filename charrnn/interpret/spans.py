"""Which units are on exactly in a span of text, and where else they are on together.

The question is that of LSTMVis. A unit is on where its value is at least a threshold. It fits a span if it is on
throughout it and off in its context, some characters before and after. That is all or nothing, so there is a margin
besides: how far the unit is on the right side of the threshold, where it is least so. `both_signs` does the same for
units that signal something by being far *below* zero.

The other places are runs of characters where many of these units are on, ranked by how many are on throughout, then by
how few others are, then by length. Values should be fractions of a unit's scale, so that one threshold suits all.

Source: H. Strobelt, S. Gehrmann, H. Pfister and A. Rush, "LSTMVis: A Tool for Visual Analysis of Hidden State Dynamics
in Recurrent Neural Networks", IEEE TVCG 24(1), 2018 (arXiv:1606.07461), whose signature is this one for positive
values. The ranking is theirs; their matches are runs of equal counts, these are runs in which the count does not fall
below a number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.errors import UsageError
from charrnn.numerics import Mask

Values = npt.NDArray[np.floating]

THRESHOLD = 0.3
"""The value from which on a unit is on, as a fraction of its scale; also the default of LSTMVis."""
MIN_LENGTH, MAX_PLACES = 2, 50
"""The minimum length of a run, and the maximum number of places."""


@dataclass(frozen=True)
class Span:
    """The characters from `start` to before `stop`, and the context before and after them in which units are off.

    Raises:
        UsageError: the span is empty or begins before the text, or a context is negative.
    """

    start: int
    stop: int
    left: int = 0
    """Characters of context before the span."""
    right: int = 0
    """Characters of context after the span."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise UsageError(
                f"a span must end after its start, not go from {self.start} to {self.stop}"
            )
        if min(self.left, self.right) < 0:
            raise UsageError(
                f"a context must have at least 0 characters, not {min(self.left, self.right)}"
            )

    def within(self, length: int) -> tuple[slice, Mask]:
        """The characters of the span and its context in a text of a length, and whether each is in the span.

        Context beyond the ends of the text is left out.

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
    """The number of the given units that are on throughout."""
    union: int
    """The number of units that are given or on throughout."""

    @property
    def jaccard(self) -> float:
        """The Jaccard similarity of the units that are given and those on throughout, from 0 to 1."""
        return self.shared / self.union


def both_signs(values: Values) -> Values:
    """Values (T, U) followed by their negatives, (T, 2U)."""
    return np.concatenate([values, -values], axis=1)


def margins(values: Values, span: Span, threshold: float = THRESHOLD) -> Values:
    """How well each unit fits a span, at the character where it fits least.

    Args:
        values: (T, U).
        span: the span in which units should be on, with the context in which they should be off.
        threshold: the value from which on a unit is on.

    Returns:
        (U,) the smallest of value - threshold in the span and threshold - value in its context: above 0 if the unit
        fits, below 0 if it does not.

    Raises:
        UsageError: the text ends before the span does.
    """
    part, inside = span.within(len(values))
    over = values[part] - threshold
    return np.asarray(np.where(inside[:, None], over, -over).min(axis=0))


def fits(values: Values, span: Span, threshold: float = THRESHOLD) -> Mask:
    """Whether each unit is on throughout a span and off in its context, (U,); see `margins`."""
    part, inside = span.within(len(values))
    return np.asarray(((values[part] >= threshold) == inside[:, None]).all(axis=0))


def similar(
    values: Values,
    units: Sequence[int],
    threshold: float = THRESHOLD,
    *,
    min_length: int = MIN_LENGTH,
    max_places: int = MAX_PLACES,
) -> list[Place]:
    """The places where some units are on together.

    Candidates are, for each number of units from all down to one, the longest runs in which no fewer are on. For each
    run the units are counted that are on from its start to its end.

    Args:
        values: (T, U).
        units: the columns of the given units, each once.
        threshold: the value from which on a unit is on.
        min_length: the minimum number of characters of a run.
        max_places: the maximum number of places.

    Returns:
        The places, best first: most units shared, then fewest in the union, then longest, then earliest.
    """
    on = np.asarray(values >= threshold)
    counts = on[:, list(units)].sum(axis=1)
    places: dict[tuple[int, int], Place] = {}
    for depth in range(len(units), 0, -1):
        for start, stop in _runs(counts >= depth):
            if stop - start >= min_length and (start, stop) not in places:
                places[start, stop] = _place(on, units, start, stop)
        if sum(place.shared >= depth for place in places.values()) >= max_places:
            break  # runs with fewer units on share fewer
    ranked = [place for place in places.values() if place.shared]
    ranked.sort(key=lambda p: (-p.shared, p.union, p.start - p.stop, p.start))
    return ranked[:max_places]


def _place(on: Mask, units: Sequence[int], start: int, stop: int) -> Place:
    """A run, with the number of units that are on throughout."""
    throughout = np.asarray(on[start:stop].all(axis=0))
    shared = int(throughout[list(units)].sum())
    return Place(start, stop, shared, int(throughout.sum()) + len(units) - shared)


def _runs(flags: Mask) -> Iterator[tuple[int, int]]:
    """The start and stop of each maximal run of True in (T,)."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
