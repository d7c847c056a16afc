"""`charrnn curve`: the losses of runs while they were trained, read from metrics.jsonl."""

import dataclasses
import math
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.cli.outputs import PLOTS, PictureOptions
from charrnn.cli.run_names import complete_checkpoint, find_checkpoint
from charrnn.cli.terminal import (
    can_print,
    print_json,
    print_rows,
    say,
    terminal_color,
    terminal_width,
)
from charrnn.config import FILES
from charrnn.errors import UsageError
from charrnn.runs import BASELINES, METRICS
from charrnn.settings import Config, setting
from charrnn.wording import duration, noun_of

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.render.plot.curves import Level, Plot, Point

EXAMPLES = (
    "charrnn curve",
    "charrnn curve plays-lstm plays-gru",
    "charrnn curve plays --svg curve.svg",
)
CHANGES = PLOTS
Evaluated = dict[str, Any]
"""The metrics of one evaluation."""
TRAIN, VALIDATION = "train_nats_per_char", "val_nats_per_char"
MOST_RUNS = len(string.ascii_lowercase)
"""Maximum runs in one drawing: each has a letter."""


@dataclass(frozen=True)
class Curve:
    """A run and its evaluations."""

    name: str
    metrics: Path
    unit: str
    """What the model reads: "character" or "byte"."""
    planned_steps: int
    held_out: str
    """The text on which the run is validated, as its fingerprint and fractions."""
    rows: list[Evaluated]
    """One or more, from the first to the last."""
    baselines: dict[str, float]
    """Bits per character of baselines on the validation text, by what they are called; empty: not measured."""

    @property
    def validated(self) -> list[Evaluated]:
        """The evaluations on validation text."""
        return [row for row in self.rows if row[VALIDATION] is not None]

    @property
    def best(self) -> Evaluated:
        """The evaluation with the lowest validation loss, the first of equals."""
        return min(self.validated, key=lambda row: row[VALIDATION])


Checkpoints = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CHECKPOINT",
        help="Runs to draw: .safetensors files, folders or names; without any, the newest run.",
        show_default=False,
        autocompletion=complete_checkpoint,
    ),
]


@dataclass(frozen=True, kw_only=True)
class CurveOptions(Config):
    """What is printed of learning curves."""

    json: bool = setting(
        False, "Print the evaluations of every run as one JSON object.", panel=FILES
    )


def curve(
    checkpoints: Checkpoints = None, *, options: CurveOptions, pictures: PictureOptions
) -> None:
    """Draw the learning curves of runs.

    They show the network's bits per character against training time, and are read from metrics.jsonl beside the
    checkpoint, while the run is trained or later. Its best point is marked, and so are the baselines that were measured
    when it ended. For one run, the curves of training and validation text are drawn; for
    several, those of validation text.
    """
    pictures.require(plot="curve")
    runs = _read(checkpoints or [])
    plot = _plot(runs)
    if len({run.held_out for run in runs}) > 1:
        say(
            "charrnn: these runs were validated on different texts: their losses cannot be compared"
        )
    if pictures:
        from charrnn.render.plot.picture import draw_picture

        pictures.write_plot(lambda kind: draw_picture(plot, kind))
    if options.json:
        print_json(_as_dict(runs))
    elif not pictures:
        from charrnn.render.plot.curves import DRAWN_WITH, plot_rows

        braille = can_print(DRAWN_WITH)
        rows = plot_rows(plot, terminal_width(), terminal_color(), braille=braille)
        print_rows(rows)


# --- what is read ---------------------------------------------------------------------------------


def _read(names: Sequence[str]) -> list[Curve]:
    """The runs, each once."""
    if len(names) > MOST_RUNS:
        raise UsageError(f"at most {MOST_RUNS} runs fit into one drawing, not {len(names)}")
    wanted: Sequence[str | None] = names or [None]
    paths = [find_checkpoint(name) for name in wanted]
    runs = [_read_run(path) for path in {path.resolve().parent: path for path in paths}.values()]
    if len({run.unit for run in runs}) > 1:
        kinds = ", ".join(f"{run.name} reads {run.unit}s" for run in runs)
        raise UsageError(f"bits per byte and per character cannot share an axis: {kinds}")
    unvalidated = [run.name for run in runs if not run.validated]
    if unvalidated and len(runs) > 1:
        raise UsageError(
            f"{unvalidated[0]} was trained without validation text, so it cannot be drawn with others",
            "leave it out, or draw it alone",
        )
    count = Counter(run.name for run in runs)
    return [run if count[run.name] == 1 else _with_folder(run) for run in runs]


