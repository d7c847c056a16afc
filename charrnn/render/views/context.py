"""The loss by the length of the context, as a table with bars; the words are a picture's too."""

from collections.abc import Iterator, Sequence

from charrnn.interpret.context import WITHIN, ContextCurve
from charrnn.render.grid import GridRow, words
from charrnn.render.tables import bar, tight_lines, wrapped
from charrnn.wording import counted

MOST_BAR_CELLS = 40
NUMBER_WIDTHS = (7, 9, 9, 11, 9)
"""The widths of the columns of numbers, where there is room."""


def context_rows(
    curve: ContextCurve, noun: str, width: int, *, blocks: bool = True
) -> Iterator[GridRow]:
    """A row for each context length, and how far the context reaches. A narrow line has fewer numbers, and no bar.

    Args:
        curve: the loss by context length.
        noun: what a symbol is, "character" or "byte".
        width: columns in a line.
        blocks: draw bars with block characters; if not, with ASCII.
    """
    return map(words, _lines(curve, noun, width, blocks=blocks))


def _lines(curve: ContextCurve, noun: str, width: int, *, blocks: bool) -> Iterator[str]:
    title = f"{cost_name(noun)}; each k from the initial state and on the same {places_in_words(curve, noun)}"
    yield from wrapped(title, width)
    columns = _columns(curve)
    if width < sum(NUMBER_WIDTHS):
        yield from tight_lines(columns, width, least=2)
    else:
        yield from _lines_with_bars(columns, curve.mean.tolist(), width, blocks=blocks)
    yield from wrapped(reach_words(curve, noun), width)


def _columns(curve: ContextCurve) -> list[list[str]]:
    """The columns of the table, each with its heading, the most important first."""
    rows = zip(curve.mean, curve.error, curve.excess, curve.excess_error, strict=True)
    numbers = [(f"{m:.3f}", f"{e:.3f}", f"{o:+z.3f}", f"{oe:.3f}") for m, e, o, oe in rows]
    heads = ("bits", "± s.e.", f"over {curve.lengths[-1]:,}", "± s.e.")
    contexts = ["k", *(f"{context:,}" for context in curve.lengths)]
    return [contexts, *map(list, zip(heads, *numbers, strict=True))]


def _lines_with_bars(
    columns: Sequence[Sequence[str]], bits: Sequence[float], width: int, *, blocks: bool
) -> Iterator[str]:
    """The lines of a table that has room, with a bar in each but the heading."""
    cells = max(0, min(MOST_BAR_CELLS, width - sum(NUMBER_WIDTHS) - 2))
    drawn = ["", *(bar(value, max(bits), cells, blocks=blocks) for value in bits)]
    for row, beside in zip(zip(*columns, strict=True), drawn, strict=True):
        numbers = "".join(text.rjust(w) for text, w in zip(row, NUMBER_WIDTHS, strict=True))
        yield f"{numbers}  {beside}".rstrip()


def cost_name(noun: str) -> str:
    """The title of the table; `noun` is "character" or "byte"."""
    return f"bits per {noun}, given only the k {noun}s before it"


def places_in_words(curve: ContextCurve, noun: str) -> str:
    """How much of a text was evaluated: "512 characters"."""
    return counted(curve.num_places, noun)


def reach_words(curve: ContextCurve, noun: str) -> str:
    """The context length beyond which more of it hardly helps, in words."""
    symbols = counted(curve.lengths[-1], noun)
    return f"context length {curve.effective_length:,}: within {100 * WITHIN:g} % of the bits with {symbols}"
