"""Several commands at once: two trainings, a training and whoever reads, renames or removes its run, two that encode."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest
from helpers import CLEAN, call_charrnn, listing, make_text, own_signals, program, script

import charrnn
from charrnn.checkpoint import load_checkpoint

SMALL = (
    "--hidden-size 8 --batch-size 4 --sequence-length 9 --precision float32 --threads 1 --no-counts"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a text, in which commands run."""
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def start(place):
    """Starts a process beside the test, which is killed if it outlives it."""
    with contextlib.ExitStack() as all_of_them:

        def begin(line):
            process = all_of_them.enter_context(
                subprocess.Popen(
                    line,
                    cwd=place,
                    env=CLEAN,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    preexec_fn=own_signals,
                    text=True,
                )
            )
            all_of_them.callback(process.kill)
            return process

        yield begin


def wait_until(is_so):
    while not is_so():
        time.sleep(0.01)


def test_fault_16_of_two_trainings_to_one_name_one_trains_and_nobody_moves_its_run(
    start, place, capsys
):
    line = "train", "corpus.txt", *SMALL.split(), "--steps", 10**6, "--name", "same"
    both = [start(program(*line)) for _ in range(2)]
    wait_until(lambda: any(process.poll() is not None for process in both))
    refused, trains = sorted(both, key=lambda process: process.poll() is None)
    assert refused.returncode == 7
    said = refused.communicate()[1]
    assert "is in use by " in said
    assert "Traceback" not in said
    last = place / "checkpoints" / "same" / "last.safetensors"
    metrics = last.with_name("metrics.jsonl")
    wait_until(lambda: metrics.exists() and last.exists())
    renamed, removed = ("runs", "rename", "same", "other"), ("runs", "remove", "same", "--yes")
    for arguments in (line, (*line, "--overwrite"), renamed, removed):
        call_charrnn(capsys, *arguments, status=7)
    assert trains.poll() is None
    trains.send_signal(signal.SIGINT)
    said = trains.communicate()[1]
    assert trains.returncode == -signal.SIGINT, said
    assert load_checkpoint(last).metrics["step"] > 0
    call_charrnn(capsys, "runs", "rename", "same", "other")
    assert listing(place / "checkpoints") == ["other"]
    call_charrnn(capsys, "runs", "remove", "other", "--yes")
    assert listing(place / "checkpoints") == []


SAVES = """
import sys
from pathlib import Path
import charrnn
from charrnn.training.events import Saved
shape = dict(hidden_size=8, batch_size=4, sequence_length=9, precision="float32", threads=1)
run = charrnn.train("corpus.txt", name="run", steps=10**6, save_every=0, eval_every=3, **shape)
left = int(sys.argv[1])
for event in run:
    left -= isinstance(event, Saved)
    if left <= 0 and Path("enough").exists():
        run.stop()
"""


@pytest.mark.parametrize(
    "saves", [40, pytest.param(1000, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_fault_17_a_run_is_sampled_while_it_saves(saves, start, place):
    training = start(script(SAVES, saves))
    folder, steps = place / "checkpoints" / "run", [0]
    wait_until((folder / "best.safetensors").exists)
    while training.poll() is None:
        steps.append(load_checkpoint(folder / "last.safetensors").metrics["step"])
        assert len("".join(charrnn.load(folder).sample("def ", length=9, seed=1))) == 9
        if len(set(steps)) > 3:
            (place / "enough").touch()
    assert training.communicate()[1] == ""
    assert training.returncode == 0
    assert steps == sorted(steps)


ENCODES = """
import json, os, sys, time
from pathlib import Path
import charrnn.text.encoding.opening as opening, charrnn.text.folders as folders
import charrnn.text.encoding.processes as processes, charrnn.text.numbering as numbering
from charrnn.config import CorpusConfig
from charrnn.text.corpus import read_corpus
from charrnn.text.encoding.text import Watch
from charrnn.text.sources import file_source
large, said, asked = sys.argv[1] == "large", [], []
def both_here(name):
    Path(f"{name}-{os.getpid()}").touch()
    while len([*Path().glob(f"{name}-*")]) < 2:
        time.sleep(0.01)
def say(sentence):
    said.append(sentence)
    if "waiting" in sentence:
        Path("waiting").touch()
answer, is_whole = processes.answer, numbering._is_whole
def slow(request):
    asked.append(request["do"])
    while not Path("waiting").exists():
        time.sleep(0.01)
    return answer(request)
def seen(*arguments):
    found = is_whole(*arguments)
    both_here("looked")
    return found
if large:
    opening.LARGE = folders.LARGE = 1
    processes.answer = slow
else:
    numbering.MAX_IN_MEMORY, numbering._is_whole = 5, seen
both_here("here")
corpus = read_corpus([file_source(Path("corpus.txt"))], CorpusConfig(), cache=Path("cache"), watch=Watch(say))
text = corpus.vocabulary.decode(corpus.ids)
print(json.dumps({"right": text == Path("corpus.txt").read_text("utf-8"), "asked": asked, "said": said}))
"""


@pytest.mark.parametrize("size", ["large", "small"])
def test_fault_16_two_processes_that_build_one_cache_get_the_same_text(size, start, place):
    """A large text is read and numbered once; a smaller one by both, and the file of the last one stays."""
    both = [start(script(ENCODES, size)) for _ in range(2)]
    found = []
    for process in both:
        out, said = process.communicate()
        assert (process.returncode, said) == (0, "")
        found.append(json.loads(out))
    assert all(one["right"] for one in found)
    left = [name for _, _, names in os.walk(place / "cache") for name in names]
    assert not [name for name in left if ".tmp-" in name]
    if size == "large":
        assert sorted(stage for one in found for stage in one["asked"]) == ["number", "read"]
        waits = "another process is encoding this corpus: waiting for it"
        assert any(waits in one["said"] for one in found)
    else:
        assert len(left) == 1
