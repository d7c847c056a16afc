"""What the options of `charrnn sample` mean, and which of them go together."""

import math
import re
import sys
from typing import TYPE_CHECKING

import typer

from charrnn.cli.options import was_given
from charrnn.config import SamplingConfig
from charrnn.errors import DataError, UsageError

if TYPE_CHECKING:
    from charrnn.model import CharRNN

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}
NEEDS = {
    "temp_from": "temp_to",
    "beam": "fill",
    "fill_newlines": "fill",
    "novel_length": "novel",
    "log_probabilities": "json",
    "color": "show_probabilities",
    "palette": "show_probabilities",
}
"""Options that mean nothing without another."""
FILLS = {
    *("checkpoint", "fill", "beam", "fill_newlines", "temp", "seed", "count", "separator", "lines"),
    *("ban", "json", "clamp", "steer", "steer_file", "quiet"),
}
"""What can be said of a filling; everything else is about text that goes on."""
NOT_INTERACTIVE = {
    *("temp_from", "temp_to", "fill", "beam", "count", "separator", "unique", "novel", "best_of"),
    *("json", "show_probabilities"),
}
"""What cannot be said where a text is written together."""
EXCLUDE = (
    ("prime", "prime_file"),
    ("temp", "temp_from"),
    ("json", "separator"),
    ("json", "show_probabilities"),
    ("match", "ban"),
    ("match", "stop"),
    ("match", "until_sentence"),
)


def check_together(context: typer.Context) -> None:
    """Raise UsageError for an option that could not be obeyed beside the others, or without another."""
    given = {name for name in context.params if was_given(context, name)}
    for first, second in EXCLUDE:
        if {first, second} <= given:
            raise UsageError(
                f"{_option(first)} and {_option(second)} exclude each other", "give one of them"
            )
    for name, other in NEEDS.items():
        if name in given and other not in given:
            raise UsageError(f"{_option(name)} means nothing without {_option(other)}")
    if {"fill", "seed"} <= given and "temp" not in given:
        raise UsageError("--seed means nothing where --fill takes the likeliest", "add --temp 0.8")
    for name, wrong in (
        ("interactive", given & NOT_INTERACTIVE),
        ("fill", given - FILLS),
    ):
        if name in given and wrong:
            raise UsageError(
                f"{_option(name)} and {_option(min(wrong))} exclude each other",
                "leave one of them out",
            )
    if "interactive" in given and context.params["prime_file"] == "-":
        raise UsageError("--interactive reads standard input itself", "give --prime-file a file")
    if "interactive" in given and sys.stdin is None:
        raise UsageError("--interactive reads standard input, which is closed")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def unescaped(option: str, text: str) -> str:
    r"""Text in which \n, \t, \r, \0 and \\ stand for newline, tab, carriage return, zero byte and backslash."""

    def meaning(found: re.Match[str]) -> str:
        if found[1] not in ESCAPES:
            raise UsageError(
                f"{option} has \\{found[1]}, which means nothing",
                r"\n, \t, \r and \0 do; a backslash itself is \\",
            )
        return ESCAPES[found[1]]

    return re.sub(r"\\(.?)", meaning, text, flags=re.DOTALL)


def parse_bias(text: str) -> tuple[str, float]:
    """CHARS=VALUE; the characters may be `=` themselves."""
    characters, equals, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (equals and characters and math.isfinite(number)):
        raise UsageError(
            f"--bias must be CHARS=VALUE with a finite number, not {text!r}",
            "for example --bias e=-2",
        )
    return unescaped("--bias", characters), number


def first_temperature(value: float) -> float:
    """What --temp-from says; a config would call it --temp."""
    if not 0 <= value < math.inf:
        raise UsageError(f"--temp-from must be a number, 0 or more, not {value!r}")
    return value


def fresh_seed() -> int:
    """A seed that nobody chose."""
    import secrets

    return secrets.randbelow(2**32)


def prime_text(
    prime: str | None,
    prime_file: str | None,
    model: "CharRNN",
    config: SamplingConfig,
    *,
    skip: bool,
    quiet: bool,
) -> str:
    """What to go on from: for a single line one without its end, as a file's last line has one."""
    text = prime or ""
    if prime_file is not None:
        from charrnn.cli.inputs import file_text

        text = file_text(prime_file, model)
        text = text.removesuffix("\n") if config.line else text
    if config.line and "\n" in text:
        raise UsageError(
            "single lines are written, but the prime text has a newline", "add --no-lines"
        )
    if skip:
        from charrnn.cli.inputs import leave_out_unknown

        text, _ = leave_out_unknown(text, model, quiet=quiet)
    try:
        model.vocabulary.encode(text)
    except DataError as error:
        raise DataError(
            f"the prime text has characters that are {error.message}",
            error.hint or "add --unknown skip to leave them out",
        ) from error
    return text
