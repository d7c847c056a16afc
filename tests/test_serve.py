"""`charrnn serve`: who is let in, what a live model answers, and the page in a browser."""

import http.client
import json
import socket
import threading
from contextlib import contextmanager

import pytest

from charrnn.analysis.edits import Edit
from charrnn.config import SamplingConfig
from charrnn.errors import CharrnnError, EnvironmentFault, UsageError
from charrnn.serve.live import GUESSES, MOST_CHARS
from charrnn.serve.server import MOST_BYTES, Server

POLICY = "default-src 'none'"


@contextmanager
def serving(actions, page=b"<!doctype html>a page", port=0):
    """A server in a thread of its own."""
    server = Server(page, POLICY, actions, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def echo(request):
    yield {"asked": request}
    yield {"again": request}


def fail(request):
    if request == "at once":
        raise UsageError("that is wrong", "do something else")
    yield {"first": True}
    raise UsageError("that went wrong")


@pytest.fixture(scope="module")
def server():
    with serving({"echo": echo, "fail": fail}) as found:
        yield found


def ask(server, method, path, body=None, **headers):
    """(status, body, headers) of a request; by default one that the server's own page would make."""
    port = server.server_address[1]
    own = {"Host": f"127.0.0.1:{port}"}
    if method == "POST":
        own |= {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/json"}
    own |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in own.items():
        if value is not None:
            connection.putheader(name, value)
    if body is not None and "Content_Length" not in headers:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    reply = connection.getresponse()
    found = reply.status, reply.read(), reply.headers
    connection.close()
    return found


def post(server, name, value, **headers):
    return ask(server, "POST", f"/{server.token}/{name}", json.dumps(value).encode(), **headers)


def lines(body):
    return [json.loads(line) for line in body.decode().splitlines()]


# --- who is let in --------------------------------------------------------------------------------


def test_the_page_and_the_actions_are_there_for_who_has_the_address(server):
    status, body, _ = ask(server, "GET", f"/{server.token}/")
    assert (status, body) == (200, b"<!doctype html>a page")
    status, body, _ = post(server, "echo", {"é": [1, 2.5, None]})
    assert status == 200
    assert lines(body) == [{"asked": {"é": [1, 2.5, None]}}, {"again": {"é": [1, 2.5, None]}}]
    port = server.server_address[1]
    assert server.address == f"http://127.0.0.1:{port}/{server.token}/"
    local = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert post(server, "echo", 1, **local)[0] == 200


def test_two_servers_have_two_long_tokens(server):
    with serving({}) as other:
        assert other.token != server.token
        assert len(other.token) >= 40


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path", ["/", "", "/echo", "/wrong/", "/wrong/echo", "//", "/%2e%2e/", "http://evil/", "*"]
)
def test_nobody_gets_in_without_the_token(server, method, path):
    status, body, _ = ask(server, method, path or "?", b"{}" if method == "POST" else None)
    assert status == 403
    assert server.token not in body.decode()


@pytest.mark.parametrize(
    "form", ["{token}x", "{token:.20}", "é{token}", "%20{token}", "{token}%00"]
)
def test_a_token_that_is_nearly_right_is_wrong(server, form):
    path = f"/{form.format(token=server.token)}/"
    with socket.create_connection(server.server_address) as connection:
        host = f"127.0.0.1:{server.server_address[1]}"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert b" 403 " in connection.recv(1000)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}", None],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_name_of_the_host_is_refused_as_dns_rebinding(server, host, method):
    host = host and host.format(port=server.server_address[1])
    name, body = ("", None) if method == "GET" else ("echo", b"1")
    status, found, _ = ask(server, method, f"/{server.token}/{name}", body, Host=host)
    assert status == 403
    assert b"page" not in found


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "127.0.0.1:{port}",
        None,
    ],
)
def test_a_request_of_another_page_is_refused(server, origin):
    origin = origin and origin.format(port=server.server_address[1])
    status, body, headers = post(server, "echo", 1, Origin=origin)
    assert status == 403
    assert "error" in json.loads(body)
    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "name", "status"),
    [
        ("GET", "nothing", 404),
        ("POST", "nothing", 404),
        ("GET", "../", 404),
        ("GET", "echo", 405),
        ("POST", "", 405),
        ("PUT", "echo", 501),
        ("OPTIONS", "echo", 501),
        ("HEAD", "", 501),
    ],
)
def test_what_is_not_there_is_refused(server, method, name, status):
    found, _, headers = ask(server, method, f"/{server.token}/{name}", b"1")
    assert found == status
    assert not [name for name in headers if name.lower().startswith("access-control")]


