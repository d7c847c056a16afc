"""Conversion between the settings of configs and the options of a command.

A command is a function of a few objects: configs, whose settings become options, and arguments declared in Typer's own
way. `as_command` gives Typer a function with one parameter for each option, and calls the command with the configs that
the options make. The description of a setting is only in its config (see `charrnn.settings`).
"""

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NewType, Optional, get_type_hints

import typer

from charrnn.cli import terminal
from charrnn.config import (
    CONFIGS,
    PANELS,
    ModelConfig,
    TrainingConfig,
    TrainingRequest,
)
from charrnn.errors import OFF, CharrnnError, UsageError, spelled
from charrnn.settings import (
    Setting,
    check_together,
    expected_value,
    flags_of,
    is_config,
    may_be_off,
    settings_of,
    value_in_words,
    value_types,
)
from charrnn.wording import did_you_mean

AUTO = "auto"
"""The word on the command line for a value that is left to the plan."""
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}

Given = NewType("Given", frozenset[str])
"""The names of the settings and arguments that were given on the command line or in a run file."""

Parse = Callable[[str], Any]
Complete = Callable[[str], list[str]]
Command = Callable[..., None]


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
        return may_be_off(self.config, self.name)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is different about settings in one command."""

    parse: Mapping[str, Parse] = field(default_factory=dict)
    """Parsers of settings with their own syntax on the command line, by name."""
    complete: Mapping[str, Complete] = field(default_factory=dict)
    """Shell completions of settings' values, by name."""
    without: Collection[str] = ()
    """Settings that the command does not have as options."""
    different: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Replacements for fields of `Setting`, such as its help, by name."""


def as_command(function: Callable[..., object], changes: Changes | None = None) -> Command:
    """The function that Typer is given for a command.

    Args:
        function: takes configs, arguments in Typer's way, and if it wants them `Given` and `typer.Context`.
        changes: what is different about settings in this command.
    """
    changes = changes or Changes()
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    groups = {name: hints[name] for name in parameters if is_config(hints[name])}
    own = {n: p for n, p in parameters.items() if n not in groups and hints[n] is not Given}
    options = {name: list(_options(config, changes)) for name, config in groups.items()}

    def call(context: typer.Context, quiet: bool, **values: Any) -> None:
        terminal.set_quiet(quiet)
        try:
            obey(context, values)
        except CharrnnError as error:
            if not error.names_settings:
                raise
            raise error.typed(spell_as_options(spelling)) from None

    def obey(context: typer.Context, values: Mapping[str, Any]) -> None:
        given = Given(frozenset(n for n in context.params if was_given(context, n)))
        arguments = {name: values[name] for name in own if name != "context"}
        if "context" in own:
            arguments["context"] = context
        for name, config in groups.items():
            arguments[name] = _made(config, options[name], values, given)
        check_together(*(arguments[name] for name in groups), rules=rules)
        for name in parameters:
            if hints[name] is Given:
                arguments[name] = given
        function(**arguments)

    call.__doc__, call.__name__ = _paragraphs(function.__doc__ or ""), function.__name__
    signature = [_context_parameter()]
    signature += [p.replace(annotation=hints[n]) for n, p in own.items() if n != "context"]
    everything = sorted(
        itertools.chain(*options.values()), key=lambda o: _panel_order(o.rule.panel)
    )
    rules = {option.name: option.rule for option in everything}
    spelling = {option.name: option.flags[0] for option in everything}
    spell = spell_as_options(spelling)
    signature += [_parameter(option, spell) for option in everything]
    if everything:
        signature.append(_run_file_parameter({o.name for o in everything if o.rule.once}))
    signature.append(_quiet_parameter())
    call.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in signature}
    call.spelling = spelling  # type: ignore[attr-defined]
    return call


def _paragraphs(text: str) -> str:
    """A docstring with each paragraph on one line, which Typer wraps itself."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)


def _options(config: type, changes: Changes) -> Iterator[Option]:
    """The options of a config; those of a request include the network's and the training's."""
    defaults = {f.name: f.default for f in dataclasses.fields(config)}
    for name, rule in settings_of(config).items():
        if rule.option and name not in changes.without:
            kind, may_be_none = value_types(config)[name]
            own = dataclasses.replace(rule, **changes.different.get(name, {}))
            parse, complete = changes.parse.get(name), changes.complete.get(name)
            yield Option(config, name, own, defaults[name], kind, may_be_none, parse, complete)
    if config is TrainingRequest:
        for part in (ModelConfig, TrainingConfig):
            yield from _options(part, changes)


def _panel_order(panel: str) -> int:
    """The place of a panel in the help; those that `PANELS` does not list come last."""
    return PANELS.index(panel) if panel in PANELS else len(PANELS)


