"""What surrounds a command: the working folder, the terminal's variables, a full disk, files that others protect."""

import os
import re
import shutil
import stat
import subprocess
import sys

import numpy as np
import pytest
from helpers import CLEAN, call_charrnn, make_text, random_model, run_charrnn

from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.errors import EnvironmentFault
from charrnn.model import CharRNN
from charrnn.training import run_folder

SMALL = ("--hidden-size", 8, "--embedding-size", 4, "--batch-size", 4, "--sequence-length", 8)
ALSO = ("--precision", "float32", "--steps", 6, "--save-every", 0, "--eval-every", 6)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """A command in a folder with corpus.txt."""
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(*arguments, status=0):
        return call_charrnn(capsys, *arguments, status=status)

    return run


def test_enormous_weights_are_one_line_and_no_warnings_of_numpy(tmp_path):
    with np.errstate(all="ignore"):
        model = random_model("abc", kind=CharRNN, scale=3e37)
    save_checkpoint(tmp_path / "m.safetensors", Checkpoint(model))
    for command in (("sample", "m.safetensors", "-n", 5), ("visualize", "m.safetensors", "abc")):
        result = run_charrnn(*command, cwd=tmp_path, status=None)
        assert "Warning" not in result.err
        assert ".py" not in result.err
        assert result.status in (0, 4)


@pytest.mark.timeout(60)
def test_fault_83_an_absurd_width_of_the_terminal_costs_nothing(tmp_path):
    for verb in ("train", "sample"):
        result = run_charrnn(verb, "--help", cwd=tmp_path, env={"COLUMNS": "20000000"})
        assert max(map(len, result.out.splitlines())) <= 1000


@pytest.mark.parametrize(
    "env", [{"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"GITHUB_ACTIONS": "true"}, {"PY_COLORS": "1"}]
)
def test_the_help_in_a_pipe_has_no_escapes(tmp_path, env):
    assert "\x1b" not in run_charrnn("--help", cwd=tmp_path, env=env).out
    assert "\x1b" not in run_charrnn("sample", "--help", cwd=tmp_path, env=env).out


@pytest.mark.parametrize("command", ["train corpus.txt --steps 1", "sample", "runs", "--version"])
def test_a_removed_working_folder_is_named(tmp_path, command):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"rmdir {gone}; exec {sys.executable} -m charrnn {command}"
    env = CLEAN | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    ended = subprocess.run(
        ["sh", "-c", script], cwd=gone, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 6, ended
    assert ended.stderr.count("\n") == 2
    assert "working folder" in ended.stderr


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_a_disk_that_stays_full_is_said_once(here, monkeypatch, quiet):
    def full(*_):
        raise EnvironmentFault("cannot write last.safetensors: No space left on device")

    monkeypatch.setattr(run_folder, "save_checkpoint", full)
    result = here("train", "corpus.txt", *SMALL, *ALSO, *quiet, status=6)
    assert result.err.count("No space left") == 2  # when it begins, and as the end's reason


def test_fault_05_the_disk_is_asked_before_torch_is_imported(here, monkeypatch):
    monkeypatch.setattr(
        "charrnn.cli.train.command.start_together", lambda _: pytest.fail("too late")
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage())
    assert "free" in here("train", "corpus.txt", *SMALL, *ALSO, status=6).err


class _Usage:
    """A disk without room."""

    free = 10


def test_a_full_disk_is_found_before_a_run_is_resumed(here, tmp_path, monkeypatch):
    here("train", "corpus.txt", *SMALL, *ALSO, "--keep", 2, "-q")
    run = tmp_path / "checkpoints" / "corpus"
    shutil.copy(run / "step-00000004.safetensors", run / "last.safetensors")
    monkeypatch.setattr(
        "charrnn.cli.train.resume.start_together", lambda _: pytest.fail("too late")
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage())
    assert "free" in here("train", "--resume", status=6).err


def test_fault_08_a_write_protected_checkpoint_is_not_replaced(here, tmp_path):
    here("train", "corpus.txt", *SMALL, *ALSO, "--keep", 2, "-q")
    last = tmp_path / "checkpoints" / "corpus" / "last.safetensors"
    shutil.copy(last.with_name("step-00000004.safetensors"), last)
    content = last.read_bytes()
    last.chmod(0o444)
    result = here("train", "--resume", status=6)
    assert re.search("last.safetensors: it is write-protected", result.err)
    assert last.read_bytes() == content
    assert stat.S_IMODE(last.stat().st_mode) == 0o444
