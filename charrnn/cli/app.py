"""The command `charrnn`: its verbs, its version and its help."""

import sys
from typing import Annotated

import typer

from charrnn.cli import console
from charrnn.cli.refused import Refused, in_one_line, with_dashes
from charrnn.errors import UsageError

app = typer.Typer(
    name="charrnn",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog="Start with: charrnn train python   ·   charrnn sample --temp 0.8   ·   charrnn visualize",
)


def _show_version(asked: bool) -> None:
    if asked:
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
    """Train character-level recurrent networks on any text, write new text with them, and see what their units do."""


def _register() -> None:
    from charrnn.cli import compare, corpora, evaluate, inspect, sample, serve, train, visualize

    for command in (train, sample, visualize, serve, evaluate, compare, inspect, corpora):
        name = command.__name__.rpartition(".")[2]
        app.command(name)(getattr(command, name))


_register()


def obey(arguments: list[str]) -> None:
    """Do what a command line says.

    Raises:
        UsageError: it has what no command takes.
        SystemExit: it ends with a status of its own.
    """
    commands = [command.name for command in app.registered_commands]
    verb = next((argument for argument in arguments[:1] if argument in commands), None)
    try:
        status = app(arguments, prog_name="charrnn", standalone_mode=False)
    except Refused as refused:
        if not arguments:  # the help has been printed
            raise SystemExit(UsageError.exit_status) from None
        raise in_one_line(refused, f"charrnn {verb}" if verb else "charrnn") from None
    except UsageError as error:
        raise with_dashes(error, _options(verb)) from None
    if status:
        raise SystemExit(status)


def _options(verb: str | None) -> set[str]:
    """Of a command."""
    verbs = typer.main.get_group(app).commands
    return {name for param in verbs[verb].params for name in param.opts} if verb else set()


def main() -> None:
    """Run the command line and exit."""
    console.run(lambda: obey(sys.argv[1:]))
