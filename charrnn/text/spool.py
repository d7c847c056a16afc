"""A stream that can be read only once, kept as far as it was read, so that it can be read from its start again.

It is read when its bytes are wanted and no sooner: where the reading stops, at `max_chars` or at a first piece that is
no text, the rest stays in the stream. What is kept lies in memory or, if large, in a temporary file without a name,
which ends with the process however that ends.
"""

import contextlib
import io
import shutil
import tempfile
import weakref
from typing import IO, BinaryIO, NoReturn, cast

from charrnn.errors import EnvironmentFault
from charrnn.text.waiting import reading

FIRST = 1 << 10
"""Bytes that are read at first, unless the stream ends before: enough to see what it is."""
PIECE = 1 << 20
"""Maximum bytes that are read at once."""
MAX_IN_MEMORY = 1 << 26
"""Bytes above which they are kept in a file."""
MARGIN = 1 << 30
"""Bytes of the disk that stay free; of a small one the twentieth part."""


class Spool:
    """The bytes of a stream so far.

    Args:
        stream: the stream.
        name: its name in messages.
        owned: whether it is closed with the spool.
    """

    def __init__(self, stream: BinaryIO | IO[bytes], name: str, *, owned: bool) -> None:
        self._name, self._size, self._ended = name, 0, False
        self._next = reading(stream, PIECE)
        self._kept = tempfile.SpooledTemporaryFile[bytes](max_size=MAX_IN_MEMORY)
        weakref.finalize(self, _close, cast("IO[bytes]", self._kept), stream if owned else None)

    def open(self) -> IO[bytes]:
        """A file that begins at the start of the stream."""
        return cast("IO[bytes]", _View(self))

    def read_at(self, at: int, size: int) -> bytes:
        """Bytes from a place on, at least one unless the stream ends there.

        Raises:
            EnvironmentFault: there is no room for what is read.
            OSError: the stream cannot be read.
        """
        if at == self._size and not self._ended:
            self._read_on()
        self._kept.seek(at)
        return self._kept.read(size)

    def _read_on(self) -> None:
        goal = max(FIRST, self._size + 1)
        while self._size < goal and (piece := self._next()):
            self._keep(piece)
        self._ended = self._size < goal

    def _keep(self, piece: bytes) -> None:
        size = self._size + len(piece)
        try:
            if size > MAX_IN_MEMORY:
                self._require_room(size, len(piece) if self._size > MAX_IN_MEMORY else size)
            self._kept.seek(self._size)
            self._kept.write(piece)
            self._kept.flush()
        except OSError as error:
            self._refuse(size, error.strerror or str(error))
        self._size = size

    def _require_room(self, size: int, need: int) -> None:
        disk = shutil.disk_usage(tempfile.gettempdir())
        if disk.free < need + min(MARGIN, disk.total // 20):
            self._refuse(size, f"{disk.free:,} bytes are free")

    def _refuse(self, size: int, reason: str) -> NoReturn:
        folder = tempfile.tempdir or "the temporary folder"
        raise EnvironmentFault(
            f"{self._name} goes on after {size:,} bytes, and there is no room to keep more in {folder}: {reason}",
            "pipe in only a part of it (head -c), give a file instead, or set TMPDIR to a larger disk",
        )


def _close(kept: IO[bytes], stream: IO[bytes] | None) -> None:
    with contextlib.suppress(OSError):  # what could not be written cannot be flushed either
        kept.close()
    if stream:
        stream.close()


class _View(io.RawIOBase):
    """A file that reads a spool from its start; closing it leaves the spool open."""

    def __init__(self, spool: Spool) -> None:
        self._spool, self._at = spool, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(PIECE), b""))
        piece = self._spool.read_at(self._at, size)
        self._at += len(piece)
        return piece

    def tell(self) -> int:
        return self._at
