"""The line that trains a run longer: `charrnn train --resume` with another limit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charrnn.config import TrainingConfig
from charrnn.runs import resume_command
from charrnn.training.longer import limits_of


def longer_command(
    folder: Path,
    names: list[str],
    run: Mapping[str, Any],
    config: TrainingConfig,
    *options: object,
) -> str:
    """The command that trains a run twice as long.

    Args:
        folder: the run's folder.
        names: names of its texts.
        run: what the run has recorded.
        config: its settings.
        options: other options and their values.
    """
    limits = limits_of(run)
    name = next(iter(limits)) if len(limits) == 1 else "steps"
    limit = 2 * (config.steps if name == "steps" else limits[name])
    return resume_command(folder, names, f"--{name}", f"{limit:.12g}", *options)
