"""The NumPy step against torch and against arithmetic."""

import math

import numpy as np
import pytest
import torch

from charrnn.cells import CELLS
from charrnn.cells.ops import NumpyOps
from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError
from charrnn.model import CharRNN, count_parameters, weight_shapes
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.network import Network
from charrnn.training.ops import TorchOps

V, E, H, T, N = 7, 5, 6, 9, 3


def make_model(num_layers: int, seed: int = 1) -> tuple[CharRNN, Network]:
    config = ModelConfig(vocab_size=V, embedding_size=E, hidden_size=H, num_layers=num_layers)
    torch.manual_seed(seed)
    network = Network(config)
    return CharRNN(config, Vocabulary("char", range(97, 97 + V)), network.to_numpy()), network


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("num_lanes", [None, N])
def test_every_state_equals_torch_lstm(num_layers, num_lanes):
    model, network = make_model(num_layers)
    ids = np.random.default_rng(0).integers(0, V, (T, num_lanes or 1))
    plain = torch.nn.LSTM(E, H, num_layers)
    plain.load_state_dict(network.rnn.state_dict())
    state, torch_state = model.initial_state(num_lanes), None
    for row in ids:
        logits, state, gates = model.step(row if num_lanes else row[0], state)
        with torch.no_grad():
            x = network.embedding(torch.from_numpy(row))[None]
            outputs, torch_state = plain(x, torch_state)
            expected = network.head(outputs)[0].numpy()
        np.testing.assert_allclose(np.atleast_2d(logits), expected, atol=1e-5)
        for layer in range(num_layers):
            h, c = (np.atleast_2d(s) for s in state[layer])
            np.testing.assert_allclose(h, torch_state[0][layer].numpy(), atol=1e-5)
            np.testing.assert_allclose(c, torch_state[1][layer].numpy(), atol=1e-5)
            o = gates[layer][3]
            np.testing.assert_allclose(h, np.atleast_2d(o) * np.tanh(c), atol=1e-6)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_the_training_network_computes_the_same_logits(num_layers):
    model, network = make_model(num_layers)
    ids = np.random.default_rng(1).integers(0, V, (T, N))
    state = model.initial_state(N)
    expected, _ = network(torch.from_numpy(ids), None)
    for t, row in enumerate(ids):
        logits, state, _ = model.step(row, state)
        np.testing.assert_allclose(logits, expected[t].detach().numpy(), atol=1e-5)


def test_one_step_by_hand():
    """One unit, every weight 1, h = 0.5, c = 2, x = 0 with biases 0: each gate's sum is 0.5.

    i = f = o = σ(0.5), g = tanh(0.5), c' = f·2 + i·g, h' = o·tanh(c').
    """
    s, g = 1 / (1 + math.exp(-0.5)), math.tanh(0.5)
    state = (np.array([0.5]), np.array([2.0]))
    (h, c), gates = CELLS["lstm"].step(np.zeros(4), state, {"weight_hh": np.ones((1, 4))}, NumpyOps)
    assert c[0] == pytest.approx(2 * s + s * g)
    assert h[0] == pytest.approx(s * math.tanh(2 * s + s * g))
    assert [float(x[0]) for x in gates] == pytest.approx([s, s, g, s])


def test_the_step_is_the_same_for_torch_tensors():
    rng = np.random.default_rng(2)
    x, h, c, w = (rng.normal(size=shape) for shape in ((N, 4 * H), (N, H), (N, H), (H, 4 * H)))
    (h1, c1), gates1 = CELLS["lstm"].step(x, (h, c), {"weight_hh": w}, NumpyOps)
    tensors = [torch.from_numpy(a) for a in (x, h, c, w)]
    (h2, c2), gates2 = CELLS["lstm"].step(
        tensors[0], (tensors[1], tensors[2]), {"weight_hh": tensors[3]}, TorchOps
    )
    for ours, theirs in zip((h1, c1, *gates1), (h2, c2, *gates2), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-7)


def test_sigmoid_is_right_and_never_overflows():
    x = np.array([-1e4, -30, -1, 0, 1, 30, 1e4], np.float32)
    expected = [1 / (1 + math.exp(-min(700, max(-700, v)))) for v in x]
    np.testing.assert_allclose(NumpyOps.sigmoid(x), expected, atol=1e-6)


def test_a_step_does_not_change_the_state_it_is_given():
    model, _ = make_model(2)
    _, state, _ = model.step(3, model.initial_state())
    before = [s.copy() for layer in state for s in layer]
    model.step(1, state)
    assert all(
        (a == b).all() for a, b in zip(before, (s for layer in state for s in layer), strict=True)
    )


def test_the_table_of_inputs_and_its_absence_give_the_same(monkeypatch):
    with_table, network = make_model(2)
    monkeypatch.setattr("charrnn.model.LARGEST_TABLE", 0)
    without = CharRNN(with_table.config, with_table.vocabulary, network.to_numpy())
    ids = np.array([0, 6, 2])
    ours, theirs = (m.step(ids, m.initial_state(3))[0] for m in (with_table, without))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert without._project is not with_table._project


def test_weights_that_do_not_fit_are_refused():
    model, _ = make_model(1)
    weights = dict(model.weights)
    weights["head.bias"] = np.zeros(V + 1, np.float32)
    with pytest.raises(CheckpointError, match=r"head\.bias"):
        CharRNN(model.config, model.vocabulary, weights)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_parameters_are_counted_as_torch_counts_them(num_layers):
    model, network = make_model(num_layers)
    assert count_parameters(model.config) == sum(p.numel() for p in network.parameters())
    assert {n: tuple(p.shape) for n, p in network.named_parameters()} == weight_shapes(model.config)


def test_forget_gates_start_open_and_other_biases_small():
    _, network = make_model(2)
    for layer in range(2):
        bias = getattr(network.rnn, f"bias_ih_l{layer}") + getattr(network.rnn, f"bias_hh_l{layer}")
        assert (bias[H : 2 * H] == 1).all()
        assert (bias[:H].abs() < 1).all()
