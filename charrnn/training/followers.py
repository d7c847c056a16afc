"""Processes that a run of the library starts on its machine, and that train its network together with it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

import torch
import torch.distributed as dist

from charrnn.errors import EnvironmentFault, UsageError, in_python
from charrnn.training.follower import follow
from charrnn.training.place import Place, places_here
from charrnn.training.ranks import here, join, leave, require_devices

START = (
    "import sys; sys.path[:] = {path!r}; from charrnn.training.followers import follow_at; "
    "from charrnn.training.place import Meeting, Place; follow_at({place!r})"
)
SECONDS_TO_END = 6.0
"""How long they may take to end when rank 0 has let them go."""


@contextlib.contextmanager
def followed(processes: int, device: str) -> Iterator[None]:
    """A block in which this process and others train every network together, this one as rank 0.

    Args:
        processes: how many there are, with this one.
        device: the device to train on.

    Raises:
        UsageError: another run of this process is trained by several.
        SettingError: they cannot share the device.
        EnvironmentFault: there are too few devices, or a process does not start.
    """
    if here().size > 1:
        raise UsageError(
            "another run of this process trains in several processes",
            "finish or stop that one first",
        )
    if processes == 1:
        yield
        return
    leader, *others = places_here(processes)
    require_devices(device, leader)
    threads, started = torch.get_num_threads(), list[subprocess.Popen[bytes]]()
    try:
        started += map(_started, others)
        join(leader, lost=lambda _: None, wait=lambda: _require_running(started))
        yield
    finally:
        leave()
        for process in started:
            _end(process)
        if dist.is_initialized():
            dist.destroy_process_group()
        torch.set_num_threads(threads)


def _started(place: Place) -> "subprocess.Popen[bytes]":
    """A process at this place. Its standard input closes when this process ends; Ctrl-C is for this one alone."""
    return subprocess.Popen(  # noqa: S603 (this Python, and a line of ours)
        [sys.executable, "-c", START.format(path=sys.path, place=place)],
        stdin=subprocess.PIPE,
        process_group=0 if os.name == "posix" else None,
    )


def _require_running(started: "Sequence[subprocess.Popen[bytes]]") -> None:
    for rank, process in enumerate(started, 1):
        if (status := process.poll()) is not None:
            raise EnvironmentFault(f"rank {rank} ended with status {status} before the run began")


def _end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin
    process.stdin.close()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def follow_at(place: Place) -> NoReturn:
    """Follow rank 0 in a process that `followed` has started."""
    follow(
        place,
        report=lambda _: None,
        spelled=lambda fault: fault.typed(in_python),
        end=os._exit,
        launcher=sys.stdin.fileno(),
    )
