"""A trained network in NumPy: weights, vocabulary, and the one primitive on which every verb rests.

    logits, state, gates = model.step(ids, state)

State is a value, passed in and returned; a model remembers nothing between calls and can serve several threads.

    ids -> embedding -> stack of recurrent layers (`charrnn.network.stack`) -> head (`charrnn.network.heads`) -> logits

Legend for shapes: N parallel streams, T time steps, V symbols, E embedding size, H hidden size, L layers.
"""

import copy
import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np

from charrnn.config import CorpusConfig, ModelConfig
from charrnn.errors import CheckpointError, UsageError
from charrnn.network.cells import cell_of
from charrnn.network.cells.base import Ops, State, Weights
from charrnn.network.cells.subsampling import WORDS, periods, word_table
from charrnn.network.heads import LINEAR, Head, head_weights
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import advance, make_layer, top_output, upwards
from charrnn.numerics import Float, Float64, log_softmax
from charrnn.text.vocabulary import Vocabulary

States = tuple[State, ...]
"""A state for each layer."""
Gates = tuple[tuple[Float, ...], ...]
"""The gates of each layer, in the order of `Cell.gates`."""

FINGERPRINTED = (
    *("cell", "vocab_size", "embedding_size", "hidden_size"),
    *("num_layers", "activation", "layer_norm", "learn_start"),
)
"""The fields of ModelConfig that every fingerprint includes, in their order there."""
LARGEST_TABLE = 1 << 24
"""Numbers in the table of input projections above which they are computed at each step."""


