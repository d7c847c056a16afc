"""How a quantity fades with distance: a small table with bars on a logarithmic axis, several curves side by side."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from charrnn.render.glyphs import one_line
from charrnn.render.grid import GAP, GridRow, words
from charrnn.render.tables import bar

LOWEST = -8
"""The power of ten at which the axis begins."""
FEWEST_CELLS, MOST_CELLS = 10, 24
"""The least and largest width of the axis."""
BETWEEN = "  "
"""The blanks before each curve."""


@dataclass(frozen=True)
class Curve:
    """The remaining value at each distance."""

    title: str
    values: Sequence[float]
    """The values at distance 0, 1, 2 ...; never below 0."""
    metrics: Mapping[str, str]
    """Metrics printed below the curve; all curves have the same names."""


def shown_distances(last: int) -> list[int]:
    """The distances that have a row, closer together near zero: 25 -> [0, 1, 2, 3, 5, 8, 12, 20, 25]."""
    small = [0, 1, 2, 3, 5, 8, 12]
    steps = (step * 10**power for power in itertools.count(1) for step in (2, 3, 5, 8, 12))
    more = itertools.takewhile(lambda step: step < last, steps)
    return [step for step in small if step < last] + [*more, last]


def fading_rows(
    curves: Sequence[Curve], width: int, *, blocks: bool = True, name: str = "distance"
) -> Iterator[GridRow]:
    """A table with a row for each distance, as many curves side by side as fit, the others below.

    Args:
        curves: one or more curves over the same distances.
        width: columns in a line.
        blocks: draw the bars with block characters; if not, with ASCII.
        name: what the distances are.
    """
    rows = shown_distances(len(curves[0].values) - 1)
    names = [name, *curves[0].metrics]
    name_width = max(map(len, names))
    number_width = max(len(_number(c.values[k])) for c in curves for k in rows)
    frame = number_width + 1 + len(BETWEEN)
    abreast = max(1, min(len(curves), (width - name_width) // (frame + FEWEST_CELLS)))
    cells = (width - name_width) // abreast - frame
    cells = max(FEWEST_CELLS, min(MOST_CELLS, cells))
    highest = max(_end_of_axis(c.values[k]) for c in curves for k in rows)
    for first in range(0, len(curves), abreast):
        if first:
            yield GAP
        part = curves[first : first + abreast]
        shape = (number_width, cells, highest)
        columns = [_column(curve, rows, *shape, blocks=blocks) for curve in part]
        labels = ["", names[0], *map(str, rows), *names[1:]]
        for label, *row in zip(labels, *columns, strict=True):
            line = label.rjust(name_width) + "".join(BETWEEN + piece for piece in row)
            yield words(line.rstrip())


def _column(
    curve: Curve, rows: Sequence[int], number_width: int, cells: int, highest: int, *, blocks: bool
) -> list[str]:
    """One curve from its title down to its metrics, all of the same width."""
    values = [curve.values[k] for k in rows]
    low, high = _power(LOWEST), _power(highest)
    axis = low + high.rjust(cells - len(low))
    pieces = [one_line(curve.title), f"{'':{number_width}} {axis}"]
    for value in values:
        drawn = bar(_part(value, highest), 1.0, cells, blocks=blocks)
        pieces.append(f"{_number(value):>{number_width}} {drawn}")
    pieces += [f"{metric:>{number_width}}" for metric in curve.metrics.values()]
    return [piece.ljust(number_width + 1 + cells) for piece in pieces]


def _end_of_axis(value: float) -> int:
    """The power of ten at which the axis may end for this value: 0, but more for what is well beyond 1."""
    return max(0, math.ceil(math.log10(value / 2))) if value > 0 else 0


def _number(value: float) -> str:
    return f"{value:.1e}"


def _power(exponent: int) -> str:
    return "1" if exponent == 0 else f"1e{exponent}"


def _part(value: float, highest: int) -> float:
    """The position of a value on the axis: 0 at ten to LOWEST or below, 1 at ten to `highest` or above."""
    if value <= 0:
        return 0.0
    return min(1.0, max(0.0, (math.log10(value) - LOWEST) / (highest - LOWEST)))
