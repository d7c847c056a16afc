"""`charrnn units`: what is found, named and shown, and what other commands make of the names."""

import json

import numpy as np
import pytest
from counting import counting_model, text_of
from helpers import call_charrnn, made_once, random_model
from helpers import characters as vocabulary_of
from pair_models import both

import charrnn
from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.errors import DataError, UsageError
from charrnn.interpret.ablation import _loss, ablate
from charrnn.interpret.names import NamedUnit, address_of, load_names, names_file
from charrnn.interpret.units import Unit
from charrnn.network.cells import CELLS


def fill(folder):
    model = counting_model()
    save_checkpoint(folder / "counter.safetensors", Checkpoint(model))
    (folder / "text.txt").write_text(text_of(3000), encoding="utf-8")


@pytest.fixture
def place(tmp_path_factory, tmp_path, monkeypatch):
    made = made_once(tmp_path_factory, "counter", fill)
    for file in made.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def counted_text():
    model = counting_model()
    return model, model.vocabulary.encode(text_of(100))


QUICK = ("--networks", 3)
MODEL = "counter.safetensors"


def test_a_unit_is_found_and_named_and_found_by_its_name(capsys, place, wording):
    found = call_charrnn(capsys, "units", MODEL, "text.txt", *QUICK, "--concept", "inside brackets")
    assert found.out.splitlines()[1].split()[:3] == ["inside", "brackets", "L0.c.5"]
    wording(found)
    loaded = load_checkpoint(place / MODEL)
    (named,) = load_names(loaded)
    assert (named.unit, named.name, named.sign) == ("L0.c.5", "inside brackets", 1)

    shown = call_charrnn(
        capsys, "visualize", MODEL, "ab(cd)a", "--unit", "brackets", "--color", "none"
    )
    assert shown.out.startswith("L0.c.5 ")
    assert "inside brackets, AUC 1.00" in shown.out
    assert call_charrnn(capsys, "visualize", MODEL, "ab(cd)a", "--color", "none").out == shown.out

    held = call_charrnn(capsys, "sample", MODEL, "-n", 5, "--clamp", "inside brackets=1")
    assert "clamp L0.c.5=+1" in held.err

    call_charrnn(capsys, "visualize", MODEL, "ab(cd)a", "--html", "page.html")
    assert "inside brackets, AUC 1.00" in (place / "page.html").read_text(encoding="utf-8")


def test_names_are_shown_wherever_units_are(capsys, place):
    run = place / "checkpoints" / "counter"
    run.mkdir(parents=True)
    (place / MODEL).rename(run / "best.safetensors")
    call_charrnn(
        capsys, "units", "counter", "text.txt", *QUICK, "--concept", "inside brackets", "--quiet"
    )
    name, text = "L0.c.5: inside brackets, AUC 1.00", "ab(cd)a"
    shown = call_charrnn(
        capsys, "visualize", "counter", text, "--unit", "L0.c.*", "--color", "none"
    )
    assert name in shown.out
    most = ("visualize", "counter", text, "--what", "c", "--top", 32, "--color", "none")
    assert "; inside brackets, AUC 1.00; chosen from 32 units" in call_charrnn(capsys, *most).out
    gates = call_charrnn(capsys, "gates", "counter", "text.txt", "--max-chars", 300).out
    assert "the gates of L0, unit 5 are those of L0.c.5: inside brackets" in " ".join(gates.split())

    call_charrnn(capsys, "visualize", "counter", text, "--dump", "dump.npz")
    again = call_charrnn(capsys, "visualize", "--from", "dump.npz", "--color", "none").out
    assert again.startswith("L0.c.5 ")
    assert "inside brackets, AUC 1.00" in again
    part = call_charrnn(capsys, "gates", "--from", "dump.npz").out
    assert "L0.c.5: inside brackets" in " ".join(part.split())
    call_charrnn(capsys, "visualize", "--from", "dump.npz", "--html", "page.html")
    assert "inside brackets, AUC 1.00" in (place / "page.html").read_text(encoding="utf-8")