class CharRNN:
    """A character-level recurrent network. Sampling, recording and scoring are in `charrnn.LanguageModel`.

    Args:
        config: the shape of the network.
        vocabulary: the symbols that it reads.
        weights: the arrays named by `charrnn.network.shapes.weight_shapes`, float32.
        head: turns the outputs of the top layer into logits.

    Raises:
        CheckpointError: a weight is missing, superfluous or of the wrong shape.
    """

    ops: Any = NumpyOps
    """The functions of a step; a layer may have its own."""
    is_exact = False
    """Whether the arithmetic is exact (`charrnn.exact`), so that the same seed gives the same text on every machine."""

    def __init__(
        self, config: ModelConfig, vocabulary: Vocabulary, weights: Weights, head: Head = LINEAR
    ) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self.cell = cell_of(config)
        self.head_kind = head
        self.edits: tuple[Any, ...] = ()
        """The edits that `with_ops` was given; empty for a model as trained."""
        self.reading = CorpusConfig(level=vocabulary.level)
        """How a text becomes symbols: as the corpus did; of a network alone as running text."""
        self._lay_out(weights)

    def _lay_out(self, weights: Weights) -> None:
        """Take these weights, and lay them out for a step."""
        config = self.config
        require_shapes(weights, weight_shapes(config, self.head_kind))
        self.weights = dict(weights)
        self._layers = [
            make_layer(self.cell, weights, k, lambda w: np.ascontiguousarray(w.T), period)
            for k, period in enumerate(periods(config))
        ]
        self._head_weights = {n: np.asfortranarray(w) for n, w in head_weights(weights).items()}
        self._project = self._input_projection()
        zeros = np.zeros((config.num_layers, config.hidden_size), np.float32)
        self._start = {
            k: weights.get(f"start.{k}", zeros) for k in self.cell.carried
        }  # (L, H) each

    def _input_projection(self) -> Callable[[Any], Float]:
        """The function behind `inputs`: it takes rows of a table, if that is not too large."""
        embedding, first = self.weights["embedding.weight"], self._layers[0]
        weight, bias = first.weight_ih, first.bias
        if weight is None:
            rows: Float = embedding
            return rows.__getitem__
        if len(embedding) * weight.shape[1] > LARGEST_TABLE:
            return lambda ids: embedding[ids] @ weight + bias
        table: Float = embedding @ weight + bias  # (V, B·H)
        return table.__getitem__

    @cached_property
    def _word_table(self) -> Float | None:
        """For each symbol, (V,), whether it is part of a word, where layers tick at the ends of words."""
        if self.config.subsample != WORDS:
            return None
        table: Float = word_table(self.config)
        return table

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of SHA-256 over config, vocabulary and weights; edits do not change it."""
        vocabulary = self.vocabulary
        identity = vocabulary.level, vocabulary.has_unknown
        symbols = np.asarray(vocabulary.symbols, np.int64).tobytes()
        return fingerprint_of(self.config, identity, self.weights, symbols)

    # --- reading -------------------------------------------------------------------------------------------------------

    def initial_state(self, num_streams: int | None = None) -> States:
        """The state before any character: (N, H) each, or (H,) when `num_streams` is None.

        Zeros, or the learned initial state; where a unit is clamped, its value.
        """
        H = self.config.hidden_size
        shape = (H,) if num_streams is None else (num_streams, H)
        return tuple(
            tuple(np.broadcast_to(start[layer], shape).copy() for start in self._start.values())
            for layer in range(self.config.num_layers)
        )

    def inputs(self, ids: Any) -> Float:
        """The input of layer 0 for symbols (N,): W_ih · embedding + biases, (N, B·H); or the embedding, (N, E).

        A network that reads something beside the symbol adds it here; its counterpart in torch is `Network.inputs`.
        """
        return self._project(ids)

    def in_word(self, ids: Any) -> Float | None:
        """Whether symbols are parts of words, as numbers, where layers tick at the ends of words; else None."""
        return None if self._word_table is None else self._word_table[ids]

    def advance(self, ids: Any, state: States) -> tuple[States, Gates]:
        """Read one symbol a stream, without computing what comes next.

        Args:
            ids: an id for one stream, or an array (N,).
            state: the state before it; it is not changed.

        Returns:
            The state after it, and each layer's gates; where a layer is held, these are NaN.
        """
        output = None
        if self.cell.feeds_back == "output":
            output = self.ops.softmax(self.logits(state))
        x, in_word = self.inputs(ids), self.in_word(ids)
        return advance(self.cell, self._layers, x, state, self.ops, output=output, in_word=in_word)

    def head(self, outputs: Float) -> Float:
        """The logits after outputs of the top layer: unnormalized log-probabilities of the next symbol.

        Args:
            outputs: (..., H).

        Returns:
            (..., V)
        """
        outputs = upwards(self._layers[-1], outputs, self.ops)
        logits: Float = self.head_kind.logits(outputs, self._head_weights, self.ops)
        return logits

    def outputs(self, state: States) -> Any:
        """What `head` needs of a state: the outputs of the top layer, or the sum of all where layers are held."""
        return top_output(self._layers, state)

    def stacked(self, outputs: Sequence[Any]) -> Any:
        """The outputs after several states, one after another, as one argument of `head`."""
        return np.stack(outputs)

    def predict(self, outputs: Any) -> tuple[Float64, Float64 | None]:
        """The log-probabilities after outputs, (..., V), and the share of each probability that comes from counts.

        The second is None for a network alone.
        """
        return log_softmax(self.head(outputs)), None

    def logits(self, state: States) -> Float:
        """The logits after a state, (N, V), or (V,) for one stream."""
        return self.head(self.outputs(state))

    def step(self, ids: Any, state: States) -> tuple[Float, States, Gates]:
        """Read one symbol a stream and predict the next.

        Args:
            ids: an id for one stream, or an array (N,).
            state: the state before it; it is not changed.

        Returns:
            logits (N, V) for the next symbol, the state after this one, and each layer's gates.
        """
        state, gates = self.advance(ids, state)
        return self.logits(state), state, gates

    def run(self, ids: Any, state: States) -> tuple[Float, States]:
        """Read several symbols a stream, one after another.

        Args:
            ids: (T,) for one stream, or (T, N).
            state: the state before them; it is not changed.

        Returns:
            The outputs of the top layer after each, (T, H) or (T, N, H), from which `head` makes logits, and the
            state after the last.
        """
        outputs = np.empty((*np.shape(ids), self.config.hidden_size), np.float32)
        for t, symbols in enumerate(ids):
            state, _ = self.advance(symbols, state)
            outputs[t] = self.outputs(state)
        return outputs, state

    # --- the same network, changed ------------------------------------------------------------------------------------

    @property
    def start(self) -> dict[str, Float]:
        """The state before any character, of all layers: (L, H) for each letter."""
        return dict(self._start)

    def with_ops(
        self, ops: Sequence[Ops | None], start: Mapping[str, Float], edits: Sequence[Any]
    ) -> Self:
        """A copy of this network with other functions in its steps; it shares the weights.

        Args:
            ops: for each layer the functions of its step; None: NumPy's own.
            start: the state before any character, (L, H) for each letter.
            edits: descriptions of what these change; they become the attribute `edits`.
        """
        other = copy.copy(self)
        other.edits, other._start = tuple(edits), dict(start)  # noqa: SLF001 (a copy of ours)
        other._layers = [  # noqa: SLF001
            dataclasses.replace(layer, ops=own)
            for layer, own in zip(self._layers, ops, strict=True)
        ]
        return other

    def with_weights(self, weights: Weights) -> Self:
        """A copy of this network, without edits, that has other weights.

        Raises:
            CheckpointError: a weight is missing, superfluous or of the wrong shape.
        """
        other = copy.copy(self)
        vars(other).pop("fingerprint", None)
        other.edits = ()
        other._lay_out(weights)  # noqa: SLF001 (a copy of ours)
        return other

    def require_unedited(self, what: str) -> None:
        """Raise UsageError if units are edited, for operations that would ignore the edits."""
        if self.edits:
            raise UsageError(f"{what} does not support edited units")


def fingerprint_of(
    config: ModelConfig, identity: tuple[object, ...], weights: Weights, symbols: bytes = b""
) -> str:
    """16 hexadecimal digits of SHA-256 over a network.

    Args:
        config: its shape.
        identity: what else it is, as values.
        weights: its weights.
        symbols: the symbols of its vocabulary, as bytes.
    """
    digest = hashlib.sha256(repr((_fingerprinted(config), *identity)).encode())
    digest.update(symbols)
    for name in sorted(weights):
        digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()[:16]


def require_shapes(weights: Weights, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raise CheckpointError unless the weights have exactly these names and shapes."""
    shapes = {name: tuple(array.shape) for name, array in weights.items()}
    if shapes != expected:
        wrong = sorted(expected.keys() ^ shapes.keys()) or [
            n for n in expected if expected[n] != shapes[n]
        ]
        raise CheckpointError(f"the weights do not fit the network: {wrong[0]}")


def _fingerprinted(config: ModelConfig) -> dict[str, Any]:
    """The settings in a fingerprint.

    A setting that came later counts only where it is not the default, as layer_norm does, so that models from before it
    keep their fingerprints.
    """
    values = {name: getattr(config, name) for name in FINGERPRINTED}
    if not config.layer_norm:
        del values["layer_norm"]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name not in FINGERPRINTED and value != field.default:
            values[field.name] = value
    return values
