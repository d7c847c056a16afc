"""The requests of `charrnn serve`, by their description: what is valid is answered, and nothing else does any harm."""

import contextlib
import http.client
import json
import random
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from helpers import CLEAN, examples
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pages import serving, until_no_more_than

from charrnn.errors import UsageError
from charrnn.web import live
from charrnn.web.live import Live
from charrnn.web.server import MAX_BYTES

FILE = Path(__file__).parents[2] / "docs" / "reference" / "serve.json"
DESCRIBED = json.loads(FILE.read_text(encoding="utf-8"))
SCHEMAS = DESCRIBED["components"]["schemas"]
ACTIONS = {path[1:]: methods["post"] for path, methods in DESCRIBED["paths"].items() if path != "/"}
STATUSES = {"200", *(status for one in ACTIONS.values() for status in one["responses"])} | {"404"}
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "X")


def request_schema(name):
    return ACTIONS[name]["requestBody"]["content"]["application/json"]["schema"]


def validator(schema):
    return Draft202012Validator({**schema, "components": DESCRIBED["components"]})


REPLIES = {
    name: validator(one["responses"]["200"]["content"]["application/x-ndjson"]["schema"])
    for name, one in ACTIONS.items()
}
ERROR = validator(SCHEMAS["Error"])


# --- the description is that of the server ---------------------------------------------------------------------------


def test_every_action_is_described_with_the_fields_that_it_takes(tiny_model):
    actions = Live(tiny_model, "a title").actions
    assert ACTIONS.keys() == actions.keys()
    for name, action in actions.items():
        with pytest.raises(UsageError) as refused:
            list(action({"?": 1}))
        fields = refused.value.message.partition("the fields are ")[2].split(", ")
        assert sorted(fields) == sorted(request_schema(name)["properties"]), name


def test_the_limits_are_those_of_the_server():
    write = request_schema("write")["properties"]
    assert {"maximum": live.MAX_CHARS}.items() <= write["length"].items()
    assert write["index"]["maximum"] == live.MAX_INDEX
    assert SCHEMAS["Text"]["maxLength"] == live.MAX_CHARS
    assert request_schema("trace")["properties"]["text"]["maxLength"] == live.MAX_TRACED
    assert f"{live.MAX_LEARNED:,} characters" in SCHEMAS["Learn"]["description"]
    assert request_schema("saliency")["properties"]["place"]["maximum"] == live.MAX_CHARS - 1


def test_the_page_of_the_reference_lists_the_paths():
    page = FILE.with_suffix(".md").read_text(encoding="utf-8")
    assert [name for name in ACTIONS if f"| `{name}` |" not in page] == []


# --- requests that are made of it ------------------------------------------------------------------------------------


def from_schema(schema, *, wild=False):
    """Values of a schema; `wild`: also of other types, with fields missing and others."""
    if "$ref" in schema:
        return from_schema(SCHEMAS[schema["$ref"].rpartition("/")[2]], wild=wild)
    if "allOf" in schema:
        return from_schema(schema["allOf"][0], wild=wild)
    found = [st.sampled_from(schema["examples"])] if "examples" in schema else []
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    found += [_of_type(name, schema, wild=wild) for name in types]
    return st.one_of(found + [ANYTHING] * wild)


def _of_type(name, schema, *, wild):
    low, high = schema.get("minimum", -(10**9)), schema.get("maximum", 10**9)
    match name:
        case "object":
            known = {n: from_schema(s, wild=wild) for n, s in schema["properties"].items()}
            needed = {} if wild else {n: known.pop(n) for n in schema.get("required", ())}
            more = {"?": ANYTHING} if wild else {}
            return st.fixed_dictionaries(needed, optional=known | more)
        case "array":
            return st.lists(from_schema(schema["items"], wild=wild), max_size=3)
        case "string":
            return st.text(max_size=40)
        case "integer":
            return st.integers(low, high) | st.integers(low, min(high, low + 90))
        case "number":
            strict = {"exclude_min": True} if "exclusiveMinimum" in schema else {}
            low = schema.get("exclusiveMinimum", low)
            return st.floats(low, high, **strict) | st.floats(low, min(high, 2), **strict)
        case "boolean":
            return st.booleans()
    return st.none()


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["clamp L0.h.1=1e300", "steer L1.c.0-23=-1e38", "L1.c.23", "a" * 2001]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
VALID = {name: from_schema(request_schema(name)) for name in ACTIONS}
WILD = {name: from_schema(request_schema(name), wild=True) | ANYTHING for name in ACTIONS}


@pytest.fixture(scope="module")
def server(tiny_mixed):
    """A model with counts that is served, and never waits between characters; at the end no thread is left."""
    threads = threading.active_count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "_pause", lambda speed, real=live._pause: 0 * real(speed))
        served = Live(tiny_mixed.network, "a title", counts=tiny_mixed.counts)
        with serving(served.actions) as found:
            yield found
    until_no_more_than(threads)


def ask(server, method, path, body, headers):
    """The status of a request, and the lines of its reply, read strictly."""
    connection = http.client.HTTPConnection(*server.server_address, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, f"/{server.token}/{path}", body, headers)
        reply = connection.getresponse()
        content = reply.read().decode()
    if reply.headers["Content-Type"].startswith("text/html"):
        return reply.status, []
    return reply.status, [
        json.loads(line, parse_constant=pytest.fail) for line in lines_of(content)
    ]


