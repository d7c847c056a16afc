"""Whether a terminal is dark: what it says of itself is heeded, and nothing is asked in vain or lost."""

import os
import pty
import select
import sys
import threading

import pytest

from charrnn.cli import background
from charrnn.cli.background import QUESTION, is_dark, is_dark_answer


@pytest.mark.parametrize(
    ("answer", "dark"),
    [
        (b"\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62;4c", True),
        (b"\x1b]11;rgb:1e1e/1e1e/2e2e\x07\x1b[?1;2c", True),
        (b"\x1b]11;rgb:ff/ff/dd\x07", False),
        (b"\x1b]11;rgba:0000/2b2b/3636/ffff\x1b\\", True),
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", False),
        (b"\x1b[?1;2c", False),
        (b"", False),
    ],
)
def test_the_answer_of_a_terminal_says_how_bright_it_is(answer, dark):
    assert is_dark_answer(answer) is dark


@pytest.mark.parametrize(
    ("value", "dark"),
    [("15;0", True), ("0;15", False), ("12;8", True), ("0;default;7", False), ("0;default", False)],
)
def test_colorfgbg_is_heeded_before_anything_is_asked(monkeypatch, value, dark):
    monkeypatch.setenv("COLORFGBG", value)
    is_dark.cache_clear()
    assert is_dark() is dark
    is_dark.cache_clear()


@pytest.mark.parametrize("typed", [b"", b"ls"])
def test_a_terminal_is_asked_unless_something_typed_would_be_lost(monkeypatch, typed):
    ours, terminal = pty.openpty()
    opened = os.open
    monkeypatch.setattr(
        background.os, "open", lambda p, *a: os.dup(terminal) if p == "/dev/tty" else opened(p, *a)
    )
    monkeypatch.setattr(background.os, "tcgetpgrp", lambda _: os.getpgrp())
    heard = []

    def answer():
        if select.select([ours], [], [], 5)[0]:
            heard.append(os.read(ours, 100))
            os.write(ours, b"\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62c")

    other = threading.Thread(target=answer)
    if typed:
        os.write(ours, typed)
    else:
        other.start()
    found = background._ask()
    if typed:
        assert found == b""
        assert not heard
        import termios

        flags = termios.tcgetattr(terminal)
        assert flags[3] & termios.ICANON  # as it was
    else:
        other.join()
        assert heard == [QUESTION]
        assert is_dark_answer(found)
    os.close(ours)
    os.close(terminal)


def test_what_is_no_terminal_is_not_asked(monkeypatch):
    monkeypatch.delenv("COLORFGBG", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    monkeypatch.setattr(background, "_ask", lambda: pytest.fail("asked"))
    is_dark.cache_clear()
    assert not is_dark()
    is_dark.cache_clear()
