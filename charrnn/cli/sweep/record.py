"""The results of a sweep's finished runs, kept in its folder, so that they are not worked out anew each time."""

import json
import threading
from pathlib import Path
from typing import Any

from charrnn.cli.sweep.results import NATS
from charrnn.runs import BEST, LAST
from charrnn.schema import strict_json

FILE = "sweep.json"


class Record:
    """The results that a folder keeps. A result counts as long as the checkpoints of its run are those of then.

    Args:
        folder: the sweep's folder. A record that cannot be read is none: it is made again from the runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        try:
            found = strict_json((folder / FILE).read_bytes())
        except (OSError, ValueError, RecursionError):
            found = {}
        self._runs: dict[str, Any] = found if isinstance(found, dict) else {}

    def get(self, name: str, what: str) -> dict[str, Any] | None:
        """The figures of a run that are known, such as its "result"; None: they are not, or no longer."""
        own = self._runs.get(name)
        if not isinstance(own, dict) or own.get("files") != self._files(name):
            return None
        figures = own.get(what)
        return figures if _are_whole(figures, what) else None

    def put(self, name: str, **figures: dict[str, Any] | None) -> None:
        """Keep the figures of a run.

        Raises:
            EnvironmentFault: the file cannot be written.
        """
        from charrnn.files import write_atomically

        with self._lock:
            self._runs[name] = {"files": self._files(name), **figures}
            content = json.dumps(self._runs, indent=1, allow_nan=False) + "\n"
            write_atomically(self.folder / FILE, content.encode())

    def _files(self, name: str) -> list[list[int]]:
        """The sizes and times of a run's checkpoints."""
        paths = [self.folder / name / file for file in (BEST, LAST)]
        if not all(path.is_file() for path in paths):
            return []
        return [[path.stat().st_size, path.stat().st_mtime_ns] for path in paths]


def _are_whole(figures: Any, what: str) -> bool:
    """Whether figures are a "result" or a "test", with numbers where `charrnn.cli.sweep.results` reads them."""
    if not isinstance(figures, dict):
        return False
    is_test = what == "test"
    scored = figures if is_test else figures.get("validation", ())
    numbers = [] if is_test else [figures.get("seconds")]
    if scored is not None:
        if not isinstance(scored, dict):
            return False
        numbers += [scored[name] for name in NATS if name in scored]
    return all(type(number) in (int, float) for number in numbers)
