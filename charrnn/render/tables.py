"""Tables without colors: wrapped words, columns as narrow as they can be, numbers as bars.

No number is ever cut: a word longer than the line extends beyond it.
"""

import textwrap
from collections.abc import Iterator, Sequence

NARROWEST = 24
"""The least width that words are wrapped at, in columns of the terminal."""
COLUMN_GAP = 2
EIGHTHS = "▏▎▍▌▋▊▉█"
"""The eighths of a cell, filled from the left."""


def bar(value: float, largest: float, width: int, *, blocks: bool = True) -> str:
    """A number as a bar, `width` cells for the largest: 3.5 of 4 in 4 cells -> "███▌".

    Args:
        value: 0 or more.
        largest: the value of the longest bar.
        width: cells.
        blocks: draw eighths of a cell; if not, whole cells in ASCII, "####".
    """
    cells = width * value / largest if largest > 0 else 0.0
    if not blocks:
        return "#" * round(cells)
    full, eighths = divmod(round(8 * cells), 8)
    return EIGHTHS[-1] * full + (EIGHTHS[eighths - 1] if eighths else "")


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Text as lines of up to `width` cells, broken between words only; all but the first begin with the indent."""
    if len(text) <= width:
        return [text]
    return textwrap.wrap(
        text,
        max(NARROWEST, width),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def tight_lines(columns: Sequence[Sequence[str]], width: int, least: int = 1) -> Iterator[str]:
    """The lines of a table: as many columns from the left as fit, each as narrow as it can be.

    Args:
        columns: each with its heading and a text a row.
        width: the width of a line, in cells.
        least: the number of columns that are never left out.
    """
    widths = [max(map(len, column)) for column in columns]
    ends = [sum(widths[: k + 1]) + COLUMN_GAP * k for k in range(len(widths))]
    count = max(least, sum(end <= width for end in ends))
    for row in zip(*columns[:count], strict=True):
        yield (" " * COLUMN_GAP).join(text.rjust(w) for text, w in zip(row, widths, strict=False))
