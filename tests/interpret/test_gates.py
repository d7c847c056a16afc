"""How gates are used: over time and not over units, in the whole text, and as people see it."""

import itertools
import re
from importlib.util import find_spec
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paints import line_colors
from variants import V, every_cell, make_config

from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.interpret.gates import OPEN, SHUT, GateUse, Saturation, saturation
from charrnn.interpret.recording import RecordedModel, Recording, record_parts
from charrnn.model import CharRNN
from charrnn.network.cells import CELLS
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.shapes import weight_shapes
from charrnn.render.ansi import lines_of
from charrnn.render.palette import ColorMode
from charrnn.render.plot.picture import draw_scatter
from charrnn.render.plot.scatter import Scatter, Square, scatter_rows
from charrnn.render.views.gates import gate_rows
from charrnn.text.vocabulary import Vocabulary

SGR = re.compile(r"\x1b\[[0-9;]*m")


def scatter_lines(drawn, width, mode, **options):
    return lines_of(scatter_rows(drawn, width, mode, **options))


def recording(arrays, cell="lstm"):
    """A recording of which only gates are looked at."""
    T = len(next(iter(arrays.values())))
    found = CELLS[cell]
    return Recording(
        text="a" * T,
        ids=np.zeros(T, np.int32),
        pieces=("a",) * T,
        surprisal=np.zeros(T, np.float32),
        arrays={name: np.asarray(a, np.float32) for name, a in arrays.items()},
        next_ids=np.empty((T, 0), np.int32),
        next_probabilities=np.empty((T, 0), np.float32),
        next_text=("a",),
        source=RecordedModel("0" * 16, cell, found.states, found.gates),
    )


def alike(values, cell="lstm"):
    """A recording in which every sigmoid gate has the same values."""
    return recording(dict.fromkeys(CELLS[cell].sigmoids, values), cell)


# --- the numbers ----------------------------------------------------------------------------------


def test_what_is_averaged_is_time_and_not_units():
    """4 characters, 1 layer, 3 units: one always shut, one open half of the time, one in between."""
    values = np.array([[0.0, 1.0, 0.5], [0.05, 0.95, 0.5], [0.0, 0.3, 0.5], [0.09, 0.2, 0.5]])
    (i, f, o) = saturation([alike(values[:, None])]).gates
    assert [gate.name for gate in (i, f, o)] == ["i", "f", "o"]
    np.testing.assert_array_equal(f.left, [[1, 0, 0]])
    np.testing.assert_array_equal(f.right, [[0, 0.5, 0]])
    np.testing.assert_allclose(f.mean, [[0.035, 0.6125, 0.5]], rtol=1e-6)
    over_units = (values < SHUT).mean(axis=1)
    assert over_units.tolist() != f.left[0].tolist()
    # a square array has the same shape after either mean: only the numbers tell
    square = np.array([[0.0, 0.5], [0.0, 0.95]])[:, None]
    np.testing.assert_array_equal(saturation([alike(square)]).gates[0].left, [[1, 0]])
    np.testing.assert_array_equal(saturation([alike(square)]).gates[0].right, [[0, 0.5]])


def test_the_bounds_themselves_are_not_saturated():
    just = np.float32([SHUT, OPEN, np.nextafter(np.float32(SHUT), np.float32(0)), np.inf])
    just[3] = np.nextafter(np.float32(OPEN), np.float32(1))
    gate = saturation([alike(just[:, None, None])]).gates[0]
    assert (gate.left.item(), gate.right.item()) == (0.25, 0.25)


def test_the_time_scale_is_that_of_the_gate_that_keeps_the_memory():
    values = np.array([1.0] * 49 + [0.0])[:, None, None]
    i, f, o = saturation([alike(values)]).gates
    assert (i.time_scale, o.time_scale) == (None, None)
    np.testing.assert_allclose(f.time_scale, [[50]])  # emptied every 50 characters
    assert saturation([alike(values[:49])]).gates[1].time_scale.item() == np.inf
    r, z = saturation([alike(values, "gru")]).gates
    assert (r.name, r.time_scale) == ("r", None)
    np.testing.assert_allclose(z.time_scale, [[50]])


