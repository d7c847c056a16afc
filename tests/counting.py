"""A model that counts open brackets in one cell, and texts for it."""

import numpy as np
from helpers import characters, random_model

LETTERS = "abcd()"


def text_of(length, seed=1):
    """Letters with brackets, of which one is open at a time."""
    random = np.random.default_rng(seed)
    made, is_open = [], False
    for _ in range(length):
        c = random.choice(list("abcd"))
        if random.random() < 0.1:
            c, is_open = (")" if is_open else "("), not is_open
        made.append(c)
    return "".join(made)


def counting_model(hidden_size=16, unit=5, seed=2):
    """A random LSTM, one cell of which counts open brackets; its gates are forced open."""
    model = random_model(
        characters(LETTERS), seed=seed, scale=0.5, embedding_size=6, hidden_size=hidden_size
    )
    weights = {name: array.copy() for name, array in model.weights.items()}
    embedding = np.eye(len(LETTERS), dtype=np.float32)
    weights["embedding.weight"] = embedding
    gates = {"i": 0, "f": 1, "g": 2, "o": 3}
    rows = {gate: k * hidden_size + unit for gate, k in gates.items()}
    symbols = sorted(LETTERS)
    for row in rows.values():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            weights[f"rnn.{name}_l0"][row] = 0
    weights["rnn.bias_ih_l0"][[rows["i"], rows["f"], rows["o"]]] = 20
    weights["rnn.weight_ih_l0"][rows["g"], symbols.index("(")] = 3
    weights["rnn.weight_ih_l0"][rows["g"], symbols.index(")")] = -3
    return type(model)(model.config, model.vocabulary, weights)
