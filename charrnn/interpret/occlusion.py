"""Which characters a prediction rests on: what it costs if one of those before it is left out.

The model reads the text before a place once without each of the last K characters. A number says by how many bits the
prediction at the place then costs more: above zero, the character helped. Unlike the gradient of
`charrnn.training.saliency`, it is about the model as it is, also where its units are edited.

Source: J. Li, W. Monroe and D. Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016, who leave
out words.
"""

import math
from dataclasses import dataclass

import numpy as np

from charrnn.errors import DataError
from charrnn.interpret.context import where
from charrnn.model import CharRNN
from charrnn.numerics import Float64, Ids, log_softmax, require_finite_predictions

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
    state = tuple(tuple(np.repeat(array, K + 1, axis=0) for array in own) for own in state)
    for t, symbol in enumerate(before[len(before) - K :]):
        after, _ = model.advance(np.full(K + 1, symbol), state)
        state = where(rows != t, after, state)
    bits = -log_softmax(model.logits(state))[:, ids[place]] / math.log(2)
    require_finite_predictions(float(bits.sum()))
    return Occlusion(place, float(2 ** -bits[-1]), bits[:-1] - bits[-1])
