"""What `charrnn compare` has measured, as a table and as JSON."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.train_talk import judged_text
from charrnn.config import ModelConfig, TrainingConfig
from charrnn.errors import DivergedError
from charrnn.render.bars import bar

if TYPE_CHECKING:
    from charrnn.text.corpus import Corpus

SHORTEST_BAR, LONGEST_BAR = 8, 40


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network, trained and judged."""

    run: Path
    """Its folder."""
    config: ModelConfig
    training: TrainingConfig
    parameters: int
    steps: int
    epochs: float
    characters_seen: int
    """Trained on, counting repeats."""
    seconds: float
    """Spent on them, and on judging the network meanwhile."""
    nats: float | None
    """Per character of validation text; None if training diverged."""
    diverged: DivergedError | None = None

    @property
    def chars_per_second(self) -> float | None:
        """The speed of training; None if it diverged."""
        return None if self.diverged else self.characters_seen / max(self.seconds, 1e-9)

    @property
    def bits(self) -> float | None:
        """Per character of validation text."""
        return None if self.nats is None else self.nats / math.log(2)

    def as_dict(self) -> dict[str, Any]:
        """The figures under the names that `compare --json` prints."""
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


@dataclass
class Comparison:
    """What was asked for, and what has been measured so far."""

    names: list[str]
    """Of the texts, as they were given."""
    text: "Corpus"
    minutes: float | None
    """For each network."""
    steps: int | None
    parameters: int | None
    rows: list[Row] = field(default_factory=list)

    @property
    def unit(self) -> str:
        """What the networks read: "char" or "byte"."""
        return "byte" if self.text.config.level == "byte" else "char"

    @property
    def best(self) -> Row | None:
        """The network that needs the fewest bits."""
        judged = [row for row in self.rows if row.nats is not None]
        return min(judged, key=lambda row: row.nats or 0.0, default=None)

    @property
    def protocol(self) -> tuple[str, str]:
        """How the networks were judged, and how their speed was taken."""
        unit, judged = self.unit, len(judged_text(self.text))
        which = f"{judged - 1:,}" if judged == len(self.text.val) else f"first {judged - 1:,}"
        how = "state reset at each line" if self.text.config.lines else "state carried"
        return (
            f"the best checkpoint of each, on the same {which} {unit}s of validation text, {how}",
            f"{unit}/s: in {self._seconds} s of training each, evaluations too; bar: bits, shorter is better",
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
            "minutes": self.minutes,
            "steps": self.steps,
            "parameters": self.parameters,
            "protocol": self.protocol[0],
            "networks": [row.as_dict() for row in self.rows],
        }


def table(rows: Sequence[Row], unit: str, width: int, *, blocks: bool) -> list[str]:
    """A line a network, under a heading, with a bar that is longer the more bits it needs.

    Args:
        rows: what was measured.
        unit: what the networks read.
        width: cells in a line.
        blocks: whether block characters can be shown.
    """
    heading = [
        "cell",
        "units",
        "parameters",
        f"{unit}s seen",
        f"{unit}/s",
        "nats",
        f"bits/{unit}",
    ]
    cells = [heading, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = width - sum(widths) - 2 * len(widths)
    longest = max(SHORTEST_BAR, min(left, LONGEST_BAR))
    most = max((row.bits or 0.0 for row in rows), default=0.0)
    bars = ["", *(_bar(row, most, longest, blocks=blocks) for row in rows)]
    return [_line(row, widths, drawn) for row, drawn in zip(cells, bars, strict=True)]


def _cells(row: Row) -> list[str]:
    def figure(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return [
        row.config.cell,
        f"{row.config.hidden_size:,}",
        f"{row.parameters:,}",
        f"{row.characters_seen:,}",
        figure(row.chars_per_second, ",.0f"),
        figure(row.nats, ".4f"),
        figure(row.bits, ".4f"),
    ]


def _bar(row: Row, most: float, width: int, *, blocks: bool) -> str:
    if row.bits is None:
        return f"diverged at step {row.steps:,}"
    return bar(row.bits, most, width, blocks=blocks)


def _line(cells: list[str], widths: list[int], drawn: str) -> str:
    """The name to the left, figures to the right, and the bar."""
    name, *figures = (
        cell.rjust(width) if place else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([name, *figures, drawn]).rstrip()
