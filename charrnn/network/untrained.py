"""A network's weights before training, drawn in NumPy as training draws them in torch, but other numbers.

embedding               normal, mean 0, standard deviation 1
recurrent layers        uniform within ± 1/√H; the two biases of a forget gate add up to FORGET_BIAS
head                    uniform within ± 1/√n, n the inputs of a matrix, and its biases alike
layer normalization     gains 1, shifts 0
initial states          0
"""

import math

import numpy as np

from charrnn.config import ModelConfig
from charrnn.network.cells import get_cell
from charrnn.network.cells.base import Weights
from charrnn.network.heads import Head
from charrnn.network.shapes import weight_shapes
from charrnn.numerics import Float

FORGET_BIAS = 1.0


def untrained_weights(config: ModelConfig, head: Head | None, seed: int) -> Weights:
    """The weights of an untrained language model by their names in a checkpoint, float32.

    Args:
        config: the network.
        head: its head; None: the usual one.
        seed: the seed of the numbers.
    """
    random = np.random.default_rng(seed)
    weights: dict[str, Float] = {}
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
    _start_forget_gates(weights, config)
    return weights


def _start_forget_gates(weights: dict[str, Float], config: ModelConfig) -> None:
    block, H = get_cell(config.cell, config.activation).forget_block, config.hidden_size
    if block is None:
        return
    for layer in range(config.num_layers):
        rows = slice(block * H, (block + 1) * H)
        weights[f"rnn.bias_ih_l{layer}"][rows] = FORGET_BIAS
        weights[f"rnn.bias_hh_l{layer}"][rows] = 0
