"""Kneser-Ney n-gram models: prediction by counting alone.

The modified, interpolated form of Chen and Goodman ("An empirical study of smoothing techniques for language modeling",
1999). For a context h, the same context h' without its first symbol, and a symbol w,

    p(w | h)  =  (c(hw) - D(c(hw))) / c(h)  +  gamma(h) p(w | h')
    c(h)      =  sum over w of c(hw)
    gamma(h)  =  sum over w of D(c(hw)) / c(h)

and p(w | h) = p(w | h') after a context that was never seen. The last h' is below the empty context: there p is 1 / V.
At the model's full order c counts how often hw occurs; at the orders below, how many different symbols precede it.
D takes off D1, D2 or D3 from a count of 1, 2, or 3 and more.

There are no start symbols: the first symbols of a text have shorter contexts.

An n-gram is identified by its rank among all of its length, those of the scored text included: one small number,
whatever its length and the alphabet. An order costs one stable sort of single symbols, because the n-grams shorter by
one symbol are sorted already:

    text                                      a b a b c
    1-grams and their places, sorted          a0 a2 b1 b3 c4
    a place to the left: sorted by the rest   ba1 ab0 ab2 bc3
    2-grams: then by the first symbol         ab0 ab2 ba1 bc3
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Float64, Ids

FALLBACK = (0.5, 1.0, 1.5)
"""D1, D2 and D3 if too few n-grams occur once, twice ... to estimate them."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Grams:
    """The G distinct n-grams of one length in a training text of n symbols, a gap, and a scored text of m."""

    length: int
    """The length of the n-grams."""
    starts: Counts
    """Places where an n-gram begins, sorted by n-gram, (P,)."""
    ids: Counts
    """Id of the n-gram that begins at each place, where one does, (n + m + 2,)."""
    counts: Counts
    """How often each occurs in the training text, (G,)."""
    context: Counts
    """Id of each n-gram without its last symbol, among those one shorter, (G,)."""
    suffix: Counts
    """Id of each n-gram without its first symbol, (G,)."""


def kneser_ney(train: Ids, text: Ids, num_symbols: int, highest: int) -> Iterator[Float64]:
    """The probability of each symbol of a text but the first, under n-gram models of order 1, 2, ..., `highest`.

    Each is estimated on the training text alone, and its contexts are the text's own symbols.

    Args:
        train: the training text, (n,).
        text: the text to score, (m,), m at least 1.
        num_symbols: V; all symbols are below it.
        highest: the order of the last model.

    Yields:
        The probabilities under the model of the next order, (m - 1,); none is zero.
    """
    gap = len(train)
    symbols = np.concatenate([train, text[:1], text])  # the symbol in the gap is never used
    places = np.arange(len(symbols) + 1)
    zero = np.zeros(1, np.int64)
    grams = _Grams(0, places, np.zeros_like(places), zero, zero, zero)
    below = np.full(len(text), 1 / num_symbols)
    for order in range(1, highest + 1):
        shorter, grams = grams, _longer(grams, symbols, gap)
        if order > 1:
            below = _interpolated(shorter, _left_neighbours(shorter, grams), below)
        yield _interpolated(grams, grams.counts, below)[1:]


def _longer(grams: _Grams, symbols: Ids, gap: int) -> _Grams:
    """The n-grams that are longer by one symbol."""
    starts = grams.starts - 1
    starts = starts[(starts >= 0) & (starts != gap)]
    starts = starts[np.argsort(symbols[starts], kind="stable")]
    first, suffix = symbols[starts], grams.ids[starts + 1]
    is_new = np.ones(len(starts), np.bool_)
    is_new[1:] = (first[1:] != first[:-1]) | (suffix[1:] != suffix[:-1])
    rank = np.cumsum(is_new) - 1
    ids = np.zeros_like(grams.ids)
    ids[starts] = rank
    counts = np.bincount(rank[starts < gap], minlength=int(is_new.sum()))
    return _Grams(grams.length + 1, starts, ids, counts, grams.ids[starts[is_new]], suffix[is_new])


def _left_neighbours(grams: _Grams, longer: _Grams) -> Counts:
    """How many distinct symbols precede each n-gram in the training text, (G,)."""
    seen = longer.suffix[longer.counts > 0]
    return np.bincount(seen, minlength=len(grams.counts))


def _interpolated(grams: _Grams, counts: Counts, below: Float64) -> Float64:
    """The probability of each symbol by n-grams of one length, interpolated with that by shorter ones, `below`: (m,)."""
    discounts = np.array([0.0, *estimate_discounts(counts)])
    num_contexts = int(grams.context.max(initial=-1)) + 1
    total = np.bincount(grams.context, counts, num_contexts)
    taken = np.bincount(grams.context, discounts[np.minimum(counts, 3)], num_contexts)
    num_ends = max(0, len(below) + 1 - grams.length)
    text = grams.ids[-1 - len(below) :][:num_ends]  # (m - length + 1,)
    known = total[grams.context[text]] > 0
    own, at = text[known], np.flatnonzero(known) + grams.length - 1
    count, context = counts[own], grams.context[own]
    mixed = below.copy()
    kept = count - discounts[np.minimum(count, 3)]
    mixed[at] = (kept + taken[context] * below[at]) / total[context]
    return mixed


def estimate_discounts(counts: Counts) -> tuple[float, float, float]:
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
