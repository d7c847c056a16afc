"""A path holds the old content or the new, whole; a folder belongs to one process."""

import errno
import os
import platform
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from helpers import NEW, OLD, listing

from charrnn.errors import BusyError, EnvironmentFault, UsageError
from charrnn.files import (
    keep_lock,
    locked,
    make_writable_folder,
    write_atomically,
)


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """The system calls of a writing, in order: "open file", "fsync folder" and so on."""
    made = []

    def watch(name, describe):
        call = getattr(os, name)

        def watched(*arguments, **options):
            made.append(f"{name} {describe(arguments[0])}".strip())
            return call(*arguments, **options)

        monkeypatch.setattr(os, name, watched)

    watch("open", lambda path: "folder" if path.is_dir() else "file")
    watch("fsync", lambda at: "folder" if stat.S_ISDIR(os.fstat(at).st_mode) else "file")
    watch("replace", lambda _: "")
    return made


def fail(monkeypatch, name: str, turn: int, number: int) -> None:
    """Let the call number `turn` of os.`name` raise an OSError, and only that one."""
    call, left = getattr(os, name), [turn]

    def failing(*arguments, **options):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(number, os.strerror(number))
        return call(*arguments, **options)

    monkeypatch.setattr(os, name, failing)


# --- write_atomically ---


def test_the_new_content_replaces_the_old(path):
    write_atomically(path, NEW)
    assert path.read_bytes() == NEW
    assert listing(path.parent) == [path.name]


def test_fault_02_bytes_are_on_disk_before_the_name_and_the_name_before_the_return(path, calls):
    write_atomically(path, NEW)
    assert calls == ["open file", "fsync file", "replace", "open folder", "fsync folder"]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EXDEV])
@pytest.mark.parametrize(
    "call",
    [("open", 1, OLD), ("fsync", 1, OLD), ("replace", 1, OLD), ("open", 2, NEW), ("fsync", 2, NEW)],
    ids=lambda call: f"{call[0]} {call[1]}",
)
def test_fault_03_a_failing_call_leaves_one_whole_content_and_no_temporary(
    call, number, path, monkeypatch
):
    name, turn, left = call
    fail(monkeypatch, name, turn, number)
    with pytest.raises(EnvironmentFault) as caught:
        write_atomically(path, NEW)
    assert caught.value.message == f"cannot write {path}: {os.strerror(number)}"
    assert ("make room" in caught.value.hint) == (number in {errno.ENOSPC, errno.EDQUOT})
    assert path.read_bytes() == left
    assert listing(path.parent) == [path.name]
    write_atomically(path, NEW)
    assert path.read_bytes() == NEW


