"""What a run does when it diverges: it goes back to a good point with half the learning rate, and at last gives up."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from charrnn.checkpoint import Arrays
from charrnn.config import TrainingConfig
from charrnn.errors import DivergedError
from charrnn.training.network import NumpyModule
from charrnn.training.progress import RunProgress

DIVERGENCE_FACTOR = 20.0
"""A loss this many times that of guessing among all symbols alike counts as diverged."""
MAX_HALVINGS = 3
"""How often a run that diverges goes back with half the learning rate before it gives up."""


class Diverged(Exception):  # noqa: N818 (caught by the trainer, which goes back; DivergedError is for the user)
    """The loss or the weights are not finite; the message says which."""


@dataclass(frozen=True)
class RollbackPoint:
    """A point of the run to go back to: just after a good evaluation, or the start."""

    step: int
    arrays: Arrays
    """The run as it was there; see `charrnn.training.state.run_arrays`."""


def loss_limit(vocab_size: int) -> float:
    """The loss, in nats, from which on a run counts as diverged."""
    return DIVERGENCE_FACTOR * math.log(max(2, vocab_size))


def require_finite(network: NumpyModule) -> None:
    """Raise Diverged if a weight is not finite: such a network must not take the place of a good one."""
    if not all(torch.isfinite(p).all() for p in network.parameters()):
        raise Diverged("the weights became NaN or infinite")


def halved(rate: float, halvings: int) -> float:
    """A learning rate after some halvings."""
    return math.ldexp(rate, -halvings)


def final_error(
    reason: str, progress: RunProgress, config: TrainingConfig, best: Path
) -> DivergedError:
    """The error of a run that gives up, with what to try instead.

    Args:
        reason: what was noticed, such as "the loss became nan".
        progress: the run's progress.
        config: the run's settings.
        best: where the best checkpoint is, if there is one.
    """
    rate = halved(config.learning_rate, progress.halvings)
    kept = f"; the best checkpoint, of step {progress.best_step:,}, is in {best}"
    muon = ""
    if config.optimizer == "muon":
        muon_rate = halved(config.muon_learning_rate, progress.halvings) / 4
        muon = f" and {{muon_learning_rate:{muon_rate:g}}}"
    return DivergedError.naming(
        "{reason} at step {step:,}, although the learning rate was halved {halvings} times, to {rate:g}{kept}",
        f"try {{learning_rate:{rate / 4:g}}}{muon}, or {{clip:{min(config.clip or 1, 1) / 2:g}}}",
        reason=reason,
        step=progress.step,
        halvings=progress.halvings,
        rate=rate,
        kept=kept if best.exists() else "",
    )
