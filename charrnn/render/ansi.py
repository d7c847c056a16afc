"""Rows of cells as text for a terminal, with escape sequences for their colors."""

from collections.abc import Iterable, Iterator

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
    """Rows as text: the first continues the current line on the screen, and the last may be continued."""
    return "\n".join(map(line_of, rows))


def line_of(row: GridRow) -> str:
    """A row as one line, which leaves no color on; what is blank at its end is left out.

    Neighbors of the same color share an escape sequence. A mark is on the text of a cell, not on the blanks after it.
    """
    parts: list[str] = []
    color = mark = ""
    last = PLAIN
    count = _length(row)
    for text, width, paint in zip(row.texts[:count], row.widths, row.paints, strict=False):
        if paint is not last:
            last = paint
            code, mark = _SEQUENCES[paint]
            if code != color:
                parts.append(code or RESET)
                color = code
        shown = text if len(text) == width == 1 else padded(text, width)
        parts.append(marked(text, mark) + shown[len(text) :] if mark else shown)
    if color:
        parts.append(RESET)
    elif parts:
        parts[-1] = marked(row.texts[count - 1], mark)
    return "".join(parts)


def _length(row: GridRow) -> int:
    """The cells of a row up to the last that shows something."""
    count = len(row.texts)
    while count and not row.texts[count - 1] and row.paints[count - 1] is PLAIN:
        count -= 1
    return count


def marked(text: str, mark: str) -> str:
    """Text that is bold or underlined, by one of `MARKS`."""
    return f"{mark}{text}{UNMARKED}" if mark else text


class _Sequences(dict[Paint, tuple[str, str]]):
    """The escape sequences of each paint, made at its first use: of its color, "" for none, and of its mark."""

    def __missing__(self, paint: Paint) -> tuple[str, str]:
        codes = [*_codes(paint.foreground, 30), *_codes(paint.background, 40)]
        color = f"\x1b[{';'.join(map(str, codes))}m" if codes else ""
        self[paint] = color, MARKS[paint.bold, paint.underlined]
        return self[paint]


_SEQUENCES = _Sequences()


def _codes(color: Color | None, base: int) -> tuple[int, ...]:
    """The numbers that select a color: base 30 for the foreground, 40 for the background."""
    if color is None:
        return ()
    if not isinstance(color, int):
        return (base + 8, 2, *color)
    if color >= 16:
        return (base + 8, 5, color)
    return (base + color if color < 8 else base + 52 + color,)
