"""Typer's errors for an invalid command line, in charrnn's one-line form."""

from collections.abc import Callable
from typing import Any

import typer

from charrnn.errors import UsageError
from charrnn.wording import listed, nearest

Refused: type[Exception] = typer.BadParameter.__mro__[1]
"""The error that Typer raises for an invalid command line; it does not export it."""

SHOULD_BE = "Input should be "
"""The beginning of pydantic's message about a value."""


def in_one_line(refused: Any, command: str, verbs_with: Callable[[str], list[str]]) -> UsageError:
    """Typer's error as one of charrnn's.

    Args:
        refused: the error.
        command: the command whose help the hint names.
        verbs_with: the verbs that have an option.
    """
    hint = ""
    if hasattr(refused, "possibilities") and (option := getattr(refused, "option_name", "")):
        refused.possibilities = ()  # Typer's own, which include distant ones
        hint = _elsewhere(option, verbs_with(option)) or _nearest(option, refused)
    message: str = _of_a_value(refused) or refused.format_message()
    message = message[:1].lower() + message[1:].rstrip(".")
    return UsageError(message, hint or f"run '{command} --help' for usage")


def _nearest(option: str, refused: Any) -> str:
    """A hint to the nearest option of the command whose command line was refused."""
    parameters = refused.ctx.command.params if refused.ctx else ()
    names = (name.removeprefix("--") for p in parameters for name in p.opts)
    near = nearest(option.removeprefix("--"), names)
    return f"did you mean --{near}?" if near else ""


def _elsewhere(option: str, verbs: list[str]) -> str:
    """A hint to the verbs that have an option."""
    names = [f"charrnn {verb}" for verb in verbs]
    return f"{option} is an option of {listed(names, 4)}" if names else ""


def _of_a_value(refused: Any) -> str:
    """The message with the invalid value, which Typer leaves out; the error of pydantic behind it has it."""
    behind = getattr(refused.__cause__, "errors", None)
    if not behind or not behind()[0]["msg"].startswith(SHOULD_BE):
        return ""
    expected, _, _ = behind()[0]["msg"].removeprefix(SHOULD_BE).partition(",")
    return f"{refused.param.opts[0]} must be {expected}, not {behind()[0]['input']!r}"
