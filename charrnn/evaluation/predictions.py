"""What a model expects at each place of a text that it reads in parallel streams.

Legend: N streams, T time steps, V symbols, K predictions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.evaluation.streams import Streams
from charrnn.model import CharRNN, States
from charrnn.numerics import Float64, Ids, Mask, log_softmax

CHUNK = 64
"""Maximum time steps whose predictions are made together."""
MAX_LOGITS = 1 << 23
"""Maximum numbers in the logits of one chunk."""


@dataclass(frozen=True)
class Predictions:
    """K predictions, each of one symbol of a text given those before it in its stream."""

    places: npt.NDArray[np.int64]
    """Positions of the predicted symbols in the text, (K,)."""
    nats: Float64
    """The cost of each symbol in nats, (K,)."""
    likeliest: npt.NDArray[np.int64]
    """The symbol that the model expected most in its place, (K,)."""
    likeliest_nats: Float64
    """The cost that this one would have had, (K,)."""


class Predictor:
    """A model that reads streams.

    Args:
        model: the model.
        state: the state before each stream, (N, H) each.
    """

    def __init__(self, model: CharRNN, state: States) -> None:
        self._model = model
        self.state = state
        """The state of the streams that still read; in the end, of the longest."""

    def predict(self, ids: Ids, streams: Streams) -> Iterator[Predictions]:
        """The predictions of all streams of a text, (T,), some at a time."""
        length = MAX_LOGITS // (len(streams) * len(self._model.vocabulary))
        length = max(1, min(CHUNK, length))
        num_steps = streams.end - streams.first
        reading = np.arange(len(streams))
        for k, chunk in enumerate(streams.chunks(ids, length)):
            goes_on = num_steps[reading] > k * length
            if not goes_on.all():  # one long line among short ones is read alone
                reading = reading[goes_on]
                self.state = tuple(tuple(s[goes_on] for s in layer) for layer in self.state)
            yield self._predict(
                chunk.inputs[:, reading],
                chunk.targets[:, reading],
                chunk.places[:, reading],
                chunk.scored[:, reading],
            )

    def _predict(
        self,
        inputs: Ids,
        targets: Ids,
        places: npt.NDArray[np.int64],
        scored: Mask,
    ) -> Predictions:
        """The predictions in some time steps, (T, N) each."""
        outputs, self.state = self._model.run(inputs, self.state)  # (T, N, H)
        return self._of_outputs(outputs[scored], targets[scored], places[scored])

    def _of_outputs(self, outputs: Any, targets: Ids, places: npt.NDArray[np.int64]) -> Predictions:
        """The predictions from what the model has where they are scored, (K, ...)."""
        log_p = log_softmax(self._model.head(outputs))  # (K, V)
        likeliest = log_p.argmax(axis=1)
        wanted = np.stack([targets, likeliest], axis=1).astype(np.int64)  # (K, 2)
        nats, least = -np.take_along_axis(log_p, wanted, axis=1).T
        return Predictions(places, nats, likeliest, least)
