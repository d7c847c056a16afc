"""Patching: a unit that alone carries what differs changes the prediction to the other, and no other unit does."""

import json

import numpy as np
import pytest
from helpers import call_charrnn, characters, random_model

from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.errors import UsageError
from charrnn.interpret.patching import divergences, patch, patch_each
from charrnn.interpret.units import Unit, parse_units
from charrnn.numerics import softmax

LETTERS = "abcd"
H, CARRIER = 8, 3


def carrying_model():
    """A network one unit of which has the last letter, which alone the output reads."""
    model = random_model(
        characters(LETTERS), cell="elman", embedding_size=4, hidden_size=H, num_layers=1
    )
    weights = {name: array.copy() for name, array in model.weights.items()}
    weights["embedding.weight"] = np.eye(4, dtype=np.float32)
    weights["rnn.weight_hh_l0"][CARRIER] = 0
    weights["rnn.weight_ih_l0"][CARRIER] = (-1, -0.3, 0.4, 1)
    others = np.arange(H) != CARRIER
    weights["head.weight"][:, others] = 0
    return type(model)(model.config, model.vocabulary, weights)


MODEL = carrying_model()


def after(text, model=MODEL):
    outputs, _ = model.run(model.vocabulary.encode(text), model.initial_state())
    return softmax(model.head(outputs)[-1].astype(np.float64))


def patched(source, text, units, **how):
    ids = (MODEL.vocabulary.encode(t) for t in (source, text))
    return patch(MODEL, *ids, units, **how)


def test_the_unit_that_carries_the_last_letter_carries_the_prediction():
    found = patched("bca", "abcd", [Unit(0, "h", CARRIER)], sets=5)
    np.testing.assert_allclose(found.patched, after("bca"), rtol=1e-5)
    np.testing.assert_allclose(found.plain, after("abcd"), rtol=1e-5)
    np.testing.assert_allclose(found.source, after("bca"), rtol=1e-5)
    assert found.way == pytest.approx(1)
    expected = (found.plain * np.log2(found.plain / after("bca"))).sum()
    assert found.bits == pytest.approx(expected, rel=1e-4)
    assert (found.random, found.percentile) == ((0.0,) * 5, 100.0)


def test_other_units_change_nothing():
    others = [Unit(0, "h", k) for k in range(H) if k != CARRIER]
    found = patched("bca", "abcd", others[:3], sets=0)
    assert (found.bits, found.way) == (0.0, 0.0)
    every = [Unit(0, "h", k) for k in range(H)]
    assert patched("bca", "abcd", every).random == ()


def test_each_unit_by_itself_is_that_unit_patched():
    ids = [MODEL.vocabulary.encode(t) for t in ("bca", "abcd")]
    first, *rest = patch_each(MODEL, *ids)
    assert first.units == (Unit(0, "h", CARRIER),)
    assert first.bits == pytest.approx(patched("bca", "abcd", first.units).bits)
    assert first.percentile == 100
    assert [one.bits for one in rest] == [0.0] * (H - 1)
    assert len(first.random) == H - 1


@pytest.mark.parametrize("cell", ["lstm", "gru", "elman"])
@pytest.mark.parametrize("last", [1, 3])
def test_all_units_of_a_text_s_last_steps_make_the_source_s_prediction(cell, last):
    model = random_model(characters(LETTERS), cell=cell, hidden_size=5, num_layers=2)
    units = [u for s in model.cell.states for u in parse_units(f"L*.{s}.*", model)]
    ids = [model.vocabulary.encode(t) for t in ("abcda", "bbdc")]
    found = patch(model, *ids, units, last=last)
    np.testing.assert_allclose(found.patched, after("abcda", model), rtol=1e-5)
    assert found.way == pytest.approx(1)


