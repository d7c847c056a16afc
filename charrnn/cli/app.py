"""The command `charrnn`: its verbs, its version and its help."""

from typing import Annotated

import typer

from charrnn.cli import console

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


def main() -> None:
    """Run the command line and exit."""
    console.run(app)
