"""What surrounds a command: the working folder, the terminal's variables, a full disk, files that others protect."""

import contextlib
import io
import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from commands import LINES, ODD, OTHER_RUNS, PAIR_RUN, RUN, odd_folder
from helpers import (
    BRIEF,
    CLEAN,
    call_charrnn,
    characters,
    make_text,
    program,
    random_model,
    run_charrnn,
    run_on_terminal,
    save_model,
)

from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.cli import terminal
from charrnn.cli.app import obey
from charrnn.errors import EnvironmentFault
from charrnn.model import CharRNN
from charrnn.text.opening import HOMELESS, user_cache
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
@pytest.mark.parametrize("columns", ["0", "1", "-5", "abc", "", "20000000"])
def test_fault_83_an_absurd_width_of_the_terminal_costs_nothing(tmp_path, columns):
    save_checkpoint(tmp_path / "m.safetensors", Checkpoint(random_model("abc", kind=CharRNN)))
    shown = ("visualize", "m.safetensors", "abcabc", "--predictions", 2)
    for words in (("train", "--help"), ("sample", "--help"), shown):
        result = run_charrnn(*words, cwd=tmp_path, env={"COLUMNS": columns})
        lines = result.out.splitlines()
        assert max(map(len, lines)) <= 1000
        assert len(lines) < 2000


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
    said = here("train", "corpus.txt", *SMALL, *ALSO, status=6).err
    assert re.search(r"checkpoints need about [\d.]+ \w+ in \S+, where 10 bytes are free", said)


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


# --- every command in every environment -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Surroundings:
    """What is odd around a command, and the exit status that it may end with beside 0."""

    env: dict[str, str | None] = field(default_factory=dict)
    out: str = "pipe"
    err: str = "pipe"
    stdin: bool = True
    is_gone: bool = False
    """Whether the working folder has been removed."""
    status: int = 0
    """That of a command that prints its result."""


NOWHERE = "/dev/null/nowhere"
ODDITIES = {
    "a dumb terminal": Surroundings({"TERM": "dumb"}),
    "no colors": Surroundings({"NO_COLOR": "1"}),
    "NO_COLOR without a value": Surroundings({"NO_COLOR": ""}),
    "colors": Surroundings({"FORCE_COLOR": "1", "TERM": "xterm-256color"}),
    "colors and none": Surroundings({"FORCE_COLOR": "1", "NO_COLOR": "1"}),
    "0 columns": Surroundings({"COLUMNS": "0", "LINES": "0"}),
    "1 column": Surroundings({"COLUMNS": "1"}),
    "columns without a number": Surroundings({"COLUMNS": "abc"}),
    "very many columns": Surroundings({"COLUMNS": "9" * 30}),
    "ASCII": Surroundings(out="ascii", err="ascii"),
    "a full output": Surroundings(out="full", status=6),
    "a full stderr": Surroundings(err="full"),
    "a closed output": Surroundings(out="closed", status=6),
    "a closed stderr": Surroundings(err="closed"),
    "a closed input": Surroundings(stdin=False),
    "no home": Surroundings({"HOME": None, "XDG_CACHE_HOME": None}),
    "a home and a cache that cannot be written": Surroundings(
        {"HOME": NOWHERE, "XDG_CACHE_HOME": NOWHERE}
    ),
    "no working folder": Surroundings(is_gone=True, status=6),
}
SILENT = ("compress", "decompress", "export", "runs rename", "runs remove")
"""Commands that print nothing but reports."""
EVERYWHERE = [
    pytest.param(name, around, id=f"{name}, {around}", marks=[pytest.mark.long] * ((k + j) % 9 > 0))
    for k, name in enumerate(LINES)
    for j, around in enumerate(ODDITIES)
]
"""Every command in all surroundings; of these a ninth, in which each is, is tried always."""


def stream(kind):
    """A standard stream of a kind; None for one that is closed."""
    if kind == "full":
        return Path("/dev/full").open("w", encoding="utf-8")
    pipe = io.BytesIO()
    return (
        None
        if kind == "closed"
        else io.TextIOWrapper(pipe, "ascii" if kind == "ascii" else "utf-8")
    )


def obeyed(line, around, patch):
    """The exit status of a command in this process, in these surroundings, and what it wrote on its streams."""
    streams = {"stdout": stream(around.out), "stderr": stream(around.err)}
    own = {"stdin": io.TextIOWrapper(io.BytesIO()) if around.stdin else None}
    for name, value in (streams | own).items():
        patch.setattr(sys, name, value)
    for name in ("COLUMNS", "LINES", "_TYPER_FORCE_DISABLE_TERMINAL", *around.env):
        patch.setenv(name, "")
        patch.delenv(name)
    for name, value in around.env.items():
        if value is not None:
            patch.setenv(name, value)
    patch.setattr(terminal, "_let_signals_end_us", lambda: None)
    patch.setattr(terminal, "_quiet", False)
    patch.setattr("charrnn.training.measure.TRIAL_SECONDS", BRIEF)
    patch.setattr("charrnn.cli.sweep.jobs.program", program)
    patch.setattr("charrnn.web.server.Server.serve_forever", lambda _: None)
    with pytest.raises(SystemExit) as left:
        terminal.run(lambda: obey([str(word) for word in line]))
    written = []
    for one, last in zip(streams.values(), (sys.stdout, sys.stderr), strict=True):
        buffer = getattr(one, "buffer", None)
        written.append(buffer.getvalue().decode() if isinstance(buffer, io.BytesIO) else "")
        for opened in filter(None, (one, last)):
            with contextlib.suppress(OSError):
                opened.close()
    return left.value.code or 0, *written


