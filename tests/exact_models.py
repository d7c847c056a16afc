"""Networks of every cell, untrained, and what a model of them writes."""

import numpy as np

from charrnn.config import ModelConfig, SamplingConfig
from charrnn.model import CharRNN
from charrnn.network.untrained import untrained_weights
from charrnn.sampling.sampler import generate
from charrnn.text.vocabulary import Vocabulary

VARIANTS = {
    "lstm": {"layer_norm": True, "num_layers": 2},
    "peephole": {"num_layers": 2, "learn_start": True},
    "gru": {"layer_norm": True, "learn_start": True},
    "elman": {"num_layers": 2},
    "relu": {"cell": "elman", "activation": "relu", "layer_norm": True, "num_layers": 2},
    "jordan": {"num_layers": 2},
}
LETTERS = Vocabulary("char", [10, *range(32, 127), 0xE9, 0x20AC, 0x1F600], has_unknown=True)


def network(kind, vocabulary=LETTERS, *, seed=1, hidden=24, **more):
    """An untrained network with large weights, so that its units move."""
    settings = {"cell": kind, "hidden_size": hidden, "embedding_size": 8, **VARIANTS[kind], **more}
    config = ModelConfig(vocab_size=len(vocabulary), **settings)
    scale = 0.7 if config.activation == "relu" else 2
    random = np.random.default_rng(seed)
    weights = {
        name: (w * scale + 0.1 * random.standard_normal(w.shape)).astype(np.float32)
        for name, w in untrained_weights(config, None, seed).items()
    }
    return CharRNN(config, vocabulary, weights)


def text_of(model, prompt="a", *, seed=7, length=200, **settings):
    config = SamplingConfig(seed=seed, length=length, **settings)
    return "".join(piece.text for piece in generate(model, prompt, config))
