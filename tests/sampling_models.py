"""Models to sample from."""

from helpers import random_model

from charrnn.text.vocabulary import Vocabulary

LETTERS = Vocabulary("char", range(97, 104))  # a to g


def make_model(vocabulary=LETTERS, *, seed=1, scale=2.0, bias=None):
    """A model with random weights and no biases; with a bias, one that expects the same whatever it has read."""
    model = random_model(vocabulary, seed=seed, scale=scale, embedding_size=5, hidden_size=6)
    for name, weights in model.weights.items():
        if "bias" in name:
            weights[...] = 0
    if bias is not None:
        model.weights["head.weight"][:] = 0
        model.weights["head.bias"][:] = bias
    return type(model)(model.config, vocabulary, model.weights)
