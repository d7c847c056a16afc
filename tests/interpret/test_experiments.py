"""The textbook's experiments: what vanishes, what explodes, and what helps."""

import numpy as np
import pytest

from charrnn.interpret.experiments import cliff, linear, untrained
from charrnn.interpret.experiments.untrained import UNITS
from charrnn.training.gradients import gradient_reach

IDS = untrained.random_symbols()[:300]


def test_a_linear_unit_vanishes_below_1_lasts_at_1_and_explodes_above():
    last = [linear.outputs(w, 1000)[-1] for w in linear.WEIGHTS]
    assert last == pytest.approx([0, 0.99**1000, 1, 1.01**1000])
    assert round(last[3], -4) == 20_000
    assert len(linear.outputs(0.5, 7)) == 8


def test_the_gradient_of_the_cliff_is_that_of_differences():
    for w, b in ((5.5, -2.2), (3.0, -1.0), (6.5, -3.1)):
        around = np.array([[w + 1e-6, b], [w - 1e-6, b], [w, b + 1e-6], [w, b - 1e-6]])
        losses, _, _ = cliff.loss_and_gradient(*around.T)
        _, dw, db = cliff.loss_and_gradient(np.array(w), np.array(b))
        assert [dw, db] == pytest.approx(
            [(losses[0] - losses[1]) / 2e-6, (losses[2] - losses[3]) / 2e-6], rel=1e-4
        )


def test_the_cliff_throws_plain_descent_away_and_clipping_and_weight_decay_hold_it():
    plain = cliff.descend("plain")
    clipped = cliff.descend("clipped", clip=15)
    decayed = cliff.descend("decayed", decay=cliff.DECAY)
    assert plain.norms.max() > 1000
    assert plain.longest_step > 10
    assert plain.losses[-1] > 5
    assert clipped.norms.max() > 1000  # it meets the cliff too
    assert clipped.longest_step <= cliff.RATE * 15 * (1 + 1e-9)
    assert clipped.losses[-1] < 1
    assert decayed.losses[-1] < 1
    assert abs(decayed.weights[-1, 0]) < 2.5


def test_a_surface_has_the_largest_value_of_each_cell():
    known = cliff.surfaces(4, 8)
    assert known.losses.shape == known.norms.shape == (4, 8)
    assert known.norms.max() > 100
    w, b = cliff.W[0] + 1e-3, cliff.B[1] - 1e-3
    assert cliff.place(w, b, 4, 8) == (0, 0)
    assert cliff.place(cliff.W[1] - 1e-3, cliff.B[0] + 1e-3, 4, 8) == (3, 7)
    assert cliff.place(cliff.W[1] + 1, b, 4, 8) is None


def test_relu_on_the_identity_keeps_the_gradient_and_tanh_loses_it():
    networks = untrained.activations()
    left = {
        title: gradient_reach(n, IDS, 20, windows=4, warm_up=20).relative[0, -1]
        for title, n in networks.items()
    }
    assert left["relu, identity"] > 0.3
    assert left["tanh, identity"] < 0.1
    assert max(left["tanh"], left["relu"]) < 1e-5


def test_a_larger_forget_bias_makes_the_gradient_last_longer():
    networks = untrained.forget_biases()
    left = [
        gradient_reach(n, IDS, 30, windows=4, warm_up=20).relative[0, -1] for n in networks.values()
    ]
    assert 1e3 * left[0] < left[1] < left[2] / 30
    for (_, network), bias in zip(networks.items(), untrained.FORGET_BIASES, strict=True):
        rows = network.weights["rnn.bias_ih_l0"] + network.weights["rnn.bias_hh_l0"]
        assert (rows[UNITS : 2 * UNITS] == bias).all()
