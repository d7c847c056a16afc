"""The command `charrnn`: its verbs, its version and its help."""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from charrnn.cli import terminal
from charrnn.cli.options import as_command, spell_as_options
from charrnn.cli.refused import Refused, in_one_line
from charrnn.errors import DataError, SettingError, UsageError

VERBS = {
    "Main": ("train", "sample", "visualize"),
    "Understand": ("gates", "saliency", "context", "gradients", "curve", "serve"),
    "Measure": ("evaluate", "compare"),
    "Manage": ("inspect", "corpora"),
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


def _register() -> None:
    for panel, verbs in VERBS.items():
        for verb in verbs:
            module = _module(verb)
            function = getattr(module, verb)
            changes = getattr(module, "CHANGES", None)
            if hasattr(module, "EXAMPLES"):
                function = as_command(function, changes)
            epilog = "\n\n".join(("Examples:", *getattr(module, "EXAMPLES", ())))
            app.command(verb, rich_help_panel=panel, epilog=epilog)(function)


def _module(verb: str) -> Any:
    """The module of a verb's command."""
    module = import_module(f"charrnn.cli.{verb}")
    return import_module(f"charrnn.cli.{verb}.command") if hasattr(module, "__path__") else module


_register()


def obey(arguments: list[str]) -> None:
    """Run a command line.

    Raises:
        UsageError: it has something that no command takes.
        SystemExit: it ends with a status of its own.
    """
    commands = {command.name: command for command in app.registered_commands}
    verb = next((argument for argument in arguments[:1] if argument in commands), None)
    try:
        status = app(arguments, prog_name="charrnn", standalone_mode=False)
    except Refused as refused:
        if not arguments:  # the help has been printed
            raise SystemExit(UsageError.exit_status) from None
        raise in_one_line(refused, f"charrnn {verb}" if verb else "charrnn") from None
    except SettingError as error:
        callback = commands[verb].callback if verb else None
        kind = DataError if isinstance(error, DataError) else UsageError
        raise kind(*error.spelled(spell_as_options(callback))) from None
    if status:
        raise SystemExit(status)


def main() -> None:
    """Run the command line and exit."""
    terminal.run(lambda: obey(sys.argv[1:]))
