"""A network that learns from the text it reads: dynamic evaluation.

    read a chunk, with the weights from before it
    then learn from it
        g      =  the gradient of the chunk's mean cross-entropy
        w     <-  w  +  decay (w_trained - w)  -  rate g                            rule sgd
        w     <-  w  +  decay (w_trained - w)  -  rate g / (sqrt(mean g²) + LEAST)  rule rms

So nothing is ever predicted by weights that have seen it. The mean of g² is an exponential moving average over the
chunks read so far (MEMORY). Where counts stand beside the network, their weight learns too: the better the network
becomes, the less they should weigh. A copy of the network learns; the network itself keeps its weights.

Sources: T. Mikolov, M. Karafiát, L. Burget, J. Černocký and S. Khudanpur, "Recurrent neural network based language
model", Interspeech 2010; B. Krause, E. Kahembwe, I. Murray and S. Renals, "Dynamic Evaluation of Neural Sequence
Models", ICML 2018, who take the mean of g² over the training text, and pull back harder where it is large.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Self

import numpy as np

from charrnn.config import AdaptingConfig
from charrnn.counts.mixed_model import MixedModel
from charrnn.counts.mixture import Counts, features, slope, weights
from charrnn.counts.table import Nodes
from charrnn.errors import SettingError, UsageError
from charrnn.model import CharRNN, States
from charrnn.network.backward import Parameters, Reading, backward, read
from charrnn.network.cells import CELLS
from charrnn.network.heads import LINEAR
from charrnn.numerics import (
    Float,
    Float64,
    Ids,
    Mask,
    log_softmax,
    require_finite_predictions,
    softmax,
)

WEIGHT_RATE = 1.0
"""Learning rate of the coefficients of the weight of the counts."""
MEMORY = 0.99
"""Decay of the moving average of squared gradients, per chunk."""
LEAST = 1e-3
"""Added to the root of the mean of squared gradients."""
QUIETLY = np.errstate(over="ignore", invalid="ignore")
"""No warnings of overflow: weights that grow without bound are noticed by their predictions."""
BLOCK = 1 << 14
"""Number of weights updated together, so that they stay in the processor's cache."""


class Learner:
    """A copy of a model that learns from the text it reads, in one stream.

    Args:
        model: a network, or a network with counts; it is not changed.
        config: how it learns.
        end: the symbol that ends an item, before which the state is reset; None: the state is carried.

    Raises:
        UsageError: the model cannot learn this way: it is one of pairs, has edited units, or has a custom head.
    """

    def __init__(self, model: CharRNN, config: AdaptingConfig, end: int | None = None) -> None:
        require_able(model)
        self._mixture = _Mixture(model.counts) if isinstance(model, MixedModel) else None
        self._model, self._config, self._end = model, config, end
        shape = model.config
        self._weights, self._gradient = Parameters(shape), Parameters(shape)
        self._weights.copy_from(model.weights)
        self._trained = self._weights.vector.copy()
        self._squares = np.zeros_like(self._trained)
        self._start = model.initial_state()
        self._state = self._start
        self.num_steps = 0
        """Number of chunks learned from so far."""

    def read(self, ids: Ids) -> Iterator[tuple[Ids, Float64]]:
        """Read a text and learn from it; another call goes on where this one ended.

        Args:
            ids: the text, (T,).

        Yields:
            For each chunk the symbols to predict, (C,), and the log-probabilities of all symbols there, (C, V), in nats.
            They come from the weights before the chunk, which is learned from when the next one is requested.

        Raises:
            SettingError: the rate is too high: the weights grow without bound.
            CheckpointError: the model's own predictions overflow.
        """
        for begin in range(0, len(ids) - 1, self._config.adapt_chunk):
            chunk = ids[begin : begin + self._config.adapt_chunk + 1].astype(np.int64)
            reading, log_p = self._predict(chunk[:-1])
            yield chunk[1:], log_p
            self._learn(reading, chunk[1:])

    def learn(self, ids: Ids, progress: Callable[[int], object] = lambda _: None) -> float:
        """Read a text, (T,), to learn from it; the arguments are those of `read` and `evaluate`.

        Returns:
            The cost of the symbols after the first, in nats, each scored before it was learned from.
        """
        nats = 0.0
        for targets, log_p in self.read(ids):
            nats -= float(np.take_along_axis(log_p, targets[:, None], axis=1).sum())
            progress(len(targets))
        return nats

    def begin(self) -> None:
        """Begin another text: the state is reset, and what has been learned stays."""
        self._state = self._start

    def __copy__(self) -> Self:
        """A learner that has learned the same, and goes on by itself."""
        other = object.__new__(type(self))
        own = {"_weights": self._weights.copy(), "_squares": self._squares.copy()}
        vars(other).update(vars(self) | own | {"_mixture": copy.copy(self._mixture)})
        return other

    def adapted(self) -> CharRNN:
        """A copy of the model with the weights as they are now."""
        model = self._model.with_weights(self._weights.to_weights(self._model.weights))
        if self._mixture and isinstance(model, MixedModel):
            return type(model)(model.network, self._mixture.counts)
        return model

    def _require_finite(self, total: float) -> None:
        """Check a sum over predictions."""
        if self.num_steps and not math.isfinite(total):
            raise SettingError.naming(
                "{adapt_rate} {rate:g} is too high: the weights grow without bound",
                f"try {{adapt_rate:{self._config.rate / 10:g}}}",
                rate=self._config.rate,
            )
        require_finite_predictions(total)

    @QUIETLY
    def _predict(self, ids: Ids) -> tuple[Reading, Float64]:
        """Read a chunk, (C,): what its gradient needs, and the log-probabilities after each symbol, (C, V)."""
        layers = self._model.config.num_layers
        resets = np.zeros(len(ids), np.bool_) if self._end is None else ids == self._end
        reading = read(self._weights, ids, self._state[:layers], self._start[:layers], resets)
        self._require_finite(float(reading.logits.sum()))
        after: States = reading.state
        log_p = log_softmax(reading.logits)
        if self._mixture:
            before, first = self._state[-1][0], self._start[-1][0]
            nodes = self._mixture.read(ids, before, first, resets)
            log_p = self._mixture.predict(reading.logits, nodes)
            after = (*after, (nodes[-1],))
        self._state = after
        return reading, log_p

    @QUIETLY
    def _learn(self, reading: Reading, targets: Ids) -> None:
        """One step on a chunk: the network learns by its own predictions, not by those of the mixture."""
        if self._mixture:
            self._mixture.learn(targets, self._config.adapt_decay)
        d_logits = softmax(reading.logits)
        d_logits[np.arange(len(targets)), targets] -= 1
        d_logits /= len(targets)
        backward(self._weights, reading, d_logits, self._gradient)
        self.num_steps += 1
        vectors = self._weights.vector, self._trained, self._gradient.vector, self._squares
        for begin in range(0, len(self._trained), BLOCK):
            self._change(*(vector[begin : begin + BLOCK] for vector in vectors))

    def _change(self, weights: Float, trained: Float, gradient: Float, squares: Float) -> None:
        """The step of some weights; the gradient is overwritten."""
        config = self._config
        weights += config.adapt_decay * (trained - weights)
        if config.adapt_rule == "rms":
            squares += (1 - MEMORY) * (gradient * gradient - squares)
            seen = 1 - MEMORY**self.num_steps
            gradient /= np.sqrt(squares / seen) + LEAST
        gradient *= config.rate
        weights -= gradient


