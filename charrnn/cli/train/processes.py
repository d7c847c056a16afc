"""Several processes: `train --processes` starts them, as torchrun does, and each finds its place in the environment.

The process that starts them waits, hands signals on to rank 0, and ends as rank 0 does.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from charrnn.cli.options import spell_as_options
from charrnn.cli.terminal import UNREPORTED, at_death, die_by_signal, own_arguments, report
from charrnn.cli.train.run import prepare_process, start_torch
from charrnn.errors import CharrnnError, EnvironmentFault, SettingError
from charrnn.training.place import Place, place_in, places_here

if TYPE_CHECKING:
    from charrnn.config import TrainingRequest

LAUNCHED = "CHARRNN_LAUNCHED"
"""The variable in the processes that `--processes` starts: a descriptor that closes when the launcher ends."""
SECONDS_TO_END = 6.0
"""How long the others may take to end when one was killed."""
SECONDS_TO_REPORT = 60.0
"""How long rank 0 may take to report the error of another rank, and to end."""
HANDED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
ENDS = ("SIGTERM", "SIGHUP")
QUIET_ENDS = ("SIGINT", "SIGPIPE", *HANDED_ON)
"""Signals by which rank 0 may end itself without an error."""


def several(processes: int) -> Place | None:
    """The place of this process among several, or None if it trains alone.

    Does not return where it is to start the others, or follow rank 0: the process then ends with them. Rank 0 has
    joined the others.

    Raises:
        EnvironmentFault: the others cannot be reached.
        SettingError: torchrun has started another number of processes.
        UsageError: the environment describes no place.
    """
    place = place_in(os.environ)
    if place is None:
        if processes > 1:
            _launch(processes)
        return None
    if processes not in (1, place.size):
        raise SettingError.naming(
            "{processes:{wanted}} does not go with the {found} processes that were started",
            "leave it out: the launcher decides",
            wanted=processes,
            found=place.size,
        )
    prepare_process()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")  # torch's own words about connections
    if place.follows:
        _follow(place)
    _lead(place)
    return place


def _follow(place: Place) -> NoReturn:
    """Follow rank 0; report here only what rank 0 cannot."""
    from charrnn.training.follower import follow
    from charrnn.training.ranks import UnreachableError

    launcher = int(os.environ[LAUNCHED]) if LAUNCHED in os.environ else None
    told = _report_for_all if place.rank == 1 else _spelled
    try:
        follow(place, told, _spelled, os._exit, launcher)
    except UnreachableError as fault:
        _report_for_all(fault)
        raise


def _lead(place: Place) -> None:
    """Join the other ranks, before anything else, so that each end of this process is theirs too."""
    from charrnn.training import ranks

    if LAUNCHED in os.environ:
        threading.Thread(target=_end_with_launcher, daemon=True).start()
        ranks.LostError.exit_status = UNREPORTED

    def lost(fault: CharrnnError) -> NoReturn:
        if fault.exit_status != UNREPORTED:
            report(_spelled(fault))
        os._exit(fault.exit_status)

    ranks.join(place, lost)
    at_death(ranks.leave)


def start_together(request: "TrainingRequest") -> str:
    """The device to train on, by its definite name, alone or with the other ranks.

    Raises:
        EnvironmentFault: there is no such device, or there are too few of them.
        SettingError: the ranks cannot share the device that was asked for.
    """
    device = start_torch(request)
    if place := place_in(os.environ):
        from charrnn.training.ranks import require_devices

        require_devices(device, place)
    return device


def _end_with_launcher() -> None:
    """Ask this process to stop when the one that has started it is gone."""
    with contextlib.suppress(OSError):
        os.read(int(os.environ[LAUNCHED]), 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _report_for_all(fault: CharrnnError) -> None:
    """Report that rank 0 was lost, unless the launcher does."""
    if LAUNCHED not in os.environ:
        report(fault)


def end_together() -> None:
    """Let the other ranks end, if there are any."""
    if ranks := sys.modules.get("charrnn.training.ranks"):
        ranks.leave()


def _spelled(fault: CharrnnError) -> CharrnnError:
    return fault.typed(spell_as_options({}))


# --- the launcher ---------------------------------------------------------------------------------


def _launch(processes: int) -> NoReturn:
    """Run this command line in several processes on this machine, and end as rank 0 ends."""
    with contextlib.ExitStack() as stack:
        started = stack.enter_context(_started(processes))
        stack.enter_context(_handing_on(started))
        status = _end_of(started)
    if status < 0:
        die_by_signal(-status)
    raise SystemExit(status)


@contextlib.contextmanager
def _started(processes: int) -> "Iterator[list[subprocess.Popen[bytes]]]":
    """The processes, rank 0 first; those that are left are killed at the end of the block."""
    reading, writing = os.pipe()  # it closes when this process ends, however it does
    main = "from charrnn.cli.app import main; main()"
    code = f"import sys; sys.path[:] = {sys.path!r}; {main}"
    started = []
    try:
        for place in places_here(processes):
            environment = {**os.environ, **place.variables, LAUNCHED: str(reading)}
            started.append(
                subprocess.Popen(  # noqa: S603 (it is this program)
                    [sys.executable, "-c", code, *own_arguments()],
                    env=environment,
                    stdin=subprocess.DEVNULL if place.follows else None,
                    pass_fds=[reading],
                )
            )
        os.close(reading)
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.wait()
        os.close(writing)


@contextlib.contextmanager
def _handing_on(started: "list[subprocess.Popen[bytes]]") -> Iterator[None]:
    """Hand signals on to rank 0. A terminal sends Ctrl-C to all its processes by itself.

    A signal that ends the run also wakes the processes that were stopped: rank 0 would wait for them.
    """

    def hand_on(number: int, _: FrameType | None) -> None:
        if number != signal.SIGINT or not _is_at_terminal():
            with contextlib.suppress(OSError):
                started[0].send_signal(number)
        if number in ends and wake is not None:
            for process in started:
                with contextlib.suppress(OSError):
                    process.send_signal(wake)

    wake: int | None = getattr(signal, "SIGCONT", None)  # Windows has none
    ends = [getattr(signal, name) for name in ENDS if hasattr(signal, name)]

    before = {
        getattr(signal, name): signal.signal(getattr(signal, name), hand_on)
        for name in ("SIGINT", *HANDED_ON)
        if hasattr(signal, name)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_at_terminal() -> bool:
    """Whether this process is in the foreground of a terminal."""
    if sys.platform == "win32":  # its consoles have no groups of processes
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _end_of(started: "list[subprocess.Popen[bytes]]") -> int:
    """Wait for the end; the status of rank 0, or minus the signal that ended it.

    Raises:
        EnvironmentFault: one was killed, or rank 0 did not end although another one had.
    """
    leader = started[0]
    while leader.poll() is None:
        if failed := _failed(started):
            rank, status = failed
            patience = SECONDS_TO_END if status < 0 else SECONDS_TO_REPORT
            if not _ends(leader, patience=patience):
                raise _lost(rank, status)
        time.sleep(0.05)
    if leader.returncode == UNREPORTED:
        _ends(*started)
        raise _lost(*(_failed(started) or (0, UNREPORTED)))
    names = [getattr(signal, name, None) for name in QUIET_ENDS]
    if leader.returncode < 0 and -leader.returncode not in names:
        raise _lost(0, leader.returncode)
    _ends(*started)
    return leader.returncode


def _failed(started: "list[subprocess.Popen[bytes]]") -> tuple[int, int] | None:
    """The rank and the status of one that has failed, other than rank 0: of one that was killed, if there is one."""
    found = [(k, p.returncode) for k, p in enumerate(started) if k and p.poll()]
    return min(found, key=lambda one: (one[1] > 0, one[0]), default=None)


def _ends(*processes: "subprocess.Popen[bytes]", patience: float | None = None) -> bool:
    """Whether processes end in time."""
    until = time.monotonic() + (SECONDS_TO_END if patience is None else patience)
    while time.monotonic() < until:
        if all(process.poll() is not None for process in processes):
            return True
        time.sleep(0.05)
    return False


def _lost(rank: int, status: int) -> EnvironmentFault:
    """The error of a process that has ended without a word."""
    how = f"was killed by {_signal_name(-status)}" if status < 0 else f"ended with status {status}"
    return EnvironmentFault.naming(
        "rank {rank} {how}, so the run has ended",
        "the same command with {resume} continues from the last checkpoint",
        rank=rank,
        how=how,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