def test_a_patch_acts_within_the_step_on_the_layers_above():
    model = random_model(characters(LETTERS), cell="elman", hidden_size=5, num_layers=2)
    below = parse_units("L0.h.*", model)
    ids = [model.vocabulary.encode(t) for t in ("abca", "bbdd")]
    found = patch(model, *ids, below)
    _, state = model.run(ids[1][:-1], model.initial_state())
    _, source = model.run(ids[0], model.initial_state())
    held = model.with_ops([_Held(source[0][0]), None], model.start, [])
    logits, _, _ = held.step(ids[1][-1], state)
    np.testing.assert_allclose(found.patched, softmax(logits.astype(np.float64)), rtol=1e-5)
    assert found.bits > 1e-3


def test_lines_begin_afresh():
    model = random_model(characters("ab\n"), cell="gru", hidden_size=5, num_layers=1)
    end = int(model.vocabulary.encode("\n")[0])
    units = parse_units("L0.h.*", model)
    one, other = (
        patch(model, *map(model.vocabulary.encode, texts), units, item_end=end)
        for texts in (("aa\nab", "bb\nba"), ("ab", "\nba"))
    )
    np.testing.assert_allclose(one.plain, other.plain, rtol=1e-6)
    np.testing.assert_allclose(one.source, other.source, rtol=1e-6)
    np.testing.assert_allclose(one.plain, after("\nba", model), rtol=1e-5)


def test_a_divergence_is_its_definition():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([[0.25, 0.5, 0.25], [0.5, 0.5, 0.0]])
    np.testing.assert_allclose(divergences(p, q), [0.5, 0.0])


def test_texts_have_as_many_symbols_as_are_patched(wording):
    for last in (0, 4):
        with wording.raises(UsageError):
            patched("abc", "abcd", [Unit(0, "h", 1)], last=last)


# --- from the command line --------------------------------------------------------------------------------------------


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    save_checkpoint(tmp_path / "carrier.safetensors", Checkpoint(MODEL))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, status=0: call_charrnn(
        capsys, "units", "carrier.safetensors", *arguments, status=status
    )


def test_a_patch_is_shown(call, tmp_path, wording):
    shown = call("--patch", "bca", "abcd", "--unit", f"L0.h.{CARRIER}", "--sets", 4)
    wording(shown)
    assert "100 % of the way" in shown.out
    (tmp_path / "source.txt").write_text("bca")
    options = ("--unit", f"L0.h.{CARRIER}", "--sets", 4, "--json")
    record = json.loads(call("--patch", "source.txt", "abcd", *options).out)
    assert record["units"] == [f"L0.h.{CARRIER}"]
    assert record["way_to_source"] == pytest.approx(1)
    assert record["random"] == [0.0] * 4
    by_letter = {one["character"]: one for one in record["predictions"]}
    for k, letter in enumerate(LETTERS):
        assert by_letter[letter]["plain"] == pytest.approx(after("abcd")[k], rel=1e-4)
        assert by_letter[letter]["patched"] == pytest.approx(after("bca")[k], rel=1e-4)
    assert "beside nothing" not in call("--patch", "bca", "abcd", "--unit", "L0.h.*").out


def test_without_units_each_is_patched_by_itself(call, wording):
    shown = call("--patch", "bca", "abcd")
    assert shown.out.splitlines()[1].startswith(f"L0.h.{CARRIER} ")
    record = json.loads(call("--patch", "bca", "abcd", "--json").out)
    assert len(record["units"]) == H
    assert record["units"][0]["percentile"] == 100


def test_what_a_patch_lacks_is_named(call, wording):
    wording(call("--patch", "bca", status=2))
    wording(call("--patch", "bca", "abcd", "--sets", 4, status=2))
    wording(call("--patch", "bca", "abcd", "--last", 4, status=2))
    wording(call("--patch", "bca", "abcd", "--unit", "L0.h.99", status=2))
    wording(call("--patch", "bca", "abcd", "--ablate", "L0.h.1", status=2))
    wording(call("abcd", "--sets", 4, status=2))
    wording(call("abcd", "--last", 2, status=2))


class _Held:
    """NumPy's functions, with a state that is a given one."""

    def __init__(self, values):
        from charrnn.network.numpy_ops import NumpyOps

        self._ops, self._values = NumpyOps(), values

    def state(self, name, x):
        return self._values

    def __getattr__(self, name):
        return getattr(self._ops, name)
