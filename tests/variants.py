"""Every cell in every way that it goes through time, and small networks of each."""

import dataclasses

import numpy as np
import pytest
import torch

from charrnn.api import LanguageModel
from charrnn.config import ModelConfig
from charrnn.network.cells import CELLS, get_cell
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.network import Network

V, E, H, T, N = 7, 5, 6, 9, 3

NAMES = {  # states, gates
    "lstm": ("h c", "i f g o"),
    "gru": ("h", "r z n"),
    "elman": ("h", ""),
    "jordan": ("h", ""),
    "peephole": ("h c", "i f g o"),
}
VARIANTS = [(name, how) for name, cell in CELLS.items() for how in cell.activations or ("tanh",)]


def ways_of(cell):
    """How a cell can go through time: torch's kernel, its own step and step backwards, the step alone."""
    fused = ["fused"] if cell.torch_class else []
    unrolls = cell.backward and cell.feeds_back == "hidden"
    return [*fused, *(["unrolled"] if unrolls else []), "step by step"]


WAYS = [(name, how, way) for name, how in VARIANTS for way in ways_of(get_cell(name, how))]
every_variant = pytest.mark.parametrize(("name", "activation"), VARIANTS)
every_way = pytest.mark.parametrize(("name", "activation", "way"), WAYS)
every_cell = pytest.mark.parametrize("name", CELLS)


MORE = [{}, {"learn_start": True}, {"layer_norm": True}]
with_more = pytest.mark.parametrize("more", MORE, ids=["plain", "learnt start", "layer norm"])
"""What a network may have besides."""


def make_config(name="lstm", activation="tanh", num_layers=1, **more):
    return ModelConfig(
        cell=name,
        activation=activation,
        vocab_size=V,
        embedding_size=E,
        hidden_size=H,
        num_layers=num_layers,
        **more,
    )


def make_network(config, way=None, *, dropout=0.0, seed=1):
    """A network that goes through time in this way; what is learnt from zero or one on is no longer that."""
    way = way or ways_of(get_cell(config.cell, config.activation))[0]
    torch.manual_seed(seed)
    network = Network(config, dropout, "fused" if way == "fused" else "loop")
    if way == "step by step":
        network.stack.cell = dataclasses.replace(network.cell, backward=None)
    with torch.no_grad():
        for vector in (*network.start.values(), *network.norm.values()):
            vector.add_(torch.randn_like(vector), alpha=0.5)
    return network


def to_model(network, config):
    return LanguageModel(
        config, Vocabulary("char", range(97, 97 + config.vocab_size)), network.to_numpy()
    )


def make_model(num_layers=1, name="lstm", activation="tanh", *, way=None, **more):
    config = make_config(name, activation, num_layers, **more)
    network = make_network(config, way)
    return to_model(network, config), network


def random_ids(*shape, seed=0, size=V):
    return np.random.default_rng(seed).integers(0, size, shape)


def close(ours, theirs, atol=1e-5):
    assert ours.dtype == np.float32
    np.testing.assert_allclose(np.atleast_2d(ours), theirs.detach().numpy(), atol=atol, rtol=0)
