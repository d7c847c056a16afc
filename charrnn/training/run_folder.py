"""The folder of a run: best.safetensors, last.safetensors, step-00001200.safetensors (older ones), metrics.jsonl.

A thread of its own writes it, so that training goes on beside a slow disk. At any moment what is on disk fits together:
metrics.jsonl has every evaluation before last.safetensors (unless it could not be written, for which no checkpoint is
given up), and best.safetensors is at least as good as that says.
"""

import contextlib
import dataclasses
import filecmp
import itertools
from pathlib import Path
from typing import Any

from charrnn.checkpoint import Checkpoint, load_summary, save_checkpoint
from charrnn.errors import CheckpointError, EnvironmentFault
from charrnn.files import give_second_name, keep_lock
from charrnn.runs import BEST, LAST, METRICS, RUN_FILES
from charrnn.training.events import Saved, SaveFailed
from charrnn.training.metrics import Metrics
from charrnn.training.progress import BEST_FIGURES, NO_BEST, best_figures
from charrnn.training.writing import Writer


def older_name(step: int) -> str:
    """The file of the older checkpoint of a step: 1200 -> "step-00001200.safetensors"."""
    return f"step-{step:08}.safetensors"


def kept_files(folder: Path) -> list[Path]:
    """The older checkpoints that the run in a folder records that it has kept; none if its last one is broken."""
    with contextlib.suppress(CheckpointError):
        steps = load_summary(folder / LAST).metrics.get("kept", ())
        return [folder / older_name(step) for step in steps]
    return []


def files_of_run(folder: Path) -> list[Path]:
    """The files of the run in a folder, whether they are there or not."""
    return [*kept_files(folder), *(folder / name for name in RUN_FILES)]


def remove_run(folder: Path) -> None:
    """Remove the run in a folder, so that another can start there. Other files stay."""
    for file in files_of_run(folder):
        file.unlink(missing_ok=True)


class RunFolder:
    """Writes the files of a run, in the order in which they are put.

    What is put is a copy that does not change later. It is in memory until it is written: at most one of LAST, if the
    next is not put while `is_open(LAST)`, and two of BEST, the one that is being written and the newest.

    Args:
        path: the folder.
        keep: how many older checkpoints to keep beside the last; 0: none is made, and none made before is removed.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        self.metrics = Metrics(path / METRICS)
        self.last_step: int | None = None
        """The step of last.safetensors; None: there is none yet."""
        self.best: dict[str, Any] = {}
        """The figures of best.safetensors, of those in BEST_FIGURES; empty: there is none yet."""
        self.unsaved: dict[str, EnvironmentFault] = {}
        """The files whose latest save failed, and why."""
        self.older = OlderCheckpoints(path, keep, [])
        self._writer = Writer(self._save)

    def resume(self, last: Checkpoint) -> None:
        """Continue the files of a run from its last checkpoint."""
        self.last_step = last.metrics["step"]
        self.older.steps = list(last.metrics.get("kept", ()))
        self.metrics.read(up_to_step=self.last_step)
        if (self.path / BEST).exists():
            self.best = best_figures(last.metrics)

    def put(self, name: str, checkpoint: Checkpoint) -> None:
        """Write BEST or LAST, and the metrics, when what was put before is written; see `saved`."""
        self._writer.put(name, checkpoint)

    def is_open(self, name: str) -> bool:
        """Whether one that was put has not been written yet."""
        return self._writer.is_open(name)

    def wait(self) -> None:
        """Return when all that was put is written, or could not be."""
        self._writer.wait()

    def saved(self) -> list[Saved | SaveFailed]:
        """What became of all that has been written since the last call.

        Raises:
            BusyError: another process has taken the folder.
        """
        return [*itertools.chain(*self._writer.results())]

    def _save(self, name: str, checkpoint: Checkpoint) -> list[Saved | SaveFailed]:
        """Write the metrics and one file. The LAST before becomes an older checkpoint, if those are kept."""
        path, step = self.path / name, checkpoint.metrics["step"]
        try:
            keep_lock(self.path)
            if name == LAST:
                checkpoint = self._with_older(self._with_best(checkpoint))
            # the metrics first: a run that is resumed leaves out rows that are too new, but can make up none
            unwritten = self._write_metrics()
            num_bytes = save_checkpoint(path, checkpoint)
        except EnvironmentFault as fault:
            self.unsaved[name] = fault
            return [SaveFailed(fault)]
        self.unsaved.pop(name, None)
        if name == LAST:
            self.last_step = step
            self.older.remove_oldest()
        else:
            self.best = best_figures(checkpoint.metrics)
        return [*unwritten, Saved(path, num_bytes, step)]

    def _write_metrics(self) -> list[SaveFailed]:
        """Write the metrics. A failure costs no checkpoint: they are written again with the next one."""
        try:
            self.metrics.write()
        except EnvironmentFault as fault:
            return [SaveFailed(fault)]
        return []

    def _with_best(self, checkpoint: Checkpoint) -> Checkpoint:
        """A last checkpoint that names the best one on disk, if a better one of before it could not be written."""
        if self.best and self.best["best_step"] >= checkpoint.metrics["best_step"]:
            return checkpoint
        others = {n: v for n, v in checkpoint.metrics.items() if n not in BEST_FIGURES}
        return dataclasses.replace(checkpoint, metrics=others | (self.best or NO_BEST))

    def _with_older(self, checkpoint: Checkpoint) -> Checkpoint:
        """A last checkpoint that names the older ones, to which the one before it comes."""
        if self.last_step and self.last_step != checkpoint.metrics["step"]:
            self.older.keep(self.path / LAST, self.last_step)
        if not self.older.steps:
            return checkpoint
        metrics = {**checkpoint.metrics, "kept": self.older.steps}
        return dataclasses.replace(checkpoint, metrics=metrics)


class OlderCheckpoints:
    """The older checkpoints of a run. It never touches other files.

    Args:
        folder: the run's folder.
        most: how many to keep; 0: none is made, and none that was made before is removed.
        steps: the steps of those that exist.
    """

    def __init__(self, folder: Path, most: int, steps: list[int]) -> None:
        self.folder = folder
        self.most = most
        self.steps = list(steps)

    def keep(self, last: Path, step: int) -> None:
        """Give the last checkpoint, of this step, a second name before a new one takes its place.

        Raises:
            EnvironmentFault: it cannot be written.
        """
        older = self.folder / older_name(step)
        if not self.most or not last.exists():
            return
        if older.exists() and step not in self.steps and not filecmp.cmp(older, last):
            return  # not ours
        give_second_name(last, older)
        self.steps = [*(s for s in self.steps if s != step), step]

    def remove_oldest(self) -> None:
        """Remove the oldest, if there are too many. Call it when the new checkpoint is safe."""
        while self.most and len(self.steps) > self.most:
            with contextlib.suppress(OSError):
                (self.folder / older_name(self.steps.pop(0))).unlink(missing_ok=True)
