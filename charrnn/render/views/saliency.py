"""How much earlier characters mattered for a prediction: the text in colors, and the strongest in a table."""

from collections.abc import Iterator, Sequence

import numpy as np
from rich.cells import cell_len

from charrnn.numerics import Float64
from charrnn.render.grid import GridRow, words
from charrnn.render.look import Look
from charrnn.render.tables import bar
from charrnn.render.views.scale import Scale, legend_rows
from charrnn.render.views.symbols import Column, label_of, symbol_columns
from charrnn.render.views.text import TextPart, text_rows

STRONGEST = 8
"""The number of characters in the table."""
MOST_BAR_CELLS = 24
SPACE = "␣"
"""How a space is shown in the table."""

Symbol = tuple[int, str]
"""A symbol and what it adds to the text."""


def saliency_text(
    title: str, symbols: Sequence[Symbol], target: Symbol, norms: Float64
) -> tuple[TextPart, Scale]:
    """A text colored by its norms as fractions of the largest.

    Args:
        title: what is known of the target, which comes before it.
        symbols: (K,) the text before the target.
        target: the predicted symbol, shown in brackets after the text.
        norms: (K,) 0 or more.
    """
    largest = float(norms.max())
    predicted = f"[{label_of(target[1], target[0])}]"
    columns = symbol_columns([piece for _, piece in symbols], [symbol for symbol, _ in symbols])
    columns.append(Column(predicted, cell_len(predicted), ends_line=False))
    heading = f"saliency for {predicted} {title}   1.00 is a norm of {largest:.3g}"
    fractions = (norms / (largest or 1.0)).tolist()
    return TextPart(columns, [*fractions, 0.0]), Scale(heading, 1.0, is_signed=False)


def saliency_rows(part: TextPart, scale: Scale, look: Look, width: int) -> Iterator[GridRow]:
    """The text in its colors, with a legend: see `saliency_text`."""
    yield from legend_rows(scale, look)
    yield from text_rows([part], scale, look, width)


def strongest_rows(
    part: TextPart,
    place: int,
    norms: Float64,
    width: int,
    *,
    blocks: bool = True,
) -> Iterator[GridRow]:
    """The characters that mattered most, as a table.

    Args:
        part: the text: see `saliency_text`.
        place: the position of what is predicted.
        norms: (K,) the norms of the symbols before it.
        width: columns in a line.
        blocks: draw bars with block characters; if not, with ASCII.
    """
    head = f"{'at':>9}{'back':>7}{'norm':>9}"
    yield words(head)
    cells = max(0, min(MOST_BAR_CELLS, width - len(head) - len("  i  ")))
    for t in np.argsort(-norms, kind="stable")[:STRONGEST].tolist():
        back = len(norms) - t
        label = part.columns[t].label.replace(" ", SPACE)
        numbers = f"{place - back:>9,}{back:>7,}{norms[t]:9.3g}"
        drawn = bar(part.values[t], 1.0, cells, blocks=blocks)
        yield words(f"{numbers}  {label}{' ' * (2 - cell_len(label))} {drawn}".rstrip())
