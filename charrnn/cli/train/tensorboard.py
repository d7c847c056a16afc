"""`charrnn train --tensorboard DIR`: a run's metrics and samples as a TensorBoard log.

Each run has a folder of its own in DIR, by its name. Nothing that goes wrong here stops the training.
"""

import math
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.extras import require_extra
from charrnn.cli.progress import written
from charrnn.errors import UsageError
from charrnn.files import environment_fault
from charrnn.wording import short_noun_of

if TYPE_CHECKING:
    from charrnn.training.events import Event
    from charrnn.training.trainer import Trainer


def check_tensorboard(folder: Path) -> None:
    """Raise errors that can be known before any work.

    Raises:
        UsageError: the path is not a folder.
        EnvironmentFault: tensorboard is missing, or the folder cannot be made.
    """
    require_extra("tensorboard", "tensorboard", "--tensorboard")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"--tensorboard {folder} is not a folder", "choose another") from error
    except OSError as error:
        raise environment_fault("write to", folder, error) from error


class TensorBoardLog:
    """Writes a run's evaluations to an event file. What a run that goes on had written later than its step is void.

    Args:
        folder: the TensorBoard folder of all runs.
        trainer: the run, before it starts.

    Raises:
        EnvironmentFault: the folder cannot be written.
    """

    def __init__(self, folder: Path, trainer: "Trainer") -> None:
        self.trainer = trainer
        self.unit = short_noun_of(trainer.corpus.config.level)
        self.characters = 0
        self.since = self.until = trainer.progress.seconds
        """Training between the last evaluation and the last step, in seconds of the run."""
        where = folder / trainer.folder.name
        make_writer = import_module("torch.utils.tensorboard").SummaryWriter
        try:
            self.writer: Any = make_writer(str(where), purge_step=trainer.progress.step + 1)
        except OSError as error:
            raise environment_fault("write to", where, error) from error

    def show(self, event: "Event") -> str | None:
        """Log an event.

        Returns:
            Why it could not be written, the first time that something fails; from then on nothing more is written.
        """
        from charrnn.training.events import Evaluated, Step

        if self.writer is None:
            return None
        if isinstance(event, Step):
            self.characters += event.characters
            self.until = self.trainer.progress.seconds
        elif isinstance(event, Evaluated):
            return self._try(self._evaluated, event)
        return None

    def close(self) -> str | None:
        """Write what is left; returns as `show` does."""
        return self._try(self.writer.close) if self.writer is not None else None

    def _try(self, action: Any, *arguments: Any) -> str | None:
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 (whatever it is, the training matters more)
            self.writer = None
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            return f"--tensorboard failed; training continues without it ({reason})"
        return None

    def _evaluated(self, event: Any) -> None:
        step, writer = event.step, self.writer
        bits = f"bits_per_{self.unit}"
        if event.train_nats is not None:
            writer.add_scalar(f"{bits}/train", event.train_nats / math.log(2), step)
        if event.val_nats is not None:
            writer.add_scalar(f"{bits}/validation", event.val_nats / math.log(2), step)
        if event.exact is not None:
            writer.add_scalar("exact_match/validation", event.exact, step)
        row = self.trainer.files.metrics.rows[-1]
        writer.add_scalar("learning_rate", row["learning_rate"], step)
        if self.until > self.since:
            speed = self.characters / (self.until - self.since)
            writer.add_scalar(f"{self.unit}s_per_second", speed, step)
        self.characters, self.since = 0, self.trainer.progress.seconds
        lines = written(self.trainer).split("\n")
        writer.add_text(
            "sample", "\n".join(f"    {line}" for line in lines), step
        )  # Markdown's code
        writer.flush()
