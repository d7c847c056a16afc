"""The scores of lines as rows of a table, or of JSON."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from charrnn.render.glyphs import one_line

if TYPE_CHECKING:
    from charrnn.evaluation.line_scores import LineScore

HEADINGS = ("bits", "mean", "unknown", "worst", "at", "read", "expected")
WIDTHS = (5, 5, 8, 6, 7, 6, 5, 4, 8)
GAP = " "
BLANK = "␣"


class Table:
    """A table that is printed row by row, so that its columns have fixed widths.

    Args:
        noun: what a row is of: "line".
        names: the files that the lines are from; of several, each line is called by its file too.
        unit: what a line is counted in: "char" or "byte".
        width: cells of the terminal, for which lines are shortened; None: they are printed whole.
    """

    def __init__(self, noun: str, names: Iterable[str], unit: str, width: int | None) -> None:
        self._headings = (noun, f"{unit}s", *HEADINGS)
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
        return row + self._shortened(line.text, worst.position, len(row))

    def _justified(self, cells: Iterable[str]) -> Iterator[str]:
        return (cell.rjust(width) for cell, width in zip(cells, self._widths, strict=True))

    def _shortened(self, text: str, place: int, used: int) -> str:
        """The text, or what of it is around a place, in as many cells as are left of a line."""
        from rich.cells import cell_len, set_cell_size

        left = max(1, (self._width or 0) - used)
        whole = one_line(text)
        if self._width is None or cell_len(whole) <= left:
            return whole
        start = max(0, min(place - left // 2, len(text) - left + 1))
        shown = ("…" if start else "") + one_line(text[start : start + left])
        is_cut = start + left < len(text) or cell_len(shown) > left
        return set_cell_size(shown, left - 1) + "…" if is_cut else shown


def _shown(symbol: str) -> str:
    """A symbol as a word without white space."""
    return "".join(BLANK if c.isspace() else c for c in one_line(symbol))


def print_row(row: str) -> None:
    """Print a row at once, because the source of the lines may wait for it."""
    sys.stdout.write(row + "\n")
    sys.stdout.flush()
