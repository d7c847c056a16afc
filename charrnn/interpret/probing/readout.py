"""Linear read-outs from the states of a network; their kinds are in `charrnn.interpret.probing.kinds`.

The states are standardized by the fitted part, the strength of the penalty is the one that scores best on the checked
part, and what counts is the score on the held-out part, which neither has seen. scikit-learn does the fitting.

How few units are enough is seen along the path of an L1 penalty (the lasso), which leaves out more of them the
stronger it is: each set of units that it leaves is fitted anew without it, since it makes weights too small. (N.
Meinshausen, "Relaxed Lasso", 2007.)

Legend: K characters or lines, U units.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Float

Columns = npt.NDArray[np.int64]
Labels = npt.NDArray[Any]
Scores = Mapping[str, float]
"""Scores by their names in JSON; the first one is the score of a read-out."""

ENOUGH = 0.95
"""The part of the score from all units that is enough for fewer."""
STEPS = 100
"""The most steps of a fit."""
CHOOSING = 4_000
"""The most rows by which an L1 penalty chooses units."""
WIDEST = 0.5
"""The most units of a set that is fitted anew, as a part of all."""


@dataclass(frozen=True)
class Part:
    """States with their labels."""

    states: Float
    """(K, U)"""
    labels: Labels
    """(K,)"""


@dataclass(frozen=True)
class Parts:
    """What a read-out is fitted to, what its settings are chosen by, and what it is scored on."""

    fitted: Part
    checked: Part
    held_out: Part

    @classmethod
    def of(cls, states: Float, labels: Labels, rows: "Rows") -> "Parts":
        """States (K, U), standardized by those that are fitted, with their labels (K,)."""
        fitted = states[rows.fitted]
        mean, spread = fitted.mean(0), fitted.std(0)
        scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-6)
        return cls(*(Part((states[k] - mean) * scale, labels[k]) for k in rows))

    def labeled(self, labels: Labels, rows: "Rows") -> "Parts":
        """The same states with other labels (K,)."""
        own = zip((self.fitted, self.checked, self.held_out), rows, strict=True)
        return Parts(*(Part(part.states, labels[k]) for part, k in own))

    def narrowed(self, columns: Columns) -> "Parts":
        """Some of the units."""
        return Parts(
            *(
                Part(np.ascontiguousarray(part.states[:, columns]), part.labels)
                for part in (self.fitted, self.checked, self.held_out)
            )
        )


@dataclass(frozen=True)
class Rows:
    """The rows of each part."""

    fitted: Columns
    checked: Columns
    held_out: Columns

    def __iter__(self) -> Iterator[Columns]:
        """The three of them."""
        return iter((self.fitted, self.checked, self.held_out))


@dataclass(frozen=True)
class Readout:
    """A linear read-out that was fitted."""

    strength: float
    """C of the L2 penalty, or of a number alpha of ridge regression."""
    threshold: float | None
    """The value from which on a truth value is taken to hold; None for others."""
    checked: float
    """The score on the checked part."""
    scores: Scores
    """Those of the held-out part."""
    weights: Float
    """(U,) of the standardized states; of several labels the length of a unit's weights."""

    @property
    def score(self) -> float:
        """The score on the held-out part."""
        return next(iter(self.scores.values()))


@dataclass(frozen=True)
class Step:
    """A read-out from some of the units."""

    columns: Columns
    readout: Readout


class Kind(ABC):
    """A kind of labels, and how they are read out."""

    measure: ClassVar[str]
    """The score's name."""
    strengths: ClassVar[tuple[float, ...]]
    """The strengths that are tried."""

    @abstractmethod
    def estimator(self) -> Any:
        """A new estimator of scikit-learn."""

    @abstractmethod
    def set_strength(self, estimator: Any, strength: float) -> None:
        """Set the penalty of an estimator."""

    @abstractmethod
    def values(self, estimator: Any, states: Float) -> Labels:
        """What an estimator gives for states."""

    @abstractmethod
    def scores(self, values: Labels, labels: Labels, threshold: float | None) -> Scores:
        """How well values go with labels."""

    @abstractmethod
    def baseline(self, fitted: Labels, held_out: Labels) -> float:
        """The score without any states."""

    @abstractmethod
    def selected(self, part: Part) -> Iterator[Columns]:
        """The units that an L1 penalty leaves, for weaker and weaker ones."""

    def threshold(self, values: Labels, labels: Labels) -> float | None:  # noqa: ARG002 (for a truth value)
        """The best threshold."""
        return None

    def read_out(self, parts: Parts) -> Readout:
        """The read-out whose penalty is best for the checked part."""
        estimator = self.estimator()
        found: list[Readout] = []
        for strength in self.strengths:
            self.set_strength(estimator, strength)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a fit that is stopped early is a stronger penalty
                estimator.fit(parts.fitted.states, parts.fitted.labels)
            found.append(self._scored(estimator, strength, parts))
        return max(
            reversed(found), key=lambda one: one.checked
        )  # of equal ones the weakest penalty

    def _scored(self, estimator: Any, strength: float, parts: Parts) -> Readout:
        checked = self.values(estimator, parts.checked.states)
        threshold = self.threshold(checked, parts.checked.labels)
        checked_scores = self.scores(checked, parts.checked.labels, threshold)
        held_out = self.values(estimator, parts.held_out.states)
        coefficients = np.atleast_2d(estimator.coef_)
        one = len(coefficients) == 1
        weights = coefficients[0] if one else np.linalg.norm(coefficients, axis=0)
        return Readout(
            strength,
            threshold,
            next(iter(checked_scores.values())),
            self.scores(held_out, parts.held_out.labels, threshold),
            weights.astype(np.float32),
        )

    def path(self, parts: Parts) -> Iterator[Step]:
        """Read-outs from more and more units, at most a part WIDEST of them."""
        sizes = {0}
        for columns in self.selected(_some(parts.fitted)):
            if len(columns) > max(1, WIDEST * parts.fitted.states.shape[1]):
                return
            if len(columns) not in sizes:
                sizes.add(len(columns))
                yield Step(columns, self.read_out(parts.narrowed(columns)))


def _some(part: Part) -> Part:
    """At most CHOOSING rows of a part, evenly spread."""
    step = -(-len(part.labels) // CHOOSING)
    return Part(part.states[::step], part.labels[::step])
