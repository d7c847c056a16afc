"""`charrnn serve`: who is let in, what a live model answers, and the page in a browser."""

import contextlib
import functools
import html
import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import unicodedata
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from helpers import CLEAN, call_charrnn, make_text, own_signals, program, random_model, run_charrnn
from pages import POLICY, read, serving, until, until_drawn, until_no_more_than
from unpacking import unpack

from charrnn.adapting.learner import Learner
from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.config import AdaptingConfig, SamplingConfig
from charrnn.errors import CharrnnError, EnvironmentFault, UsageError
from charrnn.interpret.context import context_curve
from charrnn.interpret.edits import Edit, edited, parse_edits
from charrnn.interpret.names import NamedUnit
from charrnn.interpret.occlusion import occlusion
from charrnn.interpret.recording import record, record_parts
from charrnn.interpret.units import Unit, parse_units
from charrnn.model import CharRNN
from charrnn.render.glyphs import glyph
from charrnn.sampling.sampler import sample
from charrnn.training.saliency import saliency_in_item
from charrnn.web.cards import page_cards
from charrnn.web.data import page_data
from charrnn.web.html import page_html, page_policy
from charrnn.web.live import GUESSES, MAX_CHARS, Live
from charrnn.web.rows import row_data
from charrnn.web.server import MAX_BYTES, Server
from charrnn.wording import counted


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
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
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


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
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
        ("PUT", "echo", 405),
        ("OPTIONS", "echo", 405),
        ("HEAD", "", 405),
        ("X", "nothing", 404),
    ],
)
def test_what_is_not_there_is_refused(server, method, name, status):
    found, _, headers = ask(server, method, f"/{server.token}/{name}", b"1")
    assert found == status
    assert headers["Allow"] == {405: "POST" if name else "GET"}.get(status)
    assert not [name for name in headers if name.lower().startswith("access-control")]


def test_the_address_has_a_slash_at_its_end(server):
    assert ask(server, "GET", f"/{server.token}")[0] == 404


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"1" * (MAX_BYTES + 1), {}, 413),
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
        assert headers["Content-Security-Policy"] == f"{POLICY}; frame-ancestors 'none'"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Python" not in headers["Server"]


def test_what_cannot_be_obeyed_is_told_in_the_last_line(server):
    status, body, _ = post(server, "fail", "at once")
    assert (
        status == 200
    )  # the request was heard; a browser would log any other as a fault of the page
    assert lines(body) == [{"error": "that is wrong", "hint": "do something else"}]
    _, body, _ = post(server, "fail", "later")
    assert lines(body) == [{"first": True}, {"error": "that went wrong", "hint": ""}]


