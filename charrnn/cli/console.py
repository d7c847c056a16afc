"""What every command shares in talking to people: results on stdout, talk on stderr, errors in one line, exit by signal."""

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from charrnn.errors import CharrnnError, EnvironmentFault


def say(text: str = "") -> None:
    """Talk: a line on stderr."""
    print(text, file=sys.stderr, flush=True)


def escape(text: str) -> str:
    """Text that cannot act on a terminal: what is not printable is written as Python writes it in a string."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def report(error: CharrnnError) -> None:
    """An error as one line, and its hint as another."""
    say(f"charrnn: {escape(error.message)}")
    if error.hint:
        say(f"         {escape(error.hint)}")


def die_by_signal(number: int) -> NoReturn:
    """End as the signal would have ended us, so that a shell's loop stops too."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)  # where signals do not kill


def run(command: Callable[[], object]) -> NoReturn:
    """Run the command line and exit with the status that it deserves."""
    _prepare_streams()
    _let_signals_end_us()
    try:
        command()
        status: object = 0
    except SystemExit as leaving:
        status = leaving.code
    except CharrnnError as error:
        report(error)
        status = error.exit_status
    except MemoryError:
        report(EnvironmentFault("out of memory", "try a shorter text or a smaller model"))
        status = EnvironmentFault.exit_status
    except OSError as error:
        report(EnvironmentFault(f"cannot read or write: {error.strerror or error}"))
        status = EnvironmentFault.exit_status
    raise SystemExit(_flush(status))


def _prepare_streams() -> None:
    """A pipe gets UTF-8 and \\n whatever the locale; a terminal gets what it can show."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if stream.isatty():
            reconfigure(errors="backslashreplace")
        else:
            reconfigure(encoding="utf-8", errors="backslashreplace", newline="")


def _let_signals_end_us() -> None:
    """Ctrl-C and a closed pipe end the process as they end any Unix tool; a signal that is ignored stays so."""
    for name in ("SIGINT", "SIGPIPE"):
        number = getattr(signal, name, None)
        if number is not None and (number != signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN):
            signal.signal(number, signal.SIG_DFL)


def _flush(status: object) -> object:
    """Write out what is left on stdout; if that fails, say so instead of Python's own complaint at exit."""
    try:
        sys.stdout.flush()
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 (lives until exit)
        report(EnvironmentFault(f"cannot write the output: {error.strerror or error}"))
        return EnvironmentFault.exit_status
    return status


def duration(seconds: float) -> str:
    """Seconds as people say them: 75 -> "1:15", 4000 -> "1:06:40"."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(num_bytes: float) -> str:
    """Bytes as people say them: 1403772 -> "1.4 MB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.1f} {unit}"
    return f"{num_bytes:.0f} bytes"
