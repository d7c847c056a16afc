"""`charrnn inspect`: what a checkpoint holds, how far back its gradient reaches (gradients.py), its curve (curve.py)."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.cli.run_names import (
    CheckpointArgument,
    complete_checkpoint,
    open_checkpoint,
    reads_lines,
)
from charrnn.cli.terminal import print_wrapped
from charrnn.errors import CheckpointError, UsageError
from charrnn.network.cells import CELLS
from charrnn.wording import counted, duration, escape, size

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint

LABEL = 12
"""Cells."""


def inspect(
    checkpoint: CheckpointArgument = None,
    more: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT|FILE|-|CHECKPOINT...]",
            help="With --gradients, what the model reads: a text, a file, or - for standard input; "
            "without one it reads what it writes. With --curve, more checkpoints.",
            show_default=False,
            autocompletion=complete_checkpoint,
        ),
    ] = None,
    gradients: Annotated[
        bool,
        typer.Option(
            "--gradients",
            help="Show how far back the gradient reaches, beside that of an untrained network.",
        ),
    ] = False,
    distance: Annotated[
        int | None,
        typer.Option(
            "--distance",
            metavar="K",
            min=1,
            max=1000,
            help="With --gradients: look so many characters back.",
            show_default="50, or half of a shorter text",
        ),
    ] = None,
    fresh: Annotated[
        str | None,
        typer.Option(
            "--fresh",
            metavar="CELLS",
            help="With --gradients: the cells of the untrained networks, such as lstm,elman. There are: "
            + ", ".join(CELLS)
            + ".",
            show_default="the checkpoint's own",
        ),
    ] = None,
    curve: Annotated[
        bool,
        typer.Option(
            "--curve",
            help="Draw bits per character against training time; of several checkpoints' runs, the validation.",
        ),
    ] = False,
    png: Annotated[
        Path | None,
        typer.Option(
            "--png",
            metavar="FILE.png",
            help="With --curve: write a picture instead (needs matplotlib).",
            show_default=False,
        ),
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option(
            "--svg",
            metavar="FILE.svg",
            help="With --curve: write a picture instead (needs matplotlib).",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    toml: Annotated[
        bool,
        typer.Option(
            "--toml", help="Print the run file with which 'train --config' repeats the run."
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")
    ] = False,
) -> None:
    """Show what a checkpoint holds: network, vocabulary, figures, and how it was trained.

    Loading it runs no code.

    With --gradients: the norm of the gradient of the loss at one character with
    respect to a layer's hidden state K characters before, the mean over up to 64
    windows spread over the text. Its reach is the farthest distance at which at
    least 1 % of the gradient at distance 0 is left; "per step" is the factor by
    which each step back multiplies it, on (geometric) average. The untrained
    networks have the checkpoint's sizes. Where there is no checkpoint, --fresh
    alone does: the characters are then those of the text.

    With --curve: what metrics.jsonl, beside the checkpoint, says of the run so far.
    """
    if gradients and curve:
        raise UsageError("--gradients and --curve show different things", "leave one of them out")
    _refuse(gradients, "--gradients", {"--distance": distance, "--fresh": fresh})
    _refuse(curve, "--curve", {"--png": png, "--svg": svg})
    if curve:
        from charrnn.cli.curve import show_curve

        names = [name for name in (checkpoint, *(more or ())) if name is not None]
        show_curve(names, png, svg, as_json=as_json, quiet=quiet)
        return
    if gradients:
        from charrnn.cli.gradients import show_gradients

        if len(more or ()) > 1:
            raise UsageError("--gradients reads one text", "quote a text that has spaces")
        text = more[0] if more else None
        show_gradients(checkpoint, text, distance, fresh, as_json=as_json, quiet=quiet)
        return
    if more:
        raise UsageError(
            "a TEXT goes with --gradients only, more than one CHECKPOINT with --curve",
            "add one of them, or leave this out",
        )
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    if toml:
        from charrnn.cli.run_file import run_file_of

        print(run_file_of(loaded), end="")
        return
    facts = _facts(loaded)
    try:
        lines = [json.dumps(facts, allow_nan=False)] if as_json else _lines(loaded, facts)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"{loaded.path}: its figures are not what charrnn writes") from error
    for line in lines:
        if as_json:
            print(line)
        else:
            print_wrapped(line, LABEL)


def _refuse(mode: bool, name: str, options: dict[str, object]) -> None:
    """Raise UsageError for an option that goes with a mode which was not chosen."""
    for option, value in options.items():
        if value is not None and not mode:
            raise UsageError(f"{option} goes with {name} only", "add it, or leave this out")


def _facts(loaded: "Checkpoint") -> dict[str, Any]:
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
        "vocabulary": {
            "level": model.vocabulary.level,
            "size": len(model.vocabulary),
            "has_unknown": model.vocabulary.has_unknown,
            "characters": model.vocabulary.decode(range(len(model.vocabulary.symbols)))
            if model.vocabulary.level == "char"
            else "",
        },
        "resumable": bool(loaded.training),
        "figures": dict(loaded.figures),
        "run": dict(loaded.run),
    }


def _lines(loaded: "Checkpoint", facts: dict[str, Any]) -> list[str]:
    return [f"{name:<{LABEL}}{escape(value)}" for name, value in _rows(loaded, facts)]


def _rows(loaded: "Checkpoint", facts: dict[str, Any]) -> list[tuple[str, str]]:
    from charrnn.network.shapes import describe

    vocabulary, figures = facts["vocabulary"], facts["figures"]
    kind = "model and training state, for --resume" if facts["resumable"] else "model"
    rows = [
        ("file", f"{facts['path']} ({size(facts['bytes'])}, checksum ok, {kind})"),
        ("network", describe(loaded.model.config)),
        ("states", f"{' '.join(facts['states'])}   gates {' '.join(facts['gates']) or 'none'}"),
        ("vocabulary", _vocabulary_line(vocabulary)),
    ]
    unit = "byte" if vocabulary["level"] == "byte" else "character"
    nats = figures.get("best_val_nats_per_char")
    if isinstance(nats, float):
        rows.append(
            ("validation", f"{nats:.4f} nats, {nats / math.log(2):.4f} bits per {unit} (best)")
        )
    if "step" in figures:
        took = duration(float(figures.get("seconds", 0)))
        rows.append(
            (
                "trained",
                f"{counted(figures['step'], 'step')}, {figures.get('epoch', 0):.1f} epochs, {took}",
            )
        )
    corpus = loaded.run.get("corpus", {})
    if corpus:
        sources = " ".join(corpus.get("sources", []))
        lines = ", each line an item" if reads_lines(loaded) else ""
        rows.append(("corpus", f"{sources}: {counted(corpus.get('characters', 0), unit)}{lines}"))
    rows += [("planned", reason) for reason in loaded.run.get("plan", [])]
    start = loaded.run.get("init_from", {})
    if start:
        rows.append(("started as", f"{start.get('path')} (sha256 {str(start.get('sha256'))[:12]})"))
    versions = loaded.run.get("versions", {})
    if versions:
        rows.append(("made with", ", ".join(f"{k} {v}" for k, v in versions.items())))
    return rows


def _vocabulary_line(vocabulary: dict[str, Any]) -> str:
    if vocabulary["level"] == "byte":
        return "256 bytes"
    characters = vocabulary["characters"]
    shown = characters if len(characters) <= 120 else characters[:120] + " ..."
    extra = ", one for all others" if vocabulary["has_unknown"] else ""
    return f"{counted(vocabulary['size'], 'character')}{extra}: {shown}"
