"""Temporary files and folders of dead processes are swept; those that are in use stay."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import NEW, OLD, listing

from charrnn.files import replacing, write_atomically
from charrnn.temporaries import (
    REUSED,
    remove_dead_temporaries,
    remove_stale_temporaries,
    temporary_folder,
    temporary_for,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from charrnn.files import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    print("here", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_beside_a_target_is_swept(path):
    ended = subprocess.run([sys.executable, "-c", KILLED, path, "dies"], check=False)
    assert ended.returncode == -signal.SIGKILL
    left = [name for name in listing(path.parent) if name != path.name]
    assert len(left) == 1
    folder = path.with_name(f".other.tmp-{left[0].rpartition('-')[2]}")
    folder.mkdir()
    write_atomically(path, NEW)
    assert listing(path.parent) == sorted([path.name, folder.name]), "that of another target stays"
    remove_dead_temporaries(path.with_name("other"))
    assert listing(path.parent) == [path.name]


def test_what_a_living_process_writes_is_left_alone(path):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, path, "lives"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as living:
        assert living.stdout.readline() == b"here\n"
        write_atomically(path, NEW)
        assert len(listing(path.parent)) == 2
        living.communicate(b"")
    assert living.returncode == 0
    assert path.read_bytes() == b"half"


def test_what_a_process_of_another_machine_holds_is_left_alone(path):
    fcntl = pytest.importorskip("fcntl")
    held = path.with_name(f".{path.name}.tmp-999999999")  # no process of this machine
    with held.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_atomically(path, NEW)
        assert held.exists()
    write_atomically(path, OLD)
    assert listing(path.parent) == [path.name]


def test_two_writers_with_one_process_number_do_not_share_a_temporary(path):
    """Threads of one process have one number, and so have processes in two containers that share a disk."""
    with replacing(path) as slow:
        slow.write(b"the first")
        write_atomically(path, NEW)
        assert path.read_bytes() == NEW
        slow.write(b" whole")
    assert path.read_bytes() == b"the first whole"
    assert listing(path.parent) == [path.name]


FILLS = """
import os, signal, sys
from pathlib import Path
from charrnn.temporaries import temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder:
    (folder / "a").write_bytes(b"half")
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    print("here", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_swept_when_its_process_was_killed_and_not_before(path):
    command = [sys.executable, "-c", FILLS, path]
    with subprocess.Popen(
        [*command, "lives"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as living:
        assert living.stdout.readline() == b"here\n"
        for left in path.parent.glob(".*.tmp-*"):
            os.utime(left, (0, 0))  # it is locked all the same
        subprocess.run([*command, "dies"], check=False)
        assert len(listing(path.parent)) == 3
        remove_dead_temporaries(path)
        left, other = listing(path.parent)
        assert (left.rpartition("-")[2], other) == (str(living.pid), path.name)
        living.communicate(b"")
    assert listing(path.parent) == [path.name]


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_what_is_old_and_not_locked_was_left_by_an_earlier_process_of_the_number(make, path):
    left = path.with_name(f".{path.name}.tmp-{os.getppid()}")
    make(left)
    remove_stale_temporaries(path.parent)
    assert left.exists()
    then = time.time() - REUSED - 1
    os.utime(left, (then, then))
    remove_stale_temporaries(path.parent, "other*")
    assert left.exists()
    remove_stale_temporaries(path.parent)
    assert not left.exists()


def test_a_link_and_a_pipe_are_never_waited_for_or_followed(path, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").touch()
    (tmp_path / ".a.tmp-999999999").symlink_to("folder")
    os.mkfifo(tmp_path / ".b.tmp-999999999")
    remove_stale_temporaries(tmp_path)
    assert listing(tmp_path / "folder") == ["a"]


def test_a_folder_that_was_renamed_is_kept(path):
    target = path.with_name("made")
    with temporary_folder(target) as folder:
        (folder / "a").touch()
        folder.rename(target)
    assert listing(path.parent) == ["made", path.name]
    temporary_for(target).mkdir()
    with temporary_folder(target) as folder:
        assert listing(folder) == []
