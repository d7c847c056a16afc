"""The results of a sweep: a row for each point, with the mean of its seeds, best first."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.cli.sweep.spec import Spec, SweepRun, Values, in_words
from charrnn.cli.train.result import Spread
from charrnn.render.tables import tight_lines
from charrnn.wording import counted, duration, short_noun_of

NATS = ("nats_per_char", "nats_per_symbol")
"""The names of the cross-entropy: of language models, and of models of pairs."""


@dataclass
class RunResult:
    """How far a run has come."""

    run: SweepRun
    folder: Path
    result: dict[str, Any] | None = None
    """What `train --json` reported at its end; None: it is not finished."""
    test: dict[str, Any] | None = None
    """What `evaluate --split test --json` reported; None: it was not wanted, or failed."""
    reason: str = ""
    """Why the run failed."""
    status: int = 0
    """The exit status of the command that failed."""

    @property
    def state(self) -> str:
        """The state in a word."""
        if self.reason:
            return "failed"
        return "unfinished" if self.result is None else "finished"

    @property
    def nats(self) -> float | None:
        """Validation nats per character; None: the run is not finished, or has no validation text."""
        return nats_of(self.result and self.result["validation"])

    def as_dict(self) -> dict[str, Any]:
        """The run under the names that `sweep --json` prints."""
        return {
            "run": str(self.folder),
            "settings": dict(self.run.point),
            "seed": self.run.seed,
            "state": self.state,
            "reason": self.reason or None,
            "result": self.result,
            "test": self.test,
        }


def nats_of(figures: dict[str, Any] | None) -> float | None:
    """The nats per character in the figures of a text."""
    return next((figures[name] for name in NATS if name in figures), None) if figures else None


@dataclass
class PointResult:
    """A point and its runs, one for each seed."""

    settings: Values
    runs: list[RunResult] = field(default_factory=list)

    @property
    def finished(self) -> list[RunResult]:
        """The runs that count for the mean."""
        return [run for run in self.runs if run.state == "finished"]

    @property
    def validation(self) -> Spread | None:
        """Mean validation nats per character.

        All seeds are scored on the same characters, so that their mean is the mean over all of these.
        """
        return _spread([run.nats for run in self.finished])

    @property
    def test(self) -> Spread | None:
        """Mean test nats per character."""
        return _spread([nats_of(run.test) for run in self.finished])

    @property
    def seconds(self) -> float | None:
        """Mean time of training."""
        seconds = [run.result["seconds"] for run in self.finished if run.result]
        return statistics.fmean(seconds) if seconds else None

    def as_dict(self) -> dict[str, Any]:
        """The point under the names that `sweep --json` prints."""
        return {
            "settings": dict(self.settings),
            "runs": len(self.runs),
            "finished": len(self.finished),
            "failed": sum(run.state == "failed" for run in self.runs),
            **_figures("", self.validation),
            **_figures("test_", self.test),
            "seconds": self.seconds,
        }


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return Spread.of(known) if known else None


def _figures(prefix: str, nats: Spread | None) -> dict[str, float | None]:
    """A mean and its standard error, in nats and in bits."""
    mean, error = (nats.mean, nats.error) if nats else (None, None)
    return {
        f"{prefix}nats_per_char": mean,
        f"{prefix}nats_standard_error": error,
        f"{prefix}bits_per_char": None if mean is None else mean / math.log(2),
        f"{prefix}bits_standard_error": None if error is None else error / math.log(2),
    }


class Results:
    """The results of a sweep so far."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        self.spec, self.folder = spec, folder
        self.runs = [RunResult(run, folder / run.name) for run in spec.runs]

    @property
    def points(self) -> list[PointResult]:
        """The points, best first; those without a figure come last, in the order of the spec."""
        by_name = {in_words(point): PointResult(point) for point in self.spec.points}
        for run in self.runs:
            by_name[in_words(run.run.point)].runs.append(run)
        return sorted(
            by_name.values(), key=lambda p: p.validation.mean if p.validation else math.inf
        )

    @property
    def is_empty(self) -> bool:
        """Whether no run has finished or failed yet."""
        return all(run.state == "unfinished" for run in self.runs)

    @property
    def failed(self) -> list[RunResult]:
        """The runs that failed."""
        return [run for run in self.runs if run.state == "failed"]

    def as_dict(self) -> dict[str, Any]:
        """The object that `sweep --json` prints."""
        return {
            "sweep": self.folder.name,
            "folder": str(self.folder),
            "corpus": self.spec.corpus,
            "seeds": self.spec.seeds,
            "points": [point.as_dict() for point in self.points],
            "runs": [run.as_dict() for run in self.runs],
        }

    def csv(self) -> tuple[list[str], list[list[object]]]:
        """The names of the columns, and a row for each point."""
        points = self.points
        keys = self.spec.keys
        figures = [
            {n: v for n, v in point.as_dict().items() if n != "settings"} for point in points
        ]
        rows = [
            [*(_cell(point.settings.get(key, "")) for key in keys), *own.values()]
            for point, own in zip(points, figures, strict=True)
        ]
        return [*keys, *figures[0]], rows

    def lines(self, width: int) -> list[str]:
        """The table for a terminal, and the runs that failed."""
        points = self.points
        columns = self._settings(points)
        least = len(columns) + 2
        columns += [
            ("runs", *(_runs(point) for point in points)),
            (f"nats/{self.unit}", *(_shown(point.validation) for point in points)),
            (f"bits/{self.unit}", *(_shown(_in_bits(point.validation)) for point in points)),
        ]
        if any(point.test for point in points):
            columns.append(("test nats", *(_shown(point.test) for point in points)))
        columns.append(
            ("time", *("-" if p.seconds is None else duration(p.seconds) for p in points))
        )
        shown = [*tight_lines(columns, width, least=least)]
        return shown + [f"failed: {run.run.label}: {run.reason}" for run in self.failed]

    def _settings(self, points: Sequence[PointResult]) -> list[tuple[str, ...]]:
        """The columns that say what each point sets: one for all of it, unless all points set the same keys."""
        keys = self.spec.keys
        if any(list(point.settings) != keys for point in points):
            return [("point", *(in_words(point.settings) for point in points))]
        return [(key, *(_cell(point.settings[key]) for point in points)) for key in keys]

    @property
    def unit(self) -> str:
        """What the networks predict: "char" or "byte"."""
        return short_noun_of(self.spec.runs[0].line.config.level)

    @property
    def protocol(self) -> str:
        """What the figures are."""
        seeds = counted(len(self.spec.seeds), "seed")
        means = f"; means and standard errors of {seeds}" if len(self.spec.seeds) > 1 else ""
        return f"the best checkpoint of each run, without counts, on validation text{means}; time: of training"


def _cell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _runs(point: PointResult) -> str:
    """How many runs the mean is of: "3", "2 of 3"."""
    done, all_runs = len(point.finished), len(point.runs)
    return f"{done}" if done == all_runs else f"{done} of {all_runs}"


def _in_bits(nats: Spread | None) -> Spread | None:
    if nats is None:
        return None
    return Spread(nats.mean / math.log(2), None if nats.error is None else nats.error / math.log(2))


def _shown(spread: Spread | None) -> str:
    return "-" if spread is None else str(spread)
