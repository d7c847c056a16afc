"""One training run, from its folder to its end, as `train` and `compare` share it.

torch is imported by the functions that need it, and first by `start_torch`, once the text has been read and reported.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.terminal import is_quiet, warn
from charrnn.cli.train.record import about_run
from charrnn.config import ModelConfig, SavingConfig, TrainingRequest
from charrnn.errors import CheckpointError, EnvironmentFault
from charrnn.runs import BEST, LAST, METRICS, require_unused
from charrnn.text.kinds import item_noun
from charrnn.wording import size

if TYPE_CHECKING:
    from charrnn.cli.progress import Stopper
    from charrnn.cli.train.start import Start
    from charrnn.cli.train.tensorboard import TensorBoardLog
    from charrnn.text.corpus import Corpus
    from charrnn.training.plan import Plan
    from charrnn.training.trainer import Trainer

SPIN_COUNT = "5000"
"""How long a thread of torch's waits busily for the others (GOMP_SPINCOUNT). The usual count is sixty times larger,
and training beside another busy program can then become ten times slower."""


def prepare_process() -> None:
    """Set what belongs to the whole process, not to a library: how threads wait, and how freed memory is kept.

    It has to come before the first import of torch.
    """
    import os

    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    from charrnn.training.machine import keep_freed_memory

    keep_freed_memory()


def start_torch(request: TrainingRequest) -> str:
    """The device to train on, by its definite name. This is what first imports torch.

    Raises:
        EnvironmentFault: there is no such device, or it cannot train in the precision that was given.
    """
    prepare_process()
    from charrnn.training.machine import choose_device, require_precision

    chosen = choose_device(request.given.get("device"))
    if precision := request.given.get("precision"):
        require_precision(precision, chosen)
    return str(chosen)


@contextlib.contextmanager
def held_folder(
    folder: Path, network: ModelConfig, *, overwrite: bool, keep: int = 0
) -> Iterator[None]:
    """Lock the folder of a new run for this process, with room for its checkpoints.

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


def plan_run(text: "Corpus", network: ModelConfig, request: TrainingRequest, device: str) -> "Plan":
    """Plan what a request leaves open, after measuring this machine."""
    from charrnn.training.allowed import CorpusSize
    from charrnn.training.measure import plan_here

    size = CorpusSize(len(text.train), len(text.val), text.item_lengths(text.train))
    if text.item_end is not None:
        size = dataclasses.replace(size, item_noun=item_noun(text.item_end))
    return plan_here(size, network, request, device)


def new_trainer(
    names: list[str],
    text: "Corpus",
    plan: "Plan",
    folder: Path,
    *,
    request: TrainingRequest,
    saving: SavingConfig | None = None,
    start: "Start | None" = None,
) -> "Trainer":
    """The trainer of a new run, in a locked folder. An old run in the folder is removed.

    The request is recorded with the run; one without a limit with the time that was planned for it.
    """
    from charrnn.training.plan import with_limit
    from charrnn.training.trainer import Trainer
    from charrnn.training.transfer import extended

    saving = saving or SavingConfig()
    about = about_run(names, text, plan.config, folder, saving, with_limit(request))
    about |= {"plan": list(plan.reasons)}
    if start:
        about["init_from"] = start.about()
    initial = extended(start.model, text.vocabulary) if start else None
    trainer = Trainer(
        text, plan.model_config, plan.config, folder, metadata=about, saving=saving, initial=initial
    )
    for file in (*_kept(folder), LAST, BEST, METRICS):  # --overwrite: the new run can start
        (folder / file).unlink(missing_ok=True)
    return trainer


def require_room(folder: Path, *networks: ModelConfig, keep: int = 0) -> None:
    """Raise EnvironmentFault if the disk has no room for these networks' checkpoints, including `keep` older ones."""
    import shutil

    from charrnn.network.shapes import count_parameters

    parameters = sum(map(count_parameters, networks))
    # best: weights; last: weights, two moments, now and where the run may go back to; the old ones beside the new
    need = parameters * 4 * (1 + 6 * (2 + keep))
    free = shutil.disk_usage(folder).free
    if free < need:
        raise EnvironmentFault(
            f"the checkpoints need about {size(need)} in {folder}, where {size(free)} are free",
            "choose another disk with --out",
        )


def _kept(folder: Path) -> list[str]:
    """The files of older checkpoints that the run in this folder says it has kept."""
    from charrnn.checkpoint import load_checkpoint
    from charrnn.training.run_folder import older_name

    with contextlib.suppress(CheckpointError, TypeError, ValueError):
        return [older_name(step) for step in load_checkpoint(folder / LAST).metrics.get("kept", ())]
    return []


def drive(trainer: "Trainer", stopper: "Stopper", *, log: "TensorBoardLog | None" = None) -> None:
    """Run the trainer to its end, or until a signal stops it; show its progress, and log it."""
    from charrnn.cli.progress import make_progress

    stopper.watch(trainer)
    progress = make_progress(trainer)
    told = False
    try:
        for event in trainer.run():
            with contextlib.suppress(OSError):  # a terminal that has gone stops no training
                progress.show(event)
                if stopper.signal_number and not told:
                    told = True
                    progress.say("stopping after this step ... (Ctrl-C again to quit at once)")
            if log and (fault := log.show(event)):
                (warn if is_quiet() else progress.say)(f"charrnn: {fault}")
    finally:
        if log and (fault := log.close()):
            (warn if is_quiet() else progress.say)(f"charrnn: {fault}")
        with contextlib.suppress(OSError):
            progress.close()
