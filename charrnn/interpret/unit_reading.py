"""A text and the values of some units in it, collected part by part, and the places where these are extreme.

Of each character four bytes are kept for each unit, and a few of the text, however long it is.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from charrnn.interpret.states import Positions
from charrnn.interpret.units import Unit
from charrnn.numerics import Float

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
FEWEST = 5
"""Occurrences of a character that are needed to say what it does."""


@dataclass(frozen=True)
class Context:
    """A place in a text."""

    place: int
    """The number of the symbol after which the unit has the value."""
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


# --- what is read -----------------------------------------------------------------------------------------------------


class Reading:
    """What cards need of a text and of some units, collected part by part."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.text = TextRead()
        self.units = [UnitRead(unit) for unit in units]
        self.length = 0

    def collecting(
        self, parts: "Iterable[Recording]", progress: Callable[[int], object]
    ) -> "Iterator[Recording]":
        """Yield the parts of a recording unchanged, after collecting what is needed of each."""
        for part in parts:
            self.length += len(part.ids)
            self.text.add(part)
            for unit in self.units:
                unit.add(part)
            yield part
            progress(len(part.ids))


class TextRead:
    """A text, and where each of its symbols ends."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._widths: list[npt.NDArray[np.uint8]] = []

    def add(self, part: "Recording") -> None:
        """Append a part."""
        self._texts.append(part.text)
        self._widths.append(np.fromiter(map(len, part.pieces), np.uint8, len(part.pieces)))

    @cached_property
    def _whole(self) -> str:
        return "".join(self._texts)

    @cached_property
    def _ends(self) -> npt.NDArray[np.int32]:
        """The characters up to each symbol and with it, (T,)."""
        return np.cumsum(np.concatenate(self._widths), dtype=np.int32)

    def context(self, place: int, values: Float) -> Context:
        """The text around a symbol."""
        ends, last = self._ends, len(self._ends) - 1
        begin = int(ends[place - BEFORE]) if place >= BEFORE else 0
        end, then = int(ends[place]), int(ends[min(place + AFTER, last)])
        return Context(place, float(values[place]), self._whole[begin:end], self._whole[end:then])


class UnitRead:
    """The values of a unit, and by how much each character changed it."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._values: list[Float] = []
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._counts: Counter[str] = Counter()

    def add(self, part: "Recording") -> None:
        """Append a part."""
        values = part.arrays[self.unit.what][:, self.unit.layer, self.unit.index].copy()
        before = self._values[-1][-1] if self._values else values[0]
        changes = np.diff(values.astype(np.float64), prepend=before)
        for symbol, change in zip(part.pieces, changes.tolist(), strict=True):
            self._sums[symbol] += change
            self._counts[symbol] += 1
        self._values.append(values)

    def joined(self) -> Float:
        """The value after each symbol, (T,)."""
        return np.concatenate(self._values)

    def pushes(self) -> tuple[tuple[Push, ...], tuple[Push, ...]]:
        """The characters that raise the unit most, and those that lower it most."""
        pushes = [
            Push(symbol, self._sums[symbol] / count, count)
            for symbol, count in self._counts.items()
            if count >= FEWEST and symbol
        ]
        raised = heapq.nlargest(SHOWN, pushes, key=lambda push: push.change)
        lowered = heapq.nsmallest(SHOWN, pushes, key=lambda push: push.change)
        return tuple(p for p in raised if p.change > 0), tuple(p for p in lowered if p.change < 0)


# --- places -----------------------------------------------------------------------------------------------------------


def smallest(values: Float) -> Positions:
    """The places of the smallest values, at most TRIED, the smallest first; of equal ones the first."""
    some = np.argpartition(values, TRIED)[:TRIED] if len(values) > TRIED else np.arange(len(values))
    return some[np.lexsort((some, values[some]))]


def at_quantiles(values: Float) -> list[int]:
    """A place at which the values have each of QUANTILES."""
    ranks = [int(q * (len(values) - 1)) for q in QUANTILES]
    return [int((values == one).argmax()) for one in np.partition(values, ranks)[ranks]]


def contexts(order: Positions, values: Float, text: TextRead) -> tuple[Context, ...]:
    """The first places in an order that are not near another, each after another text."""
    seen: set[str] = set()
    found: list[Context] = []
    for place in order.tolist():
        context = text.context(place, values)
        key = context.before[-SAME:]
        is_near = any(abs(place - other.place) < BEFORE for other in found)
        if key not in seen and not is_near:
            seen.add(key)
            found.append(context)
        if len(found) == SHOWN:
            break
    return tuple(found)
