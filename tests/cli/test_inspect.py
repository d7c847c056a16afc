"""`charrnn inspect`: what it shows of a checkpoint, and what it refuses."""

import json

import pytest
from helpers import BEST, CONTROL_CHARACTERS, call_charrnn, characters, save_model

from charrnn.checkpoint import load_checkpoint


def test_inspect_shows_what_the_checkpoint_holds(workplace, tiny_model, capsys, monkeypatch):
    monkeypatch.chdir(workplace)
    loaded = load_checkpoint(workplace / BEST)
    facts = json.loads(call_charrnn(capsys, "inspect", "--json", "-q").out)
    assert facts["sha256"] == loaded.sha256
    assert facts["bytes"] == (workplace / BEST).stat().st_size
    assert facts["config"]["hidden_size"] == 24
    assert facts["parameters"] == sum(w.size for w in tiny_model.weights.values())
    assert (
        facts["vocabulary"]["size"]
        == len(facts["vocabulary"]["characters"])
        == len(tiny_model.vocabulary)
    )
    assert facts["metrics"] == loaded.metrics
    assert not facts["resumable"]
    last = json.loads(
        call_charrnn(capsys, "inspect", "checkpoints/tiny/last.safetensors", "--json").out
    )
    assert last["resumable"]
    table = call_charrnn(capsys, "inspect").out
    for text in ("2 layers of 24 units", f"{facts['parameters']:,} parameters", "60 steps"):
        assert text in table
    assert "corpus.txt: 6,000 characters" in table
    table = call_charrnn(capsys, "inspect", "bytes").out
    size = (workplace / "corpus.txt").stat().st_size
    for text in ("256 bytes", f"corpus.txt: {size:,} bytes", "bits per byte"):
        assert text in table


def test_fault_33_inspect_cannot_be_made_to_act_on_a_terminal(capsys, tmp_path, monkeypatch):
    versions = {"charrnn": "\x1b[2J", "[red]torch": "\u202e"}
    save_model(tmp_path, characters(CONTROL_CHARACTERS), run={"versions": versions})
    monkeypatch.chdir(tmp_path)
    shown = call_charrnn(capsys, "inspect", "-q").out
    assert all(line.isprintable() for line in shown.splitlines())
    assert "\\x1b[2J, [red]torch \\u202e" in shown


@pytest.mark.parametrize(
    "about",
    [
        {"metrics": {"step": "many"}},
        {"metrics": {"step": 1, "seconds": []}},
        {"metrics": {"step": 1, "seconds": "inf"}},
        {"run": {"corpus": 5}},
        {"run": {"corpus": {"sources": [1]}}},
        {"run": {"versions": 7}},
    ],
)
def test_metrics_that_make_no_sense_are_refused(refused, tmp_path, monkeypatch, about, wording):
    save_model(tmp_path, characters("ab"), **about)
    monkeypatch.chdir(tmp_path)
    wording(refused(4, "inspect", "-q"))