def test_the_address_has_a_slash_at_its_end(server):
    assert ask(server, "GET", f"/{server.token}")[0] == 404


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"1" * (MOST_BYTES + 1), {}, 413),
        (b"1", {"Content_Length": "9" * 30}, 413),
        (b"1", {"Content_Length": "-1"}, 411),
        (b"1", {"Content_Length": "1_0"}, 411),
        (None, {}, 411),
        (b"1", {"Content_Type": "text/plain"}, 415),
        (b"{", {}, 400),
        (b"\xff", {}, 400),
        (b"NaN", {}, 400),
        (b"9" * 30, {}, 400),
        (b"[" * 60_000, {}, 400),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_in_one_line(server, body, headers, status):
    found, reply, _ = ask(server, "POST", f"/{server.token}/echo", body, **headers)
    assert found == status
    (line,) = lines(reply)
    assert set(line) == {"error", "hint"}
    assert line["error"]


def test_what_is_no_http_is_refused(server):
    with socket.create_connection(server.server_address) as connection:
        connection.sendall(b"<script>\r\n\r\n")
        assert connection.recv(1000) == b'{"error":"Bad Request","hint":""}\n'


def test_every_reply_forbids_to_keep_frame_or_guess_it(server):
    for _, _, headers in (
        ask(server, "GET", f"/{server.token}/"),
        ask(server, "GET", "/"),
        post(server, "echo", 1),
        post(server, "fail", "at once"),
    ):
        assert headers["Content-Security-Policy"] == POLICY
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Python" not in headers["Server"]


def test_what_cannot_be_obeyed_is_told_with_a_hint(server):
    status, body, _ = post(server, "fail", "at once")
    assert status == 400
    assert json.loads(body) == {"error": "that is wrong", "hint": "do something else"}
    status, body, _ = post(server, "fail", "later")
    assert status == 200
    assert lines(body) == [{"first": True}, {"error": "that went wrong", "hint": ""}]


