"""The cells: their names and equations, against arithmetic."""

import math

import equations
import numpy as np
import pytest
import torch
from equations import float64, of_layer, softmax
from variants import NAMES, TEXTBOOK, VARIANTS, N, T, V, every_variant, make_model, random_ids

from charrnn.api import LanguageModel
from charrnn.errors import UsageError
from charrnn.network.cells import CELLS, get_cell
from charrnn.network.numpy_ops import NumpyOps
from charrnn.training.ops import TorchGradientOps, TorchOps


@every_variant
def test_states_and_gates_satisfy_the_equations(name, activation):
    """As each cell's file prints them, in float64, for one stream and for each of three layers."""
    model, _ = make_model(3, name, activation, learn_start=True)
    weights, cell, state = float64(model.weights), model.cell, model.initial_state()
    for symbol in random_ids(T):
        y = softmax(weights["head.weight"] @ state[-1][0] + weights["head.bias"])
        before, below = state, weights["embedding.weight"][symbol]
        _, state, gates = model.step(symbol, before)
        for layer in range(3):
            s = dict(zip(cell.carried, before[layer], strict=True))
            own = of_layer(weights, layer)
            expected = equations.step(name, below, y, s, own, activation=activation)
            names, found = (*cell.carried, *cell.gates), (*state[layer], *gates[layer])
            assert expected.keys() == set(names)
            for letter, values in zip(names, found, strict=True):
                np.testing.assert_allclose(values, expected[letter], atol=1e-5, rtol=0)
            below = state[layer][0]


def test_one_lstm_step_by_hand():
    """One unit, every weight 1, h = 0.5, c = 2, x = 0 with biases 0: each gate's sum is 0.5.

    i = f = o = σ(0.5), g = tanh(0.5), c' = f·2 + i·g, h' = o·tanh(c').
    """
    s, g = 1 / (1 + math.exp(-0.5)), math.tanh(0.5)
    state = (np.array([0.5]), np.array([2.0]))
    (h, c), gates = CELLS["lstm"].step(np.zeros(4), state, {"weight_hh": np.ones((1, 4))}, NumpyOps)
    assert c[0] == pytest.approx(2 * s + s * g)
    assert h[0] == pytest.approx(s * math.tanh(2 * s + s * g))
    assert [float(x[0]) for x in gates[:4]] == pytest.approx([s, s, g, s])


def test_one_gru_step_by_hand():
    """One unit, every weight 1, h = 0.5, x = 0, recurrent biases 0.25: each product is 0.75.

    r = z = σ(0.75), n = tanh(r·0.75), h' = (1 - z)·n + z·0.5.
    """
    s = 1 / (1 + math.exp(-0.75))
    n = math.tanh(s * 0.75)
    weights = {"weight_hh": np.ones((1, 3)), "bias_hh": np.full(3, 0.25)}
    (h,), gates = CELLS["gru"].step(np.zeros(3), (np.array([0.5]),), weights, NumpyOps)
    assert h[0] == pytest.approx((1 - s) * n + s * 0.5)
    assert [float(x[0]) for x in gates[:3]] == pytest.approx([s, s, n])


def test_one_peephole_step_by_hand():
    """One unit, h = 0, c = 2, x = 0, peepholes 0.5, -0.5 and 0.25.

    i = σ(1), f = σ(-1), g = tanh(0) = 0, c' = f·2, o = σ(0.25·c'): it sees the new cell. h' = o·tanh(c').
    """
    weights = {"weight_hh": np.ones((1, 4)), "weight_ci": np.array([0.5])}
    weights |= {"weight_cf": np.array([-0.5]), "weight_co": np.array([0.25])}
    state = (np.array([0.0]), np.array([2.0]))
    (h, c), gates = CELLS["peephole"].step(np.zeros(4), state, weights, NumpyOps)
    i, f = 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))
    o = 1 / (1 + math.exp(-0.25 * 2 * f))
    assert c[0] == pytest.approx(2 * f)
    assert h[0] == pytest.approx(o * math.tanh(2 * f))
    assert [float(x[0]) for x in gates[:4]] == pytest.approx([i, f, 0, o])


def test_before_the_first_character_a_jordan_network_expects_what_its_bias_says():
    """All recurrent weights but those of one symbol are 0: h is tanh of that symbol's probability, in both layers."""
    model, _ = make_model(2, "jordan")
    weights = {k: np.zeros_like(w) for k, w in model.weights.items()}
    weights["head.bias"] = np.log(np.arange(1, V + 1) / (V * (V + 1) / 2)).astype(np.float32)
    for layer in range(2):
        weights[f"rnn.weight_hh_l{layer}"][:, 4] = 1 + layer
    model = LanguageModel(model.config, model.vocabulary, weights)
    _, state, _ = model.step(0, model.initial_state())
    for layer in range(2):
        np.testing.assert_allclose(state[layer][0], math.tanh((1 + layer) * 5 / 28), atol=1e-6)


def test_relu_is_not_tanh():
    relu, tanh = (make_model(1, "elman", how)[0] for how in ("relu", "tanh"))
    assert all((relu.weights[k] == tanh.weights[k]).all() for k in relu.weights)
    states = []
    for model in (relu, tanh):
        state = model.initial_state(N)
        for row in random_ids(T, N):
            _, state, _ = model.step(row, state)
        states.append(state[0][0])
    assert states[0].min() == 0
    assert states[0].max() > 1
    assert states[1].min() < 0


def test_sigmoid_is_right_and_never_overflows():
    x = np.array([-1e4, -30, -1, 0, 1, 30, 1e4], np.float32)
    expected = [1 / (1 + math.exp(-min(700, max(-700, v)))) for v in x]
    np.testing.assert_allclose(NumpyOps.sigmoid(x), expected, atol=1e-6)


@pytest.mark.parametrize("function", ["sigmoid", "tanh", "relu", "softplus"])
def test_numpy_and_torch_have_the_same_functions(function):
    x = np.linspace(-40, 40, 1001)
    expected = getattr(NumpyOps, function)(x)
    for ops in (TorchOps, TorchGradientOps):
        found = getattr(ops, function)(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-14)


def test_the_cells_have_their_names():
    assert list(CELLS) == list(NAMES)
    for name, (states, gates) in NAMES.items():
        cell = CELLS[name]
        assert cell.name == name
        assert cell.states == tuple(states.split())
        assert cell.gates == tuple(gates.split())


@pytest.mark.parametrize("name", CELLS)
def test_each_state_and_gate_of_a_cell_has_a_meaning_in_words(name):
    cell = CELLS[name]
    assert sorted(cell.meanings) == sorted((*cell.states, *cell.gates))
    assert all(cell.meanings.values())


@pytest.mark.parametrize("name", ["transformer", "", "LSTM", "x" * 500])
def test_an_unknown_cell_is_refused_with_a_list_of_those_there_are(name, wording):
    with wording.raises(UsageError) as caught:
        get_cell(name)
    assert len(caught.value.message) < 100


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        (name, how)
        for name in (*TEXTBOOK, "mingru")
        for how in ("relu", "sigmoid", "")
        if (name, how) not in VARIANTS
    ],
)
def test_an_activation_that_a_cell_has_not_is_refused_with_those_it_has(name, activation, wording):
    with wording.raises(UsageError) as caught:
        get_cell(name, activation)
    assert caught.value.message.endswith("tanh, relu" if name == "elman" else "fixed")
