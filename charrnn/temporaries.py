"""Temporary files and folders, beside what they are for, and the removal of those that dead processes have left.

The one for NAME is called `.NAME.tmp-RANDOM-PROCESS` and is locked while it is filled, so that its name, its lock and
its age tell whether it is still in use: by a process of this machine, or of another one that shares the disk. The random
part tells apart those of processes in two containers, which can have the same number, and those of threads.
"""

import contextlib
import glob
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

REUSED = 600.0
"""Seconds since its last change after which one that is not locked belongs to an earlier process of its number."""


def temporary_for(target: Path) -> Path:
    """A path for a temporary file or folder of this process for a target, a new one at each call."""
    return target.with_name(f".{target.name}.tmp-{os.urandom(3).hex()}-{os.getpid()}")


def create(path: Path) -> IO[bytes]:
    """A new temporary file, locked until it is closed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    _holds(descriptor)
    return os.fdopen(descriptor, "wb")


@contextlib.contextmanager
def temporary_folder(target: Path, mode: int = 0o777) -> Iterator[Path]:
    """A new folder for a target, locked, and removed in the end if it is still there under its name.

    Args:
        target: what it is for; dead processes' folders for it are removed first.
        mode: its permissions, as for `Path.mkdir`.

    Raises:
        OSError: it cannot be made.
    """
    remove_dead_temporaries(target)
    folder = temporary_for(target)
    folder.mkdir(mode)
    descriptor = None if sys.platform == "win32" else os.open(folder, os.O_RDONLY)
    try:
        if descriptor is not None:
            _holds(descriptor)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def remove_dead_temporaries(target: Path) -> None:
    """Remove the temporary files and folders that dead processes have left beside the target that they were for."""
    remove_stale_temporaries(target.parent, glob.escape(target.name))


def remove_stale_temporaries(folder: Path, names: str = "*") -> None:
    """Remove the temporary files and folders that dead processes have left in a folder.

    Args:
        folder: the folder.
        names: a pattern of the names of what they were for.
    """
    for path in folder.glob(f".{names}.tmp-*"):
        with contextlib.suppress(OSError):
            if _is_stale(path):
                (shutil.rmtree if path.is_dir() else os.unlink)(path)


def _is_stale(path: Path) -> bool:
    number = path.name.rpartition("-")[2]
    if not (number.isascii() and number.isdecimal()) or _in_use(path):
        return False
    return _is_dead(int(number)) or time.time() - path.lstat().st_mtime > REUSED


def _is_dead(process: int) -> bool:
    """Whether no other process of this machine has the number; never where that cannot be asked."""
    if process == os.getpid():  # what this one fills is locked, and was not asked about
        return True
    if os.name != "posix":  # os.kill would end it
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False


def _in_use(path: Path) -> bool:
    """Whether a process of any machine holds the file or folder."""
    if sys.platform == "win32":  # where an open file cannot be removed anyway
        return path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return True
    try:
        return not _holds(descriptor)
    finally:
        os.close(descriptor)


def _holds(descriptor: int) -> bool:
    """Lock an open file for this process, if no other holds it."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
