"""The model in NumPy: its step against the training network's, and the weights that it accepts."""

import numpy as np
import pytest
import torch
from variants import (
    TEXTBOOK,
    N,
    T,
    V,
    close,
    every_variant,
    every_way,
    make_config,
    make_model,
    random_ids,
    seldom,
    with_more,
)

from charrnn.api import LanguageModel
from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import advance, entering, make_layer
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.ops import TorchGradientOps, TorchOps


@with_more
@pytest.mark.parametrize(
    ("num_layers", "num_streams"), [(1, N), (3, None), seldom(1, None), seldom(2, N)]
)
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
@pytest.mark.parametrize(("num_layers", "num_streams"), [(1, None), (2, N), seldom(3, None)])
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
        x = entering(layers[0], network.embedding(torch.from_numpy(row)), ops)
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


@every_variant
@pytest.mark.parametrize("num_streams", [None, N])
def test_a_step_does_not_change_the_state_it_is_given(name, activation, num_streams):
    model, _ = make_model(2, name, activation)
    ids = random_ids(2, num_streams or 1)
    ids = ids if num_streams else ids[:, 0]
    _, state, _ = model.step(ids[0], model.initial_state(num_streams))
    before = [s.copy() for layer in state for s in layer]
    _, after, _ = model.step(ids[1], state)
    assert all((old == now).all() for old, now in zip(before, sum(state, ()), strict=True))
    for now, new in zip(state, after, strict=True):
        for k in range(len(model.cell.states)):
            assert not np.array_equal(now[k], new[k])


@every_variant
def test_the_table_of_inputs_and_its_absence_give_the_same(name, activation, monkeypatch):
    with_table, network = make_model(2, name, activation)
    monkeypatch.setattr("charrnn.model.LARGEST_TABLE", 0)
    without = LanguageModel(with_table.config, with_table.vocabulary, network.to_numpy())
    ids = np.array([0, 6, 2])
    ours, theirs = (m.step(ids, m.initial_state(3))[0] for m in (with_table, without))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert without._project is not with_table._project


def test_weights_that_do_not_fit_are_refused(wording):
    model, _ = make_model(1)
    weights = dict(model.weights)
    weights["head.bias"] = np.zeros(V + 1, np.float32)
    with wording.raises(CheckpointError):
        LanguageModel(model.config, model.vocabulary, weights)


@pytest.mark.parametrize("name", TEXTBOOK)
def test_the_weights_of_another_cell_are_refused(name, wording):
    model, _ = make_model(1, name)
    for other in sorted({*TEXTBOOK} - {name}):
        with wording.raises(CheckpointError):
            LanguageModel(make_config(other), model.vocabulary, model.weights)


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
