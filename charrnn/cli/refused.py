"""A command line that is refused: by typer, in the one line that every error of charrnn is; by us, as it was typed."""

from collections.abc import Container
from typing import Any

import typer

from charrnn.errors import UsageError

Refused: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a command line that it cannot obey; it does not export it."""

SHOULD_BE = "Input should be "
"""How pydantic begins what it says of a value."""


def in_one_line(refused: Any, command: str) -> UsageError:
    """An error of typer's as one of ours.

    Args:
        refused: the error.
        command: whose help says more.
    """
    message: str = _of_a_value(refused) or refused.format_message()
    return UsageError(
        message[:1].lower() + message[1:].rstrip("."), f"{command} --help says what it takes"
    )


def _of_a_value(refused: Any) -> str:
    """Typer's own words do not say what was found; the error of pydantic behind it knows."""
    behind = getattr(refused.__cause__, "errors", None)
    if not behind or not behind()[0]["msg"].startswith(SHOULD_BE):
        return ""
    expected, _, _ = behind()[0]["msg"].removeprefix(SHOULD_BE).partition(",")
    return f"{refused.param.opts[0]} must be {expected}, not {behind()[0]['input']!r}"


def with_dashes(error: UsageError, options: Container[str]) -> UsageError:
    """The error of a setting, which Python code may have made too, with its name as the command line has it."""
    names, must_be, rest = error.message.partition(" must be ")
    if not must_be or f"--{names.partition(' ')[0]}" not in options:
        return error
    typed = " ".join(f"--{name}" if f"--{name}" in options else name for name in names.split(" "))
    return UsageError(f"{typed}{must_be}{rest}", error.hint)
