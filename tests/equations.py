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


def positive(a):
    return np.where(a >= 0, a + 0.5, sigmoid(a))


def mingru(x, s, w, y, keep):
    """In the paper's words: z replaces, where it keeps here, so the sign of its sum is turned."""
    a, b = np.split(w["weight_ih"] @ x + w["bias_ih"], 2)
    z, h_tilde = sigmoid(-a), positive(b)
    return {"h": keep("h", (1 - z) * s["h"] + z * h_tilde), "z": 1 - z, "n": h_tilde}


def minlstm(x, s, w, y, keep):
    i, f, g = np.split(w["weight_ih"] @ x + w["bias_ih"], 3)
    i, f, g = sigmoid(i), sigmoid(f), positive(g)
    h = keep("h", f / (f + i) * s["h"] + i / (f + i) * g)
    return {"h": h, "i": i, "f": f, "g": g, "k": f / (f + i)}


def mogrifier(x, s, w, y, keep):
    h = s["h"]
    x = 2 * sigmoid(w["weight_q1"] @ h) * x
    h = 2 * sigmoid(w["weight_r2"] @ x) * h
    x = 2 * sigmoid(w["weight_q3"] @ h) * x
    h = 2 * sigmoid(w["weight_r4"] @ x) * h
    x = 2 * sigmoid(w["weight_q5"] @ h) * x
    a, b = w["weight_ih"] @ x + w["bias_ih"], w["weight_hh"] @ h + w["bias_hh"]
    return lstm(np.split(a, 4), np.split(b, 4), s, w, np.tanh, keep)


def rhn(x, s, w, y, keep):
    """In the paper's words: t transforms and c = 1 - t carries."""
    own, made, whole = s["h"], {}, 1.0
    for d in (1, 2, 3):
        a = w["weight_hh" if d == 1 else f"weight_hh{d}"] @ own
        a = a + (w["weight_ih"] @ x + w["bias_ih"] if d == 1 else w[f"bias_hh{d}"])
        t, h = sigmoid(-np.split(a, 2)[0]), np.tanh(np.split(a, 2)[1])
        own, whole = h * t + own * (1 - t), whole * (1 - t)
        made |= {f"z{d}": 1 - t, f"n{d}": h}
    return {"h": keep("h", own), "z": whole} | made


def tdnn(x, s, w, y, keep):
    added = np.split(w["weight_ih"] @ x, 8)
    window = [s[f"w{j}"] for j in range(1, 8)] + [0]
    made = {"h": keep("h", np.tanh(added[0] + window[0] + w["bias_ih"]))}
    return made | {f"w{j}": keep(f"w{j}", window[j] + added[j]) for j in range(1, 8)}


def narx(x, s, w, y, keep):
    of_input, of_output = np.split(w["weight_ih"] @ x, 4), np.split(w["weight_hh"] @ y, 4)
    window = [s[f"w{j}"] for j in range(1, 4)] + [0]
    made = {"h": keep("h", np.tanh(of_input[0] + of_output[0] + window[0] + w["bias_ih"]))}
    later = (1, 2, 3)
    return made | {f"w{j}": keep(f"w{j}", window[j] + of_input[j] + of_output[j]) for j in later}


def mdlstm(x, s, w, y, keep):
    """Rows of 4: what stands above the next character is the third one back."""
    both = np.concatenate((s["h"], s["h3"]))
    a = np.split(w["weight_ih"] @ x + w["weight_hh"] @ both + w["bias_ih"], 5)
    i, f, e, g, o = sigmoid(a[0]), sigmoid(a[1]), sigmoid(a[2]), np.tanh(a[3]), sigmoid(a[4])
    c = keep("c", i * g + f * s["c"] + e * s["c3"])
    made = {"h": keep("h", o * np.tanh(c)), "c": c, "i": i, "f": f, "e": e, "g": g, "o": o}
    before = {1: ("h", "c"), 2: ("h2", "c2")}
    return made | {f"{n[0]}{k + 1}": s[n] for k, names in before.items() for n in names}


EQUATIONS = {"lstm": lstm, "gru": gru, "elman": simple, "jordan": simple, "peephole": peephole}
OTHERS = {
    "mogrifier": mogrifier,
    "rhn": rhn,
    "mingru": mingru,
    "minlstm": minlstm,
    "tdnn": tdnn,
    "narx": narx,
    "mdlstm": mdlstm,
}
"""Those that are not sums of what comes in and what comes back: they take the input, the state, the weights and y."""
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
    if cell in OTHERS:
        return OTHERS[cell](below, s, w, y, keep)
    num_blocks = len(w["bias_ih"]) // len(s["h"])
    x = w["weight_ih"] @ below + w["bias_ih"]
    back = w["weight_hh"] @ (y if cell == "jordan" else s["h"]) + w["bias_hh"]
    blocks = np.split(x, num_blocks), np.split(back, num_blocks)
    return EQUATIONS[cell](*blocks, s, w, SQUASH[activation], keep)
