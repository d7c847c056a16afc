"""Pages of small models, what tests of them wait for, and what they ask."""

import re
import threading
import time
from contextlib import contextmanager
from typing import Any

import numpy as np
from helpers import random_model

from charrnn.interpret.pairs import record_pair
from charrnn.interpret.recording import record_parts
from charrnn.interpret.units import parse_units
from charrnn.pairs.views import matrix_of
from charrnn.text.vocabulary import Vocabulary
from charrnn.web.data import page_data
from charrnn.web.pairs import pairs_data
from charrnn.web.server import Server

HOSTILE = (
    '</script><script>hacked=1</script><img src=x onerror="hacked=2"><!-- & &lt; \\u003c ${hacked=3}'
    "\u202edne\u2066\u2069\x00\x1b[31m\x07\r\x7f\x85\u2028\u2029\ufeff\ufffe]]>' e\u0301 👩‍👩 \U000e0001\u200b"
)

POLICY = "default-src 'none'"


def until_no_more_than(threads: int) -> None:
    """Wait until this process has so few threads."""
    end = time.monotonic() + 60
    while threading.active_count() > threads:
        assert time.monotonic() < end, threading.enumerate()
        time.sleep(0.01)


def until_drawn(page: Any) -> None:
    """Wait until a page has opened, and until what waits for the sizes of its parts has been drawn.

    A browser reports sizes at the end of a frame (ResizeObserver), and the page draws in the next one.
    """
    page.evaluate(
        """async () => {
             if (typeof opened !== "undefined") await opened;
             for (let k = 0; k < 2; k += 1) await new Promise((frame) => requestAnimationFrame(frame));
           }"""
    )


@contextmanager
def serving(actions, page=b"<!doctype html>a page", policy=POLICY):
    """A server in a thread of its own."""
    server = Server(page, policy, actions)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_model(cell="lstm", text="abcdefg", num_layers=2, *, level="char"):
    symbols = Vocabulary.of_bytes() if level == "byte" else text
    return random_model(symbols, seed=2, cell=cell, num_layers=num_layers)


def data_of(model, text, *addresses, **settings):
    units = [unit for address in addresses or ("L*.h.*",) for unit in parse_units(address, model)]
    parts = record_parts(model, text, top=3, length=100)
    return page_data(parts, units, **{"title": "a test"} | settings)


def color(name):
    """Of the page's "red green blue", "#rrggbb" or "#rgb"."""
    if name[0] == "#":
        return [*bytes.fromhex(name[1:] if len(name) == 7 else "".join(2 * c for c in name[1:]))]
    return [*map(int, name.split())]


def luminance(color):
    parts = [int(c) / 255 for c in re.findall(r"\d+", color)[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def data_of_pairs(model, pairs=(("abcde", "ed"),)):
    recorded = [record_pair(model, *pair, top=2) for pair in pairs]
    sources = [one.source for one in recorded if one.source]
    targets = [one.target for one in recorded if one.target]
    sides = {}
    if sources:
        units = [*parse_units("L*>.c.*", model), *parse_units("L*<.c.*", model)]
        sides["source"] = page_data(sources, units, title="")
    if targets:
        sides["target"] = page_data(targets, parse_units("L*.c.*", model), title="")
    matrices = [matrix_of(model, *pair) for pair in pairs]
    return pairs_data(matrices, sides, title="a test", heading="Attention", meaning="how much")


def until(page: Any, condition: str, argument: object = None) -> None:
    """Wait until a function holds in a page; its policy forbids to evaluate anything else again and again."""
    page.wait_for_function(condition, arg=argument, timeout=60_000)


def read(page: Any, text: str) -> None:
    """Wait until a text is what a live page has read."""
    shown = "text => page.live.shown === text && !page.live.reading.isRunning && !page.isUnsettled"
    until(page, shown, text)
