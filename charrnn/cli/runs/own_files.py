"""Which files of a run's folder are the run's own. Others are never touched."""

from collections.abc import Iterator
from pathlib import Path

from charrnn.runs import BASELINES, BEST, LAST, METRICS

MAIN_FILES = (BEST, LAST, METRICS)
"""The files by which a folder is recognized as a run's."""
RUN_FILES = (*MAIN_FILES, BASELINES)
"""These, and what can be missing."""
OLDER = "step-*.safetensors"
"""The pattern of older checkpoints."""


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, even a broken one."""
    return any((folder / name).is_file() for name in MAIN_FILES)


def own_files(folder: Path) -> Iterator[Path]:
    """The files of a run: checkpoints, metrics, baselines, and the older ones that the last one says it has kept."""
    from charrnn.training.run_folder import kept_files

    everything = (*kept_files(folder), *(folder / name for name in RUN_FILES))
    yield from (path for path in everything if path.is_file())


def size_on_disk(folder: Path) -> int:
    """The bytes of a run's files."""
    paths = [folder / name for name in RUN_FILES] + list(folder.glob(OLDER))
    return sum(path.stat().st_size for path in paths if path.is_file())


def modified(folder: Path) -> float:
    """The time at which a run was last written to, in seconds since the epoch."""
    return max((folder / n).stat().st_mtime for n in MAIN_FILES if (folder / n).is_file())
