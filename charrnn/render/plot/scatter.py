"""Points in unit squares, drawn with characters: Braille dots where they can be shown, digits where not.

Groups of points are told apart by colour; where there are not enough colours, by the digit of the group.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charrnn.render.palette import ColorMode, inks
from charrnn.render.plot.curves import BRAILLE, DOTS, DRAWN_WITH, Dot, cell_at, joined

FEWEST_COLUMNS, MOST_COLUMNS = 12, 32
"""Of a square, in cells; it has half as many rows."""
HIGH, WIDE = len(DOTS), len(DOTS[0])
"""Dots in a character."""
GAP = 2
"""Cells between two squares."""
MARKS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Of the groups, where colours do not tell them apart."""

Cell = tuple[str, str]
"""A character, and the escape sequence that colours it."""


@dataclass(frozen=True)
class Square:
    """Points and what they are."""

    title: str
    groups: Sequence[Sequence[tuple[float, float]]]
    """For each group its points, x and y from 0 to 1."""


@dataclass(frozen=True)
class Scatter:
    """Squares that share their axes and their groups. No point is expected above the diagonal, x + y = 1."""

    squares: Sequence[Square]
    names: Sequence[str]
    """Of the groups."""
    across: str = ""
    up: str = ""
    """What the axes say."""


def scatter_lines(
    scatter: Scatter,
    width: int,
    mode: ColorMode,
    *,
    braille: bool = True,
) -> Iterator[str]:
    """The lines of some squares, as many side by side as fit, and a legend of the groups; what axes say is not there.

    Args:
        scatter: what is drawn.
        width: of a line, in cells.
        mode: the colours that the terminal can show.
        braille: draw with dots; if not, with ASCII.
    """
    squares, names, colors = scatter.squares, scatter.names, inks(mode)
    codes = [colors[k % len(colors)] for k in range(len(names))]
    marked = not braille or 1 < len(names) > len(set(codes))
    frame = len("0.5 ┤")
    columns = (width + GAP) // len(squares) - GAP - frame
    columns = max(FEWEST_COLUMNS, min(MOST_COLUMNS, columns)) // 2 * 2
    beside = max(1, (width + GAP) // (frame + columns + GAP))
    drawn = [list(_square(s, columns, codes, braille=braille, marked=marked)) for s in squares]
    for first in range(0, len(squares), beside):
        for rows in zip(*drawn[first : first + beside], strict=True):
            yield (" " * GAP).join(rows).rstrip()
    if len(names) > 1:
        keys = [MARKS[k % len(MARKS)] if marked else DRAWN_WITH[0] * 2 for k in range(len(names))]
        yield from _legend(list(zip(keys, codes, names, strict=True)), width)


def _legend(entries: Sequence[tuple[str, str, str]], width: int) -> Iterator[str]:
    """What each mark or colour means, as many beside each other as fit: marks, colours and names."""
    between, line, used = " " * 3, "", 0
    for key, code, name in entries:
        cells = len(key) + 1 + len(name)
        if line and used + len(between) + cells > width:
            yield line
            line, used = "", 0
        line += (between if line else "") + f"{joined([(key, code)])} {name}"
        used += (len(between) if used else 0) + cells
    yield line


def _square(
    square: Square, columns: int, codes: Sequence[str], *, braille: bool, marked: bool
) -> Iterator[str]:
    """The rows of one square, all of the same width: title, points, axis."""
    tick, edge, corner, floor, down = "┤│└─┬" if braille else "+|+-+"
    rows = columns // 2
    values = {1: "1", 0.5: "0.5", 0: "0"}
    ticks = {cell_at(1 - v, HIGH * rows) // HIGH: label for v, label in values.items()}
    width = len("0.5 ┤") + columns
    yield square.title[:width].center(width)
    cells = _cells(square, (rows, columns), codes, marked=marked)
    for row in range(rows):
        blank = "·" if braille else "."
        diagonal = {cell_at(row / (rows - 1), columns): blank}
        shown = [cells.get((row, k), (diagonal.get(k, " "), "")) for k in range(columns)]
        label = ticks.get(row, "")
        yield f"{label:>3} {tick if label else edge}{joined(shown)}"
    marks = {cell_at(v, WIDE * columns) // WIDE for v in values}
    below = "".join(down if k in marks else floor for k in range(columns))
    yield f"{'':3} {corner}{below}"
    axis = f"0{'0.5':^{columns - 2}}1"
    yield f"{'':5}{axis}"


def _cells(
    square: Square, size: tuple[int, int], codes: Sequence[str], *, marked: bool
) -> dict[Dot, Cell]:
    """What stands in the cells that have points. The group with the most points in a cell has its colour, or digit."""
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
            codes[most[cell]],
        )
        for cell, pattern in patterns.items()
    }
