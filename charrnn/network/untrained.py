"""A network's weights before training, drawn in NumPy as training draws them in torch, but other numbers.

embedding               normal, mean 0, standard deviation 1
recurrent layers        uniform within ± 1/√H; the two biases of a forget gate add up to `Cell.forget_bias`
head                    uniform within ± 1/√n, n the inputs of a matrix, and its biases alike
layer normalization     gains 1, shifts 0
initial states          0
"""

import math
from collections.abc import Mapping

import numpy as np

from charrnn.config import ModelConfig
from charrnn.network.cells import cell_of
from charrnn.network.cells.base import Array, Cell, Weights
from charrnn.network.heads import Head
from charrnn.network.shapes import weight_shapes


def untrained_weights(config: ModelConfig, head: Head | None, seed: int) -> Weights:
    """The weights of an untrained language model by their names in a checkpoint, float32.

    Args:
        config: the network.
        head: its head; None: the usual one.
        seed: the seed of the numbers.
    """
    random = np.random.default_rng(seed)
    weights: dict[str, Array] = {}
    bound = 1.0
    for name, shape in weight_shapes(config, head).items():
        part = name.partition(".")[0]
        if part == "embedding":
            array = random.standard_normal(shape)
        elif part in ("norm", "start"):
            array = np.full(shape, float(name.startswith("norm.weight")))
        else:
            if part == "rnn":
                bound = 1 / math.sqrt(config.hidden_size)
            elif len(shape) > 1:
                bound = 1 / math.sqrt(shape[1])
            array = random.uniform(-bound, bound, shape)
        weights[name] = array.astype(np.float32)
    layers = {n.removeprefix("rnn."): w for n, w in weights.items() if n.startswith("rnn.")}
    start_forget_gates(cell_of(config), config.hidden_size, layers)
    return weights


def start_forget_gates(cell: Cell, hidden_size: int, weights: Mapping[str, Array]) -> None:
    """Start the biases of the forget gates; the two of a gate that has two add up to `Cell.forget_bias`.

    Args:
        cell: the cell.
        hidden_size: H.
        weights: the weights of its layers, NumPy's or torch's, by their names: `bias_ih_l0`.
    """
    if cell.forget_block is None:
        return
    rows = slice(cell.forget_block * hidden_size, (cell.forget_block + 1) * hidden_size)
    for name, array in weights.items():
        if name.startswith("bias_"):
            array[rows] = 0.0 if name.startswith("bias_hh_") else cell.forget_bias
