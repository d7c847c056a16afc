"""A disk that fails: the N-th call to it, once or from then on; and one that loses what was not flushed.

Everything that charrnn keeps goes through `charrnn.files`, which opens, writes, flushes and renames by the calls that
are watched here.
"""

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Calls:
    """Watches the calls that reach the disk below a folder: open, write, fsync, replace.

    Args:
        patch: takes the watching back at its end.
        folder: calls elsewhere are none of its business.
        before: called with the name of each call, the number of the call (from 1), and what it is about: a path, or a
            descriptor.
    """

    def __init__(
        self, patch: pytest.MonkeyPatch, folder: Path, before: Callable[[str, int, Any], None]
    ) -> None:
        self.number = 0
        self._folder, self._before = str(folder), before
        self._ours: dict[int, str] = {}
        patch.setattr(os, "open", self._open(os.open))
        patch.setattr(os, "fsync", self._of_descriptor("fsync", os.fsync))
        patch.setattr(os, "replace", self._replace(os.replace))
        patch.setattr(os, "fdopen", self._fdopen(os.fdopen))

    def note(self, name: str, about: Any) -> None:
        """One more call."""
        self.number += 1
        self._before(name, self.number, about)

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, (str, os.PathLike)) and str(path).startswith(self._folder)

    def _open(self, real: Callable[..., int]) -> Callable[..., int]:
        def watched(path: Any, flags: int, *more: Any, **options: Any) -> int:
            if self._is_ours(path):
                self.note("open", path)
            made = real(path, flags, *more, **options)
            if self._is_ours(path):
                self._ours[made] = str(path)
            return made

        return watched

    def _of_descriptor(self, name: str, real: Callable[..., None]) -> Callable[..., None]:
        def watched(descriptor: int) -> None:
            if descriptor in self._ours:
                self.note(name, descriptor)
            real(descriptor)

        return watched

    def _replace(self, real: Callable[..., None]) -> Callable[..., None]:
        def watched(old: Any, new: Any, **options: Any) -> None:
            if self._is_ours(new):
                self.note("replace", (old, new))
            real(old, new, **options)

        return watched

    def _fdopen(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def watched(descriptor: int, mode: str = "r", *more: Any, **options: Any) -> Any:
            if descriptor in self._ours and mode == "wb":
                return _Watched(descriptor, self)
            return real(descriptor, mode, *more, **options)

        return watched


class _Watched(io.BufferedWriter):
    """A file whose writing is watched."""

    def __init__(self, descriptor: int, calls: Calls) -> None:
        super().__init__(io.FileIO(descriptor, "wb"))
        self._calls, self._descriptor = calls, descriptor

    def write(self, content: Any) -> int:
        self._calls.note("write", self._descriptor)
        return super().write(content)


def failing(turn: int, error: int, *, lasting: bool) -> Callable[[str, int, Any], None]:
    """Lets the call of a number fail with this error; with `lasting` all that follow too."""

    def before(_name: str, number: int, _about: Any) -> None:
        if number == turn or (lasting and number > turn):
            raise OSError(error, os.strerror(error))

    return before


class PowerCut(BaseException):
    """The machine has no power from here on."""


class LosingDisk:
    """What a folder holds after a power cut before the call of a number: only what was flushed by then.

    A file has the bytes that it had when it was last flushed, and a name leads to the file that it led to when its
    folder was.
    """

    def __init__(self, folder: Path, turn: int | None) -> None:
        self._folder, self._turn = folder, turn
        self._bytes: dict[int, bytes] = {}
        self._names: dict[str, int] = {}
        for path in folder.iterdir():
            self._bytes[path.stat().st_ino] = path.read_bytes()
        self._note_names()
        self.cut = False

    def before(self, name: str, number: int, about: Any) -> None:
        if number == self._turn or self.cut:
            self.cut = True
            raise PowerCut
        if name != "fsync":
            return
        seen = os.fstat(about)
        if stat.S_ISDIR(seen.st_mode):
            self._note_names()
        else:
            self._bytes[seen.st_ino] = Path(f"/proc/self/fd/{about}").read_bytes()

    def _note_names(self) -> None:
        self._names = {path.name: path.stat().st_ino for path in self._folder.iterdir()}

    def content(self, name: str) -> bytes | None:
        """What the file of a name holds when the power is back; None: there is no such file."""
        node = self._names.get(name)
        return None if node is None else self._bytes.get(node, b"")
