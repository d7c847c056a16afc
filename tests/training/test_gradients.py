"""How far back the gradient reaches: against finite differences, against theory, and as people ask for it."""

import dataclasses

import numpy as np
import pytest
import torch

from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError, DataError
from charrnn.model import CharRNN
from charrnn.network.cells import CELLS
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.stack import advance, entering, make_layer, upwards
from charrnn.render.ansi import lines_of
from charrnn.render.views.fading import Curve, fading_rows, shown_distances
from charrnn.text.vocabulary import Vocabulary
from charrnn.training import gradients
from charrnn.training.gradients import GradientReach, gradient_reach
from charrnn.training.network import make_network

V, E, H, T, K = 5, 2, 3, 8, 4
CELLS_AND_ACTIVATIONS = [*((name, "tanh") for name in CELLS), ("elman", "relu")]


def fresh(cell, seed=1, **sizes):
    """An untrained model with the letters from a on."""
    config = ModelConfig(
        cell=cell, **{"vocab_size": V, "embedding_size": E, "hidden_size": H, **sizes}
    )
    network = make_network(config, 0.0, seed, torch.device("cpu"))
    vocabulary = Vocabulary("char", range(97, 97 + config.vocab_size))
    return CharRNN(config, vocabulary, network.to_numpy())


def louder(model, factor=3):
    """The same network with larger weights, so that its states are far from linear."""
    weights = {name: array * np.float32(factor) for name, array in model.weights.items()}
    return CharRNN(model.config, model.vocabulary, weights)


def some_ids(num_symbols=T, vocab_size=V):
    return np.random.default_rng(0).integers(0, vocab_size, num_symbols).astype(np.int32)


# --- the numbers ----------------------------------------------------------------------------------


class Pushing(NumpyOps):
    """Moves the hidden state of a layer by `push` (H,), as soon as it is there."""

    def __init__(self, push):
        self.push = push

    def state(self, name, x):
        return x + self.push if name == "h" else x


class Slow:
    """A model in float64, read from the text's beginning in NumPy; one hidden state can be pushed on the way."""

    def __init__(self, model):
        self.model = model
        self.weights = {name: array.astype(float) for name, array in model.weights.items()}
        self.layers = [
            make_layer(model.cell, self.weights, k, np.transpose)
            for k in range(model.config.num_layers)
        ]

    def logits(self, state):
        output = upwards(self.layers[-1], state[-1][0], NumpyOps)
        return output @ self.weights["head.weight"].T + self.weights["head.bias"]

    def loss(self, ids, t, *, place, layer, push):
        """What character t+1 costs if h of a layer is moved by `push` (H,) after the character at `place`."""
        cell = self.model.cell
        state = tuple(tuple(s.astype(float) for s in own) for own in self.model.initial_state())
        for position in range(t + 1):
            x = self.weights["embedding.weight"][ids[position]]
            x = entering(self.layers[0], x, NumpyOps)
            layers, output = list(self.layers), None
            if position == place:
                layers[layer] = dataclasses.replace(layers[layer], ops=Pushing(push))
            if cell.feeds_back == "output":
                output = NumpyOps.softmax(self.logits(state))
            state, _ = advance(cell, layers, x, state, NumpyOps, output=output)
        logits = self.logits(state)
        return np.log(np.exp(logits).sum()) - logits[ids[t + 1]]

    def gradient(self, ids, t, place, layer, size=1e-5):
        """Central differences, (H,)."""
        pushes = np.eye(self.model.config.hidden_size) * size
        return np.array(
            [
                self.loss(ids, t, place=place, layer=layer, push=p)
                - self.loss(ids, t, place=place, layer=layer, push=-p)
                for p in pushes
            ]
        ) / (2 * size)


@pytest.mark.parametrize(("num_layers", "layer_norm"), [(1, False), (2, False), (2, True)])
@pytest.mark.parametrize(("cell", "activation"), CELLS_AND_ACTIVATIONS)
def test_norms_are_those_of_finite_differences(cell, activation, num_layers, layer_norm):
    sizes = {"num_layers": num_layers, "layer_norm": layer_norm, "activation": activation}
    model, ids = (
        louder(fresh(cell, **sizes), 1.5 if activation == "relu" or cell == "narx" else 3),
        some_ids(),
    )
    found = gradient_reach(model, ids, K)
    slow = Slow(model)
    ends = range(K, T - 1)
    assert (found.windows, found.norms.shape) == (len(ends), (num_layers, K + 1))
    expected = [
        [
            np.mean([np.linalg.norm(slow.gradient(ids, t, t - k, layer)) for t in ends])
            for k in range(K + 1)
        ]
        for layer in range(num_layers)
    ]
    rtol = 1e-5 if layer_norm else 1e-6  # three units are normalised by what is often small
    np.testing.assert_allclose(found.norms, expected, rtol=rtol, atol=1e-9)


