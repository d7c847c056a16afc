"""Which files of a run's folder are the run's own. Others are never touched."""

from collections.abc import Iterator
from pathlib import Path

from charrnn.runs import MAIN_FILES, RUN_FILES

OLDER = "step-*.safetensors"
"""The pattern of older checkpoints."""


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, even a broken one."""
    return any((folder / name).is_file() for name in MAIN_FILES)


def own_files(folder: Path) -> Iterator[Path]:
    """The files of a run: checkpoints, metrics, baselines, and the older ones that the last one says it has kept."""
    from charrnn.training.run_folder import files_of_run

    yield from (path for path in files_of_run(folder) if path.is_file())


def size_on_disk(folder: Path) -> int:
    """The bytes of a run's files."""
    paths = [folder / name for name in RUN_FILES] + list(folder.glob(OLDER))
    return sum(path.stat().st_size for path in paths if path.is_file())


def modified(folder: Path) -> float:
    """The time at which a run was last written to, in seconds since the epoch."""
    return max((folder / n).stat().st_mtime for n in MAIN_FILES if (folder / n).is_file())
