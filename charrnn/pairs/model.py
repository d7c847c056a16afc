"""A trained network of pairs in NumPy: an encoder, and what its alignment makes of the encoder's outputs.

Legend for shapes: T places of the source, N sources side by side, K numbers of an encoder's output, V symbols.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.errors import DataError, UsageError
from charrnn.model import States, fingerprint_of, require_shapes
from charrnn.network.cells import cell_of
from charrnn.network.cells.base import Ops, Weights
from charrnn.network.encoder import (
    MARKS,
    PREFIX,
    direction_weights,
    directions,
    final_vectors,
    read_both_ways,
    reversal,
    shortened,
    source_places,
)
from charrnn.network.heads import head_weights
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.pairs import alignment_of, head_of
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import Layer, advance, entering, make_layer, upwards
from charrnn.numerics import Float
from charrnn.pairs.decoder import Decoder, Encoded
from charrnn.text.pairs import Column, Labels, Symbols
from charrnn.text.vectors import Features, FrameColumn, Frames
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary, code_points
from charrnn.wording import counted

Watch = Callable[[int, str, int, tuple[Float, ...]], object]
"""watch(layer, direction, t, values): states and gates, (N, H) each, after the symbol that a direction reads at t."""


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

    is_exact = False

    def __init__(
        self,
        config: ModelConfig,
        source_symbols: Symbols,
        vocabulary: Symbols,
        weights: Weights,
    ) -> None:
        require_shapes(weights, weight_shapes(config))
        self.config, self.weights = config, dict(weights)
        self.alignment = alignment_of(config)
        self.source_symbols, self.vocabulary = source_symbols, vocabulary
        self.cell = cell_of(config)
        self.head_kind = head_of(config)
        self._head_weights = head_weights(weights)
        self.edits: tuple[Any, ...] = ()
        """The edits that `with_ops` was given; empty for a model as trained."""
        has_encoder = self.alignment.has_encoder and not config.source_labels
        self._layers = self._direction_layers() if has_encoder else {}

    def _direction_layers(self) -> dict[tuple[int, str], Layer]:
        config = self.config

        def made(layer: int, direction: str) -> Layer:
            own = direction_weights(config, self.weights, layer, direction)
            return make_layer(self.cell, own, 0, lambda w: np.ascontiguousarray(w.T))

        layers = range(config.num_layers)
        return {(k, way): made(k, way) for k in layers for way in directions(config)}

    @property
    def copies_unknown(self) -> bool:
        """Whether characters of a source that it does not know stand in its targets, at their places."""
        return self.alignment.keeps_unknown and not self.config.source_vectors

    @cached_property
    def _tables(self) -> dict[str, Float]:
        """W_ih · embedding + biases of layer 0 for each symbol of the sources, (S, B·H), by the direction."""
        embedding = self.weights[f"{PREFIX}embedding.weight"]
        layers = ((way, self._layers[0, way]) for way in directions(self.config))
        return {way: entering(layer, embedding, NumpyOps) for way, layer in layers}

    @cached_property
    def _projections(self) -> dict[str, Float]:
        """W_ih · projection of layer 0 for sources that are vectors, (D, B·H), by the direction; or the projection."""
        projection = self.weights[f"{PREFIX}embedding.weight"]
        if self.cell.reads_input:
            return dict.fromkeys(directions(self.config), projection)
        ways = directions(self.config)
        return {way: projection @ self._layers[0, way].weight_ih for way in ways}

    @cached_property
    def decoder(self) -> Decoder:
        """The decoder; `given` binds it to sources."""
        assert isinstance(self.vocabulary, Vocabulary)
        return Decoder(self.config, self.vocabulary, self.weights, lambda: self.fingerprint)

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of SHA-256 over config, symbols and weights."""
        symbols = tuple(map(_identity, (self.source_symbols, self.vocabulary)))
        return fingerprint_of(self.config, symbols, self.weights)

    def with_ops(self, ops: Mapping[tuple[int, str], Ops], edits: Sequence[Any]) -> Self:
        """A copy of this network with other functions in some of its steps; it shares the weights.

        Args:
            ops: the functions of layers, by their numbers and the signs of their directions, "" for the decoder's.
            edits: descriptions of what these change; they become the attribute `edits`.
        """
        other = copy.copy(self)
        other.edits = tuple(edits)
        other._layers = {  # noqa: SLF001 (a copy of ours)
            (k, way): dataclasses.replace(layer, ops=ops.get((k, MARKS[way])))
            for (k, way), layer in self._layers.items()
        }
        if self.config.writes:
            own = [ops.get((k, "")) for k in range(self.config.num_layers)]
            other.decoder = self.decoder.with_ops(own, self.decoder.start, edits)
        return other

    def require_unedited(self, what: str) -> None:
        """Raise UsageError if units are edited, for operations that would ignore the edits."""
        if self.edits:
            raise UsageError(f"{what} does not support edited units")

    # --- the source ----------------------------------------------------------------------------------------------------

    def ids_of(self, sources: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """The symbols of sources as the network reads them: without those that it does not know, and stretched.

        Raises:
            DataError: there is no such label.
        """
        symbols, times = self.source_symbols, self.config.stretch or 1
        if isinstance(symbols, Features):
            return self._vectors_of(sources, symbols)
        if isinstance(symbols, Labels):
            return [np.array([symbols.id_of(source)]) for source in sources]
        ids = symbols.lookup(code_points("".join(sources))).astype(np.int64)
        known = ids != NOT_IN_VOCABULARY
        ends = np.cumsum([0, *map(len, sources)])
        before = np.concatenate([[0], np.cumsum(known)]) * times
        return np.split(np.repeat(ids[known], times), before[ends[1:-1]])[: len(sources)]

    def _vectors_of(self, sources: Sequence[Any], symbols: Features) -> list[Any]:
        """The vectors of sources, standardized."""
        for source in sources:
            if not isinstance(source, Frames):
                raise UsageError(
                    "this model reads vectors, not texts", "charrnn convert MODEL --vectors FILE"
                )
            if source.array.shape[1] != len(symbols):
                raise DataError(
                    f"the model reads vectors of {counted(len(symbols), 'number')}, not of "
                    f"{source.array.shape[1]:,}"
                )
        times = self.config.stretch or 1
        return [np.repeat(symbols.standardized(source.array), times, 0) for source in sources]

    def encode(
        self, sources: Sequence[npt.NDArray[np.int64]], watch: Watch | None = None
    ) -> Encoded:
        """Read sources, each of one symbol at least; see `ids_of`, and for `watch` `encode_padded`."""
        bounds = np.cumsum([0, *map(len, sources)])
        kind: Any = FrameColumn if self.config.source_vectors else Column
        column = kind(np.concatenate(sources), bounds)
        return self.encode_padded(column.padded(np.arange(len(sources))), column.lengths, watch)

    def encode_padded(
        self,
        ids: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.int64],
        watch: Watch | None = None,
    ) -> Encoded:
        """Read sources side by side.

        Args:
            ids: their symbols, (T, N); what stands behind their ends does not matter.
            lengths: (N,).
            watch: is given all states and gates on the way.
        """
        if self.config.source_labels:
            return Encoded(self.weights[f"{PREFIX}embedding.weight"][ids[0]], None, lengths)
        if not self.alignment.has_encoder:
            return Encoded(self.decoder.read(ids, lengths), None, lengths)
        index, shorter = reversal(lengths, len(ids)), shortened(self.config, ids, lengths)
        run = partial(self._read, watch)
        outputs = read_both_ways(self.config, ids, index, run, _join, shorter)
        places, read = (None, None) if not shorter else (source_places(shorter)[-1].T, lengths)
        if shorter:
            _, lengths, index = shorter[-1]
        final = final_vectors(self.config, outputs, index, _join)
        own = final, np.ascontiguousarray(outputs.swapaxes(0, 1)), lengths
        return Encoded(*own, places, read)

    def places(self, ids: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """For each layer of the encoder the places of a source, (T,) ids or vectors, at which it has its outputs."""
        above = source_places(shortened(self.config, ids[:, None], np.array([len(ids)])))
        if not above:
            return [np.arange(len(ids))] * self.config.num_layers
        return [np.arange(len(ids)), *(places[:, 0] for places in above)]

    def _read(
        self, watch: Watch | None, layer: int, direction: str, read: npt.NDArray[Any]
    ) -> Float:
        """The outputs of one direction of a layer, (T, N, H), for symbols or outputs in its own order."""
        own, N = self._layers[layer, direction], read.shape[1]
        if layer:
            x = entering(own, read, NumpyOps)
        elif self.config.source_vectors:
            x = read @ self._projections[direction]
            x = x if own.bias is None else x + own.bias
        else:
            x = self._tables[direction][read]
        outputs = np.empty((*read.shape[:2], self.config.hidden_size), np.float32)
        zeros = np.zeros((N, self.config.hidden_size), np.float32)
        ops: Ops = own.ops or NumpyOps
        states: States = (tuple(ops.start(letter, zeros) for letter in self.cell.carried),)
        for t, x_t in enumerate(x):
            states, gates = advance(self.cell, (own,), x_t, states, NumpyOps)
            outputs[t] = states[0][0]
            if watch:
                shown = states[0][: len(self.cell.states)]
                watch(layer, direction, t, (*shown, *gates[0]))
        passed: Float = upwards(own, outputs, NumpyOps)
        return passed

    # --- the target ----------------------------------------------------------------------------------------------------

    def class_logits(self, encoded: Encoded) -> Float:
        """The logits of a network without a decoder at each place, (N, T, C); of a label T is 1."""
        if self.config.writes:
            raise UsageError("a decoder has no logits before it writes")
        read = encoded.final[:, None] if self.alignment.is_label else encoded.outputs
        logits: Float = self.head_kind.logits(read, self._head_weights, NumpyOps)
        return logits


def _join(outputs: list[Float]) -> Float:
    return np.concatenate(outputs, -1)


def _identity(symbols: Symbols) -> object:
    """What symbols are, for a fingerprint."""
    if isinstance(symbols, Labels):
        return symbols.labels
    if isinstance(symbols, Features):
        return tuple(symbols.mean.tolist()), tuple(symbols.deviation.tolist())
    return tuple(symbols.symbols.tolist()), symbols.has_unknown
