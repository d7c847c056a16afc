"""Run files: what `inspect --toml` writes, `train --config` reads, and trains again."""

import dataclasses
import tomllib

import pytest
from helpers import call_charrnn, make_text

from charrnn.checkpoint import load_checkpoint

SMALL = ("--hidden-size", 6, "--precision", "float32", "--threads", 1)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`charrnn ARGUMENTS` in a folder with a text."""
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(*arguments, status=0):
        return call_charrnn(capsys, *arguments, status=status)

    return run


def weights_of(folder, run):
    return load_checkpoint(folder / "checkpoints" / run / "best.safetensors").model.weights


def test_the_file_of_a_run_trains_the_same_network_again(here, tmp_path):
    options = (
        "--cell",
        "gru",
        "--clip",
        "off",
        "--dropout",
        0.2,
        "--reset-every",
        "off",
        "--lr",
        0.01,
    )
    here("train", "corpus.txt", "--name", "a", "--steps", 9, *options, *SMALL, "-q")
    written = here("inspect", "a", "--toml").out
    assert tomllib.loads(written) | {
        "clip": "off",
        "reset-every": "off",
        "lr": 0.01,
    } == tomllib.loads(written)
    (tmp_path / "run.toml").write_text(written, encoding="utf-8")
    here("train", "--config", "run.toml", "--name", "b", "-q")
    first, second = weights_of(tmp_path, "a"), weights_of(tmp_path, "b")
    assert all((first[name] == second[name]).all() for name in first)
    assert here("inspect", "b", "--toml").out == written


def test_what_is_typed_takes_precedence_over_the_file(here, tmp_path):
    (tmp_path / "run.toml").write_text(
        'corpus = ["corpus.txt"]\nhidden-size = 6\nsteps = 3\nseed = 5\nthreads = 1\nlayer_norm = true\n'
    )
    here(
        "train", "--config", "run.toml", "--name", "a", "--seed", 8, "--precision", "float32", "-q"
    )
    run = load_checkpoint(tmp_path / "checkpoints" / "a" / "last.safetensors")
    assert run.run["training"]["seed"] == 8
    assert run.run["training"]["steps"] == 3
    assert run.model.config.layer_norm
    assert run.run["asked"] | {"seed": 8, "hidden_size": 6, "layer_norm": True} == run.run["asked"]


def test_a_single_text_needs_no_list(here, tmp_path):
    (tmp_path / "run.toml").write_text('corpus = "corpus.txt"\n')
    here("train", "--config", "run.toml", "--name", "a", "--steps", 2, *SMALL, "-q")


def test_a_sample_can_be_a_file_too(here, tmp_path):
    here("train", "corpus.txt", "--name", "a", "--steps", 2, *SMALL, "-q")
    (tmp_path / "sample.toml").write_text('prompt = "def "\nn = 9\ntemp = 0.5\nstop = "q"\n')
    options = ("--prompt", "def ", "--length", 9, "--temp", 0.5, "--stop", "q", "--seed", 3, "-q")
    expected = here("sample", "a", *options).out
    assert here("sample", "a", "--config", "sample.toml", "--seed", 3, "-q").out == expected
    said = here("sample", "a", "--config", "sample.toml", "--prompt", "class", "-q").out
    assert said.startswith("class")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("hiden-size = 3\n", 2),
        ("resume = true\n", 2),
        ("hidden-size = 0\n", 2),
        ("hidden-size = \n", 3),
        ("hidden-size = [1, 2]\n", 2),
        ("clip = 'never'\n", 2),
        (None, 3),
    ],
)
def test_a_file_that_cannot_be_read_or_applied_is_refused_in_one_line(
    here, tmp_path, content, status, wording
):
    if content is not None:
        (tmp_path / "run.toml").write_text(content)
    result = here("train", "corpus.txt", "--config", "run.toml", status=status)
    wording(result)
    assert not (tmp_path / "checkpoints").exists()


def test_a_checkpoint_that_is_no_run_has_no_file(here, tmp_path, tiny_model, wording):
    from charrnn.checkpoint import Checkpoint, save_checkpoint

    save_checkpoint(tmp_path / "model.safetensors", Checkpoint(tiny_model))
    wording(here("inspect", "model.safetensors", "--toml", status=4))


def test_a_run_without_settings_has_no_file(here, tmp_path, workplace, wording):
    from charrnn.checkpoint import save_checkpoint

    whole = load_checkpoint(workplace / "checkpoints" / "tiny" / "best.safetensors")
    emptied = dataclasses.replace(whole, run={**whole.run, "training": {}})
    save_checkpoint(tmp_path / "model.safetensors", emptied)
    wording(here("inspect", "model.safetensors", "--toml", status=4))
