"""Rows of cells as text for a terminal, with escape sequences for their colors."""

from collections.abc import Iterable, Iterator, Sequence

from charrnn.render.grid import GridRow, padded
from charrnn.render.palette import PLAIN, Color, Paint

RESET = "\x1b[0m"
MARKS = {
    (False, False): "",
    (True, False): "\x1b[1m",
    (False, True): "\x1b[4m",
    (True, True): "\x1b[1;4m",
}
"""The sequences of bold and underlined text."""
UNMARKED = "\x1b[22;24m"
"""The sequence that ends both."""


def lines_of(rows: Iterable[GridRow]) -> Iterator[str]:
    """Rows as lines of text: see `line_of`."""
    return map(line_of, rows)


def piece_of(rows: Iterable[GridRow]) -> str:
    """Rows of which the first goes on with a line on the screen, and the last may be gone on with."""
    return "\n".join(map(line_of, rows))


def line_of(row: GridRow) -> str:
    """A row as one line, which leaves no color on; what is blank at its end is left out.

    Neighbors of the same color share an escape sequence. A mark is on the text of a cell, not on the blanks after it.
    """
    row = row[: _length(row)]
    texts, colors = _filled(row), list(map(_COLORS.__getitem__, row.paints))
    if None in colors:
        texts = list(map(_marked_cell, row.texts, texts, row.paints))
        colors = [_COLORS[Paint(paint.foreground, paint.background)] for paint in row.paints]
    if not any(colors):
        return "".join(texts)
    before = ["", *colors]
    cells = zip(texts, colors, before, strict=False)
    line = "".join([t if color == last else (color or RESET) + t for t, color, last in cells])
    return line + RESET if colors[-1] else line


def _length(row: GridRow) -> int:
    """The cells of a row up to the last that shows something."""
    count = len(row.texts)
    while count and not row.texts[count - 1] and row.paints[count - 1] is PLAIN:
        count -= 1
    return count


def _filled(row: GridRow) -> Sequence[str]:
    """The texts of a row, each as wide as its cell; but not the last, if the blanks after it would not be seen."""
    texts, widths = row.texts, row.widths
    if not texts or ("".join(texts).isascii() and sum(map(len, texts)) == sum(widths)):
        return texts
    filled = [
        text if len(text) == width == 1 else padded(text, width)
        for text, width in zip(texts, widths, strict=True)
    ]
    if row.paints[-1].background is None:
        filled[-1] = texts[-1]
    return filled


def _marked_cell(text: str, filled: str, paint: Paint) -> str:
    return marked(text, MARKS[paint.bold, paint.underlined]) + filled[len(text) :]


def marked(text: str, mark: str) -> str:
    """Text that is bold or underlined, by one of `MARKS`."""
    return f"{mark}{text}{UNMARKED}" if mark else text


class _Colors(dict[Paint, str | None]):
    """The escape sequence of each paint, made at its first use: "" for no color, None for a paint with a mark."""

    def __missing__(self, paint: Paint) -> str | None:
        codes = [*_codes(paint.foreground, 30), *_codes(paint.background, 40)]
        color = f"\x1b[{';'.join(map(str, codes))}m" if codes else ""
        self[paint] = None if paint.bold or paint.underlined else color
        return self[paint]


_COLORS = _Colors()


def _codes(color: Color | None, base: int) -> tuple[int, ...]:
    """The numbers that select a color: base 30 for the foreground, 40 for the background."""
    if color is None:
        return ()
    if not isinstance(color, int):
        return (base + 8, 2, *color)
    if color >= 16:
        return (base + 8, 5, color)
    return (base + color if color < 8 else base + 52 + color,)
