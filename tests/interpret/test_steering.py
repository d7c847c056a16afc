"""Steer files: what they do to a network, how they come back from a file, and which are refused."""

import json

import numpy as np
import pytest
from counting import counting_model, text_of
from helpers import call_charrnn, characters, random_model

from charrnn.api import LanguageModel
from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.cli.edits import file_and_strength
from charrnn.errors import DataError, UsageError
from charrnn.interpret.edits import Edit
from charrnn.interpret.finding import find, followers
from charrnn.interpret.labeling import Labeling
from charrnn.interpret.steering import Steering, is_steering, load_steering, of_find, save_steering
from charrnn.interpret.units import Unit

MODEL = random_model(characters("abc"), hidden_size=6, num_layers=2)
IDS = [0, 1, 2, 2, 0, 1]


def steering(kind, units=("L1.c.3",), on=(1.5,), off=(-0.5,), **known):
    made = [Unit(int(u[1]), u[3], int(u[5:])) for u in units]
    return Steering(kind, "it", MODEL.fingerprint, tuple(made), on, off, **known)


def logits(*edits):
    model = MODEL.edited(edits)
    outputs, _ = model.run(np.array(IDS), model.initial_state())
    return model.head(outputs)


# --- what it does -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("strength", "value"), [(1, 1.5), (-1, -0.5), (2, 2.5), (0.5, 1.0)])
def test_a_unit_is_held_between_its_two_values_and_beyond(strength, value):
    found = logits(steering("clamp").at(strength))
    assert (found == logits(Edit("clamp", "L1.c.3", value))).all()


@pytest.mark.parametrize("strength", [1, -1, 0.25])
def test_a_direction_is_added_at_every_step(strength):
    units = ("L0.c.1", "L0.c.2", "L1.h.5")
    made = steering("steer", units, (1.0, 0.0, 2.0), (0.5, 1.0, 0.0)).at(strength)
    by = (0.5, -1.0, 2.0)
    edits = [Edit("steer", u, strength * x) for u, x in zip(units, by, strict=True)]
    np.testing.assert_array_equal(logits(made), logits(*edits))


@pytest.mark.parametrize("kind", ["clamp", "steer"])
def test_a_strength_of_zero_changes_nothing(kind):
    assert (logits(steering(kind).at(0)) == logits()).all()


def test_it_stands_beside_other_edits(wording):
    other = Edit("steer", "L1.c.2", 1.0)
    assert (logits(steering("clamp"), other) != logits(steering("clamp"))).any()
    with wording.raises(DataError):
        MODEL.edited([Edit("clamp", "L1.c.3", 1.0), steering("clamp", where="a.json")])
    assert str(steering("clamp", where="a.json").at(-2)) == "clamp a.json=-2 (it)"


def test_another_network_and_too_large_a_strength_are_refused(wording):
    other = random_model(characters("abc"), hidden_size=6, num_layers=2, seed=9)
    with wording.raises(DataError):
        other.edited([steering("clamp", where="a.json")])
    with wording.raises(DataError):
        MODEL.edited([steering("steer", where="a.json").at(1e6)])
    for unit in ("L1.c.9", "L1.f.3", "L3.c.1"):
        with wording.raises(DataError):
            MODEL.edited([steering("steer", (unit,), where="a.json")])


# --- files ------------------------------------------------------------------------------------------------------------


def test_it_comes_back_from_its_file(tmp_path):
    path = tmp_path / "a.json"
    units = ("L0.c.1", "L1.h.5", "L0.c.2")
    made = steering(
        "steer", units, (1.0, 1e-9, 2.5), (0.5, -1.0, 123456.0), measure="AUC", score=0.9
    )
    save_steering(made, path)
    found = load_steering(path)
    expected = {u: (a, b) for u, a, b in zip(made.units, made.on, made.off, strict=True)}
    assert {u: (a, b) for u, a, b in zip(found.units, found.on, found.off, strict=True)} == expected
    same = ("kind", "name", "fingerprint", "measure", "score", "strength")
    assert [getattr(found, name) for name in same] == [getattr(made, name) for name in same]
    assert is_steering(path)


def record(**changes):
    state = {"state": "L0.c", "units": [1, 2], "on": [1, 0.5], "off": [0, 0]}
    state |= changes.pop("of_state", {})
    return {
        "charrnn_steer": 1,
        "kind": "clamp",
        "name": "it",
        "fingerprint": "a",
        "states": [state],
    } | changes


