"""What a time buys: train on texts for so many minutes each, and judge by both protocols.

    python benchmarks/quality.py plays.txt names.txt python --minutes 1.6 10

Each run is a process of its own, `charrnn train TEXT --minutes M` with what else is given after `--`; it plans itself,
as it does for anybody. The best checkpoint is judged on the last tenth of the text: with the state carried through it,
and in cold windows of 64 and 256 characters, all positions counted; lines are judged each from a cold start. Nothing
else should be running.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from charrnn.checkpoint import Checkpoint, load_checkpoint
from charrnn.cli.inputs import open_corpus
from charrnn.cli.train.record import corpus_config_of
from charrnn.evaluation.evaluate import evaluate

WINDOWS = (None, 64, 256)
"""Protocols: None carries the state."""
HEAD = (
    f"{'text':<14}{'minutes':>8}{'trained s':>10}{'took s':>8}  {'network':<14}"
    f"{'chars seen':>12}{'epochs':>8}{'dropouts':>12}{'carried':>9}{'cold 64':>9}{'cold 256':>10}  nats per character"
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


def judge(found: Checkpoint) -> list[float]:
    """Nats per character of validation text, by each protocol."""
    about = found.run["corpus"]
    config = corpus_config_of(about)
    text = open_corpus(
        list(about["sources"]), config, cache=None, vocabulary=found.model.vocabulary
    )
    if config.lines:
        return [evaluate(found.model, text.val, lines=True).nats_per_char] * len(WINDOWS)
    return [evaluate(found.model, text.val, window=w).nats_per_char for w in WINDOWS]


def row(text: str, minutes: float, found: Checkpoint, trained: float, took: float) -> str:
    """A line of the table."""
    shape, training = found.model.config, found.run["training"]
    network = f"{shape.cell} {shape.num_layers} x {shape.hidden_size}"
    steps, epochs = found.metrics["step"], found.metrics["epoch"]
    chars = steps * training["batch_size"] * training["sequence_length"]
    dropouts = f"{training['dropout']:g} {training['weight_drop']:g}"
    carried, cold_64, cold_256 = judge(found)
    return (
        f"{Path(text).stem[:13]:<14}{minutes:>8g}{trained:>10.0f}{took:>8.0f}  {network:<14}"
        f"{chars:>12,}{epochs:>8.1f}{dropouts:>12}{carried:>9.4f}{cold_64:>9.4f}{cold_256:>10.4f}"
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
