"""What a training run tells whoever runs it."""

from dataclasses import dataclass
from pathlib import Path

from charrnn.errors import EnvironmentFault


@dataclass(frozen=True)
class Step:
    """One update was made."""

    step: int
    """Updates so far."""
    loss: float
    """Nats per character of this step's text, before the update."""
    characters: int
    """Read in this step."""


@dataclass(frozen=True)
class Evaluated:
    """The network was judged on validation text."""

    step: int
    epoch: float
    train_nats: float | None
    """Mean over the steps since the last evaluation, with dropout; None before the first step."""
    val_nats: float | None
    """None without validation text."""
    is_best: bool


@dataclass(frozen=True)
class Saved:
    """A checkpoint was written."""

    path: Path
    num_bytes: int


@dataclass(frozen=True)
class SaveFailed:
    """A checkpoint could not be written; training goes on and tries again at the next evaluation."""

    fault: EnvironmentFault


@dataclass(frozen=True)
class Stopped:
    """The run is over: the planned steps are done, or somebody asked it to stop."""

    step: int
    finished: bool


Event = Step | Evaluated | Saved | SaveFailed | Stopped
