"""The results of `charrnn compare`, as a table and as JSON."""

import dataclasses
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.train.result import Spread, validation_text
from charrnn.config import ModelConfig, TrainingConfig, TrainingRequest
from charrnn.errors import DivergedError
from charrnn.render.tables import bar
from charrnn.text.kinds import item_noun
from charrnn.wording import counted, short_noun_of

if TYPE_CHECKING:
    from charrnn.text.corpus import Corpus

SHORTEST_BAR, LONGEST_BAR = 8, 40
BETWEEN = "  "
DISPENSABLE = (5, 3, 1, 2, 4)
"""The columns that a narrow table leaves out, in this order: first nats, which bits already say."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """One network, trained and evaluated."""

    run: Path
    """The folder of its run."""
    config: ModelConfig
    training: TrainingConfig
    parameters: int
    steps: int
    epochs: float
    characters_seen: int
    """Characters it was trained on, counting repeats."""
    seconds: float
    """Seconds of training, evaluations included."""
    nats: float | None
    """Nats per character of validation text; None if training diverged."""
    diverged: DivergedError | None = None
    num_seeds: int = 1
    """Runs of which this is the mean."""
    standard_error: float | None = None
    """Standard error of the mean of `bits`; None for one run."""

    @property
    def chars_per_second(self) -> float | None:
        """The speed of training; None if it diverged."""
        return None if self.diverged else self.characters_seen / max(self.seconds, 1e-9)

    @property
    def bits(self) -> float | None:
        """Bits per character of validation text; None if training diverged."""
        return None if self.nats is None else self.nats / math.log(2)

    def as_dict(self) -> dict[str, Any]:
        """The metrics under the names that `compare --json` prints."""
        speed = self.chars_per_second
        return {
            "cell": self.config.cell,
            "run": str(self.run),
            "config": dataclasses.asdict(self.config),
            "training": dataclasses.asdict(self.training),
            "parameters": self.parameters,
            "steps": self.steps,
            "epochs": self.epochs,
            "characters_seen": self.characters_seen,
            "seconds": round(self.seconds, 3),
            "chars_per_second": None if speed is None else round(speed, 1),
            "nats_per_char": self.nats,
            "bits_per_char": self.bits,
            "diverged": self.diverged and self.diverged.message,
        }

    def as_mean(self) -> dict[str, Any]:
        """The means over seeds under the names that `compare --json` prints."""
        return {
            "cell": self.config.cell,
            "seeds": self.num_seeds,
            "bits_per_char": self.bits,
            "standard_error": self.standard_error,
        }


def means(rows: Sequence[Trained]) -> list[Trained]:
    """A row for each cell: its run, or the mean of its runs with several seeds. The first seed's run stands for it."""
    return [_mean(list(group)) for _, group in groupby(rows, lambda row: row.config.cell)]


def _mean(rows: Sequence[Trained]) -> Trained:
    """The mean of the runs that did not diverge; one that did, if all have."""
    rows = [row for row in rows if not row.diverged] or rows[:1]
    if len(rows) == 1:
        return rows[0]
    spread = Spread.of([row.bits or 0.0 for row in rows])
    return dataclasses.replace(
        rows[0],
        characters_seen=round(statistics.fmean(row.characters_seen for row in rows)),
        seconds=statistics.fmean(row.seconds for row in rows),
        nats=spread.mean * math.log(2),
        num_seeds=len(rows),
        standard_error=spread.error,
    )


