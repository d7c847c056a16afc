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
"""

from collections.abc import Iterator

import numpy as np

from charrnn.counts.ngrams import (
    Grams,
    Numbers,
    empty_grams,
    estimate_discounts,
    left_neighbors,
    longer_grams,
)
from charrnn.numerics import Float64, Ids


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
    grams = empty_grams(len(symbols))
    below = np.full(len(text), 1 / num_symbols)
    for order in range(1, highest + 1):
        shorter, grams = grams, longer_grams(grams, symbols, gap)
        if order > 1:
            below = _interpolated(shorter, left_neighbors(shorter, grams), below)
        yield _interpolated(grams, grams.counts, below)[1:]


def _interpolated(grams: Grams, counts: Numbers, below: Float64) -> Float64:
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
