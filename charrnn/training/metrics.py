"""The metrics of a run: metrics.jsonl, one JSON object for each evaluation."""

import json
import math
from pathlib import Path
from typing import Any

from charrnn.errors import CheckpointError
from charrnn.files import write_atomically


class Metrics:
    """The evaluations of a run, in memory and on disk.

    Args:
        path: the file; it is rewritten atomically each time, so that a reader never sees half a line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []

    def add(self, **row: Any) -> None:
        """Keep the metrics of one evaluation."""
        self.rows.append(row)

    def write(self) -> None:
        """Write all rows.

        Raises:
            EnvironmentFault: the file cannot be written.
        """
        lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in self.rows)
        write_atomically(self.path, lines.encode())

    def read(self, *, up_to_step: int) -> None:
        """Take over the rows on disk up to a step; later ones belong to a future that did not happen."""
        self.rows = [row for row in read_rows(self.path) if row["step"] <= up_to_step]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics file; a line that is not an object with a step is skipped."""
    rows = []
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows


NUMBERS = ("epoch", "train_nats_per_char", "val_nats_per_char", "learning_rate", "seconds")
"""The finite numbers, 0 or more, that a row has besides its step. val_nats_per_char is null without validation text,
train_nats_per_char where an initial model is evaluated before the first step."""


def load_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics file, each with a step and all NUMBERS, in the order of steps and of time.

    Raises:
        CheckpointError: there is no such file, no row in it, or an invalid line.
    """
    if not path.is_file():
        hint = "a run keeps it beside its checkpoints; a checkpoint that was moved has none"
        raise CheckpointError(f"there are no metrics at {path}", hint)
    rows: list[dict[str, Any]] = []
    step, seconds = -1, 0.0
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        row = _row(line)
        if row is None or row["step"] <= step or row["seconds"] < seconds:
            raise CheckpointError(f"{path}, line {number}: this is not a row of a run's metrics")
        rows.append(row)
        step, seconds = row["step"], row["seconds"]
    if not rows:
        raise CheckpointError(f"{path}: the run has not been evaluated yet", "wait, or train more")
    return rows


def _row(line: str) -> dict[str, Any] | None:
    """A row, or None if it is not what `Metrics` writes."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        return None
    numbers = {name: row.get(name) for name in NUMBERS}
    optional = ["val_nats_per_char", *(["train_nats_per_char"] if row["step"] == 0 else [])]
    for name in optional:
        if numbers[name] is None:
            numbers.pop(name)
            row[name] = None
    sound = all(_is_number(value) for value in numbers.values())
    others = all(not isinstance(value, float) or math.isfinite(value) for value in row.values())
    return row if sound and others else None


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e15  # type: ignore[operator]
