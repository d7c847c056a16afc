"""What a prediction rests on: against finite differences, in a network that copies, and as people ask for it."""

import numpy as np
import pytest
import torch

from charrnn.api import LanguageModel
from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.interpret.edits import Edit
from charrnn.network.cells import CELLS
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import advance, entering, make_layer
from charrnn.numerics import log_softmax
from charrnn.render.ansi import lines_of
from charrnn.render.grid import GAP
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode
from charrnn.render.views.saliency import saliency_rows, saliency_text, strongest_rows
from charrnn.text.vocabulary import Vocabulary
from charrnn.training import saliency as module
from charrnn.training.network import make_network
from charrnn.training.saliency import Saliency, saliency

SVG = "{http://www.w3.org/2000/svg}"
V, E, H, T = 5, 2, 3, 9
TEXT = "def wrap(text):"


def fresh(cell, **sizes):
    """An untrained model with the letters from a on, and with weights so large that it is far from linear."""
    config = ModelConfig(
        cell=cell, **{"vocab_size": V, "embedding_size": E, "hidden_size": H, **sizes}
    )
    weights = make_network(config, 0.0, 1, torch.device("cpu")).to_numpy()
    factor = np.float32(1.5 if config.activation == "relu" else 3)
    louder = {name: array * factor for name, array in weights.items()}
    return LanguageModel(config, Vocabulary("char", range(97, 97 + V)), louder)


def copier(lag, num_symbols=4):
    """A network whose prediction is the character `lag` places before it: its units are a line of delays."""
    config = ModelConfig(
        cell="elman",
        vocab_size=num_symbols,
        embedding_size=num_symbols,
        hidden_size=lag * num_symbols,
    )
    weights = {n: np.zeros(s, np.float32) for n, s in weight_shapes(config).items()}
    eye = np.eye(num_symbols, dtype=np.float32)
    weights["embedding.weight"][:] = eye
    weights["rnn.weight_ih_l0"][:num_symbols] = 0.1 * eye
    weights["rnn.weight_hh_l0"][num_symbols:, :-num_symbols] = np.eye((lag - 1) * num_symbols)
    weights["head.weight"][:, -num_symbols:] = 20 * eye
    return LanguageModel(config, Vocabulary("char", range(97, 97 + num_symbols)), weights)


def some_ids(length=T, num_symbols=V):
    return np.random.default_rng(0).integers(0, num_symbols, length).astype(np.int32)


# --- the numbers ----------------------------------------------------------------------------------


def slow_log_p(model, one_hots):
    """Log-probabilities (V,) after reading vectors (T, V) instead of symbols, in float64 and NumPy."""
    weights = {name: array.astype(float) for name, array in model.weights.items()}
    layers = [
        make_layer(model.cell, weights, k, np.transpose) for k in range(model.config.num_layers)
    ]
    state = tuple(tuple(s.astype(float) for s in own) for own in model.initial_state())

    def log_p():
        return log_softmax(state[-1][0] @ weights["head.weight"].T + weights["head.bias"])

    for x in entering(layers[0], one_hots @ weights["embedding.weight"], NumpyOps):
        output = np.exp(log_p()) if model.cell.feeds_back == "output" else None
        state, _ = advance(model.cell, layers, x, state, NumpyOps, output=output)
    return log_p()


def slow_norms(model, ids, place, target, size=1e-5):
    """Central differences for every entry of every one-hot vector."""
    x = np.eye(V)[ids[:place]]
    gradient = np.empty_like(x)
    for entry in np.ndindex(*x.shape):
        push = np.zeros_like(x)
        push[entry] = size
        up, down = slow_log_p(model, x + push), slow_log_p(model, x - push)
        gradient[entry] = (up[target] - down[target]) / (2 * size)
    return np.sqrt((gradient**2).sum(axis=1))


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(("cell", "activation"), [*((c, "tanh") for c in CELLS), ("elman", "relu")])
def test_norms_are_those_of_finite_differences(cell, activation, num_layers):
    model, ids = fresh(cell, activation=activation, num_layers=num_layers), some_ids()
    for place, target in ((T - 1, None), (4, 2), (1, None), (T, 0)):
        found = saliency(model, ids, place, target=target)
        symbol = int(ids[place]) if target is None else target
        expected = slow_norms(model, ids, place, symbol)
        assert (found.place, found.target, found.start) == (place, symbol, 0)
        np.testing.assert_allclose(found.norms, expected, rtol=1e-6, atol=1e-9)
        log_p = slow_log_p(model, np.eye(V)[ids[:place]])
        assert found.probability == pytest.approx(np.exp(log_p[symbol]))


