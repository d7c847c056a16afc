"""The record of a run: metrics.jsonl, one JSON object an evaluation."""

import json
from pathlib import Path
from typing import Any

from charrnn.files import write_atomically


class Metrics:
    """The evaluations of a run, in memory and on disk.

    Args:
        path: the file; it is written whole each time, so that a reader never sees half a line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []

    def add(self, **row: Any) -> None:
        """Keep the figures of one evaluation."""
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
    """The rows of a metrics file; a line that is no object with a step is passed over."""
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
