"""Work that takes a while: a bar on a terminal, and a line after Ctrl-C."""

import io
import os
import pty
import re
import signal
import subprocess
import sys

import pytest
from helpers import CLEAN, call_charrnn, own_signals, program

from charrnn.cli import terminal
from charrnn.cli.work import working


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


def test_what_was_done_is_counted_and_ctrl_c_says_it(monkeypatch, capsys):
    monkeypatch.setattr("charrnn.cli.work.die_by_signal", lambda number: None)
    with working(12_000, "character") as work:
        work.advance(5000)
        work.advance(1)
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "charrnn: interrupted after 5,001 of 12,000 characters\n"
    with working(None, "line") as work:
        work.advance(1)
        assert str(work) == "1 line"
        work.expect(7)
        assert str(work) == "1 of 7 lines"
    assert capsys.readouterr().err == ""


def test_a_bar_is_shown_on_a_terminal_only_and_not_if_quiet(monkeypatch):
    for is_quiet, stream, shown in (
        (False, Terminal(), True),
        (True, Terminal(), False),
        (False, io.StringIO(), False),
    ):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(terminal, "_quiet", is_quiet)
        with working(9, "line") as work:
            assert work.bar.disable is not shown


def test_a_bar_that_ends_at_once_leaves_nothing_on_the_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with working(None, "character") as work:
        work.expect(50_000)
        work.advance(50_000)
    assert sys.stderr.getvalue() == ""


def test_ctrl_c_ends_a_score_of_a_stream_with_a_line(workplace):
    with subprocess.Popen(
        program("score", "tiny", "-"),
        cwd=workplace,
        env=CLEAN,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=own_signals,
    ) as process:
        process.stdin.write(b"def\nreturn\n")
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT
        assert b"return" in lines[-1]
        assert process.stderr.read().endswith(b"charrnn: interrupted after 2 lines\n")


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        (
            "charrnn.evaluation.baselines._ngrams",
            ("evaluate", "tiny", "--split", "val", "--baselines"),
        ),
        (
            "charrnn.interpret.recording.Reader.read",
            ("visualize", "tiny", "def", "--dump", "x.npz"),
        ),
        ("charrnn.interpret.recording.Reader.read", ("gates", "tiny", "def")),
    ],
    ids=lambda value: value[0],
)
def test_ctrl_c_ends_every_work_that_has_a_bar_with_a_line(
    workplace, monkeypatch, capsys, place, arguments
):
    def interrupted(*_, **__):
        signal.raise_signal(signal.SIGINT)

    def die(number):
        raise SystemExit(128 + number)

    monkeypatch.chdir(workplace)
    monkeypatch.setattr(place, interrupted)
    monkeypatch.setattr("charrnn.cli.work.die_by_signal", die)
    ended = call_charrnn(capsys, *arguments, status=130)
    assert ended.err.endswith("charrnn: interrupted\n")
    assert not list(workplace.glob("*x.npz*"))


# --- messages on a terminal -----------------------------------------------------------------------


@pytest.fixture
def on_terminal(monkeypatch):
    """What `say` prints on a terminal of 40 columns."""

    def printed(text):
        stream = Terminal()
        ours, theirs = pty.openpty()
        import termios

        termios.tcsetwinsize(theirs, (20, 40))
        stream.fileno = lambda: theirs
        monkeypatch.setattr(sys, "stderr", stream)
        terminal.say(text)
        os.close(ours)
        os.close(theirs)
        return stream.getvalue().rstrip("\n").split("\n")

    return printed


def test_messages_are_broken_between_words_below_their_first_word(on_terminal):
    long = "charrnn: 17 characters that the model does not know were left out"
    assert on_terminal(long) == [
        "charrnn: 17 characters that the model",
        "         does not know were left out",
    ]
    assert on_terminal("plan        12.3 million characters, enough for 2 x 128 units") == [
        "plan        12.3 million characters,",
        "            enough for 2 x 128 units",
    ]
    assert on_terminal("short") == ["short"]


def test_a_command_to_copy_is_not_broken(on_terminal):
    line = "to resume: charrnn train corpus.txt --resume --name corpus --out runs"
    assert on_terminal(line) == [line]


def test_a_message_is_a_line_in_which_nothing_acts(on_terminal):
    assert on_terminal("wrote a\nb\x1b[31m\u202e.txt") == ["wrote a\\nb\\x1b[31m\\u202e.txt"]


def test_a_pipe_gets_messages_in_one_line(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    for line in call_charrnn(capsys, "visualize", "tiny", "漢" * 9 + "a").err.splitlines():
        assert line.startswith("charrnn: ")


# --- words for choices ----------------------------------------------------------------------------


def test_words_that_others_use_for_choices_are_answered(workplace, monkeypatch, capsys, wording):
    monkeypatch.chdir(workplace)
    for options in (("--cell", "rnn"), ("--cell", "LSTMM"), ("--optimizer", "adam")):
        wording(call_charrnn(capsys, "train", "corpus.txt", *options, status=2))
    wording(call_charrnn(capsys, "train", "shakespear", status=3))
    wording(call_charrnn(capsys, "compare", "corpus.txt", "--cells", "lstm,rnn", status=2))


def test_gpu_is_cuda_and_letters_may_be_large(workplace, monkeypatch, capsys):
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(workplace)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refused = call_charrnn(capsys, "train", "corpus.txt", "--device", "GPU", "-q", status=6)
    assert "CUDA" in refused.err
    large = ("--cell", "GRU", "--precision", "FLOAT32")
    small = ("--hidden-size", 4, "--batch-size", 2, "--threads", 1)
    plan = call_charrnn(capsys, "train", "corpus.txt", *large, *small, "--plan-only")
    assert re.search(r"\bgru\b", plan.out + plan.err)