@pytest.mark.parametrize(("name", "oddity"), EVERYWHERE)
def test_a_command_works_in_any_surroundings_or_says_what_is_missing(
    name, oddity, tmp_path, tmp_path_factory, monkeypatch
):
    place, around = odd_folder(tmp_path_factory, tmp_path / ODD), ODDITIES[oddity]
    monkeypatch.chdir(place)
    with monkeypatch.context() as patch:
        if around.is_gone:
            patch.setattr(os, "getcwd", Path(NOWHERE).stat)
        status, out, err = obeyed(LINES[name][0], around, patch)
    is_silent = name in SILENT and around.out == "full"
    assert status == (0 if is_silent else around.status), err
    assert "Traceback" not in out + err
    assert "Warning" not in err
    assert not colors_in(out + err) or oddity == "colors"
    if status:
        assert re.search("charrnn: (cannot write the output|the working folder)", err)
    if around.is_gone or around.out == "closed":
        assert err.count("\n") <= 2


@pytest.mark.parametrize("name", ["train", "score"])
def test_without_a_home_folder_no_folder_is_made_beside_the_text(
    name, tmp_path, tmp_path_factory, monkeypatch
):
    """As in a container whose user has neither HOME nor an entry in passwd."""
    place = odd_folder(tmp_path_factory, tmp_path / ODD)
    monkeypatch.chdir(place)
    before = {*place.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr("pwd.getpwuid", {}.__getitem__)
        patch.setattr("charrnn.text.opening.HOMELESS", Path(NOWHERE))
        status, _, err = obeyed(LINES[name][0], ODDITIES["no home"], patch)
    assert (status, "Traceback" in err) == (0, False)
    assert {*place.iterdir()} - before <= {place / ODD}


@pytest.mark.parametrize("found", [Path("~/.cache/charrnn"), Path("here/charrnn"), RuntimeError])
def test_the_cache_is_never_in_the_working_folder(found, monkeypatch):
    """Versions of platformdirs differ in what they make of a home folder that is missing, or no absolute path."""

    def known(_):
        if found is RuntimeError:
            raise found
        return found

    monkeypatch.setattr("platformdirs.user_cache_path", known)
    assert user_cache() == HOMELESS


READ_INPUT = [
    ("train", "-"),
    ("train", "-", "--forever", "--gradient", "rtrl"),
    ("sample", RUN, "--prompt-file", "-"),
    ("sample", RUN, "--adapt", "-"),
    ("sample", RUN, "--novel", "-"),
    ("sample", RUN, "--interactive"),
    ("convert", PAIR_RUN),
    ("visualize", RUN, "-"),
    ("evaluate", RUN, "-"),
    ("score", RUN, "-"),
    ("embed", RUN, "-", "--nearest", "a"),
    ("compress", "-", "--model", RUN),
    ("decompress", "-", "--model", RUN),
    ("runs", "remove", "c", "--out", OTHER_RUNS),
]


def test_a_closed_input_is_named_by_what_reads_it(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(odd_folder(tmp_path_factory, tmp_path / ODD))
    for line in READ_INPUT:
        with monkeypatch.context() as patch:
            status, out, err = obeyed(line, ODDITIES["a closed input"], patch)
        assert status in (2, 3, 6), (line, err)
        assert "standard input" in err, line
        assert out == ""


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("network", "score", "runs") else pytest.param(name, marks=pytest.mark.long)
        for name in LINES
        if name != "serve"
    ],
)
def test_a_command_works_in_an_ascii_locale(name, tmp_path, tmp_path_factory):
    place = odd_folder(tmp_path_factory, tmp_path / ODD)
    env = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    assert "Warning" not in run_charrnn(*LINES[name][0], cwd=place, env=env).err


def colors_in(text):
    """Whether a text for a terminal has colors; bold and underlined text is none."""
    return bool(re.search(r"\x1b\[[0-9;]*[349][0-9]", text))


@pytest.mark.parametrize(
    ("env", "has_colors"),
    [
        ({}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
    ],
)
def test_fault_82_a_terminal_has_colors_unless_it_or_no_color_says_otherwise(
    env, has_colors, tmp_path
):
    """An empty NO_COLOR counts for nothing, as its standard says."""
    save_model(tmp_path, characters("abcdef"))
    env = {"TERM": "xterm-256color"} | env
    seen = run_on_terminal("visualize", "odd", "abc fed", "-q", cwd=tmp_path, env=env)
    assert colors_in(seen) == has_colors
    assert env["TERM"] != "dumb" or "\x1b" not in seen


@pytest.mark.parametrize(
    ("env", "has_colors"),
    [
        ({}, False),
        ({"CI": "true"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_fault_82_a_pipe_has_colors_only_where_they_are_forced(
    env, has_colors, tmp_path, monkeypatch, capsys
):
    """NO_COLOR wins over FORCE_COLOR."""
    save_model(tmp_path, characters("abcdef"))
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": "xterm-256color"} | env).items():
        monkeypatch.setenv(name, value)
    piped = call_charrnn(capsys, "visualize", "odd", "abc fed", "-q").out
    assert ("\x1b" in piped) == colors_in(piped) == has_colors
