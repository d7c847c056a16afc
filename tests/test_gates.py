"""How gates are used: over time and not over units, in the whole text, and as people see it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.analysis.gates import OPEN, SHUT, saturation
from charrnn.cells import CELLS
from charrnn.cells.ops import NumpyOps
from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.recording import Recording, Source, record_parts


def recording(arrays, cell="lstm"):
    """A recording of which only gates are looked at."""
    T = len(next(iter(arrays.values())))
    found = CELLS[cell]
    return Recording(
        text="a" * T,
        ids=np.zeros(T, np.int32),
        pieces=("a",) * T,
        bits=np.zeros(T, np.float32),
        arrays={name: np.asarray(a, np.float32) for name, a in arrays.items()},
        next_ids=np.empty((T, 0), np.int32),
        next_probabilities=np.empty((T, 0), np.float32),
        next_text=("a",),
        source=Source("0" * 16, cell, found.states, found.gates),
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
    """The memory after a step differs, for two memories before it, by the keeper times their difference."""
    kind = CELLS[cell]
    generator = np.random.default_rng(0)
    x = generator.normal(size=kind.num_blocks * 3)
    weights = {"weight_hh": np.zeros((3, kind.num_blocks * 3)), "bias_hh": np.zeros(9)}
    weights |= dict.fromkeys(kind.vectors, np.zeros(3))
    befores = [(generator.normal(size=3),) * len(kind.states) for _ in range(2)]
    (one, gates), (other, _) = (kind.step(x, before, weights, NumpyOps) for before in befores)
    keeper = gates[kind.gates.index(kind.keeper)]
    differences = keeper * (befores[0][-1] - befores[1][-1])
    np.testing.assert_allclose(one[-1] - other[-1], differences)
    assert kind.keeper in kind.sigmoids


@pytest.mark.parametrize("cell", CELLS.values(), ids=list(CELLS))
def test_sigmoids_are_the_gates_that_stay_between_0_and_1(cell):
    x = np.linspace(-9, 9, cell.num_blocks * 50)[
        np.random.default_rng(0).permutation(cell.num_blocks * 50)
    ]
    fed = 50
    weights = {"weight_hh": np.zeros((fed, len(x))), "bias_hh": np.zeros(len(x))}
    weights |= dict.fromkeys(cell.vectors, np.zeros(50))
    _, gates = cell.step(x, (np.zeros(50),) * len(cell.states), weights, NumpyOps)
    within = [name for name, values in zip(cell.gates, gates, strict=False) if values.min() >= 0]
    assert tuple(within) == cell.sigmoids


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
def test_a_cell_without_gates_is_refused(cell):
    with pytest.raises(UsageError, match=f"the {cell} cell has no gates"):
        saturation([recording({"h": np.zeros((3, 1, 2))}, cell)])


def test_no_text_and_gates_that_are_no_numbers_are_refused():
    with pytest.raises(DataError):
        saturation([])
    with pytest.raises(CheckpointError, match="not finite"):
        saturation([alike(np.full((2, 1, 3), np.nan))])
