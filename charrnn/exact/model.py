"""A network with weights of 8 bits and exact arithmetic.

A matrix has an integer from -127 to 127 for each weight, and a scale for each row:

    weight = integer · scale · 2^-bits        scale: an integer of 12 bits, one a row; bits: one number a matrix

All other weights are integers on the grid of their kind (`charrnn.exact.arithmetic`). A cell's step is that of any
network (`charrnn.network.cells`); only the functions that it calls are others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.exact.arithmetic import (
    ACTIVATION,
    FACTOR,
    SUM,
    UNBOUNDED,
    ExactOps,
)
from charrnn.model import LARGEST_TABLE, CharRNN
from charrnn.network.cells import get_cell
from charrnn.network.shapes import weight_shapes
from charrnn.numerics import Float, Float64
from charrnn.text.vocabulary import Vocabulary

MOST = 127
"""The largest integer of a weight."""
SCALE_BITS = 12
"""Bits of the largest scale of a matrix."""
CANDIDATES = np.linspace(0.75, 1.0, 26)
"""The parts of a row's largest weight that are tried as the weight of the integer MOST; larger weights are cut off."""

Integers = npt.NDArray[np.signedinteger]
Scales = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Matrix:
    """A matrix of 8-bit weights."""

    integers: npt.NDArray[np.int8]
    """(A, B)"""
    scales: Scales
    """(A,)"""
    bits: int

    @classmethod
    def of(cls, weight: Float) -> Self:
        """The matrix nearest to another: for each row the scale with the smallest sum of squared errors."""
        exact = weight.astype(np.float64)
        largest = np.abs(exact).max(axis=1)
        unit = largest[:, None] * CANDIDATES / MOST  # (A, candidates)
        unit[largest == 0] = 1.0
        errors = np.stack(
            [((_integers(exact, u[:, None]) * u[:, None] - exact) ** 2).sum(axis=1) for u in unit.T]
        )
        best = unit[np.arange(len(unit)), errors.argmin(axis=0)]
        bits = SCALE_BITS - 1 - int(np.floor(np.log2(best[largest > 0].max(initial=2.0**-40))))
        bits = min(bits, 48)
        scales = np.clip(np.ceil(best * 2.0**bits), 1, (1 << SCALE_BITS) - 1)
        return cls(
            _integers(exact, scales[:, None] * 2.0**-bits).astype(np.int8),
            scales.astype(np.uint16),
            bits,
        )

    @property
    def weight(self) -> Float64:
        """The weights, exact."""
        made: Float64 = self.integers * (self.scales[:, None] * 2.0**-self.bits)
        return made


def _integers(weight: Float64, unit: Any) -> Float64:
    made: Float64 = np.clip(np.rint(weight / unit), -MOST, MOST)
    return made


class ExactModel(CharRNN):
    """A language model with weights of 8 bits, whose numbers are the same on every machine.

    Args:
        config: the shape of the network.
        vocabulary: the symbols that it reads.
        matrices: its matrices, by the names of `charrnn.network.shapes.weight_shapes`.
        vectors: its other weights, integers on the grids of `grid_of`.

    Raises:
        CheckpointError: a weight is missing, superfluous or of the wrong shape.
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

    def with_weights(self, weights: Mapping[str, Any]) -> Self:  # noqa: ARG002 (see CharRNN)
        """An exact model has the weights that it was exported with.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "the weights of an exact model cannot be changed", "use the model that it was made of"
        )


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
        UsageError: its units are edited, or it is a network of another kind.
    """
    model.require_unedited("an exact model")
    cell, bits = model.cell, hidden_bits_of(model.config)
    weights = {name: weight.astype(np.float64) for name, weight in model.weights.items()}
    if cell.folds_bias:  # both are only ever added
        for layer in range(model.config.num_layers):
            weights[f"rnn.bias_ih_l{layer}"] = weights[f"rnn.bias_ih_l{layer}"] + weights.pop(
                f"rnn.bias_hh_l{layer}"
            )
    matrices = {name: Matrix.of(w) for name, w in weights.items() if is_matrix(name)}
    vectors = {
        name: np.floor(w * 2.0 ** grid_of(name, bits) + 0.5).astype(np.int32)
        for name, w in weights.items()
        if not is_matrix(name)
    }
    return ExactModel(model.config, model.vocabulary, matrices, vectors)


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
    return ".bias_hh" in name and get_cell(config.cell, config.activation).folds_bias
