"""What a character costs with more and more context, as a table with bars; the words are a picture's too."""

from collections.abc import Iterator, Sequence

from charrnn.interpret.context import WITHIN, ContextCurve
from charrnn.render.bars import bar
from charrnn.render.columns import tight_lines, wrapped
from charrnn.wording import counted

MOST_BAR_CELLS = 40
COLUMNS = (7, 9, 9, 11, 9)
"""Cells of the figures, where there is room."""


def context_lines(
    found: ContextCurve, noun: str, width: int, *, blocks: bool = True
) -> Iterator[str]:
    """The lines: a row for each context, and how far the context reaches. A narrow line has fewer figures, and no bar.

    Args:
        found: what is shown.
        noun: what a symbol is, "character" or "byte".
        width: of a line, in cells.
        blocks: draw bars with block characters; if not, with ASCII.
    """
    title = f"{cost_name(noun)}; every k from a cold start and on the same {judged(found, noun)}"
    yield from wrapped(title, width)
    columns = _columns(found)
    if width < sum(COLUMNS):
        yield from tight_lines(columns, width, least=2)
    else:
        yield from _lines_with_bars(columns, found.mean.tolist(), width, blocks=blocks)
    yield from wrapped(reach_words(found, noun), width)


def _columns(found: ContextCurve) -> list[list[str]]:
    """Each with its heading, the most important first."""
    rows = zip(found.mean, found.error, found.excess, found.excess_error, strict=True)
    figures = [(f"{m:.3f}", f"{e:.3f}", f"{o:+z.3f}", f"{oe:.3f}") for m, e, o, oe in rows]
    heads = ("bits", "± s.e.", f"over {found.lengths[-1]:,}", "± s.e.")
    contexts = ["k", *(f"{context:,}" for context in found.lengths)]
    return [contexts, *map(list, zip(heads, *figures, strict=True))]


def _lines_with_bars(
    columns: Sequence[Sequence[str]], bits: Sequence[float], width: int, *, blocks: bool
) -> Iterator[str]:
    """The rows of columns that have room, and a bar for each but the heading."""
    cells = max(0, min(MOST_BAR_CELLS, width - sum(COLUMNS) - 2))
    drawn = ["", *(bar(value, max(bits), cells, blocks=blocks) for value in bits)]
    for row, beside in zip(zip(*columns, strict=True), drawn, strict=True):
        figures = "".join(text.rjust(w) for text, w in zip(row, COLUMNS, strict=True))
        yield f"{figures}  {beside}".rstrip()


def cost_name(noun: str) -> str:
    """What is measured, "character" by character or "byte" by byte."""
    return f"bits per {noun}, given only the k {noun}s before it"


def judged(found: ContextCurve, noun: str) -> str:
    """On how much of a text: "512 characters"."""
    return counted(found.num_places, noun)


def reach_words(found: ContextCurve, noun: str) -> str:
    """From which context on more of it hardly helps."""
    symbols = counted(found.lengths[-1], noun)
    return f"within {100 * WITHIN:g} % of the bits with {symbols}: from k = {found.effective_length:,} on"
