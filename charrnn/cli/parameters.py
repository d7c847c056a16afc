"""The options of commands as Typer wants them: a parameter with an annotation for each setting."""

import inspect
from collections.abc import Callable, Collection, Iterable
from dataclasses import MISSING, dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from charrnn.errors import OFF, Spell, UsageError, spelled
from charrnn.settings import Setting, expected_value, flags_of, value_in_words
from charrnn.wording import did_you_mean

AUTO = "auto"
"""The word on the command line for a value that is left to the plan."""

GENERAL = "General"
"""The last panel of each command's help: what every command has."""
METAVARS = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}
"""What the help shows for the value of an option, by the setting's type; Typer's own words differ by version."""

Parse = Callable[[str], Any]
Complete = Callable[..., list[str]]


@dataclass(frozen=True)
class Option:
    """A setting as an option."""

    config: type
    name: str
    rule: Setting
    default: Any
    kind: type
    may_be_none: bool
    parse: Parse | None
    complete: Complete | None

    @property
    def flags(self) -> tuple[str, ...]:
        """Its spellings, the usual one first."""
        return flags_of(self.name, self.rule)

    @property
    def may_be_off(self) -> bool:
        """Whether the word `off` is one of its values."""
        return self.may_be_none and (self.rule.planned or self.default is not None)


def off_flag(flag: str) -> str:
    """What switches a setting off: "--no-counts", "--without-model"."""
    word = flag.removeprefix("--")
    return f"--without-{word.removeprefix('with-')}" if word.startswith("with-") else f"--no-{word}"


def option_parameter(option: Option, spell: Spell) -> inspect.Parameter:
    """The parameter of a setting."""
    rule, flags = option.rule, option.flags
    default: Any = None if rule.planned else option.default
    if default is MISSING or default == ():
        default = None
    kind: Any
    kind, settings = _kind(option)
    shown: bool | str = default not in (None, "")
    if rule.default_text is not None:
        shown = spelled(rule.default_text, spell, default=value_in_words(option.default))
    if option.kind is bool and (option.may_be_none or rule.planned or default):
        flags = (f"{flags[0]}/{off_flag(flags[0])}", *flags[1:])
    text = spelled(rule.help, spell) + (f" '{OFF}' disables it." if option.may_be_off else "")
    annotation: Any = Annotated[
        kind,
        typer.Option(
            *flags,
            help=text,
            metavar=_metavar(option),
            show_default=shown,
            rich_help_panel=rule.panel or None,
            **settings,
        ),
    ]
    return _keyword(option.name, annotation, default)


def _kind(option: Option) -> tuple[Any, dict[str, Any]]:
    """The type of an option for Typer, and what else Typer is given for it."""
    if option.kind is bool:
        return (bool | None if option.may_be_none or option.rule.planned else bool), {}
    settings: dict[str, Any] = {"autocompletion": option.complete} if option.complete else {}
    if option.kind is Path:  # the command says why a file cannot be read
        settings["readable"] = False
    if option.kind is tuple:
        return list[str] | None, settings
    if option.rule.choices:
        choices = option.rule.choices
        return str | None, {
            "autocompletion": beginning_with(choices),
            "parser": partial(_word, choices),
        }
    if option.kind is int and option.parse:
        return str | None, {}
    if option.kind in (int, float) and option.may_be_off:
        return str | None, {"parser": partial(_number_or_off, option)}
    if issubclass(option.kind, StrEnum):
        parser, words = partial(_member, option), _words(option)
        return Optional[option.kind], {"parser": parser, "autocompletion": beginning_with(words)}  # noqa: UP045
    return Optional[option.kind], settings  # noqa: UP045 (a class at run time)


def beginning_with(words: Iterable[str]) -> Complete:
    """A function for shell completion: it returns the words that begin with the typed text."""

    def complete(incomplete: str) -> list[str]:
        """The words that go on from these letters."""
        return [word for word in words if word.startswith(incomplete)]

    return complete


def _word(choices: Collection[str], text: str) -> str:
    """One of a few words, ignoring case."""
    return next((choice for choice in choices if choice == str(text).lower()), str(text))


def _words(option: Option) -> list[str]:
    """The words that an option takes whose values are an enum's: `auto` too, for a default that depends."""
    words = list(map(str, option.kind))  # type: ignore[call-overload]
    return [AUTO, *words] if option.may_be_none and option.rule.default_text else words


def _member(option: Option, text: str) -> Any:
    """The member of an enum that a word names, ignoring case."""
    word, words = str(text).lower(), _words(option)
    if word not in words:
        message = f"{option.flags[0]} must be one of {', '.join(words)}, not {str(text)!r}"
        raise UsageError(message, did_you_mean(word, words))
    return None if word == AUTO else option.kind(word)


def _number_or_off(option: Option, text: str) -> Any:
    if str(text).lower() == OFF:
        return OFF
    try:
        return option.kind(text)
    except (ValueError, OverflowError, TypeError):  # in a run file it may be inf, or no number
        expected = expected_value(option.config, option.name)
        raise UsageError(f"{option.flags[0]} must be {expected}, or {OFF}, not {text!r}") from None


def _metavar(option: Option) -> str | None:
    if option.rule.metavar:
        return option.rule.metavar
    if option.rule.choices:
        return "[" + "|".join(option.rule.choices) + "]"
    if issubclass(option.kind, StrEnum):
        return "[" + "|".join(_words(option)) + "]"
    return METAVARS.get(option.kind)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def context_parameter() -> inspect.Parameter:
    """The parameter for Typer's context."""
    return inspect.Parameter(
        "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )


def run_file_parameter(once: Collection[str]) -> inspect.Parameter:
    """The option `--config`; settings in `once` cannot be in the file."""

    def apply(context: typer.Context, path: Path | None) -> Path | None:
        """Take the options in a file as defaults."""
        if path is not None:
            from charrnn.cli.run_file import apply_run_file

            apply_run_file(context, path, once)
        return path

    option = typer.Option(
        "--config",
        metavar="FILE.toml",
        help="Read options from this file; options on the command line take precedence.",
        callback=apply,
        is_eager=True,
        readable=False,
        show_default=False,
        rich_help_panel=GENERAL,
    )
    return _keyword("config_file", Annotated[Path | None, option], default=None)


def quiet_parameter() -> inspect.Parameter:
    """The option `--quiet`."""
    text = "Print only errors and warnings on stderr."
    option = typer.Option("--quiet", "-q", help=text, rich_help_panel=GENERAL)
    return _keyword("quiet", Annotated[bool, option], default=False)
