"""Terminal input and output that all commands share.

Results go to stdout, reports to stderr; an error is one line; signals end the process as usual.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from charrnn.errors import REQUEUE, CharrnnError, EnvironmentFault, UsageError
from charrnn.render.palette import ColorMode
from charrnn.wording import escape

if TYPE_CHECKING:
    from charrnn.render.grid import GridRow

LABEL = re.compile(r"charrnn: | +|\S+ {2,}")
"""What stands before a message, below which its other lines do not go."""
SHOWN_COMMAND = re.compile(r"(?<!^)\b(charrnn [a-z]|pip install|iconv )")
"""A command that is to be copied, in a message."""

MOST_COLUMNS = 1000
"""The widest terminal that output is made for."""
_quiet = False
_arguments: tuple[str, ...] = ()
_farewells: list[Callable[[], object]] = []


def set_arguments(arguments: Iterable[str]) -> None:
    """Keep the command line, for hints that repeat it."""
    global _arguments  # noqa: PLW0603 (one process obeys one command line)
    _arguments = tuple(arguments)


def own_arguments() -> tuple[str, ...]:
    """The command line, without the name of the program."""
    return _arguments


def with_stdin(name: str) -> str:
    """The command line, with standard input in place of an argument."""
    words = list(_arguments)
    if name not in words:
        return shlex.join(("charrnn", *words[:1], "...", "-"))
    words[words.index(name)] = "-"
    return shlex.join(("charrnn", *words))


def set_quiet(quiet: bool) -> None:
    """Silence everything on stderr but errors and warnings, until the command ends."""
    global _quiet  # noqa: PLW0603 (one process obeys one command line)
    _quiet = quiet


def is_quiet() -> bool:
    """Whether --quiet was given."""
    return _quiet


def say(text: str = "") -> None:
    """Print a line on stderr, unless --quiet was given."""
    if not _quiet:
        warn(text)


def say_rows(rows: "Iterable[GridRow]") -> None:
    """Print the rows of a grid on stderr, in their colors, unless --quiet was given."""
    from charrnn.render.ansi import lines_of

    if not _quiet:
        with contextlib.suppress(OSError):
            for line in lines_of(rows):
                print(f"charrnn: {line}", file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a line on stderr, even with --quiet. If stderr is closed, the command continues."""
    with contextlib.suppress(OSError):
        print(fitted(text), file=sys.stderr, flush=True)


def fitted(text: str) -> str:
    """A message for stderr as one line, in which nothing acts on a terminal: names in it may be of any characters.

    On a terminal it is broken between words, and goes on below its first word, unless it shows a command, which can so
    be copied.
    """
    line = escape(text)
    if not sys.stderr.isatty():
        return line
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        width = 80
    return "\n".join(_broken(line, width))


def _broken(line: str, width: int) -> list[str]:
    if len(line) <= width or SHOWN_COMMAND.search(line):
        return [line]
    from charrnn.render.tables import wrapped

    label = LABEL.match(line)
    return wrapped(line, width, " " * (label.end() if label else 0))


def can_print(text: str) -> bool:
    """Whether standard output's encoding has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def shown(text: str) -> str:
    """A text for standard output: control characters are visible on a terminal, and a pipe gets them as they are."""
    if not sys.stdout.isatty():
        return text
    from charrnn.render.glyphs import harmless

    return harmless(text)


def print_wrapped(text: str, indent: int = 0) -> None:
    """Print a line, wrapped between words on a terminal and unbroken in a pipe.

    Args:
        text: has no newlines; what acts on a terminal is escaped.
        indent: the indent of all lines but the first.
    """
    text = escape(text)
    if not sys.stdout.isatty():
        print(text)
        return
    from charrnn.render.tables import wrapped

    print(*wrapped(text, terminal_width(), " " * indent), sep="\n")


def print_rows(rows: "Iterable[GridRow]") -> None:
    """Print the rows of a grid as they come, in their colors."""
    from charrnn.render.ansi import lines_of

    for line in lines_of(rows):
        sys.stdout.write(line + "\n")


def print_json(record: object) -> None:
    """A line of JSON in ASCII, so that no character of a text acts, wherever the line ends up."""
    import json

    print(json.dumps(record, allow_nan=False), flush=True)


def report(error: CharrnnError) -> None:
    """An error as one line, and its hint as another."""
    warn(f"charrnn: {error.message}")
    if error.hint:
        warn(f"         {error.hint}")


UNREPORTED = 86
"""Status of a process that leaves its error to the one that has started it, which knows more of it."""
SIGUSR1: int | None = getattr(signal, "SIGUSR1", None)
"""A cluster's warning before it ends a job; None where the system has no such signal."""


