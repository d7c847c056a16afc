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
"""Maximum requests that are answered at the same time. For a further one, the client that has taken longest to send its
request is let go; if all have sent theirs, it is refused."""
MAX_REFUSED = 16
"""Maximum requests that are refused at the same time for that reason; a further one is closed without an answer."""
LINGER = 2.0
"""Seconds for which the rest of a refused request is read, so that its sender can read why."""

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
        self._refusing = threading.BoundedSemaphore(MAX_REFUSED)
        self._sending: dict[socket.socket, None] = {}
        """The connections of clients that have not sent their whole request, the oldest first."""
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
        """Answer a request in a thread of its own, or refuse it there if there are too many."""
        is_free = self._free.acquire(blocking=False) or (
            self._let_go_of_the_slowest() and self._free.acquire(timeout=1.0)
        )
        place = self._free if is_free else self._refusing
        if not is_free and not place.acquire(blocking=False):
            self.shutdown_request(request)
            return
        work = self._answer if is_free else self._refuse
        thread = threading.Thread(target=work, args=(request, client_address), daemon=True)
        try:
            thread.start()
        except BaseException:
            place.release()  # there is no thread that would
            raise

    def _answer(self, request: Any, client_address: Any) -> None:
        """Answer a request, in its thread."""
        try:
            self.process_request_thread(request, client_address)
        finally:
            self._free.release()

    def _refuse(self, request: Any, client_address: Any) -> None:
        """Refuse a request because there are too many, in its thread."""
        try:
            _TooMany(request, client_address, self)
        except OSError:
            pass  # the client went away
        finally:
            self.shutdown_request(request)
            self._refusing.release()

    def _let_go_of_the_slowest(self) -> bool:
        """Read nothing more from the client that has taken longest to send its request; False if there is none."""
        for connection in [*self._sending]:
            if self._sending.pop(connection, self) is None:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
                return True
        return False

    @contextlib.contextmanager
    def sending(self, connection: socket.socket) -> Iterator[None]:
        """Count a client among those that have not sent their whole request."""
        self._sending[connection] = None
        try:
            yield
        finally:
            self._sending.pop(connection, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error, unless it is only that the client went away."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _RefusedError(Exception):
    """A request that is refused: it is not for this server, or cannot be read.

    Args:
        status: the status of the reply.
        message: the reason.
        allow: the method that the address does take.
    """

    def __init__(self, status: HTTPStatus, message: str, allow: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.allow = status, message, allow


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
    requestline, request_version, command = "", "HTTP/1.0", ""
    """Of a request that has not been read."""

    def setup(self) -> None:
        """Read the request from the connection, against the clock."""
        super().setup()
        self.rfile = io.BufferedReader(_Clocked(self.connection, PATIENCE))
        self._sending = contextlib.ExitStack()
        self._sending.enter_context(self.server.sending(self.connection))

    def finish(self) -> None:
        """Count this client no longer among those that are sending."""
        self._sending.close()
        super().finish()

    def do_GET(self) -> None:
        """Send the page."""
        with self._refusals_sent():
            self._require_allowed({""})
            self._sending.close()
            self._begin(HTTPStatus.OK, "text/html; charset=utf-8")
            self.wfile.write(self.server.page)

    def do_POST(self) -> None:
        """Send the reply of an action."""
        with self._refusals_sent():
            name = self._require_allowed(self.server.actions)
            if self.headers.get("Origin") not in {f"http://{host}" for host in self.server.hosts}:
                raise _RefusedError(HTTPStatus.FORBIDDEN, "the request comes from another page")
            with contextlib.closing(self.server.actions[name](self._body())) as lines:
                self._send(lines)

    # --- the request ----------------------------------------------------------------------------------

    def _require_allowed(self, names: Collection[str]) -> str:
        """The name in the request's address, which must be one of `names`, those that take its method."""
        if self.headers.get("Host") not in self.server.hosts:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "the request is for another host")
        token, slash, name = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            message = "the address lacks this server's token"
            raise _RefusedError(HTTPStatus.FORBIDDEN, message)
        if not slash or name not in {"", *self.server.actions}:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "nothing is at this address")
        if name not in names:
            message = "this address does not take that method"
            allow = "POST" if name else "GET"
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, message, allow)
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
        body = self.rfile.read(int(length))
        self._sending.close()
        try:
            return json.loads(body, parse_constant=_refuse_constant, parse_int=_whole)
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
        except OSError:
            raise  # the client went away
        except Exception:
            self._line(
                {"error": "an internal error", "hint": "the terminal of charrnn serve shows it"}
            )
            raise

    @contextlib.contextmanager
    def _refusals_sent(self) -> Iterator[None]:
        """Answer a refused request with one line that says why."""
        try:
            yield
        except _RefusedError as refused:
            self._refuse(refused.status, refused.message, refused.allow)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that is not HTTP, without repeating the client's words; the base class calls this.

        A method that this class does not have is one that no address takes.
        """
        del message, explain
        if code != HTTPStatus.NOT_IMPLEMENTED:
            self._refuse(code, HTTPStatus(code).phrase)
            return
        with self._refusals_sent():
            self._require_allowed(())

    def log_error(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Refuse a request that was not sent in time; the base class calls this."""
        del format, args
        with contextlib.suppress(OSError):
            message = f"the request took longer than {PATIENCE:g} seconds"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, message)

    def _refuse(self, status: int, error: str, allow: str = "") -> None:
        """Send an error as the whole reply, and read what is left of the request: who still sends does not read yet."""
        self._sending.close()
        self._begin(status, "application/json", allow)
        if self.command != "HEAD":  # its reply has no body
            self._line({"error": error, "hint": ""})
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            rest = _Clocked(self.connection, LINGER)
            while rest.readinto(bytearray(1 << 16)):
                pass

    def _begin(self, status: int, content_type: str, allow: str = "") -> None:
        """Send the headers of a reply: it may not be cached, framed, sniffed, or read by other sites."""
        self.connection.settimeout(PATIENCE)  # for each line, from now on
        self.send_response(status)
        for name, value in (
            *([("Allow", allow)] if allow else []),
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


class _TooMany(_Handler):
    """Refuses one request, whatever it is, because there are too many."""

    def handle(self) -> None:
        """Send why."""
        message = f"{MAX_CLIENTS} requests are being answered already: try again"
        self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, message)


def _whole(digits: str) -> int:
    """A whole number of at most MAX_DIGITS digits, since reading a long one takes time."""
    if len(digits) > MAX_DIGITS:
        raise ValueError("an integer has too many digits")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and infinities, which JSON does not have."""
    raise ValueError(f"{name} is not a number in JSON")
