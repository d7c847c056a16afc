"""`charrnn train --tensorboard DIR`: a run's metrics and samples as a TensorBoard log.

Each run has a folder of its own in DIR, by its name. Nothing that goes wrong here stops the training.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.extras import require_extra
from charrnn.cli.progress import written
from charrnn.cli.train.run_log import RunLog, require_utf8
from charrnn.errors import UsageError
from charrnn.files import environment_fault
from charrnn.render.glyphs import harmless

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer


def check_tensorboard(folder: Path) -> None:
    """Raise errors that can be known before any work.

    Raises:
        UsageError: the path is not a folder, or not UTF-8.
        EnvironmentFault: tensorboard is missing, or the folder cannot be made.
    """
    require_extra("tensorboard", "tensorboard", "--tensorboard")
    require_utf8("--tensorboard", str(folder), str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"--tensorboard {folder} is not a folder", "choose another") from error
    except OSError as error:
        raise environment_fault("write to", folder, error) from error


class TensorBoardLog(RunLog):
    """Writes a run's evaluations to an event file. What a run that goes on had written later than its step is void.

    Args:
        folder: the TensorBoard folder of all runs.
        trainer: the run, before it starts.

    Raises:
        EnvironmentFault: the folder cannot be written.
    """

    option = "--tensorboard"

    def __init__(self, folder: Path, trainer: "Trainer") -> None:
        super().__init__(trainer)
        where = folder / trainer.folder.name
        make_writer = import_module("torch.utils.tensorboard").SummaryWriter
        try:
            self.writer: Any = make_writer(str(where), purge_step=trainer.progress.step + 1)
        except OSError as error:
            raise environment_fault("write to", where, error) from error

    def evaluated(self, step: int, figures: dict[str, float]) -> None:
        """Write the figures of an evaluation, and a sample."""
        for name, value in figures.items():
            self.writer.add_scalar(name, value, step)
        lines = harmless(written(self.trainer)).split("\n")  # a carriage return would end the code
        self.writer.add_text(
            "sample", "\n".join(f"    {line}" for line in lines), step
        )  # Markdown's code
        self.writer.flush()

    def end(self) -> None:
        """Close the file."""
        self.writer.close()