def at_death(farewell: Callable[[], object]) -> None:
    """Call this before the process ends by a signal that can be caught."""
    _farewells.append(farewell)
    for number in _ending_signals():
        if number != signal.SIGINT:  # Ctrl-C, which `ctrl_c_raises` handles
            signal.signal(number, _die_of)


def _bid_farewell() -> None:
    while _farewells:
        _farewells.pop()()


def _die_of(number: int, _: object) -> NoReturn:
    """A handler of signals: end at once, but with the farewells."""
    die_by_signal(number)


def die_by_signal(number: int) -> NoReturn:
    """Exit as if killed by the signal, so that a shell's loop stops too; after SIGUSR1 with the status REQUEUE."""
    _bid_farewell()
    if number == SIGUSR1:
        raise SystemExit(REQUEUE)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)  # where signals do not kill


def require_place(path: Path, *, folder: bool = False) -> None:
    """Raise UsageError unless a file, or a folder, may be made at this path, as far as one can tell beforehand."""
    if path.is_dir() and not folder:
        raise UsageError(f"cannot write {str(path)!r}: it is a folder")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}")


def typed_path(name: str) -> Path:
    """The path of a name that was typed, in which ~ is a home folder, if there is one."""
    return Path(os.path.expanduser(name))  # noqa: PTH111 (Path's own raises where there is none)


class CtrlC:
    """Whether Ctrl-C was pressed in a `ctrl_c_raises` block.

    KeyboardInterrupt is lost where C code that it passes through ignores exceptions, as the import of some compiled
    modules does. A loop that Ctrl-C must end therefore calls `check` in each round.
    """

    def __init__(self) -> None:
        self.pressed = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.pressed:
            raise KeyboardInterrupt


@contextlib.contextmanager
def ctrl_c_raises() -> Iterator[CtrlC]:
    """Let Ctrl-C raise KeyboardInterrupt in this block, unless it is ignored or handled already."""
    ctrl_c = CtrlC()

    def interrupt(_: int, __: object) -> NoReturn:
        ctrl_c.pressed = True
        raise KeyboardInterrupt

    ends_us = signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    if ends_us:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield ctrl_c
    finally:
        if ends_us:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


