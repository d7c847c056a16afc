"""What a terminal, a pipe and a full disk get of a command's output, and how signals end it."""

import io
import itertools
import signal
import subprocess
import sys

import pytest
from helpers import (
    BEST,
    CLEAN,
    CONTROL_CHARACTERS,
    characters,
    expected_text,
    own_signals,
    program,
    run_charrnn,
    run_on_terminal,
    run_shell,
    save_model,
)

from charrnn.cli.app import app
from charrnn.cli.sample.output import CHARACTERS_PER_WRITE
from charrnn.render.glyphs import harmless
from charrnn.sampling.sampler import STRIDE


@pytest.mark.parametrize("env", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii", "LANG": "C"}])
def test_fault_81_a_pipe_gets_utf_8_whatever_the_locale(tmp_path, env):
    model = save_model(tmp_path, characters("éß漢😀"))
    result = run_charrnn("sample", "-q", "-n", 60, "--seed", 1, cwd=tmp_path, env=env)
    assert result.out == expected_text(model)


def test_fault_80_a_terminal_is_shown_control_characters_and_a_pipe_gets_them(tmp_path):
    model = save_model(tmp_path, characters(CONTROL_CHARACTERS))
    options = ("sample", "-q", "-n", 200, "--seed", 1)
    written = expected_text(model, length=200)
    assert set(written) == set(CONTROL_CHARACTERS)
    assert run_charrnn(*options, cwd=tmp_path).out == written
    seen = run_on_terminal(*options, cwd=tmp_path)
    assert not set(seen) & set("\x07\x1b\x7f\x9b\u202e\u2066")
    shown = harmless(written)
    assert seen == (shown if shown.endswith("\n") else shown + "\n")
    assert "␛" in seen


def test_fault_81_a_terminal_that_knows_only_ascii_gets_escapes(tmp_path):
    save_model(tmp_path, characters("é漢"))
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    seen = run_on_terminal("sample", "-q", "-n", 60, "--seed", 1, cwd=tmp_path, env=env)
    assert seen.replace("\\xe9", "").replace("\\u6f22", "") == "\n"
    assert "\\xe9" in seen


@pytest.mark.parametrize("length", [100_000, 10**15])
def test_fault_78_a_reader_that_has_enough_ends_it_silently(workplace, length):
    done = run_shell(f"charrnn sample -q -n {length} | head -c 10", workplace)
    assert len(done.stdout) == 10
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize(
    "line",
    ["sample -q -n 5", "sample -q -n 90000", "inspect -q", "--help"],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_fault_79_a_full_disk_is_one_line_and_status_6(workplace, line, unbuffered):
    done = run_shell(f"charrnn {line} > /dev/full", workplace, {"PYTHONUNBUFFERED": unbuffered})
    assert done.stderr == b"charrnn: cannot write the output: No space left on device\n"
    assert done.returncode == 6


def test_a_closed_stdout_is_refused_and_a_closed_stderr_is_not(workplace):
    done = run_shell("charrnn sample -q >&-", workplace)
    assert done.stderr == b"charrnn: cannot write the output: standard output is closed\n"
    assert done.returncode == 6
    done = run_shell("charrnn sample -n 9 2>&-", workplace)
    assert (done.returncode, len(done.stdout)) == (0, 9)


def test_no_file_takes_the_place_of_a_closed_stream():
    code = """
import os
from charrnn.cli import terminal
os.close(0), os.close(2)
terminal._prepare_streams()
print(os.open(os.devnull, os.O_RDONLY) > 2, os.fstat(2).st_rdev == os.stat(os.devnull).st_rdev)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], env=CLEAN, capture_output=True, text=True, check=False
    )
    assert ended.stdout == "True True\n"


class Recorder(io.StringIO):
    """Standard output that notes how much had come at each flush."""

    def __init__(self, *, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal
        self.flushed = [0]

    def isatty(self):
        return self.is_terminal

    def flush(self):
        self.flushed.append(self.tell())


@pytest.mark.parametrize("is_terminal", [False, True])
def test_text_is_handed_on_while_it_is_made_on_a_terminal_piece_by_piece(
    workplace, tiny_model, monkeypatch, is_terminal
):
    recorder = Recorder(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stdout", recorder)
    app(["sample", str(workplace / BEST), "-n", "100", "--seed", "1", "-q"], standalone_mode=False)
    steps = [b - a for a, b in itertools.pairwise(recorder.flushed)]
    assert max(steps) == (STRIDE if is_terminal else CHARACTERS_PER_WRITE)
    written = recorder.getvalue()
    assert written == expected_text(tiny_model, length=100) + "\n" * is_terminal
    assert recorder.flushed[-1] == len(written)


def test_a_terminal_gets_a_newline_at_the_end_if_the_text_has_none(workplace, monkeypatch):
    for prime in ("def", "def\n"):
        recorder = Recorder(is_terminal=True)
        monkeypatch.setattr(sys, "stdout", recorder)
        app(
            ["sample", str(workplace / BEST), "--prompt", prime, "-n", "0", "-q"],
            standalone_mode=False,
        )
        assert recorder.getvalue() == "def\n"


def test_text_streams_while_it_is_made_and_ctrl_c_ends_it_as_the_shell_expects(workplace):
    process = subprocess.Popen(
        program("sample", "-q", "--length", 10**12),
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
        preexec_fn=own_signals,
    )
    assert len(process.stdout.read(500)) == 500
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (-signal.SIGINT, b"")
