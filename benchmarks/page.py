"""How fast pages are in Chromium, by `python benchmarks/page.py [keys] [engine]`; it needs playwright and Chromium.

- keys: the page of `charrnn serve` with a model of 2 x 256 units and 1,900 characters in its box, in which a key is
  typed every 150 milliseconds. The time is that from the key's event to the painted frame that has the new character in
  its color. The server's part goes from the request to the end of the reply; the rest is that of the page's main thread,
  and the wait for the next frame.
- engine: the characters that a page with the model inside generates in a second of processor time, by WebAssembly and by
  plain JavaScript.
"""

import argparse
import contextlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.config import ModelConfig
from charrnn.exact.model import exact
from charrnn.model import CharRNN
from charrnn.network.untrained import untrained_weights
from charrnn.text.vocabulary import Vocabulary
from charrnn.web.html import STATIC
from charrnn.web.page_model import page_model

VOCABULARY = Vocabulary("char", [10, *range(32, 127)])
NUM_CHARS = 1900
"""Characters in the box before the first key."""
WARM, KEYS = 20, 40
"""Keys before the measurement, and in it."""
INTERVAL = 150
"""Milliseconds from key to key."""
NUM_GENERATED = 20_000
"""Characters that the engine generates."""


def untrained(hidden_size: int, num_layers: int) -> CharRNN:
    """A model whose weights are large enough that its units move."""
    config = ModelConfig(vocab_size=len(VOCABULARY), hidden_size=hidden_size, num_layers=num_layers)
    weights = {name: 2 * w for name, w in untrained_weights(config, None, 1).items()}
    return CharRNN(config, VOCABULARY, weights)


def source_code() -> str:
    """Python source that the model knows all characters of."""
    text = Path(argparse.__file__).read_text(encoding="utf-8")
    return "".join(character for character in text if ord(character) in VOCABULARY.symbols)


# --- keys -------------------------------------------------------------------------------------------------------------

WATCH = """() => {
    window.measured = [];
    let key = null;
    document.addEventListener("keydown", ({ timeStamp }) => (key ??= timeStamp), { capture: true });
    const painted = () => new Promise((done) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => done(performance.now());
        port2.postMessage(null);
    }));
    const { recolored } = page;
    page.recolored = () => {
        recolored();
        if (key === null || page.live.shown !== page.live.box.value) return;
        const began = key;
        key = null;
        painted().then((now) => {
            const replies = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/read"));
            const { startTime, responseEnd } = replies.at(-1);
            performance.clearResourceTimings();
            measured.push([now - began, responseEnd - startTime]);
        });
    };
    page.live.box.focus();
    page.live.box.setSelectionRange(1e6, 1e6);
}"""


@contextlib.contextmanager
def served(model: CharRNN) -> Iterator[str]:
    """The address of a model's page, served by a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.safetensors"
        save_checkpoint(path, Checkpoint(model))
        command = [sys.executable, "-m", "charrnn", "serve", str(path), "--no-open"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            try:
                yield process.stdout.readline().strip()
            finally:
                process.terminate()


def opened(browser: Browser, address: str, text: str) -> Page:
    """A page in whose box a text stands, and the cursor at its end."""
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.goto(address)
    page.locator("#live-text").wait_for()
    page.fill("#live-text", text)
    page.wait_for_function("text => page.live.shown === text && !page.isUnsettled", arg=text)
    return page


def typed(page: Page, keys: str) -> None:
    """Type keys, one after the other."""
    for key in keys:
        page.keyboard.type(key)
        page.wait_for_timeout(INTERVAL)


def keys_table(browser: Browser) -> None:
    """Print how long a key takes."""
    text = source_code()[2000:]
    with served(untrained(256, 2)) as address:
        page = opened(browser, address, text[:NUM_CHARS])
        page.evaluate(WATCH)
        typed(page, text[NUM_CHARS : NUM_CHARS + WARM])
        page.evaluate("measured.length = 0")
        typed(page, text[NUM_CHARS + WARM : NUM_CHARS + WARM + KEYS])
        page.wait_for_timeout(2000)
        found = page.evaluate("measured")
        page.close()
    print(
        f"{len(found)} of {KEYS} keys painted, {NUM_CHARS} characters, 2 x 256 units; milliseconds"
    )
    print(f"{'':<36}{'median':>8}{'95th percentile':>17}")
    for name, times in (
        ("from key to color", [whole for whole, _ in found]),
        ("server", [server for _, server in found]),
        ("main thread and wait for a frame", [whole - server for whole, server in found]),
    ):
        high = statistics.quantiles(times, n=20, method="inclusive")[-1]
        print(f"{name:<36}{statistics.median(times):>8.1f}{high:>17.1f}")


# --- the engine -------------------------------------------------------------------------------------------------------

GENERATE = """async ([data, length, isPlain]) => {
    const own = globalThis.WebAssembly;
    const bytes = await unpack(data.weights);
    if (isPlain) globalThis.WebAssembly = undefined;
    const model = new ExactModel(data.about, bytes);
    globalThis.WebAssembly = own;
    let count = 0;
    for (const piece of model.sample({ length, seed: 1 })) count += piece.length;
    return count;
}"""


def processor_seconds(session: Any) -> float:
    """Processor time that the tasks of a page have taken."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")


def engine_table(browser: Browser) -> None:
    """Print how fast the engine generates."""
    page = browser.new_page()
    for name in ("decode.js", "engine.js"):
        page.add_script_tag(content=(STATIC / name).read_text(encoding="utf-8"))
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    print(f"characters per second of processor time, {len(VOCABULARY)} symbols, temperature 0.8")
    print(f"{'network':<10}{'WebAssembly':>12}{'JavaScript':>12}")
    for num_layers in (1, 2):
        data = page_model(exact(untrained(256, num_layers)))
        rates = []
        for plain in (False, True):
            page.evaluate(GENERATE, [data, 1000, plain])  # compiled by now
            began = processor_seconds(session)
            count = page.evaluate(GENERATE, [data, NUM_GENERATED, plain])
            rates.append(count / (processor_seconds(session) - began))
        print(f"{f'{num_layers} x 256':<10}" + "".join(f"{rate:>12,.0f}" for rate in rates))
    page.close()


TABLES = {"keys": keys_table, "engine": engine_table}


def main(names: list[str]) -> None:
    """Print the tables of these names, or all."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name in names or TABLES:
            TABLES[name](browser)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
