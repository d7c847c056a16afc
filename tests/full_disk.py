"""A disk that is full, beside which a text lies: `python full_disk.py DISK TEXT`, in a process of its own.

What is written there is the old file or the new one, whole, and nothing else is left; each fault is one line.
"""

import shutil
import sys
from pathlib import Path

import pytest
from exact_models import network
from helpers import listing
from writers import WRITERS, encoded

from charrnn.errors import EnvironmentFault

FEW = 2000
"""Bytes that are left of it."""


def fill(disk: Path) -> Path:
    """Leave little room on a disk."""
    filler = disk / "filler"
    filler.touch()
    with filler.open("wb", buffering=0) as file:
        while (free := shutil.disk_usage(disk).free) > FEW:
            file.write(bytes(min(free - FEW // 2, 1 << 20)))
    return filler


def require_kept(disk: Path) -> None:
    """Each file stays as it was if there is no room for another in its place."""
    model = network("lstm", hidden=8)
    for name, write in WRITERS.items():
        path = disk / name
        write(path, model)
        whole, filler = path.read_bytes(), fill(disk)
        with pytest.raises(EnvironmentFault, match="No space left on device") as caught:
            write(path, model)
        assert "\n" not in caught.value.message
        assert path.read_bytes() == whole
        assert listing(disk) == sorted(["filler", name])
        filler.unlink()
        path.unlink()


def require_encoded(disk: Path, text: Path) -> None:
    """A text is encoded when there is room, whatever was begun before; nothing announces that there is none."""
    whole, cache = encoded(text, text.with_suffix("")), disk / "cache"
    usage = shutil.disk_usage(text.parent)
    for size in (0, 300_000, 1_500_000):
        filler = fill(disk)
        with filler.open("r+b") as file:
            file.truncate(filler.stat().st_size - size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _: usage)
            with pytest.raises(EnvironmentFault) as caught:
                encoded(text, cache)
        assert "\n" not in caught.value.message
        filler.unlink()
    assert encoded(text, cache) == whole


if __name__ == "__main__":
    require_kept(Path(sys.argv[1]))
    require_encoded(Path(sys.argv[1]), Path(sys.argv[2]))
