"""Curves over time, drawn with characters: Braille dots where they can be shown, letters where not.

A Braille character has 2 x 4 dots, so that a curve is eight times as fine as the text. Where several curves cannot be
told apart by color, letters stand on them.
"""

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charrnn.render.glyphs import one_line
from charrnn.render.grid import GridRow, row_of, words
from charrnn.render.palette import PLAIN, ColorMode, Paint, line_paints
from charrnn.render.plot.axes import Axis, bits_axis, step_axis, time_axis

BRAILLE = 0x2800
"""The character without dots; each dot adds its bit."""
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a character's dots, from the top row to the bottom row."""
DRAWN_WITH = "\N{BRAILLE PATTERN DOTS-25}\N{BOX DRAWINGS LIGHT VERTICAL AND LEFT}│└─┬╌"
"""The characters that must be printable for a drawing with dots."""
BEST = "*"
"""The mark of the best point of a curve."""
FEWEST_ROWS, MOST_ROWS = 10, 18
CELLS_A_TICK = 10
CELLS_A_LETTER = 8
"""The least distance between two letters on a curve."""

Point = tuple[float, float]
"""Seconds, and bits per character."""


@dataclass(frozen=True)
class Line:
    """A curve, with its name and a note for the legend."""

    letter: str
    name: str
    points: Sequence[Point]
    """One or more, by time."""
    note: str = ""
    best: Point | None = None
    """A point that is marked: the best of the curve."""


@dataclass(frozen=True)
class Level:
    """A value that something else than the runs has, drawn as a level line."""

    name: str
    bits: float


@dataclass(frozen=True)
class Plot:
    """Curves on the same axes."""

    title: str
    lines: Sequence[Line]
    steps: Sequence[tuple[int, float]] = ()
    """The steps of a single run, and the seconds at which each was done, both rising; they get an axis too."""
    levels: Sequence[Level] = ()
    """What the curves are compared with. The first is in any drawing, others only where the curves are."""

    @property
    def seconds(self) -> float:
        """Where the axis of time ends; never 0."""
        return max(1e-3, *(x for line in self.lines for x, _ in line.points))

    @property
    def bits(self) -> list[float]:
        """All values that have to fit on the other axis."""
        own = [y for line in self.lines for _, y in line.points]
        return own + [level.bits for level in self.levels[:1]]

    @property
    def drawn_levels(self) -> list[Level]:
        """The levels that lie between the ends of that axis."""
        low, high = min(self.bits), max(self.bits)
        return [level for level in self.levels if low <= level.bits <= high]

    @property
    def levels_in_words(self) -> str:
        """All levels for a legend."""
        return "baselines: " + ", ".join(f"{one.name} {one.bits:.3f}" for one in self.levels)


def seconds_at(step: float, steps: Sequence[tuple[int, float]]) -> float:
    """The time of a step, in seconds: between two evaluations, as if all steps took the same time."""
    known = [(0, 0.0), *steps]
    for (step_a, at_a), (step_b, at_b) in itertools.pairwise(known):
        if step_a < step_b and step <= step_b:
            return at_a + (at_b - at_a) * (step - step_a) / (step_b - step_a)
    return known[-1][1]


