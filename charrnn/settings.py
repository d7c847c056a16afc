"""Settings: the description of a config's field, and the check of its value against it.

A config is a frozen dataclass whose fields are made by `setting`. The field holds everything that anyone needs to know
of it: default, help, range, panel of the help, spelling on the command line, and which other settings it goes with. The
checks, the options, the run file, the comparison of a resumed run and the reference are derived from it.

Nothing here knows any particular setting.
"""

import dataclasses
import math
import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from charrnn.errors import OFF, SettingError
from charrnn.wording import did_you_mean

UNBOUNDED = 1e12
"""A bound from here on stands for "any finite number"; messages mention it only where it is exceeded."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The description of a setting, beyond its name, type and default."""

    help: str
    """One or two sentences, for the command's help and the reference."""
    low: float = 0
    """The smallest value."""
    high: float = UNBOUNDED
    """The largest value."""
    above: bool = False
    """Whether `low` itself is excluded."""
    choices: Collection[str] = ()
    """The words that a text may be, if it is one of a few."""
    hints: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What to answer to words that others use for a choice, by word."""
    synonyms: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Words for which the command line takes another value, by word."""
    panel: str = ""
    """The panel of the help that lists it."""
    flags: tuple[str, ...] = ()
    """Its spellings on the command line, the usual one first; empty: its name with dashes."""
    metavar: str | None = None
    """How the help names the value."""
    default_text: str | None = None
    """How the help describes the default, if its value says too little."""
    planned: bool = False
    """Whether a value that is not given is chosen by the plan of a run."""
    option: bool = True
    """Whether the command line has it."""
    free: bool = False
    """Whether it may differ when a run is resumed, because the result does not depend on it."""
    needs: tuple[str, ...] = ()
    """A setting without which this one has no effect, and the value that it must have, if it must have one."""
    excludes: tuple[str, ...] = ()
    """Settings that cannot be used together with this one."""
    allows: tuple[str, ...] | None = None
    """The only settings that have an effect together with this one; None: all that it does not exclude."""
    neutral: float | None = None
    """A value without an effect, which stands for None: off."""
    once: bool = False
    """Whether it says what to do now, so that no run file has it."""
    escapes: bool = False
    r"""Whether a backslash and a letter, such as \n, stand for a character on the command line."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A group of settings, checked when it is made: the base of all configs."""

    def __post_init__(self) -> None:
        check(self)


Kind = TypeVar("Kind", bound=Config)


def setting(default: Any, help: str, **known: Any) -> Any:  # noqa: A002 (it is what the command line calls help)
    """A field of a config: its default and what is known of it (see `Setting`)."""
    return dataclasses.field(default=default, metadata={"setting": Setting(help=help, **known)})


def config_of(kind: type[Kind], settings: Mapping[str, Any], **others: Any) -> Kind:
    """A config with settings that a user of the library gives by name.

    Args:
        kind: the class of the config.
        settings: the settings; where a tuple is wanted, one value or a list will do, and a path for its name.
        others: fields that are no settings.

    Raises:
        SettingError: it has no such setting, or a value is wrong.
    """
    require_known(settings, settings_of(kind))
    types = value_types(cast("type", kind))
    values = {
        name: _as_tuple(value) if types[name][0] is tuple else value
        for name, value in settings.items()
    }
    values |= {n: str(v) for n, v in values.items() if types[n][0] is str and isinstance(v, Path)}
    return kind(**values, **others)