def test_the_smallest_file_is_read(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(record()))
    found = load_steering(tmp_path / "a.json")
    assert (found.units, found.on) == ((Unit(0, "c", 1), Unit(0, "c", 2)), (1.0, 0.5))
    (tmp_path / "b.json").write_text(json.dumps(record(of_state={"state": "L0<.c"})))
    assert str(load_steering(tmp_path / "b.json").units[0]) == "L0<.c.1"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "\x1b[2J",
        "[" * 100_000,
        record(charrnn_steer=2),
        record(kind="hold"),
        record(fingerprint=3),
        record(name="a\nb"),
        record(name="a" * 501),
        record(score=7),
        record(states=[]),
        record(states={}),
        record(states=[3]),
        record(states=[{}]),
        record(of_state={"state": "L0.c.1"}),
        record(of_state={"state": "L0.c\x1b[2J"}),
        record(of_state={"units": [1]}),
        record(of_state={"units": [1, 1]}),
        record(of_state={"units": [1, -1]}),
        record(of_state={"units": [1, 1.5]}),
        record(of_state={"units": [], "on": [], "off": []}),
        record(of_state={"on": [1, True]}),
        record(of_state={"on": [1, float("nan")]}),
        record(of_state={"on": [1, 1e7]}),
        record(of_state={"off": [1, "2"]}),
        record(of_state={"off": 3}),
        json.dumps(record()).replace("1,", "1e999,", 1),
        json.dumps(record())[:-1] + ', "kind": "steer"}',
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError) as caught:
        load_steering(path)
    assert caught.value.message.isprintable()
    assert "a.json" in caught.value.message
    assert len(caught.value.message) < 400


def test_a_file_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("charrnn.interpret.steering.LARGEST_FILE", 100)
    (tmp_path / "a.json").write_text(json.dumps(record()))
    with pytest.raises(DataError, match="100"):
        load_steering(tmp_path / "a.json")


def test_a_file_and_its_strength(tmp_path, monkeypatch, wording):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=1").touch()
    for text, name, strength in (
        ("a.json", "a.json", None),
        ("a.json=-.5", "a.json", -0.5),
        ("a=1", "a=1", None),
        ("a=1=2", "a=1", 2),
        ("=3", "=3", None),
    ):
        path, found = file_and_strength(text)
        assert (str(path), found) == (name, strength)
    for text in ("a.json=", "a.json=much", "a.json=nan", "a.json=1e9"):
        with wording.raises(UsageError):
            file_and_strength(text)


# --- finds ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted():
    text = text_of(4000)
    model = counting_model()
    inside = np.cumsum([(c == "(") - (c == ")") for c in text]).astype(np.float32)
    return model, model.vocabulary.encode(text), inside


@pytest.mark.parametrize("is_number", [False, True])
def test_a_find_has_its_values_where_the_concept_holds_and_where_not(counted, is_number):
    model, ids, inside = counted
    (found,) = find(model, ids, [Labeling("open", inside, is_number)], networks=2)
    made = of_find(found, model.fingerprint)
    assert (made.kind, str(made.units[0]), made.name) == ("clamp", "L0.c.5", "open")
    assert made.on[0] == pytest.approx(1, abs=0.01)
    assert made.off[0] == pytest.approx(0, abs=0.01)


def test_followers_are_ranked_and_the_first_is_the_find(counted, wording):
    model, ids, inside = counted
    ranked = followers(model, ids, Labeling("open", inside), 5)
    assert str(ranked[0].unit) == "L0.c.5"
    assert ranked[0].score == pytest.approx(1)
    assert len({one.unit for one in ranked}) == 5
    assert all(one.score <= 1 and one.sign in (1, -1) for one in ranked)
    numbers = followers(model, ids, Labeling("open", -inside, is_number=True), 40)
    assert (str(numbers[0].unit), numbers[0].sign, len(numbers)) == ("L0.c.5", -1, 40)
    with wording.raises(DataError):
        followers(model, ids, Labeling("none", 0 * inside), 5)


# --- from the command line --------------------------------------------------------------------------------------------


