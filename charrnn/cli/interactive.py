"""`charrnn sample --interactive`: a person and a model write a text in turn.

Here is the form for a pipe, and for terminals that know no more than lines; the other is in `screen.py`. In both the
talk goes to the terminal or to stderr, and standard output gets the text that came of it, at the end.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.terminal import report
from charrnn.errors import CharrnnError, UsageError
from charrnn.render.glyphs import harmless
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.config import SamplingConfig
    from charrnn.model import CharRNN
    from charrnn.sampling.session import Session

SUGGESTED = 200
"""Characters of a suggestion, unless --length says otherwise."""
SHOWN_BEFORE = 60
"""Characters of the text that are repeated before a suggestion, at most."""
HELP = """\
TEXT           add this to the text
:line [TEXT]   the same, and a newline after it
(empty line)   accept the whole suggestion
:word [N]      accept its next word, or N words
:again         another suggestion
:temp X        the same random numbers at another temperature
:back          take the last step back
:show          show the text
:save FILE     write the text to a file; :save! replaces one that is there
:quit          leave, and write the text to standard output
A text that begins with a colon is typed with two."""


def write_together(model: "CharRNN", config: "SamplingConfig", text: str, *, quiet: bool) -> None:
    """Let a person write a text with a model, and write it to standard output.

    Args:
        model: suggests.
        config: how to draw, and where a suggestion ends.
        text: what there is already.
        quiet: without a screen, say nothing on stderr but errors.
    """
    from threadpoolctl import threadpool_limits

    from charrnn.sampling.session import Session

    session = Session(model, config, text)
    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        if has_screen():
            from charrnn.cli.screen import Screen

            Screen(session).run()
        else:
            Lines(session, quiet=quiet).run()
    _print_text(session.text)


def has_screen() -> bool:
    """Whether keys can be read one by one, and text can be shown at any place."""
    if os.environ.get("TERM", "xterm" if os.name == "nt" else "") in ("", "dumb", "unknown"):
        return False
    return sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())


def _print_text(text: str) -> None:
    is_terminal = sys.stdout.isatty()
    sys.stdout.write(harmless(text) if is_terminal else text)
    if is_terminal and text and not text.endswith("\n"):
        sys.stdout.write("\n")
    sys.stdout.flush()


class Lines:
    """Reads a line, does what it says, and shows how the text goes on."""

    def __init__(self, session: "Session", *, quiet: bool) -> None:
        self._session = session
        self._quiet = quiet

    def run(self) -> None:
        """Go on until the input ends, or somebody leaves."""
        self._put("charrnn: type how the text begins or goes on; :help tells the rest\n")
        with _ctrl_c_raises(), contextlib.suppress(KeyboardInterrupt):
            self._suggest()
            for line in self._lines():
                if line == ":quit":
                    return
                try:
                    self._obey(line)
                except CharrnnError as error:
                    report(error)

    def _lines(self) -> Iterator[str]:
        """The lines that come in; a terminal is asked for each."""
        is_terminal = sys.stdin.isatty()
        encoding = (sys.stdin.encoding or "utf-8") if is_terminal else "utf-8"
        while True:
            if is_terminal:
                self._put("> ")
            raw = sys.stdin.buffer.readline()
            if not raw:
                return
            yield raw.decode(encoding, "surrogateescape").removesuffix("\n").removesuffix("\r")

    def _obey(self, line: str) -> None:
        """Do what a line says.

        Raises:
            CharrnnError: it means nothing, or it cannot be done; the text is as it was.
        """
        session = self._session
        steps: dict[str, Callable[[str], object]] = {
            ":line": lambda rest: session.type(rest + "\n"),
            ":word": lambda rest: self._accept_words(_count(rest)),
            ":again": lambda _: session.regenerate(),
            ":temp": lambda rest: session.set_temperature(_number(rest)),
            ":back": lambda _: self._back(),
            ":show": lambda _: self._put(harmless(session.text) + "\n"),
        }
        others: dict[str, Callable[[str], object]] = {
            ":save": lambda rest: self._save(rest, replace=False),
            ":save!": lambda rest: self._save(rest, replace=True),
            ":help": lambda _: self._put(HELP + "\n"),
        }
        command, _, rest = line.partition(" ")
        if not line:
            session.accept_all()
        elif not line.startswith(":") or line.startswith("::"):
            session.type(line[line.startswith("::") :])
        elif command in others:
            others[command](rest)
            return
        elif command in steps:
            steps[command](rest)
        else:
            raise UsageError(f"there is no command {command}", ":help tells what there is")
        self._suggest()

    def _back(self) -> None:
        if not self._session.back():
            raise UsageError("there is no step to take back")

    def _accept_words(self, count: int) -> None:
        for _ in range(count):
            self._session.accept_word()
            for _ in self._session.write():  # the next one, if that was its last word
                pass

    def _save(self, name: str, *, replace: bool) -> None:
        if not name:
            raise UsageError("a file needs a name", ":save story.txt")
        try:
            self._session.save(Path(name).expanduser(), replace=replace)
        except UsageError as error:
            hint = error.hint or f":save! {name} replaces it"
            raise UsageError(error.message, hint) from error
        self._put(
            f"charrnn: wrote {harmless(name)} ({counted(len(self._session.text), 'character')})\n"
        )

    def _suggest(self) -> None:
        """Show the end of the text, and how it goes on; Ctrl-C stops that."""
        session = self._session
        last = session.text.rpartition("\n")[2][-SHOWN_BEFORE:]
        with contextlib.suppress(KeyboardInterrupt):
            self._put(harmless(last) + "|" + harmless(session.suggestion))
            for part in session.write():
                self._put(harmless(part))
        self._put("\n")

    def _put(self, text: str) -> None:
        if not self._quiet:
            with contextlib.suppress(OSError):
                sys.stderr.write(text)
                sys.stderr.flush()


def _count(text: str) -> int:
    if not text:
        return 1
    if not (text.isdecimal() and 0 < int(text) <= 10_000):
        raise UsageError(f"{text!r} is no number of words", ":word 3 accepts three words")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{text!r} is no temperature", ":temp 0.5") from None


@contextlib.contextmanager
def _ctrl_c_raises() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, unless it is ignored."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
