"""Learning forward in time beside backpropagation through time: `python benchmarks/rtrl.py [PART ...] [--figure FILE]`.

    units        the time of a character and the memory of both, for networks of 4 to 64 units
    length       the same for texts of 16 to 4,096 characters that are learned from as a whole
    truncation   what is learned if the gradient reaches 1, 2, 4 ... 64 characters back, with an update at every
                 character, beside all the way: in a text whose lines repeat their first letter after DELAY characters,
                 and in the text that --text names

Both are charrnn's own in NumPy, on one thread. Times are of the processor, the least of five, all taken in turns; memory
is the peak of what NumPy allocates, beside the weights. Adam's learning rate is RATE in all of the last part.
"""

import argparse
import itertools
import json
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from charrnn.config import ModelConfig
from charrnn.network.backward import Parameters, backward, read
from charrnn.network.rtrl import Sensitivities
from charrnn.network.untrained import untrained_weights
from charrnn.numerics import softmax

CELLS = ("elman", "lstm")
SYMBOLS, EMBEDDING = 32, 16
UNITS, LENGTHS = (4, 8, 16, 32, 64), (16, 64, 256, 1024, 4096)
CHUNK, LENGTH_UNITS = 64, 16
"""The characters of the first part, and the units of the second."""
TRIALS = 5
CUTS = (1, 2, 4, 8, 16, 32, 64)
DELAY, LEARNED, LEARNING_UNITS = 4, 6_000, 16
RATE, BETAS, LEAST = 0.003, (0.9, 0.99), 1e-8
LETTERS = "abcd"


class Network:
    """An untrained network of one layer, and the state before any character."""

    def __init__(self, cell: str, units: int, symbols: int = SYMBOLS) -> None:
        self.config = ModelConfig(
            cell=cell, vocab_size=symbols, embedding_size=EMBEDDING, hidden_size=units
        )
        self.weights = Parameters(self.config)
        self.weights.copy_from(untrained_weights(self.config, None, 1))
        self.gradient = Parameters(self.config)
        self.start = tuple(np.zeros(units, np.float32) for _ in self.weights.cell.states)

    def back(self, ids: Any, state: Any, *, last_only: bool = False) -> tuple[Any, float]:
        """Read characters, (T + 1,), and take the gradient back through them; the state after the first, and a cost."""
        T = len(ids) - 1
        reading = read(self.weights, ids[:-1], (state,), (self.start,), np.zeros(T, np.bool_))
        y = softmax(reading.logits)
        cost = -float(np.log(y[-1, ids[-1]]))
        y[np.arange(T), ids[1:]] -= 1
        if last_only:
            y[:-1] = 0
        backward(self.weights, reading, y, self.gradient)
        return reading.traces[0][0].after, cost


def random_ids(length: int) -> Any:
    """Characters, all equally likely."""
    return np.random.default_rng(0).integers(SYMBOLS, size=length + 1)


def forwards(network: Network, ids: Any) -> None:
    """Learn from characters forward in time, without an update."""
    sensitivities, state = Sensitivities(network.config, network.weights), network.start
    for symbol, target in itertools.pairwise(ids.tolist()):
        state = sensitivities.advance(symbol, state)
        sensitivities.learn(state, target, network.gradient)


