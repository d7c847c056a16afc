"""The network in torch: its weights, gradients and first states, in every way through time."""

import dataclasses
import math
import weakref

import numpy as np
import pytest
import torch
from helpers import precisions
from torch.nn.functional import cross_entropy
from variants import (
    MORE,
    VARIANTS,
    E,
    H,
    N,
    T,
    V,
    close,
    every_cell,
    every_variant,
    every_way,
    make_config,
    make_model,
    make_network,
    random_ids,
    seldom,
    to_model,
    ways_of,
    with_more,
)

from charrnn.config import TrainingConfig
from charrnn.network.cells import CELLS, cell_of, get_cell
from charrnn.network.shapes import count_parameters, weight_shapes
from charrnn.training.machine import autocast
from charrnn.training.network import Network
from charrnn.training.optimizer import Optimizer
from charrnn.training.step import train_step


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
    if config.learn_start:
        expected = {f"start.{k}": (num_layers, H) for k in network.cell.states}
    if more.get("layer_norm"):
        vectors = [f"norm.{v}_l{k}" for v in ("weight", "bias") for k in range(num_layers)]
        expected = dict.fromkeys(vectors, (H,))
    assert besides == expected


@every_way
def test_the_initial_weights_lie_within_the_bound_that_torch_uses(name, activation, way):
    network = make_network(make_config(name, activation, 2), way)
    block = network.cell.forget_block
    for parameter_name, parameter in network.rnn.named_parameters():
        values = parameter.detach().clone()
        if block is not None and parameter_name.startswith("bias_"):
            values[block * H : (block + 1) * H] = 0.0
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
@pytest.mark.parametrize("num_layers", [seldom(1), 3])
@every_variant
def test_all_ways_through_time_have_the_same_gradients(
    name, activation, num_layers, given, layer_norm
):
    config = make_config(name, activation, num_layers, learn_start=True, layer_norm=layer_norm)
    made = {way: make_network(config, way).double() for way in ways_of(get_cell(name, activation))}
    state = None
    if given != "start":
        rng = np.random.default_rng(4)
        shapes = [(num_layers, N, H)] * len(cell_of(config).carried)
        state = [torch.from_numpy(rng.normal(size=shape)) for shape in shapes]
    expected = None
    for network in made.values():
        found = gradients(network, state=state, only_state=given.startswith("only"))
        assert all(g.dtype == torch.float64 for g in found.values())
        expected = expected or found
        for parameter_name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[parameter_name], atol=1e-11, rtol=1e-9)
    # what is carried in a window has been seen, and is gone, or is not seen yet
    own = "rnn." if get_cell(name, activation).window else ("rnn.", "state ")
    used = [n for n in expected if n.startswith(own)]
    assert all(expected[n].abs().max() > 1e-8 for n in used)


@pytest.mark.parametrize(
    ("name", "activation"), [v for v in VARIANTS if "unrolled" in ways_of(get_cell(*v))]
)
def test_inputs_from_a_table_and_inputs_from_a_product_are_the_same(monkeypatch, name, activation):
    config = make_config(name, activation, 2)
    table = gradients(make_network(config, "unrolled").double())
    monkeypatch.setattr("charrnn.training.inputs.MOST_SYMBOLS", V - 1)
    product = gradients(make_network(config, "unrolled").double())
    for parameter_name, gradient in product.items():
        torch.testing.assert_close(gradient, table[parameter_name], atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("layer_norm", [seldom(False), True])
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


@pytest.mark.parametrize(
    ("name", "activation"), [v for v in VARIANTS if "unrolled" in ways_of(get_cell(*v))]
)
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
            for letter, values in zip(model.cell.states, states, strict=False):
                if letter not in network.start:  # the cell sees no state
                    continue
                learnt = model.weights[f"start.{letter}"][layer]
                assert (learnt != 0).all()
                assert values.shape == ((H,) if num_streams is None else (num_streams, H))
                assert (values == learnt).all()
    for letter, values in zip(model.cell.carried, network.first_state(N), strict=True):
        assert values.shape == (2, N, H)
        learnt = model.weights.get(
            f"start.{letter}", np.zeros((2, H))
        )  # of a window nothing is learnt
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
    if not len(network.start):  # the cell sees no state
        return
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
    assert len(after) == len(firsts) == len(network.cell.carried)
    for old, given, new, first in zip(before, state, after, firsts, strict=True):
        assert torch.equal(old, given)
        for stream in range(5):
            expected = first if stream in (1, 4) else old
            assert torch.equal(new[:, stream], expected[:, stream])
            assert torch.equal(new[:, stream], old[:, stream]) == (stream not in (1, 4))


# --- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{"learn_start": True, "layer_norm": True}, *map(seldom, MORE)])
@every_way
def test_every_cell_lowers_its_loss(name, activation, way, more):
    """Of a text in which each symbol follows from the two before it, so that more than half can be known."""
    period = [0, 1, 0, 2, 0, 3, 1, 1, 2]
    ids = torch.tensor(period * 8)[: 4 * 17].view(4, 17).T.contiguous()
    network = make_network(make_config(name, activation, **more), way)
    config = TrainingConfig(learning_rate=0.02)
    optimizer = Optimizer(network, config)
    costs = []
    while len(costs) < 60 and (len(costs) < 2 or costs[-1] >= 0.6 * costs[0]):
        costs.append(train_step(network, optimizer, ids[:-1], ids[1:], None, config)[0])
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
    rules = Optimizer(network, TrainingConfig(weight_decay=0.5)).rules
    decay = {names[weight]: rule.decay for rule in rules for weight in rule.weights}
    assert decay.keys() == set(names.values())
    matrices = {"embedding.weight", "head.weight"}
    own = [n for n, shape in network.cell.shapes(E, H, V).items() if len(shape) > 1]
    matrices |= {f"rnn.{n}_l{layer}" for n in own for layer in range(2)}
    assert {n for n, part in decay.items() if part == 0.5} == matrices
    assert {part for n, part in decay.items() if n not in matrices} == {0.0}
