"""How much context a model uses: the cost of a character, given only the k characters before it.

For each of some places in a text, and for each context length k, the model starts from its initial state, reads the k
characters before the place, and predicts the one there. Every k is scored on the same characters, so that the costs can
be compared place by place.

    text     a b c d e f g h i        place 6, of g
    k = 0                (g)          the prediction before anything is read
    k = 1              f (g)
    k = 2            e f (g)
    k = 4        c d e f (g)

In a text of lines a context begins no earlier than the newline before its line, where the state is reset too.

Source: U. Khandelwal, H. He, P. Qi and D. Jurafsky, "Sharp Nearby, Fuzzy Far Away: How Neural Language Models Use
Context", ACL 2018, whose effective context size is the k from which on the loss is within 1 % of that with all context.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.errors import DataError
from charrnn.evaluation.evaluate import as_items
from charrnn.model import CharRNN, States
from charrnn.numerics import Float64, Ids, Mask, log_softmax, require_finite_predictions
from charrnn.text.items import Positions, item_bounds

LONGEST = 256
"""Longest context by default, where the text has as many characters."""
BATCH_ROWS = 256
"""Maximum number of positions evaluated in parallel."""
WITHIN = 0.01
"""Relative difference from the loss with the longest context up to which a loss counts as equal."""


@dataclass(frozen=True)
class ContextCurve:
    """The surprisal of the same N characters, given contexts of K lengths."""

    lengths: tuple[int, ...]
    """(K,) the context lengths in characters, rising."""
    surprisal: Float64
    """(K, N) the surprisal of each character in bits."""

    @property
    def num_places(self) -> int:
        """N, the number of characters that were scored."""
        return len(self.surprisal[0])

    @property
    def mean(self) -> Float64:
        """The mean surprisal for each context length, (K,), in bits per character."""
        return np.asarray(self.surprisal.mean(axis=1))

    @property
    def error(self) -> Float64:
        """The standard error of `mean` over the places, (K,); NaN for a single place."""
        return _standard_error(self.surprisal)

    @property
    def excess(self) -> Float64:
        """The bits per character by which `mean` exceeds that with the longest context, (K,)."""
        return np.asarray(self.mean - self.mean[-1])

    @property
    def excess_error(self) -> Float64:
        """The standard error of `excess`, (K,), from differences place by place, which vary less than the costs."""
        return _standard_error(self.surprisal - self.surprisal[-1])

    @property
    def effective_length(self) -> int:
        """The least length from which on `mean` differs from that with the longest by at most WITHIN."""
        beyond = np.flatnonzero(abs(self.excess) > WITHIN * self.mean[-1])
        return self.lengths[int(beyond[-1]) + 1] if len(beyond) else self.lengths[0]


def lengths_up_to(longest: int) -> tuple[int, ...]:
    """Zero and the powers of two up to a limit: 9 -> (0, 1, 2, 4, 8)."""
    powers = (1 << k for k in itertools.count())
    return (0, *itertools.takewhile(lambda k: k <= longest, powers))


def context_curve(
    model: CharRNN,
    ids: Ids,
    *,
    windows: int,
    lengths: Sequence[int] | None = None,
    item_end: str | None = None,
) -> ContextCurve:
    """Measure the surprisal of a text's characters, given contexts of several lengths.

    Args:
        model: the model that predicts; its units may be edited.
        ids: (T,) the text.
        windows: the number of places to score, evenly spread over those that have the longest context before them;
            fewer where the text has fewer.
        lengths: the context lengths, rising. None means 0 and the powers of two up to LONGEST; in a short text up to
            half of it, and in items until a context holds the longest one.
        item_end: the end of the items (lines, records or documents) that are each read by themselves; every symbol of
            one may then be scored, its end too.

    Raises:
        DataError: the text is too short, or has no items.
        UsageError: the vocabulary has no `item_end`.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.
    """
    starts, farthest = np.zeros(1, np.int64), len(ids) // 2  # no context goes back beyond a start
    if item_end is not None:
        ids = as_items(model, ids, item_end)
        starts = item_bounds(ids, int(ids[0]))
        farthest = 2 * int(np.diff(starts).max()) - 1
    lengths = lengths or lengths_up_to(min(LONGEST, farthest))
    places = _places(len(ids), 1 if item_end else max(1, lengths[-1]), windows)
    available = places - starts[np.searchsorted(starts, places) - 1]
    groups = np.array_split(np.arange(len(places)), math.ceil(len(places) / BATCH_ROWS))
    rows = [
        [_surprisal(model, ids, places[part], np.minimum(k, available[part])) for part in groups]
        for k in lengths
    ]
    curve = ContextCurve(tuple(lengths), np.array([np.concatenate(row) for row in rows]))
    require_finite_predictions(float(curve.surprisal.sum()))
    return curve


def _places(length: int, first: int, windows: int) -> Positions:
    """Places from `first` on, (N,), evenly spread over a text of a length.

    Raises:
        DataError: the text has none.
    """
    if length <= first:
        raise DataError(
            f"a context of {first:,} needs at least {first + 1:,} characters of text, not {length:,}"
        )
    return np.linspace(first, length - 1, min(windows, length - first)).astype(np.int64)


def _surprisal(model: CharRNN, ids: Ids, places: Positions, lengths: Positions) -> Float64:
    """The surprisal in bits of the symbols at some places (N,), given the context length of each (N,)."""
    state = model.initial_state(len(places))
    for back in range(int(lengths.max()), 0, -1):
        after, _ = model.advance(ids[np.maximum(places - back, 0)], state)
        state = after if (lengths >= back).all() else where(lengths >= back, after, state)
    log_p = log_softmax(model.logits(state))  # (N, V)
    nats = -np.take_along_axis(log_p, ids[places].astype(np.int64)[:, None], axis=1)[:, 0]
    return np.asarray(nats / math.log(2))


def where(rows: Mask, new: States, old: States) -> States:
    """The new state in the batch rows that are true, (N,), and the old state in the others."""
    return tuple(
        tuple(np.where(rows[:, None], a, b) for a, b in zip(*pair, strict=True))
        for pair in zip(new, old, strict=True)
    )


def _standard_error(values: Float64) -> Float64:
    """The standard error of the mean of each row, (K, N) -> (K,); NaN where N is 1."""
    N = values.shape[1]
    if N < 2:
        return np.full(len(values), np.nan)
    return np.asarray(values.std(axis=1, ddof=1) / math.sqrt(N))
