"""What a character costs with more and more context: a planted memory, the start, and as people ask for it."""

import math
import re
import xml.etree.ElementTree as ET
from importlib.util import find_spec

import numpy as np
import pytest
from helpers import make_text
from paints import line_colors

import charrnn
from charrnn.api import LanguageModel
from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError, DataError
from charrnn.interpret import context as module
from charrnn.interpret.context import ContextCurve, context_curve, lengths_up_to
from charrnn.network.shapes import weight_shapes
from charrnn.numerics import log_softmax
from charrnn.render.ansi import lines_of
from charrnn.render.plot.picture import draw_context
from charrnn.render.views.context import context_rows
from charrnn.text.vocabulary import Vocabulary

V = 4


def order_3():
    """A network whose prediction depends on the last three characters and on nothing else."""
    config = ModelConfig(cell="elman", vocab_size=V, embedding_size=V, hidden_size=3 * V)
    weights = {n: np.zeros(s, np.float32) for n, s in weight_shapes(config).items()}
    generator = np.random.default_rng(3)
    weights["embedding.weight"][:] = np.eye(V)
    weights["rnn.weight_ih_l0"][:V] = 0.1 * np.eye(V)
    weights["rnn.weight_hh_l0"][V:, :-V] = np.eye(2 * V)
    weights["head.weight"][:] = generator.normal(0, 15, (V, 3 * V))
    weights["head.bias"][:] = generator.normal(0, 1, V)
    return LanguageModel(config, Vocabulary("char", range(97, 97 + V)), weights)


def own_text(model, length, seed=0):
    """Ids that the model draws itself."""
    generator, state, ids = np.random.default_rng(seed), model.initial_state(), []
    for _ in range(length):
        p = np.exp(log_softmax(model.logits(state)))
        ids.append(int(generator.choice(len(p), p=p / p.sum())))
        state, _ = model.advance(ids[-1], state)
    return np.array(ids, np.int32)


def cost(model, ids, place, context):
    """Bits of the character at a place after reading so many before it, one by one."""
    state = model.initial_state()
    for symbol in ids[place - context : place]:
        state, _ = model.advance(symbol, state)
    return -log_softmax(model.logits(state))[ids[place]] / math.log(2)


# --- the numbers ----------------------------------------------------------------------------------


def test_a_memory_of_three_characters_is_flat_from_three_on():
    model = order_3()
    ids = own_text(model, 2000)
    found = context_curve(model, ids, windows=900, lengths=range(9))
    assert found.lengths == tuple(range(9))
    np.testing.assert_allclose(
        found.surprisal[4:], np.broadcast_to(found.surprisal[3], (5, 900)), atol=1e-5
    )
    assert (found.excess[:3] > 5 * found.excess_error[:3]).all()  # each of the three helps
    assert (np.diff(found.mean[:4]) < 0).all()
    assert found.effective_length == 3
    assert context_curve(model, ids, windows=900).effective_length == 4  # of 0, 1, 2, 4, 8 ...


def test_without_context_it_is_what_the_start_says(tiny_model):
    ids = tiny_model.vocabulary.encode(make_text(700))
    found = context_curve(tiny_model, ids, windows=50)
    start = log_softmax(tiny_model.logits(tiny_model.initial_state())) / math.log(2)
    places = np.linspace(found.lengths[-1], len(ids) - 1, 50).astype(int)
    np.testing.assert_allclose(found.surprisal[0], -start[ids[places]], rtol=1e-5)


def test_every_context_by_brute_force_on_the_same_characters(tiny_model):
    ids = tiny_model.vocabulary.encode(make_text(120))
    found = context_curve(tiny_model, ids, windows=7)
    assert found.lengths == (0, 1, 2, 4, 8, 16, 32)
    places = np.linspace(32, 119, 7).astype(int)
    expected = [[cost(tiny_model, ids, t, k) for t in places] for k in found.lengths]
    np.testing.assert_allclose(found.surprisal, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.mean, np.mean(expected, axis=1), rtol=1e-4)