def _read_run(path: Path) -> Curve:
    from charrnn.checkpoint import load_checkpoint
    from charrnn.evaluation.baselines import recorded_baselines
    from charrnn.training.metrics import load_rows

    loaded, metrics = load_checkpoint(path), path.parent / METRICS
    planned_steps, held_out = _plan_of(loaded)
    return Curve(
        name=metrics.resolve().parent.name,
        metrics=metrics,
        unit=noun_of(loaded.model.vocabulary.level),
        planned_steps=planned_steps,
        held_out=held_out,
        rows=load_rows(metrics),
        baselines=recorded_baselines(metrics.parent / BASELINES),
    )


def _plan_of(loaded: "Checkpoint") -> tuple[int, str]:
    """The steps that were planned, and the text on which the run is validated."""
    corpus = loaded.run.get("corpus", {})
    split = [corpus.get("config", {}).get(f"{part}_fraction") for part in ("val", "test")]
    steps = loaded.run.get("training", {}).get("steps", 0)
    return steps, f"{corpus.get('fingerprint')} {split}"


def _with_folder(run: Curve) -> Curve:
    """The run, named by its folder, because another has the same name."""
    return dataclasses.replace(run, name=str(run.metrics.parent))


# --- what is shown --------------------------------------------------------------------------------


def _plot(runs: Sequence[Curve]) -> "Plot":
    """Training and validation of a run, or the validation of several."""
    from charrnn.render.plot.curves import Line, Plot

    run = runs[0]
    title = f"bits per {run.unit}"
    if len(runs) > 1:
        letters = zip(string.ascii_lowercase, runs, strict=False)
        lines = [
            Line(letter, run.name, _points(run.validated, VALIDATION), _best(run), _best_point(run))
            for letter, run in letters
        ]
        return Plot(f"{title} of validation text", lines, levels=_levels(runs))
    last = run.rows[-1]
    lines = []
    if run.validated:
        points = _points(run.validated, VALIDATION)
        lines.append(Line("v", "validation", points, _best(run), _best_point(run)))
    trained = [row for row in run.rows if row[TRAIN] is not None]
    if trained:
        note = (
            f"{_bits(trained[-1], TRAIN)} at the end; each point is the mean since the one before"
        )
        lines.append(Line("t", "train", _points(trained, TRAIN), note))
    steps = [(row["step"], row["seconds"]) for row in run.rows]
    so_far = ""
    if last["step"] < run.planned_steps:
        so_far = f" (step {last['step']:,} of {run.planned_steps:,})"
    return Plot(f"{run.name}: {title}{so_far}", lines, steps, _levels(runs))


def _levels(runs: Sequence[Curve]) -> "list[Level]":
    """The baselines of the text on which all runs are validated; none if these are several texts."""
    from charrnn.render.plot.curves import Level

    if len({run.held_out for run in runs}) > 1:
        return []
    measured = next((run.baselines for run in runs if run.baselines), {})
    return [Level(name, bits) for name, bits in measured.items()]


def _points(rows: Sequence[Evaluated], what: str) -> "list[Point]":
    return [(row["seconds"], row[what] / math.log(2)) for row in rows]


def _bits(row: Evaluated, what: str) -> str:
    return f"{row[what] / math.log(2):.3f}"


def _best_point(run: Curve) -> "Point":
    """The best point, where the curve is marked."""
    return _points([run.best], VALIDATION)[0]


def _best(run: Curve) -> str:
    """The best point in words, and the end of the curve if it is another point."""
    best, last = run.best, run.validated[-1]
    text = (
        f"best (*) {_bits(best, VALIDATION)} at step {best['step']:,} ({duration(best['seconds'])})"
    )
    if best is last:
        return f"{text}, the last"
    return f"{text}, at the end {_bits(last, VALIDATION)}"


def _as_dict(runs: Sequence[Curve]) -> dict[str, Any]:
    """The evaluations of each run, as its file has them."""
    shown = [
        {
            "name": run.name,
            "path": str(run.metrics),
            "unit": run.unit,
            "planned_steps": run.planned_steps,
            "best_step": run.best["step"] if run.validated else None,
            "baselines": run.baselines or None,
            "rows": run.rows,
        }
        for run in runs
    ]
    return {"runs": shown}
