"""Every cell: NumPy against torch and against arithmetic, its training, and its names; and what a sixth one needs."""

import dataclasses
import json
import math
import weakref

import numpy as np
import pytest
import torch
from helpers import call_charrnn, make_text, names_in_dump, precisions
from torch.nn.functional import cross_entropy

import charrnn
from charrnn.api import LanguageModel
from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.config import CorpusConfig, ModelConfig, TrainingConfig
from charrnn.errors import CheckpointError, UsageError
from charrnn.network.cells import CELLS, get_cell
from charrnn.network.cells.base import Cell
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.shapes import count_parameters, weight_shapes
from charrnn.network.stack import advance, make_layer
from charrnn.text.corpus import read_corpus
from charrnn.text.sources import file_source
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.events import Step, Stopped
from charrnn.training.machine import autocast
from charrnn.training.network import Network
from charrnn.training.ops import TorchGradientOps, TorchOps
from charrnn.training.optimizer import Optimizer
from charrnn.training.step import train_step
from charrnn.training.trainer import Trainer

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
    return [*fused, *(["unrolled"] if cell.backward else []), "step by step"]


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


# --- NumPy and torch ---------------------------------------------------------------------------------------------------


@with_more
@pytest.mark.parametrize("num_streams", [None, N])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@every_way
@torch.no_grad()
def test_numpy_and_the_training_network_agree_in_every_state(
    name, activation, way, num_layers, num_streams, more
):
    model, network = make_model(num_layers, name, activation, way=way, **more)
    ids = random_ids(T, num_streams or 1)
    state, torch_state = model.initial_state(num_streams), None
    all_logits, last = network(torch.from_numpy(ids), None)
    for t, row in enumerate(ids):
        logits, state, _ = model.step(row if num_streams else row[0], state)
        step_logits, torch_state = network(torch.from_numpy(row)[None], torch_state)
        close(logits, step_logits[0])
        close(logits, all_logits[t])
        for layer in range(num_layers):
            for ours, theirs in zip(state[layer], torch_state, strict=True):
                close(ours, theirs[layer])
    for layer in range(num_layers):
        for ours, theirs in zip(state[layer], last, strict=True):
            close(ours, theirs[layer])


@pytest.mark.parametrize("ops", [TorchOps, TorchGradientOps])
@pytest.mark.parametrize("num_streams", [None, N])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@every_variant
@torch.no_grad()
def test_numpy_and_the_step_on_torch_tensors_agree_in_every_state_and_gate(
    name, activation, num_layers, num_streams, ops
):
    model, network = make_model(num_layers, name, activation)
    cell, weights = network.cell, dict(network.named_parameters())
    layers = [make_layer(cell, weights, k, torch.t) for k in range(num_layers)]
    state = model.initial_state(num_streams)
    theirs = [tuple(torch.from_numpy(np.atleast_2d(s)) for s in layer) for layer in state]
    for row in random_ids(T, num_streams or 1):
        _, state, gates = model.step(row if num_streams else row[0], state)
        x = network.embedding(torch.from_numpy(row)) @ layers[0].weight_ih + layers[0].bias
        output = None
        if cell.feeds_back == "output":
            output = torch.softmax(network.head(theirs[-1][0]), -1)
        theirs, their_gates = advance(cell, layers, x, theirs, ops, output=output)
        for layer in range(num_layers):
            assert len(gates[layer]) == len(their_gates[layer]) == len(cell.gates)
            for a, b in zip(state[layer], theirs[layer], strict=True):
                close(a, b)
            for a, b in zip(gates[layer], their_gates[layer], strict=True):
                close(a, b)


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("name", [name for name, cell in CELLS.items() if cell.torch_class])
@pytest.mark.parametrize("loop", [False, True])
def test_the_weights_are_those_of_torch_own_class(name, num_layers, loop):
    """A plain torch module takes the recurrent weights as they are and computes the same."""
    config = make_config(name, num_layers=num_layers)
    network = make_network(config, "unrolled" if loop else "fused")
    plain = getattr(torch.nn, CELLS[name].torch_class)(E, H, num_layers)
    plain.load_state_dict(network.rnn.state_dict())
    ids = torch.from_numpy(random_ids(T, N))
    outputs, _ = plain(network.embedding(ids))
    logits, _ = network(ids, None)
    torch.testing.assert_close(logits, network.head(outputs), atol=1e-5, rtol=0)


