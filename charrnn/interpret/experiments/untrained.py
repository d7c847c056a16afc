"""Untrained networks that differ in one thing, whose gradients are compared on the same symbols.

activation      Elman networks with tanh and with ReLU, with the usual weights, and with the identity as the recurrent
                matrix: tanh's derivative is below 1 wherever its unit is not 0, ReLU's is 1 or 0
forget-bias     LSTMs whose forget gates have a bias of 0, 1 and 3: on average they keep 50, 73 and 95 % of the memory at
                each step

Sources: Q. Le, N. Jaitly and G. Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units",
2015 (the identity); R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical Exploration of Recurrent Network
Architectures", ICML 2015 (the forget bias).
"""

import string

import numpy as np

from charrnn.config import ModelConfig
from charrnn.model import CharRNN
from charrnn.network.cells import get_cell
from charrnn.network.untrained import untrained_weights
from charrnn.numerics import Ids
from charrnn.text.vocabulary import Vocabulary

UNITS = 64
SYMBOLS = string.ascii_lowercase
LENGTH = 4000
"""Symbols that are read, drawn at random."""
SEED = 1
FORGET_BIASES = (0.0, 1.0, 3.0)


def random_symbols() -> Ids:
    """The text: LENGTH symbols, all equally likely."""
    return np.random.default_rng(SEED).integers(len(SYMBOLS), size=LENGTH).astype(np.int32)


def activations() -> dict[str, CharRNN]:
    """Elman networks with each activation and each kind of recurrent matrix, by what they are called."""
    networks = {}
    for activation in ("tanh", "relu"):
        networks[activation] = _network("elman", activation=activation)
    for activation in ("tanh", "relu"):
        one = _network("elman", activation=activation)
        identity = np.eye(UNITS, dtype=np.float32)
        networks[f"{activation}, identity"] = one.with_weights(
            {**one.weights, "rnn.weight_hh_l0": identity}
        )
    return networks


def forget_biases() -> dict[str, CharRNN]:
    """LSTMs with each bias of the forget gate, by what they are called."""
    return {f"lstm, bias {bias:g}": _with_forget_bias(bias) for bias in FORGET_BIASES}


def _with_forget_bias(bias: float) -> CharRNN:
    network = _network("lstm")
    block = get_cell("lstm").forget_block
    assert block is not None
    row = network.weights["rnn.bias_ih_l0"].copy()
    row[block * UNITS : (block + 1) * UNITS] = bias
    return network.with_weights({**network.weights, "rnn.bias_ih_l0": row})


def _network(cell: str, activation: str = "tanh") -> CharRNN:
    config = ModelConfig(
        cell=cell, activation=activation, vocab_size=len(SYMBOLS), hidden_size=UNITS
    )
    weights = untrained_weights(config, None, SEED)
    return CharRNN(config, Vocabulary("char", list(map(ord, SYMBOLS))), weights)
