"""`train --resume`: one line that begins a run, continues it, makes it longer, and then does nothing."""

import shlex

import pytest
import torch
from helpers import call_charrnn, make_text
from trainers import tensors_in

from charrnn.checkpoint import load_checkpoint

SHAPE = ("--hidden-size", 12, "--embedding-size", 4, "--batch-size", 6, "--sequence-length", 10)
SMALL = (*SHAPE, "--precision", "float32", "--threads", 1)
LINE = ("train", "corpus.txt", *SMALL, "--resume", "--out", "my runs", "--name", "one")


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`call_charrnn` in the test's own folder, where corpus.txt is."""
    (tmp_path / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)
    torch.set_num_threads(before)


@pytest.fixture
def run(tmp_path):
    return tmp_path / "my runs" / "one"


def command_in(said, start):
    """The arguments of the command that a message has behind some words."""
    line = said[said.index(start) :].splitlines()[0]
    return shlex.split(line[line.index("charrnn train") :].partition("; ")[0])[1:]


def test_one_line_begins_a_run_and_typed_again_does_nothing(here, run, wording):
    wording(here(*LINE, "--steps", 4))
    before = (run / "last.safetensors").read_bytes()
    for _ in range(2):
        again = here(*LINE, "--steps", 4)
        wording(again)
        assert again.out == ""
    assert (run / "last.safetensors").read_bytes() == before


def test_a_total_that_is_reached_changes_nothing(here, run, wording):
    here(*LINE, "--steps", 8, "-q")
    before = (run / "last.safetensors").read_bytes()
    for limit in (("--steps", 7), ("--epochs", 0.01), ("--minutes", 1e-6)):
        wording(here(*LINE, *limit))
        assert (run / "last.safetensors").read_bytes() == before


def test_every_message_that_advises_more_training_has_the_whole_line(here, run, wording):
    here(*LINE, "--steps", 4, "-q")
    finished = here(*LINE, "--steps", 4).err
    here(*command_in(finished, "to train longer"), "-q")
    assert load_checkpoint(run / "last.safetensors").metrics["step"] == 8
    taken = here("train", "corpus.txt", *SMALL, "--out", "my runs", "--name", "one", status=2)
    wording(taken)
    here(*command_in(taken.err, "to resume"), "--epochs", 0.3, "-q")
    assert load_checkpoint(run / "last.safetensors").metrics["step"] == 14
    taken = here("train", "corpus.txt", *SMALL, "--out", "my runs", "--name", "one", status=2).err
    here(*command_in(taken, "to train longer"), "-q")
    assert load_checkpoint(run / "last.safetensors").metrics["step"] == 28


def test_a_limit_of_time_gives_a_run_the_steps_that_it_allows(here, run):
    here(*LINE, "--steps", 10, "-q")
    here(*LINE, "--minutes", 0.02, "-q")
    longer = load_checkpoint(run / "last.safetensors")
    assert longer.metrics["step"] > 10
    assert longer.run["asked"]["minutes"] == 0.02
    assert "steps" not in longer.run["asked"]
    before = (run / "last.safetensors").read_bytes()
    here(*LINE, "--minutes", 0.02, "-q")
    assert (run / "last.safetensors").read_bytes() == before


def test_the_file_of_a_run_that_was_made_longer_repeats_it(here, run, tmp_path):
    here(*LINE, "--steps", 10, "-q")
    here(*LINE, "--steps", 25, "-q")
    here(*LINE, "--steps", 31, "-q")
    (tmp_path / "run.toml").write_text(here("inspect", run, "--toml").out)
    here("train", "--config", "run.toml", "--name", "again", "-q")
    assert tensors_in(tmp_path / "checkpoints" / "again") == tensors_in(run)


@pytest.mark.parametrize("text", ["12", "a:b", "5:4", "9:"])
def test_a_change_of_plan_that_is_none_is_refused(here, text, wording):
    wording(here("train", "corpus.txt", "--steps", 3, "--replanned", text, status=2))


def test_a_line_that_starts_from_a_model_can_be_typed_again(here, tmp_path, wording):
    here("train", "corpus.txt", *SMALL, "--steps", 2, "--name", "base", "-q")
    line = (
        "train",
        "corpus.txt",
        "--init-from",
        "base",
        "--threads",
        1,
        "--resume",
        "--name",
        "fine",
    )
    here(*line, "--steps", 3, "-q")
    here(*line, "--steps", 5, "-q")
    assert load_checkpoint(tmp_path / "checkpoints/fine/last.safetensors").metrics["step"] == 5
    wording(here(*line[:2], "--init-from", "fine", *line[4:], status=2))
