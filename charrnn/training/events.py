"""The events that a training run yields, in order."""

from dataclasses import dataclass
from pathlib import Path

from charrnn.errors import EnvironmentFault


@dataclass(frozen=True)
class Step:
    """One optimizer step was made."""

    step: int
    """Optimizer steps so far."""
    loss: float
    """Nats per character of this step's text, before the update; on a GPU of the last step that was read from it."""
    characters: int
    """Characters read in this step; of pairs, sources and targets together."""


@dataclass(frozen=True)
class Evaluated:
    """The network was evaluated on validation text."""

    step: int
    epoch: float
    train_nats: float | None
    """Mean over the steps since the last evaluation, with dropout; None before the first step."""
    val_nats: float | None
    """None without validation text."""
    is_best: bool
    exact: float | None = None
    """The part of the validation targets that are right as a whole; None unless pairs are trained."""


@dataclass(frozen=True)
class Saved:
    """A checkpoint was written; this is known at the end of a later step, as training goes on meanwhile."""

    path: Path
    num_bytes: int
    step: int
    """The step that it was saved after."""


@dataclass(frozen=True)
class SaveFailed:
    """A checkpoint, or the metrics, could not be written; training continues, and the next save is tried as usual.

    The one that was there before is still there.
    """

    fault: EnvironmentFault


@dataclass(frozen=True)
class RolledBack:
    """The run diverged, and continues from its latest good evaluation or its start, at half the learning rate."""

    step: int
    """The step at which divergence was noticed."""
    to_step: int
    """The step from which the run continues."""
    reason: str
    """Such as "the loss became nan"."""
    halvings: int
    """How often the rate has been halved in this run, including this time."""
    learning_rate: float
    """The peak learning rate of the run from now on."""


@dataclass(frozen=True)
class Replanned:
    """The run fell behind its time, or has caught up, and has fewer or more steps from now on."""

    step: int
    steps_before: int
    """Steps of the whole run, as they were planned until now."""
    steps: int
    """Steps of the whole run from now on."""
    seconds_expected: float
    """Seconds that the steps planned until now would have taken."""
    seconds_planned: float


@dataclass(frozen=True)
class Counted:
    """The training text was counted, and the best checkpoint has the counts."""

    ngrams: int
    """Sequences whose counts are kept."""
    num_bytes: int
    """Their size."""
    characters: int
    """Characters of the validation text that were predicted for these figures."""
    network_nats: float
    """Nats per character there of the network alone."""
    nats: float
    """Those of the network with counts, each half of the text with the weight that the other gave."""


@dataclass(frozen=True)
class Stopped:
    """The run is over: it is finished, or `stop_requested` was set."""

    step: int
    finished: bool
    early: bool = False
    """Finished before its planned end, because the validation loss had no new minimum for `patience` evaluations."""


Event = Step | Evaluated | Saved | SaveFailed | RolledBack | Replanned | Counted | Stopped
