"""Units: which are worth a look, and what an address names."""

import math
from itertools import pairwise

import numpy as np
import pytest
from helpers import random_model

from charrnn.errors import UsageError
from charrnn.interpret.units import Unit, interest, most_interesting, parse_unit, require_array

V, E, H = 7, 5, 6
LETTERS = ("h", "c", "i", "f", "g", "o")


def make_model(cell="lstm"):
    """A model of zeros over the letters a to g."""
    return random_model("abcdefg"[:V], scale=0, cell=cell, embedding_size=E, hidden_size=H)


def planted(T=400):
    """Values (T, 2, 3): noise, and in layer 1 a constant, a flicker, a slow square wave."""
    values = np.random.default_rng(3).normal(0, 0.3, (T, 2, 3)).astype(np.float32)
    t = np.arange(T)
    values[:, 1, 0] = 0.9
    values[:, 1, 1] = np.where(t % 2, 0.9, -0.9)
    values[:, 1, 2] = np.where(t // 25 % 2, 0.9, -0.9)
    return values


def test_a_unit_that_holds_its_value_beats_a_flickering_and_a_constant_one():
    scores = interest(planted())
    assert scores.shape == (2, 3)
    assert scores[1, 0] == pytest.approx(0, abs=1e-6)
    assert scores[1, 1] == 0
    assert scores[1, 2] > 5 * np.delete(scores.ravel(), 5).max()
    (best, score), (_, second) = most_interesting(planted(), "c", 2)
    assert best == Unit(1, "c", 2)
    assert str(best) == "L1.c.2"
    assert score == scores[1, 2] > second


def test_interest_is_deviation_times_autocorrelation():
    values = np.random.default_rng(5).normal(size=(50, 1, 4)).cumsum(axis=0).astype(np.float32) / 3
    for k, score in enumerate(interest(values)[0]):
        x = [math.tanh(v) for v in values[:, 0, k]]
        mean = sum(x) / len(x)
        d = [v - mean for v in x]
        square = sum(v * v for v in d)
        correlation = sum(a * b for a, b in pairwise(d)) / square
        assert score == pytest.approx(math.sqrt(square / len(x)) * max(correlation, 0))


def test_one_character_is_enough_to_choose_units():
    assert len(most_interesting(planted(1), "h", 3)) == 3


@pytest.mark.parametrize(
    ("cell", "memory"),
    [("lstm", "c"), ("peephole", "c"), ("gru", "h"), ("elman", "h"), ("jordan", "h")],
)
def test_the_memory_is_the_cell_state_where_there_is_one(cell, memory):
    model = make_model(cell)
    assert model.cell.memory == model.read("ab").source.memory == memory


def test_no_more_units_are_found_than_there_are():
    assert len({unit for unit, _ in most_interesting(planted(), "h", 99)}) == 6


@pytest.mark.parametrize("letter", LETTERS)
def test_an_address_names_layer_array_and_index(letter):
    assert parse_unit(f"L1.{letter}.05", make_model()) == Unit(1, letter, 5)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "c.3",
        "L0.c",
        "l0.c.1",
        "L0.c.-1",
        "L0.c.1 ",
        "L0.c.\x1b[31m",
        "L2.c.0",
        "L0.c.6",
        "L0.z.1",
    ],
)
def test_an_address_that_names_nothing_is_refused_with_what_there_is(address, wording):
    with wording.raises(UsageError):
        parse_unit(address, make_model())


def test_an_array_must_be_one_that_the_cell_has(wording):
    for letter in LETTERS:
        require_array(letter, make_model())
    with wording.raises(UsageError):
        require_array("hx", make_model())
