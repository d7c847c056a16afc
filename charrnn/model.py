"""A trained network in NumPy: weights, vocabulary, and the one primitive on which every verb rests.

    logits, state, gates = model.step(ids, state)

State is a value, passed in and returned; a model remembers nothing between calls and can serve several threads.

Legend for shapes: N lanes, T time steps, V symbols, E embedding size, H hidden size, L layers.
"""

import copy
import dataclasses
import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from charrnn.config import MOST_UNITS, ModelConfig, SamplingConfig
from charrnn.errors import CheckpointError, UsageError
from charrnn.network.cells import get_cell
from charrnn.network.cells.base import State
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.stack import advance, layer_names, make_layer, norm_names, upwards
from charrnn.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charrnn.interpret.edits import Edit
    from charrnn.interpret.recording import Recording

Float = npt.NDArray[np.float32]
Weights = Mapping[str, Float]
States = tuple[State, ...]
"""A state for each layer."""
Gates = tuple[tuple[Float, ...], ...]
"""The gates of each layer, in the order of `Cell.gates`."""

LARGEST_TABLE = 1 << 24
"""Numbers in the table of input projections above which they are computed at each step."""
ROUND, WITHIN = 8, 0.02
"""A hidden size that is chosen is a multiple of ROUND if that gives the parameters wanted within this part of them."""


def weight_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The name and shape of every weight of a network; the names are torch's own where torch has such a cell."""
    V, E, H = config.vocab_size, config.embedding_size, config.hidden_size
    cell = get_cell(config.cell, config.activation)
    rows, fed_back = cell.num_blocks * H, V if cell.feeds_back == "output" else H
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (V, E)}
    for layer in range(config.num_layers):
        own: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, H if layer else E),
            "weight_hh": (rows, fed_back),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }
        own |= dict.fromkeys(cell.vectors, (H,))
        shapes |= {full: own[name] for name, full in layer_names(cell, layer).items()}
        if config.layer_norm:
            shapes |= dict.fromkeys(norm_names(layer), (H,))
    if config.learn_start:
        shapes |= {f"start.{letter}": (config.num_layers, H) for letter in cell.states}
    return shapes | {"head.weight": (V, H), "head.bias": (V,)}


def count_parameters(config: ModelConfig) -> int:
    """The number of trainable weights."""
    return sum(int(np.prod(shape)) for shape in weight_shapes(config).values())


def hidden_size_for(config: ModelConfig, parameters: int) -> int:
    """The hidden size with which a network has about so many parameters.

    Args:
        config: the network; its own hidden size does not count.
        parameters: how many are wanted.

    Returns:
        The size that comes nearest; but a multiple of ROUND, which processors like, if it comes near enough (WITHIN).

    Raises:
        UsageError: even one unit has more, or even the most units have fewer.
    """

    def count(hidden_size: int) -> int:
        return count_parameters(dataclasses.replace(config, hidden_size=hidden_size))

    def distance(hidden_size: int) -> int:
        return abs(count(hidden_size) - parameters)

    least, most = count(1), count(MOST_UNITS)
    if not least <= parameters <= most:
        raise UsageError(
            f"parameters must be from {least:,} to {most:,} for this {config.cell} network, not {parameters:,}",
            "its embedding, layers and alphabet count too, whatever the hidden size",
        )
    below = bisect_right(range(1, MOST_UNITS + 1), parameters, key=count)
    floor = below // ROUND * ROUND
    rounded = min((max(floor, ROUND), min(floor + ROUND, MOST_UNITS)), key=distance)
    if distance(rounded) <= WITHIN * parameters:
        return rounded
    return min((below, min(below + 1, MOST_UNITS)), key=distance)


def describe(config: ModelConfig) -> str:
    """A network in words: "lstm, 1 layer of 256 units, embedding 64: 350,593 parameters"."""
    cell = config.cell + (f" ({config.activation})" if config.activation != "tanh" else "")
    layers = f"{config.num_layers} layer" + ("s" if config.num_layers > 1 else "")
    norm = ", layer norm" if config.layer_norm else ""
    start = ", learnt start" if config.learn_start else ""
    return (
        f"{cell}, {layers} of {config.hidden_size} units{norm}, embedding {config.embedding_size}{start}: "
        f"{count_parameters(config):,} parameters"
    )