@every_way
def test_dropout_is_off_outside_training(name, activation, way):
    config = make_config(name, activation, 2)
    network = make_network(config, way, dropout=0.5)
    ids = torch.from_numpy(random_ids(T, N))
    trained, _ = network(ids, None)
    logits, _ = network.eval()(ids, None)
    model = to_model(network, config)
    state = model.initial_state(N)
    for t, row in enumerate(ids.numpy()):
        ours, state, _ = model.step(row, state)
        close(ours, logits[t])
    assert (trained - logits).abs().max() > 0.01


# --- equations ---------------------------------------------------------------------------------------------------------


def sigma(x):
    return 1 / (1 + np.exp(-x))


def lstm_equations(a, s, _p, _h):
    """From a block's two sums, of what comes in and of what comes back, added up."""
    i, f, g, o = sigma(sum(a[0])), sigma(sum(a[1])), np.tanh(sum(a[2])), sigma(sum(a[3]))
    c = f * s["c"] + i * g
    return {"c": c, "h": o * np.tanh(c), "i": i, "f": f, "g": g, "o": o}


def peephole_equations(a, s, p, _h):
    i, f = sigma(sum(a[0]) + p[0] * s["c"]), sigma(sum(a[1]) + p[1] * s["c"])
    g = np.tanh(sum(a[2]))
    c = f * s["c"] + i * g
    o = sigma(sum(a[3]) + p[2] * c)
    return {"c": c, "h": o * np.tanh(c), "i": i, "f": f, "g": g, "o": o}


def gru_equations(a, s, _p, _h):
    r, z = sigma(sum(a[0])), sigma(sum(a[1]))
    n = np.tanh(a[2][0] + r * a[2][1])
    return {"h": (1 - z) * n + z * s["h"], "r": r, "z": z, "n": n}


def simple_equations(a, _s, _p, squash):
    return {"h": squash(sum(a[0]))}


EQUATIONS = {
    "lstm": lstm_equations,
    "gru": gru_equations,
    "elman": simple_equations,
    "jordan": simple_equations,
    "peephole": peephole_equations,
}


@every_variant
def test_states_and_gates_satisfy_the_equations(name, activation):
    """As each cell's file prints them, in float64, for one stream and for each of three layers."""
    model, _ = make_model(3, name, activation, learn_start=True)
    weights = {k: w.astype(np.float64) for k, w in model.weights.items()}
    squash = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[activation]
    cell, state = model.cell, model.initial_state()
    for symbol in random_ids(T):
        logits = weights["head.weight"] @ state[-1][0] + weights["head.bias"]
        y = np.exp(logits) / np.exp(logits).sum()
        before, below = state, weights["embedding.weight"][symbol]
        _, state, gates = model.step(symbol, before)
        for layer in range(3):
            own = {
                k.removesuffix(f"_l{layer}").removeprefix("rnn."): w
                for k, w in weights.items()
                if k.endswith(f"_l{layer}")
            }
            s = dict(zip(cell.states, before[layer], strict=True))
            back = y if name == "jordan" else s["h"]
            come_in = np.split(own["weight_ih"] @ below + own["bias_ih"], cell.num_blocks)
            come_back = np.split(own["weight_hh"] @ back + own["bias_hh"], cell.num_blocks)
            sums = list(zip(come_in, come_back, strict=True))
            peepholes = [own[f"weight_c{k}"] for k in "ifo"] if name == "peephole" else None
            expected = EQUATIONS[name](sums, s, peepholes, squash)
            names, found = (*cell.states, *cell.gates), (*state[layer], *gates[layer])
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


@pytest.mark.parametrize("function", ["sigmoid", "tanh", "relu"])
def test_numpy_and_torch_have_the_same_functions(function):
    x = np.linspace(-40, 40, 1001)
    expected = getattr(NumpyOps, function)(x)
    for ops in (TorchOps, TorchGradientOps):
        found = getattr(ops, function)(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-14)


@every_variant
@pytest.mark.parametrize("num_streams", [None, N])
def test_a_step_does_not_change_the_state_it_is_given(name, activation, num_streams):
    model, _ = make_model(2, name, activation)
    ids = random_ids(2, num_streams or 1)
    ids = ids if num_streams else ids[:, 0]
    _, state, _ = model.step(ids[0], model.initial_state(num_streams))
    before = [s.copy() for layer in state for s in layer]
    _, after, _ = model.step(ids[1], state)
    for old, now, new in zip(before, sum(state, ()), sum(after, ()), strict=True):
        assert (old == now).all()
        assert not np.array_equal(now, new)


@every_variant
def test_the_table_of_inputs_and_its_absence_give_the_same(name, activation, monkeypatch):
    with_table, network = make_model(2, name, activation)
    monkeypatch.setattr("charrnn.model.LARGEST_TABLE", 0)
    without = LanguageModel(with_table.config, with_table.vocabulary, network.to_numpy())
    ids = np.array([0, 6, 2])
    ours, theirs = (m.step(ids, m.initial_state(3))[0] for m in (with_table, without))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert without._project is not with_table._project