def test_only_loopback_is_bound(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.socket.family == socket.AF_INET


def test_a_port_that_is_taken_is_told(server, wording):
    port = server.server_address[1]
    with wording.raises(EnvironmentFault) as found:
        Server(b"", POLICY, {}, port)
    assert "port 0" in found.value.hint


# --- replies that come line by line ---------------------------------------------------------------


def test_each_line_leaves_at_once_and_requests_are_answered_side_by_side():
    go_on = threading.Event()

    def slow(request):
        yield "first"
        assert go_on.wait(60)
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
    with socket.create_connection(server.server_address, timeout=60) as connection:
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
        assert ended.wait(60)
    assert capfd.readouterr() == ("", "")


# --- what a live model answers --------------------------------------------------------------------


@pytest.fixture(params=["char", "byte"])
def any_model(request, tiny_model, byte_model):
    return tiny_model if request.param == "char" else byte_model


def live(model, **options):
    return Live(model, "a title", **options)


def rows_of(model, text, item_end=None):
    """The rows of a text that a model has read."""
    return row_data(record(model, text, top=GUESSES, item_end=item_end))


def values_of(rows, name):
    """The numbers of each symbol, which are packed."""
    return unpack(rows[name]).reshape(len(rows["pieces"]), -1)


def written(live, **request):
    """The text that is written, and the lines of the reply."""
    lines = list(live.write({"seed": 1, "length": 40} | request))
    assert [bool(line["stop"]) for line in lines] == [False] * (len(lines) - 1) + [True]
    return "".join(line["text"] for line in lines)


def test_reading_is_what_the_model_reads(any_model):
    served = live(any_model)
    (line,) = served.read({"text": "def a(b):"})
    assert line == {"kept": 0, "rows": rows_of(any_model, "def a(b):")}
    recording = any_model.read("def a(b):", top=GUESSES)
    arrays = [recording.arrays[what].reshape(9, -1) for what in any_model.cell.states]
    assert (values_of(line["rows"], "values") == np.concatenate(arrays, axis=1)).all()
    assert (values_of(line["rows"], "surprisal")[:, 0] == recording.surprisal).all()
    assert (values_of(line["rows"], "guesses") == recording.next_ids).all()
    edits = "clamp L0.c.3=+2  # held\n\nsteer L1.h.0-3=-0.5"
    (line,) = served.read({"text": "def a(b):", "edits": edits})
    edited = any_model.edited([Edit("clamp", "L0.c.3", 2.0), Edit("steer", "L1.h.0-3", -0.5)])
    assert line == {"kept": 0, "rows": rows_of(edited, "def a(b):")}
    assert line["rows"]["edits"] == ["clamp L0.c.3=+2.0", "steer L1.h.0-3=-0.5"]
    assert line["rows"]["surprisal"] != rows_of(any_model, "def a(b):")["surprisal"]


@pytest.mark.parametrize("item_end", [None, "\n"])
def test_only_the_rows_after_what_the_page_has_are_sent_and_they_are_those_of_the_whole(
    any_model, tiny_mixed, item_end, monkeypatch
):
    models = (any_model, tiny_mixed) if any_model is not tiny_mixed.network else (any_model,)
    start = make_text(1100) + "x"
    texts = [start, start + "d", start + "de", start + "d", start[:1050], "ab", "ab\ncd", "ab\ncd"]
    for model in models:
        served = live(
            getattr(model, "network", model),
            counts=getattr(model, "counts", None),
            item_end=item_end,
        )
        had = ""
        for text in texts:
            (line,) = served.read({"text": text, "had": had, "counts": model is tiny_mixed})
            fresh, (kept, rows) = rows_of(model, text, item_end), (line["kept"], line["rows"])
            assert kept == min(common(text, had), len(text) - 1)
            assert rows["pieces"] == fresh["pieces"][kept:]
            assert (values_of(rows, "ids") == values_of(fresh, "ids")[kept:]).all()
            for name in {"surprisal", "values", "chances", "fromCounts"} & fresh.keys():
                close = {"rtol": 1e-3, "atol": 1 if name == "chances" else 1e-4}
                np.testing.assert_allclose(
                    values_of(rows, name), values_of(fresh, name)[kept:], **close
                )
            had = text
    steps = []
    advance = type(any_model).advance
    monkeypatch.setattr(type(any_model), "advance", lambda *a: steps.append(a[1]) or advance(*a))
    served = live(any_model)
    list(served.read({"text": start}))
    steps.clear()
    (line,) = served.read({"text": start + "d", "had": start})
    assert len(steps) == 1  # a key costs one new row
    assert len(line["rows"]["pieces"]) == 1
    assert len(json.dumps(line)) < 4000


def common(text, other):
    return next(
        (k for k, (a, b) in enumerate(zip(text, other, strict=False)) if a != b),
        min(len(text), len(other)),
    )


def test_gates_and_the_trace_of_a_unit_are_those_of_the_text(any_model):
    text = make_text(200)
    (line,) = live(any_model).gates({"text": text})
    expected = page_data([any_model.read(text, top=1)], parse_units("L*.c.*", any_model), title="")
    assert line == {"gates": expected["gates"]}
    assert [gate["name"] for gate in line["gates"]] == list(any_model.cell.sigmoids)
    (line,) = live(any_model).trace({"text": text, "unit": "L1.c.3", "edits": "clamp L0.h.1=1"})
    edited = any_model.edited([Edit("clamp", "L0.h.1", 1.0)]).read(text)
    assert "".join(line["pieces"]) == text
    assert (unpack(line["values"]) == edited.arrays["c"][:, 1, 3]).all()
    assert (unpack(line["surprisal"]) == edited.surprisal).all()


def test_counts_are_mixed_into_what_is_read_and_written_if_a_request_wants_them(tiny_mixed):
    network = tiny_mixed.network
    model = live(network, counts=tiny_mixed.counts)
    request = {"text": "def a(b):", "edits": "clamp L0.c.3=+2"}
    mixed = edited(tiny_mixed, [Edit("clamp", "L0.c.3", 2.0)])
    expected = rows_of(mixed, "def a(b):")
    assert list(model.read(request | {"counts": True})) == [{"kept": 0, "rows": expected}]
    assert unpack(expected["fromCounts"]).any()
    (alone,) = model.read(request)
    assert list(model.read(request | {"counts": False})) == [alone]
    assert "fromCounts" not in alone["rows"]
    both = "".join(sample(tiny_mixed, "def ", SamplingConfig(seed=1, length=40)))
    assert written(model, prompt="def ", counts=True) == both != written(model, prompt="def ")


def learned_from(model, texts):
    """A copy that has learned from texts, of the last from its whole chunks."""
    learner = Learner(model, AdaptingConfig())
    for k, text in enumerate(texts):
        ids = model.vocabulary.encode(text)
        learner.begin()
        learner.learn(ids if k < len(texts) - 1 else ids[: (len(ids) - 1) // 32 * 32 + 1])
    return learner.adapted()


@pytest.mark.parametrize("counts", [False, True])
def test_a_copy_learns_from_the_texts_of_a_request_in_whatever_order_requests_come(
    tiny_mixed, counts
):
    network = tiny_mixed.network
    model = live(network, counts=tiny_mixed.counts)
    first, second = make_text(70), make_text(400)[200:]
    requests = [[second[:80]], [first, second[:40]], [first, second], [second[:90]], [first], [""]]
    for texts in [*requests, *requests[::-1]]:
        learned = learned_from(tiny_mixed if counts else network, texts)
        request = {"text": "def a", "had": "def", "learn": texts, "counts": counts}
        (line,) = model.read(request)
        assert (line["kept"], line["rows"]) == (
            0,
            rows_of(learned, "def a"),
        )  # had with another copy
        whole = sum(len(text) - 1 for text in texts[:-1])
        assert line.get("learned", 0) == whole + max(0, len(texts[-1]) - 1) // 32 * 32
    (line,) = model.read({"text": "def a", "learn": [], "counts": counts})
    assert "learned" not in line
    (plain,) = live(network, counts=tiny_mixed.counts).read({"text": "def a", "counts": counts})
    assert line == plain


def page_of(model):
    """The data of a live page."""
    return json.loads(model.page().partition('id="data">')[2].partition("</script>")[0])


def test_the_page_opens_with_counts_or_without(tiny_mixed):
    network, counts = tiny_mixed.network, tiny_mixed.counts
    for model, switch in (
        (live(network), None),
        (live(network, counts=counts), False),
        (live(network, counts=counts, mixes=True), True),
    ):
        data = page_of(model)
        text = data["live"]["text"]
        assert data["live"]["counts"] is switch
        assert text == written(model, length=400, counts=bool(switch))


def test_the_page_begins_with_what_the_model_writes_and_says_what_it_is(tiny_model):
    names = [NamedUnit(unit="L0.c.5", name="inside <brackets>", score=0.9)]
    data = page_of(live(tiny_model, names=names))
    assert data["live"]["text"] == "".join(tiny_model.sample(seed=1, length=400))
    assert data["about"] == {
        "cell": "lstm",
        "states": ["h", "c"],
        "numLayers": 2,
        "hidden": 24,
        "start": 0,
        "sigmoids": list(tiny_model.cell.sigmoids),
        "meanings": dict(tiny_model.cell.meanings),
        "fingerprint": tiny_model.fingerprint,
        "shown": [*map(glyph, map(tiny_model.vocabulary.shown, range(len(tiny_model.vocabulary))))],
        "names": [{"unit": "L0.c.5", "name": "inside <brackets>", "label": str(names[0])}],
    }


def test_a_card_is_measured_when_it_is_asked_for(any_model):
    text = "def a(b): return b\n" * 12
    unknown = "\x01" if any_model.vocabulary.level == "char" else ""
    (line,) = live(any_model).card({"text": text + unknown, "unit": "L1.c.3"})
    assert line == {"card": page_cards(any_model, text, [Unit(1, "c", 3)])["L1.c.3"]}
    assert line["card"]["cost"]["count"] == len(text.encode()) - 1
    edits = "clamp L0.h.1=1"
    (line,) = live(any_model).card({"text": text, "unit": "L0.h.1", "edits": edits})
    assert line["card"]["cost"] is None  # without the unit, the edit would be gone too
    assert line["card"]["deviation"] == 0


@pytest.mark.parametrize(
    "request_",
    [
        {"text": "def a"},
        {"text": "def a", "unit": 3},
        {"text": "def a", "unit": "L9.c.0"},
        {"text": "def a", "unit": "L0.f.1"},
        {"text": "d", "unit": "L0.c.1"},
        {"text": "d" * (MAX_CHARS + 1), "unit": "L0.c.1"},
        {"text": "def a", "unit": "L0.c.1", "sets": 9},
        "L0.c.1",
    ],
)
def test_what_has_no_card_is_refused(tiny_model, request_):
    with pytest.raises(CharrnnError):
        list(live(tiny_model).card(request_))


@pytest.mark.parametrize("item_end", [None, "\n"])
def test_what_mattered_and_the_context_curve_are_the_commands(tiny_model, item_end):
    text = "def a(b):\n    return b\n" * 8
    ids = tiny_model.vocabulary.encode(text)
    own = live(tiny_model, item_end=item_end)
    for place in (5, 130, 0 if item_end else 1):
        ((found,),) = (line.values() for line in own.saliency({"text": text, "place": place}))
        expected = saliency_in_item(tiny_model, ids, place, item_end=item_end)
        assert (found["place"], found["start"]) == (place, expected.start)
        assert found["values"] == pytest.approx(expected.norms.tolist(), rel=1e-5)
        assert found["probability"] == pytest.approx(expected.probability, abs=1e-6)
    ((found,),) = (line.values() for line in own.context({"text": text}))
    curve = context_curve(tiny_model, ids, windows=128, item_end=item_end)
    assert found["mean"] == pytest.approx(curve.mean.tolist(), abs=5.1e-5)
    assert found["error"] == pytest.approx(curve.excess_error.tolist(), abs=5.1e-5)
    assert (found["windows"], found["effective"]) == (curve.num_places, curve.effective_length)


def test_where_units_are_edited_it_is_told_what_leaving_out_a_character_costs(tiny_model):
    text, edits = "def a(b):\n    return b\n", "clamp L0.c.3=0.5"
    request = {"text": text, "place": 12, "edits": edits}
    ((found,),) = (line.values() for line in live(tiny_model).saliency(request))
    model = edited(tiny_model, parse_edits(edits, "edits"))
    expected = occlusion(model, model.vocabulary.encode(text), 12)
    assert (found["method"], found["place"], found["start"]) == ("occlusion", 12, 0)
    assert found["values"] == pytest.approx(expected.bits.tolist(), rel=1e-5, abs=1e-9)
    assert found["probability"] == pytest.approx(expected.probability, abs=1e-6)


@pytest.mark.parametrize(
    "request_",
    [
        {"text": "abc", "place": 3},
        {"text": "abc", "place": 0},
        {"text": "abc", "place": "1"},
        {"text": "abc", "place": True},
        {"text": "abc", "place": 0, "edits": "clamp L0.c.1=0"},
    ],
)
def test_a_place_that_cannot_be_explained_is_refused(tiny_model, request_):
    with pytest.raises(CharrnnError):
        list(live(tiny_model).saliency(request_))


def test_only_the_served_page_has_the_live_part_and_may_ask_its_server(tiny_model):
    data = page_data([tiny_model.read("def a", top=1)], [Unit(0, "c", 1)], title="")
    plain, served = page_html(data), live(tiny_model).page()
    for part in ("class Live", 'id="live-text"', ".compared {"):
        assert part in served
        assert part not in plain
    assert "connect-src 'none'" in page_policy()
    assert "connect-src 'self'" in page_policy(live=True)
    assert html.escape(page_policy(live=True)) in served
    assert "unsafe" not in page_policy(live=True)


def test_writing_is_what_the_model_samples(any_model):
    model = live(any_model)
    for settings in ({}, {"temperature": 0.3}, {"temperature": 1.4, "top_p": 0.7}, {"seed": 2}):
        expected = any_model.sample("def ", **({"seed": 1, "length": 40} | settings))
        assert written(model, prompt="def ", **settings) == "".join(expected)
    assert written(model) == "".join(any_model.sample(seed=1, length=40))


def test_a_clamp_is_the_edited_models_and_the_same_seed_tells_them_apart(tiny_model):
    held = tiny_model.edited([Edit("clamp", "L1.h.5", 3.0), Edit("clamp", "L1.h.7", -3.0)])
    edits = "clamp L1.h.5=3\nclamp L1.h.7=-3"
    found = written(live(tiny_model), prompt="def ", edits=edits)
    assert found == "".join(held.sample("def ", seed=1, length=40))
    assert found != written(live(tiny_model), prompt="def ")
    names = [NamedUnit(unit="L1.h.5", name="a=b"), NamedUnit(unit="L1.h.7", name="in quotes")]
    model = live(tiny_model, names=names)
    assert written(model, prompt="def ", edits="clamp a=b=3\nclamp in quotes=-3") == found


def test_another_temperature_in_the_midst_goes_on_with_the_next_random_numbers(any_model):
    model = live(any_model)
    for prompt in ("def ", ""):
        first = written(model, prompt=prompt)[:17]
        rest = written(model, prompt=prompt, written=first, index=1, temperature=1.3)
        config = SamplingConfig(seed=1, length=40, temperature=1.3)
        read = (prompt or "\n") + first  # without a prompt a model reads a newline
        assert rest == "".join(sample(any_model, read, config, index=1))


def test_a_model_of_lines_writes_line_after_line_each_begun_afresh(tiny_model):
    def line(prompt, index, length):
        config = SamplingConfig(seed=1, length=length, item_end="\n")
        return "".join(sample(tiny_model, prompt, config, index=index))

    expected, index, prompt = "", 4, "ab"
    while len(expected) < 300:
        expected += line(prompt, index, 300 - len(expected))
        index, prompt = index + 1, ""
    model = live(tiny_model, item_end="\n")
    assert expected.count("\n") > 3
    assert written(model, prompt="first\nab", index=4, length=300) == expected
    assert list(model.write({"length": 300, "seed": 1}))[-1]["index"] > 3


@pytest.mark.parametrize("text", ["ab", "ab\n", "\nab", "\n", "def a\n\nx\ny", "\n\n\n"])
def test_a_model_of_lines_reads_each_from_its_first_state_on(any_model, text):
    parts = list(record_parts(any_model, text, top=2, item_end="\n", length=3))
    assert "".join(part.text for part in parts) == text
    assert [part.start for part in parts] == [
        1 + sum(len(p.ids) for p in parts[:k]) for k in range(len(parts))
    ]
    assert [text[part.start_char :][: len(part.text)] for part in parts] == [p.text for p in parts]
    assert [p.following for p in parts[:-1]] == [p.ids[0] for p in parts[1:]]
    assert parts[-1].following is None
    found = {
        name: np.concatenate(
            [{**p.arrays, "surprisal": p.surprisal, "next": p.next_ids}[name] for p in parts]
        )
        for name in (*any_model.cell.states, *any_model.cell.gates, "surprisal", "next")
    }
    t = 0
    for line in text.split("\n"):
        alone = any_model.read("\n" + line + "\n", top=2)
        if t:  # the newline in which the line begins; what it cost was told at the end of the one before
            assert (found["h"][t - 1] == alone.arrays["h"][0]).all()
            assert (found["next"][t - 1] == alone.next_ids[0]).all()
        stop = t + len(line)
        for name in alone.arrays:
            assert (found[name][t:stop] == alone.arrays[name][1:-1]).all()
        costs = found["surprisal"][t : stop + 1]
        assert costs == pytest.approx(
            alone.surprisal[1 : len(costs) + 1], rel=1e-5
        )  # products round
        t = stop + 1


def test_the_live_page_of_a_model_of_lines_reads_them_so(tiny_model, wording):
    model = live(tiny_model, item_end="\n")
    (line,) = model.read({"text": "ab\ncd"})
    assert line == {"kept": 0, "rows": rows_of(tiny_model, "ab\ncd", "\n")}
    assert model.about()["start"] == 1
    assert line != next(live(tiny_model).read({"text": "ab\ncd"}))
    with wording.raises(CharrnnError):
        next(model.read({"text": ""}))


@pytest.mark.parametrize(
    ("action", "request_"),
    [
        ("read", None),
        ("read", {"text": ""}),
        ("read", {"text": 1}),
        ("read", {"text": "a" * (MAX_CHARS + 1)}),
        ("read", {"text": "a", "what": "h"}),
        ("read", {"text": "a", "had": 1}),
        ("gates", {"text": "a", "had": "a"}),
        ("trace", {"text": "a"}),
        ("trace", {"text": "a", "unit": "L0.f.1"}),
        ("trace", {"text": "a" * (2 * MAX_CHARS + 1), "unit": "L0.c.1"}),
        ("read", {"text": "a", "edits": "L0.c.3=1"}),
        ("read", {"text": "a", "edits": "clamp L7.c.3=1"}),
        ("read", {"text": "a", "edits": "clamp L0.f.3=1"}),
        ("read", {"text": "a", "edits": ["clamp L0.c.3=1"]}),
        ("write", {"prompt": "a" * 1500, "written": "b" * 501}),
        ("write", {"length": MAX_CHARS + 1}),
        ("write", {"length": -1}),
        ("write", {"length": True}),
        ("write", {"temperature": -1}),
        ("write", {"temperature": "hot"}),
        ("write", {"top_p": 0}),
        ("write", {"seed": 1.5}),
        ("write", {"index": -1}),
        ("write", {"index": 0.5}),
        ("write", {"speed": 0}),
        ("write", {"speed": "fast"}),
        ("write", {"match": "a+"}),
        ("read", {"text": "a", "counts": True}),
        ("read", {"text": "a", "counts": "no"}),
        ("write", {"counts": True}),
        ("read", {"text": "a", "learn": "a"}),
        ("read", {"text": "a", "learn": ["a" * 10_000, "b"]}),
    ],
)
def test_what_cannot_be_obeyed_is_refused_before_the_first_line(
    tiny_model, action, request_, wording
):
    with wording.raises(CharrnnError) as found:
        next(getattr(live(tiny_model), action)(request_))
    assert "\n" not in found.value.message


def test_the_guide_says_how_long_a_live_text_may_be():
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "live-page.md"
    assert f"{MAX_CHARS:,} characters" in " ".join(guide.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("lines", [False, True])
def test_what_the_model_does_not_know_is_left_out_of_what_is_read_and_written_on(tiny_model, lines):
    model = live(tiny_model, item_end="\n" if lines else None)
    (known,), (line,) = model.read({"text": "def it"}), model.read({"text": "dé😀ef\ud800 ité"})
    assert line == known | {
        "unknown": ["é", "😀", "\ud800"],
        "names": "é (U+00E9 LATIN SMALL LETTER E WITH ACUTE), 😀 (U+1F600 GRINNING FACE), "
        "\\ud800 (U+D800)",
    }
    assert written(model, prompt="dé😀ef ") == written(model, prompt="def ")
    first = {"prompt": "d", "index": 1}
    assert written(model, written="é😀f", **first) == written(model, written="f", **first)
    assert written(model, prompt="é") == written(model)
    (line,) = model.read({"text": "éé"})
    assert (line["rows"], line["unknown"]) == (None, ["é"])


@pytest.mark.parametrize("form", ["nfc", "nfd"])
def test_what_is_typed_is_read_in_the_normal_form_of_the_model(form):
    both = [unicodedata.normalize(other, "José é") for other in ("NFC", "NFD")]
    model = live(random_model(unicodedata.normalize(form.upper(), both[0])), normalize=form)
    (composed,), (decomposed,) = (model.read({"text": text}) for text in both)
    assert composed == decomposed
    assert "unknown" not in composed
    assert written(model, prompt=both[0]) == written(model, prompt=both[1])


def test_a_writer_waits_between_characters_if_it_is_asked_to(tiny_model, monkeypatch):
    pauses = []
    monkeypatch.setattr("charrnn.web.live.time.sleep", pauses.append)
    assert len(written(live(tiny_model), speed=50)) == 40
    assert pauses == [1 / 50] * 40


# --- the command ----------------------------------------------------------------------------------


@contextmanager
def command_serving(workplace, *options, env=None):
    """`charrnn serve`, and the address that it printed."""
    process = subprocess.Popen(
        program("serve", *options),
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=WITHOUT_DISPLAY | (env or {}),
        preexec_fn=own_signals,
        text=True,
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


WITHOUT_DISPLAY = {
    name: value
    for name, value in CLEAN.items()
    if name not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
}


def fetch(address, name="", value=None, timeout=60):
    """The open reply to what the page at an address asks."""
    origin = address.rpartition("/")[0].rpartition("/")[0]
    body = None if value is None else json.dumps(value).encode()
    headers = {"Content-Type": "application/json", "Origin": origin}
    request = urllib.request.Request(address + name, body, headers)
    return urllib.request.urlopen(request, timeout=timeout)


def test_the_command_serves_until_ctrl_c_whoever_goes_away(workplace, tiny_model):
    with command_serving(workplace, "tiny") as (process, address):
        with fetch(address) as reply:
            assert page_policy(live=True) in reply.headers["Content-Security-Policy"]
            assert b"<title>tiny</title>" in reply.read()
        for _ in range(2):
            reply = fetch(address, "write", {"length": 2000, "seed": 1, "speed": 1000})
            reply.readline()
            reply.close()  # writing to it would end a command that does not expect it
        with fetch(address, "write", {"prompt": "def ", "seed": 3, "length": 30}) as reply:
            text = "".join(line["text"] for line in lines(reply.read()))
        assert text == "".join(tiny_model.sample("def ", seed=3, length=30))
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGINT  # which a shell calls 130
        assert (out, err) == (
            "",
            "charrnn: only this machine can reach the page; Ctrl-C stops the server\n",
        )


def test_a_browser_is_opened_where_there_is_a_display_or_if_asked(workplace, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened.part\n'
        f"mv {tmp_path}/opened.part {tmp_path}/opened\n"
    )
    browser.chmod(0o755)
    env = {"BROWSER": str(browser)}
    with command_serving(workplace, "tiny", "-q", env=env) as (process, address):
        opened = tmp_path / "opened"
        while not opened.exists():
            assert process.poll() is None
            time.sleep(0.01)
        assert opened.read_text() == address
        opened.unlink()
    with command_serving(workplace, "tiny", "-q", "--no-open", env=env) as (_, address):
        fetch(address).close()
        assert not (tmp_path / "opened").exists()


def test_a_port_that_is_taken_is_one_line(workplace, server):
    port = server.server_address[1]
    done = run_charrnn("serve", "tiny", "--port", port, cwd=workplace, status=6)
    said, hint = done.err.splitlines()
    assert f"cannot serve on port {port}: Address already in use" in said
    assert "port 0" in hint
    assert done.out == ""


def test_counts_that_a_model_does_not_have_cannot_be_served(tmp_path, capsys, wording):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, Checkpoint(random_model("ab\n")))
    wording(call_charrnn(capsys, "serve", path, "--counts", "--no-open", status=2))


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tiny_mixed):
    model = live(tiny_mixed.network, counts=tiny_mixed.counts)
    with serving(model.actions, model.page().encode(), policy=page_policy(live=True)) as found:
        yield found


@pytest.fixture
def page(visit, served):
    """The page as a person has it open."""
    page = visit(served.address)
    page.locator("#live-text").wait_for()
    until_drawn(page)
    return page


def colours(page):
    """The level of colour of each character that is shown."""
    return page.evaluate("Array.from(page.view.levels)")


def shown(page):
    """The text that is shown."""
    return "".join(page.locator("#lines p").all_text_contents()).replace("↵", "\n")


def test_what_is_typed_is_read_at_once(page, tiny_model):
    page.fill("#live-text", "")
    page.locator("#live-text").press_sequentially("def a(")
    read(page, "def a(")
    assert shown(page) == "def a("
    unit = page.locator("#unit-name").text_content()
    before = colours(page)
    layer, what, index = unit.removeprefix("L").split(".")
    values = tiny_model.read("def a(").arrays[what][:, int(layer), int(index)]
    assert [level < 0 for level in before if level] == [
        value < 0 for value, level in zip(values, before, strict=True) if level
    ]
    assert any(before)
    page.locator("#live-text").press_sequentially("x): retu")
    read(page, "def a(x): retu")
    assert len(colours(page)) == 14
    assert page.locator("#unit-name").text_content() == unit  # the one that was picked stays
    assert "14 characters read" in page.locator("#live-status").text_content()
    guess = tiny_model.read("def a(x): retu", top=1)
    expected = guess.next_text[guess.next_ids[-1, 0]]
    assert page.locator("#guesses .name").first.text_content() == {" ": "space", "\n": "↵"}.get(
        expected, expected
    )


def test_the_card_of_a_unit_is_shown_on_demand_until_the_text_changes(page, tiny_model):
    text = "def a(b):\n    return b\n" * 10
    page.fill("#live-text", text)
    read(page, text)
    page.evaluate("pick(page.data.units.findIndex(u => u.name === 'L1.c.3'))")
    assert page.locator("#card-body > div").count() == 0
    page.locator("#card-ask").click()
    page.locator("#card-body > div").first.wait_for()
    assert page.locator("#card-ask").is_hidden()
    assert (
        page.locator("#card-hint").text_content() == f"What it does in all {len(text)} characters."
    )
    page.fill("#live-text", text + "d")
    read(page, text + "d")
    assert page.locator("#card-body > div").count() == 0
    assert page.locator("#card-ask").is_visible()
    page.fill("#live-text", "d")
    read(page, "d")
    page.locator("#card-ask").click()
    page.locator("#card-hint", has_text="at least 2 characters").wait_for()


def test_what_mattered_for_a_character_is_shown_and_follows_the_cursor(page, tiny_model):
    text = "def a(b):\n    return b\n" * 4
    page.fill("#live-text", text)
    read(page, text)
    unit = page.locator("#unit-name").text_content()
    page.get_by_role("button", name="What mattered for it?").click()
    for place in (40, 60):
        page.evaluate("t => go(t)", place)
        until(page, "t => page.why.found?.place === t", place)
        ids = tiny_model.vocabulary.encode(text)
        norms = saliency_in_item(tiny_model, ids, place, item_end=None).norms
        expected = np.ceil(norms / norms.max() * 16 - 1e-3)
        assert colours(page) == [*expected, *[0] * (len(text) - place)]
    assert "gradient" in page.locator("#why-note").text_content()
    page.fill("#live-text", text + "x")
    read(page, text + "x")
    until(page, "t => page.why.found?.place === t", len(text))
    page.get_by_role("button", name="Color by the unit again").click()
    assert page.locator("#unit-name").text_content() == unit
    page.evaluate(
        "page.live.edits.show([{ kind: 'clamp', name: 'L0.c.3', value: '0.5', scale: 1 }])"
    )
    until(page, "() => page.data.source.edits.length === 1 && !page.isUnsettled")
    page.get_by_role("button", name="What mattered for it?").click()
    page.locator("#why-note", has_text="left out").wait_for()


def test_a_switch_mixes_the_counts_into_what_is_read_and_written(page, tiny_mixed):
    page.fill("#live-text", "def a(x): retu")
    read(page, "def a(x): retu")
    page.get_by_label("Mix in the counts").check()
    until(page, "() => Boolean(page.data.fromCounts)")
    guess = record(tiny_mixed, "def a(x): retu", top=1)
    percent = 100 * float(guess.next_probabilities[-1, 0])
    figure = f"{percent:.{1 if percent < 9.95 else 0}f} %"
    assert page.locator("#guesses .figure").first.text_content() == figure
    page.evaluate("pick(COUNTS)")
    page.locator("#live-length").fill("5")
    page.locator("#live-write").click()
    until(page, "() => !page.live.writing && page.live.written.length === 5")
    expected = sample(tiny_mixed, "def a(x): retu", SamplingConfig(seed=1, length=5))
    written = "def a(x): retu" + "".join(expected)
    read(page, written)
    assert page.locator("#live-text").input_value() == written
    assert page.locator("#unit-name").text_content() == "counts"
    page.get_by_label("Mix in the counts").uncheck()
    until(page, "() => !page.data.fromCounts")
    assert page.locator("#unit-name").text_content() == page.evaluate("page.data.first")


def test_a_copy_learns_from_what_is_typed_until_it_is_forgotten(page, tiny_mixed):
    text = make_text(75)
    page.fill("#live-text", text)
    read(page, text)
    before = page.evaluate("Array.from(page.data.surprisal)")
    page.get_by_label("Keep learning").check()
    page.locator("#live-learned", has_text="from 64 characters").wait_for()
    learned = record(learned_from(tiny_mixed.network, [text]), text)
    until(page, "() => !page.live.reading.isRunning")
    found = page.evaluate("Array.from(page.data.surprisal)")
    np.testing.assert_allclose(found[1:], 1000 * learned.surprisal[1:], atol=2)
    assert found != before
    page.locator("#live-clear").click()
    page.fill("#live-text", "def a")
    page.locator("#live-learned", has_text="from 74 characters").wait_for()
    page.locator("#live-forget").click()
    until(page, "() => !page.live.reading.isRunning")
    assert page.evaluate("page.live.predictor.learn") == []
    assert page.locator("#live-learned").text_content() == ""
    page.fill("#live-text", text)
    read(page, text)
    assert page.evaluate("Array.from(page.data.surprisal)") == before


def test_a_model_without_counts_that_cannot_learn_has_no_switches(visit, tiny_model):
    assert live(tiny_model).opening()["learns"]
    model = live(random_model(make_text(600), cell="mogrifier", kind=CharRNN))
    content = model.page().encode()
    with serving(model.actions, content, policy=page_policy(live=True)) as server:
        page = visit(server.address)
        page.locator("#live-text").wait_for()
        assert page.get_by_label("Mix in the counts").is_hidden()
        assert page.get_by_label("Keep learning").is_hidden()
        page.fill("#live-text", "def")
        read(page, "def")
        page.goto("about:blank")


def test_the_cursor_of_the_page_follows_the_caret(page):
    page.fill("#live-text", "def a(b)")
    read(page, "def a(b)")
    assert page.evaluate("page.at") == 7
    page.locator("#live-text").press("ArrowLeft")
    page.locator("#live-text").press("ArrowLeft")
    until(page, "() => page.at === 5")


def test_it_writes_on_and_stops(page, tiny_model):
    page.fill("#live-text", "def ")
    page.fill("#live-length", "60")
    page.locator("#live-speed").fill("5")  # as fast as it goes
    page.locator("#live-text").press("Control+Enter")
    whole = "def " + "".join(tiny_model.sample("def ", seed=1, length=60))
    read(page, whole)
    assert page.input_value("#live-text") == whole
    assert shown(page) == whole
    assert page.locator("#live-stop").is_disabled()

    page.locator("#live-speed").fill("3")
    page.fill("#live-text", "def ")
    page.fill("#live-length", "1500")
    page.click("#live-write")
    until(page, "() => page.live.written.length > 20")
    page.keyboard.press("Escape")  # the keyboard is at the button that stops
    text = page.input_value("#live-text")
    read(page, text)
    longer = "def " + "".join(tiny_model.sample("def ", seed=1, length=1500))
    assert longer.startswith(text)
    assert len(text) < len(longer)
    assert page.locator("#live-stop").is_disabled()
    assert page.evaluate("document.activeElement.id") == "live-text"


def test_typing_ends_the_writing_and_what_is_typed_stays(page):
    page.fill("#live-text", "def ")
    page.locator("#live-speed").fill("2")
    page.locator("#live-text").press("Control+Enter")
    until(page, "() => page.live.written.length > 3")
    page.locator("#live-text").press("End")
    page.keyboard.press("q")
    until(page, "() => !page.live.writing")
    text = page.input_value("#live-text")
    assert "q" in text
    read(page, text)
    assert page.locator("#live-again").is_disabled()


def test_again_is_the_next_seed_from_the_same_beginning(page, tiny_model):
    page.fill("#live-text", "def ")
    page.fill("#live-length", "40")
    page.locator("#live-speed").fill("5")
    page.click("#live-write")
    read(page, "def " + "".join(tiny_model.sample("def ", seed=1, length=40)))
    page.get_by_role("button", name="Try again, seed 2").click()
    read(page, "def " + "".join(tiny_model.sample("def ", seed=2, length=40)))


def test_escape_stops_the_writing_wherever_the_keyboard_is(page):
    page.fill("#live-text", "def ")
    page.fill("#live-length", "20")
    page.locator("#live-speed").fill("5")
    page.click("#live-write")
    until(page, "() => page.live.written.length === 20 && !page.live.writing")
    page.locator("#live-speed").fill("1")
    page.fill("#live-length", "1500")
    for place in ("live-again", "live-temperature", "text", "search", "ask", None):
        page.locator("#live-again").focus()
        page.keyboard.press("Enter")
        until(page, "() => page.live.writing && page.live.written.length > 2")
        assert page.evaluate("document.activeElement.id") == "live-stop"
        if place is None:
            page.evaluate("document.activeElement.blur()")
        elif place == "ask":
            page.click("#ask")
        elif place != "live-again":
            page.locator(f"#{place}").focus()
        focused = page.evaluate("document.activeElement.id")
        page.keyboard.press("Escape")
        until(page, "() => !page.live.writing && !page.live.reading.isRunning")
        assert 2 < len(page.evaluate("page.live.written")) < 1500
        assert not page.locator("#help").is_visible()
        after = {"live-stop": "live-again", "help-title": "ask"}.get(focused, focused)
        assert page.evaluate("document.activeElement.id") == after


def test_another_temperature_while_it_writes_counts_from_the_next_character(page, tiny_model):
    page.fill("#live-text", "def ")
    page.fill("#live-length", "150")
    page.locator("#live-speed").fill("1")  # a busy machine has 11 seconds for the change
    page.click("#live-write")
    until(page, "() => page.live.written.length > 10")
    page.evaluate("() => { $('live-speed').value = 5; }")  # for what follows it
    page.locator("#live-temperature").fill("0")
    until(page, "() => !page.live.writing")
    text = page.input_value("#live-text").removeprefix("def ")
    assert len(text) == 150
    sampled = functools.partial(tiny_model.sample, seed=1)
    warm = "".join(sampled("def ", length=150))
    same = next(k for k in range(150) if text[k] != warm[k])

    def changed_at(k):  # what is written if the temperature changes there
        return text[:k] + "".join(sampled("def " + text[:k], length=150 - k, temperature=0))

    assert text in map(changed_at, range(10, same + 1))


def test_each_change_while_it_writes_has_random_numbers_of_its_own(page):
    page.fill(
        "#live-length", "1000"
    )  # at 30 characters per second, all changes come before its end
    page.locator("#live-speed").fill("2")
    page.click("#live-write")
    for index, temperature in enumerate(("1.5", "0.5", "1"), 1):
        page.locator("#live-temperature").fill(temperature)
        until(page, "index => page.live.index === index", index)
        assert page.evaluate("() => Boolean(page.live.writing)")


def test_holding_a_unit_changes_what_is_read_and_written_next_to_the_model_as_it_is(
    page, tiny_model
):
    page.fill("#live-text", "def ")
    page.fill("#live-length", "80")
    page.locator("#search").fill("L1.h.5")
    page.locator("#list [role=option]:visible", has_text="L1.h.5").first.click()
    unit = page.locator("#unit-name").text_content()
    page.get_by_role("button", name=f"Hold {unit}").click()
    page.get_by_label(f"Value for {unit}", exact=True).fill("5")
    held = tiny_model.edited([Edit("clamp", unit, 5.0)])
    expected = "def " + "".join(held.sample("def ", seed=1, length=80))
    plain = "def " + "".join(tiny_model.sample("def ", seed=1, length=80))
    until(page, "text => $('live-held').textContent === text", expected)
    assert page.locator("#live-plain").text_content() == plain
    same = next(k for k in range(84) if plain[k] != expected[k])
    common = f"Identical for {counted(same - 4, 'character')}, then different"
    sentence = common if same > 4 else "Different from the first character on"
    assert page.locator("#live-differ").text_content().startswith(sentence)
    until(page, "text => $('summary').textContent.includes(text)", f"{unit} held at +5.0")
    until(page, "() => page.view.levels.every((level) => level === 16)")

    page.locator("#live-speed").fill("5")
    page.click("#live-write")
    read(page, expected)
    page.get_by_label(f"Apply the edit of {unit}").uncheck()
    assert not page.locator("#live-compare").is_visible()
    until(page, "text => !$('summary').textContent.includes(text)", "held")
    page.get_by_label("Kind of edit").select_option("steer")
    page.get_by_label(f"Apply the edit of {unit}").check()
    steered = tiny_model.edited([Edit("steer", unit, 5.0)])
    expected = "def " + "".join(steered.sample("def ", seed=1, length=80))
    until(page, "text => $('live-held').textContent === text", expected)
    page.get_by_role("button", name=f"Remove the edit of {unit}").click()
    assert page.locator("#live-list li").count() == 0


def test_what_the_model_does_not_know_is_told_and_the_rest_goes_on(page, tiny_model):
    typed = "déf 😀a"
    page.fill("#live-text", typed)
    read(page, typed)
    assert shown(page) == "df a"
    told = page.locator("#live-left-out")
    assert "U+00E9" in told.text_content()
    assert "U+1F600" in told.text_content()
    until(page, "() => page.at === 3")
    for _ in range(2):  # before the face
        page.locator("#live-text").press("ArrowLeft")
    until(page, "() => page.at === 2")

    page.fill("#live-length", "40")
    page.locator("#live-speed").fill("5")
    page.click("#live-hold")
    expected = "".join(tiny_model.sample("df a", seed=1, length=40))
    until(page, "text => $('live-plain').textContent === text", typed + expected)
    page.click("#live-write")
    until(page, "() => page.live.written.length === 40 && page.data.length === 44")
    assert page.input_value("#live-text").startswith(typed)
    page.fill("#live-text", "def")
    read(page, "def")
    assert told.text_content() == ""
    page.fill("#live-text", "é")
    until(page, "() => $('live-status').textContent.includes('the model knows none')")
    assert page.locator("#live-trouble").text_content() == ""


@pytest.mark.parametrize(
    ("name", "wrong", "range_"),
    [
        ("length", ("99999", "0", "1.5", ""), "1 to 2,000"),
        ("seed", ("-5", "0.5", ""), "0 to 9,007,199,254,740,990"),
    ],
)
def test_a_setting_that_is_wrong_is_told_beside_its_field(page, name, wrong, range_):
    field, told = page.locator(f"#live-{name}"), page.locator(f"#live-{name}-range")
    assert told.text_content() == ""
    low, high = (int(end.replace(",", "")) for end in range_.split(" to "))
    assert (field.get_attribute("min"), field.get_attribute("max")) == (str(low), str(high))
    for value in wrong:
        field.fill(value)
        assert told.text_content() == f"Enter a whole number from {range_}."
        assert field.get_attribute("aria-invalid") == "true"
        page.locator("#live-text").press("Control+Enter")
        assert page.evaluate("document.activeElement.id") == f"live-{name}"
        assert "enter a number" in page.locator("#live-trouble").text_content()
        field.fill(str(high))
        assert told.text_content() == ""
        assert page.locator("#live-trouble").text_content() == ""


def test_a_comparison_that_holds_no_more_is_marked_until_it_is_made_anew(page, tiny_model):
    def comparison(seed):
        return "def " + "".join(tiny_model.sample("def ", seed=seed, length=400))

    page.fill("#live-text", "def ")
    page.fill("#live-length", "20")
    page.locator("#live-speed").fill("5")
    page.click("#live-hold")
    page.click("#live-write")
    until(page, "() => page.live.written.length === 20 && !page.live.writing")
    page.fill("#live-length", "1500")
    page.locator("#live-speed").fill("0")
    until(page, "text => $('live-plain').textContent === text", comparison(1))
    until(page, "() => $('live-first').ariaBusy === 'false'")
    assert "random numbers" in page.locator("#live-differ").text_content()
    marked = page.evaluate(
        "() => ($('live-again').click(), [$('live-first').ariaBusy, $('live-differ').textContent])"
    )
    assert marked == ["true", "Updating …"]
    until(page, "text => $('live-plain').textContent === text", comparison(2))
    until(page, "() => $('live-first').ariaBusy === 'false'")
    assert page.evaluate("() => Boolean(page.live.writing)")  # it does not wait for the end
    assert "random numbers" in page.locator("#live-differ").text_content()

    page.fill("#live-seed", "-5")
    assert "out of range" in page.locator("#live-differ").text_content()
    page.fill("#live-seed", "2")
    page.locator("#live-list .name").fill("L9.h.0")
    until(page, "() => $('live-differ').textContent.includes('no comparison for the current')")
    assert page.locator("#live-first").get_attribute("aria-busy") == "true"


def test_clear_leaves_nothing_of_the_text_and_undo_brings_it_back(page):
    page.fill("#live-text", "def ")
    page.fill("#live-length", "20")
    page.locator("#live-speed").fill("5")
    page.click("#live-write")
    until(page, "() => page.live.written.length === 20 && !page.live.writing")
    text = page.input_value("#live-text")
    page.click("#live-clear")
    until(page, "() => $('live-status').textContent === 'nothing to read'")
    for place in ("text", "detail", "units", "map"):
        assert not page.locator(f"#{place}").is_visible()
    assert "characters" not in page.locator("#summary").text_content()
    assert page.input_value("#live-text") == ""
    page.keyboard.press("Control+z")  # the keyboard is at the text
    read(page, text)
    assert shown(page) == text
    assert page.locator("#text").is_visible()
    assert page.locator("#map").is_visible()
    assert page.locator("#live-again").is_enabled()

    page.click("#live-clear")
    page.locator("#live-text").press_sequentially("ab")
    read(page, "ab")
    assert shown(page) == "ab"
    assert len(colours(page)) == 2


def test_the_list_of_keys_has_those_of_the_live_part(page):
    page.click("#ask")
    keys = page.locator("#help dt").all_text_contents()
    told = dict(zip(keys, page.locator("#help dd").all_text_contents(), strict=True))
    assert told["Ctrl Enter "] == "continue the text"
    assert told["Esc "] == "stop generating"


def test_colours_keep_their_scale_while_one_types_and_holds(page, tiny_model):
    scales = {unit["name"]: unit["scale"] for unit in page.evaluate("page.data.units")}
    page.fill("#live-text", "de")
    read(page, "de")
    page.evaluate("pick(page.data.units.findIndex(u => u.name === 'L1.c.3'))")
    before, legend = colours(page), page.locator("#legend").text_content()
    assert legend == f"negative −{scales['L1.c.3']:.2f}zero positive +{scales['L1.c.3']:.2f}"
    text = make_text(300)
    page.fill("#live-text", "de" + text)
    read(page, "de" + text)
    assert colours(page)[:2] == before
    values = tiny_model.read("de" + text).arrays["c"][:, 1, 3]
    expected = np.clip(np.ceil(16 * np.abs(values) / scales["L1.c.3"]), 0, 16) * np.sign(values)
    assert np.abs(expected - colours(page)).max() <= 1  # the page has values in levels
    assert page.locator("#legend").text_content() == legend

    page.click("#live-hold")
    page.get_by_label("Value for L1.c.3", exact=True).fill("0.05")
    until(page, "() => $('summary').textContent.includes('L1.c.3 held at +0.05')")
    assert set(colours(page)) == {np.ceil(16 * 0.05 / scales["L1.c.3"])} != {16}
    assert page.locator("#strongest .name").first.text_content() != "L1.c.3"


def test_of_a_long_text_the_end_is_read_and_continued(page, tiny_model):
    text = make_text(3000)
    page.fill("#live-text", text)
    read(page, text)
    assert shown(page) == text[1000:]
    assert page.locator("#live-trouble").text_content() == ""
    told = page.locator("#live-cut")
    assert told.text_content() == "The model reads the last 2,000 of 3,000 characters."
    page.evaluate("$('live-text').setSelectionRange(1500, 1500)")
    until(page, "() => page.at === 499")
    page.fill("#live-length", "30")
    page.locator("#live-speed").fill("5")
    page.click("#live-write")
    whole = text + "".join(tiny_model.sample(text[1000:], seed=1, length=30))
    read(page, whole)
    assert page.input_value("#live-text") == whole
    page.fill("#live-text", "def")
    read(page, "def")
    assert told.text_content() == ""


def test_the_box_in_which_one_types_is_coloured_itself(page):
    page.set_viewport_size({"width": 390, "height": 844})
    typed = "dé😀f a(b):\n  x\n"
    page.fill("#live-text", typed)
    read(page, typed)
    box = "() => [$('live-colors').textContent, Array.from(page.live.colors.text.levels)]"
    text, levels = page.evaluate(box)
    assert text == typed + "\n"  # a last line that is empty is there too
    assert levels == [*colours(page)[:1], 0, 0, 0, *colours(page)[1:]]  # the face is two units
    assert any(levels)
    where = "id => Object.values($(id).getBoundingClientRect().toJSON())"
    assert page.evaluate(where, "live-colors") == page.evaluate(where, "live-text")
    assert page.evaluate("$('live-text').getBoundingClientRect().bottom + scrollY") <= 844
    kept = page.evaluate(
        """() => {
            $("live-text").setSelectionRange(5, 5);
            document.execCommand("insertText", false, "zz");
            return Array.from(page.live.colors.text.levels);
        }"""
    )
    assert kept == [*levels[:5], 0, 0, *levels[5:]]  # at once, before it is read
    page.evaluate("pick(page.data.units.findIndex(u => u.name === 'L0.h.3'))")
    until(page, "() => page.live.colors.text.levels.at(-1) === page.view.levels.at(-1)")
    long = "def a(b):\n" * 60
    page.fill("#live-text", long)
    read(page, long)
    tops = "() => ['live-text', 'live-colors'].map((id) => $(id).scrollTop)"
    page.evaluate("$('live-text').scrollTop = 333")
    until(page, "() => $('live-colors').scrollTop === $('live-text').scrollTop")
    assert page.evaluate(tops)[0] > 300
    sizes = (
        "() => ['live-text', 'live-colors'].map((id) => [$(id).scrollHeight, $(id).clientWidth])"
    )
    assert page.evaluate(sizes)[0] == page.evaluate(sizes)[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    labels = page.evaluate(
        "Array.from(document.querySelectorAll('label'), (l) => [...l.querySelectorAll('input, output')].length)"
    )
    assert max(labels) <= 1  # a label is of one field


def test_in_forced_colours_the_box_has_the_colours_that_are_values(page):
    page.fill("#live-text", "def a(b):" * 4)
    read(page, "def a(b):" * 4)
    page.evaluate("pick(SURPRISAL)")
    seen = {}
    for forced in ("none", "active"):
        page.emulate_media(color_scheme="light", forced_colors=forced)
        box = page.locator("#live-colors").bounding_box()
        page.evaluate("document.activeElement.blur()")
        seen[forced] = page.screenshot(clip={**box, "x": box["x"] + 8, "width": 300, "height": 30})
    page.emulate_media(color_scheme="light", forced_colors="none")
    colors = {
        name: {
            tuple(pixel) for row in _pixels(png) for pixel in row if max(pixel) - min(pixel) > 60
        }
        for name, png in seen.items()
    }
    assert colors["active"] == colors["none"] != set()


def _pixels(png):
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(png)).convert("RGB")).tolist()


def test_the_order_of_units_stays_until_it_is_asked_for_and_held_units_are_on_top(page):
    def order():
        return page.locator("#list .name").all_text_contents()

    def rows():
        return page.evaluate("page.map.draw(), page.map.units.map(u => page.data.units[u].name)")

    first = order()
    page.fill("#live-text", "def a(b):")
    read(page, "def a(b):")
    page.locator("#list").evaluate("list => (list.scrollTop = 300)")
    page.locator("#live-text").press_sequentially("\n    return")
    read(page, "def a(b):\n    return")
    assert order() == first
    assert page.locator("#list").evaluate("list => list.scrollTop") == 300
    page.evaluate("pick(page.data.units.findIndex(u => u.name === 'L0.h.7'))")
    page.click("#live-hold")
    page.locator("#live-list .name").fill("L0.h.7-8")
    until(page, "() => page.data.source.edits.some((edit) => edit.includes('7-8'))")
    until(page, "() => !page.isUnsettled")
    held = sorted(["L0.h.7", "L0.h.8"], key=first.index)
    units = first[2:]  # after surprisal and saliency
    assert order()[2:] == held + [name for name in units if name not in held]
    assert rows() == order()[2:]
    assert "L0.h.7-8 held at" in page.locator("#list .reasons").nth(2).text_content()
    page.get_by_label("Apply the edit of L0.h.7").uncheck()
    until(page, "() => !page.data.source.edits.length && !page.isUnsettled")
    assert order() == first
    page.click("#sort")
    until(page, "first => page.data.units[0].name !== first && !page.isUnsettled", first[2])
    by_interest = page.evaluate("page.data.units.map(({ name }) => name)")
    assert order()[2:] == rows() == by_interest != units


def test_a_unit_is_held_once_and_first_as_it_is_at_the_cursor(page, tiny_model):
    page.fill("#live-text", "def a(b)")
    read(page, "def a(b)")
    page.locator("#list [role=option]:visible", has_text="L1.c.").first.click()
    unit = page.locator("#unit-name").text_content()
    page.locator("#live-text").press("ArrowLeft")
    until(page, "() => page.at === 6")
    page.click("#live-hold")
    value = page.get_by_label(f"Value for {unit}", exact=True)
    present = tiny_model.read("def a(b)").arrays["c"][6, 1, int(unit.rpartition(".")[2])]
    assert float(value.input_value()) == pytest.approx(present, abs=0.05)
    slider = page.get_by_label(f"Value for {unit} (slider)")
    assert float(slider.input_value()) == float(value.input_value())

    value.fill("0.5")
    page.get_by_label(f"Apply the edit of {unit}").uncheck()
    page.click("#live-hold")
    assert page.locator("#live-list li").count() == 1
    assert page.get_by_label(f"Apply the edit of {unit}").is_checked()
    assert value.input_value() == "0.5"
    until(page, "text => $('summary').textContent.includes(text)", f"{unit} held at +0.5")
    assert page.locator("#live-trouble").text_content() == ""


def test_what_cannot_be_obeyed_is_told_until_it_can(page):
    page.click("#live-hold")
    unit = page.locator("#live-list .name")
    unit.fill("L9.h.0")
    until(page, "() => $('live-trouble').textContent.includes('layers 0 to 1')")
    unit.fill("L1.h.0")
    until(page, "() => !$('live-trouble').textContent")


def test_a_server_that_has_ended_is_told(browser, tiny_model):
    model = live(tiny_model)
    page = browser.new_page()
    with serving(model.actions, model.page().encode(), policy=page_policy(live=True)) as server:
        page.goto(server.address)
        page.locator("#live-text").wait_for()
    page.fill("#live-text", "def a")
    until(page, "() => $('live-trouble').textContent.includes('is charrnn serve still running?')")
    page.close()


# --- slow clients ---


def test_a_client_that_sends_a_byte_now_and_then_is_let_go(monkeypatch):
    monkeypatch.setattr("charrnn.web.server.PATIENCE", 0.6)
    with serving({"echo": echo}) as server:
        began = time.monotonic()
        with socket.create_connection(server.server_address) as client:
            client.settimeout(20)
            with contextlib.suppress(OSError):
                while time.monotonic() - began < 15:
                    client.sendall(b"G")
                    client.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        if client.recv(100) == b"":
                            break
                    client.settimeout(20)
                    time.sleep(0.1)
        assert time.monotonic() - began < 10
        assert post(server, "echo", 5)[0] == 200


def begin(server, length=9):
    """A connection on which a request has begun whose body does not come."""
    client = socket.create_connection(server.server_address, timeout=20)
    host = next(iter(server.hosts))
    head = f"POST /{server.token}/echo HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    client.sendall(head.encode())
    return client


def reply_of(client):
    """The status and the last line of a reply."""
    head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_body_that_never_comes_is_let_go(monkeypatch):
    monkeypatch.setattr("charrnn.web.server.PATIENCE", 0.6)
    with serving({"echo": echo}) as server, begin(server) as client:
        status, line = reply_of(client)
        assert (status, set(line)) == (408, {"error", "hint"})


def test_a_request_that_is_far_too_large_is_told_so(server):
    with begin(server, 5_000_000) as client:
        client.sendall(b"1" * 5_000_000)
        assert reply_of(client)[0] == 413


def test_clients_that_send_nothing_keep_nobody_waiting(monkeypatch):
    monkeypatch.setattr("charrnn.web.server.MAX_CLIENTS", 3)
    with serving({"echo": echo}) as server:
        threads = threading.active_count()
        clients = [begin(server) for _ in range(12)]
        assert post(server, "echo", 5)[0] == 200
        until_no_more_than(threads + 3)
        assert reply_of(clients[0])[0] == 400  # the oldest, whose request ended too early
        for client in clients:
            client.close()


def test_when_all_are_being_answered_a_further_request_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("charrnn.web.server.MAX_CLIENTS", 2)
    go_on = threading.Event()

    def slow(request):
        yield "first"
        assert go_on.wait(60)

    with serving({"slow": slow, "echo": echo}) as server:
        with raw_post(server, "slow") as one, raw_post(server, "slow") as other:
            assert (next(one), next(other)) == (b'"first"\n', b'"first"\n')
            for _ in range(3):
                status, body, _ = post(server, "echo", 5)
                (line,) = lines(body)
                assert (status, set(line)) == (503, {"error", "hint"})
            go_on.set()
            assert (list(one), list(other)) == ([], [])
        end = time.monotonic() + 60
        while (status := post(server, "echo", 5)[0]) != 200:
            assert time.monotonic() < end, status


def test_what_goes_wrong_in_an_action_is_one_line_and_ends_nothing_else(monkeypatch):
    def broken(request):
        yield "first"
        raise ZeroDivisionError

    with serving({"broken": broken, "echo": echo}) as server:
        shown = []
        monkeypatch.setattr(server, "handle_error", lambda *_: shown.append(sys.exc_info()[0]))
        status, body, _ = post(server, "broken", 1)
        assert (status, lines(body)[0]) == (200, "first")
        assert set(lines(body)[1]) == {"error", "hint"}
        assert post(server, "echo", 1)[0] == 200
        assert shown == [ZeroDivisionError]


def test_many_requests_at_once_have_the_replies_that_each_has_alone(tiny_mixed):
    served = live(tiny_mixed.network, counts=tiny_mixed.counts)
    texts = [make_text(90)[k : k + 60] for k in range(8)]
    edits = ["", "clamp L0.c.3=2", "steer L1.h.5=0.3"]
    asked = [
        ("trace", {"text": t, "unit": "L0.c.1", "edits": e, "counts": bool(k % 2)})
        for k, t in enumerate(texts)
        for e in edits
    ]
    asked += [("write", {"prompt": t, "seed": k, "length": 50}) for k, t in enumerate(texts)]
    with serving(served.actions) as server:
        found = [None] * len(asked)

        def get(k):
            found[k] = post(server, *asked[k])

        threads = [threading.Thread(target=get, args=(k,)) for k in range(len(asked))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for (name, request), (status, body, _) in zip(asked, found, strict=True):
        if status == 503:  # more than are answered at once
            continue
        fresh = live(tiny_mixed.network, counts=tiny_mixed.counts)
        expected = list(fresh.actions[name](request))
        if name == "write":
            assert "".join(x["text"] for x in lines(body)) == "".join(x["text"] for x in expected)
            continue
        (one,), (other,) = lines(body), expected
        assert one["pieces"] == other["pieces"]
        for key in ("values", "surprisal"):
            np.testing.assert_allclose(unpack(one[key]), unpack(other[key]), atol=1e-4)
    assert sum(status == 200 for status, *_ in found) >= 24


def test_a_client_for_whom_there_is_no_thread_takes_no_place(monkeypatch):
    monkeypatch.setattr("charrnn.web.server.MAX_CLIENTS", 1)
    with serving({"echo": echo}) as server:
        with monkeypatch.context() as patch:
            failed = threading.Event()

            def start(_):
                failed.set()
                raise RuntimeError("can't start new thread")

            patch.setattr(threading.Thread, "start", start)
            patch.setattr(server, "handle_error", lambda *_: None)
            with socket.create_connection(server.server_address, timeout=20) as client:
                assert client.recv(1) == b""
            assert failed.is_set()
        assert post(server, "echo", 5)[0] == 200
