"""What the networks beside the textbook's five promise, each against arithmetic of its own."""

import dataclasses

import numpy as np
import pytest
import torch
from equations import float64, of_layer, softmax
from helpers import characters, random_model
from variants import H, N, T, V, make_config, make_model, make_network, random_ids, to_model

from charrnn.config import ModelConfig, TrainingRequest
from charrnn.errors import SettingError
from charrnn.interpret.context import context_curve
from charrnn.network.cells import CELLS, cell_of, recorded_cell
from charrnn.network.cells.mingru import CELL as MINGRU
from charrnn.network.cells.minlstm import CELL as MINLSTM
from charrnn.network.numpy_ops import NumpyOps
from charrnn.training.scan import in_rounds, in_turn, scan

# --- a linear recurrence -------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 8, 13])
def test_a_scan_in_rounds_and_one_step_after_another_are_the_recurrence(length):
    torch.manual_seed(length)
    keep, add = torch.rand(2, length, N, H, dtype=torch.float64)
    first, expected = torch.randn(N, H, dtype=torch.float64), []
    h = first
    for t in range(length):
        h = keep[t] * h + add[t]
        expected.append(h)
    for way in (in_turn, in_rounds, scan):
        torch.testing.assert_close(way(keep, add, first), torch.stack(expected))


