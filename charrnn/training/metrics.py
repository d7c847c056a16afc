"""The metrics of a run: metrics.jsonl, one JSON object for each evaluation."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from charrnn.errors import CheckpointError
from charrnn.files import write_atomically
from charrnn.schema import FOR_A_CURVE, EvaluationRecord, SchemaError, check_record, strict_json


class Metrics:
    """The evaluations of a run, in memory and on disk.

    Args:
        path: the file; it is rewritten atomically each time, so that a reader never sees half a line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self.num_damaged = 0
        """Lines on disk that could not be read."""

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
        """Take over the rows on disk up to a step; later ones belong to a future that did not happen.

        What is damaged is left out: no run needs its metrics to continue.
        """
        if not self.path.exists():
            return
        try:
            rows = list(_rows(self.path)) if self.path.is_file() else [None]
        except OSError:
            rows = [None]
        self.rows = [row for row in rows if row and row["step"] <= up_to_step]
        self.num_damaged = rows.count(None)


def load_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics file, in the order of steps and of time; a row has None for a loss that was not measured.

    A last line that was cut off is left out.

    Raises:
        CheckpointError: there is no such file, no row in it, or an invalid line.
    """
    if not path.is_file():
        hint = "metrics.jsonl is kept beside a run's checkpoints; a checkpoint moved elsewhere has none"
        raise CheckpointError(f"there are no metrics at {path}", hint)
    found = [*_rows(path)]
    if found[-1:] == [None] and not path.read_bytes().endswith(b"\n"):
        del found[-1]  # the last line was cut off
    if None in found:
        number = found.index(None) + 1
        raise CheckpointError(f"{path}, line {number}: this line is not a valid metrics row")
    rows = [row for row in found if row]
    if not rows:
        raise CheckpointError(
            f"{path}: the run has not been evaluated yet",
            "wait for the first evaluation, or resume the run",
        )
    return rows


def _rows(path: Path) -> Iterator[dict[str, Any] | None]:
    """The row of each line; None for a line that `Metrics` did not write, or that comes too late."""
    step, seconds = -1, 0.0
    for line in path.read_text("utf-8", errors="replace").splitlines():
        row = _row(line)
        if row is None or row["step"] <= step or row["seconds"] < seconds:
            yield None
            continue
        yield row
        step, seconds = row["step"], row["seconds"]


def _row(line: str) -> dict[str, Any] | None:
    """A row, or None if it is not what `Metrics` writes."""
    try:
        row = strict_json(line)
        check_record(EvaluationRecord, row, required=FOR_A_CURVE)
    except (ValueError, RecursionError, SchemaError):
        return None
    losses = {"train_nats_per_char": None, "val_nats_per_char": None}
    has_loss = row["step"] == 0 or row.get("train_nats_per_char") is not None
    return losses | row if has_loss else None
