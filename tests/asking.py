"""Asking a server of prepared processes to run a command; as a script, ending as that command ends.

The script is started hundreds of times. It imports only what is built into Python: json, socket and the like take four
times as long to import as Python takes to start.
"""

import _signal
import _socket
import marshal
import posix
import sys

HANDED_ON = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGUSR1)
"""The signals that the script hands on to its command."""


def connected(address: str) -> "_socket.socket | None":
    """A connection with the server at an address, if there is one."""
    sent = _socket.socket(_socket.AF_UNIX)
    try:
        sent.connect(address)
        if sent.recv(1) == b".":
            return sent
    except OSError:
        pass
    sent.close()
    return None


class Asked:
    """A command that a server was asked to run; `pid` is its process.

    Args:
        address: of the server.
        arguments: of `charrnn`.
        cwd: the folder to run it in.
        env: its environment.
        streams: the file descriptors of its standard streams.
        ignored: the numbers of the signals that it ignores.
    """

    def __init__(self, address, arguments, cwd, env, streams, ignored=()) -> None:
        request = {"arguments": [*arguments], "cwd": cwd, "env": {**env}, "ignored": [*ignored]}
        body = marshal.dumps(request)
        sent = connected(address)
        assert sent
        self._sent = sent
        rights = b"".join(stream.to_bytes(4, sys.byteorder) for stream in streams)
        ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)]
        sent.sendmsg([len(body).to_bytes(8, "big")], ancillary)
        sent.sendall(body)
        self.pid = self._number()

    def _number(self) -> int:
        return int.from_bytes(self._sent.recv(8), "big", signed=True)

    def status(self) -> int:
        """Wait for the end of the command: its exit status, or minus the signal's number."""
        try:
            return self._number()
        finally:
            self._sent.close()


def main() -> None:
    """End as the command ended that a server ran on our streams."""
    _, address, *arguments = sys.argv
    ignored = [n for n in HANDED_ON if _signal.getsignal(n) == _signal.SIG_IGN]
    _signal.pthread_sigmask(
        _signal.SIG_BLOCK, HANDED_ON
    )  # until there is a process to hand them on to
    asked = Asked(address, arguments, posix.getcwd(), posix.environ, (0, 1, 2), ignored)
    for number in set(HANDED_ON) - set(ignored):
        _signal.signal(number, lambda caught, _: posix.kill(asked.pid, caught))
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, HANDED_ON)
    status = asked.status()
    if status < 0:
        if -status != _signal.SIGKILL:  # which cannot be caught
            _signal.signal(-status, _signal.SIG_DFL)
        posix.kill(posix.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main()
