"""Which files of a run's folder are the run's own. Others are never touched."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from charrnn.errors import CheckpointError
from charrnn.runs import BEST, LAST, METRICS

MAIN_FILES = (BEST, LAST, METRICS)
"""The files by which a folder is recognized as a run's."""
OLDER = "step-*.safetensors"
"""The pattern of older checkpoints."""


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, even a broken one."""
    return any((folder / name).is_file() for name in MAIN_FILES)


def own_files(folder: Path) -> Iterator[Path]:
    """The files of a run: checkpoints, metrics, and the older checkpoints that the last one says it has kept."""
    from charrnn.checkpoint import load_summary
    from charrnn.training.run_folder import older_name

    older: list[str] = []
    with contextlib.suppress(CheckpointError):  # a last one that is broken
        older = [older_name(step) for step in load_summary(folder / LAST).metrics.get("kept", ())]
    for name in (*older, *MAIN_FILES):
        if (folder / name).is_file():
            yield folder / name


def size_on_disk(folder: Path) -> int:
    """The bytes of a run's files."""
    paths = [folder / name for name in MAIN_FILES] + list(folder.glob(OLDER))
    return sum(path.stat().st_size for path in paths if path.is_file())


def modified(folder: Path) -> float:
    """The time at which a run was last written to, in seconds since the epoch."""
    return max((folder / n).stat().st_mtime for n in MAIN_FILES if (folder / n).is_file())
