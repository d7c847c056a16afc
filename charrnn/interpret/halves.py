"""The halves of a text in which units are looked at, where that is, and which unit is chosen in one.

Legend: T characters, K of them that are looked at, U units, C labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from charrnn.evaluation.streams import Streams, excerpts, stretches
from charrnn.interpret.scores import areas, ranks, standardized
from charrnn.interpret.states import Positions
from charrnn.numerics import Float

SAMPLED = 20_000
"""Characters of each half that are looked at, at most."""
SHORTLIST = 8
"""Units of the largest |r| among which the one with the largest area is chosen."""
EXCERPTS, EXCERPT, SHORT_WARM_UP = 64, 160, 64
"""The parts of each half that networks with shuffled weights read: how many, their symbols, and those before these."""

Places = tuple[Positions, Positions]
"""The characters by which a unit is chosen, and those by which it is scored."""


# --- where units are looked at -----------------------------------------------------------------------------------------


def spread(length: int) -> Places:
    """Evenly spread places of each half of a text, at most SAMPLED."""
    middle = length // 2
    step = -(-(length - middle) // SAMPLED)
    return np.arange(0, middle, step), np.arange(middle, length, step)


def excerpts_of(begin: int, end: int) -> Streams:
    """Excerpts of a part of a text, or all of it if it is short."""
    length = end - begin
    if length > EXCERPTS * EXCERPT:
        made = excerpts(length + 1, EXCERPTS, EXCERPT, SHORT_WARM_UP)
    else:
        made = stretches(length + 1, max(1, length // EXCERPT), SHORT_WARM_UP)
    return Streams(made.first + begin, made.begin + begin, made.end + begin)


def joined(parts: Sequence[Streams]) -> Streams:
    """The streams of all parts."""
    return Streams(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.begin for part in parts]),
        np.concatenate([part.end for part in parts]),
    )


def around(places: Positions) -> Streams:
    """A stream for each run of neighboring places."""
    begins = places[np.diff(places, prepend=-2) > 1]
    ends = places[np.diff(places, append=places[-1] + 2) > 1] + 1
    return Streams(np.maximum(begins - SHORT_WARM_UP, 0), begins, ends)


def own_places(streams: Streams) -> Positions:
    """The places that streams read as their own."""
    bounds = zip(streams.begin, streams.end, strict=True)
    return np.concatenate([np.arange(begin, end) for begin, end in bounds])


@dataclass(frozen=True)
class Half:
    """What is looked at of one half of a text."""

    states: Float
    """(K, U) the values of all units at K characters."""
    labels: Mapping[str, Float]
    """(K,) the values of each label there."""

    @cached_property
    def centered(self) -> Float:
        """The standardized values, (K, U)."""
        return standardized(self.states)

    def correlations(self, labels: Float) -> Float:
        """Pearson's r of each unit with each label (K, C): (U, C)."""
        found: Float = self.centered.T @ standardized(labels) / np.float32(len(labels))
        return found


# --- the unit that is chosen -------------------------------------------------------------------------------------------


def chosen(half: Half, labels: Float, *, is_number: bool) -> tuple[int, int, float]:
    """The column of the best unit, its sign, and the largest |r| of any unit."""
    r = half.correlations(labels[:, None])[:, 0]
    (u,) = ranked(half, labels, r, 1, is_number=is_number)
    return u, sign_of(r[u]), float(np.abs(r).max())


def ranked(half: Half, labels: Float, r: Float, count: int, *, is_number: bool) -> list[int]:
    """The columns of the best units, the best first: by |r|, and of a truth value's shortlist by their area."""
    some = np.argsort(-np.abs(r), kind="stable")[: count if is_number else max(count, SHORTLIST)]
    if not is_number:
        oriented = half.states[:, some] * np.where(r[some] >= 0, 1, -1).astype(np.float32)
        area = areas(ranks(oriented), labels[:, None])[:, 0]
        some = some[np.argsort(-area, kind="stable")]
    return [int(u) for u in some[:count]]


def sign_of(r: float) -> int:
    """1 if a unit is larger where a concept is, or else -1."""
    return 1 if r >= 0 else -1


def score_of(values: Float, labels: Float, *, is_number: bool) -> float:
    """The score of one unit, with its sign: the area, or r if that is above 0."""
    if is_number:
        r = (standardized(values[:, None]) * standardized(labels[:, None])).mean()
        return max(0.0, float(r))
    return float(areas(ranks(values[:, None]), labels[:, None])[0, 0])


def means(values: Float, labels: Float, *, is_number: bool) -> tuple[float, float]:
    """The mean of a unit where a concept holds, or is above its mean, and elsewhere."""
    holds = labels > (labels.mean() if is_number else 0)
    return float(values[holds].mean()), float(values[~holds].mean())
