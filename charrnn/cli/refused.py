"""Typer's errors for an invalid command line, in charrnn's one-line form."""

from typing import Any

import typer

from charrnn.errors import UsageError

Refused: type[Exception] = typer.BadParameter.__mro__[1]
"""The error that Typer raises for an invalid command line; it does not export it."""

SHOULD_BE = "Input should be "
"""The beginning of pydantic's message about a value."""


def in_one_line(refused: Any, command: str) -> UsageError:
    """Typer's error as one of charrnn's.

    Args:
        refused: the error.
        command: the command whose help the hint names.
    """
    message: str = _of_a_value(refused) or refused.format_message()
    return UsageError(
        message[:1].lower() + message[1:].rstrip("."), f"run '{command} --help' for usage"
    )


def _of_a_value(refused: Any) -> str:
    """The message with the invalid value, which Typer leaves out; the error of pydantic behind it has it."""
    behind = getattr(refused.__cause__, "errors", None)
    if not behind or not behind()[0]["msg"].startswith(SHOULD_BE):
        return ""
    expected, _, _ = behind()[0]["msg"].removeprefix(SHOULD_BE).partition(",")
    return f"{refused.param.opts[0]} must be {expected}, not {behind()[0]['input']!r}"
