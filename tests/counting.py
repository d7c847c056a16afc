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


def counting_model(hidden_size=16, unit=5, seed=2, letters=LETTERS, others=()):
    """A random LSTM, one cell of which counts open brackets; its gates are forced open.

    Other cells, each a unit with its two brackets, count others.
    """
    model = random_model(
        characters(letters),
        seed=seed,
        scale=0.5,
        embedding_size=len(letters),
        hidden_size=hidden_size,
    )
    weights = {name: array.copy() for name, array in model.weights.items()}
    weights["embedding.weight"] = np.eye(len(letters), dtype=np.float32)
    symbols = sorted(letters)
    for own, brackets in ((unit, "()"), *others):
        rows = {gate: k * hidden_size + own for k, gate in enumerate("ifgo")}
        for row in rows.values():
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                weights[f"rnn.{name}_l0"][row] = 0
        weights["rnn.bias_ih_l0"][[rows["i"], rows["f"], rows["o"]]] = 20
        for bracket, change in zip(brackets, (3, -3), strict=True):
            weights["rnn.weight_ih_l0"][rows["g"], symbols.index(bracket)] = change
    return type(model)(model.config, model.vocabulary, weights)
