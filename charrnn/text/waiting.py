"""Waiting for the bytes of a stream, which a signal ends whenever it comes.

Python calls the handler of a signal between two steps of its own. A read that begins just after the signal, before the
handler was called, would wait for the stream's next bytes all the same.
"""

import select
import sys
from collections.abc import Callable
from typing import IO, Any, BinaryIO

PATIENCE = 200
"""Milliseconds after which a signal is noticed that came just before the waiting."""


def reading(stream: BinaryIO | IO[bytes], size: int) -> Callable[[], bytes]:
    """A function that waits for a stream, and returns what is there, empty at its end.

    Args:
        stream: the stream; nothing else reads it.
        size: the maximum bytes that are read at once, more than the stream itself reads ahead.
    """
    poll = _poll_of(stream)
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)

    def next_bytes() -> bytes:
        while poll and not poll.poll(PATIENCE):
            pass
        return read(size)

    return next_bytes


def _poll_of(stream: BinaryIO | IO[bytes]) -> Any:
    """What tells whether a read would wait; None where that cannot be told."""
    if sys.platform == "win32":
        return None
    try:
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLIN)
    except (AttributeError, OSError):  # a stream that is no file
        return None
    return poll
