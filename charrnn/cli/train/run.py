"""One training run as `train` and `compare` share it: how torch is started, and how a trainer is driven to its end."""

import contextlib
from typing import TYPE_CHECKING

from charrnn.cli.terminal import is_quiet, print_json, say, warn
from charrnn.cli.train.json_lines import event_record
from charrnn.cli.work import working
from charrnn.config import ModelConfig, TrainingRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.cli.progress import Stopper
    from charrnn.cli.train.run_log import RunLog
    from charrnn.text.corpus import Corpus
    from charrnn.training.plan import Plan
    from charrnn.training.trainer import Trainer

SPIN_COUNT = "5000"
"""How long a thread of torch's waits busily for the others (GOMP_SPINCOUNT). The usual count is sixty times larger,
and training beside another busy program can then become ten times slower."""

MANY_SYMBOLS = 20_000
"""Symbols from which on measuring the machine takes some time, which is reported."""
WORKSPACE = ":4096:8"
"""Memory of cuBLAS, one of the two values with which NVIDIA promises the same bits in each run."""


def prepare_process() -> None:
    """Set what belongs to the whole process, not to a library: threads, memory, and the order in which cuBLAS adds up.

    It has to come before the first import of torch.
    """
    import os

    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", WORKSPACE)
    from charrnn.training.machine import keep_freed_memory

    keep_freed_memory()


def start_torch(request: TrainingRequest) -> str:
    """The device to train on, by its definite name. This is what first imports torch.

    Raises:
        EnvironmentFault: there is no such device, or it cannot train in the precision that was given.
    """
    prepare_process()
    from charrnn.training.new_run import device_of

    return device_of(request)


def plan_run(text: "Corpus", network: ModelConfig, request: TrainingRequest, device: str) -> "Plan":
    """Plan what a request leaves open, and show that this machine is being measured."""
    from charrnn.training import new_run

    if network.vocab_size >= MANY_SYMBOLS:
        say(f"measuring   how long a step with {network.vocab_size:,} symbols takes ...")
    with working(None, "measurement") as work:
        return new_run.plan_run(text, network, request, device, lambda: work.advance(1))


def drive(
    trainer: "Trainer",
    stopper: "Stopper",
    *,
    logs: "Sequence[RunLog]" = (),
    as_json: bool = False,
) -> None:
    """Run the trainer to its end, or until a signal stops it; show its progress, and log it.

    Args:
        trainer: the run.
        stopper: asks it to stop.
        logs: other programs' logs, to which it is written too.
        as_json: whether each event is printed on stdout.
    """
    from charrnn.cli.progress import make_progress

    stopper.watch(trainer)
    progress = make_progress(trainer)
    told = False
    try:
        for event in trainer.run():
            if as_json:
                print_json(event_record(event))
            with contextlib.suppress(OSError):  # a terminal that has gone stops no training
                progress.show(event)
                if stopper.signal_number and not told:
                    told = True
                    progress.say("stopping after this step ... (Ctrl-C again to quit at once)")
            for fault in filter(None, [log.show(event) for log in logs]):
                (warn if is_quiet() else progress.say)(f"charrnn: {fault}")
    finally:
        for fault in filter(None, [log.close() for log in logs]):
            (warn if is_quiet() else progress.say)(f"charrnn: {fault}")
        with contextlib.suppress(OSError):
            progress.close()