class _Mixture:
    """Counts whose weight learns too: the better the network becomes, the less they should weigh.

    Args:
        counts: as they were fitted.
    """

    def __init__(self, counts: Counts) -> None:
        self._counts, self._w = counts, np.array(counts.w)

    @property
    def counts(self) -> Counts:
        """The counts with their weight as it is now."""
        return replace(self._counts, w=tuple(self._w.tolist()))

    def read(self, ids: Ids, now: Nodes, start: Nodes, resets: Mask) -> Nodes:
        """The contexts of the counts after each symbol of a chunk, (C, K); see `charrnn.network.backward.read`."""
        parts = np.split(ids, np.flatnonzero(resets))
        read = self._counts.table.read
        return np.concatenate([read(parts[0], now), *(read(part, start) for part in parts[1:])])

    def predict(self, logits: Float, nodes: Nodes) -> Float64:
        """The log-probabilities of all symbols after each of a chunk, (C, V)."""
        network, counted = softmax(logits.astype(np.float64)), self._counts.table.predict(nodes)
        known = features(network, counted, nodes)
        weight = weights(self._w, known)[:, None]
        self._made = network, counted, known
        log_p: Float64 = np.log((1 - weight) * network + weight * counted)
        return log_p

    def learn(self, targets: Ids, decay: float) -> None:
        """One step on the chunk that was predicted last, whose symbols are these, (C,)."""
        network, counted, known = self._made
        came = np.arange(len(targets)), targets
        w = self._w + decay * (self._counts.w - self._w)
        self._w = w + WEIGHT_RATE * slope(w, network[came], counted[came], known)


def can_learn(model: CharRNN) -> bool:
    """Whether a model can learn while it reads."""
    try:
        require_able(model)
    except UsageError:
        return False
    return True


def require_able(model: CharRNN) -> None:
    """Raise UsageError unless a model can learn while it reads."""
    if model.config.align is not None:
        raise UsageError("a model of pairs cannot learn while it reads")
    if model.head_kind is not LINEAR:
        raise UsageError("a network with a custom head cannot learn while it reads")
    if model.config.subsample:
        raise UsageError("a subsampled network cannot learn while it reads")
    if model.cell.backward is None or model.cell.window:
        able = ", ".join(n for n, cell in CELLS.items() if cell.backward and not cell.window)
        raise UsageError(
            f"a network of {model.cell.name} cells cannot learn while it reads",
            f"the cells that can are {able}",
        )
    model.require_unedited("learning while reading")
