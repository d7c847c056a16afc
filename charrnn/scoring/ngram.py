"""Kneser-Ney n-grams: what can be predicted by counting alone.

The modified, interpolated form of Chen and Goodman ("An empirical study of smoothing techniques for language modeling",
1999). For a context h, the same context h' without its first symbol, and a symbol w,

    p(w | h)  =  (c(hw) - D(c(hw))) / c(h)  +  gamma(h) p(w | h')
    c(h)      =  sum over w of c(hw)
    gamma(h)  =  sum over w of D(c(hw)) / c(h)

and p(w | h) = p(w | h') after a context that was never seen. The last h' is below the empty context: there p is 1 / V.
At the model's full order c counts how often hw occurs; at the orders below, how many different symbols stand before it.
D takes off D1, D2 or D3 from a count of 1, 2, or 3 and more.

There are no start symbols: the first symbols of a text have shorter contexts, and nothing before them.

    text       a b a b c
    2-grams    ab ba ab bc    ids 0 2 0 3 (those of a scored text have ids too, and a count of 0 if they are new)

An n-gram is known by an id: the rank of (id of its context, last symbol) among all of its length. So a long one is still
one small number, whatever the alphabet, and each order costs one sort.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.text.vocabulary import Ids

FALLBACK = (0.5, 1.0, 1.5)
"""D1, D2 and D3 where too few n-grams occur once, twice ... to estimate them."""

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Grams:
    """All n-grams of one length, G of them, in a training text of n symbols and a scored text of m."""

    length: int
    train: Counts
    """(n - length + 1,) the id of the n-gram that starts at each symbol."""
    text: Counts
    """(m - length + 1,) the same of the scored text."""
    counts: Counts
    """(G,) how often each occurs in the training text."""
    context: Counts
    """(G,) the id of the n-gram without its last symbol, among those one shorter."""
    suffix: Counts
    """(G,) the id of the n-gram without its first symbol."""


def kneser_ney(train: Ids, text: Ids, num_symbols: int, highest: int) -> Iterator[Floats]:
    """The probability of each symbol of a text but the first, by n-gram models of the orders 1, 2, ... `highest`.

    Each is estimated on the training text alone, and its contexts are the text's own symbols.

    Args:
        train: (n,) the training text.
        text: (m,) the text to score, m at least 1.
        num_symbols: V; all symbols are below it.
        highest: the order of the last model.

    Yields:
        (m - 1,) the probabilities by the model of the next order; none is zero.
    """
    nothing = np.empty(0, np.int64)
    grams = _Grams(
        0, np.zeros(len(train) + 1, np.int64), np.zeros(len(text) + 1, np.int64), *[nothing] * 3
    )
    below = np.full(len(text), 1 / num_symbols)
    for order in range(1, highest + 1):
        shorter, grams = grams, _longer(grams, train, text, num_symbols)
        if order > 1:
            below = _interpolated(shorter, _left_neighbours(shorter, grams), below)
        yield _interpolated(grams, grams.counts, below)[1:]


def _longer(grams: _Grams, train: Ids, text: Ids, num_symbols: int) -> _Grams:
    """The n-grams that are longer by one symbol."""
    keys = np.concatenate(
        [
            grams.train[:-1] * num_symbols + train[grams.length :],
            grams.text[:-1] * num_symbols + text[grams.length :],
        ]
    )
    found, ids = np.unique(keys, return_inverse=True)
    in_train, in_text = np.split(ids, [len(grams.train[:-1])])
    suffix = np.empty(len(found), np.int64)
    suffix[in_train] = grams.train[1:]
    suffix[in_text] = grams.text[1:]
    counts = np.bincount(in_train, minlength=len(found))
    return _Grams(grams.length + 1, in_train, in_text, counts, found // num_symbols, suffix)


def _left_neighbours(grams: _Grams, longer: _Grams) -> Counts:
    """(G,) how many different symbols stand before each n-gram in the training text."""
    seen = longer.suffix[longer.counts > 0]
    return np.bincount(seen, minlength=len(grams.counts))


def _interpolated(grams: _Grams, counts: Counts, below: Floats) -> Floats:
    """(m,) the probability of each symbol by n-grams of one length and what is `below`: by those that are shorter."""
    discounts = np.array([0.0, *estimate_discounts(counts)])
    contexts = int(grams.context.max(initial=-1)) + 1
    total = np.bincount(grams.context, counts, contexts)
    taken = np.bincount(grams.context, discounts[np.minimum(counts, 3)], contexts)
    count, context = counts[grams.text], grams.context[grams.text]
    known = total[context] > 0
    count, context = count[known], context[known]
    own = count - discounts[np.minimum(count, 3)]
    mixed = below.copy()
    at = np.flatnonzero(known) + grams.length - 1
    mixed[at] = (own + taken[context] * below[at]) / total[context]
    return mixed


def estimate_discounts(counts: Counts) -> tuple[float, float, float]:
    """D1, D2 and D3, by Chen and Goodman's formulas from how many counts are 1, 2, 3 and 4.

    They are FALLBACK if those numbers are zero, or give a discount that is not above 0 and at most the count itself.
    """
    n1, n2, n3, n4 = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].tolist()
    if not (n1 and n2 and n3):
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    possible = all(0 < discount <= most for most, discount in enumerate(found, start=1))
    return found if possible else FALLBACK