def lines_of(content):
    """The lines of a reply, each of which has its end."""
    *found, rest = content.split("\n")
    assert rest == ""
    return found


def own(server):
    """The headers of the page's own requests."""
    host = f"127.0.0.1:{server.server_address[1]}"
    return {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}


@pytest.mark.parametrize("name", ACTIONS)
def test_the_examples_of_the_description_are_answered(name, server):
    fields = request_schema(name)["properties"]
    schemas = {
        n: SCHEMAS[s["$ref"].rpartition("/")[2]] if "$ref" in s else s for n, s in fields.items()
    }
    known = {n: s["examples"][0] for n, s in schemas.items() if "examples" in s}
    status, found = ask(server, "POST", name, json.dumps(known).encode(), own(server))
    assert status == 200
    assert not any(map(ERROR.is_valid, found)), found


@pytest.mark.parametrize("name", ACTIONS)
@given(data=st.data())
@examples(25)
def test_a_valid_request_is_answered_as_described(name, server, data):
    body = json.dumps(data.draw(VALID[name])).encode()
    status, found = ask(server, "POST", name, body, own(server))
    assert status == 200
    for line in found:
        REPLIES[name].validate(line)
    assert found
    assert not any(ERROR.is_valid(line) for line in found[:-1])


@given(data=st.data())
@examples(80)
def test_any_request_is_answered_with_a_described_status_and_lines(server, data):
    path = data.draw(st.sampled_from([*ACTIONS, "", "nothing", "../", "read/", "%72ead"]))
    value = data.draw(WILD.get(path, ANYTHING))
    body = data.draw(st.just(json.dumps(value).encode()) | st.binary(max_size=90))
    changed = data.draw(
        st.dictionaries(
            st.sampled_from([*own(server), "Content-Length", "Transfer-Encoding", "Expect"]),
            st.sampled_from(
                ["", "0", "-1", "9" * 20, "null", "chunked", "text/plain", "é", "1, 2"]
            ),
            max_size=1,
        )
    )
    method = data.draw(st.sampled_from(METHODS) | st.just("POST"))
    status, found = ask(server, method, path, body, own(server) | changed)
    assert str(status) in STATUSES
    assert method == "HEAD" or path == "" or found
    assert status == 200 or all(map(ERROR.is_valid, found))


# --- many at once ----------------------------------------------------------------------------------------------------


def odd_request(server, draw):
    """Some bytes that a client sends."""
    name = draw.choice([*ACTIONS])
    body = json.dumps({"text": "def a(b):\n" * draw.randrange(1, 199), "unit": "L0.h.1"}).encode()
    head = "".join(f"{n}: {v}\r\n" for n, v in own(server).items())
    head = f"POST /{server.token}/{name} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    whole = head.encode() + body
    return draw.choice(
        [
            whole,
            whole,
            whole[: draw.randrange(len(whole))],
            whole.replace(b"\r\n", b"\n", draw.randrange(9)),
            draw.randbytes(draw.randrange(1, 5000)),
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300,
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
            whole.replace(str(len(body)).encode(), str(MAX_BYTES + 1).encode()) + b"1" * MAX_BYTES,
            b"\r\n" * 99,
            b"",
        ]
    )


def visit(server, seed, statuses):
    """A client that sends something, or part of it, and reads the reply, or goes away."""
    draw = random.Random(seed)
    with contextlib.suppress(ConnectionError):
        with socket.create_connection(server.server_address, timeout=60) as client:
            client.sendall(odd_request(server, draw))
            if draw.random() < 0.3:
                return
            client.shutdown(socket.SHUT_WR)
            reply = client.makefile("rb").read()
        if reply.startswith(b"HTTP/"):
            statuses.append(int(reply.split()[1]))


@pytest.mark.parametrize(
    "visits", [80, pytest.param(2000, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_whatever_many_clients_send_at_once_the_server_answers_and_keeps_no_thread(
    visits, server, capfd
):
    threads, statuses = threading.active_count(), []
    for first in range(0, visits, 40):
        clients = [
            threading.Thread(target=visit, args=(server, seed, statuses))
            for seed in range(first, min(first + 40, visits))
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join(100)
            assert not client.is_alive()
    assert 200 in statuses
    assert {status for status in statuses if status >= 500} <= {503}
    until_no_more_than(threads)
    status, found = ask(server, "POST", "read", b'{"text": "def"}', own(server))
    assert (status, found[0]["rows"]["pieces"]) == (200, ["d", "e", "f"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_schemathesis_finds_nothing(server, tmp_path):
    """A tool that knows neither the server nor this module makes requests of the description, several at a time.

    What it calls negative data is answered with status 200 and an error as the last line, as the description says.
    """
    tool = shutil.which("st")
    if tool is None:
        pytest.skip("schemathesis is not installed")
    headers = [f"--header={name}:{value}" for name, value in own(server).items() if name != "Host"]
    options = ["--exclude-checks=negative_data_rejection", "--max-examples=300", "--seed=1"]
    done = subprocess.run(
        [tool, "run", FILE, "--url", server.address, *headers, *options, "--workers=4"],
        cwd=tmp_path,
        env=CLEAN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
