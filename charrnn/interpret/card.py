"""What one unit does, on a card: where it is highest and lowest, how its values lie, what raises and lowers it.

The text is read once, and of each character only the unit's value is kept.
"""

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from charrnn.errors import DataError
from charrnn.interpret.units import Unit
from charrnn.numerics import Float, Float64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from charrnn.interpret.recording import Recording

BEFORE, AFTER = 40, 8
"""Characters shown before a place, and after it."""
SAME = 12
"""Characters before a place that make it the same as another, of which only the better one is shown."""
SHOWN = 5
"""Places of each kind."""
TRIED = 20_000
"""Places of each kind among which those are sought that are neither near each other nor the same."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
BINS = 24
FEWEST = 5
"""Occurrences of a character that are needed to say what it does."""
LONGEST_LAG = 500
"""Characters up to which the time scale is measured."""


@dataclass(frozen=True)
class Context:
    """A place in a text."""

    place: int
    """The number of the character after which the unit has the value."""
    value: float
    before: str
    """The text up to that character, and the character."""
    after: str
    """The text that follows."""


@dataclass(frozen=True)
class Push:
    """What a character does to a unit on average."""

    character: str
    change: float
    """The value after it minus the value before it."""
    count: int


@dataclass(frozen=True)
class Card:
    """What a unit does in a text."""

    unit: Unit
    characters: int
    highest: tuple[Context, ...]
    lowest: tuple[Context, ...]
    samples: tuple[Context, ...]
    """A place at each of QUANTILES of the values."""
    mean: float
    deviation: float
    skew: float
    kurtosis: float
    """3 for a normal distribution."""
    histogram: tuple[int, ...]
    """The values in BINS bins of equal width, from the smallest to the largest."""
    smallest: float
    largest: float
    raised_by: tuple[Push, ...]
    lowered_by: tuple[Push, ...]
    time_scale: int | None
    """Characters after which its autocorrelation falls below 1/e; None if it does not within LONGEST_LAG."""
    sparsity: float
    """1 - mean(|v|)² / mean(v²): 0 if it is always equally far from zero, near 1 if it is nearly always close to it."""

    @property
    def bimodality(self) -> float:
        """Sarle's coefficient, (skew² + 1) / kurtosis: 0.33 for a normal distribution, 1 for two values."""
        return (self.skew**2 + 1) / self.kurtosis if self.kurtosis else 0.0


def make_card(parts: "Iterable[Recording]", unit: Unit) -> Card:
    """The card of a unit.

    Args:
        parts: the consecutive recordings of a text, with the array of the unit.
        unit: the unit.

    Raises:
        DataError: the text is too short.
    """
    values, text = _read(parts, unit)
    if len(values) < 2:
        raise DataError("a text needs at least 2 characters for a card")
    x = values.astype(np.float64)
    centered = x - x.mean()
    variance = float((centered**2).mean())
    scale = variance**0.5 or 1.0
    counts, _ = np.histogram(values, BINS)
    order = np.argsort(values, kind="stable")
    raised, lowered = _pushes(values, text)
    square = float((x**2).mean())
    return Card(
        unit,
        len(values),
        _contexts(order[::-1], values, text),
        _contexts(order, values, text),
        tuple(_context(int(order[int(q * (len(x) - 1))]), values, text) for q in QUANTILES),
        float(x.mean()),
        variance**0.5,
        float(((centered / scale) ** 3).mean()),
        float(((centered / scale) ** 4).mean()),
        tuple(counts.tolist()),
        float(x.min()),
        float(x.max()),
        raised,
        lowered,
        time_scale(x),
        1 - float(np.abs(x).mean()) ** 2 / square if square else 0.0,
    )


def time_scale(values: Float64) -> int | None:
    """The characters after which the autocorrelation of values (T,) falls below 1/e; None if it does not soon."""
    x = values - values.mean()
    power = float(x @ x)
    if power == 0:
        return None
    size = 1 << (2 * len(x) - 1).bit_length()
    spectrum = np.fft.rfft(x, size)
    correlation = np.fft.irfft(spectrum * spectrum.conj(), size)[: min(LONGEST_LAG, len(x))] / power
    below = np.flatnonzero(correlation < 1 / np.e)
    return int(below[0]) if len(below) else None


def _read(parts: "Iterable[Recording]", unit: Unit) -> tuple[Float, list[str]]:
    """The unit's value after each symbol, and the text of each symbol."""
    values: list[Float] = []
    text: list[str] = []
    for part in parts:
        values.append(part.arrays[unit.what][:, unit.layer, unit.index].copy())
        text += part.pieces
    return (np.concatenate(values) if values else np.zeros(0, np.float32)), text


def _contexts(order: np.ndarray, values: Float, text: list[str]) -> tuple[Context, ...]:
    """The first places in an order that are not near another, each after another text."""
    seen: set[str] = set()
    found: list[Context] = []
    for place in order[:TRIED].tolist():
        context = _context(place, values, text)
        key = context.before[-SAME:]
        is_near = any(abs(place - other.place) < BEFORE for other in found)
        if key not in seen and not is_near:
            seen.add(key)
            found.append(context)
        if len(found) == SHOWN:
            break
    return tuple(found)


def _context(place: int, values: Float, text: list[str]) -> Context:
    before = "".join(text[max(0, place + 1 - BEFORE) : place + 1])
    after = "".join(text[place + 1 : place + 1 + AFTER])
    return Context(place, float(values[place]), before, after)


def _pushes(values: Float, text: list[str]) -> tuple[tuple[Push, ...], tuple[Push, ...]]:
    """The characters that raise a unit most, and those that lower it most."""
    changes = np.diff(values.astype(np.float64), prepend=values[0])
    sums: defaultdict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for symbol, change in zip(text, changes.tolist(), strict=True):
        sums[symbol] += change
        counts[symbol] += 1
    pushes = [Push(c, sums[c] / n, n) for c, n in counts.items() if n >= FEWEST]
    raised = heapq.nlargest(SHOWN, pushes, key=lambda push: push.change)
    lowered = heapq.nsmallest(SHOWN, pushes, key=lambda push: push.change)
    return tuple(p for p in raised if p.change > 0), tuple(p for p in lowered if p.change < 0)
