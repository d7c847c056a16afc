"""Older checkpoints of a run, kept beside its last: step-00001200.safetensors."""

import contextlib
import filecmp
from pathlib import Path

from charrnn.files import give_second_name


def kept_name(step: int) -> str:
    """The file of the checkpoint of a step: 1200 -> "step-00001200.safetensors"."""
    return f"step-{step:08}.safetensors"


class OlderCheckpoints:
    """Those that a run has kept. It removes no other file, nor does it replace one.

    Args:
        folder: of the run.
        most: how many to keep; 0: none is made, and none that was made before is removed.
        steps: of those that there are.
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
        older = self.folder / kept_name(step)
        if not self.most or not last.exists():
            return
        if older.exists() and step not in self.steps and not filecmp.cmp(older, last):
            return  # somebody else's
        give_second_name(last, older)
        self.steps = [*(s for s in self.steps if s != step), step]

    def remove_oldest(self) -> None:
        """Remove the oldest, if there are too many. Call it when the new checkpoint is safe."""
        while self.most and len(self.steps) > self.most:
            with contextlib.suppress(OSError):
                (self.folder / kept_name(self.steps.pop(0))).unlink(missing_ok=True)
