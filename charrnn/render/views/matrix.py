"""Numbers from 0 to 1 between a text and something else, as a matrix: a column for each character of the text.

With attention the rows are the characters of a target, and each has a weight for every character of its source; with
labels the rows are labels, and each has its probability after every character. A text that does not fit the width is
folded, all its rows together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from charrnn.numerics import Float
from charrnn.render.glyphs import one_line
from charrnn.render.grid import GAP, Band, GridRow, folded, padded, words
from charrnn.render.look import Look
from charrnn.render.palette import PLAIN
from charrnn.render.views.scale import digits_of, note_rows, title_rows
from charrnn.render.views.symbols import Column, shown, symbol_columns

LONGEST_LABEL = 20
"""Columns that the label of a row may take."""
ELLIPSIS = "…"


@dataclass(frozen=True)
class Matrix:
    """The numbers, and what stands at their sides."""

    title: str
    """The title; what comes before three blanks is its heading."""
    across: Sequence[str]
    """(S,) the characters of the text."""
    down: Sequence[str]
    """(T,) the labels of the rows."""
    values: Float
    """(T, S) from 0 to 1."""
    meaning: str
    """What a number is, in words: "how much of the attention is at this character"."""


def matrix_rows(matrix: Matrix, look: Look, width: int) -> Iterator[GridRow]:
    """The rows of a matrix: a legend, then the text, and under it a row for each label.

    Args:
        matrix: the numbers.
        look: how it is drawn; without colors, digits take their place.
        width: columns in a line.
    """
    yield from title_rows(matrix.title, look)
    shade = "the greener, the larger" if look.has_color else ""
    digit = "the digit is its size in ninths" if look.has_digits else ""
    marks = "; ".join(filter(None, (shade, digit)))
    yield from note_rows(f"each cell: {matrix.meaning}; {marks}", look)
    yield GAP
    labels = [short_label(one) for one in matrix.down]
    margin = max(map(cell_len, labels), default=0) + 1
    for number, rows in enumerate(folded([_band(matrix, look)], max(1, width - margin))):
        if number:
            yield GAP
        for label, row in zip(["", *labels], rows, strict=True):
            yield words(padded(label, margin), look.note if not label else PLAIN, margin) + row


def short_label(text: str, width: int = LONGEST_LABEL) -> str:
    """A label as one line of at most some cells."""
    label = one_line(shown(text))
    if cell_len(label) <= width:
        return label
    while cell_len(label) >= width:
        label = label[:-1]
    return label + ELLIPSIS


def _band(matrix: Matrix, look: Look) -> Band:
    columns: Sequence[Column] = symbol_columns(matrix.across, map(ord, matrix.across))
    widths = [column.width for column in columns]
    plain, blank = [PLAIN] * len(columns), [""] * len(columns)
    rows = [GridRow([column.label for column in columns], widths, plain)]
    for values in matrix.values.tolist():
        texts = digits_of(values, 1.0) if look.has_digits else blank
        rows.append(GridRow(texts, widths, look.rising.of(values, 1.0)))
    return Band(rows, [column.begins for column in columns], [False] * len(columns))
