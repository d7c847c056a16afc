"""HTTP on this machine's loopback: who is let in, and replies that come line by line. It knows no model.

A page and some actions stand under an address with a random token, `http://127.0.0.1:PORT/TOKEN/`. An action gets what
was sent as JSON and yields values, each of which leaves at once as a line of JSON. Whoever does not know the token is
refused, and so is a browser that another site has led here: by the Host that it asks for (DNS rebinding) and by the
Origin that it comes from. Each connection is for one request, which costs little where nothing is far away.
"""

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, NoReturn

from charrnn.errors import CharrnnError, EnvironmentFault

LOOPBACK = "127.0.0.1"
MOST_BYTES = 1 << 16
"""Of a request's body."""
MOST_DIGITS = 20
"""Of a whole number: more than any setting has, and few enough for a float."""
PATIENCE = 30.0
"""Seconds that a client may take to send its request, or to take a line of the reply."""

Action = Callable[[Any], Generator[object, None, None]]
"""From what was asked to the lines of the reply. A CharrnnError that it raises becomes the last line; closing the
generator ends the work."""


class Server(ThreadingMixIn, TCPServer):
    """Serves a page and actions to whoever has the address; each request in a thread of its own.

    Args:
        page: HTML in UTF-8.
        policy: its Content-Security-Policy.
        actions: what can be asked for with POST, by name.
        port: to listen on; 0 takes any that is free.

    Raises:
        EnvironmentFault: the port is taken, or not for us.
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there two programs would share a port

    def __init__(
        self, page: bytes, policy: str, actions: Mapping[str, Action], port: int = 0
    ) -> None:
        self.page, self.policy, self.actions = page, policy, actions
        self.token = secrets.token_urlsafe()
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise EnvironmentFault(
                f"cannot serve on port {port}: {error.strerror}", "--port 0 takes any that is free"
            ) from error
        port = self.server_address[1]
        self.address = f"http://{LOOPBACK}:{port}/{self.token}/"
        ending = "" if port == 80 else f":{port}"
        self.hosts = {LOOPBACK + ending, "localhost" + ending}
        """Under which a browser may ask for us."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away; anything else is a fault of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _RefusedError(Exception):
    """A request that is not for us, or that we cannot read."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = PATIENCE
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        with self._refusals_told():
            self._require_ours("GET", {""})
            self._begin(HTTPStatus.OK, "text/html; charset=utf-8")
            self.wfile.write(self.server.page)

    def do_POST(self) -> None:
        with self._refusals_told():
            name = self._require_ours("POST", self.server.actions)
            if self.headers.get("Origin") not in {f"http://{host}" for host in self.server.hosts}:
                raise _RefusedError(HTTPStatus.FORBIDDEN, "the request comes from another page")
            with contextlib.closing(self.server.actions[name](self._body())) as lines:
                self._send(lines)

    # --- what is asked --------------------------------------------------------------------------------

    def _require_ours(self, method: str, names: Collection[str]) -> str:
        """The name that is asked for, which is one of these."""
        if self.headers.get("Host") not in self.server.hosts:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "this server has another address")
        token, slash, name = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            message = "the address lacks the token that charrnn serve has printed"
            raise _RefusedError(HTTPStatus.FORBIDDEN, message)
        if not slash or name not in {"", *self.server.actions}:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        if name not in names:
            message = f"{method} is not for this address"
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, message)
        return name

    def _body(self) -> Any:
        """What was sent, read as JSON."""
        if self.headers.get_content_type() != "application/json":
            message = "a request must be application/json"
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "a request must have a Content-Length")
        if len(length) > 9 or int(length) > MOST_BYTES:
            message = f"a request may have {MOST_BYTES:,} bytes"
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        try:
            return json.loads(
                self.rfile.read(int(length)), parse_constant=_refuse_constant, parse_int=_whole
            )
        except (ValueError, RecursionError) as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the request is no JSON") from error

    # --- what is answered -----------------------------------------------------------------------------

    def _send(self, lines: Iterator[object]) -> None:
        """Send each line as soon as it is there."""
        self._begin(HTTPStatus.OK, "application/x-ndjson")
        try:
            for line in lines:
                self._line(line)
        except CharrnnError as error:
            self._line({"error": error.message, "hint": error.hint})

    @contextlib.contextmanager
    def _refusals_told(self) -> Iterator[None]:
        """Answer a request that is refused with one line that says why."""
        try:
            yield
        except _RefusedError as refused:
            self._tell(refused.status, refused.message)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no HTTP, in words that are not the client's own: so the base class calls it."""
        del message, explain
        self._tell(code, HTTPStatus(code).phrase)

    def _tell(self, status: int, error: str) -> None:
        self._begin(status, "application/json")
        self._line({"error": error, "hint": ""})

    def _begin(self, status: int, content_type: str) -> None:
        """The headers of every reply: nobody keeps, frames, guesses at or passes on what is here."""
        self.send_response(status)
        for name, value in (
            ("Content-Type", content_type),
            ("Content-Security-Policy", f"{self.server.policy}; frame-ancestors 'none'"),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()

    def _line(self, value: object) -> None:
        self.wfile.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")

    def version_string(self) -> str:
        """What the header Server says."""
        return "charrnn"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Say nothing."""


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError("a whole number is too long")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
