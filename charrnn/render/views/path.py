"""A text with one symbol under each of its characters, in the color of the symbol's probability."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charrnn.numerics import Float
from charrnn.render.grid import GAP, Band, GridRow, folded
from charrnn.render.look import Look
from charrnn.render.palette import PLAIN
from charrnn.render.views.scale import digits_of, note_rows, title_rows
from charrnn.render.views.symbols import symbol_columns


@dataclass(frozen=True)
class Tags:
    """A text and its symbols."""

    title: str
    """The title; what comes before three blanks is its heading."""
    text: Sequence[str]
    """(S,) the characters."""
    symbols: Sequence[str]
    """(S,) what stands under them."""
    probabilities: Float
    """(S,) from 0 to 1."""
    meaning: str
    """What the symbols are, in words."""


def tag_rows(tags: Tags, look: Look, width: int) -> Iterator[GridRow]:
    """The rows of a text with symbols under its characters: a legend, the text, the symbols, and digits if wanted.

    Args:
        tags: the text and its symbols.
        look: how it is drawn; without colors, digits take their place.
        width: columns in a line.
    """
    yield from title_rows(tags.title, look)
    color = ", the greener, the more probable" if look.has_color else ""
    digit = "; below its probability in ninths" if look.has_digits else ""
    yield from note_rows(f"under each character: {tags.meaning}{color}{digit}", look)
    yield GAP
    for number, rows in enumerate(folded([_band(tags, look)], max(1, width))):
        if number:
            yield GAP
        yield from rows


def _band(tags: Tags, look: Look) -> Band:
    above = symbol_columns(tags.text, map(ord, tags.text))
    below = symbol_columns(tags.symbols, [0] * len(tags.symbols))
    widths = [max(a.width, b.width) for a, b in zip(above, below, strict=True)]
    plain = [PLAIN] * len(widths)
    paints = look.rising.of(tags.probabilities, 1.0)
    rows = [
        GridRow([column.label for column in above], widths, plain),
        GridRow([column.label for column in below], widths, paints),
    ]
    if look.has_digits:
        rows.append(GridRow(digits_of(tags.probabilities.tolist(), 1.0), widths, plain))
    return Band(rows, [column.begins for column in above], [False] * len(widths))
