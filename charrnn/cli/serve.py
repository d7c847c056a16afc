"""`charrnn serve`: a page with a live model behind it."""

import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.counts import CountsOptions
from charrnn.cli.run_names import CheckpointArgument, open_checkpoint
from charrnn.cli.terminal import say
from charrnn.cli.threads import one_thread
from charrnn.cli.unit_names import unit_names
from charrnn.runs import reading_of, title_of
from charrnn.settings import Config, setting
from charrnn.text.kinds import item_end_of

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.web.server import Server

EXAMPLES = ("charrnn serve", "charrnn serve plays --port 8000", "charrnn serve plays --no-open")


@dataclass(frozen=True, kw_only=True)
class ServeOptions(Config):
    """Where the page is served, and whether it is opened."""

    port: int = setting(0, "The port to listen on; 0 takes any free one.", high=65_535)
    open_page: bool | None = setting(
        None,
        "Open the page in a browser.",
        flags=("--open",),
        default_text="if there is a display",
    )


def serve(
    checkpoint: CheckpointArgument = None, *, options: ServeOptions, counts: CountsOptions
) -> None:
    """Open a page on which the model reads and continues what you type.

    Its address is printed on standard output. Only this machine can reach it, and only with the token in the address.
    The page has a switch for the counts, if the model has them; --counts turns it on. Ctrl-C stops the server.
    """
    loaded = open_checkpoint(checkpoint)
    mixes = counts.wanted(loaded) is not None
    # more threads slow one stream down
    with one_thread(), _server(loaded, options.port, mixes=mixes) as server:
        print(server.address, flush=True)
        say("charrnn: only this machine can reach the page; Ctrl-C stops the server")
        if _has_display() if options.open_page is None else options.open_page:
            _open(server.address)
        _survive_clients()
        server.serve_forever()


def _server(loaded: "Checkpoint", port: int, *, mixes: bool) -> "Server":
    """The server of a model's page, which opens with counts mixed in or without."""
    from charrnn.web.html import page_policy
    from charrnn.web.live import Live
    from charrnn.web.server import Server

    reading = reading_of(loaded)
    live = Live(
        loaded.model,
        title_of(loaded),
        item_end=item_end_of(reading),
        normalize=reading.normalize,
        names=unit_names(loaded),
        counts=loaded.counts,
        mixes=mixes,
    )
    return Server(live.page().encode(), page_policy(live=True), live.actions, port)


def _survive_clients() -> None:
    """Let writing to a client that has gone be an error, not the end of this process."""
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
        say("charrnn: no browser found; open the address yourself")
