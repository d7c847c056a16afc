"""`charrnn probe`: what is read from all units, as a table and as JSON, and what is refused."""

import json
import sys

import pytest
from counting import counting_model, text_of
from helpers import call_charrnn, made_once

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.interpret.names import names_file

MODEL = "counter.safetensors"
OPEN = ("--concept", "inside brackets")


def fill(folder):
    model = counting_model()
    save_checkpoint(folder / MODEL, Checkpoint(model))
    (folder / "text.txt").write_text(text_of(3000), encoding="utf-8")
    lines = [text_of(5 + k % 30, seed=k) for k in range(300)]
    ends = [
        f"{line}\t{'open' if line.count('(') > line.count(')') else 'shut'}\n" for line in lines
    ]
    (folder / "lines.tsv").write_text("".join(ends), encoding="utf-8")
    named = {"unit": "L0.c.5", "name": "open \x1b[2J", "score": 0.9}
    names_file(folder / MODEL).write_text(
        json.dumps({"fingerprint": model.fingerprint, "units": [named]})
    )


@pytest.fixture
def place(tmp_path_factory, tmp_path, monkeypatch):
    made = made_once(tmp_path_factory, "probed", fill)
    for file in made.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_concept_is_probed_beside_its_controls(capsys, place):
    out = call_charrnn(capsys, "probe", MODEL, "text.txt", *OPEN).out
    heading, row, _, *path = out.splitlines()
    assert heading.split() == [
        *("concept", "score", "always", "shuffled", "selectivity", "untrained", "units")
    ]
    assert row.split()[:3] == ["inside", "brackets", "F1"]
    assert float(row.split()[3]) > 0.99
    assert path[-1].startswith("enough: ")
    assert "L0.c.5 (open " in path[-1]
    assert "\x1b[2J" not in out


def test_json_has_every_probe_with_its_controls_and_its_path(capsys, place):
    options = (*OPEN, "--concept", "depth of ( )", "--concept", "depth of ( ) > 0", "--json")
    record = json.loads(call_charrnn(capsys, "probe", MODEL, "text.txt", *options).out)
    first, second, third = record["probes"]
    assert record["characters"] == 3000
    assert (first["measure"], second["measure"]) == ("F1", "R²")
    assert first["f1"] == first["score"] > 0.99
    assert third["score"] == pytest.approx(first["score"])
    assert second["r2"] > 0.95
    assert first["selectivity"] == {
        name: pytest.approx(first[name] - first["shuffled"][name])
        for name in ("f1", "auc", "average_precision")
    }
    assert first["untrained"]["f1"] < first["f1"]
    assert first["units"] == 64
    assert [step["units"] for step in first["path"]] == sorted({s["units"] for s in first["path"]})
    best = first["enough"]["units"][0]
    assert best["unit"] in {"L0.c.5", "L0.h.5"}
    named = [one["names"] for one in first["enough"]["units"] if one["unit"] == "L0.c.5"]
    assert named == [["open \x1b[2J"]]


def test_units_limit_what_is_read(capsys, place):
    options = (*OPEN, "--no-untrained", "--json", "--unit", "L0.c.*", "--unit", "L0.c.5")
    record = json.loads(call_charrnn(capsys, "probe", MODEL, "text.txt", *options).out)
    (found,) = record["probes"]
    assert (found["units"], found["untrained"]) == (16, None)


def test_whole_lines_are_classified_beside_baselines(capsys, place):
    out = call_charrnn(capsys, "probe", MODEL, "--lines", "lines.tsv").out
    for row in ("all units", "most frequent label", "character 4-grams", "shuffled labels"):
        assert f"\n{row} " in out
    record = json.loads(call_charrnn(capsys, "probe", MODEL, "--lines", "lines.tsv", "--json").out)
    (found,) = record["probes"]
    assert found["labels"] == ["open", "shut"]
    assert found["accuracy"] > 0.95
    assert found["accuracy"] > max(
        found["baseline"], found["ngrams"], found["shuffled"]["accuracy"]
    )
    low, high = found["interval"]
    assert low <= found["accuracy"] <= high
    assert sum(found["lines"].values()) <= 300
    assert {"macro_f1", "enough", "path", "untrained"} <= {*found}


def test_characters_of_lines_that_the_model_does_not_know_are_reported(capsys, place, wording):
    made = [f"{'a☺' if k % 2 else 'b'}{k % 7 * 'cd'}{k // 2 * 'a'}\t{k % 2}\n" for k in range(60)]
    (place / "faces.tsv").write_text("".join(made), encoding="utf-8")
    wording(call_charrnn(capsys, "probe", MODEL, "--lines", "faces.tsv", "--no-untrained"))


def test_a_concept_that_is_too_rare_is_named(capsys, place, wording):
    options = (*OPEN, "--regex", "[a-d()]", "--no-untrained")
    wording(call_charrnn(capsys, "probe", MODEL, "text.txt", *options))
    wording(call_charrnn(capsys, "probe", MODEL, "text.txt", "--regex", "[a-d()]", status=3))


def test_what_cannot_be_probed_is_refused_in_one_line(capsys, place, wording):
    (place / "short.txt").write_text("1\n0\n")
    (place / "bad.tsv").write_text("ab\topen\nab\n")
    (place / "few.tsv").write_text("ab\topen\nb\tshut\n")
    for status, *arguments in (
        (3, "text.txt", "--labels", "short.txt"),
        (3, "abcd"),
        (3, "--lines", "bad.tsv"),
        (3, "--lines", "few.tsv"),
        (2, "text.txt", "--lines", "lines.tsv"),
        (2, "--lines", "lines.tsv", *OPEN),
        (2, "text.txt", "--unit", "L9.c.*"),
        (2, "text.txt", "--unit", "L0.i.*"),
    ):
        wording(call_charrnn(capsys, "probe", MODEL, *arguments, status=status))


def test_without_scikit_learn_it_is_named(capsys, place, monkeypatch, wording):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    wording(call_charrnn(capsys, "probe", MODEL, "text.txt", status=6))
    assert "inside brackets" in call_charrnn(capsys, "probe", "--list").out
    assert load_checkpoint(place / MODEL).model
