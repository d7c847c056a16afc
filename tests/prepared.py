"""Commands in processes of their own, without waiting until Python has imported torch each time.

Run as a script this is a server: it imports what charrnn imports, and forks a child for each command that is sent to it.
The child has the streams, folder, environment and arguments that came with the command, and runs and ends as
`python -m charrnn` does. What is lost is how modules are imported, and what they read of the environment meanwhile;
how the command line is built of its options; that files are flushed to the disk; and how fast this machine trains is
measured less exactly, in a few steps.
"""

import atexit
import contextlib
import gc
import io
import itertools
import marshal
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

import asking
from asking import HANDED_ON, Asked, connected
from filelock import FileLock

BRIEF = 0.005
"""Seconds to measure a network for, where a test does not depend on what is measured."""


def spare_the_disk() -> None:
    """Let this process flush no file to the disk, which takes long and changes nothing that a process can see."""
    os.fsync = os.fstat  # type: ignore[assignment]


class Server:
    """A server that lives until each process that has one of this folder has closed it, or is gone.

    Args:
        flags: Python's own, such as `-W error`.
        env: the environment to import modules in.
        folder: where processes find the server that they share.
    """

    def __init__(self, flags: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self.address = folder / "socket"
        self.program = folder / "charrnn"
        """Does what `charrnn` does, or `python` with `-c CODE ARGUMENTS`, by this server.

        It hands on the signals that it gets; if it is killed, so is the command. Resource limits, session and
        controlling terminal of the command are the server's.
        """
        with FileLock(folder / "lock"):
            self._held = connected(str(self.address)) or self._started(flags, env)

    def _started(self, flags: Sequence[str], env: Mapping[str, str]) -> socket.socket:
        start = f"{sys.executable} -I -S {asking.__file__} {self.address}"
        self.program.write_text(f'#!/bin/sh\nexec {start} "$@"\n', encoding="utf-8")
        self.program.chmod(0o755)
        self.address.unlink(missing_ok=True)
        held, theirs = socket.socketpair()
        arguments = [sys.executable, *flags, __file__, str(self.address)]
        with theirs:
            files = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)]
            os.posix_spawn(sys.executable, arguments, env, file_actions=files)
        assert held.recv(1) == b"."  # it listens
        return held

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        streams: tuple[int, int, int],
    ) -> int:
        """Run `charrnn ARGUMENTS` on these file descriptors; the exit status, or minus the signal's number."""
        return Asked(str(self.address), arguments, str(cwd), env, streams).status()

    def close(self) -> None:
        """End the server, if no other process has it and no command runs."""
        self._held.close()


# --- the server -------------------------------------------------------------------------------------------------------


def _serve(address: str) -> None:
    """Run commands until no connection is left. This returns in the child that is to run a command."""
    _import_everything(str(Path(address).with_name("charrnn")))
    ended, woken = socket.socketpair()
    woken.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    connected = {socket.socket(fileno=os.dup(0)): 0}
    """The process that runs the command of each connection, or 0 until there is one."""
    next(iter(connected)).sendall(b".")
    while connected:
        for ready in select.select([listening, ended, *connected], [], [])[0]:
            if ready is listening:
                sent, _ = listening.accept()
                connected[sent] = 0
                sent.sendall(b".")
            elif ready is ended:
                ended.recv(4096)
                _answer(connected)
            elif ready in connected and not _is_served(ready, connected):
                for opened in (ended, woken, listening, *connected):
                    opened.close()
                return
    os._exit(0)


def _answer(connected: dict[socket.socket, int]) -> None:
    """Send the status of each command that has ended, and close its connection."""
    with contextlib.suppress(ChildProcessError):  # there is none any more
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = found
            for sent in [sent for sent in connected if connected[sent] == pid]:
                del connected[sent]
                with sent, contextlib.suppress(BrokenPipeError):  # the other end was killed
                    sent.sendall(_packed(os.waitstatus_to_exitcode(status)))


def _is_served(ready: socket.socket, connected: dict[socket.socket, int]) -> bool:
    """Start the command that a connection asks for, or kill it if the other end is gone; False in the new process."""
    request, streams = _request(ready)
    if connected[ready] or not request:
        if connected[ready]:
            os.kill(connected[ready], signal.SIGKILL)
        del connected[ready]
        ready.close()
        return True
    connected[ready] = os.fork()
    if not connected[ready]:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _become(request, streams)
        return False
    for stream in streams:
        os.close(stream)
    with contextlib.suppress(BrokenPipeError):
        ready.sendall(_packed(connected[ready]))
    return True


def _request(sent: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What a connection asks for, or nothing if it is closed."""
    head, streams, *_ = socket.recv_fds(sent, 8, 3)
    with sent.makefile("rb") as file:
        size = int.from_bytes(head, "big")
        body = file.read(size)
    return marshal.loads(body) if head and len(body) == size else {}, streams


def _packed(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


IMPORTED_LATE = (
    "torch._dynamo",  # the first DistributedDataParallel of a process imports it
    "typer._adapters",  # the first option that is read
    "typer._click.decorators",
    "typer.rich_utils",  # the first help
    "filelock",
    "platformdirs",
    "encodings.utf_32_le",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "PIL.ImageDraw",
    "sklearn.linear_model",
    "pyarrow.parquet",
)
"""What a command imports only when it needs it."""


def _import_everything(program: str) -> None:
    """Import modules and build the command line; a sweep starts its runs by this server's program."""
    import importlib
    import pkgutil

    import charrnn

    ours = (module.name for module in pkgutil.walk_packages(charrnn.__path__, "charrnn."))
    for name in (*IMPORTED_LATE, *ours):
        if name != "charrnn.__main__":
            with contextlib.suppress(ImportError):  # an extra that is not installed
                importlib.import_module(name)
    import charrnn.cli.sweep.jobs
    import charrnn.training.measure
    from charrnn import threads
    from charrnn.cli import app

    for verb in (None, *itertools.chain(*app.VERBS.values())):
        for known in app._root(verb).commands.values():
            for parameter in known.params:
                getattr(
                    parameter, "get_runtime_param", bool
                )()  # newer versions of Typer build it at its first value
    app._root(overview=True)
    threads.libraries()
    spare_the_disk()
    charrnn.cli.sweep.jobs.program = lambda: [program]
    charrnn.training.measure.TRIAL_SECONDS = BRIEF
    for finalizer in [*weakref.finalize._registry]:  # type: ignore[attr-defined]
        finalizer.atexit = False  # libraries take nothing apart at the end of each child
    gc.freeze()  # so that children share what was imported


def _become(request: dict[str, Any], streams: Sequence[int]) -> None:
    """Make this process what a new one would be that runs the command."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(
        (os.fsdecode(name), os.fsdecode(value)) for name, value in request["env"].items()
    )
    tempfile.tempdir = None  # it is read of the environment anew
    sys.argv = ["charrnn", *request["arguments"]]
    _give_back_signals(request["ignored"])
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = _reopened(sys.stdin, "rb")
    sys.stdout = sys.__stdout__ = _reopened(sys.stdout, "wb", unbuffered=unbuffered)
    sys.stderr = sys.__stderr__ = _reopened(sys.stderr, "wb", unbuffered=unbuffered)


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
    _, address = sys.argv
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _serve(address)


def _run() -> NoReturn:
    """Run charrnn, or the code after -c, and end without what Python does last: taking torch apart takes long."""
    status: object = 0
    try:
        if sys.argv[1:2] == ["-c"]:
            _, _, code, *arguments = sys.argv
            sys.argv = ["-c", *arguments]
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        else:
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
