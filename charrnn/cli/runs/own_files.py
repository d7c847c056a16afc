"""Which files of a run's folder are the run's own. Others are never touched.

Another process may remove or rename the run at any moment, so that a file can be gone when it is asked about.
"""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from charrnn.runs import MAIN_FILES, RUN_FILES

OLDER = "step-*.safetensors"
"""The pattern of older checkpoints."""


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, even a broken one."""
    return any(True for _ in _found(folder / name for name in MAIN_FILES))


def own_files(folder: Path) -> Iterator[Path]:
    """The files of a run: checkpoints, metrics, baselines, and the older ones that the last one says it has kept."""
    from charrnn.training.run_folder import files_of_run

    yield from (path for path in files_of_run(folder) if path.is_file())


def size_on_disk(folder: Path) -> int:
    """The bytes of a run's files."""
    paths = [folder / name for name in RUN_FILES] + list(folder.glob(OLDER))
    return sum(found.st_size for found in _found(paths))


def modified(folder: Path) -> float:
    """The time at which a run was last written to, in seconds since the epoch; 0 if it is gone."""
    return max((found.st_mtime for found in _found(folder / n for n in MAIN_FILES)), default=0.0)


def _found(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    """The status of each path that is a file."""
    for path in paths:
        with contextlib.suppress(OSError):
            if stat.S_ISREG((found := path.stat()).st_mode):
                yield found
