"""The ticks of an axis and their labels: round numbers, and round times."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
"""The units of time, in seconds, the longest first."""
LEAST_SPAN = 0.01
"""The least range of an axis of bits: what differs by less is noise, and is not magnified."""


@dataclass(frozen=True)
class Axis:
    """An axis and its ticks."""

    name: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    """Values from low to high, rising, and their labels."""

    def part(self, value: float) -> float:
        """The position of a value: 0 at `low`, 1 at `high`."""
        return (value - self.low) / (self.high - self.low)


def bits_axis(values: Sequence[float], most: int) -> Axis:
    """An axis from the least to the largest value: [2.19, 3.2] -> 2.2, 2.4 ... 3.2.

    Args:
        values: one or more, 0 or above.
        most: the largest number of ticks.
    """
    low, high = min(values), max(values)
    if high - low < LEAST_SPAN:
        low = max(0.0, (low + high - LEAST_SPAN) / 2)
        high = low + LEAST_SPAN
    for step in _round_steps(high - low):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = [(k * step, f"{k * step:.{decimals}f}") for k in range(first, last + 1)]
    return Axis("bits", low, high, ticks)


def time_axis(seconds: float, most: int) -> Axis:
    """An axis of time from 0, in the unit that suits its ticks: 130 -> 0, 30, 60, 90, 120 s.

    Args:
        seconds: where it ends; above 0.
        most: the largest number of ticks.
    """
    step = next(step for step in _time_steps(seconds) if seconds / step < most)
    name, unit = next((n, u) for n, u in UNITS if u <= step or u == 1)
    ticks = [(k * step, f"{k * step / unit:,.6g}") for k in range(int(seconds / step + 1e-9) + 1)]
    return Axis(name, 0.0, seconds, ticks)


def step_axis(last: int, most: int) -> Axis:
    """An axis of steps from 0 to the last, with at most `most` ticks."""
    step = next(step for step in _round_steps(last) if step >= 1 and last / step < most)
    ticks = [(k * step, f"{k * step:,.0f}") for k in range(int(last / step + 1e-9) + 1)]
    return Axis("step", 0.0, last, ticks)


def _round_steps(span: float) -> Iterator[float]:
    """1, 2 and 5 times powers of ten, rising; the first is much smaller than the span."""
    first = math.floor(math.log10(span)) - 3
    return (step * 10.0**power for power in itertools.count(first) for step in (1, 2, 5))


def _time_steps(seconds: float) -> Iterator[float]:
    """Seconds that are round as people count time, rising."""
    yield from itertools.takewhile(lambda step: step < 10, _round_steps(min(seconds, 10)))
    yield from (10, 20, 30)
    yield from (60 * minutes for minutes in (1, 2, 5, 10, 20, 30))
    yield from (3_600 * hours for hours in (1, 2, 3, 6, 12))
    yield from (86_400 * days for days in _round_steps(1000))
