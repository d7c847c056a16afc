"""A network with weights of 8 bits and exact arithmetic.

Its matrices are those of `charrnn.exact.matrix`; all other weights are integers on the grid of their kind
(`charrnn.exact.arithmetic`). A cell's step is that of any network (`charrnn.network.cells`); only the functions that it
calls are others.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError, UsageError
from charrnn.exact.arithmetic import (
    ACTIVATION,
    FACTOR,
    SUM,
    UNBOUNDED,
    ExactOps,
)
from charrnn.exact.bounds import oversized
from charrnn.exact.matrix import Matrix
from charrnn.model import LARGEST_TABLE, CharRNN
from charrnn.network.cells import CELLS, cell_of
from charrnn.network.heads import LINEAR
from charrnn.network.shapes import weight_shapes
from charrnn.numerics import Float, Float64
from charrnn.text.vocabulary import Vocabulary

Integers = npt.NDArray[np.signedinteger]


class ExactModel(CharRNN):
    """A language model with weights of 8 bits, whose numbers are the same on every machine.

    Args:
        config: the shape of the network.
        vocabulary: the symbols that it reads.
        matrices: its matrices, by the names of `charrnn.network.shapes.weight_shapes`.
        vectors: its other weights, integers on the grids of `grid_of`.

    Raises:
        CheckpointError: a weight is missing, superfluous or of the wrong shape, or too large for exact arithmetic.
    """

    is_exact = True

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        matrices: Mapping[str, Matrix],
        vectors: Mapping[str, Integers],
    ) -> None:
        self.matrices, self.vectors = dict(matrices), dict(vectors)
        hidden_bits = hidden_bits_of(config)
        self.ops = ExactOps(hidden_bits)
        weights: dict[str, Any] = {name: matrix.weight for name, matrix in matrices.items()}
        weights |= {n: v * 2.0 ** -grid_of(n, hidden_bits) for n, v in vectors.items()}
        weights |= {
            n: np.zeros(s) for n, s in weight_shapes(config).items() if is_folded(config, n)
        }
        super().__init__(config, vocabulary, weights)
        if name := oversized(config, matrices, vectors):
            raise CheckpointError(_too_large(name))

    def _lay_out(self, weights: Mapping[str, Any]) -> None:
        super()._lay_out(weights)
        self._start = {name: start.astype(np.float64) for name, start in self._start.items()}

    def _input_projection(self) -> Any:
        embedding, first = self.weights["embedding.weight"], self._layers[0]
        if len(embedding) * first.weight_ih.shape[1] > LARGEST_TABLE:
            return lambda ids: self.ops.product(embedding[ids], first.weight_ih) + first.bias
        return (self.ops.product(embedding, first.weight_ih) + first.bias).__getitem__

    def with_ops(
        self, ops: Sequence[Any], start: Mapping[str, Float], edits: Sequence[Any]
    ) -> Self:
        """A copy of this network whose states are edited; see `CharRNN.with_ops`."""
        own = [of and _EditedOps(self.ops.hidden_bits, of) for of in ops]
        begin: Any = {name: self.ops.state(name, value) for name, value in start.items()}
        return super().with_ops(own, begin, edits)

    def with_weights(self, weights: Mapping[str, Any]) -> Any:
        """The network with other weights, in floating point: a CharRNN."""
        return CharRNN(self.config, self.vocabulary, weights)

    def in_floats(self) -> Any:
        """The same network in floating point, for what needs gradients."""
        self.require_unedited("a network in floating point")
        return self.with_weights({n: w.astype(np.float32) for n, w in self.weights.items()})


class _EditedOps(ExactOps):
    """The exact functions of a layer whose states are edited as soon as they are computed."""

    def __init__(self, hidden_bits: int, edits: Any) -> None:
        super().__init__(hidden_bits)
        self._edits = edits

    def state(self, name: str, x: npt.NDArray[Any]) -> Float64:
        return super().state(name, self._edits.state(name, super().state(name, x)))


def exact(model: CharRNN) -> ExactModel:
    """The exact model that comes nearest to a network.

    Raises:
        UsageError: its units are edited, its head is a custom one, or its weights are too large.
    """
    model.require_unedited("an exact model")
    if model.head_kind is not LINEAR:
        raise UsageError("a network with a custom head has no exact form")
    if model.config.subsample:
        raise UsageError("a subsampled network has no exact form")
    if not model.cell.is_exact:
        able = ", ".join(name for name, cell in CELLS.items() if cell.is_exact)
        raise UsageError(
            f"a network of {model.cell.name} cells has no exact form",
            f"the cells that have one are {able}",
        )
    cell, config, bits = model.cell, model.config, hidden_bits_of(model.config)
    weights = {name: weight.astype(np.float64) for name, weight in model.weights.items()}
    if cell.folds_bias:  # both are only ever added
        for layer in range(config.num_layers):
            weights[f"rnn.bias_ih_l{layer}"] = weights[f"rnn.bias_ih_l{layer}"] + weights.pop(
                f"rnn.bias_hh_l{layer}"
            )
    matrices = {name: Matrix.of(w) for name, w in weights.items() if is_matrix(name)}
    vectors = {
        name: np.floor(w * 2.0 ** grid_of(name, bits) + 0.5)
        for name, w in weights.items()
        if not is_matrix(name)
    }
    if name := oversized(config, matrices, vectors):
        raise UsageError(_too_large(name))
    whole = {name: vector.astype(np.int32) for name, vector in vectors.items()}
    return ExactModel(config, model.vocabulary, matrices, whole)


def _too_large(name: str) -> str:
    return f"the weights of {name} are too large for exact arithmetic, whose sums have 32 bits"


def hidden_bits_of(config: ModelConfig) -> int:
    """The bits behind the point of a network's h."""
    return UNBOUNDED if config.activation == "relu" else ACTIVATION


def grid_of(name: str, hidden_bits: int) -> int:
    """The bits behind the point of a weight that is in no matrix."""
    if name.startswith("start."):
        return ACTIVATION if name == "start.c" else hidden_bits
    return SUM if (".bias_" in name and name.startswith("rnn.")) or name == "head.bias" else FACTOR


def is_matrix(name: str) -> bool:
    """Whether a weight is a matrix of 8 bits."""
    return name.endswith(".weight") or ".weight_ih" in name or ".weight_hh" in name


def is_folded(config: ModelConfig, name: str) -> bool:
    """Whether a bias is part of another one: b_hh of b_ih, where both are only ever added."""
    return ".bias_hh" in name and cell_of(config).folds_bias
