"""Work that may take a while: a bar or a line shows it, and Ctrl-C ends it with a line."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from charrnn.cli.terminal import (
    CtrlC,
    Ended,
    ctrl_c_raises,
    die_by_signal,
    is_quiet,
    say,
    undone_by_signals,
)
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.interpret.recording import Recording

SCALED = 10_000
"""Counts from which on a bar shows them rounded."""
PATIENCE = 2.0
"""Seconds after which it is reported what is being read."""


class Work:
    """How much of some work is done, as `working` shows it."""

    def __init__(self, total: int | None, noun: str, *, has_bar: bool) -> None:
        from tqdm import tqdm

        self.total, self.noun, self.done = total, noun, 0
        self.ctrl_c = CtrlC()
        self.bar = tqdm(
            total=total,
            unit=f" {noun}s",
            unit_scale=total is not None and total >= SCALED,
            bar_format=f"{noun}s: {{n:,}} [{{elapsed}}]" if total is None else None,
            dynamic_ncols=True,
            disable=None if has_bar and not is_quiet() else True,
            delay=1,
            leave=False,
        )

    def advance(self, count: int) -> None:
        """Report that this much more is done.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        self.ctrl_c.check()
        self.done += count
        self.bar.update(count)

    def expect(self, total: int) -> None:
        """Set how much there is to do, which is known only now."""
        self.total = total
        self.bar.unit_scale = total >= SCALED
        self.bar.bar_format = None
        self.bar.total = (
            total  # `reset` would draw a bar that `close`, within the delay, leaves behind
        )
        self.bar.n = self.bar.last_print_n = 0

    def reading(self, parts: "Iterable[Recording]", length: int) -> "Iterator[Recording]":
        """The parts of a text of this many symbols; each counts as soon as the next one is wanted."""
        self.expect(length)
        return self.passing(parts)

    def passing(self, parts: "Iterable[Recording]") -> "Iterator[Recording]":
        """The parts of a text of unknown length; each counts as soon as the next one is wanted."""
        for part in parts:
            yield part
            self.advance(len(part.ids))

    def __str__(self) -> str:
        if self.total is None:
            return counted(self.done, self.noun)
        return f"{self.done:,} of {counted(self.total, self.noun)}"


@contextlib.contextmanager
def working(total: int | None, noun: str, *, has_bar: bool = True) -> Iterator[Work]:
    """Show how far the block's work is, if it takes more than a second. Ctrl-C ends the process with a line.

    Args:
        total: how much there is to do; None: unknown.
        noun: what is counted, such as "character".
        has_bar: whether a bar is shown; not where the block itself prints to the terminal.
    """
    work = Work(total, noun, has_bar=has_bar)
    with ctrl_c_raises() as work.ctrl_c:
        try:
            yield work
        except KeyboardInterrupt:
            work.bar.close()
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            say(f"charrnn: interrupted after {work}" if work.done else "charrnn: interrupted")
            die_by_signal(signal.SIGINT)
        finally:
            work.bar.close()


@contextlib.contextmanager
def reading_streams(what: str) -> Iterator[None]:
    """Report what is read, if the block takes long, and, when Ctrl-C ends it, what was not read to its end.

    Args:
        what: the streams that are read; "": there is none, and nothing to report.
    """
    timer = threading.Timer(PATIENCE, say, [f"charrnn: reading {what}"])
    timer.daemon = True
    with undone_by_signals():
        if what:
            timer.start()
        try:
            yield
        except Ended as ended:
            if what and ended.number == signal.SIGINT:
                say(f"charrnn: interrupted while reading {what}")
            raise
        finally:
            timer.cancel()
