"""A rank that follows: it does what rank 0 announces, until rank 0 ends."""

import os
import signal
import threading
from collections.abc import Callable
from typing import NoReturn

import torch

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.errors import CharrnnError, EnvironmentFault
from charrnn.training.machine import memory_faults
from charrnn.training.place import Place
from charrnn.training.ranks import Dismissed, RankError, Ranks, first_line, join
from charrnn.training.replica import Replica

WARNINGS = ("SIGUSR1", "SIGUSR2")
ENDS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals for rank 0, which decides what they mean; a launcher may send them to all."""


def follow(
    place: Place,
    report: Callable[[CharrnnError], object],
    spelled: Callable[[CharrnnError], CharrnnError],
    end: Callable[[int], NoReturn],
    launcher: int | None = None,
) -> NoReturn:
    """Follow rank 0, and end the process with it.

    Args:
        place: the place of this process.
        report: reports that rank 0 was lost.
        spelled: an error with its settings spelled for the user.
        end: ends the process with a status, from any thread.
        launcher: a descriptor that closes when the process that has started this one ends.

    Raises:
        EnvironmentFault: the others cannot be reached.
    """

    def lost(fault: CharrnnError) -> NoReturn:
        is_end = isinstance(fault, Dismissed)
        if not is_end:
            report(spelled(fault))
        end(0 if is_end else fault.exit_status)

    joined = threading.Event()

    def end_alone() -> None:
        os.read(int(launcher or 0), 1)
        if not joined.is_set():  # later rank 0 decides
            end(EnvironmentFault.exit_status)

    if launcher is not None:
        threading.Thread(target=end_alone, daemon=True).start()
    _ignore(*WARNINGS)
    try:
        ranks = join(place, lost)
        joined.set()
    except RankError as fault:
        lost(fault)
    _ignore(*ENDS)
    try:
        _obey(ranks)
    except RankError as fault:
        lost(fault)
    except CharrnnError as fault:
        ranks.tell(spelled(fault))
        end(fault.exit_status)
    except Exception as error:  # a bug, of which rank 0 learns as well
        ranks.tell(CharrnnError(f"internal error: {first_line(error)}", "please report it"))
        raise


def _ignore(*names: str) -> None:
    for name in names:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _obey(ranks: Ranks) -> NoReturn:
    """Make the calls of rank 0, for ever."""
    replicas: dict[int, Replica] = {}
    while True:
        with ranks.guarded():
            call, arguments = ranks.receive()
        if call == "open":
            config = TrainingConfig(**arguments["training"])
            torch.set_num_threads(config.threads)
            made = Replica(ModelConfig(**arguments["model"]), config)
            replicas[made.number] = made
            continue
        number = arguments.pop("replica")
        if call == "close":
            del replicas[number]
            continue
        with memory_faults(replicas[number].config.batch_size):
            getattr(replicas[number], call)(**arguments)