def test_all_that_comes_before_is_what_reading_says(tiny_model):
    text = make_text(60)
    found = context_curve(tiny_model, tiny_model.vocabulary.encode(text), windows=1, lengths=(59,))
    assert found.surprisal.item() == pytest.approx(
        float(tiny_model.read(text).surprisal[59]), rel=1e-4
    )


def test_groups_of_streams_give_what_all_at_once_give(tiny_model, monkeypatch):
    ids = tiny_model.vocabulary.encode(make_text(300))
    at_once = context_curve(tiny_model, ids, windows=23)
    monkeypatch.setattr(module, "BATCH_ROWS", 5)
    np.testing.assert_allclose(
        context_curve(tiny_model, ids, windows=23).surprisal,
        at_once.surprisal,
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_model_of_lines_starts_at_each(tiny_model, wording):
    """A context begins at the newline before the line at the earliest, however long it may be."""
    ids = tiny_model.vocabulary.encode("de\n\ntext\nf")
    found = context_curve(tiny_model, ids, windows=99, item_end="\n")
    items = tiny_model.vocabulary.encode("\nde\ntext\nf\n")
    assert found.lengths == (0, 1, 2, 4, 8)
    assert found.num_places == len(items) - 1
    begins = [0, 0, 0, 3, 3, 3, 3, 3, 8, 8]
    for k, context in enumerate(found.lengths):
        expected = [
            cost(tiny_model, items, t, min(context, t - begins[t - 1]))
            for t in range(1, len(items))
        ]
        np.testing.assert_allclose(found.surprisal[k], expected, rtol=1e-4, atol=1e-5)
    whole = charrnn.evaluate(tiny_model, ids, item_end="\n")
    assert found.mean[-1] == pytest.approx(whole.bits_per_char, rel=1e-4)
    with wording.raises(DataError):
        context_curve(tiny_model, ids[2:4], windows=9, item_end="\n")


def test_edits_count(tiny_model):
    ids = tiny_model.vocabulary.encode(make_text(100))
    held = tiny_model.edited([charrnn.Edit("clamp", "L1.h.*", 0.0)])
    bits = context_curve(held, ids, windows=9).surprisal
    np.testing.assert_allclose(bits, np.broadcast_to(bits[0], bits.shape), rtol=1e-6)


def test_places_are_spread_and_fewer_if_there_are_not_so_many():
    model = order_3()
    ids = np.random.default_rng(0).integers(0, V, 20).astype(np.int32)
    assert context_curve(model, ids, windows=500).num_places == 20 - 8
    assert context_curve(model, ids, windows=3, lengths=(0, 2)).num_places == 3
    assert context_curve(model, ids[:2], windows=3).lengths == (0, 1)


def test_errors_are_those_of_means_and_of_differences():
    bits = np.array([[4.0, 6.0, 8.0], [1.0, 3.0, 5.0]])
    found = ContextCurve((0, 1), bits)
    np.testing.assert_allclose(found.error, [2 / math.sqrt(3)] * 2)
    np.testing.assert_allclose(found.excess, [3, 0])
    np.testing.assert_allclose(found.excess_error, [0, 0])
    assert np.isnan(ContextCurve((0, 1), bits[:, :1]).error).all()


@pytest.mark.parametrize(
    ("means", "reach"),
    [
        ([5, 3, 2, 2], 2),
        ([5, 2.01, 2.019, 2], 1),
        ([5, 2.01, 2.03, 2], 4),
        ([2, 2, 2, 2], 0),
        ([1, 1, 1, 2], 4),
    ],
)
def test_the_reach_is_where_it_stays_within_one_percent(means, reach):
    assert ContextCurve((0, 1, 2, 4), np.array(means)[:, None]).effective_length == reach


def test_contexts_are_powers_of_two():
    assert lengths_up_to(0) == (0,)
    assert lengths_up_to(1) == (0, 1)
    assert lengths_up_to(9) == (0, 1, 2, 4, 8)
    assert lengths_up_to(16) == (0, 1, 2, 4, 8, 16)


def test_what_cannot_be_measured_is_refused(wording):
    model = order_3()
    with wording.raises(DataError):
        context_curve(model, np.zeros(9, np.int32), windows=1, lengths=(0, 9))
    with wording.raises(DataError):
        context_curve(model, np.zeros(0, np.int32), windows=1)
    broken = {**model.weights, "head.bias": np.full(V, np.nan, np.float32)}
    with wording.raises(CheckpointError):
        context_curve(
            LanguageModel(model.config, model.vocabulary, broken), np.zeros(9, np.int32), windows=1
        )


# --- the table and the command --------------------------------------------------------------------


def test_a_table():
    found = ContextCurve((0, 1, 2), np.array([[4.0, 6.0], [2.0, 3.0], [2.0, 2.99]]))
    assert (
        "\n".join(lines_of(context_rows(found, "character", 57)))
        == """\
bits per character, given only the k characters before
it; each k from the initial state and on the same 2
characters
      k     bits   ± s.e.     over 2   ± s.e.
      0    5.000    1.000     +2.505    0.505  ██████████
      1    2.500    0.500     +0.005    0.005  █████
      2    2.495    0.495     +0.000    0.000  █████
context length 1: within 1 % of the bits with 2
characters"""
    )
    assert "#####" in "\n".join(lines_of(context_rows(found, "byte", 57, blocks=False)))


# --- the picture ----------------------------------------------------------------------------------

needs_matplotlib = pytest.mark.skipif(
    not find_spec("matplotlib"), reason="matplotlib is not installed"
)
SVG = "{http://www.w3.org/2000/svg}"


def strokes_in(svg):
    """The lines of an SVG as their points, (n, 2) from the upper left, and how each looks."""
    for path in ET.fromstring(svg).iter(f"{SVG}path"):
        if "M" in (d := path.get("d", "")) and "z" not in d and "Q" not in d:
            yield np.array(re.findall(r"[ML] (\S+) (\S+)", d), float), path.get("style", "")


def texts_in(svg):
    return ["".join(t.itertext()) for t in ET.fromstring(svg).iter(f"{SVG}text")]


@needs_matplotlib
def test_a_picture_has_each_mean_with_its_error_and_a_line_at_the_reach():
    bits = np.random.default_rng(0).normal([[9], [5], [3], [2], [2]], 0.5, (5, 40))
    found = ContextCurve((0, 1, 2, 4, 8), bits)
    svg = draw_context(found, "character", "svg")
    color = "stroke: #{:02x}{:02x}{:02x}".format(*line_colors()[0])
    strokes = [points for points, style in strokes_in(svg) if color in style]
    (curve,) = (points for points in strokes if len(points) == 5)
    bars = np.array([p for p in strokes if len(p) == 2 and p[0, 0] == p[1, 0]])[:5]
    np.testing.assert_allclose(np.diff(curve[:, 0], n=2), 0, atol=1e-3)  # evenly apart
    slope, start = np.polyfit(found.mean, curve[:, 1], 1)
    assert slope < 0  # an SVG counts downwards
    np.testing.assert_allclose(start + slope * found.mean, curve[:, 1], atol=1e-3)
    np.testing.assert_allclose(bars[:, 0, 0], curve[:, 0], atol=1e-3)
    np.testing.assert_allclose(bars.mean(axis=1)[:, 1], curve[:, 1], atol=1e-3)
    heights = abs(np.diff(bars[:, :, 1], axis=1))[:, 0]
    np.testing.assert_allclose(heights, -2 * slope * found.excess_error, atol=1e-3)
    dashed = [p for p, style in strokes_in(svg) if "dasharray: 3.7" in style]
    assert dashed[0][0, 0] == pytest.approx(
        curve[found.lengths.index(found.effective_length), 0], abs=1e-3
    )
    words = texts_in(svg)
    assert [word for word in words if word.isdigit()][:5] == ["0", "1", "2", "4", "8"]
    assert (
        f"context length {found.effective_length}: within 1 % of the bits with 8 characters"
        in words
    )
    assert "k, each time from the initial state; the same 40 characters for every k" in words
