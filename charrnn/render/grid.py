"""A grid of cells: the one form of everything that is drawn in cells, whatever will show it.

Views turn data into rows, one after the other, so that a long text is shown while it is read; `ansi`, `svg` and `png`
lower rows, and know nothing of views.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from charrnn.render.palette import PLAIN, Paint


@dataclass(frozen=True, slots=True)
class GridRow:
    """Cells from left to right, each a text in as many columns as it takes or more; a row without cells is a gap.

    A cell without text is blank. It is not the same as a space, which a text may end with.
    """

    texts: Sequence[str] = ()
    widths: Sequence[int] = ()
    paints: Sequence[Paint] = ()

    def __add__(self, other: "GridRow") -> "GridRow":
        return GridRow(
            [*self.texts, *other.texts],
            [*self.widths, *other.widths],
            [*self.paints, *other.paints],
        )

    def __getitem__(self, part: slice) -> "GridRow":
        return GridRow(self.texts[part], self.widths[part], self.paints[part])

    @property
    def width(self) -> int:
        """The columns that the row takes."""
        return sum(self.widths)


GAP = GridRow()


@dataclass(frozen=True)
class Grid:
    """All rows of a picture, and words for readers who cannot see it."""

    rows: Sequence[GridRow]
    title: str
    description: str


def words(text: str, paint: Paint = PLAIN, width: int | None = None) -> GridRow:
    """A row of one cell, as wide as its text if no other width is given."""
    return GridRow((text,), (cell_len(text) if width is None else width,), (paint,))


def row_of(cells: Iterable[tuple[str, int, Paint]]) -> GridRow:
    """The row of cells that are given one by one: text, width and paint."""
    texts, widths, paints = zip(*cells, strict=True) if (cells := list(cells)) else ((), (), ())
    return GridRow(texts, widths, paints)


def padded(text: str, width: int) -> str:
    """Text with spaces after it, as wide as its cell."""
    return text + " " * (width - cell_len(text)) if text else " " * width


# --- folding --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Band:
    """Rows over the same columns, which are folded together."""

    rows: Sequence[GridRow]
    """One or more, all with the same widths."""
    begins: Sequence[bool]
    """Whether a grapheme begins with each column; no line is broken within one that fits it."""
    ends: Sequence[bool]
    """Whether a line ends with each column."""

    def __add__(self, other: "Band") -> "Band":
        rows = [mine + theirs for mine, theirs in zip(self.rows, other.rows, strict=True)]
        return Band(rows, [*self.begins, *other.begins], [*self.ends, *other.ends])

    def __getitem__(self, part: slice) -> "Band":
        return Band([row[part] for row in self.rows], self.begins[part], self.ends[part])


def folded(bands: Iterable[Band], width: int) -> Iterator[list[GridRow]]:
    """The rows of each line of a text that comes in parts. Nothing is kept of a part but its last line.

    Args:
        bands: the parts, with the same number of rows.
        width: columns in a line.
    """
    rest: Band | None = None
    for part in bands:
        band = rest + part if rest else part
        lines = [slice(*ends) for ends in fold(band, max(1, width))]
        is_open = bool(lines) and not band.ends[-1]
        rest = band[lines.pop()] if is_open else None
        for line in lines:
            yield [row[line] for row in band.rows]
    if rest:
        yield list(rest.rows)


def fold(band: Band, width: int) -> Iterator[tuple[int, int]]:
    """The first and last column of each line; it ends with a newline, or before a grapheme that does not fit.

    A grapheme that fits no line is broken where the line is full.
    """
    widths = band.rows[0].widths
    if all(band.begins) and len(widths) == sum(widths):
        yield from _fold_evenly(band.ends, width)
        return
    first = used = 0
    group = before = 0  # where the grapheme begins, and the columns of its line before it
    for t, (cells, begins, ends) in enumerate(zip(widths, band.begins, band.ends, strict=True)):
        if begins:
            group, before = t, used
        while used and used + cells > width:
            cut = group if group > first else t
            yield first, cut
            first, used = cut, used - before if cut < t else 0
        used += cells
        if ends:
            yield first, t + 1
            first, used = t + 1, 0
    if first < len(widths):
        yield first, len(widths)


def _fold_evenly(ends: Sequence[bool], width: int) -> Iterator[tuple[int, int]]:
    """The lines of columns of one cell that may be broken anywhere, as most texts have them: see `fold`."""
    first = 0
    while first < len(ends):
        full = min(first + width, len(ends))
        line = ends[first:full]
        last = first + line.index(True) + 1 if True in line else full
        yield first, last
        first = last
