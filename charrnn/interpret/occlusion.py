"""Which characters a prediction rests on: what it costs if one of those before it is left out.

The model reads the text before a place once without each of the last K characters. A number says by how many bits the
prediction at the place then costs more: above zero, the character helped. `occlusion` explains one prediction, and
`occlusions` all those of a text in one pass. Unlike the gradient of `charrnn.training.saliency`, it is about the model
as it is, also where its units are edited.

Source: J. Li, W. Monroe and D. Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016, who leave
out words.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from charrnn.errors import DataError
from charrnn.interpret.context import where
from charrnn.model import CharRNN, States
from charrnn.numerics import Float, Float64, Ids, log_softmax, require_finite_predictions

REACH = 100
"""Characters that are left out, one at a time, at most."""


@dataclass(frozen=True)
class Occlusion:
    """How much a prediction costs without each of some characters before it."""

    place: int
    """T, the position of the symbol that is predicted, from 0."""
    probability: float
    """The probability that the model gives it."""
    bits: Float64
    """(K,) by how many bits it costs more without each of the K symbols before it, in the order of the text."""


@dataclass(frozen=True)
class Occlusions:
    """How much each prediction of a text costs without each of the characters before it."""

    costs: Float64
    """(N,) the bits that each symbol costs if nothing is left out."""
    bits: Float
    """(N, K) by how many bits it costs more without the symbol 1, 2, ..., K back; NaN where there is none."""


def occlusion(
    model: CharRNN, ids: Ids, place: int, *, reach: int = REACH, item_end: str | None = None
) -> Occlusion:
    """Measure what the prediction at a place costs without each of the characters before it.

    Args:
        model: the model that predicts; its units may be edited.
        ids: (N,) the text.
        place: T, from 1 to N - 1; from 0 if there are items.
        reach: the characters that are left out, one at a time, at most.
        item_end: the end of the items (lines, records or documents) before each of which the state is reset; only
            characters of the prediction's own item are left out.

    Raises:
        DataError: there is no such place, or nothing before it.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.
    """
    least = int(item_end is None)
    if not least <= place < len(ids):
        raise DataError(f"the place must be from {least} to {len(ids) - 1:,}, not {place:,}")
    before = ids[:place]
    if item_end is not None:
        end = model.vocabulary.encode(item_end)
        begun = np.concatenate([end, before])
        before = begun[np.flatnonzero(begun == end)[-1] :]
    K = min(reach, len(before) - (1 - least))
    state = model.initial_state(1)
    for symbol in before[: len(before) - K]:
        state, _ = model.advance(np.array([symbol]), state)
    rows = np.arange(K + 1)  # the last one leaves out nothing
    state = _repeated(state, K + 1)
    for t, symbol in enumerate(before[len(before) - K :]):
        after, _ = model.advance(np.full(K + 1, symbol), state)
        state = where(rows != t, after, state)
    bits = -log_softmax(model.logits(state))[:, ids[place]] / math.log(2)
    require_finite_predictions(float(bits.sum()))
    return Occlusion(place, float(2 ** -bits[-1]), bits[:-1] - bits[-1])


def occlusions(
    model: CharRNN,
    ids: Ids,
    *,
    reach: int = REACH,
    item_end: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Occlusions:
    """Measure what every prediction of a text costs without each of the characters before it.

    The model reads the text once, in K + 1 batch rows: each of the last K characters is left out in one of them.

    Args:
        model: the model that predicts; its units may be edited.
        ids: (N,) the text.
        reach: K, the characters that are left out, one at a time, at most.
        item_end: as for `occlusion`.
        progress: called with the number of symbols that have been read since the last call.

    Raises:
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.
    """
    N, K = len(ids), min(reach, len(ids))
    rows = np.arange(K + 1)  # row t % K leaves out the symbol at t, and the last one nothing
    end = None if item_end is None else int(model.vocabulary.encode(item_end)[0])

    def advance(state: States, symbol: int) -> States:
        return model.advance(np.full(K + 1, symbol), state)[0]

    start = _repeated(model.initial_state(1), K + 1)
    state = start if end is None else advance(start, end)
    begun = 0  # where the item began
    costs, bits = np.empty(N), np.full((N, K), np.nan, np.float32)
    for t, symbol in enumerate(ids.tolist()):
        own = -log_softmax(model.logits(state))[:, symbol] / math.log(2)  # (K + 1,)
        costs[t] = own[-1]
        back = np.arange(1, min(K, t - begun) + 1)
        bits[t, back - 1] = own[(t - back) % K] - own[-1]
        if symbol == end:
            state, begun = start, t + 1
        whole = tuple(tuple(array[-1:] for array in layer) for layer in state)
        state = where(rows != t % K, advance(state, symbol), _repeated(whole, K + 1))
        if progress:
            progress(1)
    require_finite_predictions(float(costs.sum() + np.nansum(bits)))
    return Occlusions(costs, bits)


def _repeated(state: States, count: int) -> States:
    """The state of one batch row in this many."""
    return tuple(tuple(np.repeat(array, count, axis=0) for array in layer) for layer in state)