@pytest.mark.parametrize("is_in_turn", [True, False])
def test_the_gradient_of_a_scan_is_that_of_its_steps(is_in_turn, monkeypatch):
    monkeypatch.setattr("charrnn.training.scan._is_in_turn", lambda _: is_in_turn)
    torch.manual_seed(1)
    keep, add = (torch.rand(6, 2, 3, dtype=torch.float64).requires_grad_() for _ in range(2))
    first = torch.randn(2, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(scan, (keep, add, first))


def test_what_a_min_cell_keeps_is_right_even_where_its_gates_are_shut_or_open():
    """Of i and f far below 0, f / (f + i) is exp(f - i): here e^-2, and 1 where i is lower still."""
    x = np.array([-60, -300, 40, -62, -100, 300, 0.5, 0.5, 0.5], np.float32)
    (h,), (i, f, g, k) = MINLSTM.step(x, (np.array([2, 2, 2], np.float32),), {}, NumpyOps)
    np.testing.assert_allclose(k, [1 / (1 + np.exp(2)), 1, 0.5], atol=1e-6)
    np.testing.assert_allclose(h, k * 2 + (1 - k) * 1, atol=1e-6)
    assert np.isfinite([i, f, g]).all()
    x = np.array([-400, 400, 90, -90], np.float32)
    (h,), _ = MINGRU.step(x, (np.array([2, 2], np.float32),), {}, NumpyOps)
    np.testing.assert_allclose(h, [90.5, 2])


# --- windows -------------------------------------------------------------------------------------


def shifted(x, steps):
    """(T, ...) so many steps later, zeros first."""
    return np.concatenate([np.zeros_like(x[:steps]), x])[: len(x)]


def test_a_time_delay_network_is_a_convolution_over_time():
    """As the paper has it, from the inputs themselves: h_t = tanh(Σ_d W_d x_(t-d) + b), layer upon layer."""
    model, _ = make_model(3, "tdnn", delays="4")
    weights, ids = float64(model.weights), random_ids(T)
    below, state = weights["embedding.weight"][ids], model.initial_state()
    for layer in range(3):
        own = of_layer(weights, layer)
        total = own["bias_ih"]
        for d, block in enumerate(np.split(own["weight_ih"], 4)):
            total = total + shifted(below, d) @ block.T
        below = np.tanh(total)
    for symbol, h in zip(ids, below, strict=True):
        _, state, _ = model.step(symbol, state)
        np.testing.assert_allclose(state[-1][0], h, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("num_layers", "delays"), [(1, 5), (3, 4), (2, 1)])
def test_a_time_delay_network_sees_a_window_and_no_more(num_layers, delays):
    """Its context curve is flat, to the last bit, from L(K - 1) + 1 characters on, and not before."""
    reach = num_layers * (delays - 1) + 1
    shape = {"cell": "tdnn", "delays": str(delays), "num_layers": num_layers}
    model = random_model(characters("abcd"), seed=3, scale=0.7, **shape)
    ids = np.random.default_rng(4).integers(0, 4, 60)
    curve = context_curve(model, ids, windows=20, lengths=range(reach + 4))
    whole = curve.surprisal[-1]
    assert [(row == whole).all() for row in curve.surprisal] == [
        length >= reach for length in curve.lengths
    ]


def test_a_narx_network_reads_its_last_outputs_and_its_last_inputs():
    """From the outputs and inputs themselves: P = 2, Q = 3."""
    model, _ = make_model(2, "narx", delays="2,3")
    w, ids, state = float64(model.weights), random_ids(T), model.initial_state()
    head = w["head.weight"], w["head.bias"]
    inputs, outputs = [[], []], [np.zeros(V), softmax(head[1])]  # none before that of the start
    for symbol in ids:
        below = w["embedding.weight"][symbol]
        for layer, own in enumerate(of_layer(w, k) for k in range(2)):
            inputs[layer].append(below)
            total = own["bias_ih"]
            for d, block in enumerate(np.split(own["weight_ih"], 3)):
                if d < len(inputs[layer]):
                    total = total + block @ inputs[layer][-1 - d]
            for d, block in enumerate(np.split(own["weight_hh"], 2)):
                total = total + block @ outputs[-1 - d]
            below = np.tanh(total)
        outputs.append(softmax(head[0] @ below + head[1]))
        logits, state, _ = model.step(symbol, state)
        np.testing.assert_allclose(softmax(logits), outputs[-1], atol=1e-6)


def test_a_narx_network_with_one_delay_each_is_a_jordan_network():
    jordan, _ = make_model(2, "jordan")
    config = dataclasses.replace(jordan.config, cell="narx", delays="1,1")
    weights = {n: w for n, w in jordan.weights.items() if ".bias_hh" not in n}
    for layer in range(2):
        weights[f"rnn.bias_ih_l{layer}"] = sum(
            jordan.weights[f"rnn.bias_{part}_l{layer}"] for part in ("ih", "hh")
        )
    narx, before, after = (
        type(jordan)(config, jordan.vocabulary, weights),
        jordan.initial_state(),
        None,
    )
    after = narx.initial_state()
    for symbol in random_ids(T):
        expected, before, _ = jordan.step(symbol, before)
        found, after, _ = narx.step(symbol, after)
        np.testing.assert_allclose(found, expected, atol=1e-6)


# --- depth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 5])
def test_a_highway_of_any_depth_computes_the_same_in_numpy_and_torch(depth):
    config = make_config("rhn", num_layers=2, depth=depth)
    network = make_network(config)
    model, ids = to_model(network, config), random_ids(T, N)
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(ids), None)
    state = model.initial_state(N)
    for t, row in enumerate(ids):
        found, state, gates = model.step(row, state)
        np.testing.assert_allclose(found, logits[t], atol=1e-6, rtol=0)
    passed = np.prod(gates[1][1::2], axis=0)
    np.testing.assert_allclose(gates[1][0], passed, rtol=1e-5)
    assert len(model.cell.gates) == 1 + 2 * depth


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"cell": "tdnn", "delays": "4,4"},
        {"cell": "tdnn", "delays": "0"},
        {"cell": "narx", "delays": "65,1"},
        {"cell": "narx", "delays": "four"},
        {"cell": "lstm", "delays": "4"},
        {"cell": "lstm", "depth": 2},
        {"cell": "mdlstm", "row_length": "1"},
        {"cell": "mdlstm", "align": "none"},
        {"cell": "mingru", "weight_drop": 0.1},
        {"cell": "tdnn", "learn_start": True},
        {"cell": "narx", "align": "none"},
    ],
    ids=str,
)
def test_a_setting_that_a_cell_has_not_is_refused_in_one_line(given, wording):
    with wording.raises(SettingError):
        TrainingRequest(given=given)


@pytest.mark.parametrize(
    "own",
    [
        {"cell": "tdnn", "delays": "3"},
        {"cell": "tdnn", "delays": "1"},
        {"cell": "narx", "delays": "2,5"},
        {"cell": "rhn", "depth": 4},
        {"cell": "lstm"},
    ],
    ids=str,
)
def test_a_recorded_cell_has_the_states_and_gates_of_the_cell(own):
    cell = cell_of(ModelConfig(vocab_size=2, **own))
    found = recorded_cell(cell.name, len(cell.gates))
    names = ("name", "states", "gates", "memory", "sigmoids", "memory_gate")
    assert all(getattr(found, n) == getattr(cell, n) for n in names)


def test_a_cell_remembers_in_its_memory_or_its_output_and_not_in_a_window():
    assert {
        name: cell.memory for name, cell in CELLS.items() if cell.memory != "h"
    } == dict.fromkeys(("lstm", "peephole", "mogrifier", "mdlstm"), "c")