def _as_tuple(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def require_known(names: Collection[str], known: Mapping[str, Setting]) -> None:
    """Raise SettingError, with the nearest one or that of the option, if there is no setting of one of these names."""
    for name in names:
        if name not in known:
            flag = "--" + name.replace("_", "-")
            meant = next((n for n, rule in known.items() if flag in flags_of(n, rule)), None)
            hint = f"did you mean {meant}?" if meant else did_you_mean(name, known)
            hint = hint or "docs/reference/settings.md lists all"
            error = SettingError.naming("there is no setting {unknown!r}", hint, unknown=name)
            error.setting = name
            raise error


def settings_of(config: type | object) -> Mapping[str, Setting]:
    """The settings of a config, or of a class of configs, by name and in order."""
    return _settings_of(config if isinstance(config, type) else type(config))


@cache
def _settings_of(kind: type) -> Mapping[str, Setting]:
    fields = dataclasses.fields(kind)
    return {f.name: f.metadata["setting"] for f in fields if "setting" in f.metadata}


def is_config(kind: object) -> bool:
    """Whether this is a class of configs."""
    return isinstance(kind, type) and dataclasses.is_dataclass(kind) and bool(settings_of(kind))


@cache
def value_types(config: type) -> dict[str, tuple[type, bool]]:
    """The type of each setting's value, and whether it may be None ("off" or "not given")."""
    hints = get_type_hints(config)
    return {name: _without_none(hints[name]) for name in settings_of(config)}


@cache
def part_types(config: type) -> dict[str, Any]:
    """The type of the parts of each setting that has any number of them: tuple[str, ...] -> str."""
    hints = {name: _bare(hint) for name, hint in get_type_hints(config).items()}
    return {name: get_args(h)[0] for name, h in hints.items() if get_args(h)[1:] == (...,)}


def _bare(hint: Any) -> Any:
    """The hint without None."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint


def _without_none(hint: Any) -> tuple[type, bool]:
    return _plain(_bare(hint)), type(None) in get_args(hint)


def _plain(hint: Any) -> type:
    origin = get_origin(hint)
    if origin is Literal:
        return str
    kind: type = origin or hint
    return kind


def check(config: object) -> None:
    """Check every setting of a new config, and which go together. Values without an effect become None.

    Raises:
        SettingError: a value is of the wrong type or out of its range, or two settings conflict.
    """
    for name, rule in settings_of(config).items():
        check_value(type(config), name, value := getattr(config, name))
        if value is not None and value == rule.neutral:
            object.__setattr__(config, name, None)
    check_together(config)


def check_together(*configs: object, rules: Mapping[str, Setting] | None = None) -> None:
    """Check which settings go together, in one config or across several.

    Args:
        configs: the configs to check; what a request is given counts too.
        rules: replacements for the settings' own rules, and the rules of what a request is given, by name.

    Raises:
        SettingError: two settings cannot be used together, or one lacks another that it needs.
    """
    values = {name: getattr(config, name) for config in configs for name in settings_of(config)}
    changed = {name: rule for config in configs for name, rule in changed_settings(config)}
    given = {name for config in configs for name in getattr(config, "given", ())}
    changed |= {name: rule for name, rule in (rules or {}).items() if name in {*changed, *given}}
    for name, rule in changed.items():
        _check_companions(name, rule, values, changed)


def check_value(config: type, name: str, value: object) -> None:
    """Check one value of a setting.

    Args:
        config: the class that has the setting.
        name: the name of the setting.
        value: the value to check.

    Raises:
        SettingError: it is of the wrong type or out of its range.
    """
    rule, (kind, may_be_none) = settings_of(config)[name], value_types(config)[name]
    if value is None and may_be_none:
        return
    if not (_fits(value, kind, rule) and _parts_fit(config, name, value)):
        expected = expected_value(config, name, value)
        expected += ", or {off}" if may_be_off(config, name) else ""
        word = value if isinstance(value, str) else ""
        hint = rule.hints.get(word.casefold()) or did_you_mean(word, rule.choices)
        require(condition=False, name=name, expected=expected, found=value, hint=hint)


def may_be_off(config: type, name: str) -> bool:
    """Whether None, as a value that was given, turns the setting off; the command line has the word OFF for it."""
    rule, (_, may_be_none) = settings_of(config)[name], value_types(config)[name]
    has_other_default = rule.planned or getattr(config, name, None) is not None
    return may_be_none and has_other_default


def require(condition: bool, name: str, expected: str, found: object, hint: str = "") -> None:
    """Raise SettingError "NAME must be EXPECTED, not FOUND" unless the condition holds."""
    if not condition:
        message = f"{{{name}}} must be {expected}, not {{found!r}}"
        is_plain = isinstance(found, float) and found.is_integer() and abs(found) < UNBOUNDED
        if is_plain and "whole" not in expected:  # the command line reads 0 as 0.0
            found = int(cast("float", found))
        raise SettingError.naming(message, hint, found=found)


def _fits(value: Any, kind: type, rule: Setting) -> bool:
    if kind in (int, float):
        kinds = int if kind is int else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            return False
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return rule.low <= value <= rule.high and not (rule.above and value == rule.low)
    if rule.choices:
        return isinstance(value, kind) and value in rule.choices
    return isinstance(value, kind)


def _parts_fit(config: type, name: str, value: Any) -> bool:
    """Whether the parts of a value that has several are of the right type: plain ones, or tuples of these."""
    part, rule = part_types(config).get(name), settings_of(config)[name]
    if part is None:
        return True
    kinds = get_args(part)
    if not kinds:
        return all(_fits(one, part, rule) for one in value)
    same = all(isinstance(one, tuple) and len(one) == len(kinds) for one in value)
    return same and all(
        _fits(piece, kind, rule) for one in value for piece, kind in zip(one, kinds, strict=True)
    )


def expected_value(config: type, name: str, found: Any = None) -> str:
    """The allowed values of a setting, in words: "a whole number from 1 to 4,096"; `found` is what it is instead."""
    rule, (kind, _) = settings_of(config)[name], value_types(config)[name]
    if isinstance(found, kind) and (part := part_types(config).get(name)):
        first, *others = (_part_in_words(kind, rule) for kind in get_args(part) or (part,))
        if not others:
            return f"a list in which each item is {first}"
        if {first} == {*others}:
            return f"a list of pairs, in which each item is {first}"
        return f"a list of pairs: {first}, and {', '.join(others)}"
    if rule.choices:
        return "one of " + ", ".join(rule.choices)
    if kind in (int, float):
        return _range(kind, rule, found)
    words = {
        bool: "true or false",
        str: "a string",
        tuple: "a tuple",
        Path: "a path",
        dict: "an object",
    }
    return words.get(kind, f"of type {kind.__name__}")


def _part_in_words(kind: type, rule: Setting) -> str:
    return "a string" if kind is str else _range(kind, rule, None)


def _range(kind: type, rule: Setting, found: Any) -> str:
    noun = "a whole number" if kind is int else "a number"
    low, high = (f"{int(b):,}" if kind is int else f"{b:g}" for b in (rule.low, rule.high))
    exceeded = isinstance(found, (int, float)) and found > rule.high
    if rule.high >= UNBOUNDED and not exceeded and rule.low > -UNBOUNDED:
        return f"{noun} above {low}" if rule.above else f"{noun}, {low} or more"
    return f"{noun} above {low} and up to {high}" if rule.above else f"{noun} from {low} to {high}"


def changed_settings(config: object) -> Iterator[tuple[str, Setting]]:
    """The settings that do not have their default."""
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        if "setting" in field.metadata and getattr(config, field.name) != field.default:
            yield field.name, field.metadata["setting"]


def _check_companions(
    name: str, rule: Setting, values: Mapping[str, Any], changed: Collection[str]
) -> None:
    for other in changed:
        is_useless = rule.allows is not None and other not in (name, *rule.allows)
        if is_useless or other in rule.excludes:
            raise SettingError.naming(
                f"{{{name}}} and {{{other}}} cannot be used together", "leave one of them out"
            )
    other, *wanted = rule.needs or ("",)
    if other not in values:  # it needs none, or one of another config
        return
    if wanted and str(values[other]) not in wanted:
        choices = " or ".join(f"{{{other}:{value}}}" for value in wanted)
        raise SettingError.naming(f"{{{name}}} only applies with {choices}")
    if not wanted and not values[other]:
        raise SettingError.naming(f"{{{name}}} only applies with {{{other}}}")


def flags_of(name: str, rule: Setting) -> tuple[str, ...]:
    """The spellings of a setting on the command line, the usual one first."""
    return rule.flags or ("--" + name.replace("_", "-"),)


def value_in_words(value: Any) -> str:
    """A plain value as messages have it: "on", "off", "4,000", "0.5", "*.py !old.py"."""
    if value is None or isinstance(value, bool):
        return "on" if value else OFF
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def plain_value(value: Any) -> Any:
    """A setting's value as JSON and TOML have it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [plain_value(part) for part in value]
    return value
