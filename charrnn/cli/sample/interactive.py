"""`charrnn sample --interactive`: a person and a model write a text in turn.

`LineInterface` is for a pipe, and for terminals that can only print lines; `screen.py` is for all others. In both the
conversation takes place on the terminal or on stderr, and standard output gets the text at the end.
"""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.terminal import CtrlC, ctrl_c_raises, is_quiet, report, typed_path
from charrnn.cli.threads import one_thread
from charrnn.errors import CharrnnError, DataError, SettingError, UsageError
from charrnn.render.glyphs import harmless
from charrnn.settings import Config, setting
from charrnn.text.waiting import reading
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.config import SamplingConfig
    from charrnn.model import CharRNN
    from charrnn.sampling.session import Session

SUGGESTION_LENGTH = 200
"""Characters of a suggestion, unless --length gives another number."""
LONGEST_LINE = 1 << 24
"""Maximum bytes of a line of standard input."""
PIECE = 1 << 20
"""Maximum bytes of standard input that are read at once."""
MAX_CONTEXT = 60
"""Maximum characters of the text that are repeated before a suggestion."""
HELP = """\
TEXT           add this to the text
:line [TEXT]   add this and a newline
(empty line)   accept the whole suggestion
:word [N]      accept its next word, or its next N words
:again         get another suggestion
:temp X        get a suggestion at another temperature, from the same random numbers
:back          undo the last step
:show          show the text
:save FILE     save the text to a file; :save! replaces an existing one
:quit          leave, and print the text on standard output
Type a text that begins with a colon with two colons."""


@dataclass(frozen=True, kw_only=True)
class InteractiveOptions(Config):
    """Whether a person and the model write the text in turn."""

    interactive: bool = setting(
        False,
        "Write a text together with the model: type, see how it might continue, accept it word by word, or ask for "
        f"another suggestion. Suggestions have {SUGGESTION_LENGTH} characters unless {{length}} is given.",
        excludes=(
            *("temperature_to", "count", "separator", "unique", "novel", "best_of"),
            *("json", "show_probabilities"),
        ),
    )

    def require_input(self, read: Mapping[str, Sequence[str]]) -> None:
        """Raise SettingError if standard input is needed for two things, or for typing and is closed.

        Args:
            read: the files that each setting names.
        """
        users = [name for name, files in read.items() if "-" in files]
        if self.interactive and users:
            raise SettingError.naming(
                "{interactive} reads standard input itself", f"give {{{users[0]}}} a file"
            )
        if len(users) > 1:
            raise SettingError.naming(
                f"{{{users[0]}}} and {{{users[1]}}} cannot both read standard input",
                f"give {{{users[1]}}} a file",
            )
        if self.interactive and sys.stdin is None:
            raise SettingError.naming("{interactive} reads standard input, which is closed")


def write_together(
    model: "CharRNN",
    config: "SamplingConfig",
    text: str,
    given: Collection[str],
    between: str = "\n\n",
) -> None:
    """Let a person write a text with a model, and print it on standard output.

    Args:
        model: the model that makes suggestions.
        config: how to draw, and where a suggestion ends.
        text: the text to begin with.
        given: the names of the settings that were given.
        between: what stands between two records or documents when the text is printed or saved.
    """
    from charrnn.sampling.session import Session

    if "length" not in given:
        config = dataclasses.replace(config, length=SUGGESTION_LENGTH)
    session = Session(model, config, text, between)
    with one_thread():
        if has_screen():
            from charrnn.cli.sample.screen import Screen

            Screen(session).run()
        else:
            LineInterface(session).run()
    _print_text(session.readable)


def has_screen() -> bool:
    """Whether the terminal reads single keys and can place text anywhere."""
    if os.environ.get("TERM", "xterm" if os.name == "nt" else "") in ("", "dumb", "unknown"):
        return False
    return sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())


def _print_text(text: str) -> None:
    is_terminal = sys.stdout.isatty()
    sys.stdout.write(harmless(text) if is_terminal else text)
    if is_terminal and text and not text.endswith("\n"):
        sys.stdout.write("\n")
    sys.stdout.flush()


class LineInterface:
    """A session by lines: reads a line, does what it says, and shows how the text might continue."""

    def __init__(self, session: "Session") -> None:
        self._session, self._ctrl_c = session, CtrlC()

    def run(self) -> None:
        """Read lines until the input ends or one is `:quit`."""
        self._put("charrnn: type the text to begin or continue with; :help lists the commands\n")
        with ctrl_c_raises() as self._ctrl_c, contextlib.suppress(KeyboardInterrupt):
            self._suggest()
            for line in self._lines():
                if line == ":quit":
                    return
                try:
                    self._obey(line)
                except CharrnnError as error:
                    report(error)

    def _lines(self) -> Iterator[str]:
        """The lines of standard input; a terminal shows a prompt for each."""
        is_terminal = sys.stdin.isatty()
        encoding = (sys.stdin.encoding or "utf-8") if is_terminal else "utf-8"
        read, kept = reading(sys.stdin.buffer, PIECE), b""
        while True:
            if is_terminal:
                self._put("> ")
            while b"\n" not in kept and len(kept) <= LONGEST_LINE and (piece := read()):
                kept += piece
            line, end, kept = kept.partition(b"\n")
            if not (line or end):
                return
            if len(line) > LONGEST_LINE:
                raise DataError(f"standard input has a line of more than {LONGEST_LINE:,} bytes")
            yield line.decode(encoding, "surrogateescape").removesuffix("\r")

    def _obey(self, line: str) -> None:
        """Do what a line says.

        Raises:
            CharrnnError: the line is not a command, or cannot be carried out; the text has not changed.
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
            raise UsageError(f"unknown command {command}", ":help lists the commands")
        self._suggest()

    def _back(self) -> None:
        if not self._session.undo():
            raise UsageError("there is no step to undo")

    def _accept_words(self, count: int) -> None:
        for _ in range(count):
            self._session.accept_word()
            for _ in self._session.generate():  # the next one, if that was its last word
                self._ctrl_c.check()

    def _save(self, name: str, *, replace: bool) -> None:
        if not name:
            raise UsageError("the file needs a name", "for example :save story.txt")
        try:
            self._session.save(typed_path(name), replace=replace)
        except UsageError as error:
            hint = error.hint or f":save! {name} replaces it"
            raise UsageError(error.message, hint) from error
        self._put(
            f"charrnn: saved {harmless(name)} ({counted(len(self._session.text), 'character')})\n"
        )

    def _suggest(self) -> None:
        """Show the end of the text and the suggestion; Ctrl-C stops that."""
        session = self._session
        last = session.text.rpartition("\n")[2][-MAX_CONTEXT:]
        with contextlib.suppress(KeyboardInterrupt):
            self._put(harmless(last) + "|" + harmless(session.suggestion))
            for part in session.generate():
                self._ctrl_c.check()
                self._put(harmless(part))
        self._ctrl_c.pressed = False
        self._put("\n")

    def _put(self, text: str) -> None:
        if not is_quiet():
            with contextlib.suppress(OSError):
                sys.stderr.write(text)
                sys.stderr.flush()


def _count(text: str) -> int:
    if not text:
        return 1
    if not (text.isdecimal() and 0 < int(text) <= 10_000):
        raise UsageError(f"{text!r} is not a number of words", ":word 3 accepts three words")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a temperature", "for example :temp 0.5") from None
