"""Whether every sum of an exact model stays within the integers of the programs that compute it.

Python and a page add up in float64, where integers are exact up to 2^53; a program in C keeps what a cell adds up before
σ or tanh, and the logits, in 32 bits. A network whose weights allow larger sums has no exact form.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.exact.arithmetic import (
    ACTIVATION,
    LARGEST,
    LARGEST_MEMORY,
    PASSED,
    SUM,
    UNBOUNDED,
)
from charrnn.exact.matrix import LEAST_BITS, MOST_BITS, Matrix
from charrnn.network.cells import cell_of
from charrnn.network.stack import layer_names

LARGEST_SUM = (1 << 31) - 8
"""The largest sum in units of SUM, and room for its terms to be rounded."""
LARGEST_VECTOR = 1 << 30
"""The largest integer of a weight that is in no matrix."""
LARGEST_PEEPHOLE = 1 << 23
"""The largest integer of a peephole: its product with c is exact in float64."""


def oversized(
    config: ModelConfig,
    matrices: Mapping[str, Matrix],
    vectors: Mapping[str, npt.NDArray[Any]],
) -> str | None:
    """The name of a weight that is too large for exact arithmetic; None: all are small enough.

    Args:
        config: the network.
        matrices: its matrices, by name.
        vectors: its other weights, integers on their grids, by name.
    """
    for name, matrix in matrices.items():
        if not LEAST_BITS <= matrix.bits <= MOST_BITS:
            return name
    for name, vector in vectors.items():
        if np.abs(vector.astype(np.float64)).max(initial=0) > _largest_vector(name):
            return name
    return _oversized_sum(config, matrices, vectors)


def _largest_vector(name: str) -> int:
    if name == "start.h":
        return LARGEST
    if name == "start.c":
        return LARGEST_MEMORY
    return LARGEST_PEEPHOLE if ".weight_c" in name else LARGEST_VECTOR


def _oversized_sum(
    config: ModelConfig, matrices: Mapping[str, Matrix], vectors: Mapping[str, Any]
) -> str | None:
    """The name of a matrix with a row whose sum, with all that is added to it, may exceed LARGEST_SUM."""
    cell = cell_of(config)
    embedding = np.abs(matrices["embedding.weight"].weight).max(axis=0)  # (E,)
    below: Any = embedding
    for layer in range(config.num_layers):
        names = layer_names(cell, layer)
        inputs, recurrent = matrices[names["weight_ih"]], matrices[names["weight_hh"]]
        hidden = _largest_hidden(config, vectors, layer)
        fed_back = 1.0 if cell.feeds_back == "output" else hidden
        x = _reach(inputs, below) + _size(vectors, names["bias_ih"])
        a = _reach(recurrent, fed_back) + _size(vectors, names["bias_hh"])
        if not layer and _is_inexact(inputs, matrices["embedding.weight"], embedding):
            return names["weight_ih"]
        if (x + a).max() > LARGEST_SUM:
            return names["weight_ih" if x.max() > a.max() else "weight_hh"]
        below = LARGEST / (1 << PASSED) if config.layer_norm else hidden
    head = _reach(matrices["head.weight"], below) + _size(vectors, "head.bias")
    return "head.weight" if head.max() > LARGEST_SUM else None


def _reach(matrix: Matrix, largest: Any) -> Any:
    """The largest product of each row with inputs of these sizes, in units of SUM, (A,)."""
    sizes = np.broadcast_to(largest, matrix.integers.shape[1:])
    return np.abs(matrix.weight) @ sizes * float(1 << SUM)


def _size(vectors: Mapping[str, Any], name: str) -> Any:
    """The sizes of a bias, 0 if it is part of another one."""
    return np.abs(vectors[name].astype(np.float64)) if name in vectors else 0.0


def _is_inexact(inputs: Matrix, rows: Matrix, embedding: Any) -> bool:
    """Whether a product of the embedding and W_ih, which both have scales, may exceed what float64 holds exactly."""
    unit = 2.0 ** (rows.bits + inputs.bits - SUM)
    return bool((_reach(inputs, embedding) * unit).max() > 1 << 53)


def _largest_hidden(config: ModelConfig, vectors: Mapping[str, Any], layer: int) -> float:
    """The largest |h| of a layer."""
    if config.activation == "relu":
        return LARGEST / (1 << UNBOUNDED)
    start = np.abs(vectors["start.h"][layer]).max() if config.learn_start else 0
    return max(1.0, float(start) / (1 << ACTIVATION))
