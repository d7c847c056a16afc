"""`charrnn train - --gradient rtrl --forever`: a stream that is learned as it comes."""

import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from helpers import CLEAN, call_charrnn, command

from charrnn.checkpoint import load_checkpoint
from charrnn.cli.train import forever

SMALL = ("--hidden-size", 5, "--embedding-size", 4, "--cell", "gru", "--warmup-steps", 1)
STREAM = b"abcab cabca\n" * 60


@pytest.fixture
def learn(capsys, monkeypatch, tmp_path):
    """Learn from bytes on standard input."""
    monkeypatch.chdir(tmp_path)

    def run(content, *arguments, status=0):
        (tmp_path / "stream").write_bytes(content)
        with (tmp_path / "stream").open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            begin = ("train", "-", "--gradient", "rtrl", "--forever")
            return call_charrnn(capsys, *begin, *arguments, status=status)

    return run


def last_of(folder, name):
    return load_checkpoint(folder / "checkpoints" / name / "last.safetensors")


def test_a_stream_is_learned_and_goes_on_as_if_it_had_not_been_interrupted(learn, tmp_path):
    learn(STREAM, *SMALL, "--name", "whole")
    learn(STREAM[:501], *SMALL, "--name", "parts")
    learn(STREAM[501:], *SMALL, "--name", "parts", "--resume")
    whole, parts = last_of(tmp_path, "whole"), last_of(tmp_path, "parts")
    assert whole.metrics["step"] == parts.metrics["step"] == len(STREAM) - 1
    for name, array in whole.model.weights.items():
        assert np.array_equal(array, parts.model.weights[name]), name
    for name, array in whole.training.items():
        assert np.array_equal(array, parts.training[name]), name


def test_a_cost_is_said_once_where_the_stream_ends_as_it_is_due(learn, capsys):
    learn(STREAM[:501], *SMALL, "--name", "r")
    said = learn(STREAM[:560], "--name", "r", "--resume").err
    assert said.count("1,060 bytes: ") == 1
    assert "1,060 bytes of a stream" in call_charrnn(capsys, "inspect", "r").out


def test_a_stream_without_a_byte_is_refused_and_one_that_is_resumed_may_have_none(
    learn, tmp_path, wording
):
    result = learn(b"", *SMALL, "--name", "r", status=3)
    wording(result.err.splitlines()[-1])
    assert not (tmp_path / "checkpoints" / "r" / "last.safetensors").exists()
    learn(b"a", *SMALL, "--name", "r", "-q")
    learn(b"", "--name", "r", "--resume", "-q")


def test_each_byte_costs_less_the_longer_the_stream_is_learned(learn, tmp_path):
    learn(STREAM, *SMALL, "--name", "r", "--lr", 0.02, "-q")
    learn(STREAM, "--name", "r", "--resume", "-q")
    lines = (tmp_path / "checkpoints/r/metrics.jsonl").read_text().splitlines()
    rows = list(map(json.loads, lines))
    assert [row["step"] for row in rows] == [719, 1439]
    assert rows[1]["train_nats_per_char"] < 0.7 * rows[0]["train_nats_per_char"]


def test_a_run_that_is_overwritten_leaves_nothing_but_what_is_not_its_own(learn, tmp_path):
    learn(STREAM, *SMALL, "--name", "r", "--save-every", 0, "--keep", 2, "-q")
    folder = tmp_path / "checkpoints" / "r"
    for name in ("baselines.json", "notes.txt"):
        (folder / name).write_text("{}")
    assert list(folder.glob("step-*"))
    learn(STREAM[:200], *SMALL, "--name", "r", "--overwrite", "-q")
    left = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert left == {"last.safetensors", "metrics.jsonl", "notes.txt"}
    assert last_of(tmp_path, "r").metrics["step"] == 199


@pytest.mark.parametrize("left", ["last.safetensors", "best.safetensors"])
def test_what_is_in_its_folder_when_it_is_locked_is_no_new_run(learn, left, tmp_path, monkeypatch):
    """A run that ended while this one started, or one that lost its last checkpoint, is not replaced."""
    learn(STREAM[:40], *SMALL, "--name", "r", "-q")
    folder = tmp_path / "checkpoints" / "r"
    (folder / "last.safetensors").rename(folder / left)
    before = (folder / left).read_bytes()
    monkeypatch.setattr(forever, "new_folder", lambda *_, **__: folder)
    learn(STREAM, *SMALL, "--name", "r", status=2)
    if left != "last.safetensors":
        learn(STREAM, *SMALL, "--name", "r", "--resume", status=2)
    assert (folder / left).read_bytes() == before


def test_it_saves_as_it_goes_and_when_a_signal_ends_it(tmp_path):
    """The only process of this module: a pipe that stays open, and a signal."""
    line = command("train", "-", "--gradient", "rtrl", "--forever", *SMALL, "--save-every", 0)
    with subprocess.Popen(
        [*line, "--name", "p", "--json"],
        cwd=tmp_path,
        env=CLEAN,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=False,
    ) as process:
        stop = threading.Timer(100, process.kill)
        stop.start()
        process.stdin.write(STREAM[:300])
        process.stdin.flush()
        sizes = []
        while not sizes or sizes[-1] < 299:  # while the stream is still open
            sizes.append(json.loads(process.stdout.readline())["bytes"])
        os.kill(process.pid, signal.SIGINT)
        process.stdout.read()
        assert process.wait() == -signal.SIGINT
        stop.cancel()
    assert last_of(tmp_path, "p").metrics["step"] == 299


@pytest.mark.parametrize(
    "arguments",
    [
        ("--minutes", 1),
        ("--lines",),
        ("--level", "char"),
        ("--dropout", 0.1),
        ("--seeds", "1,2"),
        ("--resume",),
        ("--init-from", "demo"),
    ],
)
def test_what_a_run_without_an_end_does_not_have_is_refused(learn, wording, arguments):
    wording(learn(b"ab", *arguments, status=2))


def test_it_needs_standard_input_and_its_gradient(capsys, monkeypatch, tmp_path, wording):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("abc")
    wording(call_charrnn(capsys, "train", "a.txt", "--gradient", "rtrl", "--forever", status=2))
    wording(call_charrnn(capsys, "train", "-", "--forever", status=2))


def test_runs_with_and_without_an_end_are_not_mixed(learn, capsys, tmp_path, wording):
    learn(STREAM[:40], *SMALL, "--name", "r", "-q")
    wording(call_charrnn(capsys, "train", "--resume", "--name", "r", status=4))
    wording(learn(STREAM[:40], "--name", "r", "--resume", "--hidden-size", 6, status=2))
    wording(learn(STREAM[:40], "--name", "r", status=2))
    begin = ("train", "stream", "--hidden-size", 4, "--steps", 1, "--batch-size", 1)
    call_charrnn(capsys, *begin, "--sequence-length", 4, "--name", "e", "-q", "--no-counts")
    wording(learn(STREAM[:40], "--name", "e", "--resume", status=4))
