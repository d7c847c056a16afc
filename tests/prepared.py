"""Commands in processes of their own, without waiting until Python has imported torch each time.

Run as a script this is a server: it imports what charrnn imports, and forks a child for each command that is sent to it.
The child has the streams, folder, environment and arguments that came with the command, and runs and ends as
`python -m charrnn` does. What is lost is how modules are imported, and what they read of the environment meanwhile;
and how fast this machine trains is measured less exactly, in a few steps.
"""

import atexit
import contextlib
import gc
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

BRIEF = 0.005
"""Seconds to measure a network for, where a test does not depend on what is measured."""


class Server:
    """A server that lives until it is closed, or this process ends.

    Args:
        flags: Python's own, such as `-W error`.
        env: the environment to import modules in.
    """

    def __init__(self, flags: Sequence[str], env: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="charrnn-"))
        self.address = self.folder / "socket"
        arguments = [sys.executable, *flags, __file__, str(self.address)]
        self._process = subprocess.Popen(
            arguments, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout
        assert self._process.stdout.read(1) == b"."  # it listens
        self._process.stdout.close()
        self.program = self.folder / "charrnn"
        """Does what `charrnn` does, by this server.

        It hands on the signals that it gets; if it is killed, so is the command. Resource limits, session and
        controlling terminal of the command are the server's.
        """
        start = f"{sys.executable} -I -S {__file__} {self.address}"
        self.program.write_text(f'#!/bin/sh\nexec {start} "$@"\n', encoding="utf-8")
        self.program.chmod(0o755)

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        streams: tuple[int, int, int],
    ) -> int:
        """Run `charrnn ARGUMENTS` on these file descriptors; the exit status, or minus the signal's number."""
        return _Asked(str(self.address), arguments, str(cwd), env, streams).status()

    def close(self) -> None:
        """End the server. Commands that still run are not touched."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        for path in (self.address, self.program):
            path.unlink()
        self.folder.rmdir()


class _Asked:
    """A command that a server was asked to run; `pid` is its process."""

    def __init__(
        self,
        address: str,
        arguments: Sequence[str],
        cwd: str,
        env: Mapping[str, str],
        streams: tuple[int, int, int],
        ignored: Sequence[int] = (),
    ) -> None:
        request = {"arguments": [*arguments], "cwd": cwd, "env": {**env}, "ignored": [*ignored]}
        body = json.dumps(request).encode()
        self._sent = socket.socket(socket.AF_UNIX)
        self._sent.connect(address)
        socket.send_fds(self._sent, [len(body).to_bytes(8, "big")], streams)
        self._sent.sendall(body)
        self.pid = self._number()

    def _number(self) -> int:
        return int.from_bytes(self._sent.recv(8), "big", signed=True)

    def status(self) -> int:
        """Wait for the end of the command: its exit status, or minus the signal's number."""
        with self._sent:
            return self._number()


# --- the server -------------------------------------------------------------------------------------------------------


def _serve(address: str) -> None:
    """Wait for commands until standard input ends. This returns in the child that is to run a command."""
    _import_everything()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        os.write(1, b".")
        os.dup2(2, 1)  # so that whoever reads the answer sees its end
        while listening in select.select([listening, 0], [], [])[0]:
            sent, _ = listening.accept()
            with sent:
                if _is_child_of_child(sent):
                    listening.detach()
                    return
    os._exit(0)


def _import_everything() -> None:
    import importlib
    import pkgutil

    import torch
    import torch._dynamo  # noqa: F401 (the first optimizer of a process imports it)
    import typer._adapters  # (the first option that is read imports it)
    import typer.rich_utils  # noqa: F401 (the first help)

    import charrnn

    for module in pkgutil.walk_packages(charrnn.__path__, "charrnn."):
        if module.name != "charrnn.__main__":
            with contextlib.suppress(ImportError):  # an extra that is not installed
                importlib.import_module(module.name)
    with contextlib.suppress(ImportError):
        import matplotlib.backends.backend_agg  # (the first picture)
        import matplotlib.backends.backend_svg
        import matplotlib.figure  # noqa: F401
    import charrnn.training.measure

    charrnn.training.measure.TRIAL_SECONDS = BRIEF
    for finalizer in [*weakref.finalize._registry]:  # type: ignore[attr-defined]
        finalizer.atexit = False  # libraries take nothing apart at the end of each child
    gc.freeze()  # so that children share what was imported