# --- weights -----------------------------------------------------------------------------------------------------------


def test_weights_that_do_not_fit_are_refused():
    model, _ = make_model(1)
    weights = dict(model.weights)
    weights["head.bias"] = np.zeros(V + 1, np.float32)
    with pytest.raises(CheckpointError, match=r"head\.bias"):
        LanguageModel(model.config, model.vocabulary, weights)


@every_cell
def test_the_weights_of_another_cell_are_refused(name):
    model, _ = make_model(1, name)
    for other in CELLS.keys() - {name}:
        with pytest.raises(CheckpointError, match="do not fit"):
            LanguageModel(make_config(other), model.vocabulary, model.weights)


@with_more
@pytest.mark.parametrize("num_layers", [1, 3])
@every_way
def test_parameters_have_the_names_and_shapes_that_a_checkpoint_keeps(
    name, activation, way, num_layers, more
):
    config = make_config(name, activation, num_layers, **more)
    network = make_network(config, way)
    shapes = {n: tuple(p.shape) for n, p in network.named_parameters()}
    assert shapes == weight_shapes(config)
    assert shapes == {n: w.shape for n, w in network.to_numpy().items()}
    assert count_parameters(config) == sum(p.numel() for p in network.parameters())
    besides = {n: s for n, s in shapes.items() if n.startswith(("start.", "norm."))}
    expected = {}
    if more.get("learn_start"):
        expected = {f"start.{k}": (num_layers, H) for k in network.cell.states}
    if more.get("layer_norm"):
        vectors = [f"norm.{v}_l{k}" for v in ("weight", "bias") for k in range(num_layers)]
        expected = dict.fromkeys(vectors, (H,))
    assert besides == expected


@every_way
def test_the_initial_weights_lie_within_the_bound_that_torch_uses(name, activation, way):
    network = make_network(make_config(name, activation, 2), way)
    opened = get_cell(name, activation).gates
    for parameter_name, parameter in network.rnn.named_parameters():
        values = parameter.detach().clone()
        if "f" in opened and parameter_name.startswith("bias_"):
            f = opened.index("f")
            values[f * H : (f + 1) * H] = 0.0
        assert values.abs().max() <= 1 / math.sqrt(H)
        assert values.std() > 0.1


@pytest.mark.parametrize(
    ("name", "way"), [("lstm", "fused"), ("lstm", "unrolled"), ("peephole", "unrolled")]
)
def test_forget_gates_start_open(name, way):
    network = make_network(make_config(name, num_layers=2), way)
    for layer in range(2):
        bias = getattr(network.rnn, f"bias_ih_l{layer}") + getattr(network.rnn, f"bias_hh_l{layer}")
        assert (bias[H : 2 * H] == 1).all()
        assert (bias[:H].abs() < 1).all()
        assert (bias[2 * H :].abs() < 1).all()


# --- gradients ---------------------------------------------------------------------------------------------------------


def gradients(network, *, state=None, seed=3, only_state=False):
    """Of a random weighting of all logits and of the state after, by every parameter and by the state before."""
    rng = np.random.default_rng(seed)
    ids = torch.from_numpy(random_ids(5, N))
    if state is not None:
        state = tuple(s.clone().requires_grad_() for s in state)
    logits, after = network(ids, state)
    total = 0.0
    for array in after if only_state else (logits, *after):
        total = total + (array * torch.from_numpy(rng.normal(size=array.shape)).to(array)).sum()
    wanted = {
        **dict(network.named_parameters()),
        **{f"state {k}": s for k, s in enumerate(state or ())},
    }
    found = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
    return {
        n: torch.zeros_like(p) if g is None else g
        for (n, p), g in zip(wanted.items(), found, strict=True)
    }


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("given", ["start", "state", "only the state counts"])
@pytest.mark.parametrize("num_layers", [1, 3])
@every_variant
def test_all_ways_through_time_have_the_same_gradients(
    name, activation, num_layers, given, layer_norm
):
    config = make_config(name, activation, num_layers, learn_start=True, layer_norm=layer_norm)
    made = {way: make_network(config, way).double() for way in ways_of(get_cell(name, activation))}
    state = None
    if given != "start":
        rng = np.random.default_rng(4)
        shapes = [(num_layers, N, H)] * len(CELLS[name].states)
        state = [torch.from_numpy(rng.normal(size=shape)) for shape in shapes]
    expected = None
    for network in made.values():
        found = gradients(network, state=state, only_state=given.startswith("only"))
        assert all(g.dtype == torch.float64 for g in found.values())
        expected = expected or found
        for parameter_name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[parameter_name], atol=1e-11, rtol=1e-9)
    used = [n for n in expected if n.startswith(("rnn.", "state "))]
    assert all(expected[n].abs().max() > 1e-8 for n in used)


