"""How far back a model's memory helps: what it costs to predict a character from only the k characters before it.

For each of some places in a text, and for each k, the model starts afresh, reads the k characters before the place, and
predicts the one there. Every k is judged on the same characters, so that their costs can be compared place by place.

    text     a b c d e f g h i        place 6, of g
    k = 0                (g)          what the model expects before it has read anything
    k = 1              f (g)
    k = 2            e f (g)
    k = 4        c d e f (g)

In a text of lines a context begins at the earliest with the newline before its line, where the model starts too.

Source: U. Khandelwal, H. He, P. Qi and D. Jurafsky, "Sharp Nearby, Fuzzy Far Away: How Neural Language Models Use
Context", ACL 2018, who call effective context size the k from which on the loss is within 1 % of that with all context.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.errors import CheckpointError, DataError
from charrnn.evaluation.evaluate import as_lines
from charrnn.model import CharRNN, States
from charrnn.numerics import log_softmax
from charrnn.text.lines import Positions, line_bounds
from charrnn.text.vocabulary import Ids

LONGEST = 256
"""The longest context, if the text has so many characters."""
LANES = 256
"""Places judged side by side, at most."""
WITHIN = 0.01
"""The part by which a loss may differ from that with the longest context and still count as equal."""


@dataclass(frozen=True)
class Horizon:
    """What predictions cost with contexts of several lengths."""

    contexts: tuple[int, ...]
    """(K,) how many characters the model was given, rising."""
    surprisal: npt.NDArray[np.float64]
    """(K, N) what each of the N characters cost, in bits."""

    @property
    def windows(self) -> int:
        """N."""
        return len(self.surprisal[0])

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """(K,) bits per character."""
        return np.asarray(self.surprisal.mean(axis=1))

    @property
    def error(self) -> npt.NDArray[np.float64]:
        """(K,) the standard error of `mean`, over the places; not a number for a single one."""
        return _standard_error(self.surprisal)

    @property
    def more(self) -> npt.NDArray[np.float64]:
        """(K,) by how many bits `mean` exceeds that with the longest context."""
        return np.asarray(self.mean - self.mean[-1])

    @property
    def more_error(self) -> npt.NDArray[np.float64]:
        """(K,) the standard error of `more`, from the differences place by place, which vary less than the costs."""
        return _standard_error(self.surprisal - self.surprisal[-1])

    @property
    def reach(self) -> int:
        """The least context from which on `mean` differs from that with the longest by at most WITHIN."""
        beyond = np.flatnonzero(abs(self.more) > WITHIN * self.mean[-1])
        return self.contexts[int(beyond[-1]) + 1] if len(beyond) else self.contexts[0]


def contexts_up_to(longest: int) -> tuple[int, ...]:
    """No context, and the powers of two up to a limit: 9 -> (0, 1, 2, 4, 8)."""
    powers = (1 << k for k in itertools.count())
    return (0, *itertools.takewhile(lambda k: k <= longest, powers))


def horizon(
    model: CharRNN,
    ids: Ids,
    *,
    windows: int,
    contexts: Sequence[int] | None = None,
    lines: bool = False,
) -> Horizon:
    """Measure what predictions cost with contexts of several lengths.

    Args:
        model: predicts; its units may be edited.
        ids: (T,) the text.
        windows: places that are judged, evenly spread over those that have the longest context before them; fewer if
            there are not so many.
        contexts: how many characters to give, rising; None is 0 and the powers of two up to LONGEST, but in a short
            text up to half of it, and in lines until they have the longest whole.
        lines: each line is an item of its own, of which every symbol may be judged, its newline too.

    Raises:
        DataError: the text is too short, or has no lines.
        UsageError: lines of a model that knows no newline.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.
    """
    starts, farthest = np.zeros(1, np.int64), len(ids) // 2  # no context goes back beyond a start
    if lines:
        ids = as_lines(model, ids)
        starts = line_bounds(ids, int(ids[0]))
        farthest = 2 * int(np.diff(starts).max()) - 1
    contexts = contexts or contexts_up_to(min(LONGEST, farthest))
    first = 1 if lines else max(1, contexts[-1])
    if len(ids) <= first:
        raise DataError(
            f"a context of {first:,} needs at least {first + 1:,} characters of text, "
            f"but there are {len(ids):,}"
        )
    places = np.linspace(first, len(ids) - 1, min(windows, len(ids) - first)).astype(np.int64)
    room = places - starts[np.searchsorted(starts, places) - 1]
    groups = np.array_split(np.arange(len(places)), math.ceil(len(places) / LANES))
    surprisal = [
        [_costs(model, ids, places[part], np.minimum(k, room[part])) for part in groups]
        for k in contexts
    ]
    found = Horizon(tuple(contexts), np.array([np.concatenate(row) for row in surprisal]))
    if not np.isfinite(found.surprisal).all():
        raise CheckpointError("the model's predictions are not finite: its weights are too large")
    return found


def _costs(
    model: CharRNN, ids: Ids, places: Positions, lengths: Positions
) -> npt.NDArray[np.float64]:
    """The bits of the symbols at some places (N,), each read afresh from so many symbols before (N,)."""
    state = model.initial_state(len(places))
    for back in range(int(lengths.max()), 0, -1):
        after, _ = model.advance(ids[np.maximum(places - back, 0)], state)
        state = after if (lengths >= back).all() else _where(lengths >= back, after, state)
    log_p = log_softmax(model.logits(state))  # (N, V)
    costs = -np.take_along_axis(log_p, ids[places].astype(np.int64)[:, None], axis=1)[:, 0]
    return np.asarray(costs / math.log(2))


def _where(lanes: npt.NDArray[np.bool_], new: States, old: States) -> States:
    """The new state of some lanes and the old one of the others."""
    return tuple(
        tuple(np.where(lanes[:, None], a, b) for a, b in zip(*pair, strict=True))
        for pair in zip(new, old, strict=True)
    )


def _standard_error(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of the means of rows (K, N)."""
    N = values.shape[1]
    if N < 2:
        return np.full(len(values), np.nan)
    return np.asarray(values.std(axis=1, ddof=1) / math.sqrt(N))
