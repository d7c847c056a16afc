"""The processes that encode, each behind a thread that hands it one request after another."""

import contextlib
import json
import queue
import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from charrnn.errors import EnvironmentFault
from charrnn.text.encoding.worker import answer

START = (
    "import sys; sys.path[:] = {path!r}; from charrnn.text.encoding.worker import serve; "
    "serve(sys.stdin, sys.stdout)"
)


def answers(
    requests: Sequence[dict[str, Any]], number: int
) -> Generator[dict[str, Any], None, None]:
    """The answers to requests, in order (see `charrnn.text.encoding.worker`).

    Args:
        requests: the requests.
        number: the processes; 1: this one alone.

    Raises:
        EnvironmentFault: a process cannot be started, or has ended.
    """
    if number == 1:
        yield from (_as_sent(answer(_as_sent(request))) for request in requests)
        return
    free: queue.SimpleQueue[subprocess.Popen[str]] = queue.SimpleQueue()
    processes: list[subprocess.Popen[str]] = []
    pool = ThreadPoolExecutor(number)
    try:
        for _ in range(number):
            processes.append(_started())
            free.put(processes[-1])
        yield from pool.map(lambda request: _answered(request, free), requests)
    finally:  # also after Ctrl-C
        for process in processes:
            process.kill()
        pool.shutdown(cancel_futures=True)
        for process in processes:
            process.communicate()


def _as_sent(record: dict[str, Any]) -> dict[str, Any]:
    """A record as it arrives in another process."""
    sent: dict[str, Any] = json.loads(json.dumps(record))
    return sent


def _started() -> "subprocess.Popen[str]":
    line = [sys.executable, "-c", START.format(path=sys.path)]
    try:
        return subprocess.Popen(  # noqa: S603 (this Python, and a line of ours)
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
    except OSError as error:
        raise EnvironmentFault(
            f"cannot start a process that encodes the corpus: {error}"
        ) from error


def _answered(
    request: dict[str, Any], free: "queue.SimpleQueue[subprocess.Popen[str]]"
) -> dict[str, Any]:
    process = free.get()
    assert process.stdin
    assert process.stdout
    line = ""
    try:
        with contextlib.suppress(OSError, ValueError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
    finally:
        free.put(process)  # also a dead one: no request waits for ever
    if not line:
        status = process.wait()
        raise EnvironmentFault(
            f"a process that encodes the corpus ended with status {status}",
            "the memory may be full; the same command goes on from what is done",
        )
    found: dict[str, Any] = json.loads(line)
    return found
