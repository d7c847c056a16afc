"""The cells' equations by hand, as the papers write them, in float64: what tests compare the cells with.

Each function gives all states and gates after a step, by their letters. It takes the blocks of what comes in and of
what comes back (two lists of sums), the states before, the layer's weights by torch's names, the squashing function,
and `keep(letter, values)`, which gives a new state after edits.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, back, s, w, squash, keep):
    i, f, g, o = map(np.add, x, back)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = keep("c", f * s["c"] + i * g)
    return {"h": keep("h", o * np.tanh(c)), "c": c, "i": i, "f": f, "g": g, "o": o}


def peephole(x, back, s, w, squash, keep):
    i, f, g, o = map(np.add, x, back)
    i, f, g = sigmoid(i + w["weight_ci"] * s["c"]), sigmoid(f + w["weight_cf"] * s["c"]), np.tanh(g)
    c = keep("c", f * s["c"] + i * g)
    o = sigmoid(o + w["weight_co"] * c)
    return {"h": keep("h", o * np.tanh(c)), "c": c, "i": i, "f": f, "g": g, "o": o}


def gru(x, back, s, w, squash, keep):
    r, z = sigmoid(x[0] + back[0]), sigmoid(x[1] + back[1])
    n = np.tanh(x[2] + r * back[2])
    return {"h": keep("h", (1 - z) * n + z * s["h"]), "r": r, "z": z, "n": n}


def simple(x, back, s, w, squash, keep):
    return {"h": keep("h", squash(x[0] + back[0]))}


EQUATIONS = {"lstm": lstm, "gru": gru, "elman": simple, "jordan": simple, "peephole": peephole}
SQUASH = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}


def float64(weights):
    """The weights of a model for these equations."""
    return {name: array.astype(np.float64) for name, array in weights.items()}


def of_layer(weights, layer):
    """The weights of a layer of the stack, without prefix and number: `rnn.weight_hh_l2` -> `weight_hh`."""
    end = f"_l{layer}"
    names = (n for n in weights if n.startswith("rnn.") and n.endswith(end))
    return {n.removeprefix("rnn.").removesuffix(end): weights[n] for n in names}


def normed(h, weights, layer):
    """What a layer passes on: h, after layer normalization if the model has that."""
    if f"norm.weight_l{layer}" not in weights:
        return h
    deviation = np.sqrt(((h - h.mean()) ** 2).mean() + 1e-5)
    gain, shift = weights[f"norm.weight_l{layer}"], weights[f"norm.bias_l{layer}"]
    return (h - h.mean()) / deviation * gain + shift


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum()


def step(cell, below, y, s, w, *, activation="tanh", keep=lambda _, values: values):
    """The states and gates of a layer after a step.

    Args:
        cell: its name.
        below: what the layer reads.
        y: the distribution over symbols before this step, which a Jordan network reads.
        s: the states before, by their letters.
        w: the layer's weights.
        activation: of an Elman cell.
        keep: see above.
    """
    num_blocks = len(w["bias_ih"]) // len(s["h"])
    x = w["weight_ih"] @ below + w["bias_ih"]
    back = w["weight_hh"] @ (y if cell == "jordan" else s["h"]) + w["bias_hh"]
    blocks = np.split(x, num_blocks), np.split(back, num_blocks)
    return EQUATIONS[cell](*blocks, s, w, SQUASH[activation], keep)