@dataclass
class Comparison:
    """The networks to compare, and the results so far."""

    names: list[str]
    """Names of the texts, as they were given."""
    text: "Corpus"
    request: TrainingRequest
    """The training request, the same for each network."""
    parameters: int | None
    rows: list[Trained] = field(default_factory=list)

    @property
    def unit(self) -> str:
        """What the networks read: "char" or "byte"."""
        return short_noun_of(self.text.config.level)

    @property
    def best(self) -> Trained | None:
        """The network with the fewest bits per character."""
        validated = [row for row in self.rows if row.nats is not None]
        return min(validated, key=lambda row: row.nats or 0.0, default=None)

    @property
    def protocol(self) -> tuple[str, str]:
        """How the networks were evaluated, and how their speed was measured."""
        unit, length = self.unit, len(validation_text(self.text))
        which = counted(length - 1, unit)
        if length < len(self.text.val):
            which = f"first {which}"
        end = self.text.item_end
        how = f"state reset at each {item_noun(end)}" if end else "state carried"
        return (
            f"the best checkpoint of each, on the same {which} of validation text, {how}",
            f"{unit}/s: in {self._seconds} s of training each, evaluations included",
        )

    @property
    def _seconds(self) -> str:
        """How long the networks were trained: "60", or "55 to 60"."""
        seconds = sorted({round(row.seconds) for row in self.rows if not row.diverged}) or [0]
        return f"{seconds[0]:,}" if len(seconds) == 1 else f"{seconds[0]:,} to {seconds[-1]:,}"

    def as_dict(self) -> dict[str, Any]:
        """The object that `compare --json` prints."""
        text = self.text
        return {
            "corpus": {
                "sources": self.names,
                "level": text.config.level,
                "characters": len(text),
                "distinct": text.distinct,
                "train_characters": len(text.train),
                "val_characters": len(text.val),
                "fingerprint": text.fingerprint,
            },
            "minutes": self.request.minutes,
            "steps": self.request.steps,
            "parameters": self.parameters,
            "protocol": self.protocol[0],
            "networks": [row.as_dict() for row in self.rows],
            "means": [row.as_mean() for row in means(self.rows)],
        }


def table(rows: Sequence[Trained], unit: str, width: int, *, blocks: bool) -> list[str]:
    """A heading and a line per network, each with a bar as long as its bits per character.

    A line too narrow for that has no bar, and then fewer columns; but the cell and its bits always.

    Args:
        rows: what was measured.
        unit: what the networks read.
        width: cells in a line.
        blocks: whether block characters can be shown.
    """
    room = bar_cells(rows, unit, width)
    head, *lines = _joined(_fitting(_columns(rows, unit), width))
    most = max((row.bits or 0.0 for row in rows), default=0.0)
    shown = [head]
    for row, line in zip(rows, lines, strict=True):
        if row.bits is not None:
            shown.append(f"{line}{BETWEEN}{bar(row.bits, most, room, blocks=blocks)}".rstrip())
            continue
        shown.append(f"{line.rstrip(' -')}{BETWEEN}diverged at step {row.steps:,}")
    return shown


def bar_cells(rows: Sequence[Trained], unit: str, width: int) -> int:
    """The cells of the longest bar in a table; 0 if there is no room for bars."""
    room = width - _width_of(_columns(rows, unit)) - len(BETWEEN)
    return 0 if room < SHORTEST_BAR else min(room, LONGEST_BAR)


Column = tuple[str, ...]
"""A heading, and a text for each network."""


def _columns(rows: Sequence[Trained], unit: str) -> list[Column]:
    heading = [
        "cell",
        "units",
        "parameters",
        f"{unit}s seen",
        f"{unit}/s",
        "nats",
        f"bits/{unit}",
    ]
    return list(zip(heading, *map(_cells, rows), strict=True))


def _cells(row: Trained) -> list[str]:
    def figure(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return [
        row.config.cell,
        f"{row.config.hidden_size:,}",
        f"{row.parameters:,}",
        f"{row.characters_seen:,}",
        figure(row.chars_per_second, ",.0f"),
        figure(row.nats, ".4f"),
        figure(row.bits, ".4f")
        + ("" if row.standard_error is None else f" ± {row.standard_error:.4f}"),
    ]


def _fitting(columns: list[Column], width: int) -> list[Column]:
    """The columns that fit in the width."""
    left_out: set[int] = set()
    for place in DISPENSABLE:
        kept = [column for k, column in enumerate(columns) if k not in left_out]
        if _width_of(kept) <= width:
            break
        left_out.add(place)
    return [column for k, column in enumerate(columns) if k not in left_out]


def _width_of(columns: Sequence[Column]) -> int:
    return sum(max(map(len, column)) + len(BETWEEN) for column in columns) - len(BETWEEN)


def _joined(columns: Sequence[Column]) -> list[str]:
    """The lines of columns: the names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in columns]
    padded = [
        [text.rjust(width) if k else text.ljust(width) for text in column]
        for k, (column, width) in enumerate(zip(columns, widths, strict=True))
    ]
    return [BETWEEN.join(row) for row in zip(*padded, strict=True)]
