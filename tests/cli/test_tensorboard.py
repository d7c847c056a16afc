"""`charrnn train --tensorboard`: what is logged is what the run measured, and a log that fails stops nothing."""

import dataclasses
import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import call_charrnn, make_text

from charrnn.checkpoint import load_checkpoint, save_checkpoint

SMALL = (
    *("--hidden-size", 12, "--embedding-size", 4, "--batch-size", 6, "--sequence-length", 10),
    *("--precision", "float32", "--threads", 1),
)
needs_tensorboard = pytest.mark.skipif(
    not find_spec("tensorboard"), reason="tensorboard is not installed"
)


class FakeWriter:
    """What torch's SummaryWriter offers; keeps what it is told."""

    opened = ()
    fails_at = None

    def __init__(self, log_dir, purge_step=None):
        self.log_dir, self.purge_step = log_dir, purge_step
        self.scalars, self.texts, self.flushed, self.closed = {}, {}, 0, False
        FakeWriter.opened += (self,)

    def add_scalar(self, tag, value, step):
        if step == self.fails_at:
            raise OSError(28, "No space left on device")
        self.scalars.setdefault(tag, {})[step] = value

    def add_text(self, tag, text, step):
        assert tag == "sample"
        self.texts[step] = text

    def flush(self):
        self.flushed += 1

    def close(self):
        self.closed = True
        if self.fails_at == "close":
            raise RuntimeError("two\nlines")


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`call_charrnn` in the test's own folder, which has a corpus.txt."""
    (tmp_path / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)
    torch.set_num_threads(before)


@pytest.fixture
def fake(monkeypatch):
    """A tensorboard that keeps what it is told."""
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = FakeWriter
    monkeypatch.setitem(sys.modules, "tensorboard", ModuleType("tensorboard"))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(FakeWriter, "opened", ())
    monkeypatch.setattr(FakeWriter, "fails_at", None)
    return FakeWriter


def train(here, *options, **more):
    return here("train", "corpus.txt", *SMALL, "--name", "a", *options, **more)


