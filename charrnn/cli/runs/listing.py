"""The runs under a folder: what each is, as a table and as JSON."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.runs.own_files import is_run, modified, size_on_disk
from charrnn.errors import CheckpointError
from charrnn.runs import checkpoint_of_run
from charrnn.wording import counted, escape, rounded_count, size

if TYPE_CHECKING:
    from charrnn.checkpoint import Summary

HEADINGS = ("run", "cell", "size", "corpus", "bits", "age", "on disk")
DISPENSABLE = (6, 3, 2, 5, 1)
"""The columns that a narrow table leaves out, in this order."""
MIN_NAME = 12
"""Minimum cells of the names in a narrow table."""
BETWEEN = "  "


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a run is. Whatever its checkpoint does not record is None."""

    name: str
    path: str
    modified: float
    """Time of the last checkpoint, in seconds since the epoch."""
    bytes: int
    """Size of its files."""
    error: str | None = None
    """Why its checkpoint cannot be read."""
    cell: str | None = None
    num_layers: int | None = None
    hidden_size: int | None = None
    level: str | None = None
    characters: int | None = None
    """Characters (bytes) of its corpus."""
    bits_per_char: float | None = None
    """Best validation loss, in bits per character (byte)."""

    def as_dict(self) -> dict[str, Any]:
        """The run as `runs --json` prints it."""
        moment = datetime.fromtimestamp(self.modified, UTC)
        return asdict(self) | {"modified": moment.isoformat(timespec="seconds")}


def runs_under(out: Path) -> list[Path]:
    """The folders of the runs under a folder, the newest last."""
    return sorted(filter(is_run, out.glob("*/")), key=modified)


def describe(folder: Path) -> RunSummary:
    """What a run is, read from the header of its checkpoint."""
    from charrnn.checkpoint import load_summary

    known: dict[str, Any] = {
        "name": folder.name,
        "path": str(folder),
        "modified": modified(folder),
        "bytes": size_on_disk(folder),
    }
    path = checkpoint_of_run(folder)
    if path is None:
        return RunSummary(**known, error=f"{folder} has no checkpoint")
    try:
        return RunSummary(**known, **_recorded(load_summary(path)))
    except CheckpointError as error:
        return RunSummary(**known, error=error.message)


def _recorded(summary: "Summary") -> dict[str, Any]:
    """What a checkpoint records of its run."""
    corpus = summary.run.get("corpus")
    characters = corpus.get("characters") if isinstance(corpus, dict) else None
    nats = summary.metrics.get("best_val_nats_per_char")
    return {
        "cell": summary.config.cell,
        "num_layers": summary.config.num_layers,
        "hidden_size": summary.config.hidden_size,
        "level": summary.level,
        "characters": characters if isinstance(characters, int) else None,
        "bits_per_char": nats / math.log(2) if isinstance(nats, float) else None,
    }


# --- the table ----------------------------------------------------------------------------------------------


def table(runs: Sequence[RunSummary], width: int | None = None) -> Iterator[tuple[str, int]]:
    """The lines of the table of runs, each with the indent of what is wrapped of it.

    Args:
        runs: the runs, in order.
        width: cells of the terminal; None: the lines may have any length.
    """
    from rich.cells import set_cell_size

    columns = [list(column) for column in zip(HEADINGS, *map(_row, runs), strict=True)]
    widths = _fitted(columns, [bool(run.error) for run in runs], width)
    for place, cells in enumerate(zip(*columns, strict=True)):
        name = _shortened(cells[0], widths[0])
        error = runs[place - 1].error if place else None
        if error:
            yield (
                f"{set_cell_size(name, widths[0])}{BETWEEN}{escape(error)}",
                widths[0] + len(BETWEEN),
            )
        else:
            rest = [f"{cells[k]:>{widths[k]}}" for k in widths if k]
            yield BETWEEN.join([set_cell_size(name, widths[0]), *rest]), 0


def _row(run: RunSummary) -> tuple[str, ...]:
    """The cells of a run's line."""
    bits, characters = run.bits_per_char, run.characters
    return (
        escape(run.name),
        run.cell or "",
        f"{run.num_layers} x {run.hidden_size}",
        "" if characters is None else rounded_count(characters),
        "" if bits is None else f"{bits:.3f}",
        age(time.time() - run.modified),
        size(run.bytes),
    )


def _fitted(columns: list[list[str]], is_broken: list[bool], width: int | None) -> dict[int, int]:
    """The widths of the columns that fit, by their places; a narrow table shortens names and leaves out columns."""
    from rich.cells import cell_len

    sound = [True, *(not broken for broken in is_broken)]
    widths = {
        k: max(cell_len(cell) for cell, shown in zip(column, sound, strict=True) if shown or not k)
        for k, column in enumerate(columns)
    }

    def excess() -> int:
        return sum(widths.values()) + len(BETWEEN) * (len(widths) - 1) - (width or 0)

    if width is None:
        return widths
    full = widths[0]
    for place in (None, *DISPENSABLE):
        if place is not None:
            del widths[place]
        widths[0] = full
        widths[0] = max(min(full, MIN_NAME), full - max(0, excess()))
        if excess() <= 0:
            break
    return widths


def _shortened(name: str, width: int) -> str:
    """A name in at most this many cells."""
    from rich.cells import cell_len, set_cell_size

    return name if cell_len(name) <= width else set_cell_size(name, width - 1) + "…"


def age(seconds: float) -> str:
    """A time span in its largest unit: 7500 -> "2 hours"."""
    for unit, factor in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= factor:
            return counted(int(seconds // factor), unit)
    return counted(max(0, int(seconds)), "second")
