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
    "mogrifier": ("h c", "i f g o"),
    "rhn": ("h", "z z1 n1 z2 n2 z3 n3"),
    "mingru": ("h", "z n"),
    "minlstm": ("h", "i f g k"),
    "tdnn": ("h", ""),
    "narx": ("h", ""),
    "mdlstm": ("h c", "i f e g o"),
}
VARIANTS = [(name, how) for name, cell in CELLS.items() for how in cell.activations or ("tanh",)]


def ways_of(cell):
    """How a cell can go through time: torch's kernel, all steps at once, its step and step backwards, the step alone."""
    fused = ["fused"] if cell.torch_class else []
    at_once = ["parallel"] if cell.parallel else []
    unrolls = cell.backward and cell.feeds_back == "hidden" and not cell.parallel
    return [*fused, *at_once, *(["unrolled"] if unrolls else []), "step by step"]


WAYS = [(name, how, way) for name, how in VARIANTS for way in ways_of(get_cell(name, how))]
TEXTBOOK = [name for name, cell in CELLS.items() if cell.is_exact]
"""The five cells of the textbook, for tests that take their time; `tests/cli/test_every_network.py` has the others."""
BACKWARD = [name for name, cell in CELLS.items() if cell.backward and not cell.window]
"""The cells with a step backwards that NumPy unrolls too."""
every_variant = pytest.mark.parametrize(("name", "activation"), VARIANTS)
every_way = pytest.mark.parametrize(("name", "activation", "way"), WAYS)
every_cell = pytest.mark.parametrize("name", CELLS)


MORE = [{}, {"learn_start": True}, {"layer_norm": True}]
with_more = pytest.mark.parametrize("more", MORE, ids=["plain", "learnt start", "layer norm"])
"""What a network may have besides."""


def seldom(*values):
    """A case that only -m long tries, as another one would show the same fault."""
    return pytest.param(*values, marks=pytest.mark.long)


def make_config(name="lstm", activation="tanh", num_layers=1, **more):
    if name == "mdlstm":
        more = {"row_length": "4"} | more
    if name == "tdnn":  # whose steps see no state
        more = more | {"learn_start": False}
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
        network.stack.cell = dataclasses.replace(network.cell, backward=None, parallel=None)
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