def _made(config: type, options: list[Option], values: Mapping[str, Any], given: Given) -> Any:
    """The config that the command line describes."""
    own = {o.name: _value(o, values[o.name]) for o in options if o.name in given}
    own = {name: value for name, value in own.items() if value is not MISSING}
    if config is not TrainingRequest:
        return config(**own)
    request = settings_of(TrainingRequest)
    rest = {name: own.pop(name) for name in list(own) if name not in request}
    return TrainingRequest(**own, given=rest)


def _value(option: Option, value: Any) -> Any:
    """What an option's value on the command line means; MISSING: what the plan chooses."""
    if value == AUTO and option.rule.planned:
        return MISSING
    if value == OFF and option.may_be_off:
        return None
    if isinstance(value, list):
        return tuple(_text(option, part) for part in value)
    return _text(option, value) if isinstance(value, str) else value


def _text(option: Option, text: str) -> Any:
    if option.parse:
        return option.parse(text)
    return unescaped(option.flags[0], text) if option.rule.escapes else text


def unescaped(flag: str, text: str) -> str:
    r"""Text in which \n, \t, \r, \0 and \\ stand for newline, tab, carriage return, zero byte and backslash."""
    import re

    def meaning(match: re.Match[str]) -> str:
        if match[1] not in ESCAPES:
            raise UsageError(
                f"{flag} has \\{match[1]}, which is not an escape",
                r"escapes are \n, \t, \r, \0 and \\ for a backslash",
            )
        return ESCAPES[match[1]]

    return re.sub(r"\\(.?)", meaning, text, flags=re.DOTALL)


def was_given(context: typer.Context, name: str) -> bool:
    """Whether a parameter was given on the command line or in a run file."""
    source = getattr(context.get_parameter_source(name), "name", "")
    return source in ("COMMANDLINE", "DEFAULT_MAP")


def spell_as_options(flags: Mapping[str, str]) -> Callable[[str, str], str]:
    """How a command with these options spells settings and their values: "learning_rate" -> "--lr"."""

    def spell(name: str, value: str) -> str:
        flag = OFF if name == OFF else flags.get(name) or _usual_flag(name)
        return f"{flag} {value}".rstrip()

    return spell


def _usual_flag(name: str) -> str:
    """The spelling of a setting that is not an option of the current command."""
    rules = (settings_of(config).get(name) for config in CONFIGS)
    return flags_of(name, next((rule for rule in rules if rule), Setting(help="")))[0]


# --- parameters as Typer wants them -----------------------------------------------------------------------------------


def _parameter(option: Option, spell: Callable[[str, str], str]) -> inspect.Parameter:
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
        flags = (f"{flags[0]}/--no-{flags[0].removeprefix('--')}", *flags[1:])
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
    if option.kind is tuple:
        return list[str] | None, {}
    if option.rule.choices:
        choices = option.rule.choices
        return str | None, {
            "autocompletion": beginning_with(choices),
            "parser": partial(_word, choices),
        }
    if option.kind in (int, float) and option.may_be_off:
        return str | None, {"parser": partial(_number_or_off, option)}
    if issubclass(option.kind, StrEnum):
        parser, words = partial(_member, option), _words(option)
        return Optional[option.kind], {"parser": parser, "autocompletion": beginning_with(words)}  # noqa: UP045
    settings: dict[str, Any] = {"autocompletion": option.complete} if option.complete else {}
    return Optional[option.kind], settings  # noqa: UP045 (a class at run time)


def beginning_with(words: Iterable[str]) -> Complete:
    """A function for shell completion: it returns the words that begin with the typed text."""

    def complete(incomplete: str) -> list[str]:
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
    except ValueError:
        expected = expected_value(option.config, option.name)
        raise UsageError(f"{option.flags[0]} must be {expected}, or {OFF}, not {text!r}") from None


def _metavar(option: Option) -> str | None:
    if option.rule.metavar or option.kind is bool:
        return option.rule.metavar or ""  # Typer's own would be <bool>
    if option.rule.choices:
        return "[" + "|".join(option.rule.choices) + "]"
    if issubclass(option.kind, StrEnum):
        return "[" + "|".join(_words(option)) + "]"
    if option.may_be_off:
        return "INTEGER" if option.kind is int else "FLOAT"
    return None


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _context_parameter() -> inspect.Parameter:
    return inspect.Parameter(
        "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )


def _run_file_parameter(once: Collection[str]) -> inspect.Parameter:
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
        show_default=False,
    )
    return _keyword("config_file", Annotated[Path | None, option], default=None)


def _quiet_parameter() -> inspect.Parameter:
    option = typer.Option("--quiet", "-q", metavar="", help="Print only errors on stderr.")
    return _keyword("quiet", Annotated[bool, option], default=False)
