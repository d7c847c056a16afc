"""The scores of lines as rows of a table, or of JSON."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from charrnn.render.glyphs import one_line

if TYPE_CHECKING:
    from charrnn.evaluation.score import LineScore

HEADINGS = ("chars", "bits", "bits/char", "unknown", "worst", "at", "read", "expected")
WIDTHS = (6, 6, 9, 9, 7, 6, 5, 4, 8)
GAP = "  "
BLANK = "␣"


class Table:
    """A table that is printed row by row, so that its columns have fixed widths.

    Args:
        noun: what a row is of: "line".
        names: the files that the lines are from; of several, each line is called by its file too.
        width: cells of the terminal, in which the lines end; None: they are printed whole.
    """

    def __init__(self, noun: str, names: Iterable[str], width: int | None) -> None:
        self._headings = (noun, *HEADINGS)
        self._names = [*names]
        self._width = width
        longest = max(map(len, self._names)) if len(self._names) > 1 else -1
        first = max(WIDTHS[0] + longest + 1, len(noun))
        self._widths = (first, *WIDTHS[1:])

    def heading(self) -> str:
        """The names of the columns."""
        return GAP.join((*self._justified(self._headings), "text"))

    def row(self, name: str, line: "LineScore") -> str:
        """The row of a line of a file."""
        worst = line.worst
        number = f"{name}:{line.number}" if len(self._names) > 1 else str(line.number)
        cells = (
            one_line(number),
            str(line.characters),
            f"{line.bits:.2f}",
            f"{line.bits_per_char:.3f}",
            str(line.unknown),
            f"{worst.bits:.2f}",
            str(worst.position),
            _shown(worst.text),
            _shown(worst.expected),
        )
        row = GAP.join(self._justified(cells)) + GAP
        return row + self._shortened(one_line(line.text), len(row))

    def _justified(self, cells: Iterable[str]) -> Iterator[str]:
        return (cell.rjust(width) for cell, width in zip(cells, self._widths, strict=True))

    def _shortened(self, text: str, used: int) -> str:
        """The text in as many cells as are left of a line."""
        if self._width is None:
            return text
        from rich.cells import cell_len, set_cell_size

        left = max(1, self._width - used)
        return text if cell_len(text) <= left else set_cell_size(text, left - 1) + "…"


def _shown(symbol: str) -> str:
    """A symbol as a word without white space."""
    return "".join(BLANK if c.isspace() else c for c in one_line(symbol))


def print_row(row: str) -> None:
    """Print a row at once: whoever pipes lines in waits for it."""
    sys.stdout.write(row + "\n")
    sys.stdout.flush()