def test_top_shows_a_unit_for_each_name_and_then_the_most_interesting(capsys, place):
    named = [("L0.c.5", "inside brackets", 1), ("L0.c.5", "bracket depth", 0.9)]
    named += [("L1.h.2", "digits", 0.8), ("L1.h.3", "capitals", 0.7)]
    fingerprint = load_checkpoint(place / MODEL).model.fingerprint
    units = [{"unit": unit, "name": name, "score": score} for unit, name, score in named]
    names_file(place / MODEL).write_text(json.dumps({"fingerprint": fingerprint, "units": units}))

    def shown(*options):
        command = ("visualize", MODEL, "ab(cd)ab" * 3, "--color", "none", *options)
        lines = call_charrnn(capsys, *command).out.splitlines()
        return [line.split()[0] for line in lines if line.startswith("L")]

    assert shown() == ["L0.c.5"]
    assert shown("--top", 2) == ["L1.h.2", "L0.c.5"]
    five = shown("--top", 5)
    assert five[2:] == ["L1.h.3", "L1.h.2", "L0.c.5"]
    assert len({*five}) == 5


def test_a_model_of_pairs_is_refused_with_what_shows_its_units(capsys, place, wording):
    save_checkpoint(place / "pairs.safetensors", Checkpoint(both("label")[2]))
    wording(call_charrnn(capsys, "units", "pairs.safetensors", status=4))


def test_the_units_of_every_cell_are_searched(capsys, place):
    for cell in CELLS:
        model = random_model(vocabulary_of("abcd()"), cell=cell, num_layers=2)
        save_checkpoint(place / MODEL, Checkpoint(model))
        options = ("--networks", 1, "--all", "--json", "--max-chars", 600)
        record = json.loads(call_charrnn(capsys, "units", MODEL, "text.txt", *options).out)
        letters = {entry["unit"].split(".")[1] for entry in record["units"]}
        assert letters <= set(CELLS[cell].states)
        assert {entry["kind"] for entry in record["units"]} >= {"concept", "time scale"}


def test_names_of_another_network_are_not_used(capsys, place):
    call_charrnn(capsys, "units", MODEL, "text.txt", *QUICK, "--concept", "inside brackets")
    save_checkpoint(place / MODEL, Checkpoint(counting_model(seed=9)))
    assert load_names(load_checkpoint(place / MODEL)) == ()


def test_names_are_kept_only_if_wanted(capsys, place):
    options = (*QUICK, "--concept", "inside brackets", "--no-names")
    call_charrnn(capsys, "units", MODEL, "text.txt", *options)
    assert not names_file(place / MODEL).exists()


def test_json_has_every_find_with_its_evidence(capsys, place):
    options = (*QUICK, "--json", "--all", "--regex", "[ab]", "--concept", "depth of ( )")
    record = json.loads(call_charrnn(capsys, "units", MODEL, "text.txt", *options).out)
    first, second = record["units"]
    assert (first["unit"], first["measure"], first["proven"]) == ("L0.c.5", "|r|", True)
    assert (second["concept"], second["proven"]) == ("[ab]", False)
    assert second["echo"] > 0.5
    assert {"score", "sign", "p", "iou", "average_precision", "needed", "threshold"} <= {*second}


def test_units_that_stand_out_without_a_concept_follow_if_none_was_named(capsys, place, wording):
    options = (*QUICK, "--no-names")
    shown = call_charrnn(capsys, "units", MODEL, "text.txt", *options)
    rows = [line.split() for line in shown.out.splitlines()]
    assert ["without", "a", "concept", "unit", "figure", "name"] in rows
    (two,) = [row for row in rows if row[:1] == ["bimodality"]]
    assert two[1] == "L0.c.5"
    assert "inside brackets, AUC 1.00" in " ".join(two)
    wording(shown)
    record = json.loads(call_charrnn(capsys, "units", MODEL, "text.txt", *options, "--json").out)
    kinds = {"concept", "time scale", "bimodality", "sparsity"}
    assert {entry["kind"] for entry in record["units"]} == kinds
    (best, *_) = [entry for entry in record["units"] if entry["kind"] == "bimodality"]
    assert (best["unit"], best["at_least"]) == ("L0.c.5", False)
    assert "inside brackets" in best["names"]


def test_what_is_not_proven_is_counted(capsys, place):
    found = call_charrnn(capsys, "units", MODEL, "text.txt", *QUICK, "--regex", "[ab]")
    assert "no proven unit for 1 concept" in found.out
    every = call_charrnn(capsys, "units", MODEL, "text.txt", *QUICK, "--regex", "[ab]", "--all")
    assert "[ab] ?" in every.out