def _is_child_of_child(sent: socket.socket) -> bool:
    """Whether this process, after two forks, is to run the command; its parent waits for it and answers."""
    if os.fork():
        return False
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        head, streams, *_ = socket.recv_fds(sent, 8, 3)
        body = sent.makefile("rb").read(int.from_bytes(head, "big"))
        child = os.fork()
        if not child:
            _become(json.loads(body), streams)
            return True
        for stream in streams:
            os.close(stream)
        sent.sendall(child.to_bytes(8, "big"))
        ended = threading.Event()
        threading.Thread(target=_kill_if_left, args=(sent, child, ended), daemon=True).start()
        _, status = os.waitpid(child, 0)
        ended.set()
        with contextlib.suppress(BrokenPipeError):  # who asked was killed
            sent.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
    except BaseException:  # noqa: BLE001 (whatever it is, this process must not become another server)
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def _kill_if_left(sent: socket.socket, child: int, ended: threading.Event) -> None:
    """Kill a command, if the program that it runs for is killed."""
    if not sent.recv(1) and not ended.is_set():
        os.kill(child, signal.SIGKILL)


def _become(request: dict[str, Any], streams: Sequence[int]) -> None:
    """Make this process what a new one would be that runs the command."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["charrnn", *request["arguments"]]
    _give_back_signals(request["ignored"])
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = _reopened(sys.stdin, "rb")
    sys.stdout = sys.__stdout__ = _reopened(sys.stdout, "wb", unbuffered=unbuffered)
    sys.stderr = sys.__stderr__ = _reopened(sys.stderr, "wb", unbuffered=unbuffered)


HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""The signals that a program hands on to its command."""


def _give_back_signals(ignored: Sequence[int]) -> None:
    """Leave the signals that end a process to do so, unless whoever started it ignores them."""
    for number in HANDED_ON:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in ignored else usual)


def _reopened(stream: TextIO, mode: str, *, unbuffered: bool = False) -> TextIO:
    """A standard stream as Python would make it for what its file descriptor is now."""
    number = stream.fileno()
    raw = open(number, mode, 0 if unbuffered else -1, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(
        raw,
        stream.encoding,
        stream.errors,
        line_buffering=os.isatty(number) or number == 2,
        write_through=unbuffered,
    )


def _main() -> None:
    address, *arguments = sys.argv[1:]
    if Path(address).exists():
        _run_in_place(address, arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
    _serve(address)


def _run_in_place(address: str, arguments: Sequence[str]) -> NoReturn:
    """End as the command ended that a server ran on our streams."""
    ignored = [n for n in HANDED_ON if signal.getsignal(n) == signal.SIG_IGN]
    signal.pthread_sigmask(
        signal.SIG_BLOCK, HANDED_ON
    )  # until there is a process to hand them on to
    asked = _Asked(address, arguments, str(Path.cwd()), os.environ, (0, 1, 2), ignored)
    for number in set(HANDED_ON) - set(ignored):
        signal.signal(number, lambda caught, _: os.kill(asked.pid, caught))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDED_ON)
    status = asked.status()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def _run() -> NoReturn:
    """Run charrnn and end, but for what Python does last: to take torch apart takes longer than most commands."""
    status: object = 0
    try:
        runpy.run_module("charrnn", run_name="__main__", alter_sys=True)
    except SystemExit as leaving:
        status = leaving.code
    except BaseException:  # noqa: BLE001 (the traceback of a defect, as Python would print it)
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    assert isinstance(status, int)
    os._exit(status)


if __name__ == "__main__":
    _main()
    _run()  # only a child that is to run a command gets here
