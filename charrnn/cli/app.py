"""The command `charrnn`: its verbs, its version and its help."""

import itertools
import os
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from charrnn.cli import terminal
from charrnn.cli.refused import Refused, in_one_line
from charrnn.errors import UsageError

VERBS = {
    "Main": ("train", "sample", "convert", "visualize"),
    "Understand": (
        "units",
        "probe",
        "direction",
        "gates",
        "saliency",
        "context",
        "gradients",
        "curve",
        "embed",
        "network",
        "serve",
    ),
    "Measure": ("evaluate", "score", "compare", "sweep"),
    "Compress and export": ("compress", "decompress", "export"),
    "Manage": ("inspect", "runs", "corpora"),
}
"""The verbs in the panels of the help. Each is a module of this package, or a package with a module `command`."""


class _Command(TyperCommand):
    """A command in whose help flags have no value and arguments no type: Typer adds `<bool>` and `<list[str]>`."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, `--help` too."""
        return _as_shown(super().get_params(ctx), ctx)


class _Group(TyperGroup):
    """A group of commands, in the same way."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, `--help` too."""
        return _as_shown(super().get_params(ctx), ctx)


def _as_shown(parameters: list[Any], ctx: Any) -> list[Any]:
    """The parameters without types, and with a verb's `--help` in its last panel."""
    from charrnn.cli.parameters import GENERAL

    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
        elif parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: None  # noqa: ARG005 (newer versions of Typer call it)
        if parameter.name == "help" and ctx.parent:
            parameter.rich_help_panel = GENERAL
    return parameters


def _show_version(wanted: bool) -> None:
    if wanted:
        print(_versions())
        raise typer.Exit


def _versions() -> str:
    """Charrnn's version, and what it computes with: Python, torch and the device that training would choose."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    ours = f"charrnn {version('charrnn')} (Python {platform.python_version()}"
    try:
        torch = version("torch")
    except PackageNotFoundError:
        return f"{ours}, no torch)"
    device = "cpu"
    if not torch.endswith("+cpu"):  # such a build has no other device, and takes seconds to import
        from charrnn.training.machine import choose_device

        device = str(choose_device(None))
    return f"{ours}, torch {torch}, device {device})"


def charrnn(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Train character-level recurrent networks on any text, generate text with them, and see what their units do."""


@cache
def application(verb: str | None = None, *, overview: bool = False) -> typer.Typer:
    """The application.

    Args:
        verb: the only verb that is needed, so that the modules of the others are not imported; None: all.
        overview: whether the verbs are only listed, so that their modules are not imported.
    """
    app = typer.Typer(
        name="charrnn",
        cls=_Group,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="rich",
        epilog="Start with: charrnn train python · charrnn sample · charrnn visualize",
    )
    app.callback()(charrnn)
    for panel, verbs in VERBS.items():
        for name in verbs:
            if overview:
                app.command(name, cls=_Command, help=_summary(name), rich_help_panel=panel)(
                    _nothing
                )
            elif verb in (None, name):
                _register(app, name, panel)
    return app


def __getattr__(name: str) -> typer.Typer:
    """The attribute `app`: the application with all verbs, made when it is first used."""
    if name == "app":
        return application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _register(app: typer.Typer, verb: str, panel: str) -> None:
    """Add a verb to an application: a command, or a group of them if its module has SUBCOMMANDS."""
    from charrnn.cli.options import as_command

    module = _module(verb)
    function = getattr(module, verb)
    if hasattr(module, "EXAMPLES"):
        function = as_command(function, getattr(module, "CHANGES", None))
    epilog = _examples(getattr(module, "EXAMPLES", ()))
    subcommands = getattr(module, "SUBCOMMANDS", {})
    if not subcommands:
        app.command(verb, cls=_Command, rich_help_panel=panel, epilog=epilog)(function)
        return
    group = typer.Typer(cls=_Group, rich_markup_mode="rich")
    group.callback(invoke_without_command=True)(function)
    for subcommand, examples in subcommands.items():
        add = group.command(subcommand.__name__, cls=_Command, epilog=_examples(examples))
        add(as_command(subcommand))
    app.add_typer(group, name=verb, rich_help_panel=panel, epilog=epilog)


def _examples(lines: Iterable[str]) -> str:
    """The examples at the end of a command's help."""
    return "\n\n".join(("Examples:", *lines))


def _module(verb: str) -> Any:
    """The module of a verb's command."""
    module = import_module(f"charrnn.cli.{verb}")
    return import_module(f"charrnn.cli.{verb}.command") if hasattr(module, "__path__") else module


def _summary(verb: str) -> str:
    """The first line of a verb's help, from the source of its module: importing all modules would take longer."""
    package = Path(__file__).parent
    file = package / verb / "command.py"
    source = (file if file.exists() else package / f"{verb}.py").read_text(encoding="utf-8")
    found = re.search(rf'^def {verb}\(.*?^    """(.*?)(?:"""|\n)', source, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def _nothing() -> None:
    """No-op: a verb in a list of verbs."""


def obey(arguments: list[str]) -> None:
    """Run a command line. `charrnn help VERB` is `charrnn VERB --help`, and a verb may have capitals.

    Raises:
        UsageError: the command line is invalid.
        SystemExit: the command ends with its own status.
    """
    if arguments and arguments[0].casefold() in ("help", *itertools.chain(*VERBS.values())):
        arguments = [arguments[0].casefold(), *arguments[1:]]
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    terminal.set_arguments(arguments)
    root = _root_for(arguments)
    try:
        status = root(arguments, prog_name="charrnn", standalone_mode=False)
    except Refused as refused:
        if not arguments:  # the help has been printed
            raise SystemExit(UsageError.exit_status) from None
        command = _command_in(root, arguments)
        raise in_one_line(refused, command, _options_of_verbs, arguments) from None
    if status:
        raise SystemExit(status)


@cache
def _root(verb: str | None = None, *, overview: bool = False) -> Any:
    """The command of an application that has all others below it."""
    return typer.main.get_command(application(verb, overview=overview))


def _root_for(arguments: list[str]) -> Any:
    """The root with as much as a command line, or the completion of one, needs of it."""
    first = arguments[0] if arguments else ""
    if any(first in verbs for verbs in VERBS.values()):
        return _root(first)
    only_options = first.startswith("-") or not first
    return _root(overview=only_options and "_CHARRNN_COMPLETE" not in os.environ)


def _command_in(known: Any, arguments: list[str]) -> str:
    """The command that a command line begins with, below a root: "charrnn runs rename"."""
    words = ["charrnn"]
    for argument in arguments:
        known = getattr(known, "commands", {}).get(argument)
        if known is None:
            break
        words.append(argument)
    return " ".join(words)


def _options_of_verbs() -> dict[str, list[str]]:
    """The spellings of each verb's options."""
    return {
        verb: [name for p in known.params for name in p.opts if name.startswith("-")]
        for verb, known in _root().commands.items()
    }


def main() -> None:
    """Run the command line and exit."""
    terminal.run(lambda: obey(sys.argv[1:]))