def test_a_learnt_start_is_where_the_text_begins():
    model, ids = fresh("gru", num_layers=2, learn_start=True), some_ids(K + 2)
    start = np.random.default_rng(1).normal(size=(2, H)).astype(np.float32)
    learnt = CharRNN(model.config, model.vocabulary, {**model.weights, "start.h": start})
    slow = Slow(learnt)
    expected = [np.linalg.norm(slow.gradient(ids, K, 0, layer)) for layer in range(2)]
    np.testing.assert_allclose(gradient_reach(learnt, ids, K).norms[:, K], expected, rtol=1e-6)
    assert (gradient_reach(model, ids, K).norms != gradient_reach(learnt, ids, K).norms).all()


@pytest.mark.parametrize("cell", CELLS)
def test_at_distance_zero_it_is_the_error_sent_back_through_the_output(cell):
    """d loss / d h = W_headᵀ (p - onehot), for the top layer."""
    model, ids = fresh(cell, num_layers=2), some_ids()
    state, norms = model.initial_state(), []
    for t, symbol in enumerate(ids[:-1]):
        logits, state, _ = model.step(symbol, state)
        error = np.exp(logits) / np.exp(logits).sum() - np.eye(V)[ids[t + 1]]
        norms.append(np.linalg.norm(model.weights["head.weight"].T @ error))
    assert gradient_reach(model, ids, K).norms[-1, 0] == pytest.approx(np.mean(norms[K:]))


def test_each_window_has_a_norm_and_the_mean_is_over_windows():
    """Windows without warm-up are texts of their own, so the mean can be taken by hand."""
    model, ids = louder(fresh("lstm", num_layers=2)), some_ids()
    together = gradient_reach(model, ids, K, warm_up=0)
    alone = [gradient_reach(model, ids[k : k + K + 2], K).norms for k in range(T - K - 1)]
    assert together.windows == len(alone) == 3
    assert together.warm_up == 0
    np.testing.assert_allclose(together.norms, np.mean(alone, axis=0), rtol=1e-12)
    assert np.ptp(alone, axis=0).max() > 0.01  # they differ: no other mean would do


