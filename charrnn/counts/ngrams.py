"""The distinct n-grams of a text, and how much a Kneser-Ney model takes off their counts.

An n-gram is identified by its rank among all of its length: one small number, whatever its length and the alphabet. An
order costs one stable sort of single symbols, because the n-grams shorter by one symbol are sorted already:

    text                                      a b a b c
    1-grams and their places, sorted          a0 a2 b1 b3 c4
    a place to the left: sorted by the rest   ba1 ab0 ab2 bc3
    2-grams: then by the first symbol         ab0 ab2 ba1 bc3

Source: S. Chen and J. Goodman, "An empirical study of smoothing techniques for language modeling", 1999.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Ids

FALLBACK = (0.5, 1.0, 1.5)
"""D1, D2 and D3 if too few n-grams occur once, twice ... to estimate them."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grams:
    """The G distinct n-grams of one length in a training text of n symbols, a gap, and a scored text of m."""

    length: int
    """The length of the n-grams."""
    starts: Numbers
    """Places where an n-gram begins, sorted by n-gram, (P,)."""
    ids: Numbers
    """Id of the n-gram that begins at each place, where one does, (n + m + 2,)."""
    counts: Numbers
    """How often each occurs in the training text, (G,)."""
    context: Numbers
    """Id of each n-gram without its last symbol, among those one shorter, (G,)."""
    suffix: Numbers
    """Id of each n-gram without its first symbol, (G,)."""


def empty_grams(num_symbols: int) -> Grams:
    """The n-gram of length 0, which is everywhere in a text of so many symbols."""
    places = np.arange(num_symbols + 1)
    zero = np.zeros(1, np.int64)
    return Grams(0, places, np.zeros_like(places), zero, zero, zero)


def longer_grams(grams: Grams, symbols: Ids, gap: int, end: int | None = None) -> Grams:
    """The n-grams that are longer by one symbol.

    Args:
        grams: those of one length.
        symbols: the training text, one symbol that is never used, and the scored text.
        gap: the place of that symbol.
        end: the symbol between items; it is the first or the last of an n-gram, so that none goes on in the next item.
    """
    starts = grams.starts - 1
    starts = starts[(starts >= 0) & (starts != gap)]
    if end is not None and grams.length > 1:
        starts = starts[symbols[starts + 1] != end]
    starts = starts[np.argsort(symbols[starts], kind="stable")]
    first, suffix = symbols[starts], grams.ids[starts + 1]
    is_new = np.ones(len(starts), np.bool_)
    is_new[1:] = (first[1:] != first[:-1]) | (suffix[1:] != suffix[:-1])
    rank = np.cumsum(is_new) - 1
    ids = np.zeros_like(grams.ids)
    ids[starts] = rank
    counts = np.bincount(rank[starts < gap], minlength=int(is_new.sum()))
    return Grams(grams.length + 1, starts, ids, counts, grams.ids[starts[is_new]], suffix[is_new])


def left_neighbors(grams: Grams, longer: Grams) -> Numbers:
    """How many distinct symbols precede each n-gram in the training text, (G,)."""
    seen = longer.suffix[longer.counts > 0]
    return np.bincount(seen, minlength=len(grams.counts))


def estimate_discounts(counts: Numbers) -> tuple[float, float, float]:
    """D1, D2 and D3, by Chen and Goodman's formulas from how many counts are 1, 2, 3 and 4.

    FALLBACK if these numbers are zero, or give a discount outside of (0, count].
    """
    n1, n2, n3, n4 = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].tolist()
    if not (n1 and n2 and n3):
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    discounts = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    possible = all(0 < discount <= count for count, discount in enumerate(discounts, start=1))
    return discounts if possible else FALLBACK
