"""The numbers that a run carries along beside its network; JSON keeps them exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BEST_FIGURES = ("best_val_nats_per_char", "best_val_exact_match", "best_step")
"""The figures of a checkpoint that are about the best network."""
NO_BEST = {"best_val_nats_per_char": None, "best_step": 0}
"""They are these before there is one."""


def best_figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a checkpoint that are about the best network."""
    return {name: metrics[name] for name in BEST_FIGURES if name in metrics}


@dataclass
class RunProgress:
    """How far a run has come."""

    step: int = 0
    """Optimizer steps so far."""
    best_nats: float | None = None
    """The validation loss of the best network; None before the first evaluation, or without validation text."""
    best_exact: float | None = None
    """The part of the validation targets that it gave without a mistake; None unless pairs are trained."""
    best_step: int = 0
    nats_sum: float = 0.0
    """Training loss since the last evaluation, times the characters of its steps."""
    chars_sum: int = 0
    """Characters trained on since the last evaluation."""
    seconds: float = 0.0
    """Time spent in this run and those that it continues."""
    evaluations_since_best: int = 0
    halvings: int = 0
    """How often the learning rate was halved, because the run had diverged."""

    @property
    def train_nats(self) -> float | None:
        """The mean training loss since the last evaluation; None if there was no step."""
        return self.nats_sum / self.chars_sum if self.chars_sum else None

    def is_best(self, nats: float | None, exact: float | None) -> bool:
        """Whether an evaluation is better than all before: more targets right as a whole, then a lower loss."""
        if nats is None or self.best_nats is None:
            return True
        return (-(exact or 0), nats) < (-(self.best_exact or 0), self.best_nats)

    def set_best(self, figures: Mapping[str, Any]) -> None:
        """Take these for the figures of the best network; see BEST_FIGURES."""
        self.best_nats = figures.get("best_val_nats_per_char")
        self.best_exact = figures.get("best_val_exact_match")
        self.best_step = figures.get("best_step", 0)

    def add(self, loss: float, characters: int) -> None:
        """Count one step's loss, the mean over its characters."""
        self.nats_sum += loss * characters
        self.chars_sum += characters

    def reset_sums(self) -> None:
        """Begin a new mean training loss."""
        self.nats_sum, self.chars_sum = 0.0, 0

    def as_metrics(self, epoch: float) -> dict[str, Any]:
        """The numbers, and the epoch, under their names in a checkpoint."""
        exact = {} if self.best_exact is None else {"best_val_exact_match": self.best_exact}
        return exact | {
            "step": self.step,
            "epoch": epoch,
            "best_val_nats_per_char": self.best_nats,
            "best_step": self.best_step,
            "seconds": round(self.seconds, 3),
            "train_nats_sum": self.nats_sum,
            "train_chars_sum": self.chars_sum,
            "evaluations_since_best": self.evaluations_since_best,
            "halvings": self.halvings,
        }

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, Any]) -> "RunProgress":
        """The progress that a checkpoint keeps."""
        return cls(
            step=metrics["step"],
            best_nats=metrics["best_val_nats_per_char"],
            best_exact=metrics.get("best_val_exact_match"),
            best_step=metrics["best_step"],
            nats_sum=metrics["train_nats_sum"],
            chars_sum=metrics["train_chars_sum"],
            seconds=metrics["seconds"],
            evaluations_since_best=metrics["evaluations_since_best"],
            halvings=metrics["halvings"],
        )
