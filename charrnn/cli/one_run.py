"""What `train` and `compare` share: one run, from its folder to its end.

torch is imported by the functions that need it, and first by `start_torch`, once the text has been read and said.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.checkpoints import BEST, LAST, METRICS
from charrnn.cli.runs import about_run, require_room, require_unused
from charrnn.config import ModelConfig, TrainingConfig
from charrnn.errors import UsageError

if TYPE_CHECKING:
    from charrnn.cli.progress import Stopper
    from charrnn.text.corpus import Corpus
    from charrnn.training.plan import Plan
    from charrnn.training.trainer import Trainer

Limits = tuple[float | None, float | None, int | None]
"""A budget as it was asked for: minutes, epochs, steps."""

SPIN_COUNT = "5000"
"""How long a thread of torch's waits busily for the others (GOMP_SPINCOUNT). The usual count is sixty times larger,
and training beside another busy program can then become ten times slower."""


def check_limits(limits: Limits) -> None:
    """Raise UsageError if a budget is not a finite number above 0."""
    for name, value in zip(("--minutes", "--epochs", "--steps"), limits, strict=True):
        if value is not None and not 0 < value < 1e12:
            raise UsageError(f"{name} must be a finite number above 0, not {value}")


def prepare_process() -> None:
    """Set what belongs to the whole process, not to a library: how threads wait, and how freed memory is kept.

    It has to come before the first import of torch.
    """
    import os

    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    from charrnn.training.machine import keep_freed_memory

    keep_freed_memory()


def start_torch(device: str) -> str:
    """The device to train on, by its definite name. The first moment that needs torch."""
    prepare_process()
    from charrnn.training.machine import choose_device

    return str(choose_device(device))


@contextlib.contextmanager
def held_folder(folder: Path, network: ModelConfig, *, overwrite: bool) -> Iterator[None]:
    """Hold the folder of a new run for this process.

    Raises:
        UsageError: it holds a run that is not to be overwritten.
        EnvironmentFault: it cannot be written, or the disk is too full.
        BusyError: another process holds it.
    """
    from charrnn.files import locked, make_writable_folder

    make_writable_folder(folder)
    with locked(folder):
        require_unused(folder, overwrite=overwrite)
        require_room(folder, network)
        yield


def plan_run(
    text: "Corpus",
    network: ModelConfig,
    config: TrainingConfig,
    limits: Limits,
    dropout: float | None,
) -> "Plan":
    """Fix everything that a budget leaves open, after measuring this machine for a second or two."""
    from charrnn.training.plan import Budget, Facts, make_plan

    facts = Facts(len(text.train), len(text.val), text.item_lengths(text.train))
    return make_plan(facts, network, config, Budget(*limits), dropout=dropout)


def new_trainer(
    names: list[str], text: "Corpus", network: ModelConfig, plan: "Plan", folder: Path
) -> "Trainer":
    """A run at its start, in a folder that is held. An old run that was there goes."""
    from charrnn.training.trainer import Trainer

    about = about_run(names, text, plan.config, folder)
    trainer = Trainer(text, network, plan.config, folder, about=about)
    for file in (LAST, BEST, METRICS):  # --overwrite: the new run can start, the old one goes
        (folder / file).unlink(missing_ok=True)
    return trainer


def drive(trainer: "Trainer", stopper: "Stopper", *, quiet: bool) -> None:
    """Run the trainer to its end, or until a signal stops it, and show its progress."""
    from charrnn.cli.progress import make_progress

    stopper.watch(trainer)
    progress = make_progress(trainer, quiet=quiet)
    told = False
    try:
        for event in trainer.run():
            with contextlib.suppress(OSError):  # a terminal that has gone stops no training
                progress.show(event)
                if stopper.signal_number and not told:
                    told = True
                    progress.say("stopping after this step ... (Ctrl-C again to quit at once)")
    finally:
        with contextlib.suppress(OSError):
            progress.close()