@pytest.mark.parametrize(("name", "activation"), [v for v in VARIANTS if get_cell(*v).backward])
def test_inputs_from_a_table_and_inputs_from_a_product_are_the_same(monkeypatch, name, activation):
    config = make_config(name, activation, 2)
    table = gradients(make_network(config, "unrolled").double())
    monkeypatch.setattr("charrnn.training.inputs.MOST_SYMBOLS", V - 1)
    product = gradients(make_network(config, "unrolled").double())
    for parameter_name, gradient in product.items():
        torch.testing.assert_close(gradient, table[parameter_name], atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("layer_norm", [False, True])
@every_way
def test_the_gradient_under_dropout_is_that_of_what_was_computed(name, activation, way, layer_norm):
    """Along a random direction d of all weights: (loss(θ + εd) - loss(θ - εd)) / 2ε, with the same masks each time."""
    config = make_config(name, activation, 3, learn_start=True, layer_norm=layer_norm)
    network = make_network(config, way, dropout=0.4)
    network, ids = network.double(), torch.from_numpy(random_ids(T, N))
    rng, parameters = np.random.default_rng(6), list(network.parameters())
    direction = [torch.from_numpy(rng.normal(size=p.shape)) for p in parameters]

    def cost(shift):
        with torch.no_grad():
            for parameter, d in zip(parameters, direction, strict=True):
                parameter.add_(shift * d)
        torch.manual_seed(2)
        logits, _ = network(ids[:-1], None)
        return cross_entropy(logits.flatten(0, 1), ids[1:].flatten())

    found = torch.autograd.grad(cost(0), parameters)
    slope = sum((g * d).sum().item() for g, d in zip(found, direction, strict=True))
    above, below = cost(1e-6).item(), cost(-2e-6).item()
    assert slope == pytest.approx((above - below) / 2e-6, rel=1e-5)
    assert abs(slope) > 1e-3


@pytest.mark.parametrize(("name", "activation"), [v for v in VARIANTS if get_cell(*v).backward])
def test_without_a_gradient_no_step_is_kept(name, activation):
    """Validation reads long texts: what a step computed must be gone some steps later."""
    network = make_network(make_config(name, activation, 2), "unrolled")
    real, made, most = network.cell.step, [], 0

    def watched(*arguments):
        nonlocal most
        after, gates = real(*arguments)
        made.extend(weakref.ref(array) for array in (*after, *gates))
        most = max(most, sum(ref() is not None for ref in made))
        return after, gates

    network.stack.cell = dataclasses.replace(network.cell, step=watched)
    with torch.no_grad():
        network(torch.from_numpy(random_ids(60, N)), None)
    assert len(made) >= 120
    assert most < 60


@every_way
def test_the_gradients_in_every_precision_point_where_those_in_float32_do(name, activation, way):
    # where most of a few units are 0, what normalization divides by is as rough as they are
    config = make_config(name, activation, 2, learn_start=True, layer_norm=activation == "tanh")
    network = make_network(config, way)
    ids = torch.from_numpy(random_ids(T, N))
    found = []
    for precision in ("float32", precisions()[-1]):
        with autocast(torch.device("cpu"), precision):
            logits, state = network(ids[:-1], None)
        cost = cross_entropy(logits.float().flatten(0, 1), ids[1:].flatten())
        of_each = torch.autograd.grad(cost, list(network.parameters()))
        assert all(g.dtype == torch.float32 for g in of_each)
        assert all(s.isfinite().all() for s in state)
        found.append(torch.cat([g.flatten() for g in of_each]))
    assert torch.cosine_similarity(*found, dim=0) > 0.99
    assert torch.equal(*found) == (precisions() == ["float32"])


# --- learning where to start -------------------------------------------------------------------------------------------


@every_cell
def test_a_state_starts_at_zero_or_where_it_has_been_learnt_to(name):
    model, network = make_model(2, name)
    assert not len(network.start)
    zero = [s for layer in model.initial_state(N) for s in layer] + [*network.first_state(N)]
    assert all((s == 0).all() for s in zero)

    config = make_config(name, num_layers=2, learn_start=True)
    assert all((s == 0).all() for s in Network(config).start.values())  # before it has learnt
    model, network = make_model(2, name, learn_start=True)
    for num_streams in (None, 1, N):
        for layer, states in enumerate(model.initial_state(num_streams)):
            for letter, values in zip(model.cell.states, states, strict=True):
                learnt = model.weights[f"start.{letter}"][layer]
                assert (learnt != 0).all()
                assert values.shape == ((H,) if num_streams is None else (num_streams, H))
                assert (values == learnt).all()
    for k, values in enumerate(network.first_state(N)):
        assert values.shape == (2, N, H)
        learnt = model.weights[f"start.{model.cell.states[k]}"]
        assert (values.detach().numpy() == learnt[:, None]).all()


@every_cell
def test_changing_a_first_state_does_not_change_the_model(name):
    model, _ = make_model(2, name, learn_start=True)
    kept = {k: w.copy() for k, w in model.weights.items()}
    for num_streams in (None, N):
        for layer in model.initial_state(num_streams):
            for values in layer:
                values.fill(9)
    assert all((model.weights[k] == w).all() for k, w in kept.items())


@every_way
def test_the_first_state_gets_a_gradient_at_the_start_and_where_streams_restart(
    name, activation, way
):
    """From a state that is given it gets none; if a stream has restarted, that of this stream alone."""
    network = make_network(make_config(name, activation, 2, learn_start=True), way)
    ids = torch.from_numpy(random_ids(T, N))

    def by_start(state, stream):
        logits, _ = network(
            ids[:, stream : stream + 1],
            None if state is None else [s[:, stream : stream + 1] for s in state],
        )
        return torch.autograd.grad(
            logits.square().sum(), list(network.start.values()), allow_unused=True
        )

    assert all((g != 0).any() for g in by_start(None, 1))
    with torch.no_grad():
        _, state = network(ids, None)
    assert all(g is None for g in by_start(state, 1))

    def restarted():
        return network.reset(state, slice(1, None, 3))

    for ours, theirs in zip(by_start(restarted(), 1), by_start(None, 1), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert all((g == 0).all() for g in by_start(restarted(), 0))


@pytest.mark.parametrize("learn_start", [False, True])
@every_way
def test_restarting_changes_only_the_streams_asked_for(name, activation, way, learn_start):
    network = make_network(make_config(name, activation, 2, learn_start=learn_start), way)
    with torch.no_grad():
        _, state = network(torch.from_numpy(random_ids(T, 5)), None)
    before = [s.clone() for s in state]
    after = network.reset(state, slice(1, None, 3))
    firsts = network.first_state(5)
    assert len(after) == len(firsts) == len(network.cell.states)
    for old, given, new, first in zip(before, state, after, firsts, strict=True):
        assert torch.equal(old, given)
        for stream in range(5):
            expected = first if stream in (1, 4) else old
            assert torch.equal(new[:, stream], expected[:, stream])
            assert torch.equal(new[:, stream], old[:, stream]) == (stream not in (1, 4))


# --- training ----------------------------------------------------------------------------------------------------------


@with_more
@every_way
def test_every_cell_lowers_its_loss(name, activation, way, more):
    """Of a text in which each symbol follows from the two before it, so that more than half can be known."""
    period = [0, 1, 0, 2, 0, 3, 1, 1, 2]
    ids = torch.tensor(period * 8)[: 4 * 17].view(4, 17).T.contiguous()
    network = make_network(make_config(name, activation, **more), way)
    config = TrainingConfig(learning_rate=0.02)
    optimizer = Optimizer(network, config)
    costs = [train_step(network, optimizer, ids[:-1], ids[1:], None, config)[0] for _ in range(60)]
    assert costs[0] > 1.2
    assert costs[-1] < 0.6 * costs[0]
    moved = [p for n, p in network.named_parameters() if n.startswith(("start.", "norm."))]
    fresh = make_network(make_config(name, activation, **more), way)
    firsts = (*fresh.norm.values(), *fresh.start.values())
    for parameter, first in zip(moved, firsts, strict=True):
        assert (parameter != first).all()


@every_cell
def test_only_matrices_decay(name):
    """Biases, peepholes, first states, and the gains and shifts of normalization are left alone."""
    network = make_network(make_config(name, num_layers=2, learn_start=True, layer_norm=True))
    names = {parameter: n for n, parameter in network.named_parameters()}
    parts = Optimizer(network, TrainingConfig(weight_decay=0.5)).parts
    groups = [group for part in parts for group in part.param_groups]
    decay = {names[p]: group["weight_decay"] for group in groups for p in group["params"]}
    assert decay.keys() == set(names.values())
    matrices = {"embedding.weight", "head.weight"}
    matrices |= {f"rnn.weight_{k}_l{layer}" for k in ("ih", "hh") for layer in range(2)}
    assert {n for n, part in decay.items() if part == 0.5} == matrices
    assert {part for n, part in decay.items() if n not in matrices} == {0.0}


CONFIG = TrainingConfig(
    steps=14,
    batch_size=5,
    sequence_length=7,
    dropout=0.2,
    learning_rate=0.02,
    warmup_steps=3,
    reset_every=3,
    eval_every=5,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    path = folder / "corpus.txt"
    path.write_text(make_text(300), encoding="utf-8")
    return read_corpus([file_source(path)], CorpusConfig(), cache=folder)


def make_trainer(corpus, folder, name, activation="tanh", config=CONFIG, resume=None):
    model_config = ModelConfig(
        cell=name,
        activation=activation,
        vocab_size=len(corpus.vocabulary),
        embedding_size=4,
        hidden_size=6,
        num_layers=2,
        learn_start=True,
        layer_norm=name != "jordan",  # which has a way of its own through time without it
    )
    folder.mkdir(exist_ok=True)
    return Trainer(corpus, model_config, config, folder, resume=resume)


def run_until(trainer, stop_at=None):
    for event in trainer.run():
        if isinstance(event, Step) and event.step == stop_at:
            trainer.stop_requested = True
    return event


def tensors_in(folder):
    """Every tensor of the last checkpoint, bit by bit."""
    last = load_checkpoint(folder / "last.safetensors")
    kept = {**last.model.weights, **{f"training.{k}": v for k, v in last.training.items()}}
    return {k: (v.dtype.str, v.shape, v.tobytes()) for k, v in kept.items()}


@pytest.mark.parametrize("precision", precisions())
@pytest.mark.parametrize(
    ("name", "activation", "kernel"),
    [
        (name, how, kernel)
        for name, how in VARIANTS
        for kernel in ("fused", "loop")
        if kernel == "loop" or CELLS[name].torch_class
    ],
)
def test_every_cell_resumes_bit_for_bit(corpus, tmp_path, name, activation, kernel, precision):
    """With dropout, two layers, a learnt start and restarting streams; stopped twice, once at the end of an epoch."""
    config = dataclasses.replace(CONFIG, kernel=kernel, precision=precision)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trainer = make_trainer(corpus, whole, name, activation, config)
    assert trainer.batches.steps_per_epoch == 8
    assert run_until(trainer) == Stopped(14, finished=True)
    run_until(make_trainer(corpus, parts, name, activation, config), 3)
    for stop_at in (8, None):
        last = load_checkpoint(parts / "last.safetensors")
        run_until(make_trainer(corpus, parts, name, activation, config, resume=last), stop_at)
    expected = tensors_in(whole)
    assert tensors_in(parts) == expected
    for letter in CELLS[name].states:
        assert {
            f"training.state.{letter}",
            f"training.optimizer.exp_avg.start.{letter}",
        } <= expected.keys()


@pytest.mark.parametrize(("name", "activation"), VARIANTS)
def test_dropout_and_restarting_streams_matter_to_every_cell(corpus, tmp_path, name, activation):
    """Otherwise the test above would compare what does not depend on them."""
    results = []
    for change in ({}, {"dropout": 0.0}, {"reset_every": None}, {"seed": 2}):
        config = dataclasses.replace(CONFIG, steps=5, **change)
        trainer = make_trainer(corpus, tmp_path / "run", name, activation, config)
        run_until(trainer)
        results.append(trainer.network.to_numpy()["head.weight"].tobytes())
    assert len(set(results)) == 4


# --- names -------------------------------------------------------------------------------------------------------------


def test_the_five_cells_have_their_names():
    assert list(CELLS) == list(NAMES)
    for name, (states, gates) in NAMES.items():
        cell = CELLS[name]
        assert cell.name == name
        assert cell.states == tuple(states.split())
        assert cell.gates == tuple(gates.split())


@pytest.mark.parametrize("name", ["transformer", "", "LSTM", "x" * 500])
def test_an_unknown_cell_is_refused_with_a_list_of_those_there_are(name):
    with pytest.raises(UsageError, match="unknown cell") as caught:
        get_cell(name)
    assert len(caught.value.message) < 100
    assert caught.value.hint == "the cells are lstm, gru, elman, jordan, peephole"


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        (name, how)
        for name in NAMES
        for how in ("relu", "sigmoid", "")
        if (name, how) not in VARIANTS
    ],
)
def test_an_activation_that_a_cell_has_not_is_refused_with_those_it_has(name, activation):
    with pytest.raises(
        UsageError, match=f"the {name} cell has no activation '{activation}'"
    ) as caught:
        get_cell(name, activation)
    assert caught.value.message.endswith("tanh, relu" if name == "elman" else "always tanh")


def save_run(name, activation="tanh", *, folder):
    """A network that has learnt nothing, under checkpoints/NAME; its letters are a to g."""
    model, _ = make_model(2, name, activation, learn_start=True)
    (folder / "checkpoints" / name).mkdir(parents=True)
    save_checkpoint(folder / "checkpoints" / name / "best.safetensors", Checkpoint(model))
    return model


def names_in_error(result):
    return " ".join(result.err.split())


@every_variant
def test_a_dump_has_the_cell_s_own_states_and_gates(
    name, activation, tmp_path, monkeypatch, capsys
):
    model, (states, gates) = save_run(name, activation, folder=tmp_path), NAMES[name]
    monkeypatch.chdir(tmp_path)
    call_charrnn(capsys, "visualize", name, "cabbage", "--dump", "out.npz", "-q")
    with np.load("out.npz", allow_pickle=False) as dump:
        assert set(dump) == names_in_dump([*states.split(), *gates.split()])
        recorded = model.read("cabbage").arrays
        assert list(recorded) == [*states.split(), *gates.split()]
        for letter, values in recorded.items():
            assert values.shape == (7, 2, H)
            assert (dump[letter] == values).all()
    if name == "gru":
        assert set(np.load("out.npz")) == names_in_dump("hrzn")


@every_cell
def test_visualize_and_inspect_call_things_what_the_cell_calls_them(
    name, tmp_path, monkeypatch, capsys
):
    save_run(name, folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    states, gates = (names.split() for names in NAMES[name])
    for letter in (*states, *gates):
        out = call_charrnn(capsys, "visualize", name, "cabbage", "--what", letter, "-q").out
        assert f".{letter}." in out
        out = call_charrnn(
            capsys, "visualize", name, "cabbage", "--unit", f"L1.{letter}.5", "-q"
        ).out
        assert out.startswith(f"L1.{letter}.5 ")
    facts = json.loads(call_charrnn(capsys, "inspect", name, "--json", "-q").out)
    assert (facts["states"], facts["gates"]) == (states, gates)
    assert facts["config"]["cell"] == name
    assert f"gates {' '.join(gates) or 'none'}" in call_charrnn(capsys, "inspect", name, "-q").out


@pytest.mark.parametrize("option", [("--what", "{}"), ("--unit", "L0.{}.1")])
@pytest.mark.parametrize(
    ("name", "wrong", "there_are"),
    [
        ("lstm", "z", "the states h c and the gates i f g o"),
        ("gru", "c", "the state h and the gates r z n"),
        ("elman", "i", "the state h and no gates"),
        ("jordan", "y", "the state h and no gates"),
        ("peephole", "n", "the states h c and the gates i f g o"),
    ],
)
def test_a_gate_that_a_cell_has_not_is_an_error_that_lists_those_it_has(
    name, wrong, there_are, option, tmp_path, monkeypatch, capsys
):
    save_run(name, folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    asked = option[0], option[1].format(wrong)
    result = call_charrnn(capsys, "visualize", name, "cabbage", *asked, "-q", status=2)
    assert result.out == ""
    assert f"the {name} cell has no '{wrong}'; it has {there_are}" in names_in_error(result)


# --- a sixth cell ------------------------------------------------------------------------------------------------------


def toy_step(x, state, weights, ops):
    """A minimal gated unit: u = σ(...), v = tanh(...), s' = s + u ⊙ (v - s), and m, the mean of all s so far, fading."""
    s, m = state
    u, v = ops.split(x + s @ weights["weight_hh"], 2)
    u, v = ops.sigmoid(u), ops.tanh(v)
    s = ops.state("s", s + u * (v - s) + weights["weight_mh"] * m)
    return (s, ops.state("m", 0.5 * m + 0.5 * s)), (u, v)


TOY = Cell(
    name="toy",
    states=("s", "m"),
    gates=("u", "v"),
    num_blocks=2,
    step=toy_step,
    vectors=("weight_mh",),
)


@pytest.fixture
def toy(monkeypatch):
    """All that a cell needs: its step, its names, and a place among the others."""
    monkeypatch.setitem(CELLS, "toy", TOY)


def test_a_toy_cell_agrees_with_itself_in_torch(toy):
    model, network = make_model(3, "toy", learn_start=True)
    ids, state = random_ids(T, N), model.initial_state(N)
    with torch.no_grad():
        logits, last = network(torch.from_numpy(ids), None)
    for t, row in enumerate(ids):
        ours, state, _ = model.step(row, state)
        close(ours, logits[t])
    for layer in range(3):
        for ours, theirs in zip(state[layer], last, strict=True):
            close(ours, theirs[layer])


def test_a_toy_cell_trains_and_resumes_bit_for_bit(toy, corpus, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run_until(make_trainer(corpus, whole, "toy"))
    run_until(make_trainer(corpus, parts, "toy"), 9)
    last = load_checkpoint(parts / "last.safetensors")
    run_until(make_trainer(corpus, parts, "toy", resume=last))
    assert tensors_in(parts) == tensors_in(whole)


def test_a_toy_cell_can_do_all_that_the_others_can(toy, tmp_path, monkeypatch, capsys):
    """Trained, sampled, judged, inspected and looked at from the command line, with its own names everywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")  # this process is not the command's to prepare
    monkeypatch.setattr("charrnn.training.machine.keep_freed_memory", lambda: None)
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.001)
    (tmp_path / "corpus.txt").write_text(make_text(1500), encoding="utf-8")
    shape = ("--cell", "toy", "--layers", 2, "--hidden-size", 8, "--embedding-size", 3)
    size = ("--batch-size", 4, "--sequence-length", 8, "--precision", "float32", "--threads", 1)
    out = call_charrnn(
        capsys, "train", "corpus.txt", *shape, *size, "--steps", 40, "--name", "t", "--learn-start"
    ).err
    assert "toy, 2 layers of 8 units, embedding 3, learned initial state" in " ".join(out.split())

    model = charrnn.load(tmp_path / "checkpoints" / "t" / "best.safetensors")
    assert model.cell is TOY
    assert model.weights["rnn.weight_mh_l1"].shape == (8,)
    assert list(model.read("def ").arrays) == ["s", "m", "u", "v"]
    assert len(call_charrnn(capsys, "sample", "t", "--length", 30, "-q").out.rstrip("\n")) <= 30
    judged = json.loads(call_charrnn(capsys, "evaluate", "t", "corpus.txt", "--json", "-q").out)
    assert 0 < judged["nats_per_char"] < 1.1 * math.log(len(model.vocabulary))

    facts = json.loads(call_charrnn(capsys, "inspect", "t", "--json", "-q").out)
    assert (facts["states"], facts["gates"]) == (["s", "m"], ["u", "v"])
    assert facts["config"]["cell"] == "toy"
    assert facts["parameters"] == count_parameters(model.config)
    for letter in "smuv":
        out = call_charrnn(capsys, "visualize", "t", "import", "--what", letter, "-q").out
        assert f".{letter}." in out
    assert ".m." in call_charrnn(capsys, "visualize", "t", "import", "-q").out  # the memory
    assert "surprisal" in call_charrnn(capsys, "visualize", "t", "import", "--surprisal", "-q").out
    assert "toy" in call_charrnn(capsys, "gradients", "t", "corpus.txt", "-q").out
    call_charrnn(capsys, "visualize", "t", "import", "--dump", "out.npz", "-q")
    with np.load("out.npz", allow_pickle=False) as dump:
        assert set(dump) == names_in_dump("smuv")
    held = ("visualize", "t", "import", "--unit", "L1.m.5", "--clamp", "L1.m.5=0.25", "-q")
    assert "+0.25 to +0.25 here" in call_charrnn(capsys, *held).out
    result = call_charrnn(capsys, "visualize", "t", "import", "--what", "i", "-q", status=2)
    expected = "the toy cell has no 'i'; it has the states s m and the gates u v"
    assert expected in names_in_error(result)

    monkeypatch.delitem(CELLS, "toy")
    result = call_charrnn(capsys, "sample", "t", "-q", status=4)
    expected = "cell must be one of lstm, gru, elman, jordan, peephole, not 'toy'"
    assert expected in names_in_error(result)


@pytest.mark.parametrize(
    ("more", "fingerprint"),
    [
        ({}, "baf0dbc74fd975ef"),
        ({"layer_norm": True}, "d668c12080a86a94"),
        ({"learn_start": True, "cell": "gru"}, "23a2bdae5e476eac"),
    ],
)
def test_a_fingerprint_is_the_same_in_every_version(more, fingerprint):
    config = ModelConfig(vocab_size=4, embedding_size=3, hidden_size=5, num_layers=2, **more)
    weights = {n: np.zeros(s, np.float32) for n, s in weight_shapes(config).items()}
    model = LanguageModel(config, Vocabulary("char", range(97, 101)), weights)
    assert model.fingerprint == fingerprint