class CharRNN:
    """A character-level recurrent language model.

    Args:
        config: the shape of the network.
        vocabulary: the symbols that it reads and writes.
        weights: the arrays named by `weight_shapes`, float32.

    Raises:
        CheckpointError: a weight is missing, superfluous or of the wrong shape.
    """

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, weights: Weights) -> None:
        expected = weight_shapes(config)
        found = {name: tuple(array.shape) for name, array in weights.items()}
        if found != expected:
            wrong = sorted(expected.keys() ^ found.keys()) or [
                n for n in expected if expected[n] != found[n]
            ]
            raise CheckpointError(f"the weights do not fit the network: {wrong[0]}")
        self.config = config
        self.vocabulary = vocabulary
        self.weights = dict(weights)
        self.cell = get_cell(config.cell, config.activation)
        self.edits: tuple[Edit, ...] = ()
        self._layers = [
            make_layer(self.cell, weights, k, lambda w: np.ascontiguousarray(w.T))
            for k in range(config.num_layers)
        ]
        self._head = np.ascontiguousarray(weights["head.weight"].T)  # (H, V)
        self._head_bias = weights["head.bias"]
        self._project = self._input_projection()
        zeros = np.zeros((config.num_layers, config.hidden_size), np.float32)
        self._start = {k: weights.get(f"start.{k}", zeros) for k in self.cell.states}  # (L, H) each

    def _input_projection(self) -> Callable[[Any], Float]:
        """From ids to W_ih · embedding + biases of layer 0, (N, B·H): rows of a table, if it is not too large."""
        embedding, first = self.weights["embedding.weight"], self._layers[0]
        weight, bias = first.weight_ih, first.bias
        if len(embedding) * weight.shape[1] > LARGEST_TABLE:
            return lambda ids: embedding[ids] @ weight + bias
        table: Float = embedding @ weight + bias  # (V, B·H)
        return table.__getitem__

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of SHA-256 over config, vocabulary and weights; edits do not change it."""
        config = dataclasses.asdict(self.config)
        if not self.config.layer_norm:  # so that models from before it keep theirs
            del config["layer_norm"]
        facts = config, self.vocabulary.level, self.vocabulary.has_unknown
        digest = hashlib.sha256(repr(facts).encode())
        digest.update(np.asarray(self.vocabulary.symbols, np.int64).tobytes())
        for name in sorted(self.weights):
            digest.update(np.ascontiguousarray(self.weights[name]).tobytes())
        return digest.hexdigest()[:16]

    def initial_state(self, num_lanes: int | None = None) -> States:
        """The state before any character: (N, H) each, or (H,) when `num_lanes` is None.

        Zeros, or what the network has learnt to start from; where a unit is clamped, its value.
        """
        H = self.config.hidden_size
        shape = (H,) if num_lanes is None else (num_lanes, H)
        return tuple(
            tuple(np.broadcast_to(start[layer], shape).copy() for start in self._start.values())
            for layer in range(self.config.num_layers)
        )

    def advance(self, ids: Any, state: States) -> tuple[States, Gates]:
        """Read one symbol a lane, without asking what comes next.

        Args:
            ids: an id for one lane, or an array (N,).
            state: the state before it; it is not changed.

        Returns:
            The state after it, and each layer's gates.
        """
        output = None
        if self.cell.feeds_back == "output":
            output = NumpyOps.softmax(self.logits(state))
        return advance(self.cell, self._layers, self._project(ids), state, NumpyOps, output=output)

    def head(self, outputs: Float) -> Float:
        """The unnormalised log-probabilities of the next symbol after outputs (..., H) of the top layer: (..., V)."""
        outputs = upwards(self._layers[-1], outputs, NumpyOps)
        logits: Float = outputs.dot(self._head) + self._head_bias
        return logits

    def logits(self, state: States) -> Float:
        """The same for a state: (N, V), or (V,) for one lane."""
        return self.head(state[-1][0])

    def step(self, ids: Any, state: States) -> tuple[Float, States, Gates]:
        """Read one symbol a lane and say what may come next.

        Args:
            ids: an id for one lane, or an array (N,).
            state: the state before it; it is not changed.

        Returns:
            logits (N, V) for the next symbol, the state after this one, and each layer's gates.
        """
        state, gates = self.advance(ids, state)
        return self.logits(state), state, gates

    def sample(self, prime: str = "", **settings: Any) -> Iterator[str]:
        """Write text, handed out as it is made; closing the iterator ends the writing.

        Args:
            prime: read before writing; it is not handed out.
            settings: length, temperature, seed and so on: the fields of SamplingConfig.

        Raises:
            DataError: the prime has characters that the model does not know, or lines where one is wanted.
            UsageError: a setting is out of its range.

        Example:
            "".join(model.sample("ROMEO:", length=200, temperature=0.8, seed=1))
        """
        from charrnn.sampling.sampler import sample

        return sample(self, prime, SamplingConfig(**settings))

    def edited(self, edits: Iterable["Edit"]) -> "CharRNN":
        """This model with units held at a value or steered, in all that it reads and writes.

        It shares the weights, which no edit changes; this model stays as it is. The edits of an edited
        model are kept, and these come to them. See `charrnn.interpret.edits` for where they act.

        Args:
            edits: what to clamp, and what to add.

        Raises:
            UsageError: the model has no such unit, it is no state, or it is clamped and edited once
                more (DataError, if the edit stands in a file).

        Example:
            model.edited([Edit("clamp", "L0.c.37", 1.0)]).sample("ROMEO:")
        """
        from charrnn.interpret.edits import edited_ops

        edits = (*self.edits, *edits)
        of_layers = edited_ops(edits, self)
        layers = [
            dataclasses.replace(layer, ops=ops)
            for layer, ops in zip(self._layers, of_layers, strict=True)
        ]
        start = {
            letter: np.stack(
                [
                    row if ops is None else ops.start(letter, row)
                    for row, ops in zip(rows, of_layers, strict=True)
                ]
            )
            for letter, rows in self._start.items()
        }
        other = copy.copy(self)
        other.edits, other._layers, other._start = edits, layers, start  # noqa: SLF001 (a copy of ours)
        return other

    def require_unedited(self, what: str) -> None:
        """Raise UsageError if units are edited, for what knows nothing but the weights."""
        if self.edits:
            raise UsageError(f"{what} knows a model's weights, and not that units are edited")

    def read(self, text: str, *, top: int = 0) -> "Recording":
        """Read a text and record every state and gate on the way.

        Args:
            text: its characters must be known to the model.
            top: how many of the likeliest next characters to record at each position.

        Raises:
            DataError: the text is empty or has characters that the model does not know.
        """
        from charrnn.interpret.recording import record

        return record(self, text, top=top)
