"""`charrnn inspect`: what a checkpoint contains."""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from charrnn.cli.run_names import CheckpointArgument, open_any
from charrnn.cli.terminal import print_json, print_wrapped
from charrnn.config import OUTPUT
from charrnn.runs import reading_of
from charrnn.schema import FOREVER
from charrnn.settings import Config, setting
from charrnn.text.kinds import item_end_of, item_noun
from charrnn.wording import counted, duration, escape, listed, noun_of, size

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.text.pairs import Symbols

EXAMPLES = (
    "charrnn inspect",
    "charrnn inspect plays --json",
    "charrnn inspect checkpoints/plays/last.safetensors",
)
LABEL = 12
"""Columns of the names at the left."""


@dataclass(frozen=True, kw_only=True)
class InspectOptions(Config):
    """How a checkpoint is described."""

    json: bool = setting(False, "Print one JSON object.", panel=OUTPUT)
    toml: bool = setting(
        False,
        "Print a run file; 'charrnn train --config FILE' repeats the run with it.",
        excludes=("json",),
        panel=OUTPUT,
    )


def inspect(checkpoint: CheckpointArgument = None, *, options: InspectOptions) -> None:
    """Show what a checkpoint contains.

    Prints its network, vocabulary and metrics, and how it was trained. Loading a checkpoint runs no code.
    """
    loaded = open_any(checkpoint, reads_vectors=True)
    if options.toml:
        from charrnn.cli.run_file import run_file_of

        print(run_file_of(loaded), end="")
        return
    shown = _as_dict(loaded)
    if options.json:
        print_json(shown)
        return
    for line in _lines(loaded, shown):
        print_wrapped(line, LABEL)


def _as_dict(loaded: "Checkpoint") -> dict[str, Any]:
    from charrnn.network.shapes import count_parameters

    model = loaded.model
    return {
        "path": str(loaded.path),
        "bytes": loaded.num_bytes,
        "sha256": loaded.sha256,
        "config": asdict(model.config),
        "parameters": count_parameters(model.config),
        "states": list(model.cell.states),
        "gates": list(model.cell.gates),
        "vocabulary": _symbols(model.vocabulary),
        **({"source": _symbols(model.source_symbols)} if model.config.align else {}),
        "exact": model.is_exact,
        "resumable": bool(loaded.training),
        "counts": _counts(loaded),
        "metrics": dict(loaded.metrics),
        "run": _run(loaded),
    }


def _counts(loaded: "Checkpoint") -> dict[str, Any] | None:
    """The counts of the training text; None if the file has none."""
    if loaded.counts is None:
        return None
    table = loaded.counts.table
    table.require_order()
    return loaded.counts.record | {"sequences": len(table), "bytes": table.num_bytes}


def _symbols(symbols: "Symbols") -> dict[str, Any]:
    from charrnn.text.pairs import Labels
    from charrnn.text.vectors import Features

    if isinstance(symbols, Labels):
        return {"level": symbols.level, "size": len(symbols), "labels": list(symbols.labels)}
    if isinstance(symbols, Features):
        return {"level": symbols.level, "size": len(symbols)}
    named = symbols.decode(range(len(symbols.symbols))) if symbols.level == "char" else ""
    return {
        "level": symbols.level,
        "size": len(symbols),
        "has_unknown": symbols.has_unknown,
        "characters": named,
    }


def _run(loaded: "Checkpoint") -> dict[str, Any]:
    """The record of the run, its training settings by their present names."""
    from charrnn.schema import current

    run = dict(loaded.run)
    training = run.get("training")
    return run | ({"training": current(training)} if isinstance(training, dict) else {})


def _lines(loaded: "Checkpoint", shown: dict[str, Any]) -> list[str]:
    return [f"{name:<{LABEL}}{escape(value)}" for name, value in _rows(loaded, shown)]


def _rows(loaded: "Checkpoint", shown: dict[str, Any]) -> list[tuple[str, str]]:
    from charrnn.network.shapes import describe

    vocabulary, metrics = shown["vocabulary"], loaded.metrics
    kind = "model and training state, can be resumed" if shown["resumable"] else "model"
    kind = "exact model" if shown["exact"] else kind
    rows = [
        ("file", f"{shown['path']} ({size(shown['bytes'])}, checksum ok, {kind})"),
        ("network", describe(loaded.model.config)),
        ("states", f"{' '.join(shown['states'])}   gates {' '.join(shown['gates']) or 'none'}"),
        ("vocabulary", _vocabulary_line(vocabulary)),
    ]
    if source := shown.get("source"):
        rows[-1:] = [("source", _vocabulary_line(source)), ("target", _vocabulary_line(vocabulary))]
    unit = noun_of(vocabulary["level"])
    nats = metrics.get("best_val_nats_per_char")
    if isinstance(nats, float):
        rows.append(
            ("validation", f"{nats:.4f} nats, {nats / math.log(2):.4f} bits per {unit} (best)")
        )
    if shown["counts"]:
        rows.append(("counts", _counts_line(shown["counts"], unit)))
    if "step" in metrics:
        took = duration(float(metrics.get("seconds", 0)))
        how = f"{counted(metrics['step'], 'step')}, {metrics.get('epoch', 0):.1f} epochs"
        if FOREVER in loaded.run:
            how = f"{counted(metrics['step'], 'byte')} of a stream"
        rows.append(("trained", f"{how}, {took}"))
    corpus = loaded.run.get("corpus", {})
    if "by_hand" in loaded.run:
        rows.append(("by hand", str(loaded.run["by_hand"])))
    elif corpus:
        sources = " ".join(corpus.get("sources", []))
        end = item_end_of(reading_of(loaded))
        lines = f", each {item_noun(end)} a separate text" if end else ""
        rows.append(("corpus", f"{sources}: {counted(corpus.get('characters', 0), unit)}{lines}"))
    rows += [("planned", reason) for reason in loaded.run.get("plan", [])]
    start = loaded.run.get("init_from", {})
    if start:
        rows.append(("init from", f"{start.get('path')} (sha256 {str(start.get('sha256'))[:12]})"))
    versions = loaded.run.get("versions", {})
    if versions:
        rows.append(("made with", ", ".join(f"{k} {v}" for k, v in versions.items())))
    return rows


def _counts_line(counts: dict[str, Any], unit: str) -> str:
    kept = f"{counts['sequences']:,} n-grams of up to {counted(counts['order'], unit)}, {size(counts['bytes'])}"
    if "nats" not in counts:
        return kept
    alone, both = counts["network_nats"] / math.log(2), counts["nats"] / math.log(2)
    return f"{kept}; network {alone:.4f}, with counts {both:.4f} bits per {unit}"


def _vocabulary_line(vocabulary: dict[str, Any]) -> str:
    if "labels" in vocabulary:
        return f"{counted(vocabulary['size'], 'label')}: {listed(vocabulary['labels'], 20)}"
    if vocabulary["level"] == "vector":
        return f"vectors of {counted(vocabulary['size'], 'number')}"
    if vocabulary["level"] == "byte":
        return "256 bytes"
    characters = vocabulary["characters"]
    shown = characters if len(characters) <= 120 else characters[:120] + " ..."
    extra = ", one of them the unknown symbol" if vocabulary["has_unknown"] else ""
    return f"{counted(vocabulary['size'], 'character')}{extra}: {shown}"
