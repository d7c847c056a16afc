"""Whether the terminal is dark: COLORFGBG says so, or the terminal, which is asked for its background (OSC 11)."""

import functools
import os
import re
import select
import sys
import time

SECONDS = 0.3
"""How long an answer may take; a terminal that knows the question answers at once."""
QUESTION = b"\x1b]11;?\x1b\\\x1b[c"
"""The background, and then what every terminal answers (DA1), so that none is waited for in vain."""
BACKGROUND = re.compile(rb"\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})")
LAST_ANSWER = re.compile(rb"\x1b\[\?[0-9;]*c")
MIDDLE = 0.5


@functools.cache
def is_dark() -> bool:
    """Whether standard output has a dark background; False where nothing is known of it."""
    ground: str = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    if ground.isdecimal():
        return int(ground) in {*range(7), 8}
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return is_dark_answer(_ask())


def is_dark_answer(answer: bytes) -> bool:
    """Whether the background in a terminal's answer is dark; False if there is none in it."""
    if not (found := BACKGROUND.search(answer)):
        return False
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return bool(0.299 * red + 0.587 * green + 0.114 * blue < MIDDLE)


def _ask() -> bytes:
    """What the terminal answers; nothing if it cannot be asked, or if something has been typed that would be lost."""
    if sys.platform == "win32":
        return b""
    import termios
    import tty

    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return b""
    try:
        if os.tcgetpgrp(terminal) != os.getpgrp():  # a job in the background would be stopped
            return b""
        before = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal, termios.TCSANOW)
            return b"" if _is_readable(terminal, 0) else _answer(terminal)
        finally:
            termios.tcsetattr(terminal, termios.TCSANOW, before)
    except (OSError, termios.error):
        return b""
    finally:
        os.close(terminal)


def _answer(terminal: int) -> bytes:
    """Ask, and read until the last answer or for SECONDS."""
    os.write(terminal, QUESTION)
    answer, end = b"", time.monotonic() + SECONDS
    while not LAST_ANSWER.search(answer):
        if not _is_readable(terminal, end - time.monotonic()):
            break
        answer += os.read(terminal, 1024)
    return answer


def _is_readable(terminal: int, seconds: float) -> bool:
    return bool(select.select([terminal], [], [], max(0.0, seconds))[0])