def test_only_loopback_is_bound(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.socket.family == socket.AF_INET


def test_a_port_that_is_taken_is_told(server):
    port = server.server_address[1]
    with pytest.raises(EnvironmentFault, match=f"port {port}") as found:
        Server(b"", POLICY, {}, port)
    assert "--port 0" in found.value.hint


# --- replies that come line by line ---------------------------------------------------------------


def test_each_line_leaves_at_once_and_requests_are_answered_side_by_side():
    go_on = threading.Event()

    def slow(request):
        yield "first"
        assert go_on.wait(10)
        yield "last"

    with serving({"slow": slow, "echo": echo}) as server, raw_post(server, "slow") as stream:
        assert next(stream) == b'"first"\n'
        assert post(server, "echo", 1)[0] == 200  # while the other waits
        go_on.set()
        assert next(stream) == b'"last"\n'


@contextmanager
def raw_post(server, name, value=None):
    """The lines of a reply's body, as they come; leaving closes the connection."""
    port = server.server_address[1]
    body = json.dumps(value).encode()
    head = (
        f"POST /{server.token}/{name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Origin: http://127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(server.server_address, timeout=10) as connection:
        connection.sendall(head.encode() + body)
        with connection.makefile("rb") as stream:
            while next(stream) != b"\r\n":
                pass
            yield stream


def test_a_client_that_goes_away_ends_the_work(capfd):
    ended = threading.Event()

    def endless(request):
        try:
            while True:
                yield {"text": "x" * 1000}
        finally:
            ended.set()

    with serving({"endless": endless}) as server:
        with raw_post(server, "endless") as stream:
            next(stream)
            assert not ended.is_set()
        assert ended.wait(10)
    assert capfd.readouterr() == ("", "")


# --- what a live model answers --------------------------------------------------------------------


@pytest.fixture(params=["char", "byte"])
def any_model(request, tiny_model, byte_model):
    return tiny_model if request.param == "char" else byte_model


def shown(recording):
    return recording


def live(model, **options):
    from charrnn.serve.live import Live

    return Live(model, shown, **options)


def written(live, **request):
    """The text that is written, and the lines of the reply."""
    lines = list(live.write({"seed": 1, "length": 40} | request))
    assert [bool(line["stop"]) for line in lines] == [False] * (len(lines) - 1) + [True]
    return "".join(line["text"] for line in lines)


def same(a, b):
    assert (a.text, a.source, a.next_text) == (b.text, b.source, b.next_text)
    assert a.arrays.keys() == b.arrays.keys()
    for name, array in (a.arrays | {"bits": a.bits, "ids": a.ids, "next": a.next_ids}).items():
        other = (b.arrays | {"bits": b.bits, "ids": b.ids, "next": b.next_ids})[name]
        assert (array == other).all()
    return True


def test_reading_is_what_the_model_reads(tiny_model):
    (line,) = live(tiny_model).read({"text": "def a(b):"})
    assert same(line["data"], tiny_model.read("def a(b):", top=GUESSES))
    edits = "clamp L0.c.3=+2  # held\n\nsteer L1.h.0-3=-0.5"
    (line,) = live(tiny_model).read({"text": "def a(b):", "edits": edits})
    edited = tiny_model.edited([Edit("clamp", "L0.c.3", 2.0), Edit("steer", "L1.h.0-3", -0.5)])
    assert same(line["data"], edited.read("def a(b):", top=GUESSES))
    assert line["data"].source.edits


def test_writing_is_what_the_model_samples(any_model):
    model = live(any_model)
    for settings in ({}, {"temperature": 0.3}, {"temperature": 1.4, "top_p": 0.7}, {"seed": 2}):
        expected = any_model.sample("def ", **({"seed": 1, "length": 40} | settings))
        assert written(model, prime="def ", **settings) == "".join(expected)
    assert written(model) == "".join(any_model.sample(seed=1, length=40))


def test_a_clamp_is_the_edited_models_and_the_same_seed_tells_them_apart(tiny_model):
    held = tiny_model.edited([Edit("clamp", "L1.h.5", 3.0), Edit("clamp", "L1.h.7", -3.0)])
    edits = "clamp L1.h.5=3\nclamp L1.h.7=-3"
    found = written(live(tiny_model), prime="def ", edits=edits)
    assert found == "".join(held.sample("def ", seed=1, length=40))
    assert found != written(live(tiny_model), prime="def ")


def test_another_temperature_in_the_midst_goes_on_with_the_next_random_numbers(any_model):
    from charrnn.sampling.sampler import sample

    model = live(any_model)
    for prime in ("def ", ""):
        first = written(model, prime=prime)[:17]
        rest = written(model, prime=prime, written=first, index=1, temperature=1.3)
        config = SamplingConfig(seed=1, length=40, temperature=1.3)
        read = (prime or "\n") + first  # without a prime a model reads a newline
        assert rest == "".join(sample(any_model, read, config, index=1))


def test_a_model_of_lines_writes_line_after_line_each_begun_afresh(tiny_model):
    from charrnn.sampling.sampler import sample

    def line(prime, index, length):
        config = SamplingConfig(seed=1, length=length, line=True)
        return "".join(sample(tiny_model, prime, config, index=index))

    expected, index, prime = "", 4, "ab"
    while len(expected) < 300:
        expected += line(prime, index, 300 - len(expected))
        index, prime = index + 1, ""
    model = live(tiny_model, lines=True)
    assert expected.count("\n") > 3
    assert written(model, prime="first\nab", index=4, length=300) == expected
    assert list(model.write({"length": 300, "seed": 1}))[-1]["index"] > 3


@pytest.mark.parametrize(
    ("action", "request_", "said"),
    [
        ("read", None, "a request is an object"),
        ("read", {"text": ""}, "no text"),
        ("read", {"text": 1}, "text must be a text"),
        ("read", {"text": "é"}, "LATIN SMALL LETTER E WITH ACUTE"),
        ("read", {"text": "\ud800"}, "U\\+D800"),
        ("read", {"text": "a" * (MOST_CHARS + 1)}, "2,000 characters at most"),
        ("read", {"text": "a", "what": "h"}, "no 'what'"),
        ("read", {"text": "a", "edits": "L0.c.3=1"}, "edits, line 1: a line looks like"),
        ("read", {"text": "a", "edits": "clamp L7.c.3=1"}, "layers 0 to 1"),
        ("read", {"text": "a", "edits": "clamp L0.f.3=1"}, "f is a gate"),
        ("read", {"text": "a", "edits": ["clamp L0.c.3=1"]}, "edits must be a text"),
        ("write", {"prime": "é"}, "LATIN SMALL LETTER E WITH ACUTE"),
        ("write", {"prime": "a" * 1500, "written": "b" * 501}, "2,000 characters at most"),
        ("write", {"length": MOST_CHARS + 1}, "length must be 2,000 at most"),
        ("write", {"length": -1}, "length must be"),
        ("write", {"length": True}, "length must be"),
        ("write", {"temperature": -1}, "temp must be"),
        ("write", {"temperature": "hot"}, "temp must be"),
        ("write", {"top_p": 0}, "top-p must be"),
        ("write", {"seed": 1.5}, "seed must be"),
        ("write", {"index": -1}, "index must be"),
        ("write", {"index": 0.5}, "index must be"),
        ("write", {"speed": 0}, "speed must be"),
        ("write", {"speed": "fast"}, "speed must be"),
        ("write", {"match": "a+"}, "no 'match'"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_before_the_first_line(tiny_model, action, request_, said):
    with pytest.raises(CharrnnError, match=said) as found:
        next(getattr(live(tiny_model), action)(request_))
    assert "\n" not in found.value.message


def test_a_writer_waits_between_characters_if_it_is_asked_to(tiny_model, monkeypatch):
    pauses = []
    monkeypatch.setattr("charrnn.serve.live.time.sleep", pauses.append)
    assert len(written(live(tiny_model), speed=50)) == 40
    assert pauses == [1 / 50] * 40