class Ended(BaseException):
    """A signal came that ends the process, within `undone_by_signals`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _requeue(*_: object) -> NoReturn:
    _bid_farewell()
    os._exit(REQUEUE)


@contextlib.contextmanager
def requeued_by_signal() -> Iterator[None]:
    """Let SIGUSR1 end the process at once with the status REQUEUE, unless it is ignored: nothing is lost yet."""
    if SIGUSR1 is None or signal.getsignal(SIGUSR1) == signal.SIG_IGN:
        yield
        return
    # whatever runs meanwhile: the import of a compiled module would swallow an exception
    before = signal.signal(SIGUSR1, _requeue)
    try:
        yield
    finally:
        signal.signal(SIGUSR1, before)


@contextlib.contextmanager
def undone_by_signals() -> Iterator[None]:
    """Let a signal that would end the process at once end this block first, so that what is half done is undone."""

    def end(number: int, _: object) -> NoReturn:
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in _ending_signals()}
    try:
        yield
    except Ended as ended:
        die_by_signal(ended.number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ending_signals() -> list[int]:
    """The signals that would end this process at once."""
    numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    return [n for n in numbers if n and signal.getsignal(n) in (signal.SIG_DFL, _die_of)]


def run(command: Callable[[], object]) -> NoReturn:
    """Run the command line and exit with its status."""
    status: object = 0
    fault: CharrnnError | None = None
    try:
        _prepare_streams()
        _let_signals_end_us()
        command()
    except SystemExit as leaving:
        status = leaving.code
    except CharrnnError as error:
        fault = error
    except MemoryError:
        fault = EnvironmentFault("out of memory", "try a shorter text or a smaller model")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        fault = without_torch()
    except OSError as error:
        what = f"read or write {error.filename}" if error.filename else "write the output"
        fault = EnvironmentFault(f"cannot {what}: {error.strerror or error}")
    fault = _flush() or fault
    if fault:
        if not _follows() and fault.exit_status != UNREPORTED:
            report(fault)
        status = fault.exit_status
    raise SystemExit(status)


def _follows() -> bool:
    """Whether this is a process of `train` whose errors rank 0 has too."""
    if "RANK" not in os.environ or _arguments[:1] != ("train",):
        return False
    from charrnn.training.place import place_in

    try:
        place = place_in(os.environ)
    except UsageError:
        return os.environ["RANK"] != "0"
    return place is not None and place.follows


def without_torch() -> EnvironmentFault:
    """The error of a command that needs torch where there is none: most commands run without it."""
    return EnvironmentFault(
        "this command needs torch, which is not installed",
        "pip install torch; sample, visualize, gates, evaluate, score and serve run without it",
    )


def _prepare_streams() -> None:
    """A pipe gets UTF-8 and LF whatever the locale; a terminal gets what it can show.

    Bytes that are not UTF-8 (in a prompt or a path) pass through a pipe unchanged.

    Raises:
        EnvironmentFault: standard output is closed.
    """
    _fill_closed_streams()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    if sys.stdout is None:
        sys.stdout = _nowhere()
        raise EnvironmentFault("cannot write the output: standard output is closed")
    _prepare_surroundings()
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if stream.isatty():
            reconfigure(errors="backslashreplace")
        else:
            reconfigure(encoding="utf-8", errors=errors, newline="")


def _fill_closed_streams() -> None:
    """Let no file that is opened later be in the place of a closed stream, where other libraries would write into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def _prepare_surroundings() -> None:
    """Keep other libraries from what only charrnn should do: warn, and draw for a terminal of any width.

    Raises:
        EnvironmentFault: the working folder has been removed.
    """
    import warnings

    try:
        os.getcwd()  # noqa: PTH109
    except OSError as error:
        raise EnvironmentFault(
            "the working folder has been removed", "cd to another one"
        ) from error
    # NumPy's, of weights that are too large, for which charrnn has an error; after -W, which has its way
    warnings.simplefilter("ignore", RuntimeWarning, append=True)
    given = os.environ.get("COLUMNS", "")
    if len(given) > 9 or shutil.get_terminal_size().columns > MOST_COLUMNS:  # int() has a limit too
        os.environ["COLUMNS"] = str(MOST_COLUMNS)  # the help is drawn in as many cells
    plain = not sys.stdout.isatty() and not os.environ.get("FORCE_COLOR")
    if os.environ.get("NO_COLOR") or plain:
        os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"  # the only word that Typer's help knows


def _nowhere() -> TextIO:
    """A stream that discards everything, until the process ends."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def _let_signals_end_us() -> None:
    """Let Ctrl-C and a closed pipe end the process, as in any Unix tool; an ignored Ctrl-C stays ignored."""
    for name in ("SIGINT", "SIGPIPE"):
        number = getattr(signal, name, None)
        if number is not None and (
            number != signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN
        ):
            signal.signal(number, signal.SIG_DFL)


def _flush() -> EnvironmentFault | None:
    """Write out what is left; the fault if that fails, before Python complains at exit."""
    try:
        sys.stdout.flush()
    except OSError as error:
        sys.stdout = _nowhere()
        return EnvironmentFault(f"cannot write the output: {error.strerror or error}")
    return None


def terminal_width() -> int:
    """What COLUMNS says, or the terminal on stdout or, behind a pipe, on stderr, or else 80."""
    try:
        behind = os.get_terminal_size(2).columns or 80
    except OSError:
        behind = 80
    return shutil.get_terminal_size((behind, 24)).columns


def terminal_color() -> ColorMode:
    """What standard output can show; NO_COLOR, FORCE_COLOR, TERM and COLORTERM are heeded."""
    if os.environ.get("NO_COLOR"):
        return ColorMode.none
    from rich.console import Console

    modes = {
        "truecolor": ColorMode.truecolor,
        "256": ColorMode.ansi256,
        "standard": ColorMode.ansi16,
        "windows": ColorMode.ansi16,
    }
    return modes.get(Console().color_system or "", ColorMode.none)