def test_after_the_text_the_likeliest_counts():
    model, ids = fresh("gru"), some_ids()
    found = saliency(model, ids, T)
    assert found.target == slow_log_p(model, np.eye(V)[ids]).argmax()


@pytest.mark.parametrize("lag", [1, 7, 20])
def test_a_network_that_copies_rests_on_the_character_that_it_copies(lag):
    model, ids = copier(lag), some_ids(40, 4)
    place = 30
    ids[place] = ids[place - lag]
    found = saliency(model, ids, place)
    assert found.norms[-lag] / found.norms.sum() > 0.99
    assert found.half == lag
    assert found.probability > 0.5
    changes = []
    for t in range(place):  # occlusion: another character in its place
        other = ids.copy()
        other[t] = (ids[t] + 1) % 4
        changes.append(saliency(model, other, place).probability != found.probability)
    np.testing.assert_array_equal(found.norms > 0, changes)


def test_a_stretch_says_what_the_whole_says_and_older_characters_are_read_before_it():
    model, ids = fresh("lstm", num_layers=2), some_ids(60)
    whole = saliency(model, ids, 50)
    part = saliency(model, ids, 50, reach=7)
    assert (part.start, len(part.norms)) == (43, 7)
    np.testing.assert_allclose(part.norms, whole.norms[-7:], rtol=1e-12)
    cold = saliency(model, ids, 50, reach=7, warm_up=0)
    assert abs(cold.norms / part.norms - 1).max() > 1e-3
    np.testing.assert_allclose(saliency(model, ids[43:], 7).norms, cold.norms, rtol=1e-12)


def test_a_large_network_looks_less_far_back(monkeypatch):
    model, ids = fresh("lstm", num_layers=2), some_ids(60)
    monkeypatch.setattr(module, "TAPE", 7 * (16 * 2 * H + V))
    found = saliency(model, ids, 50)
    assert found.start == 43
    np.testing.assert_array_equal(found.norms, saliency(model, ids, 50, reach=7).norms)
    monkeypatch.setattr(module, "TAPE", 1)
    assert saliency(model, ids, 50).start == 49


def test_half_of_the_sum_by_hand():
    halves = {(1, 1, 1, 1): 2, (0, 0, 8): 1, (8, 0, 0): 3, (1, 0, 3, 2): 2, (5,): 1}
    for norms, half in halves.items():
        assert Saliency(9, 0, 0.5, np.array(norms, float)).half == half


def test_what_cannot_be_measured_is_refused(wording):
    model, ids = fresh("lstm"), some_ids()
    for place in (0, T + 1, -1):
        with wording.raises(DataError):
            saliency(model, ids, place)
    with wording.raises(UsageError):
        saliency(model.edited([Edit("clamp", "L0.h.1", 0.5)]), ids, 3)
    relu = fresh("elman", activation="relu")
    grown = {"rnn.weight_hh_l0": np.full((H, H), 1e38, np.float32)}
    grown["rnn.bias_hh_l0"] = np.ones(H, np.float32)
    huge = LanguageModel(relu.config, relu.vocabulary, {**relu.weights, **grown})
    with wording.raises(CheckpointError):
        saliency(huge, some_ids(20), 19)


# --- the drawing ----------------------------------------------------------------------------------


def draw(norms, width=54, **options):
    return drawn("at 1,003, p 0.5", [(0, "a"), (1, "\n"), (2, "中")], 1003, norms, width, **options)


def drawn(title, symbols, place, norms, width, **options):
    part, scale = saliency_text(title, symbols, (3, "d"), np.array(norms))
    text = saliency_rows(part, scale, Look(ColorMode.none), width)
    strongest = strongest_rows(part, place, np.array(norms), width, **options)
    return list(lines_of([*text, GAP, *strongest]))


def test_the_text_the_target_and_the_strongest():
    assert (
        "\n".join(draw([0.01, 0.03, 0.0]))
        == """\
saliency for [d] at 1,003, p 0.5   1.00 is a norm of 0.03
under each character: size of the value, 9 is 1.00
a↵
39

中[d]
0 0

       at   back     norm
    1,001      2     0.03  ↵  ████████████████████████
    1,000      3     0.01  a  ████████
    1,002      1        0  中"""
    )


def test_a_space_is_shown_in_the_table():
    lines = drawn("", [(0, " ")], 1, [1.0], 54)
    assert lines[2] == " [d]"
    assert " 1        1  ␣  █" in lines[-1]


def test_bars_in_ascii_and_no_gradient_at_all():
    assert draw([0.01, 0.03, 0.0], blocks=False)[-2].endswith("a  ########")
    assert "1.00 is a norm of 0" in draw([0.0, 0.0, 0.0])[0]
    assert "9" not in "".join(draw([0.0, 0.0, 0.0])[3:6])
