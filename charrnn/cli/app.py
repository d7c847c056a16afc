"""The command `charrnn`: its verbs, its version and its help."""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from charrnn.cli import terminal
from charrnn.cli.options import as_command, as_typed
from charrnn.cli.refused import Refused, in_one_line
from charrnn.errors import SettingError, UsageError

VERBS = {
    "Main": ("train", "sample", "visualize"),
    "Understand": ("gates", "saliency", "context", "gradients", "curve", "serve"),
    "Measure": ("evaluate", "compare"),
    "Manage": ("inspect", "runs", "corpora"),
}
"""The verbs in the panels of the help. Each is a module of this package, or a package with a module `command`."""

app = typer.Typer(
    name="charrnn",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog="Start with: charrnn train python   ·   charrnn sample --temp 0.8   ·   charrnn visualize",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"charrnn {version('charrnn')}")
        raise typer.Exit


@app.callback()
def charrnn(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Train character-level recurrent networks on any text, generate text with them, and see what their units do."""


def _register(verb: str, panel: str) -> None:
    """Add a verb to the application: a command, or a group of them if its module has SUBCOMMANDS."""
    module = _module(verb)
    function = getattr(module, verb)
    if hasattr(module, "EXAMPLES"):
        function = as_command(function, getattr(module, "CHANGES", None))
    epilog = "\n\n".join(("Examples:", *getattr(module, "EXAMPLES", ())))
    subcommands = getattr(module, "SUBCOMMANDS", ())
    if not subcommands:
        app.command(verb, rich_help_panel=panel, epilog=epilog)(function)
        return
    group = typer.Typer(rich_markup_mode="rich")
    group.callback(invoke_without_command=True)(function)
    for subcommand in subcommands:
        group.command(subcommand.__name__)(as_command(subcommand))
    app.add_typer(group, name=verb, rich_help_panel=panel, epilog=epilog)


def _module(verb: str) -> Any:
    """The module of a verb's command."""
    module = import_module(f"charrnn.cli.{verb}")
    return import_module(f"charrnn.cli.{verb}.command") if hasattr(module, "__path__") else module


for _panel, _verbs in VERBS.items():
    for _verb in _verbs:
        _register(_verb, _panel)


def obey(arguments: list[str]) -> None:
    """Run a command line.

    Raises:
        UsageError: it has something that no command takes.
        SystemExit: it ends with a status of its own.
    """
    try:
        status = app(arguments, prog_name="charrnn", standalone_mode=False)
    except Refused as refused:
        if not arguments:  # the help has been printed
            raise SystemExit(UsageError.exit_status) from None
        raise in_one_line(refused, _command_in(arguments)) from None
    except SettingError as error:
        raise as_typed(error, {}) from None
    if status:
        raise SystemExit(status)


def _command_in(arguments: list[str]) -> str:
    """The command that a command line begins with: "charrnn runs rename"."""
    words = ["charrnn"]
    known: Any = typer.main.get_command(app)
    for argument in arguments:
        known = getattr(known, "commands", {}).get(argument)
        if known is None:
            break
        words.append(argument)
    return " ".join(words)


def main() -> None:
    """Run the command line and exit."""
    terminal.run(lambda: obey(sys.argv[1:]))