def plot_rows(
    plot: Plot, width: int, mode: ColorMode, *, braille: bool = True
) -> Iterator[GridRow]:
    """The rows of a plot: the title, the curves with their axes, and a legend.

    Args:
        plot: what to draw.
        width: columns in a line; below 24 it is taken for 24.
        mode: the colors that the medium can show.
        braille: draw with dots; if not, with ASCII.
    """
    width = max(24, width)
    rows = max(FEWEST_ROWS, min(MOST_ROWS, width // 4))
    bits = bits_axis(plot.bits, rows // 2)
    names = max(4, *(len(label) for _, label in bits.ticks))  # "step" has to fit too
    columns = width - names - 2
    time = time_axis(plot.seconds, max(2, columns // CELLS_A_TICK))
    colors = line_paints(mode)
    paints = [colors[k % len(colors)] for k in range(len(plot.lines))]
    lettered = not braille or 1 < len(plot.lines) > len(set(paints))
    yield from map(words, textwrap.wrap(one_line(plot.title), width))
    body = _body(plot, (rows, columns), time, bits, paints, braille=braille, lettered=lettered)
    tick, edge, corner, floor, down = "┤│└─┬" if braille else "+|+-+"
    dash = "╌" if braille else "-"
    labels = {cell_at(1 - bits.part(value), rows): label for value, label in bits.ticks}
    for row, cells in enumerate(body):
        label = labels.get(row, "")
        yield words(f"{label:>{names}} {tick if label else edge}") + cells
    marks = {cell_at(time.part(value), columns) for value, _ in time.ticks}
    below = "".join(down if column in marks else floor for column in range(columns))
    yield words(f"{'':{names}} {corner}{below}")
    yield words(f"{time.name:>{names}}  {_labels(time, columns)}".rstrip())
    if plot.steps:
        steps = _labels(_steps_on(time, plot, columns), columns)
        yield words(f"{'step':>{names}}  {steps}".rstrip())
    for line, paint in zip(plot.lines, paints, strict=True):
        yield from _legend(line, paint, width, lettered=lettered)
    if plot.levels:
        yield from _folded(dash * 2, PLAIN, plot.levels_in_words, width)


# --- the axes -------------------------------------------------------------------------------------


def cell_at(part: float, cells: int) -> int:
    """The cell, or dot, at a part of the way: 0 is in the first and 1 in the last."""
    return min(cells - 1, max(0, round(part * (cells - 1))))


def _steps_on(time: Axis, plot: Plot, columns: int) -> Axis:
    """The axis of steps, as places on the axis of time."""
    steps = step_axis(plot.steps[-1][0], max(2, columns // CELLS_A_TICK))
    ticks = [(seconds_at(step, plot.steps), label) for step, label in steps.ticks]
    return Axis(steps.name, time.low, time.high, ticks)


def _labels(axis: Axis, columns: int) -> str:
    """The labels of an axis, each centered under its place; one that would touch the one before is left out."""
    text = ""
    for value, label in axis.ticks:
        start = cell_at(axis.part(value), columns) - len(label) // 2
        start = max(0, min(columns - len(label), start))
        if not text or start >= len(text) + 2:
            text = text.ljust(start) + label
    return text


# --- the curves -----------------------------------------------------------------------------------

Dot = tuple[int, int]
"""Row and column, from the top left."""
BLANK = ("", 1, PLAIN)
"""A cell without a dot."""


def _body(
    plot: Plot,
    size: tuple[int, int],
    time: Axis,
    bits: Axis,
    paints: Sequence[Paint],
    *,
    braille: bool,
    lettered: bool,
) -> Iterator[GridRow]:
    """The rows of characters between the axes. Where curves meet, the first has the color."""
    rows, columns = size
    high, wide = (4, 2) if braille else (1, 1)  # dots in a character
    patterns: dict[Dot, int] = {}
    owners: dict[Dot, int] = {}
    letters: dict[Dot, str] = {}
    for number in reversed(range(len(plot.lines))):
        line = plot.lines[number]
        dots = [
            (cell_at(1 - bits.part(y), rows * high), cell_at(time.part(x), columns * wide))
            for x, y in line.points
        ]
        trace = list(_trace(dots))
        for row, column in trace:
            cell = row // high, column // wide
            patterns[cell] = patterns.get(cell, 0) | DOTS[row % high][column % wide]
            owners[cell] = number
        cells = list(dict.fromkeys((row // high, column // wide) for row, column in trace))
        if lettered:
            chosen = _lettered(cells, number, len(plot.lines)) if braille else cells
            letters |= dict.fromkeys(chosen, line.letter)
    shown = dict(_levels(plot, size, bits, "╌" if braille else "-"))
    shown |= {
        cell: (letters.get(cell) or chr(BRAILLE + pattern), 1, paints[owners[cell]])
        for cell, pattern in patterns.items()
    }
    for line, paint in zip(plot.lines, paints, strict=True):
        if line.best:
            x, y = line.best
            place = cell_at(1 - bits.part(y), rows), cell_at(time.part(x), columns)
            shown[place] = (BEST, 1, paint)
    for row in range(rows):
        yield row_of(shown.get((row, column), BLANK) for column in range(columns))


def _levels(
    plot: Plot, size: tuple[int, int], bits: Axis, dash: str
) -> Iterator[tuple[Dot, tuple[str, int, Paint]]]:
    """The cells of the level lines, each with its name at its end; of several in a row, those of the first."""
    rows, columns = size
    free = set(range(rows))
    for level in plot.drawn_levels:
        row = cell_at(1 - bits.part(level.bits), rows)
        if row not in free:
            continue
        free.remove(row)
        text = f" {level.name}".rjust(columns - 1, dash)[1 - columns :]
        yield from (((row, column), (cell, 1, PLAIN)) for column, cell in enumerate(text, 1))


def _trace(dots: Sequence[Dot]) -> Iterator[Dot]:
    """The dots of straight strokes from each dot to the next."""
    yield dots[0]
    for (row_a, column_a), (row_b, column_b) in itertools.pairwise(dots):
        length = max(abs(row_b - row_a), abs(column_b - column_a))
        for k in range(1, length + 1):
            part = k / length
            yield (
                round(row_a + (row_b - row_a) * part),
                round(column_a + (column_b - column_a) * part),
            )


def _lettered(cells: Sequence[Dot], number: int, count: int) -> list[Dot]:
    """The cells of a curve that get its letter: evenly apart, and not where the other curves have theirs.

    Args:
        cells: the cells of the curve, from its start.
        number: the place of the curve among all, from 0.
        count: the number of curves.
    """
    apart = max(CELLS_A_LETTER, 2 * count)
    phase = number * apart // count
    by_column = {column: (row, column) for row, column in reversed(cells)}
    chosen = [cell for column, cell in by_column.items() if column % apart == phase]
    return chosen or [cells[-1]]


def _legend(line: Line, paint: Paint, width: int, *, lettered: bool) -> Iterator[GridRow]:
    """The name of a curve and its note, folded."""
    key = line.letter if lettered else DRAWN_WITH[0] * 2
    yield from _folded(key, paint, f"{line.name}: {line.note}" if line.note else line.name, width)


def _folded(key: str, paint: Paint, text: str, width: int) -> Iterator[GridRow]:
    """A key and what it means, folded."""
    for number, part in enumerate(textwrap.wrap(one_line(text), width - len(key) - 1)):
        yield words("" if number else key, PLAIN if number else paint, len(key)) + words(f" {part}")
