"""The reference of commands and settings as Markdown, read from the application and the config classes themselves.

Nothing here knows Sphinx, so that a test can ask for the text without building the site.
"""

import dataclasses
import inspect
import itertools
import re
from collections.abc import Iterator
from typing import Any

import typer

import charrnn.config as config_module
from charrnn.cli.app import app
from charrnn.errors import spelled
from charrnn.settings import Setting, expected_value, flags_of, is_config, settings_of


def commands() -> Iterator[tuple[str, Any]]:
    """Each command's full name, such as "runs rename", and the command."""
    yield from _below("", typer.main.get_command(app))


def _below(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if getattr(command, "hidden", False):
            continue
        yield prefix + name, command
        if hasattr(command, "commands"):
            yield from _below(f"{prefix}{name} ", command)


def options(command: Any) -> list[Any]:
    """The options of a command, without its arguments."""
    return [p for p in _visible(command) if p.opts[0].startswith("-")]


def arguments(command: Any) -> list[Any]:
    """The arguments of a command."""
    return [p for p in _visible(command) if not p.opts[0].startswith("-")]


def _visible(command: Any) -> list[Any]:
    return [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]


# --- commands ------------------------------------------------------------------------------------


def command_reference() -> str:
    """Every command with its arguments and options, as MyST Markdown."""
    groups = itertools.groupby(commands(), lambda pair: _panel(pair[1]))
    sections: list[str] = []
    for panel, members in groups:
        sections += [f"## {panel}"] if panel else []
        sections += [_command(name, command) for name, command in members]
    return "\n\n".join(sections) + "\n"


def _panel(thing: Any) -> str:
    panel = getattr(thing, "rich_help_panel", None)
    return panel if isinstance(panel, str) else ""


def _command(name: str, command: Any) -> str:
    parts = [f"(charrnn-{name.replace(' ', '-')})=\n### charrnn {name}"]
    parts.append(_prose(inspect.cleandoc(command.help or "")))
    parts.append(f"```text\n{_usage(name, command)}\n```")
    given = [f"`{_argument(a)}`\n: {_prose(a.help or '')}" for a in arguments(command)]
    parts += given
    parts.append(f"```{{program}} charrnn {name}\n```")
    for panel, members in _by_panel(options(command)):
        parts += [f"```{{rubric}} {panel}\n:heading-level: 4\n```"] if panel else []
        parts += [_option(option) for option in members]
    if command.epilog:
        lines = inspect.cleandoc(command.epilog).splitlines()
        shown = "\n".join(line.strip() for line in lines if line.strip().startswith("charrnn"))
        parts.append(f"**Examples**\n\n```text\n{shown}\n```")
    return "\n\n".join(parts)


def _usage(name: str, command: Any) -> str:
    words = ["charrnn", name, *(_argument(a) for a in arguments(command))]
    return " ".join([*words, "[OPTIONS]"] if options(command) else words)


def _argument(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _by_panel(members: list[Any]) -> list[tuple[str, list[Any]]]:
    panels: dict[str, list[Any]] = {}
    for option in members:
        panels.setdefault(_panel(option), []).append(option)
    return list(panels.items())


def _option(option: Any) -> str:
    value = "" if _is_flag(option) else f" {option.metavar}"
    names = [*option.opts, *option.secondary_opts]
    signature = ", ".join(
        sorted(names, key=lambda n: (not n.startswith("--"), n != option.opts[0]))
    )
    notes = [_prose(option.help or "")]
    default = _default(option)
    if default:
        notes.append(f"Default: {default}.")
    if getattr(option, "multiple", False) and "repeat" not in (option.help or ""):
        notes.append("May be repeated.")
    return f"```{{option}} {signature.replace(',', value + ',') + value}\n\n{' '.join(notes)}\n```"


def _is_flag(option: Any) -> bool:
    return bool(getattr(option, "is_flag", False))


def _default(option: Any) -> str:
    shown = getattr(option, "show_default", None)
    if isinstance(shown, str) and shown:
        return _prose(shown)
    if shown is False or option.default is None or callable(option.default):
        return ""
    if _is_flag(option):
        return "on" if option.default and option.secondary_opts else ""
    if isinstance(option.default, (list, tuple)) and not option.default:
        return ""
    return f"`{option.default}`" if str(option.default) else ""


def _prose(text: str) -> str:
    """Help as Markdown: Rich's markup left out, and options and addresses set as code."""
    text = re.sub(r"\[/?(?:bold|dim|italic|cyan|green|yellow|red|blue|magenta)[^\]]*\]", "", text)
    text = text.replace("\\[", "[").replace("\\", "\\\\").replace("*", "\\*")
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else _with_code(p) for p in parts)


def _with_code(text: str) -> str:
    text = re.sub(r"(?<![\w`-])(--?[a-z][\w-]*)", r"`\1`", text)
    text = re.sub(
        r"(?<!`)\b(L\d[\w.\\*=+-]*\w)", lambda m: "`" + m[1].replace("\\", "") + "`", text
    )
    return re.sub(r"(?<![`\w])_(?=[_{])", r"\\_", text).replace("<", "&lt;")


# --- settings ------------------------------------------------------------------------------------


def config_classes() -> list[type]:
    """The config classes, in the order of their module."""
    own = (kind for kind in vars(config_module).values() if is_config(kind))
    return [kind for kind in own if kind.__module__ == config_module.__name__]


def setting_reference() -> str:
    """Every setting of every config class, as MyST Markdown."""
    return "\n\n".join(_settings(cls) for cls in config_classes()) + "\n"


def _settings(cls: type) -> str:
    parts = [
        f"(settings-{cls.__name__.lower()})=\n## {cls.__name__}",
        inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0],
    ]
    rows = ["| setting | option | allowed | default | meaning |", "|---|---|---|---|---|"]
    defaults = {field.name: field.default for field in dataclasses.fields(cls)}
    for name, rule in settings_of(cls).items():
        option = f"`{flags_of(name, rule)[0]}`" if rule.option else ""
        meaning = spelled(
            rule.help, lambda other, value: f"`{other}={value}`" if value else f"`{other}`"
        )
        cells = (
            f"`{name}`",
            option,
            _without_limit(expected_value(cls, name)),
            _default_of(defaults[name], rule),
            _prose(meaning),
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n\n".join([*parts, "\n".join(rows)])


def _without_limit(expected: str) -> str:
    """What a setting may be, without an upper bound that only keeps numbers sane."""
    return re.sub(r"from (\S+) to (?:\d+,){3,}\d+", r"of \1 or more", expected)


def _default_of(default: Any, rule: Setting) -> str:
    if default is dataclasses.MISSING:
        return "required"
    if rule.default_text:
        return rule.default_text
    if default is None:
        return "planned" if rule.planned else "off"
    return f"`{default!r}`"
