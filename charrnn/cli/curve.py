"""What `charrnn inspect --curve` does: how good runs became while they were trained, drawn from metrics.jsonl."""

import dataclasses
import json
import math
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from charrnn.cli.extras import require_extra
from charrnn.cli.pictures import PLOT_EXTRA, check_picture, write_picture
from charrnn.cli.run_names import METRICS, find_checkpoint
from charrnn.cli.terminal import can_print, say, terminal_color, terminal_width
from charrnn.errors import CheckpointError, UsageError
from charrnn.wording import duration

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.render.plot.curves import Plot, Point

Row = dict[str, Any]
"""The figures of one evaluation."""
TRAIN, VALIDATION = "train_nats_per_char", "val_nats_per_char"
MOST_RUNS = len(string.ascii_lowercase)
"""In one drawing: each has a letter."""


@dataclass(frozen=True)
class Run:
    """A run and its evaluations."""

    name: str
    metrics: Path
    unit: str
    """What it reads: "character" or "byte"."""
    planned_steps: int
    held_out: str
    """Says which text it is validated on."""
    rows: list[Row]
    """One or more."""

    @property
    def judged(self) -> list[Row]:
        """The evaluations on validation text."""
        return [row for row in self.rows if row[VALIDATION] is not None]

    @property
    def best(self) -> Row:
        """The one with the lowest validation loss, the first of equals."""
        return min(self.judged, key=lambda row: row[VALIDATION])


def show_curve(
    names: Sequence[str], png: Path | None, svg: Path | None, *, as_json: bool, quiet: bool
) -> None:
    """Draw the curves of runs.

    Args:
        names: what the command line calls them; none at all is the newest run.
        png: a picture to write, instead of drawing with characters.
        svg: the same.
        as_json: print the figures, instead of drawing with characters.
        quiet: say nothing on stderr.
    """
    kinds: tuple[tuple[Path | None, Literal["png", "svg"]], ...] = ((png, "png"), (svg, "svg"))
    pictures = [(path, kind) for path, kind in kinds if path]
    for path, kind in pictures:
        check_picture(path, kind)
        require_extra(*PLOT_EXTRA, f"--{kind}")
    runs = _read(names, quiet=quiet)
    plot = _plot(runs)
    if len({run.held_out for run in runs}) > 1 and not quiet:
        say("charrnn: these runs are validated on different texts")
    for path, kind in pictures:
        from charrnn.render.plot.picture import draw_picture

        write_picture(path, draw_picture(plot, kind), quiet=quiet)
    if as_json:
        print(_json(runs))
    elif not pictures:
        from charrnn.render.plot.curves import DRAWN_WITH, plot_lines

        braille = can_print(DRAWN_WITH)
        for line in plot_lines(plot, terminal_width(), terminal_color(), braille=braille):
            print(line)


# --- what is read ---------------------------------------------------------------------------------


def _read(names: Sequence[str], *, quiet: bool) -> list[Run]:
    """The runs, each once."""
    if len(names) > MOST_RUNS:
        raise UsageError(f"--curve draws up to {MOST_RUNS} runs at once, not {len(names)}")
    wanted: Sequence[str | None] = names or [None]
    paths = [find_checkpoint(name, quiet=quiet) for name in wanted]
    runs = [_read_run(path) for path in {path.resolve().parent: path for path in paths}.values()]
    if len({run.unit for run in runs}) > 1:
        kinds = ", ".join(f"{run.name} reads {run.unit}s" for run in runs)
        raise UsageError(f"bits per byte and per character cannot share an axis: {kinds}")
    unjudged = [run.name for run in runs if not run.judged]
    if unjudged and len(runs) > 1:
        raise UsageError(
            f"{unjudged[0]} was trained without validation text and has no curve beside others",
            "leave it out, or draw it alone",
        )
    count = Counter(run.name for run in runs)
    return [run if count[run.name] == 1 else _with_folder(run) for run in runs]


def _read_run(path: Path) -> Run:
    from charrnn.checkpoint import load_checkpoint
    from charrnn.training.metrics import load_rows

    loaded, metrics = load_checkpoint(path), path.parent / METRICS
    try:
        planned_steps, held_out = _facts(loaded)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"{path}: it does not say how its run was planned") from error
    return Run(
        name=metrics.resolve().parent.name,
        metrics=metrics,
        unit="byte" if loaded.model.vocabulary.level == "byte" else "character",
        planned_steps=planned_steps,
        held_out=held_out,
        rows=load_rows(metrics),
    )


def _facts(loaded: "Checkpoint") -> tuple[int, str]:
    """The steps that were planned, and which text validates."""
    corpus = loaded.run.get("corpus", {})
    split = [corpus.get("config", {}).get(f"{part}_fraction") for part in ("val", "test")]
    return int(
        loaded.run.get("training", {}).get("steps", 0)
    ), f"{corpus.get('fingerprint')} {split}"


def _with_folder(run: Run) -> Run:
    """The run, called by its folder, since another has the same name."""
    return dataclasses.replace(run, name=str(run.metrics.parent))


# --- what is shown --------------------------------------------------------------------------------


def _plot(runs: Sequence[Run]) -> "Plot":
    """Training and validation of a run, or the validation of several."""
    from charrnn.render.plot.curves import Line, Plot

    run = runs[0]
    title = f"bits per {run.unit}"
    if len(runs) > 1:
        letters = zip(string.ascii_lowercase, runs, strict=False)
        lines = [
            Line(letter, run.name, _points(run.judged, VALIDATION), _best(run))
            for letter, run in letters
        ]
        return Plot(f"{title} of validation text", lines)
    last = run.rows[-1]
    lines = []
    if run.judged:
        lines.append(Line("v", "validation", _points(run.judged, VALIDATION), _best(run)))
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
    return Plot(f"{run.name}: {title}{so_far}", lines, steps)


def _points(rows: Sequence[Row], what: str) -> "list[Point]":
    return [(row["seconds"], row[what] / math.log(2)) for row in rows]


def _bits(row: Row, what: str) -> str:
    return f"{row[what] / math.log(2):.3f}"


def _best(run: Run) -> str:
    """The best point in words, and where the curve ends if that is elsewhere."""
    best, last = run.best, run.judged[-1]
    text = f"best {_bits(best, VALIDATION)} at step {best['step']:,} ({duration(best['seconds'])})"
    if best is last:
        return f"{text}, the last"
    return f"{text}, at the end {_bits(last, VALIDATION)}"


def _json(runs: Sequence[Run]) -> str:
    """The rows of each run, as they are in its file."""
    facts = [
        {
            "name": run.name,
            "path": str(run.metrics),
            "unit": run.unit,
            "planned_steps": run.planned_steps,
            "best_step": run.best["step"] if run.judged else None,
            "rows": run.rows,
        }
        for run in runs
    ]
    return json.dumps({"runs": facts}, allow_nan=False)
