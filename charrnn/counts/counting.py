"""The counts of a training text: a Kneser-Ney model, pruned of the n-grams that help least.

The model is that of `charrnn.evaluation.ngram`. An n-gram is kept for what it gains on the training text,

    c(hw) ln(p(w | h) / rest(h) p(w | h'))

the nats that would be lost there if w after h were predicted by the shorter context alone (K. Seymore and R. Rosenfeld,
"Scalable backoff language models", 1996). The probability of the n-grams that are left out goes to the shorter context.
"""

from dataclasses import dataclass

import numpy as np

from charrnn.counts.ngrams import (
    Numbers,
    empty_grams,
    estimate_discounts,
    left_neighbors,
    longer_grams,
)
from charrnn.counts.table import CountTable, as_codes
from charrnn.numerics import Float64, Ids, Mask

MOST_COUNTED = 4_000_000
"""Maximum symbols counted, from the end of the training text: they take about a gigabyte of memory."""


@dataclass(frozen=True)
class _Level:
    """The G n-grams of one length."""

    last: Ids
    """The last symbol of each, (G,)."""
    context: Numbers
    """Index of the context of each among the n-grams one symbol shorter, ascending, (G,)."""
    values: Float64
    """The discounted relative frequency of each: its probability without shorter contexts, (G,)."""
    p: Float64
    """The probability of each, interpolated with shorter contexts, (G,)."""
    gain: Float64
    """The nats that each gains on the training text, (G,)."""


def count(
    train: Ids, num_symbols: int, *, order: int, most: int, end: int | None = None
) -> CountTable:
    """Count the n-grams of a training text, and keep those that help most.

    Args:
        train: the text, (n,), n at least 1. Its last MOST_COUNTED symbols are counted.
        num_symbols: V; all symbols are below it.
        order: the length of the longest n-grams.
        most: maximum n-grams that are kept, beside single symbols and the contexts of those kept.
        end: the symbol that ends an item, across which no n-gram reaches; None: running text.
    """
    levels = _levels(np.asarray(train[-MOST_COUNTED:]), num_symbols, order, end)
    kept = _kept(levels, most)
    symbols, values, sizes = [], [], []
    number = np.zeros(1, np.int64)
    for level, keep in zip(levels, kept, strict=True):
        chosen = np.flatnonzero(keep)
        symbols.append(level.last[chosen])
        values.append(level.values[chosen])
        sizes.append(np.bincount(number[level.context[chosen]], minlength=int(number.max()) + 1))
        number = np.full(len(keep), -1)
        number[chosen] = np.arange(len(chosen))
    return CountTable(
        num_symbols,
        order,
        np.concatenate(symbols).astype(np.min_scalar_type(num_symbols - 1)),
        as_codes(np.concatenate(values)),
        np.concatenate(sizes).astype(np.min_scalar_type(num_symbols)),
    )


def _levels(train: Ids, num_symbols: int, order: int, end: int | None) -> list[_Level]:
    """The n-grams of each length from 1 to `order`."""
    symbols = np.concatenate([train, train[:1]])  # the last one is never used
    grams = longer_grams(empty_grams(len(symbols)), symbols, len(train), end)
    levels: list[_Level] = []
    for length in range(1, order + 1):
        places = np.zeros(len(grams.counts), np.int64)
        places[grams.ids[grams.starts]] = grams.starts
        last = symbols[places + length - 1]
        counts, longer = grams.counts, None
        if length < order:
            longer = longer_grams(grams, symbols, len(train), end)
            counts = left_neighbors(grams, longer) if len(longer.starts) else counts
        below = levels[-1].p[grams.suffix] if levels else np.full(len(last), 1 / num_symbols)
        levels.append(_level(last, grams.context, grams.counts, counts, below))
        if longer is None or not len(longer.starts):
            break
        grams = longer
    return levels


def _level(
    last: Ids, context: Numbers, occurrences: Numbers, counts: Numbers, shorter: Float64
) -> _Level:
    """The n-grams of one length.

    Args:
        last: the last symbol of each, (G,).
        context: the context of each, (G,).
        occurrences: how often each occurs in the training text, (G,).
        counts: the counts of the Kneser-Ney model, (G,).
        shorter: the probability of each after its context without the first symbol, (G,).
    """
    discounts = np.array([0.0, *estimate_discounts(counts)])
    size = int(context.max()) + 1
    total = np.maximum(np.bincount(context, counts, size), 1)
    values = (counts - discounts[np.minimum(counts, 3)]) / total[context]
    rest = 1 - np.bincount(context, values, size)
    below = rest[context] * shorter
    p = values + below
    return _Level(last, context, values, p, occurrences * np.log(p / below))


def _kept(levels: list[_Level], most: int) -> list[Mask]:
    """Which n-grams of each level are kept: all single symbols, those that gain most, and their contexts."""
    gains = np.concatenate([level.gain for level in levels[1:]] or [np.zeros(0)])
    least = -np.inf if len(gains) <= most else np.partition(gains, -most)[-most] if most else np.inf
    kept = [np.ones(len(levels[0].last), np.bool_), *(level.gain >= least for level in levels[1:])]
    for level, keep, shorter in zip(levels[:0:-1], kept[:0:-1], kept[-2::-1], strict=True):
        shorter[level.context[keep]] = True
    return kept