def test_a_text_without_any_concept_is_refused(capsys, place, wording):
    (place / "plain.txt").write_text("ab" * 200)
    wording(call_charrnn(capsys, "units", MODEL, "plain.txt", "--concept", "digits", status=2))
    wording(call_charrnn(capsys, "units", MODEL, "plain.txt", "--concept", "number", status=3))


def test_the_catalog_is_listed(capsys, place):
    out = call_charrnn(capsys, "units", "--list").out
    assert "inside double quotes" in out
    assert "bracket depth" in out


# --- single units -----------------------------------------------------------------------------------------------------


def test_a_card_shows_where_a_unit_is_highest_and_what_raises_it(capsys, place):
    call_charrnn(capsys, "units", MODEL, "text.txt", *QUICK, "--concept", "inside brackets")
    card = call_charrnn(capsys, "units", MODEL, "text.txt", "--card", "inside brackets").out
    assert card.startswith("L0.c.5 in 3,000 characters: inside brackets, AUC 1.00")
    assert "raised by   ( +1.0" in card
    assert "lowered by  ) -1.0" in card
    options = ("--card", "L0.c.5", "--json")
    shown = json.loads(call_charrnn(capsys, "units", MODEL, "text.txt", *options).out)
    (record,) = shown["units"]
    assert record["unit"] == "L0.c.5"
    assert record["largest"] == pytest.approx(1, abs=0.02)
    assert sum(record["histogram"]) == record["characters"] == 3000
    assert all("(" in context["before"] for context in record["highest"])


def test_an_ablation_is_measured_beside_random_sets(capsys, place):
    options = ("--ablate", "L0.c.5", "--sets", 4)
    shown = call_charrnn(capsys, "units", MODEL, "text.txt", *options).out
    assert "without L0.c.5, held at its mean, beside 4 other units" in shown
    assert "closing brackets" in shown
    record = json.loads(call_charrnn(capsys, "units", MODEL, "text.txt", *options, "--json").out)
    assert record["units"] == ["L0.c.5"]
    assert len(record["total"]["random"]) == 4
    assert record["total"]["predictions"] == 2999
    parts = record["classes"].values()
    assert sum(part["predictions"] for part in parts) == 2999


def test_what_is_taken_out_or_patched_has_its_name(capsys, place):
    call_charrnn(capsys, "units", MODEL, "text.txt", *QUICK, "--concept", "inside brackets")
    ablated = ("text.txt", "--max-chars", 500, "--ablate", "inside brackets", "--sets", 1)
    patched = ("--patch", "ab(a", "abba", "--unit", "L0.c.5")
    for options in (ablated, patched):
        shown = call_charrnn(capsys, "units", MODEL, *options).out
        assert "L0.c.5 (inside brackets)" in shown
        record = json.loads(call_charrnn(capsys, "units", MODEL, *options, "--json").out)
        assert record["names"] == {"L0.c.5": ["inside brackets"]}


def test_areas_and_correlations_are_compared_by_their_strength():
    area = NamedUnit(unit="L0.c.1", name="a", score=0.75)
    number = NamedUnit(unit="L0.c.2", name="b", score=0.6, measure="|r|")
    assert (area.strength, number.strength) == (0.5, 0.6)


def test_a_named_concept_that_is_too_rare_is_reported(capsys, place, wording):
    options = ("--concept", "speaker", "--concept", "inside brackets", "--no-names")
    wording(call_charrnn(capsys, "units", MODEL, "text.txt", *QUICK, *options))


def test_a_card_is_of_one_unit_and_of_a_state(capsys, place, wording):
    wording(call_charrnn(capsys, "units", MODEL, "text.txt", "--card", "L0.c.*", status=2))
    wording(call_charrnn(capsys, "units", MODEL, "text.txt", "--ablate", "L0.f.1", status=2))


# --- names ------------------------------------------------------------------------------------------------------------

NAMES = (
    NamedUnit(unit="L0.c.1", name="inside a string", score=0.9),
    NamedUnit(unit="L0.c.2", name="inside a comment", score=0.8),
)


