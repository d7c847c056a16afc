"""Samples generated in parallel, as the rows of one matrix."""

from typing import TYPE_CHECKING

import numpy as np

from charrnn.numerics import Float, Mask, log_softmax
from charrnn.sampling.logits import LogitsProcessor
from charrnn.sampling.stream import Piece, SampleStream, histories_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from charrnn.model import CharRNN, States

MAX_BATCH = 64
"""Maximum samples generated in parallel."""
STRIDE = 16
"""Symbols drawn for a sample before its text is looked at, where only their number decides."""


class Batch:
    """N samples of one prompt.

    Args:
        model: the model that generates.
        processor: the rules for drawing symbols.
        start: the logits (V,) after the prompt, and the state.
        streams: the samples, N of them.
    """

    def __init__(
        self,
        model: "CharRNN",
        processor: LogitsProcessor,
        start: "tuple[Float, States]",
        streams: list[SampleStream],
    ) -> None:
        self.streams = streams
        self._model, self._processor, self._start = model, processor, start
        size = len(streams)
        self._logits = np.repeat(start[0][None], size, axis=0)  # (N, V)
        self._state = _map(lambda a: np.repeat(a[None], size, axis=0), start[1])
        self._stride = STRIDE if streams[0].in_bulk else 1

    def advance(self) -> list[Piece]:
        """Draw the next symbols of every sample, and return a piece of each."""
        size, reports = len(self.streams), self._processor.config.log_probabilities
        position = np.array([stream.stopping.num_read for stream in self.streams])
        u = np.stack([stream.uniform.take(self._stride) for stream in self.streams])  # (N, stride)
        symbols = np.empty((size, self._stride), np.int64)
        log_probs = np.empty((size, self._stride)) if reports else None
        histories = histories_of(self.streams)
        for k in range(self._stride):
            drawn = self._processor.draw(
                self._logits,
                u[:, k],
                position=position + k,
                histories=histories,
                allowed=self._allowed(),
            )
            symbols[:, k] = drawn
            if log_probs is not None:
                log_probs[:, k] = log_softmax(self._logits)[np.arange(size), drawn]
            for history, symbol in zip(histories or (), drawn.tolist(), strict=False):
                history.append(symbol)
            self._logits, self._state, _ = self._model.step(drawn, self._state)
        rows = [None] * size if log_probs is None else log_probs.tolist()
        return [
            stream.read_all(own, log_p)
            for stream, own, log_p in zip(self.streams, symbols.tolist(), rows, strict=True)
        ]

    def _allowed(self) -> Mask | None:
        """The symbols that each sample may have next, (N, V); None allows all."""
        if self.streams[0].in_bulk:
            return None
        masks = [stream.allowed() for stream in self.streams]
        if all(mask is None for mask in masks):
            return None
        everything = np.ones(self._logits.shape[1], np.bool_)
        return np.stack([everything if mask is None else mask for mask in masks])

    def replace(self, ended: list[int], streams: list[SampleStream]) -> None:
        """Begin new samples in the rows of those that have ended; rows without a new one are removed."""
        logits, state = self._start
        for row, stream in zip(ended, streams, strict=False):
            self.streams[row] = stream
            self._logits[row] = logits
            for layer, first in zip(self._state, state, strict=True):
                for array, begin in zip(layer, first, strict=True):
                    array[row] = begin
        if removed := ended[len(streams) :]:
            kept = [row for row in range(len(self.streams)) if row not in removed]
            self.streams = [self.streams[row] for row in kept]
            self._logits = self._logits[kept]
            self._state = _map(lambda a: a[kept], self._state)


def _map(function: "Callable[[Float], Float]", state: "States") -> "States":
    """A state with a function applied to each of its arrays."""
    return tuple(tuple(map(function, layer)) for layer in state)
