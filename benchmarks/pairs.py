"""What models of pairs reach in a few minutes: train on each corpus of pairs, and score the test pairs.

    python benchmarks/pairs.py numbers dates --minutes 5
    python benchmarks/pairs.py reversed --minutes 5 -- --align none

Each run is a process of its own, `charrnn train CORPUS --pairs --minutes M` with the options given after `--`, planned
as for any user. A twentieth of the pairs is for validation, which chooses the checkpoint, and another for the test,
which gives the figures. Nothing else should be running.

The last column is for attention: the part of the target's characters whose largest weight is at most one character away
from the diagonal, as it is for pairs that are written in the same order.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.checkpoint import load_checkpoint
from charrnn.cli.own_corpus import read_own_corpus
from charrnn.pairs.model import PairNetwork
from charrnn.pairs.views import attention_of
from charrnn.text.pairs import PairCorpus

HEAD = (
    f"{'corpus':<14}{'minutes':>8}{'took s':>8}  {'align':<11}{'network':<14}{'pairs':>8}{'exact %':>9}{'errors %':>10}"
    f"{'nats':>8}{'diagonal %':>12}"
)
HELD_OUT = ("--val-fraction", "0.05", "--test-fraction", "0.05")
MOST_LOOKED_AT = 500
"""Test pairs whose attention is looked at."""


def charrnn(*arguments: object) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "charrnn", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def diagonal(model: PairNetwork, pairs: list[tuple[str, str]]) -> float:
    """The part of the characters of targets whose attention is on the diagonal, or one character beside it."""
    near: list[bool] = []
    for source, target in pairs:
        weights = attention_of(model, source, target).values[:-1]  # without the end
        T, S = weights.shape
        expected = (np.arange(T) + 0.5) * S / T - 0.5
        near += (np.abs(weights.argmax(1) - expected) <= 1).tolist()
    return float(np.mean(near))


def row(text: str, minutes: float, out: Path, options: list[str]) -> str:
    """A line of the table."""
    name = f"run{time.monotonic_ns()}"
    began = time.perf_counter()
    limits = ("--minutes", minutes, "--out", out, "--name", name)
    charrnn("train", text, "--pairs", *limits, *HELD_OUT, "--no-baselines", "-q", *options)
    took = time.perf_counter() - began
    best = out / name / "best.safetensors"
    found: dict[str, Any] = json.loads(charrnn("evaluate", best, "--split", "test", "--json"))
    loaded = load_checkpoint(best)
    shape = loaded.model.config
    network = f"{shape.cell} {shape.num_layers} x {shape.hidden_size}"
    errors = found.get("char_error_rate")
    line = (
        f"{Path(text).stem[:13]:<14}{minutes:>8g}{took:>8.0f}  {shape.align:<11}{network:<14}"
        f"{found['pairs']:>8,}{100 * found['exact_match']:>9.2f}"
        f"{'' if errors is None else f'{100 * errors:.2f}':>10}{found['nats_per_symbol']:>8.4f}"
    )
    if shape.align != "attention" or shape.attention not in ("additive", "dot"):
        return line
    corpus = read_own_corpus(loaded, hint="")
    assert isinstance(corpus, PairCorpus)
    pairs = [pair for pair in corpus.pairs(corpus.test[:MOST_LOOKED_AT]) if pair[1]]
    return f"{line}{100 * diagonal(loaded.model, pairs):>12.1f}"


def main() -> None:
    """Print the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="*", default=["numbers", "dates", "reversed"])
    parser.add_argument("--minutes", type=float, default=5.0)
    given = sys.argv[1:]
    cut = given.index("--") if "--" in given else len(given)
    asked, options = parser.parse_args(given[:cut]), given[cut + 1 :]
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as out:
        for text in asked.texts:
            print(row(text, asked.minutes, Path(out), options), flush=True)


if __name__ == "__main__":
    main()
