"""What a trained model makes of its validation text, as JSON, by `python benchmarks/judge.py CHECKPOINT`.

Nats per character of the whole validation text, in up to three ways:

    carried    the state is carried through the text, in parallel streams, each after a thousand unscored characters
    cold 64    the state is reset every 64 characters, and all positions count
    cold 256   the same every 256 characters

or, of a text of lines, `lines`: each line from the initial state. In each way the network is scored alone, and mixed
with the counts of its training text where the checkpoint has them: each half of the text with the weight that was
fitted on the other half. It is the text that chose the checkpoint.

`record.py` starts this for each of its runs, so that another version of charrnn judges what it has trained.
"""

import dataclasses
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import charrnn
from charrnn.checkpoint import Checkpoint, load_checkpoint
from charrnn.cli.own_corpus import read_own_corpus
from charrnn.evaluation.count_weights import fitted
from charrnn.evaluation.evaluate import evaluate, streams_of
from charrnn.network.shapes import count_parameters
from charrnn.runs import LAST
from charrnn.text.corpus import Corpus
from charrnn.text.kinds import item_noun

WINDOWS = {"carried": None, "cold 64": 64, "cold 256": 256}
NETWORK, COUNTS = "network", "counts"


def judged(best: Checkpoint, corpus: Corpus) -> dict[str, dict[str, float]]:
    """Nats per character: {"cold 64": {"network": 1.5, "counts": 1.45}, ...}."""
    by_items = corpus.item_end is not None
    ways = {f"{item_noun(corpus.item_end)}s": None} if corpus.item_end is not None else WINDOWS
    found = {}
    for name, window in ways.items():
        if not best.counts:
            score = evaluate(best.model, corpus.val, window=window, item_end=corpus.item_end)
            found[name] = {NETWORK: score.nats_per_char}
            continue
        layout = streams_of(corpus.val, window, by_items=by_items)
        counts = fitted(best.model, best.counts.table, corpus.val, layout, by_items=by_items)
        if counts.nats is None or counts.network_nats is None:
            sys.exit("there is too little validation text")
        found[name] = {NETWORK: counts.network_nats, COUNTS: counts.nats}
    return found


def split_of(corpus: Corpus) -> str:
    """Which part of a text validates: "characters 1,003,854 to 1,115,394"."""
    if corpus.item_end is None:
        begin, end = corpus.split_points
        return f"characters {begin:,} to {end:,}"
    noun, seed = item_noun(corpus.item_end), corpus.config.split_seed
    count = len(corpus.item_lengths(corpus.val))  # type: ignore[arg-type]
    return f"{count:,} of {corpus.num_items:,} {noun}s, shuffled by seed {seed}"


def about_processor() -> str:
    """The name of the processor, as far as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def about_version() -> str:
    """The version of charrnn that runs: the commit, if it runs from a repository."""
    command = ["git", "-C", str(Path(charrnn.__file__).parent), "describe", "--always", "--dirty"]
    found = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
    return found or charrnn.__version__


def about_corpus(corpus: Corpus) -> dict[str, Any]:
    """A text as it is read, and its split."""
    return {
        "sha256": corpus.fingerprint,
        "characters": len(corpus),
        "validation_characters": len(corpus.val) - 1,
        "validation": split_of(corpus),
    }


def record(path: Path) -> dict[str, Any]:
    """The text, the network, the machine and the figures of a run whose best checkpoint this is."""
    best = load_checkpoint(path)
    last = load_checkpoint(path.with_name(LAST)).metrics
    corpus = read_own_corpus(best, hint="")
    assert isinstance(corpus, Corpus)
    shape = best.model.config
    return {
        **about_corpus(corpus),
        "network": dataclasses.asdict(shape),
        "parameters": count_parameters(shape),
        "training": best.run["training"],
        "hardware": best.run["machine"],
        "version": about_version(),
        "steps": last["step"],
        "best_step": best.metrics["step"],
        "epochs": last["epoch"],
        "seconds": last["seconds"],
        "nats": judged(best, corpus),
    }


if __name__ == "__main__":
    print(json.dumps(record(Path(sys.argv[1]))))
