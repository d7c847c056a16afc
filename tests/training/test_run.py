"""`charrnn.train` does in Python what the command does, and keeps nothing that it is not asked to keep."""

import gc
import json
import os
import random
import signal
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from helpers import call_charrnn, script

import charrnn
from charrnn.checkpoint import load_checkpoint
from charrnn.errors import CharrnnError, CheckpointError, DataError, SettingError, UsageError
from charrnn.training.events import Evaluated, Saved, Step, Stopped
from charrnn.training.order import LONGEST_NAME

TEXT = "".join(random.Random(5).choices("abc de\n", k=3000)) + "end"
LINES = "".join(f"{a}{b}{a}\n" for a in "abcdef" for b in "uvwxyz")
SMALL = {
    "hidden_size": 7,
    "embedding_size": 3,
    "batch_size": 4,
    "sequence_length": 16,
    "precision": "float32",
    "steps": 6,
    "eval_every": 3,
    "threads": 1,
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with the text as a file; the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(TEXT)
    return tmp_path


def test_a_run_yields_its_events_and_ends_with_its_best_model(place):
    run = charrnn.train(TEXT, **SMALL)
    folder = run._trainer.folder
    assert folder.exists()
    with pytest.raises(UsageError):
        _ = run.model
    events = list(run)
    assert [event.step for event in events if isinstance(event, Step)] == [1, 2, 3, 4, 5, 6]
    assert isinstance(events[-1], Stopped)
    evaluated = [event for event in events if isinstance(event, Evaluated)]
    assert [row["step"] for row in run.metrics] == [event.step for event in evaluated] == [3, 6]
    found = charrnn.evaluate(run.model, run.corpus.val)
    assert found.nats_per_char == pytest.approx(min(e.val_nats for e in evaluated), rel=1e-4)
    assert (run.folder, folder.exists()) == (None, False)
    assert not any(isinstance(event, Saved) for event in events)
    assert [path.name for path in place.iterdir()] == ["book.txt"]
    assert repr(run) == "<Run: step 6 of 6>"
    assert repr(run.model).startswith("<LanguageModel: lstm, 1 layer of 7 units")


def test_a_run_is_the_same_as_the_commands(capsys):
    model = charrnn.train("book.txt", name="mine", **SMALL).finish()
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    call_charrnn(capsys, "train", "book.txt", "--name", "theirs", *options)
    theirs = charrnn.load("theirs")
    for name, weights in theirs.weights.items():
        np.testing.assert_array_equal(model.weights[name], weights)
    mine, other = (load_checkpoint_of(name) for name in ("mine", "theirs"))
    changing = {"name", "plan"}  # the plan has the speed that was measured
    assert {k: v for k, v in mine.run.items() if k not in changing} == {
        k: v for k, v in other.run.items() if k not in changing
    }
    assert model.name == "mine"


def load_checkpoint_of(name):
    """The best checkpoint of a run."""
    from charrnn.runs import find_checkpoint

    return load_checkpoint(find_checkpoint(name))


def test_a_text_and_its_file_are_one_corpus():
    text, file = charrnn.train(TEXT, **SMALL), charrnn.train("book.txt", **SMALL)
    assert text.corpus.fingerprint == file.corpus.fingerprint
    long = "abab" * (LONGEST_NAME // 4 + 1)
    assert len(charrnn.train(long, **SMALL).corpus) == len(long)


def test_several_texts_and_paths_are_read_in_a_row(place):
    run = charrnn.train([TEXT, place / "book.txt"], **SMALL)
    assert (len(run.corpus), run.corpus.num_sources) == (2 * len(TEXT) + 1, 2)
    assert any("2 files joined" in note for note in run.notes)
    assert any(note.startswith("6 steps") for note in run.notes)
    assert run.plan.model_config.hidden_size == 7


def test_a_folder_holds_what_the_commands_hold(place):
    events = list(run := charrnn.train(LINES, lines=True, out="runs", keep=2, **SMALL))
    assert run.folder == place.relative_to(place) / "runs" / "text"
    assert any(isinstance(event, Saved) for event in events)
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [3, 6]
    again = charrnn.load(run.folder)
    assert again.evaluate(LINES) == run.model.evaluate(LINES)
    assert again.reading.lines
    assert charrnn.train(LINES, out="runs", **SMALL).folder.name == "text-2"


def test_a_folder_is_held_until_the_run_ends(wording):
    run = charrnn.train(TEXT, name="one", **SMALL)
    with wording.raises(CharrnnError):
        charrnn.train(TEXT, name="one", overwrite=True, **SMALL)
    run.stop()
    run_end = list(run)[-1]
    assert (run_end.finished, run_end.step) == (False, 0)
    with wording.raises(SettingError):
        charrnn.train(TEXT, name="one", **SMALL)
    assert charrnn.train(TEXT, name="one", overwrite=True, **SMALL).finish().metrics["step"] > 0


def test_a_run_that_is_given_up_leaves_no_folder():
    run = charrnn.train(TEXT, **SMALL)
    folder = run._trainer.folder
    while not isinstance(next(run), Evaluated):
        pass
    next(run)
    assert run.model.metrics["step"] == 3
    del run
    gc.collect()
    assert not folder.exists()


def test_a_run_starts_from_a_model():
    charrnn.train(TEXT, name="first", **SMALL).finish()
    small = {name: value for name, value in SMALL.items() if "size" not in name}
    first = Path("checkpoints", "first")
    run = charrnn.train(TEXT + "XY\n" * 4, init_from=first, extend_vocabulary=True, **small)
    assert run.plan.model_config.hidden_size == 7
    assert len(run.corpus.vocabulary) == len(set(TEXT)) + 2
    with pytest.raises(DataError, match="lacks: X") as raised:
        charrnn.train(TEXT + "X\n", init_from="first", **small)
    assert raised.value.hint.startswith("extend_vocabulary adds them")
    assert "min_count=2" in raised.value.hint


@pytest.mark.parametrize(
    ("setting", "settings"),
    [
        ("hiden_size", {"hiden_size": 3}),
        ("vocab_size", {"vocab_size": 3}),
        ("steps", {"steps": 0}),
        ("given", {"given": {}}),
        ("cell", {"cell": "lstmm"}),
        ("globs", {"globs": 3}),
        ("keep", {"keep": 3}),
        ("overwrite", {"overwrite": True}),
        ("encoding", {"encoding": "latin-1"}),
        ("patience", {"patience": 2, "val_fraction": 0.0}),
        ("lines", {"lines": True, "documents": True}),
        ("muon_learning_rate", {"muon_learning_rate": 0.1, "optimizer": "adamw"}),
        ("extend_vocabulary", {"extend_vocabulary": True}),
    ],
)
def test_a_mistake_names_the_setting(wording, setting, settings):
    with wording.raises(SettingError) as raised:
        charrnn.train(TEXT, **settings)
    assert raised.value.setting == setting


@pytest.mark.parametrize("texts", [3, [], [3], "bok.txt", "-", "\n", "a\ud800\n"])
def test_what_is_no_text_is_refused(wording, texts):
    with wording.raises(CharrnnError, DataError):
        charrnn.train(texts, steps=1)


def test_a_run_whose_name_is_not_one_is_refused(wording):
    for name in ("a/b", ""):
        with wording.raises(SettingError):
            charrnn.train(TEXT, name=name)
    with wording.raises(CheckpointError):
        charrnn.train(TEXT, init_from="nothing")


def test_one_value_or_a_list_will_do_for_a_tuple(place):
    (place / "notes.md").write_text(TEXT)
    assert charrnn.train(place, globs="*.md", **SMALL).corpus.num_sources == 1
    assert charrnn.train(place, globs=["*.md", "*.txt"], **SMALL).corpus.num_sources == 2


# --- resuming -------------------------------------------------------------------------------------


def stopped(name, texts="book.txt", **settings):
    """A run that was stopped after two steps."""
    run = charrnn.train(texts, name=name, **(SMALL | settings))
    for event in run:
        if isinstance(event, Step) and event.step == 2:
            run.stop()
    return run


@pytest.mark.parametrize("texts", ["book.txt", TEXT])
def test_a_run_that_is_resumed_ends_as_one_that_was_not_interrupted(texts):
    whole = charrnn.train(texts, name="whole", **SMALL).finish()
    stopped("half", texts)
    resumed = charrnn.train(texts, name="half", resume=True, threads=1)
    assert (resumed.plan, repr(resumed)) == (None, "<Run in checkpoints/half: step 2 of 6>")
    assert any("at step 2 of 6" in note for note in resumed.notes)
    model = resumed.finish()
    for name, weights in whole.weights.items():
        np.testing.assert_array_equal(model.weights[name], weights)
    before = load_checkpoint_of("half").sha256
    again = charrnn.train(texts, name="half", resume=True, steps=6)
    assert list(again) == []
    assert again.model.metrics["best_step"] == model.metrics["best_step"]
    assert any("nothing left to do" in note for note in again.notes)
    assert load_checkpoint_of("half").sha256 == before


def test_a_run_is_resumed_by_its_name_alone_and_longer(place, monkeypatch):
    stopped("one")
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    run = charrnn.train(name="one", out=place / "checkpoints", resume=True, steps=8)
    assert [event.step for event in run if isinstance(event, Step)] == [3, 4, 5, 6, 7, 8]
    assert any("re-planned" in note for note in run.notes)
    (place / "book.txt").rename(place / "moved.txt")
    longer = {"name": "one", "out": place / "checkpoints", "resume": True, "steps": 9}
    with pytest.raises(DataError):
        charrnn.train(**longer)
    assert charrnn.train(place / "moved.txt", **longer).finish().metrics["step"] == 9


def test_what_cannot_be_resumed_is_refused(place, wording):
    stopped("one")
    (place / "other.txt").write_text(TEXT[:-7])
    for texts, settings in (
        (None, {"name": "two"}),
        (None, {"name": "one", "overwrite": True}),
        (None, {"name": "one", "hidden_size": 9}),
        (None, {"name": "one", "lines": True}),
        ("other.txt", {"name": "one"}),
        ("book.txt", {"name": "one", "hiden_size": 7}),
    ):
        with wording.raises(CharrnnError):
            charrnn.train(texts, resume=True, **settings)
    with wording.raises(UsageError):
        charrnn.train()
    run = charrnn.train("book.txt", name="new", resume=True, **SMALL)
    assert run.plan
    assert run.folder == Path("checkpoints/new")


KILLED = """
import os, signal
from charrnn.training.run import own_folder
with own_folder() as folder:
    (folder / "best.safetensors").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_that_is_not_kept_has_left_is_removed_by_the_next(place, monkeypatch):
    ended = subprocess.run(script(KILLED), env={**os.environ, "TMPDIR": str(place)}, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list(place.glob(".charrnn-*/best.safetensors"))) == 1
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    run = charrnn.train(TEXT, **SMALL)
    other = charrnn.train(TEXT, **SMALL)
    assert {f.parent for f in (run._trainer.folder, other._trainer.folder)} == set(
        place.glob(".charrnn-*")
    )
    del run, other
    gc.collect()
    assert not list(place.glob(".charrnn-*"))
