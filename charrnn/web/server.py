"""An HTTP server on the loopback interface: access control, and replies sent line by line. It knows no model.

A page and some actions have addresses with a random token, `http://127.0.0.1:PORT/TOKEN/`. An action is given the JSON
value that was sent and yields values, each of which is sent at once as a line of JSON. A request without the token is
refused, and so is that of a browser which another site has led here: by its Host header (DNS rebinding) or its Origin.
Each connection serves one request, which costs little on one machine.
"""

import contextlib
import io
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, NoReturn

from charrnn.errors import CharrnnError, EnvironmentFault

LOOPBACK = "127.0.0.1"
MAX_BYTES = 1 << 16
"""Maximum size of a request's body in bytes."""
MAX_DIGITS = 20
"""Maximum digits of a whole number: more than any setting has, and few enough for a float."""
PATIENCE = 30.0
"""Seconds that a client may take to send its whole request, or to receive a line of the reply."""
MAX_CLIENTS = 32
"""Maximum requests that are answered at the same time; a further one is closed without an answer."""

Action = Callable[[Any], Generator[object, None, None]]
"""A function from a request to the lines of the reply. A CharrnnError that it raises becomes the last line; closing the
generator ends its work."""


class Server(ThreadingMixIn, TCPServer):
    """A server of a page and actions, for clients that have its address; each request runs in its own thread.

    Args:
        page: the HTML of the page in UTF-8.
        policy: the Content-Security-Policy of the page.
        actions: the actions that a POST request can name.
        port: the port to listen on; 0 takes any free port.

    Raises:
        EnvironmentFault: the port is in use, or not permitted.
    """

    daemon_threads = True
    request_queue_size = (
        MAX_CLIENTS  # the usual 5 lets a burst of clients wait seconds for their next attempt
    )
    allow_reuse_address = os.name != "nt"  # there two programs would share a port

    def __init__(
        self, page: bytes, policy: str, actions: Mapping[str, Action], port: int = 0
    ) -> None:
        self.page, self.policy, self.actions = page, policy, actions
        self.token = secrets.token_urlsafe()
        self._free = threading.BoundedSemaphore(MAX_CLIENTS)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise EnvironmentFault(
                f"cannot serve on port {port}: {error.strerror}", "port 0 takes any free port"
            ) from error
        port = self.server_address[1]
        self.address = f"http://{LOOPBACK}:{port}/{self.token}/"
        ending = "" if port == 80 else f":{port}"
        self.hosts = {LOOPBACK + ending, "localhost" + ending}
        """Accepted Host headers."""

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a request in a thread of its own, unless there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()  # there is no thread that would
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a request, in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error, unless it is only that the client went away."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _RefusedError(Exception):
    """A request that is refused: it is not for this server, or cannot be read."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class _Clocked(io.RawIOBase):
    """What a client sends, until its time is over, however little it sends at a time.

    Args:
        connection: the connection.
        seconds: the time for all of it.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection, self._end = connection, time.monotonic() + seconds

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has arrived.

        Raises:
            TimeoutError: the time is over.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    timeout = PATIENCE
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Read the request from the connection, against the clock."""
        super().setup()
        self.rfile = io.BufferedReader(_Clocked(self.connection, PATIENCE))

    def do_GET(self) -> None:
        """Send the page."""
        with self._refusals_sent():
            self._require_allowed("GET", {""})
            self._begin(HTTPStatus.OK, "text/html; charset=utf-8")
            self.wfile.write(self.server.page)

    def do_POST(self) -> None:
        """Send the reply of an action."""
        with self._refusals_sent():
            name = self._require_allowed("POST", self.server.actions)
            if self.headers.get("Origin") not in {f"http://{host}" for host in self.server.hosts}:
                raise _RefusedError(HTTPStatus.FORBIDDEN, "the request comes from another page")
            with contextlib.closing(self.server.actions[name](self._body())) as lines:
                self._send(lines)

    # --- the request ----------------------------------------------------------------------------------

    def _require_allowed(self, method: str, names: Collection[str]) -> str:
        """The name in the request's address, which must be one of `names`."""
        if self.headers.get("Host") not in self.server.hosts:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "the request is for another host")
        token, slash, name = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            message = "the address lacks this server's token"
            raise _RefusedError(HTTPStatus.FORBIDDEN, message)
        if not slash or name not in {"", *self.server.actions}:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "nothing is at this address")
        if name not in names:
            message = f"this address does not take {method}"
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, message)
        return name

    def _body(self) -> Any:
        """The JSON value that was sent."""
        if self.headers.get_content_type() != "application/json":
            message = "a request must be application/json"
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "a request must have a Content-Length")
        if len(length) > 9 or int(length) > MAX_BYTES:
            message = f"a request may have at most {MAX_BYTES:,} bytes"
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        try:
            return json.loads(
                self.rfile.read(int(length)), parse_constant=_refuse_constant, parse_int=_whole
            )
        except (ValueError, RecursionError) as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the request is not valid JSON") from error

    # --- the reply ------------------------------------------------------------------------------------

    def _send(self, lines: Iterator[object]) -> None:
        """Send each line as soon as the action yields it."""
        self._begin(HTTPStatus.OK, "application/x-ndjson")
        try:
            for line in lines:
                self._line(line)
        except CharrnnError as error:
            self._line({"error": error.message, "hint": error.hint})

    @contextlib.contextmanager
    def _refusals_sent(self) -> Iterator[None]:
        """Answer a refused request with one line that says why."""
        try:
            yield
        except _RefusedError as refused:
            self._refuse(refused.status, refused.message)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that is not HTTP, without repeating the client's words; the base class calls this."""
        del message, explain
        self._refuse(code, HTTPStatus(code).phrase)

    def _refuse(self, status: int, error: str) -> None:
        """Send an error as the whole reply."""
        self._begin(status, "application/json")
        self._line({"error": error, "hint": ""})

    def _begin(self, status: int, content_type: str) -> None:
        """Send the headers of a reply: it may not be cached, framed, sniffed, or read by other sites."""
        self.connection.settimeout(PATIENCE)  # for each line, from now on
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
        """Send a value as a line of JSON."""
        self.wfile.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")

    def version_string(self) -> str:
        """The value of the Server header."""
        return "charrnn"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Write no log."""


def _whole(digits: str) -> int:
    """A whole number of at most MAX_DIGITS digits, since reading a long one takes time."""
    if len(digits) > MAX_DIGITS:
        raise ValueError("an integer has too many digits")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and infinities, which JSON does not have."""
    raise ValueError(f"{name} is not a number in JSON")