def test_fault_06_a_file_larger_than_the_system_allows_leaves_the_old_one(path, wording):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with wording.raises(EnvironmentFault):
            write_atomically(path, b"n" * 3000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == OLD
    assert listing(path.parent) == [path.name]


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_an_interruption_leaves_the_old_content_and_no_temporary(name, path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, NEW)
    assert path.read_bytes() == OLD
    assert listing(path.parent) == [path.name]


def test_a_temporary_of_a_dead_process_with_our_number_is_no_hindrance(path):
    stale = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    stale.write_bytes(b"half")
    write_atomically(path, NEW)
    assert path.read_bytes() == NEW
    assert not stale.exists()


def test_fault_12_a_link_stays_and_its_target_is_replaced(path, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = folder / "link"
    link.symlink_to(path)
    write_atomically(link, NEW)
    assert link.readlink() == path
    assert path.read_bytes() == NEW
    assert listing(folder) == ["link"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604])
def test_fault_15_the_mode_of_the_replaced_file_is_kept(mode, path):
    path.chmod(mode)
    write_atomically(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_fault_15_a_new_file_obeys_the_umask(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "fresh", NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == mode


@pytest.mark.parametrize("name", ["folder", "missing/file", "loop", "n" * 300])
def test_a_place_that_cannot_be_written_is_named(name, tmp_path, wording):
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with wording.raises(EnvironmentFault):
        write_atomically(tmp_path / name, NEW)
    assert listing(tmp_path) == ["folder", "loop"]


# --- locked ---

HOLDER = """
import sys
import threading
from pathlib import Path
from charrnn.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path` until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_told_who_holds_the_run(tmp_path, holder, wording):
    with wording.raises(BusyError), locked(tmp_path):
        pytest.fail("two processes hold the same run")
    assert (tmp_path / ".lock-owner").read_text() == f"{holder.pid} {platform.node()}"


def test_fault_16_the_lock_dies_with_a_killed_process(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(tmp_path):
        assert (tmp_path / ".lock-owner").read_text() == f"{os.getpid()} {platform.node()}"


def test_the_lock_is_given_back_at_the_end(tmp_path, holder):
    holder.communicate(b"")
    assert holder.returncode == 0
    with locked(tmp_path):
        pass
    assert not (tmp_path / ".lock-owner").exists()


def test_the_lock_is_given_back_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path):
        pass


def test_an_error_of_the_holder_is_not_taken_for_one_of_the_lock(tmp_path):
    with pytest.raises(FileNotFoundError), locked(tmp_path):
        raise FileNotFoundError


@pytest.mark.parametrize("owner", [None, ""])
def test_a_holder_that_left_no_number_is_another_process(owner, tmp_path, holder, wording):
    (tmp_path / ".lock-owner").unlink()
    if owner is not None:
        (tmp_path / ".lock-owner").write_text(owner)
    with wording.raises(BusyError), locked(tmp_path):
        pass


def test_a_lock_of_another_machine_names_it_and_what_to_do_if_that_is_gone(
    tmp_path, holder, wording
):
    """Its lock may outlive it, until the server of the disk notices; a removed file is no longer locked."""
    (tmp_path / ".lock-owner").write_text("12 node7")
    with wording.raises(BusyError), locked(tmp_path):
        pass
    (tmp_path / ".lock").unlink()
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_flushed_by_itself_takes_files(path, monkeypatch):
    """As on some file systems of a network, or of a bucket."""
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomically(path, NEW)
    assert path.read_bytes() == NEW


def test_a_full_disk_does_not_keep_the_lock_from_being_held(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "write_text", full)
    with locked(tmp_path), pytest.raises(BusyError), locked(tmp_path):
        pass


def test_a_lock_that_cannot_be_made_is_an_environment_fault(path, wording):
    with wording.raises(EnvironmentFault), locked(path):
        pass


def test_the_holder_of_a_folder_sweeps_the_temporaries_of_dead_processes(tmp_path):
    kept = [".lock", ".hidden", "a.tmp-999999999", "last.safetensors", f".x.tmp-{os.getppid()}"]
    for name in [*kept, ".last.safetensors.tmp-999999999", ".probe.tmp-999999998"]:
        (tmp_path / name).write_bytes(OLD)
    with locked(tmp_path):
        assert listing(tmp_path) == sorted([*kept, ".lock-owner"])


# --- make_writable_folder ---


def test_a_folder_is_made_with_its_parents_and_left_empty(tmp_path):
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        make_writable_folder(folder)
        assert listing(folder) == []


@pytest.mark.parametrize("name", ["file", "file/inside", "dangling", "loop"])
def test_what_is_no_folder_is_a_mistake_of_use(name, tmp_path, wording):
    (tmp_path / "file").write_bytes(OLD)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    with wording.raises(UsageError):
        make_writable_folder(tmp_path / name)
    assert (tmp_path / "file").read_bytes() == OLD


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
@pytest.mark.parametrize("method", ["mkdir", "write_bytes"])
def test_a_folder_that_cannot_be_written_is_an_environment_fault(
    method, number, tmp_path, monkeypatch
):
    def failing(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, method, failing)
    with pytest.raises(EnvironmentFault) as caught:
        make_writable_folder(tmp_path)
    assert caught.value.message == f"cannot write to {tmp_path}: {os.strerror(number)}"
    assert "choose another" in caught.value.hint


def test_a_probe_that_the_lock_holder_swept_away_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "write_bytes", lambda *_: None)
    make_writable_folder(tmp_path)


def test_what_is_no_regular_file_is_never_replaced(tmp_path, wording):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with wording.raises(EnvironmentFault):
        write_atomically(pipe, b"new")
    assert pipe.is_fifo()


# --- a folder that is removed while it is held ---

HOLDS = """
import sys
import threading
from pathlib import Path
from charrnn.files import locked, make_writable_folder
make_writable_folder(Path(sys.argv[1]))
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def another_holder(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDS, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_a_folder_that_was_removed_is_locked_again(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with locked(folder):
        shutil.rmtree(folder)
        keep_lock(folder)
        with another_holder(folder) as other:
            assert other.communicate(b"")[0] == b""
        assert other.returncode == 1
    with another_holder(folder) as other:
        assert other.communicate(b"")[0] == b"held\n"


def test_a_folder_that_another_process_has_made_anew_is_left_to_it(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with locked(folder):
        shutil.rmtree(folder)
        with another_holder(folder) as other:
            assert other.stdout.readline() == b"held\n"
            with pytest.raises(BusyError):
                keep_lock(folder)
            assert (folder / ".lock-owner").read_text() == f"{other.pid} {platform.node()}"
            other.communicate(b"")


@pytest.mark.parametrize("mode", [0o444, 0o400, 0o555])
def test_a_write_protected_file_is_not_replaced(path, mode):
    path.chmod(mode)
    with pytest.raises(EnvironmentFault):
        write_atomically(path, NEW)
    assert path.read_bytes() == OLD
    assert listing(path.parent) == [path.name]


def test_a_lock_may_be_given_back_by_another_thread(tmp_path):
    held = locked(tmp_path)
    held.__enter__()
    thread = threading.Thread(target=held.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    with locked(tmp_path):
        pass