@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole"])
def test_the_keeper_multiplies_the_memory(cell):
    """The memory after a step differs, for two memories before it, by the memory_gate times their difference."""
    kind = CELLS[cell]
    generator = np.random.default_rng(0)
    x = generator.normal(size=kind.num_blocks * 3)
    weights = {"weight_hh": np.zeros((3, kind.num_blocks * 3)), "bias_hh": np.zeros(9)}
    weights |= dict.fromkeys(kind.vectors, np.zeros(3))
    befores = [(generator.normal(size=3),) * len(kind.states) for _ in range(2)]
    (one, gates), (other, _) = (kind.step(x, before, weights, NumpyOps) for before in befores)
    memory_gate = gates[kind.gates.index(kind.memory_gate)]
    differences = memory_gate * (befores[0][-1] - befores[1][-1])
    np.testing.assert_allclose(one[-1] - other[-1], differences)
    assert kind.memory_gate in kind.sigmoids


@every_cell
def test_sigmoids_are_the_gates_that_stay_between_0_and_1(name):
    draw, config = np.random.default_rng(0), make_config(name)
    weights = {n: draw.normal(0, 3, of) for n, of in weight_shapes(config).items()}
    model = CharRNN(config, Vocabulary("char", range(97, 97 + V)), weights)
    state, within = model.initial_state(20), np.ones(len(model.cell.gates), np.bool_)
    for ids in draw.integers(0, V, (9, 20)):
        _, state, gates = model.step(ids, state)
        within &= np.array([v.min() >= 0 and v.max() <= 1 for v in gates[0]], np.bool_)
    assert tuple(itertools.compress(model.cell.gates, within)) == model.cell.sigmoids


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_parts_say_what_the_whole_says(lengths, random):
    generator = np.random.default_rng(random.randrange(2**32))
    values = generator.random((sum(lengths), 2, 3), np.float32)
    ends = np.cumsum(lengths)[:-1]
    whole = saturation([alike(values)])
    parts = saturation(alike(part) for part in np.split(values, ends))
    assert whole.symbols == parts.symbols == len(values)
    for a, b in zip(whole.gates, parts.gates, strict=True):
        np.testing.assert_array_equal(a.left, b.left)
        np.testing.assert_array_equal(a.right, b.right)
        np.testing.assert_allclose(a.mean, b.mean, rtol=1e-12)


def test_a_model_s_gates_by_brute_force(tiny_model):
    text = "def wrap(text):\n    return text\n" * 5
    found = saturation(record_parts(tiny_model, text, keep=("i", "f", "o"), length=7))
    arrays = tiny_model.read(text).arrays
    assert found.symbols == len(text)
    for gate in found.gates:
        for layer in range(2):
            for unit in range(24):
                values = arrays[gate.name][:, layer, unit].tolist()
                shut = sum(v < np.float32(SHUT) for v in values) / len(values)
                assert gate.left[layer, unit] == shut
                mean = sum(values) / len(values)
                assert gate.mean[layer, unit] == pytest.approx(mean, rel=1e-6)
                if gate.name == "f":
                    assert gate.time_scale[layer, unit] == pytest.approx(1 / (1 - mean), rel=1e-6)


@pytest.mark.parametrize("cell", ["elman", "jordan"])
def test_a_cell_without_gates_is_refused(cell, wording):
    with wording.raises(UsageError):
        saturation([recording({"h": np.zeros((3, 1, 2))}, cell)])


def test_no_text_and_gates_that_are_no_numbers_are_refused(wording):
    with pytest.raises(DataError):
        saturation([])
    with wording.raises(CheckpointError):
        saturation([alike(np.full((2, 1, 3), np.nan))])


# --- the drawing ----------------------------------------------------------------------------------


def square(*groups):
    return Square("gate f", groups)


def scatter(*squares, names=("layer 0",)):
    return Scatter(squares, names)


def cells_of(lines):
    """What stands inside a drawn square, by row and column."""
    return [line[5:].ljust(12) for line in lines[1 : 1 + 6]]


def test_right_is_across_and_left_is_up():
    points = {(0.0, 0.0): (5, 0), (1.0, 0.0): (5, 11), (0.0, 1.0): (0, 0)}
    for point, (row, column) in points.items():
        drawn = cells_of(list(scatter_lines(scatter(square([point])), 17, ColorMode.none)))
        dots = [(r, c) for r in range(6) for c in range(12) if "\u2800" < drawn[r][c] <= "\u28ff"]
        assert dots == [(row, column)]
    always_open = GateUse(
        "f", np.array([[0.0]]), np.array([[1.0]]), np.array([[0.97]]), is_memory_gate=True
    )
    lines = list(
        lines_of(gate_rows(Saturation(9, (always_open,)), "character", 24, ColorMode.none))
    )
    assert next(line for line in lines if line.startswith("  0 ┤"))[-1] > "\u2800"


