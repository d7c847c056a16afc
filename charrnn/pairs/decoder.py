"""The decoder of a model of pairs: once it is given sources, a language model of their targets."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from charrnn.config import ModelConfig
from charrnn.model import CharRNN, States
from charrnn.network.alignments.attention import NOWHERE
from charrnn.network.cells.base import Ops, Weights
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.pairs import BRIDGE, alignment_of, language_config, own_weights
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import upwards
from charrnn.numerics import Float
from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Encoded:
    """Sources as an encoder has read them, N side by side."""

    final: Float
    """(N, K) a vector for each source as a whole."""
    outputs: Float | None
    """(N, T, K) a vector for each place; None if the source is a label."""
    lengths: Any
    """(N,) the places of each; padding stands behind them."""
    places: Any = None
    """(N, T) the place of the source at which each output stands, where an encoder gives fewer of them; else None."""
    read: Any = None
    """(N,) the places of each source, where `places` is given."""

    def rows(self, index: Any) -> "Encoded":
        """Some of the sources, or each several times."""
        outputs = None if self.outputs is None else self.outputs[index]
        own = (self.final[index], outputs, self.lengths[index])
        if self.places is None:
            return Encoded(*own)
        return Encoded(*own, self.places[index], self.read[index])

    def over_source(self, weights: Float) -> Float:
        """Weights of the outputs of a single source, (..., T), at its places, (..., S); 0 where it has no output."""
        if self.places is None:
            return weights
        made = np.zeros((*weights.shape[:-1], int(self.read[0])), weights.dtype)
        made[..., self.places[0]] = weights
        return made


class Decoder(CharRNN):
    """A language model of the targets of given sources; see `CharRNN` for how it runs.

    Its rows are the sources, one each; a single source serves any number of rows.

    Args:
        config: the network of pairs.
        vocabulary: the symbols of the targets.
        weights: its weights.
        fingerprint: gives its fingerprint.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        weights: Weights,
        fingerprint: Callable[[], str],
    ) -> None:
        own = language_config(config)
        names = weight_shapes(own)
        super().__init__(own, vocabulary, {n: weights[n] for n in names})
        self._pairs, self._of_pairs = weights, fingerprint
        self.alignment = alignment_of(config)
        self._own = own_weights(config, weights)
        self.memory: Any = None
        """What its steps look at, a tuple of arrays; None: nothing."""
        self.attended: Float | None = None
        """The weights of the latest step, (N, T, S)."""
        self._added: Float | None = None
        self._final = np.zeros((1, config.source_width), np.float32)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the network of pairs."""
        return self._of_pairs()

    def given(self, encoded: Encoded) -> Self:
        """A copy whose rows write the targets of these sources; it shares the weights."""
        other = copy.copy(self)
        other._final = encoded.final  # noqa: SLF001 (a copy of ours)
        if self.alignment.looks:
            assert encoded.outputs is not None
            places = np.arange(encoded.outputs.shape[1])
            behind = places >= encoded.lengths[:, None]
            barred = np.where(behind, np.float32(NOWHERE), np.float32(0))[:, None]
            other.memory = self.alignment.remember(encoded.outputs, barred, self._own)
        if self.alignment.adds:
            added, first = self.alignment.added(encoded.final, self._own), self._layers[0]
            other._added = added if self.cell.reads_input else added @ first.weight_ih  # noqa: SLF001
        return other

    def rows(self, index: Any) -> Self:
        """A copy for some of its rows, or for each several times."""
        other = copy.copy(self)
        other._final = self._final[index]  # noqa: SLF001
        if self.memory:
            other.memory = type(self.memory)(*(part[index] for part in self.memory))
        if self._added is not None:
            other._added = self._added[index]  # noqa: SLF001
        return other

    def initial_state(self, num_streams: int | None = None) -> States:
        """The state before any symbol: W v + b for each layer and letter, (N, H) each, or (H,); clamped units hold."""
        L, H = self.config.num_layers, self.config.hidden_size
        made = self._starts()

        def of(letter: str, layer: int) -> Float:
            """A state of one layer, for each stream."""
            ops: Ops = self._layers[layer].ops or NumpyOps
            state: Float = ops.start(letter, made[letter][:, layer])
            if num_streams is None:
                only: Float = state[0]
                return only.copy()
            rows: Float = np.broadcast_to(state, (num_streams, H))
            return rows.copy()

        return tuple(tuple(of(k, layer) for k in self.cell.carried) for layer in range(L))

    def _starts(self) -> dict[str, Float]:
        """The start for each letter, (N, L, H); v is the state itself if no encoder has made it."""
        letters = self.cell.carried
        shape = (len(self._final), self.config.num_layers, self.config.hidden_size)
        if not self.alignment.has_encoder:
            parts = np.split(self._final, len(letters), -1)
            return {k: part.reshape(shape) for k, part in zip(letters, parts, strict=True)}
        made = {}
        for letter in letters:
            weight, bias = (self._pairs[f"{BRIDGE}{letter}.{n}"] for n in ("weight", "bias"))
            made[letter] = (self._final @ weight.T + bias).reshape(shape)
        return made

    def read(self, ids: Any, lengths: Any) -> Float:
        """The states after sources that no encoder reads, (N, K).

        Args:
            ids: their symbols, (T, N); what stands behind their ends does not matter.
            lengths: (N,).
        """
        state = self.initial_state(len(lengths))
        for t, symbols in enumerate(ids):
            after, _ = self.advance(symbols, state)
            going = (t < lengths)[:, None]
            both = zip(after, state, strict=True)
            state = tuple(
                tuple(np.where(going, a, b) for a, b in zip(new, old, strict=True))
                for new, old in both
            )
        return np.concatenate([part for letter in zip(*state, strict=True) for part in letter], -1)

    def inputs(self, ids: Any) -> Float:
        """The input of layer 0, with what an alignment adds to it of the source."""
        projected = self._project(ids)
        if self._added is None:
            return projected
        added = self._added[0] if np.ndim(ids) == 0 else self._added
        summed: Float = projected + added
        return summed

    def head(self, outputs: Float) -> Float:
        """The logits after outputs of the top layer, (H,), (N, H) or (T, N, H), which look at the sources."""
        if self.memory is None:
            return super().head(outputs)
        outputs = upwards(self._layers[-1], outputs, NumpyOps)
        rows, undone = _by_rows(outputs)
        seen, self.attended = self.alignment.attend(rows, self.memory, self._own, NumpyOps)
        logits: Float = self.head_kind.logits(undone(seen), self._head_weights, NumpyOps)
        return logits


def _by_rows(outputs: Float) -> tuple[Float, Callable[[Float], Float]]:
    """Outputs as (N, T, H), and the function that lays such arrays out as they were."""
    if outputs.ndim == 1:
        return outputs[None, None], lambda x: x[0, 0]
    if outputs.ndim == 2:
        return outputs[:, None], lambda x: x[:, 0]
    return outputs.swapaxes(0, 1), lambda x: x.swapaxes(0, 1)
