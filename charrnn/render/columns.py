"""Words and figures on a narrow line: words are wrapped, what columns have no room for is left out whole.

No figure is ever cut: a word that fits no line stands beyond its end.
"""

import textwrap
from collections.abc import Iterator, Sequence

NARROWEST = 24
"""Cells: lines are wrapped as if there were so many, at least."""
GAP = 2


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Text as lines of up to `width` cells, broken between words only; the second begins with the indent."""
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
    """The lines of a table: as many columns from the left as fit, at least some, each as narrow as it can be.

    Args:
        columns: each with its heading and a text a row.
        width: of a line, in cells.
        least: columns that are never left out.
    """
    widths = [max(map(len, column)) for column in columns]
    ends = [sum(widths[: k + 1]) + GAP * k for k in range(len(widths))]
    count = max(least, sum(end <= width for end in ends))
    for row in zip(*columns[:count], strict=True):
        yield (" " * GAP).join(text.rjust(w) for text, w in zip(row, widths, strict=False))