def test_a_name_or_a_part_of_one_is_an_address(wording):
    assert address_of("inside a string", NAMES) == "L0.c.1"
    assert address_of("Comment", NAMES) == "L0.c.2"
    assert address_of("L0.c.7", NAMES) == "L0.c.7"
    with wording.raises(UsageError):
        address_of("inside", NAMES)
    with wording.raises(UsageError):
        address_of("quote", NAMES)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"fingerprint": 3, "units": []}',
        '{"fingerprint": "a", "units": [3]}',
        '{"fingerprint": "a", "units": [{"unit": "x", "name": "a", "score": 1}]}',
        '{"fingerprint": "a", "units": [{"unit": "L0.c.1", "name": "a", "score": NaN}]}',
        '{"fingerprint": "a", "units": 7}',
    ],
)
def test_a_damaged_file_of_names_is_reported_in_one_line(capsys, place, content):
    names_file(place / MODEL).write_text(content)
    with pytest.raises(DataError, match="is damaged"):
        load_names(load_checkpoint(place / MODEL))
    assert "units.json" in call_charrnn(capsys, "visualize", MODEL, "abab").err


# --- ablation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["zero", "mean", "resample"])
def test_a_unit_that_nothing_reads_costs_nothing(how):
    model = counting_model()
    weights = {name: array.copy() for name, array in model.weights.items()}
    H = model.config.hidden_size
    for name, array in weights.items():
        if "weight_hh" in name or "weight_ih_l1" in name or name == "head.weight":
            array[:, 7] = 0
    deaf = type(model)(model.config, vocabulary_of("abcd()"), weights)
    ids = deaf.vocabulary.encode(text_of(800))
    top = deaf.config.num_layers - 1
    found = ablate(deaf, ids, [Unit(top, "h", 7)], how=how, sets=2)
    assert H == 16
    assert found.total.bits == pytest.approx(0, abs=1e-6)
    assert found.total.interval == pytest.approx((0, 0), abs=1e-6)
    other = ablate(deaf, ids, [Unit(top, "h", 3)], how=how, sets=2)
    assert abs(other.total.bits) > 1e-4


def test_the_interval_needs_predictions_in_several_stretches(counted_text):
    model, ids = counted_text
    found = ablate(model, ids[:60], [Unit(0, "c", 5)], sets=1)
    low, high = found.total.interval
    assert low < found.total.bits < high
    assert ablate(model, ids[:2], [Unit(0, "c", 5)], sets=1).total.interval is None
    rare = np.full(1000, False)
    rare[[10, 60, 990]] = True
    lost = np.where(np.arange(1000) == 990, 3.0, 1.0)
    few = _loss(lost, [], rare, np.random.default_rng(0))
    assert few.interval == (1, 3)
    rare[990] = False
    assert _loss(lost, [], rare, np.random.default_rng(0)).interval == (1, 1)
    rare[60] = False
    assert _loss(lost, [], rare, np.random.default_rng(0)).interval is None


@pytest.mark.parametrize("item_end", [None, 0])
def test_a_text_in_which_nothing_is_predicted_is_refused(item_end, wording):
    model = random_model(vocabulary_of("\nab"))
    with wording.raises(DataError):
        ablate(model, np.array([0]), [Unit(0, "h", 1)], sets=1, item_end=item_end)


def test_without_as_many_other_units_there_is_nothing_to_compare_with(capsys, place):
    options = ("--ablate", "L0.c.*", "--sets", 4)
    shown = call_charrnn(capsys, "units", MODEL, "text.txt", *options).out
    assert "beside nothing" in shown
    record = json.loads(call_charrnn(capsys, "units", MODEL, "text.txt", *options, "--json").out)
    assert record["total"]["random"] == []
    assert record["total"]["percentile"] is None


def test_lines_are_scored_one_by_one_as_they_are_evaluated():
    model = random_model(vocabulary_of("ab\n"), scale=2)
    text = "ab\nba\n\nabba\nb\n"
    ids = model.vocabulary.encode(text)
    found = ablate(model, ids, [Unit(0, "h", 1)], sets=1, item_end=int(ids[2]))
    expected = charrnn.evaluate(model, text, item_end="\n")
    assert found.bits == pytest.approx(expected.bits_per_char)
    assert found.total.count == expected.characters


def test_a_name_from_a_file_does_nothing_to_a_terminal(capsys, place):
    named = {"unit": "L0.c.5", "name": "a\x1b[2Jb", "score": 0.9}
    fingerprint = load_checkpoint(place / MODEL).model.fingerprint
    record = {"fingerprint": fingerprint, "units": [named]}
    names_file(place / MODEL).write_text(json.dumps(record))
    for arguments in (("units", MODEL, "text.txt", "--card", "L0.c.5"), ("visualize", MODEL, "ab")):
        assert "\x1b[2J" not in call_charrnn(capsys, *arguments).out
