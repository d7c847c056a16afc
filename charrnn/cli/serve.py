"""`charrnn serve`: a page with a live model behind it."""

import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.run_names import CheckpointArgument, open_checkpoint, reads_lines, title_of
from charrnn.cli.terminal import say
from charrnn.cli.visualize_options import Quiet

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.web.server import Server


def serve(
    checkpoint: CheckpointArgument = None,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=0, max=65535, help="The port to listen on; 0 takes any that is free."
        ),
    ] = 0,
    open_page: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            help="Open the page in a browser.",
            show_default="if there is a display",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Open a page on which a live model reads what you type, and writes on.

    Standard output gets its address. Only this machine can reach it, and only with the token in the address.
    Ctrl-C ends it.
    """
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"), _server(loaded, port) as server:  # more slow one stream down
        print(server.address, flush=True)
        if not quiet:
            say("charrnn: the page is for this machine alone; Ctrl-C ends it")
        if _has_display() if open_page is None else open_page:
            _open(server.address)
        _survive_clients()
        server.serve_forever()


def _server(loaded: "Checkpoint", port: int) -> "Server":
    """The server of a model's page."""
    from charrnn.web.html import page_policy
    from charrnn.web.live import Live
    from charrnn.web.server import Server

    live = Live(loaded.model, title_of(loaded), lines=reads_lines(loaded))
    actions = {"read": live.read, "write": live.write}
    return Server(live.page().encode(), page_policy(live=True), actions, port)


def _survive_clients() -> None:
    """A client that goes away is no end of ours: let writing to it be an error, which elsewhere ends a command."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _has_display() -> bool:
    """Whether a browser that is opened here can be seen."""
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in os.environ
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _open(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        say("charrnn: there is no browser to open it with; open the address yourself")