@pytest.fixture
def call(tmp_path, monkeypatch, capsys, counted):
    save_checkpoint(tmp_path / "counter.safetensors", Checkpoint(counted[0]))
    (tmp_path / "text.txt").write_text(text_of(3000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return lambda verb, *arguments, status=0: call_charrnn(
        capsys, verb, "counter.safetensors", *arguments, status=status
    )


CONCEPT = ("--concept", "inside brackets", "--networks", 2)


def test_what_units_finds_is_what_other_commands_steer_by(call, tmp_path, wording):
    wording(call("units", "text.txt", *CONCEPT, "--save-steer", "b.json"))
    made = json.loads((tmp_path / "b.json").read_text())
    (state,) = made["states"]
    assert (made["kind"], made["name"], state["state"], state["units"]) == (
        "clamp",
        "inside brackets",
        "L0.c",
        [5],
    )
    written = ("sample", "--length", 40, "--seed", 1)
    for given, value in (("b.json", state["on"][0]), ("b.json=-1", state["off"][0])):
        by_file = call(*written, "--steer-file", given)
        assert by_file.out == call(*written, "--clamp", f"L0.c.5={value}").out
        wording(by_file)
    for verb in ("evaluate", "score", "visualize", "context", "gates"):
        held = call(verb, "text.txt", "--steer-file", "b.json=2", status=2 * (verb == "score"))
        assert "clamp b.json=+2 (inside brackets)" in held.err


def test_only_one_proven_unit_is_written(call, tmp_path, wording):
    options = ("units", "text.txt", "--networks", 2, "--save-steer", "b.json")
    wording(call(*options, status=2))
    wording(call(*options, "--concept", "indentation", "--regex", "a", status=2))
    wording(call(*options, "--regex", "[ab]", status=3))
    wording(call(*options[:-1], "none/b.json", "--regex", "a", status=2))
    assert not (tmp_path / "b.json").exists()


def test_a_file_with_lines_has_no_strength_but_names(call, tmp_path, wording):
    (tmp_path / "edits.txt").write_text("clamp inside brackets=1  # on\n")
    call("units", "text.txt", *CONCEPT)
    by_name = call("sample", "--length", 20, "--steer-file", "edits.txt")
    assert "clamp L0.c.5=+1" in by_name.err
    wording(call("sample", "--steer-file", "edits.txt=2", status=2))
    (tmp_path / "edits.txt").write_text("\nclamp inside a string=1\n")
    wording(call("sample", "--steer-file", "edits.txt", status=3))
    wording(call("sample", "--steer-file", "b.json=2", status=3))


@pytest.mark.parametrize(("sign", "is_low"), [(1, False), (-1, True)])
def test_a_unit_that_is_low_where_its_name_holds_is_reported(call, tmp_path, wording, sign, is_low):
    named = {"unit": "L0.c.5", "name": "in brackets", "score": 0.9, "sign": sign}
    file = tmp_path / "counter.units.json"
    content = {"fingerprint": counting_model().fingerprint, "units": [named]}
    file.write_text(json.dumps(content))
    shown = call("sample", "--length", 20, "--seed", 1, "--clamp", "in bra=1")
    wording(shown)
    by_address = call("sample", "--length", 20, "--seed", 1, "--clamp", "L0.c.5=1")
    more = shown.err.count("\n") - by_address.err.count("\n")
    assert more == is_low
    assert ("in brackets (low), " in call("visualize", "text.txt", "--top", 1).out) == is_low


@pytest.mark.parametrize("name", ["a=b", 'in "quotes"', "it's = so", "[a-z]+=\\d"])
def test_a_name_may_have_quotes_and_equals_signs(call, tmp_path, name):
    names = {"unit": "L0.c.5", "name": name, "score": 0.9}
    fingerprint = counting_model().fingerprint
    file = tmp_path / "counter.units.json"
    file.write_text(json.dumps({"fingerprint": fingerprint, "units": [names]}))
    verbs = ("sample", "evaluate", "score", "visualize", "context", "gates")
    for verb, option in zip(verbs, ("--clamp", "--steer") * 3, strict=True):
        given = () if verb == "sample" else ("text.txt",)
        status = 2 * (verb == "score")  # the model knows no lines
        assert "L0.c.5=+0.5" in call(verb, *given, option, f"{name}=.5", status=status).err


def test_the_units_that_follow_a_concept_best_are_ablated_on_the_other_half(call, wording):
    options = ("units", "text.txt", "--ablate", "top:2", "--sets", 3)
    shown = call(*options, "--concept", "inside brackets")
    assert "L0.c.5 AUC 1.000" in shown.out
    made = json.loads(call(*options, "--concept", "inside brackets", "--json").out)
    assert made["units"][0] == "L0.c.5"
    assert len(made["units"]) == 2
    assert made["chosen"][0]["measure"] == "AUC"
    assert made["total"]["predictions"] == 1499
    plain = json.loads(call("units", "text.txt", "--ablate", "L0.c.5", "--sets", 3, "--json").out)
    assert plain["total"]["predictions"] == 2999
    wording(call(*options, status=2))
    wording(call(*options, "--concept", "indentation", "--regex", "a", status=2))
    wording(call(*options, "--regex", "a", "--span", "1:5", status=2))
    wording(call("units", "text.txt", "--ablate", "L0.c.5", "--regex", "a", status=2))
    wording(call(*options, "--concept", "indentation", status=3))


def test_models_of_the_library_take_a_steer_file(tmp_path, counted):
    model = LanguageModel(counted[0].config, counted[0].vocabulary, counted[0].weights)
    units, values = (Unit(0, "c", 5),), (1.0,)
    save_steering(
        Steering("clamp", "it", model.fingerprint, units, values, (0.0,)), tmp_path / "a.json"
    )
    held = model.edited([load_steering(tmp_path / "a.json").at(3)])
    assert (held.read("abc").arrays["c"][:, 0, 5] == 2).all()