def rows(folder="checkpoints/a"):
    lines = (Path(folder) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_metrics_and_samples_are_those_of_the_record(here, fake):
    result = train(here, "--steps", 24, "--tensorboard", "logs")
    (writer,) = fake.opened
    assert (writer.log_dir, writer.purge_step, writer.closed) == ("logs/a", 1, True)
    record = rows()
    steps = [row["step"] for row in record]
    assert len(steps) == 12
    for tag, name in (("train", "train_nats_per_char"), ("validation", "val_nats_per_char")):
        logged = writer.scalars.pop(f"bits_per_char/{tag}")
        assert logged == {row["step"]: row[name] / math.log(2) for row in record}
    assert writer.scalars.pop("learning_rate") == {r["step"]: r["learning_rate"] for r in record}
    speed = writer.scalars.pop("chars_per_second")
    assert list(speed) == steps
    assert all(60 * 2 / row["seconds"] < speed[row["step"]] for row in record)
    assert writer.scalars == {}
    assert list(writer.texts) == steps
    assert all(line.startswith("    ") for t in writer.texts.values() for line in t.split("\n"))
    shown = writer.texts[steps[-1]].replace("\n    ", "↵").strip()
    assert shown[:50] in result.err
    assert writer.flushed == len(steps)


def test_speed_counts_training_alone_and_a_run_without_validation_has_no_such_curve(
    fake, monkeypatch
):
    from charrnn.cli.train import tensorboard
    from charrnn.training.events import Evaluated, Saved, Step

    monkeypatch.setattr(tensorboard, "written", lambda _: "a\n# b")
    progress, corpus = SimpleNamespace(seconds=7.0, step=5), SimpleNamespace(level="byte")
    trainer = SimpleNamespace(
        progress=progress,
        corpus=SimpleNamespace(config=corpus),
        folder=Path("runs/a"),
        files=SimpleNamespace(metrics=SimpleNamespace(rows=[{"learning_rate": 0.5}])),
    )
    log = tensorboard.TensorBoardLog(Path("logs"), trainer)
    for step in (6, 7):
        for _ in range(3):
            progress.seconds += 2
            assert log.show(Step(step, 1.0, 50)) is None
        progress.seconds += 100  # the evaluation
        assert log.show(Evaluated(step, 0.1, math.log(2), None, True)) is None
        assert log.show(Saved(Path("x"), 1, 1)) is None
    (writer,) = fake.opened
    assert writer.purge_step == 6
    assert writer.texts == {6: "    a\n    # b", 7: "    a\n    # b"}
    assert writer.scalars == {
        "bits_per_byte/train": {6: 1.0, 7: 1.0},
        "learning_rate": {6: 0.5, 7: 0.5},
        "bytes_per_second": {6: 25.0, 7: 25.0},
    }


def test_a_sample_stays_in_the_code_of_its_markdown(here, fake, monkeypatch):
    """A line ends at a carriage return, too."""
    monkeypatch.setattr(
        "charrnn.cli.train.tensorboard.written", lambda _: "a\r# b\x85\u2028\x1b[2J\u202e\n<b>"
    )
    train(here, "--steps", 2, "-q", "--tensorboard", "logs")
    text = fake.opened[0].texts[2]
    assert text.splitlines() == ["    a␍# b▯▯␛[2J▯", "    <b>"]


def test_a_log_changes_nothing_of_the_run(here, fake):
    train(here, "--steps", 6, "--dropout", 0.2, "-q", "--tensorboard", "logs")
    train(here, "--steps", 6, "--dropout", 0.2, "-q", "--out", "other")
    logged, plain = (weights(folder) for folder in ("checkpoints/a", "other/a"))
    assert logged.keys() == plain.keys()
    assert all(np.array_equal(logged[k], plain[k]) for k in logged)


def weights(folder):
    return load_checkpoint(Path(folder) / "best.safetensors").model.weights


@pytest.mark.parametrize("quiet", [(), ("-q",)])
@pytest.mark.parametrize("fails_at", [8, "close"])
def test_fault_72_a_log_that_fails_warns_once_and_training_goes_on(here, fake, fails_at, quiet):
    fake.fails_at = fails_at
    result = train(here, "--steps", 24, *quiet, "--tensorboard", "logs")
    (warning,) = [line for line in result.err.splitlines() if "tensorboard" in line]
    reason = "OSError: [Errno 28] No space left on device"
    reason = "RuntimeError: two lines" if fails_at == "close" else reason
    assert warning == f"charrnn: --tensorboard failed; training continues without it ({reason})"
    assert rows()[-1]["step"] == 24
    steps = list(fake.opened[0].scalars["learning_rate"])
    assert steps == ([2, 4, 6] if fails_at == 8 else list(range(2, 25, 2)))


def test_a_resumed_run_goes_on_after_its_step(here, fake):
    train(here, "--steps", 4, "-q", "--tensorboard", "logs")
    path = Path("checkpoints/a/last.safetensors")
    last = load_checkpoint(path)
    training = {**last.run["training"], "steps": 6, "eval_every": 1}
    save_checkpoint(path, dataclasses.replace(last, run={**last.run, "training": training}))
    here("train", "--resume", "--name", "a", "-q", "--tensorboard", "logs")
    _, resumed = fake.opened
    assert (resumed.log_dir, resumed.purge_step) == ("logs/a", 5)
    assert list(resumed.scalars["learning_rate"]) == [5, 6]


def test_a_stopped_run_says_how_it_goes_on_with_its_log(here, fake, monkeypatch):
    from charrnn.training.trainer import Trainer

    whole = Trainer._step

    def step_and_stop(self):
        self.stop_requested = True
        return whole(self)

    monkeypatch.setattr(Trainer, "_step", step_and_stop)
    result = train(here, "--steps", 4, "--tensorboard", "my logs")
    command = "to resume: charrnn train corpus.txt --resume --name a --tensorboard 'my logs'"
    assert command in result.err.splitlines()


def test_without_tensorboard_nothing_is_trained(here, monkeypatch, wording):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    wording(train(here, "--steps", 4, "--tensorboard", "logs", status=6))
    assert not Path("checkpoints").exists()


def test_a_log_that_cannot_be_opened_is_refused_before_training(here, fake, monkeypatch, wording):
    wording(train(here, "--tensorboard", "corpus.txt/x", status=2))
    wording(train(here, "--tensorboard", "corpus.txt", status=2))
    wording(train(here, "--tensorboard", "a\udcff", status=2))
    assert not Path("checkpoints").exists()

    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(fake, "__init__", refuse)
    wording(train(here, "--steps", 4, "--tensorboard", "logs", status=6))
    assert not Path("checkpoints/a/best.safetensors").exists()


@needs_tensorboard
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own affair
def test_tensorboard_itself_reads_what_was_written(here):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(here, "--steps", 12, "-q", "--tensorboard", "logs")
    read = EventAccumulator("logs/a")
    read.Reload()
    tags = ["bits_per_char/train", "bits_per_char/validation", "chars_per_second", "learning_rate"]
    assert sorted(read.Tags()["scalars"]) == tags
    found = {e.step: e.value for e in read.Scalars("bits_per_char/validation")}
    expected = {row["step"]: row["val_nats_per_char"] / math.log(2) for row in rows()}
    assert found == pytest.approx(expected, rel=1e-6)
    (tag,) = read.Tags()["tensors"]
    assert tag.startswith("sample")
