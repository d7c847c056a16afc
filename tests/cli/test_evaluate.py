"""`charrnn evaluate`: its JSON and its table, the texts that it scores, and what it refuses."""

import dataclasses
import json
import math
import shutil

import pytest
from helpers import BEST, call_charrnn, characters, run_charrnn, save_model

from charrnn.checkpoint import load_checkpoint, save_checkpoint
from charrnn.errors import DataError
from charrnn.evaluation.evaluate import evaluate
from charrnn.text.vocabulary import Vocabulary

KEYS = [
    "characters",
    "nats_per_char",
    "bits_per_char",
    "perplexity",
    "accuracy",
    "unknown",
    "window",
    "streams",
    "lines",
    "items",
    "protocol",
    "adapting",
    "counts",
]


@pytest.fixture
def metrics(capsys, monkeypatch, workplace):
    """What `evaluate --json` prints in the workplace."""
    monkeypatch.chdir(workplace)

    def run(*arguments):
        return json.loads(call_charrnn(capsys, "evaluate", "--json", "-q", *arguments).out)

    return run


@pytest.mark.parametrize(
    ("options", "protocol"),
    [((), {}), (("--window", 16), {"window": 16}), (("--streams", 3), {"streams": 3})],
)
def test_the_json_object_has_the_metrics_of_the_library(workplace, tiny_model, options, protocol):
    text = (workplace / "corpus.txt").read_bytes()
    alone = ("--json", "-q", "--no-counts")
    result = run_charrnn("evaluate", "-", *alone, *options, cwd=workplace, stdin=text)
    found = json.loads(result.out)
    expected = evaluate(tiny_model, tiny_model.vocabulary.encode(text.decode()), **protocol)
    assert list(found) == KEYS
    assert found == pytest.approx(expected.as_dict() | {"counts": False})
    assert found["bits_per_char"] == pytest.approx(found["nats_per_char"] / math.log(2))
    assert found["perplexity"] == pytest.approx(math.exp(found["nats_per_char"]))
    assert result.err == ""


def test_counts_are_mixed_in_unless_they_are_left_out(metrics, workplace, capsys, monkeypatch):
    found = metrics("corpus.txt")
    loaded = load_checkpoint(workplace / BEST)
    expected = evaluate(loaded.mixed, (workplace / "corpus.txt").read_text())
    assert found == pytest.approx(expected.as_dict() | {"counts": True})
    assert found == metrics("corpus.txt", "--counts")
    assert found["nats_per_char"] < metrics("corpus.txt", "--no-counts")["nats_per_char"]
    said = call_charrnn(capsys, "evaluate", "corpus.txt").out
    assert "network with counts" in said


def test_a_model_without_counts_can_mix_none_in(refused, metrics, workplace, wording):
    loaded = dataclasses.replace(load_checkpoint(workplace / BEST), counts=None)
    save_checkpoint(workplace / "bare.safetensors", loaded)
    assert not metrics("bare.safetensors", "corpus.txt")["counts"]
    for command in (("evaluate", "bare.safetensors", "corpus.txt"), ("sample", "bare.safetensors")):
        wording(refused(2, *command, "--counts"))


def test_a_file_is_scored_by_the_newest_run_or_the_one_that_is_named(metrics, workplace):
    path = workplace / "corpus.txt"
    assert metrics("corpus.txt") == metrics("tiny", path) == metrics(BEST, "corpus.txt")
    assert metrics("bytes", path) != metrics(path)
    assert metrics("bytes", path)["characters"] == len(path.read_bytes()) - 1


def test_the_table_says_how_the_text_was_read(workplace, capsys, monkeypatch):
    monkeypatch.chdir(workplace)
    plain = call_charrnn(capsys, "evaluate", "corpus.txt").out
    assert [line.split("  ")[0] for line in plain.splitlines()] == [
        "characters",
        "predicted by",
        "nats per char",
        "bits per char",
        "perplexity",
        "accuracy",
        "unknown",
    ]
    assert "5,999, state carried\n" in plain
    assert "windows of 16" in call_charrnn(capsys, "evaluate", "corpus.txt", "--window", 16).out
    assert (
        "3 streams in parallel"
        in call_charrnn(capsys, "evaluate", "corpus.txt", "--streams", 3).out
    )


def test_each_part_of_the_models_own_corpus_can_be_scored(metrics, workplace, tiny_model):
    ids = tiny_model.vocabulary.encode((workplace / "corpus.txt").read_text())
    parts = {"train": ids[:5100], "val": ids[5100:5700], "test": ids[5700:]}
    for split, part in parts.items():
        expected = evaluate(tiny_model, part).as_dict() | {"counts": False}
        assert metrics("tiny", "--no-counts", "--split", split) == pytest.approx(expected)
    last = load_checkpoint(workplace / BEST).metrics["best_val_nats_per_char"]
    assert metrics("--split", "val", "--no-counts")["nats_per_char"] == pytest.approx(
        last, rel=1e-2
    )


