"""The quality that a time budget buys: train on each text for some minutes, and evaluate by several protocols.

    python benchmarks/quality.py plays.txt names.txt python --minutes 1.6 10

Each run is a process of its own, `charrnn train TEXT --minutes M` with the options given after `--`, planned as for any
user. The best checkpoint is evaluated on the last tenth of the text: with the state carried through it, and with a
reset every 64 and 256 characters, all positions counted; lines are scored each from the initial state. Nothing else
should be running.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from charrnn.checkpoint import Checkpoint, load_checkpoint
from charrnn.cli.inputs import open_corpus
from charrnn.evaluation.evaluate import evaluate
from charrnn.training.record import corpus_config_of

WINDOWS = (None, 64, 256)
"""Protocols: None carries the state."""
HEAD = (
    f"{'text':<14}{'minutes':>8}{'trained s':>10}{'took s':>8}  {'network':<14}"
    f"{'chars seen':>12}{'epochs':>8}{'dropouts':>12}{'carried':>9}{'reset 64':>9}{'reset 256':>11}  nats per character"
)


def train(
    text: str, minutes: float, out: Path, options: list[str]
) -> tuple[Checkpoint, float, float]:
    """Train as a user does; the best checkpoint, the seconds of the run itself, and those of the whole command."""
    name = f"run{time.monotonic_ns()}"
    command = [sys.executable, "-m", "charrnn", "train", text, "--minutes", str(minutes)]
    command += ["--out", str(out), "--name", name, "--no-baselines", "-q", *options]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - began
    trained = load_checkpoint(out / name / "last.safetensors").metrics["seconds"]
    return load_checkpoint(out / name / "best.safetensors"), trained, took


def scores(best: Checkpoint) -> list[float]:
    """Nats per character of validation text, by each protocol."""
    about = best.run["corpus"]
    config = corpus_config_of(about)
    text = open_corpus(list(about["sources"]), config, cache=None, vocabulary=best.model.vocabulary)
    if text.item_end:
        return [evaluate(best.model, text.val, item_end=text.item_end).nats_per_char] * len(WINDOWS)
    return [evaluate(best.model, text.val, window=w).nats_per_char for w in WINDOWS]


def row(text: str, minutes: float, best: Checkpoint, trained: float, took: float) -> str:
    """A line of the table."""
    shape, training = best.model.config, best.run["training"]
    network = f"{shape.cell} {shape.num_layers} x {shape.hidden_size}"
    steps, epochs = best.metrics["step"], best.metrics["epoch"]
    chars = steps * training["batch_size"] * training["sequence_length"]
    dropouts = f"{training['dropout']:g} {training['weight_drop']:g}"
    carried, reset_64, reset_256 = scores(best)
    return (
        f"{Path(text).stem[:13]:<14}{minutes:>8g}{trained:>10.0f}{took:>8.0f}  {network:<14}"
        f"{chars:>12,}{epochs:>8.1f}{dropouts:>12}{carried:>9.4f}{reset_64:>9.4f}{reset_256:>11.4f}"
    )


def main() -> None:
    """Print the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="*", default=["python"], help="files, or names of corpora")
    parser.add_argument("--minutes", nargs="+", type=float, default=[95 / 60])
    given = sys.argv[1:]
    cut = given.index("--") if "--" in given else len(given)
    asked, options = parser.parse_args(given[:cut]), given[cut + 1 :]
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as out:
        for text in asked.texts:
            for minutes in asked.minutes:
                print(row(text, minutes, *train(text, minutes, Path(out), options)), flush=True)


if __name__ == "__main__":
    main()
