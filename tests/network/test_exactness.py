"""Every state and gate of every layer of every cell, against torch's own networks and against equations written anew."""

import equations
import numpy as np
import pytest
import torch
from equations import float64, normed, of_layer, softmax
from helpers import random_model

from charrnn.api import LanguageModel
from charrnn.config import ModelConfig
from charrnn.interpret.recording import record_parts
from charrnn.network.cells import CELLS
from charrnn.network.shapes import weight_shapes
from charrnn.text.vocabulary import Vocabulary

V, E, H, T = 7, 5, 6, 40
TEXT = "".join(np.random.default_rng(0).choice(list("abcdefg"), T))
VARIANTS = [*((name, "tanh") for name in CELLS), ("elman", "relu")]
every_variant = pytest.mark.parametrize(("name", "activation"), VARIANTS)
every_depth = pytest.mark.parametrize("num_layers", [1, 2, 3])


def make_model(name, activation, num_layers, *, layer_norm=False):
    shape = {"cell": name, "activation": activation, "layer_norm": layer_norm}
    shape |= {"row_length": "4"} if name == "mdlstm" else {}
    sizes = {"embedding_size": E, "hidden_size": H, "num_layers": num_layers}
    scale = 0.4 if activation == "relu" or name == "narx" else 0.15 if name == "mdlstm" else 0.8
    return random_model(
        "abcdefghijklmnopqrstuvwxyz"[:V], seed=num_layers, scale=scale, **shape, **sizes
    )


def by_equations(model, ids):
    """Every state and gate (T, L, H), and the logits (T, V)."""
    weights, config, cell = float64(model.weights), model.config, model.cell
    depth = range(config.num_layers)
    states = [{letter: np.zeros(H) for letter in cell.carried} for _ in depth]
    arrays = {letter: [] for letter in (*cell.states, *cell.gates)}
    logits = []

    def head():
        top = normed(states[-1]["h"], weights, depth[-1])
        return weights["head.weight"] @ top + weights["head.bias"]

    for symbol in ids:
        x, y = weights["embedding.weight"][int(symbol)], softmax(head())
        for k in depth:
            own = of_layer(weights, k)
            states[k] = equations.step(
                config.cell, x, y, states[k], own, activation=config.activation
            )
            x = normed(states[k]["h"], weights, k)
        for letter, rows in arrays.items():
            rows.append(np.stack([state[letter] for state in states]))
        logits.append(head())
    return {letter: np.array(rows) for letter, rows in arrays.items()}, np.array(logits)


def largest_difference(a, b):
    assert a.shape == b.shape
    return np.abs(a.astype(np.float64) - b).max()


@pytest.mark.parametrize("layer_norm", [False, True])
@every_depth
@every_variant
def test_every_state_and_gate_is_that_of_the_equations(name, activation, num_layers, layer_norm):
    model = make_model(name, activation, num_layers, layer_norm=layer_norm)
    recording = model.read(TEXT, top=V)
    expected, logits = by_equations(model, recording.ids)
    assert recording.arrays.keys() == expected.keys()
    for letter, values in recording.arrays.items():
        assert values.dtype == np.float32
        assert values.shape == (T, num_layers, H)
        assert largest_difference(values, expected[letter]) < 1e-5, letter
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    best = np.argsort(-chances, axis=1)
    assert (recording.next_ids == best).all()
    sorted_chances = np.take_along_axis(chances, best, 1)
    assert largest_difference(recording.next_probabilities, sorted_chances) < 1e-5
    costs = -np.log2(chances[np.arange(T - 1), recording.ids[1:]])
    assert largest_difference(recording.surprisal[1:], costs) < 1e-4


@every_depth
@pytest.mark.parametrize(
    ("name", "activation"), [v for v in VARIANTS if CELLS[v[0]].torch_class is not None]
)
def test_the_states_of_every_layer_are_those_of_torch(name, activation, num_layers):
    """torch.nn.LSTM, GRU and RNN, a symbol at a time, for they keep the states of the last step only."""
    model = make_model(name, activation, num_layers)
    weights = {n: torch.from_numpy(w) for n, w in model.weights.items()}
    options = {"nonlinearity": activation} if name == "elman" else {}
    theirs = getattr(torch.nn, CELLS[name].torch_class)(E, H, num_layers, **options)
    theirs.load_state_dict({n[4:]: w for n, w in weights.items() if n.startswith("rnn.")})
    recording, state, found = model.read(TEXT), None, []
    with torch.no_grad():
        for symbol in recording.ids:
            _, state = theirs(weights["embedding.weight"][int(symbol)][None], state)
            several = state if isinstance(state, tuple) else (state,)
            found.append([values.numpy() for values in several])
    for k, letter in enumerate(model.cell.states):
        expected = np.array([row[k] for row in found])
        assert largest_difference(recording.arrays[letter], expected) < 1e-5


def test_torch_has_three_of_the_cells():
    """So that the test above compares what it says."""
    classes = {name: cell.torch_class for name, cell in CELLS.items() if cell.torch_class}
    assert classes == {"lstm": "LSTM", "gru": "GRU", "elman": "RNN"}


@pytest.mark.parametrize("name", CELLS)
def test_the_parts_of_a_text_say_what_the_whole_does(name):
    model = make_model(name, "tanh", 2)
    whole, parts = model.read(TEXT, top=2), list(record_parts(model, TEXT, top=2, length=9))
    for letter, values in whole.arrays.items():
        assert (np.concatenate([p.arrays[letter] for p in parts]) == values).all()
    bits = np.concatenate([p.surprisal for p in parts])
    np.testing.assert_allclose(bits, whole.surprisal, atol=1e-5)
    assert (np.concatenate([p.next_ids for p in parts]) == whole.next_ids).all()


def order_one_model(successor):
    """An Elman network without memory, whose unit k is on after symbol k, and which is then sure of `successor[k]`."""
    config = ModelConfig(cell="elman", vocab_size=V, embedding_size=V, hidden_size=V)
    weights = {n: np.zeros(s, np.float32) for n, s in weight_shapes(config).items()}
    weights["embedding.weight"] += np.eye(V)
    weights["rnn.weight_ih_l0"] += 9 * np.eye(V)
    weights["head.weight"][successor, np.arange(V)] = 30
    return LanguageModel(config, Vocabulary("char", range(97, 97 + V)), weights)


def test_column_t_is_after_character_t_and_its_guess_is_for_the_next():
    """A shift of states, guesses or bits by one would show at once."""
    successor = np.array([3, 0, 6, 5, 1, 2, 4])  # one cycle through all symbols
    ids = [0]
    for _ in range(2 * V):
        ids.append(int(successor[ids[-1]]))
    text = "".join(chr(97 + k) for k in ids)
    assert len(set(text[:V])) == V
    recording = order_one_model(successor).read(text, top=1)
    assert recording.arrays["h"][:, 0].argmax(axis=1).tolist() == ids
    assert recording.next_ids[:, 0].tolist() == [*ids[1:], int(successor[ids[-1]])]
    assert recording.surprisal.max() < 1e-6
    surprised = order_one_model(successor).read(text[:4] + text[:2], top=1)
    assert np.flatnonzero(surprised.surprisal > 1).tolist() == [
        4
    ]  # the symbol that was not expected
