"""A trained network of pairs in NumPy: an encoder, and what its alignment makes of the encoder's outputs.

Legend for shapes: T places of the source, N sources side by side, K numbers of an encoder's output, V symbols.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.model import States, fingerprint_of, require_shapes
from charrnn.network.cells import get_cell
from charrnn.network.cells.base import Weights
from charrnn.network.encoder import (
    PREFIX,
    direction_weights,
    directions,
    final_vectors,
    read_both_ways,
    reversal,
)
from charrnn.network.heads import head_weights
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.pairs import head_of
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import Layer, advance, make_layer, upwards
from charrnn.numerics import Float
from charrnn.pairs.decoder import Decoder, Encoded
from charrnn.text.pairs import Column, Labels, Symbols
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary, code_points


class PairNetwork:
    """A network that turns a source into a target.

    Args:
        config: the shape of the network.
        source_symbols: the symbols of the sources.
        vocabulary: the symbols of the targets.
        weights: the arrays named by `charrnn.network.shapes.weight_shapes`, float32.

    Raises:
        CheckpointError: a weight is missing, superfluous or of the wrong shape.
    """

    def __init__(
        self,
        config: ModelConfig,
        source_symbols: Symbols,
        vocabulary: Symbols,
        weights: Weights,
    ) -> None:
        require_shapes(weights, weight_shapes(config))
        self.config, self.weights = config, dict(weights)
        self.source_symbols, self.vocabulary = source_symbols, vocabulary
        self.cell = get_cell(config.cell, config.activation)
        self.head_kind = head_of(config)
        self._head_weights = head_weights(weights)
        self._layers = {} if config.source_labels else self._direction_layers()

    def _direction_layers(self) -> dict[tuple[int, str], Layer]:
        config = self.config

        def made(layer: int, direction: str) -> Layer:
            own = direction_weights(config, self.weights, layer, direction)
            return make_layer(self.cell, own, 0, lambda w: np.ascontiguousarray(w.T))

        layers = range(config.num_layers)
        return {(k, way): made(k, way) for k in layers for way in directions(config)}

    @cached_property
    def _tables(self) -> dict[str, Float]:
        """W_ih · embedding + biases of layer 0 for each symbol of the sources, (S, B·H), by the direction."""
        embedding = self.weights[f"{PREFIX}embedding.weight"]
        layers = ((way, self._layers[0, way]) for way in directions(self.config))
        return {way: embedding @ layer.weight_ih + layer.bias for way, layer in layers}

    @cached_property
    def decoder(self) -> Decoder:
        """The decoder; `given` binds it to sources."""
        assert isinstance(self.vocabulary, Vocabulary)
        return Decoder(self.config, self.vocabulary, self.weights)

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of SHA-256 over config, symbols and weights."""
        symbols = tuple(map(_identity, (self.source_symbols, self.vocabulary)))
        return fingerprint_of(self.config, symbols, self.weights)

    def require_unedited(self, what: str) -> None:
        """No-op: units of such a model cannot be edited."""

    # --- the source ----------------------------------------------------------------------------------------------------

    def ids_of(self, sources: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """The symbols of sources as the network reads them: without those that it does not know, and stretched.

        Raises:
            DataError: there is no such label.
        """
        symbols = self.source_symbols
        if isinstance(symbols, Labels):
            return [np.array([symbols.id_of(source)]) for source in sources]
        found = (symbols.lookup(code_points(source)).astype(np.int64) for source in sources)
        times = self.config.stretch or 1
        return [np.repeat(ids[ids != NOT_IN_VOCABULARY], times) for ids in found]

    def encode(self, sources: Sequence[npt.NDArray[np.int64]]) -> Encoded:
        """Read sources, each of one symbol at least; see `ids_of`."""
        bounds = np.cumsum([0, *map(len, sources)])
        column = Column(np.concatenate(sources), bounds)
        return self.encode_padded(column.padded(np.arange(len(sources))), column.lengths)

    def encode_padded(self, ids: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Encoded:
        """Read sources (T, N) of these lengths (N,); what stands behind their ends does not matter."""
        if self.config.source_labels:
            return Encoded(self.weights[f"{PREFIX}embedding.weight"][ids[0]], None, lengths)
        index = reversal(lengths, len(ids))
        outputs = read_both_ways(self.config, ids, index, self._read, _join)
        final = final_vectors(self.config, outputs, index, _join)
        return Encoded(final, np.ascontiguousarray(outputs.swapaxes(0, 1)), lengths)

    def _read(self, layer: int, direction: str, read: npt.NDArray[Any]) -> Float:
        """The outputs of one direction of a layer, (T, N, H), for symbols or outputs in its own order."""
        own, N = self._layers[layer, direction], read.shape[1]
        x = read @ own.weight_ih + own.bias if layer else self._tables[direction][read]
        outputs = np.empty((*read.shape[:2], self.config.hidden_size), np.float32)
        zeros = np.zeros((N, self.config.hidden_size), np.float32)
        states: States = (tuple(zeros for _ in self.cell.states),)
        for t, x_t in enumerate(x):
            states, _ = advance(self.cell, (own,), x_t, states, NumpyOps)
            outputs[t] = states[-1][0]
        passed: Float = upwards(own, outputs, NumpyOps)
        return passed

    # --- the target ----------------------------------------------------------------------------------------------------

    def class_logits(self, encoded: Encoded) -> Float:
        """The logits of a network without a decoder: (N, V) of a label, else (N, T, V) at each place."""
        if self.config.writes:
            raise UsageError("a decoder has no logits before it writes")
        read = encoded.final if self.config.align == "label" else encoded.outputs
        logits: Float = self.head_kind.logits(read, self._head_weights, NumpyOps)
        return logits


def _join(outputs: list[Float]) -> Float:
    return np.concatenate(outputs, -1)


def _identity(symbols: Symbols) -> object:
    """What symbols are, for a fingerprint."""
    if isinstance(symbols, Labels):
        return symbols.labels
    return tuple(symbols.symbols.tolist()), symbols.has_unknown
