"""What a character costs with more and more context, as a table with bars; the words are a picture's too."""

import textwrap
from collections.abc import Iterator

from charrnn.render.bars import bar
from charrnn.scoring.horizon import WITHIN, Horizon

MOST_BAR_CELLS = 40


def horizon_lines(found: Horizon, noun: str, width: int, *, blocks: bool = True) -> Iterator[str]:
    """The lines: a row for each context, and how far the context reaches.

    Args:
        found: what is shown.
        noun: what a symbol is, "character" or "byte".
        width: of a line, in cells.
        blocks: draw bars with block characters; if not, with ASCII.
    """
    mean, error, more, more_error = found.mean, found.error, found.more, found.more_error
    title = f"{cost_name(noun)}; every k from a cold start and on the same {judged(found, noun)}"
    yield from textwrap.wrap(title, max(24, width))
    longest = f"over {found.contexts[-1]:,}"
    head = f"{'k':>7}{'bits':>9}{'± s.e.':>9}{longest:>11}{'± s.e.':>9}  "
    yield head.rstrip()
    cells = max(0, min(MOST_BAR_CELLS, width - len(head)))
    for k, context in enumerate(found.contexts):
        drawn = bar(float(mean[k]), float(mean.max()), cells, blocks=blocks)
        numbers = f"{context:>7,}{mean[k]:9.3f}{error[k]:9.3f}{more[k]:+11.3f}{more_error[k]:9.3f}"
        yield f"{numbers}  {drawn}".rstrip()
    yield reach_words(found, noun)


def cost_name(noun: str) -> str:
    """What is measured, "character" by character or "byte" by byte."""
    return f"bits per {noun}, given only the k {noun}s before it"


def judged(found: Horizon, noun: str) -> str:
    """On how much of a text: "512 characters"."""
    return f"{found.windows:,} {noun}{'s'[: found.windows - 1]}"


def reach_words(found: Horizon, noun: str) -> str:
    """From which context on more of it hardly helps."""
    longest = found.contexts[-1]
    symbols = f"{longest:,} {noun}{'s'[: longest - 1]}"
    return f"within {100 * WITHIN:g} % of the bits with {symbols}: from k = {found.reach:,} on"
