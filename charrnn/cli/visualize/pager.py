"""The user's pager: a program that shows text page by page."""

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterable

from charrnn.errors import EnvironmentFault

USUAL = "less -R"
"""The pager if PAGER names none; -R lets colors through."""


def page(lines: Iterable[str]) -> None:
    """Show lines through the user's pager as they come, and wait until it is left.

    PAGER names it; by default it is less. If it is left early, no more lines are generated.

    Raises:
        EnvironmentFault: there is no such program, or it fails.
    """
    command = os.environ.get("PAGER", "").strip() or USUAL
    hint = "set PAGER to an installed program, or leave out --pager"
    try:
        process = subprocess.Popen(  # noqa: S603 (the user's own choice)
            shlex.split(command),
            stdin=subprocess.PIPE,
            env={"LESS": "R", **os.environ},
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EnvironmentFault(f"cannot start the pager {command!r}: {reason}", hint) from error
    restore = _leave_signals_to_the_pager()
    try:
        try:
            _feed(process, lines)
        finally:
            status = process.wait()
    finally:
        restore()
    if status:
        raise EnvironmentFault(f"the pager {command!r} ended with status {status}", hint)


def _feed(process: "subprocess.Popen[bytes]", lines: Iterable[str]) -> None:
    """Write lines to the pager until there are no more, or it is left."""
    assert process.stdin
    try:
        with contextlib.suppress(BrokenPipeError):
            for line in lines:
                process.stdin.write((line + "\n").encode("utf-8", "backslashreplace"))
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _leave_signals_to_the_pager() -> Callable[[], None]:
    """Ignore Ctrl-C and a closed pipe while the pager runs; returns a function that undoes this."""
    before = {
        getattr(signal, name): signal.signal(getattr(signal, name), signal.SIG_IGN)
        for name in ("SIGINT", "SIGPIPE")
        if hasattr(signal, name)
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore
