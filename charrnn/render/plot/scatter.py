"""Points in unit squares, drawn with characters: Braille dots where they can be shown, digits where not.

Groups of points are told apart by color; where there are not enough colors, by the digit of the group.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charrnn.render.grid import GridRow, row_of, words
from charrnn.render.palette import PLAIN, ColorMode, Paint, line_paints
from charrnn.render.plot.curves import BLANK, BRAILLE, DOTS, DRAWN_WITH, Dot, cell_at

FEWEST_COLUMNS, MOST_COLUMNS = 12, 32
"""The columns of a square; it has half as many rows."""
HIGH, WIDE = len(DOTS), len(DOTS[0])
"""The dots in a character, from top to bottom and from left to right."""
BETWEEN = 2
"""The columns between two squares."""
MARKS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The marks of groups that colors do not tell apart."""


@dataclass(frozen=True)
class Square:
    """Groups of points, and what they are."""

    title: str
    groups: Sequence[Sequence[tuple[float, float]]]
    """The points of each group, x and y from 0 to 1."""


@dataclass(frozen=True)
class Scatter:
    """Squares that share their axes and their groups. No point is expected above the diagonal, x + y = 1."""

    squares: Sequence[Square]
    names: Sequence[str]
    """The names of the groups."""
    across: str = ""
    """The name of the horizontal axis."""
    up: str = ""
    """The name of the vertical axis."""


def scatter_rows(
    scatter: Scatter, width: int, mode: ColorMode, *, braille: bool = True
) -> Iterator[GridRow]:
    """As many squares side by side as fit, and a legend of the groups; the names of the axes are not there.

    Args:
        scatter: what is drawn.
        width: columns in a line.
        mode: the colors that the medium can show.
        braille: draw with dots; if not, with ASCII.
    """
    squares, names, colors = scatter.squares, scatter.names, line_paints(mode)
    paints = [colors[k % len(colors)] for k in range(len(names))]
    marked = not braille or 1 < len(names) > len(set(paints))
    frame = len("0.5 ┤")
    columns = (width + BETWEEN) // len(squares) - BETWEEN - frame
    columns = max(FEWEST_COLUMNS, min(MOST_COLUMNS, columns)) // 2 * 2
    beside = max(1, (width + BETWEEN) // (frame + columns + BETWEEN))
    drawn = [list(_square(s, columns, paints, braille=braille, marked=marked)) for s in squares]
    for first in range(0, len(squares), beside):
        for rows in zip(*drawn[first : first + beside], strict=True):
            first_row, *others = rows
            yield sum((words("", width=BETWEEN) + row for row in others), first_row)
    if len(names) > 1:
        keys = [MARKS[k % len(MARKS)] if marked else DRAWN_WITH[0] * 2 for k in range(len(names))]
        yield from _legend(list(zip(keys, paints, names, strict=True)), width)


def _legend(entries: Sequence[tuple[str, Paint, str]], width: int) -> Iterator[GridRow]:
    """The meaning of each mark or color, as many beside each other as fit."""
    line = GridRow()
    for key, paint, name in entries:
        entry = words(key, paint) + words(f" {name}")
        if line.texts and line.width + 3 + entry.width > width:
            yield line
            line = GridRow()
        line = line + words("", width=3) + entry if line.texts else entry
    yield line


def _square(
    square: Square, columns: int, paints: Sequence[Paint], *, braille: bool, marked: bool
) -> Iterator[GridRow]:
    """The rows of one square, all of the same width: title, points, axis."""
    tick, edge, corner, floor, down = "┤│└─┬" if braille else "+|+-+"
    rows = columns // 2
    values = {1: "1", 0.5: "0.5", 0: "0"}
    ticks = {cell_at(1 - v, HIGH * rows) // HIGH: label for v, label in values.items()}
    width = len("0.5 ┤") + columns
    yield words(square.title[:width].center(width).rstrip(), width=width)
    cells = _cells(square, (rows, columns), paints, marked=marked)
    for row in range(rows):
        diagonal = {cell_at(row / (rows - 1), columns): ("·" if braille else ".", 1, PLAIN)}
        shown = [cells.get((row, k), diagonal.get(k, BLANK)) for k in range(columns)]
        label = ticks.get(row, "")
        yield words(f"{label:>3} {tick if label else edge}") + row_of(shown)
    marks = {cell_at(v, WIDE * columns) // WIDE for v in values}
    below = "".join(down if k in marks else floor for k in range(columns))
    yield words(f"{'':3} {corner}{below}")
    axis = f"0{'0.5':^{columns - 2}}1"
    yield words(f"{'':5}{axis}")


def _cells(
    square: Square, size: tuple[int, int], paints: Sequence[Paint], *, marked: bool
) -> dict[Dot, tuple[str, int, Paint]]:
    """The cells that have points. The group with the most points in a cell gives it its color, or its mark."""
    rows, columns = size
    patterns: dict[Dot, int] = {}
    owners: dict[Dot, Counter[int]] = {}
    for number, points in enumerate(square.groups):
        for x, y in points:
            row, column = cell_at(1 - y, HIGH * rows), cell_at(x, WIDE * columns)
            cell = row // HIGH, column // WIDE
            patterns[cell] = patterns.get(cell, 0) | DOTS[row % HIGH][column % WIDE]
            owners.setdefault(cell, Counter())[number] += 1
    most = {cell: counts.most_common(1)[0][0] for cell, counts in owners.items()}
    return {
        cell: (
            MARKS[most[cell] % len(MARKS)] if marked else chr(BRAILLE + pattern),
            1,
            paints[most[cell]],
        )
        for cell, pattern in patterns.items()
    }