def test_a_corpus_that_changed_or_went_away_is_refused(
    refused, workplace, tmp_path, monkeypatch, wording
):
    wording(refused(3, "evaluate", "bytes", "--split", "test"))
    shutil.copy(workplace / "corpus.txt", tmp_path)
    small = ("--hidden-size", 8, "--batch-size", 4, "--sequence-length", 16)
    run_charrnn("train", "corpus.txt", *small, "--steps", 2, "-q", cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    text = (tmp_path / "corpus.txt").read_text()
    (tmp_path / "corpus.txt").unlink()
    wording(refused(3, "evaluate", "-q", "--split", "val"))
    for changed in (text[:-1], text[:-1] + "e", text + "漢"):
        (tmp_path / "corpus.txt").write_text(changed, encoding="utf-8")
        wording(refused(3, "evaluate", "-q", "--split", "val"))


@pytest.mark.parametrize(
    ("status", "corpus"),
    [(4, None), (4, 5), (3, {}), (4, {"sources": 5}), (3, {"sources": ["-"]})],
)
def test_a_checkpoint_that_cannot_name_its_corpus_is_refused(
    refused, tmp_path, monkeypatch, status, corpus, wording
):
    save_model(tmp_path, characters("ab"), run={"corpus": corpus})
    monkeypatch.chdir(tmp_path)
    wording(refused(status, "evaluate", "-q", "--split", "val"))


def test_unknown_characters_are_left_out_counted_and_named(
    capsys, workplace, tmp_path, monkeypatch, wording
):
    monkeypatch.chdir(workplace)
    odd, plain = tmp_path / "odd.txt", tmp_path / "plain.txt"
    odd.write_text("def é漢é\x1b f():\n", encoding="utf-8")
    plain.write_text("def  f():\n", encoding="utf-8")
    result = call_charrnn(capsys, "evaluate", odd, "--json")
    wording(result)
    assert "U+6F22" in result.err
    assert "\x1b" not in result.err
    expected = json.loads(call_charrnn(capsys, "evaluate", plain, "--json", "-q").out)
    assert json.loads(result.out) == expected | {"unknown": 4}
    assert call_charrnn(capsys, "evaluate", odd, "-q").err == ""


def test_a_model_with_an_unknown_symbol_reads_and_counts_unknown_characters(
    capsys, tmp_path, monkeypatch
):
    save_model(tmp_path, Vocabulary("char", [97, 98], has_unknown=True))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("abéa漢")
    found = json.loads(call_charrnn(capsys, "evaluate", "text.txt", "--json", "-q").out)
    assert (found["characters"], found["unknown"]) == (4, 2)


def test_a_model_that_knows_carriage_returns_gets_to_read_them(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_bytes(b"a\r\nb\r\n")
    save_model(tmp_path, characters("\n\rab"))
    kept = json.loads(call_charrnn(capsys, "evaluate", "text.txt", "--json", "-q").out)
    shutil.rmtree(tmp_path / "checkpoints")
    save_model(tmp_path, characters("\nab"))
    translated = json.loads(call_charrnn(capsys, "evaluate", "text.txt", "--json", "-q").out)
    assert [(f["characters"], f["unknown"]) for f in (kept, translated)] == [(5, 0), (3, 0)]


@pytest.mark.parametrize(
    ("status", "options"),
    [
        (2, ()),
        (2, ("tiny",)),
        (2, ("tiny", "corpus.txt", "--split", "val")),
        (2, ("corpus.txt", "--window", 0)),
        (2, ("corpus.txt", "--streams", 0)),
        (2, ("corpus.txt", "--streams", 2, "--window", 9)),
        (2, ("--split", "middle")),
        (2, ("corpus.txt", "--baselines")),
        (2, ("--split", "train", "--baselines")),
        (2, ("corpus.txt", "--lines", "--window", 9)),
        (2, ("corpus.txt", "--lines", "--streams", 2)),
        (3, ("corpus.text",)),
        (3, ("tiny", "nothing/here")),
        (3, ("/dev/null",)),
        (4, ("nope", "corpus.txt")),
    ],
)
def test_what_cannot_be_scored_is_refused_with_the_right_status(refused, status, options, wording):
    wording(refused(status, "evaluate", *options))


def test_a_text_needs_two_characters(refused, tmp_path, wording):
    for text in ("", "a", "é漢"):
        (tmp_path / "text").write_text(text, encoding="utf-8")
        wording(refused(3, "evaluate", tmp_path / "text"))


def test_a_text_of_blanks_has_no_score(refused, blanks, tiny_model, wording):
    wording(refused(3, "evaluate", "tiny", blanks))
    with wording.raises(DataError):
        evaluate(tiny_model, " \n" * 9)


@pytest.mark.parametrize("command", ["score", "visualize"])
def test_commands_that_show_each_character_say_that_a_text_is_blank(
    command, capsys, blanks, wording
):
    wording(call_charrnn(capsys, command, "tiny", blanks))


@pytest.fixture
def blanks(tmp_path, workplace, monkeypatch):
    """A file of blanks, beside the runs of the workplace."""
    monkeypatch.chdir(workplace)
    (tmp_path / "blank.txt").write_text(" \n" * 9)
    return tmp_path / "blank.txt"
