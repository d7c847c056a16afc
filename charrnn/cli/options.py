"""Conversion between the settings of configs and the options of a command.

A command is a function of a few objects: configs, whose settings become options, and arguments declared in Typer's own
way. `as_command` gives Typer a function with one parameter for each option, and calls the command with the configs that
the options make. The description of a setting is only in its config (see `charrnn.settings`).
"""

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NewType, get_type_hints

import typer

from charrnn.cli import terminal
from charrnn.cli.parameters import (
    Complete,
    Option,
    Parse,
    context_parameter,
    option_parameter,
    quiet_parameter,
    run_file_parameter,
)
from charrnn.config import CONFIGS, PANELS, ModelConfig, TrainingConfig, TrainingRequest
from charrnn.errors import OFF, ON, CharrnnError, Spell, UsageError
from charrnn.settings import (
    Setting,
    check_together,
    expected_value,
    flags_of,
    is_config,
    settings_of,
    value_types,
)

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}

Given = NewType("Given", frozenset[str])
"""The names of the settings and arguments that were given on the command line or in a run file."""

Command = Callable[..., None]


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
    parts = _Parts(function, changes or Changes())

    def call(context: typer.Context, quiet: bool, **values: Any) -> None:
        """Run the command."""
        terminal.set_quiet(quiet)
        try:
            function(**parts.arguments(context, values))
        except CharrnnError as error:
            if not error.names_settings:
                raise
            raise error.typed(parts.spell) from None

    signature = parts.signature()
    call.__doc__, call.__name__ = _paragraphs(function.__doc__ or ""), function.__name__
    call.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in signature}
    call.spelling = parts.spelling  # type: ignore[attr-defined]
    call.expected = parts.expected  # type: ignore[attr-defined]
    call.options = parts.in_order  # type: ignore[attr-defined]
    return call


class _Parts:
    """The parameters of a command's function: configs, arguments of its own, and `Given`."""

    def __init__(self, function: Callable[..., object], changes: Changes) -> None:
        self.hints = get_type_hints(function, include_extras=True)
        self.parameters = inspect.signature(function).parameters
        self.configs = {n: self.hints[n] for n in self.parameters if is_config(self.hints[n])}
        self.options = {n: list(_options(config, changes)) for n, config in self.configs.items()}
        everything = itertools.chain(*self.options.values())
        self.in_order = sorted(everything, key=lambda option: _panel_order(option.rule.panel))
        self.spelling = {option.name: option.flags[0] for option in self.in_order}
        self.spell = spell_as_options(self.spelling)

    def expected(self, name: str) -> str:
        """The values of an option that is a number's, in words; "" for others."""
        option = next((o for o in self.in_order if o.name == name), None)
        if option is None or option.kind not in (int, float):
            return ""
        return expected_value(option.config, name)

    @property
    def own(self) -> dict[str, inspect.Parameter]:
        """The arguments in Typer's way."""
        others = {"context", *self.configs}
        return {
            name: parameter
            for name, parameter in self.parameters.items()
            if name not in others and self.hints[name] is not Given
        }

    def signature(self) -> list[inspect.Parameter]:
        """The parameters for Typer."""
        once = {option.name for option in self.in_order if option.rule.once}
        return [
            context_parameter(),
            *(p.replace(annotation=self.hints[name]) for name, p in self.own.items()),
            *(option_parameter(option, self.spell) for option in self.in_order),
            *([run_file_parameter(once)] if self.in_order else []),
            quiet_parameter(),
        ]

    def arguments(self, context: typer.Context, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of the function that a command line describes."""
        given = Given(frozenset(n for n in context.params if was_given(context, n)))
        arguments = {name: values[name] for name in self.own}
        arguments |= {"context": context} if "context" in self.parameters else {}
        arguments |= {name: given for name, hint in self.hints.items() if hint is Given}
        configs = {
            name: _made(config, self.options[name], values, given)
            for name, config in self.configs.items()
        }
        rules = {option.name: option.rule for option in self.in_order}
        check_together(*configs.values(), rules=rules)
        return arguments | configs


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
    if config is not TrainingRequest:
        return config(**own)
    request = settings_of(TrainingRequest)
    rest = {name: own.pop(name) for name in list(own) if name not in request}
    return TrainingRequest(**own, given=rest)


def _value(option: Option, value: Any) -> Any:
    """What an option's value on the command line means."""
    if value == OFF and option.may_be_off:
        return None
    if isinstance(value, list):
        return tuple(_text(option, part) for part in value)
    return _text(option, value) if isinstance(value, str) else value


def _text(option: Option, text: str) -> Any:
    text = option.rule.synonyms.get(text.casefold(), text)
    if option.parse:
        return option.parse(text)
    return unescaped(option.flags[0], text) if option.rule.escapes else text


def unescaped(flag: str, text: str, kept: str = "") -> str:
    r"""Text in which \n, \t, \r, \0 and \\ stand for newline, tab, carriage return, zero byte and backslash.

    Args:
        flag: the option, for messages.
        text: as typed.
        kept: characters behind a backslash that stay as they are, with it.

    Raises:
        UsageError: there is another escape.
    """
    import re

    def meaning(match: re.Match[str]) -> str:
        """The character that an escape stands for."""
        if match[1] and match[1] in kept:
            return match[0]
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


def spell_as_options(flags: Mapping[str, str]) -> Spell:
    """How a command with these options spells settings and their values: "learning_rate" -> "--lr"."""

    def spell(name: str, value: str) -> str:
        """Spell one setting."""
        flag = OFF if name == OFF else flags.get(name) or _usual_flag(name)
        return flag if value in ("", ON) else f"{flag} {value}"

    return spell


def _usual_flag(name: str) -> str:
    """The spelling of a setting that is not an option of the current command."""
    rules = (settings_of(config).get(name) for config in CONFIGS)
    return flags_of(name, next((rule for rule in rules if rule), Setting(help="")))[0]
