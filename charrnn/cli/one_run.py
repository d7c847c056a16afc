"""What `train` and `compare` share: one run, from its folder to its end.

torch is imported by the functions that need it, and first by `start_torch`, once the text has been read and said.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.checkpoints import BEST, LAST, METRICS
from charrnn.cli.console import say
from charrnn.cli.runs import about_run, require_room, require_unused
from charrnn.config import ModelConfig, SavingConfig, TrainingConfig
from charrnn.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from charrnn.cli.init_from import Start
    from charrnn.cli.progress import Stopper
    from charrnn.cli.tensorboard import TensorBoardLog
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


def start_torch(device: str, precision: str) -> str:
    """The device to train on, by its definite name. The first moment that needs torch.

    Raises:
        EnvironmentFault: there is no such device, or it cannot train in this precision.
    """
    prepare_process()
    from charrnn.training.machine import choose_device, require_precision

    chosen = choose_device(device)
    require_precision(precision, chosen)
    return str(chosen)


@contextlib.contextmanager
def held_folder(
    folder: Path, network: ModelConfig, *, overwrite: bool, keep: int = 0
) -> Iterator[None]:
    """Hold the folder of a new run, which will keep so many older checkpoints, for this process.

    Raises:
        UsageError: it holds a run that is not to be overwritten.
        EnvironmentFault: it cannot be written, or the disk is too full.
        BusyError: another process holds it.
    """
    from charrnn.files import locked, make_writable_folder

    make_writable_folder(folder)
    with locked(folder):
        require_unused(folder, overwrite=overwrite)
        require_room(folder, network, keep=keep)
        yield


def plan_run(
    text: "Corpus",
    network: ModelConfig,
    config: TrainingConfig,
    limits: Limits,
    wishes: Mapping[str, Any],
) -> "Plan":
    """Fix what a budget and the wishes (by their names in `plan.Wishes`) leave open, after measuring this machine."""
    from charrnn.training.measure import plan_here
    from charrnn.training.plan import Budget, Facts, Wishes

    facts = Facts(len(text.train), len(text.val), text.line_lengths(text.train))
    return plan_here(facts, network, config, Budget(*limits), Wishes(**wishes))


def new_trainer(
    names: list[str],
    text: "Corpus",
    plan: "Plan",
    folder: Path,
    *,
    asked: Mapping[str, Any],
    saving: SavingConfig | None = None,
    start: "Start | None" = None,
) -> "Trainer":
    """A run at its start, in a folder that is held. An old run that was there goes.

    The options that were asked for are remembered; without a budget among them, the one that was planned with.
    """
    from charrnn.training.plan import DEFAULT_MINUTES
    from charrnn.training.trainer import Trainer
    from charrnn.training.transfer import extended

    saving = saving or SavingConfig()
    if not any(asked.get(budget) for budget in ("minutes", "epochs", "steps")):
        asked = {**asked, "minutes": DEFAULT_MINUTES}
    about = about_run(names, text, plan.config, folder, saving, asked)
    about |= {"plan": list(plan.reasons)}
    if start:
        about["init_from"] = start.about()
    initial = extended(start.model, text.vocabulary) if start else None
    trainer = Trainer(
        text, plan.model_config, plan.config, folder, about=about, saving=saving, initial=initial
    )
    for file in (*_kept(folder), LAST, BEST, METRICS):  # --overwrite: the new run can start
        (folder / file).unlink(missing_ok=True)
    return trainer


def _kept(folder: Path) -> list[str]:
    """The files of older checkpoints that the run in this folder says it has kept."""
    from charrnn.checkpoint import load_checkpoint
    from charrnn.training.older import kept_name

    with contextlib.suppress(CheckpointError, TypeError, ValueError):
        return [kept_name(step) for step in load_checkpoint(folder / LAST).figures.get("kept", ())]
    return []


def drive(
    trainer: "Trainer", stopper: "Stopper", *, quiet: bool, log: "TensorBoardLog | None" = None
) -> None:
    """Run the trainer to its end, or until a signal stops it; show its progress, and log it."""
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
            if log and (fault := log.show(event)):
                (say if quiet else progress.say)(f"charrnn: {fault}")
    finally:
        if log and (fault := log.close()):
            (say if quiet else progress.say)(f"charrnn: {fault}")
        with contextlib.suppress(OSError):
            progress.close()