def test_windows_are_spread_over_the_whole_text():
    model, ids = fresh("elman"), some_ids(30)
    ends = [K, (K + 28) // 2, 28]
    one_each = [gradient_reach(model, ids[t - K : t + 2], K, warm_up=0).norms for t in ends]
    three = gradient_reach(model, ids, K, windows=3, warm_up=0)
    assert three.windows == 3
    np.testing.assert_allclose(three.norms, np.mean(one_each, axis=0), rtol=1e-12)


def test_a_warm_up_as_long_as_the_memory_is_as_good_as_the_whole_text():
    model, ids = fresh("elman"), some_ids(300)
    whole = gradient_reach(model, ids, K, warm_up=1000)
    short = gradient_reach(model, ids, K, warm_up=60)
    cold = gradient_reach(model, ids, K, warm_up=0)
    assert (whole.warm_up, short.warm_up) == (300 - 2 - K, 60)
    np.testing.assert_allclose(short.norms, whole.norms, rtol=1e-9)
    assert abs(cold.norms / whole.norms - 1).max() > 1e-4


@pytest.mark.parametrize("cell", ["lstm", "jordan"])
def test_groups_of_windows_give_what_all_at_once_give(cell, monkeypatch):
    model, ids = fresh(cell, num_layers=2), some_ids(40)
    at_once = gradient_reach(model, ids, K)
    monkeypatch.setattr(gradients, "TAPE", 7 * (K + 1) * (16 * H * 2 + V))
    assert gradients._num_groups(model, at_once.windows, K) > 2
    np.testing.assert_allclose(gradient_reach(model, ids, K).norms, at_once.norms, rtol=1e-12)
    monkeypatch.setattr(gradients, "TAPE", 1)
    assert gradients._num_groups(model, at_once.windows, K) == at_once.windows


@pytest.mark.parametrize("seed", range(1, 6))
def test_in_fresh_networks_the_gradient_of_elman_fades_faster_than_that_of_an_lstm(seed):
    """Forget gates of σ(1) = 0.73 keep more at each step than a W_hh of spectral radius √(1/3) = 0.58."""
    ids = some_ids(1000, 30)
    sizes = {"vocab_size": 30, "embedding_size": 16, "hidden_size": 64}
    left = {
        cell: gradient_reach(fresh(cell, seed, **sizes), ids, 20).relative[0]
        for cell in ("elman", "lstm")
    }
    assert left["elman"][20] < 0.01 * left["lstm"][20]
    assert left["elman"][20] < 1e-4
    assert (left["elman"][8:] < left["lstm"][8:]).all()


def test_reach_and_factor_by_hand():
    norms = np.array([[2.0, 0.5, 0.02, 0.03], [4.0, 8.0, 16.0, 32.0], [0.0, 0.0, 0.0, 0.0]])
    found = GradientReach(norms, windows=1, warm_up=0)
    assert found.distance == 3
    np.testing.assert_array_equal(found.relative[0], [1, 0.25, 0.01, 0.015])
    assert found.reach == [3, 3, 0]
    assert found.per_step == pytest.approx([0.015 ** (1 / 3), 2.0, 0.0])
    fading = GradientReach(np.array([[1.0, 0.1, 0.011, 0.002, 0.0]]), windows=1, warm_up=0)
    assert fading.reach == [2]


def test_what_cannot_be_measured_is_refused(wording):
    model = fresh("lstm")
    assert gradient_reach(model, some_ids(K + 2), K).windows == 1
    with wording.raises(DataError):
        gradient_reach(model, some_ids(K + 1), K)
    relu = fresh("elman", activation="relu")
    grown = {"rnn.weight_hh_l0": np.full((H, H), 1e38, np.float32)}
    grown["rnn.bias_hh_l0"] = np.ones(H, np.float32)
    huge = CharRNN(relu.config, relu.vocabulary, {**relu.weights, **grown})
    with wording.raises(CheckpointError):
        gradient_reach(huge, some_ids(20), K)


def test_what_has_faded_to_almost_nothing_is_still_a_number():
    found = gradient_reach(fresh("jordan"), some_ids(100), 60)
    assert 0 < found.norms[0, 60] < 1e-60


# --- the table ------------------------------------------------------------------------------------


def test_rows_stand_closer_together_near_zero_and_the_last_is_there():
    assert shown_distances(1) == [0, 1]
    assert shown_distances(4) == [0, 1, 2, 3, 4]
    assert shown_distances(12) == [0, 1, 2, 3, 5, 8, 12]
    assert shown_distances(50) == [0, 1, 2, 3, 5, 8, 12, 20, 30, 50]
    assert shown_distances(1000)[-8:] == [50, 80, 120, 200, 300, 500, 800, 1000]


FADING = Curve("lstm, fresh", [1, 1e-2, 3.2e-4, 1e-8, 1e-9, 0], {"reach": "1"})
GROWING = Curve("elman, trained", [1, 10, 100, 1e3, 1e4, 1e5], {"reach": "5 or more"})


def test_a_table_of_one_curve():
    assert (
        "\n".join(lines_of(fading_rows([FADING], 34)))
        == """\
          lstm, fresh
distance          1e-8           1
       0  1.0e+00 ████████████████
       1  1.0e-02 ████████████
       2  3.2e-04 █████████
       3  1.0e-08
       5  0.0e+00
   reach        1"""
    )


def test_a_table_in_ascii_with_fewer_cells():
    lines = list(lines_of(fading_rows([FADING], 10, blocks=False)))
    assert lines[2] == "       0  1.0e+00 ##########"
    assert lines[4] == "       2  3.2e-04 ######"
    assert all(line.isascii() for line in lines)


def test_curves_stand_side_by_side_on_the_same_axis_or_below_each_other():
    wide = list(lines_of(fading_rows([FADING, GROWING], 80)))
    assert wide[1].split() == ["distance", "1e-8", "1e5", "1e-8", "1e5"]
    bars = [row.split()[2::2] for row in wide[2:4]]
    assert len(bars[0][0]) == len(bars[0][1]) < len(bars[1][1])
    assert wide[6].split()[-1] == "█" * 24
    narrow = list(lines_of(fading_rows([FADING, GROWING], 40)))
    assert len(narrow) == 2 * len(wide) + 1
    assert max(map(len, narrow)) <= 40
