"""Commands of charrnn as processes of their own, several at a time.

A command writes JSON on its standard output, one object a line, and its reports to a log. One whose parent is killed
ends when it next prints, as its output is not read any more.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import charrnn
from charrnn.errors import EnvironmentFault

STEP = '{"event": "step"'
"""How the line of a step begins."""
ERROR = "charrnn: "
"""How the line of an error begins, in a log."""


@dataclass(frozen=True)
class Ended:
    """How a command has ended."""

    status: int
    """Its exit status; below 0: the number of the signal that ended it."""
    result: dict[str, Any] | None
    """The last object that it printed, but for steps."""
    reason: str
    """Why it failed; empty if it did not."""

    @property
    def exit_status(self) -> int:
        """The status by which charrnn reports such an end."""
        return self.status if self.status >= 0 else EnvironmentFault.exit_status


def program() -> list[str]:
    """How a command is started: modules in the working folder are only imported if this charrnn is one of them."""
    is_here = Path(charrnn.__file__).parents[1] == Path.cwd()
    return [sys.executable, *([] if is_here else ["-P"]), "-m", "charrnn"]


class Jobs:
    """Commands that run at present. They can be started from several threads.

    Args:
        threads: the threads of each for matrix products outside torch; None: as the environment says.
        env: further variables of their environment.
    """

    def __init__(self, threads: int | None = None, env: dict[str, str] | None = None) -> None:
        limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS") if threads else ()
        self.env = {**dict.fromkeys(limits, str(threads)), **os.environ, **(env or {})}
        self.steps: dict[str, int] = {}
        """The latest step of each run that is being trained."""
        self._running: dict[int, subprocess.Popen[str]] = {}
        self._signal: int | None = None
        self._lock = threading.Lock()

    @property
    def stopped(self) -> bool:
        """Whether the commands were sent a signal, so that no other is started."""
        return self._signal is not None

    def stop(self, number: int) -> None:
        """Send a signal to all commands, and to those that are just being started."""
        self._signal = number
        for process in [*self._running.values()]:
            with contextlib.suppress(OSError):
                process.send_signal(number)

    def run(self, name: str, arguments: Sequence[str], log: Path) -> Ended:
        """Run a command to its end.

        Args:
            name: the run that it is about.
            arguments: its command line, without the program.
            log: the file to which it appends its reports.
        """
        with log.open("ab") as reports:
            began = reports.tell()
            process = subprocess.Popen(  # noqa: S603 (it is charrnn)
                [*program(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=reports,
                env=self.env,
                text=True,
                encoding="utf-8",
                process_group=0 if os.name == "posix" else None,  # Ctrl-C comes from us, once
            )
        with process:
            self._running[process.pid] = process
            if self._signal is not None:
                process.send_signal(self._signal)
            try:
                result = self._read(name, process)
            finally:
                self.steps.pop(name, None)
                status = process.wait()
                del self._running[process.pid]
        return Ended(status, result, _reason(status, log, began) if status else "")

    def _read(self, name: str, process: "subprocess.Popen[str]") -> dict[str, Any] | None:
        """Follow what a command prints."""
        assert process.stdout
        last = ""
        for line in process.stdout:
            if line.startswith(STEP):
                with contextlib.suppress(ValueError):
                    self.steps[name] = int(line[len(STEP) :].split(":", 2)[1].split(",")[0])
            else:
                last = line
        with contextlib.suppress(ValueError):
            found = json.loads(last)
            return found if isinstance(found, dict) else None
        return None


def _reason(status: int, log: Path, began: int) -> str:
    """Why a command failed: the error in its log, or its last words."""
    with log.open("rb") as reports:
        reports.seek(began)
        lines = [
            line for line in reports.read().decode(errors="replace").splitlines() if line.strip()
        ]
    errors = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]
    if status < 0:
        return f"ended by signal {-status}"
    return (errors or lines or [f"exit status {status}"])[-1].strip()
