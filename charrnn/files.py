"""Atomic writing, so that a path always holds the complete old content or the complete new one; and locks on folders.

Every checkpoint, record and dump goes through `replacing`, so that this is the one place to test against a full disk.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

from charrnn.errors import BusyError, EnvironmentFault, SettingError
from charrnn.temporaries import (
    create,
    remove_dead_temporaries,
    remove_stale_temporaries,
    temporary_for,
)

LOCK, OWNER = ".lock", ".lock-owner"
"""The file of a folder that a process locks, and the one that tells others which process that is."""


def environment_fault(action: str, path: Path, error: OSError) -> EnvironmentFault:
    """The EnvironmentFault for an OSError: "cannot ACTION PATH: REASON", with a hint where one helps."""
    hints = {
        errno.EACCES: "choose another folder",
        errno.EROFS: "choose another folder",
        errno.ENOSPC: "make room, or choose another disk",
        errno.EDQUOT: "make room, or choose another disk",
    }
    reason = error.strerror or str(error)
    return EnvironmentFault(f"cannot {action} {path}: {reason}", hints.get(error.errno or 0, ""))


def write_atomically(path: Path, *content: bytes | memoryview) -> None:
    """Replace the file at `path` by the parts of a content, or leave it as it was; see `replacing`."""
    with replacing(path) as file:
        for part in content:
            file.write(part)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of the one at `path` when the block ends without an error.

    The bytes go to a temporary file in the same folder, which is flushed to disk and then renamed; at last the folder is
    flushed. A link is followed, and the mode of a file that is replaced is kept.

    Raises:
        EnvironmentFault: the disk is full, the folder cannot be written, or the like; the old file is intact.
    """
    target = Path(os.path.realpath(path))  # resolve() raises RuntimeError for a link to itself
    temporary = temporary_for(target)
    try:
        mode = _mode_of(target)
        remove_dead_temporaries(target)
        with create(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        os.replace(temporary, target)  # noqa: PTH105 (tests put a failing one in its place)
        _flush_folder(target.parent)
    except OSError as error:
        raise environment_fault("write", path, error) from error
    finally:  # also after Ctrl-C
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def give_second_name(path: Path, second: Path) -> None:
    """Make `second`, in the same folder, hold the present content of `path`, whatever replaces that later.

    It becomes a hard link, or a copy if there are none; an existing file is replaced.

    Raises:
        EnvironmentFault: neither can be made.
    """
    temporary = temporary_for(second)
    try:
        os.link(os.path.realpath(path), temporary)
        os.replace(temporary, second)  # noqa: PTH105 (tests put a failing one in its place)
    except OSError:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise environment_fault("read", path, error) from error
        write_atomically(second, content)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _mode_of(path: Path) -> int | None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if not mode & stat.S_IWUSR or not os.access(path, os.W_OK):  # renaming asks only the folder
        raise PermissionError(errno.EACCES, "it is write-protected")
    if not stat.S_ISREG(mode):  # renaming onto /dev/null would replace it for all users
        raise OSError(errno.EINVAL, "it is not a regular file")
    return stat.S_IMODE(mode)


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):  # it has no such call
            raise
    finally:
        os.close(descriptor)


def make_writable_folder(folder: Path) -> None:
    """Make `folder`, and check that it can be written.

    Raises:
        UsageError: the path is not a folder.
        EnvironmentFault: it cannot be made or written.
    """
    probe = temporary_for(folder / "probe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)  # the holder of the folder's lock may have removed it
    except (FileExistsError, NotADirectoryError) as error:
        raise SettingError.naming(
            "{folder} is not a folder", "choose another with {out} or {name}", folder=folder
        ) from error
    except OSError as error:
        raise environment_fault("write to", folder, error) from error


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; the lock dies with the process.

    Raises:
        BusyError: another process holds it.
        EnvironmentFault: the lock cannot be made.
    """
    lock, place = _Lock(folder), folder.absolute()
    lock.take()
    _locks[place] = lock
    try:
        remove_stale_temporaries(folder)
        yield
    finally:
        del _locks[place]  # of then: the working folder may have changed
        lock.give_back()


def require_idle(folder: Path) -> None:
    """Raise BusyError if another process holds a folder."""
    if folder.absolute() in _locks or not (folder / LOCK).exists():
        return
    lock = _Lock(folder)
    with contextlib.suppress(EnvironmentFault):  # whoever is to write in it will say so
        lock.take()
        lock.give_back()


def remove_lock(folder: Path) -> None:
    """Remove the files of the lock that this process holds on a folder, wherever that is now.

    It stays held until it is released; on Windows an open file stays until then, too.
    """
    for name in (OWNER, LOCK):
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def keep_lock(folder: Path) -> None:
    """Lock a folder again that this process has locked, if it has been removed or replaced since.

    Raises:
        BusyError: another process holds what is there now.
        EnvironmentFault: the folder cannot be made or locked.
    """
    make_writable_folder(folder)
    lock = _locks.get(folder.absolute())
    if lock and not lock.is_in_place():
        lock.give_back()
        lock.take()


class _Lock:
    """The lock of a folder."""

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock

        self.folder, self.path, self.owner = folder, folder / LOCK, folder / OWNER
        self._lock = FileLock(
            self.path, timeout=0, thread_local=False
        )  # any thread may give it back
        self._place: tuple[int, int] | None = None
        """The device and inode of the file when it was locked."""

    def take(self) -> None:
        """Lock it."""
        from filelock import Timeout

        try:
            self._lock.acquire()
        except Timeout:
            _raise_busy(self.folder, self.owner)
        except OSError as error:
            raise environment_fault("lock", self.folder, error) from error
        self._place = self._present()
        with contextlib.suppress(OSError):  # it only tells other processes who holds the lock
            self.owner.write_text(f"{os.getpid()} {_machine()}", encoding="utf-8")

    def is_in_place(self) -> bool:
        """Whether the file that was locked is still the one in the folder."""
        return self._present() == self._place

    def give_back(self) -> None:
        """Unlock it."""
        if self.is_in_place():  # else the other file is another process's
            with contextlib.suppress(OSError):
                self.owner.unlink(missing_ok=True)
        self._lock.release()

    def _present(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


_locks: dict[Path, _Lock] = {}
"""The folders that this process has locked."""


def _machine() -> str:
    """The name of this machine in its network."""
    import platform

    return platform.node()


def _raise_busy(folder: Path, owner: Path) -> NoReturn:
    try:
        number, _, machine = owner.read_text(encoding="utf-8", errors="replace").partition(" ")
    except OSError:
        number = machine = ""
    holder = f"process {number}" if number else "another process"
    hint = "choose another {name}"
    if (
        machine and machine != _machine()
    ):  # its lock outlives it if its disk does not notice its end
        holder += f" on {machine}"
        hint += "; or, if {machine} no longer runs it, remove {lock}"
    raise BusyError.naming(
        "{folder} is in use by {holder}",
        hint,
        folder=folder,
        holder=holder,
        machine=machine,
        lock=folder / LOCK,
    )