def test_one_square_with_braille_dots():
    lines = scatter_lines(
        scatter(square([(0, 0), (0.02, 0.0), (1, 0), (0.5, 0.5)])), 17, ColorMode.none
    )
    assert (
        "\n".join(lines)
        == """\
      gate f
  1 ┤·
    │  ·
    │    ·
0.5 ┤      ⠁·
    │         ·
  0 ┤⡀          ⢀
    └┬─────┬────┬
     0   0.5    1"""
    )


def test_without_colours_digits_tell_the_layers_and_the_more_numerous_has_the_cell():
    layers = [(0, 0), (0.5, 0)], [(0, 0), (0, 0.02), (1, 0)]
    both = scatter(square(*layers), names=["layer 0", "layer 1"])
    lines = list(scatter_lines(both, 17, ColorMode.none))
    assert lines[6] == "  0 ┤1     0    1"
    assert lines[-2:] == ["0 layer 0", "1 layer 1"]
    assert list(scatter_lines(both, 21, ColorMode.none))[-1] == "0 layer 0   1 layer 1"
    ascii_lines = list(scatter_lines(both, 17, ColorMode.truecolor, braille=False))
    assert all(line.replace("\x1b", "").isascii() for line in ascii_lines)
    assert [c for c in SGR.sub("", ascii_lines[6])[5:] if c.isdigit()] == ["1", "0", "1"]


def test_layers_beyond_the_colours_get_digits():
    inks = 6
    for count, marked in ((inks, False), (inks + 1, True)):
        names = [f"layer {k}" for k in range(count)]
        many = scatter(square(*[[(0, 0)]] * count), names=names)
        *_, legend = scatter_lines(many, 99, ColorMode.ansi256)
        assert (SGR.sub("", legend).startswith("0 layer 0   1 layer 1")) == marked
        assert (len(set(re.findall(r"\x1b\[38[0-9;]*m", legend)))) == inks
        lines = [SGR.sub("", line) for line in scatter_lines(many, 40, ColorMode.ansi256)]
        assert max(map(len, lines)) <= 40
        assert "   ".join(line for line in lines if "layer" in line) == SGR.sub("", legend)


@pytest.mark.parametrize(("width", "beside"), [(24, 1), (40, 2), (80, 3), (200, 3)])
def test_squares_stand_side_by_side_as_far_as_they_fit(width, beside):
    drawn = list(scatter_lines(scatter(*[square([(0.2, 0.3)])] * 3), width, ColorMode.none))
    assert max(map(len, drawn)) <= width
    assert [line.count("gate f") for line in drawn if "gate" in line] == {
        1: [1, 1, 1],
        2: [2, 1],
        3: [3],
    }[beside]


# --- the picture ----------------------------------------------------------------------------------

needs_matplotlib = pytest.mark.skipif(
    not find_spec("matplotlib"), reason="matplotlib is not installed"
)
SVG = "{http://www.w3.org/2000/svg}"


def points_in(svg):
    """The points of each collection of an SVG in their order, (n, 2) from the upper left, and how each looks."""
    root = ET.fromstring(svg)
    found = {}
    for group in root.iter(f"{SVG}g"):
        if group.get("id", "").startswith("PathCollection"):
            uses = list(group.iter(f"{SVG}use"))
            places = [[float(use.get("x")), float(use.get("y"))] for use in uses]
            found[group.get("id")] = np.array(places), uses[0].get("style")
    return list(found.values())


def texts_in(path):
    return re.findall(r">([^<\n]+)</text>", path.read_text(encoding="utf-8"))


@needs_matplotlib
def test_in_a_picture_right_is_across_and_left_is_up():
    rng = np.random.default_rng(0)
    groups = [[rng.random((4 + 3 * s + k, 2)).tolist() for k in (0, 1)] for s in (0, 1, 2)]
    squares = [Square("gate", points) for points in groups]
    drawn = points_in(draw_scatter(Scatter(squares, ["layer 0", "layer 1"]), "svg"))
    for number, square_ in enumerate(groups):
        for layer, points in enumerate(square_):
            places, style = drawn[2 * number + layer]
            assert "fill: #{:02x}{:02x}{:02x}".format(*line_colors()[layer]) in style
            parts = np.array(points)
            for axis, sign in ((0, 1), (1, -1)):  # an SVG counts downwards
                slope, start = np.polyfit(parts[:, axis], places[:, axis], 1)
                assert 50 < sign * slope < 300
                assert abs(start + slope * parts[:, axis] - places[:, axis]).max() < 0.01
