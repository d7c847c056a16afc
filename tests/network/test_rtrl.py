"""The gradient forward in time is that of backpropagation through time, where no weight moves."""

import numpy as np
import pytest

from charrnn.config import RTRL_CELLS, ModelConfig
from charrnn.network.backward import Parameters, backward, read
from charrnn.network.cells import CELLS
from charrnn.network.rtrl import Sensitivities
from charrnn.network.shapes import num_sensitive
from charrnn.network.untrained import untrained_weights
from charrnn.numerics import softmax

V, E, H, T = 7, 4, 6, 33
IDS = np.random.default_rng(5).integers(V, size=T + 1)
KINDS = [(cell, a) for cell in RTRL_CELLS for a in ("tanh", *CELLS[cell].activations) if a]


def network(cell, activation="tanh", **more):
    """A network's config and its weights in float64, none of them zero."""
    sizes = {"vocab_size": V, "embedding_size": E, "hidden_size": H} | more
    config = ModelConfig(cell=cell, activation=activation, **sizes)
    weights = Parameters(config, np.float64)
    weights.copy_from(untrained_weights(config, None, 3))
    weights.vector += np.random.default_rng(2).normal(size=weights.vector.size) / 10
    return config, weights


def forward_gradients(config, weights):
    """The gradient of each next symbol's cost, and the costs, by real-time recurrent learning."""
    sensitivities, into = Sensitivities(config, weights), Parameters(config, np.float64)
    state = tuple(np.zeros(H) for _ in weights.cell.states)
    for symbol, target in zip(IDS.tolist(), IDS[1:].tolist(), strict=False):
        state = sensitivities.advance(symbol, state)
        cost = sensitivities.learn(state, target, into)
        yield into.vector.copy(), cost


def backward_gradient(config, weights, steps):
    """The gradient of the costs of the first steps, added up, and these costs, by backpropagation through time."""
    state = tuple(np.zeros(H) for _ in weights.cell.states)
    reading = read(weights, IDS[:steps], (state,), (state,), np.zeros(steps, np.bool_))
    y = softmax(reading.logits)
    costs = -np.log(y[np.arange(steps), IDS[1 : steps + 1]])
    y[np.arange(steps), IDS[1 : steps + 1]] -= 1
    into = Parameters(config, np.float64)
    backward(weights, reading, y, into)
    return into.vector, costs


@pytest.mark.parametrize(("cell", "activation"), dict.fromkeys(KINDS))
def test_the_sum_of_the_gradients_is_that_of_backpropagation(cell, activation):
    config, weights = network(cell, activation)
    made = list(forward_gradients(config, weights))
    wanted, costs = backward_gradient(config, weights, T)
    assert [cost for _, cost in made] == pytest.approx(costs, abs=1e-12)
    assert np.abs(sum(vector for vector, _ in made) - wanted).max() < 1e-10
    assert np.abs(wanted).min() > 0 or activation == "relu"


@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
def test_each_gradient_is_that_of_its_own_step(cell):
    config, weights = network(cell)
    before = 0
    for step, (vector, _) in enumerate(forward_gradients(config, weights), 1):
        if step % 8 == 0:
            now, _ = backward_gradient(config, weights, step)
            before, _ = backward_gradient(config, weights, step - 1)
            assert np.abs(vector - (now - before)).max() < 1e-10


def test_the_memory_does_not_depend_on_the_length():
    config, weights = network("lstm")
    sensitivities = Sensitivities(config, weights)
    assert sensitivities.array.shape == (2, H, num_sensitive(config))
    assert sensitivities.array.any() == 0
    before = {id(sensitivities.array), id(sensitivities._next)}
    state = (np.zeros(H), np.zeros(H))
    for symbol in IDS.tolist():
        state = sensitivities.advance(symbol, state)
    assert {id(sensitivities.array), id(sensitivities._next)} == before
    sensitivities.reset()
    assert not sensitivities.array.any()


@pytest.mark.parametrize("cell", RTRL_CELLS)
def test_the_weights_below_the_head_are_counted_as_the_gradient_has_them(cell):
    config, weights = network(cell)
    assert num_sensitive(config) == weights.vector.size - V * H - V