def measured(ways: Sequence[Callable[[], object]]) -> Iterator[tuple[float, int]]:
    """The seconds on the processor of each way, the least of TRIALS in turns, and the peak of its memory in bytes."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(TRIALS):
        for way, seconds in zip(ways, times, strict=True):
            began = time.process_time()
            way()
            seconds.append(time.process_time() - began)
    for way, seconds in zip(ways, times, strict=True):
        tracemalloc.start()
        way()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        yield min(seconds), peak


def costs(sizes: Sequence[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    """The costs of both for networks of some units on texts of some length, all measured in turns."""
    rows, ways = list(itertools.product(CELLS, sizes)), []
    for cell, (units, length) in rows:
        network, ids = Network(cell, units), random_ids(length)
        ways.append(partial(forwards, network, ids))
        ways.append(partial(network.back, ids, network.start))
    found = measured(ways)
    for cell, (units, length) in rows:
        row: dict[str, Any] = {"cell": cell, "units": units, "length": length}
        for name in ("rtrl", "bptt"):
            seconds, peak = next(found)
            row |= {f"{name} µs/char": 1e6 * seconds / length, f"{name} kB": peak / 1e3}
        yield row


def units() -> Iterator[dict[str, Any]]:
    """The costs against the number of units."""
    return costs([(number, CHUNK) for number in UNITS])


def length() -> Iterator[dict[str, Any]]:
    """The costs against the length of the text."""
    return costs([(LENGTH_UNITS, number) for number in LENGTHS])


# --- truncation -----------------------------------------------------------------------------------


class Adam:
    """Adam on all weights of a network."""

    def __init__(self, network: Network) -> None:
        self.network, self.steps = network, 0
        self.mean, self.square = (np.zeros_like(network.weights.vector) for _ in range(2))

    def step(self) -> None:
        """Move the weights against the gradient."""
        self.steps += 1
        gradient = self.network.gradient.vector
        self.mean += (1 - BETAS[0]) * (gradient - self.mean)
        self.square += (1 - BETAS[1]) * (gradient * gradient - self.square)
        mean, square = (
            m / (1 - b**self.steps) for m, b in zip((self.mean, self.square), BETAS, strict=True)
        )
        self.network.weights.vector -= RATE * mean / (np.sqrt(square) + LEAST)


def learned_forwards(network: Network, ids: Any) -> Iterator[float]:
    """The cost of each character, in nats, before it is learned forward in time."""
    adam, sensitivities = Adam(network), Sensitivities(network.config, network.weights)
    state = network.start
    for symbol, target in itertools.pairwise(ids.tolist()):
        state = sensitivities.advance(symbol, state)
        yield sensitivities.learn(state, target, network.gradient)
        adam.step()


def learned_back(network: Network, ids: Any, cut: int) -> Iterator[float]:
    """The same with a gradient that goes `cut` characters back, from each character anew (Williams and Peng 1990)."""
    adam, state, window = Adam(network), network.start, deque(ids[:1].tolist(), cut + 1)
    for symbol in ids[1:].tolist():
        window.append(symbol)
        after, cost = network.back(np.array(window), state, last_only=True)
        yield cost
        adam.step()
        if len(window) > cut:  # the first is dropped next
            state = after


def delayed(count: int) -> str:
    """Lines of a letter, DELAY dots, and the letter again."""
    letters = np.random.default_rng(2).choice(list(LETTERS), count)
    return "".join(f"{letter}{'.' * DELAY}{letter}\n" for letter in letters)


def truncation(text: str | None = None) -> Iterator[dict[str, Any]]:
    """Bits per character of the second half of LEARNED characters, each before it was learned from."""
    texts = {f"a letter again after {DELAY}": delayed(LEARNED // (DELAY + 3) + 1)}
    if text:
        texts[Path(text).stem] = Path(text).read_text(encoding="utf-8")
    for (name, content), cell in itertools.product(texts.items(), CELLS):
        symbols = sorted({*content[: LEARNED + 1]})
        ids = np.array([symbols.index(c) for c in content[: LEARNED + 1]])
        row: dict[str, Any] = {"text": name, "cell": cell}
        for cut in CUTS:
            network = Network(cell, LEARNING_UNITS, len(symbols))
            row[str(cut)] = _bits(learned_back(network, ids, cut))
        network = Network(cell, LEARNING_UNITS, len(symbols))
        row["rtrl"] = _bits(learned_forwards(network, ids))
        yield row


def _bits(nats: Iterator[float]) -> float:
    made = list(nats)
    return float(np.mean(made[len(made) // 2 :]) / np.log(2))


# --- what is printed and drawn --------------------------------------------------------------------


PARTS: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    "units": units,
    "length": length,
    "truncation": truncation,
}


def printed(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the same keys, each printed as it comes in a table of Markdown."""
    made: list[dict[str, Any]] = []
    for row in rows:
        if not made:
            print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}", flush=True)
        made.append(row)
        cells = (f"{v:,.4g}" if isinstance(v, float) else str(v) for v in row.values())
        print(f"| {' | '.join(cells)} |", flush=True)
    print()
    return made


def draw(figures: dict[str, Sequence[dict[str, Any]]], file: Path) -> None:
    """Draw time and memory of both against units and against length."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6.4), layout="constrained")
    panels = (
        ("units", "units", "µs/char", f"time of a character, µs (of {CHUNK})"),
        ("units", "units", "kB", f"memory, kB ({CHUNK} characters)"),
        ("length", "length", "µs/char", f"time of a character, µs ({LENGTH_UNITS} units)"),
        ("length", "length", "kB", f"memory, kB ({LENGTH_UNITS} units)"),
    )
    for axes, (part, across, unit, title) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        for (cell, color), (way, style) in itertools.product(
            zip(CELLS, ("tab:blue", "tab:orange"), strict=True), (("rtrl", "-"), ("bptt", "--"))
        ):
            rows = [row for row in figures[part] if row["cell"] == cell]
            values = [row[f"{way} {unit}"] for row in rows]
            axes.loglog(
                [r[across] for r in rows], values, style, color=color, label=f"{cell}, {way}"
            )
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel(across if across == "units" else "characters")
        axes.set_xticks([row[across] for row in rows], [str(row[across]) for row in rows])
        axes.minorticks_off()
    figure.axes[0].legend(frameon=False, fontsize="small")
    figure.savefig(file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], help="what to measure; by default all"
    )
    parser.add_argument("--text", help="a text to learn from, beside the made one")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--figure", type=Path, help="draw the costs, as .png or .svg")
    asked = parser.parse_args(arguments)
    if asked.figure and not {"units", "length"} <= {*(asked.parts or PARTS)}:
        parser.error("--figure draws the parts units and length: measure both")
    figures = {}
    with threadpool_limits(1, "blas"):
        for part in asked.parts or PARTS:
            print(f"{part}\n")
            rows = PARTS[part](asked.text) if part == "truncation" else PARTS[part]()
            figures[part] = printed(rows)
    if asked.out:
        asked.out.write_text(json.dumps(figures, indent=1))
    if asked.figure:
        draw(figures, asked.figure)


if __name__ == "__main__":
    main()
