"""Linear read-outs from the states of a network: of a truth value, a number, or one of several labels.

    truth values   logistic regression with an L2 penalty; F1 at the threshold that is best for the checked part
    numbers        ridge regression; R²
    labels         multinomial logistic regression with an L2 penalty; accuracy

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

from charrnn.interpret.scores import areas, average_precision, best_threshold, overlap, ranks
from charrnn.numerics import Float, Mask

Columns = npt.NDArray[np.int64]
Labels = npt.NDArray[Any]
Scores = Mapping[str, float]
"""Scores by their names in JSON; the first one is the score of a read-out."""

ENOUGH = 0.95
"""The part of the score from all units that is enough for fewer."""
TOLERANCE = 1e-3
STEPS = 100
"""The most steps of a fit."""
CHOOSING = 4_000
"""The most rows by which an L1 penalty chooses units."""
LOOSENED = (1.2, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
"""How many times weaker the L1 penalties are than the weakest that leaves no unit."""
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
    predicted: Labels
    """(K,) the values, or labels, that it gives the held-out part."""

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
            held_out,
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


class Truth(Kind):
    """A truth value: 0 or 1."""

    measure = "F1"
    strengths = (1e-4, 1e-3, 1e-2, 1e-1)

    def estimator(self) -> Any:
        """Logistic regression."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(tol=TOLERANCE, max_iter=STEPS, warm_start=True)

    def set_strength(self, estimator: Any, strength: float) -> None:
        """Set C."""
        estimator.set_params(C=strength)

    def values(self, estimator: Any, states: Float) -> Labels:
        """The logarithm of the odds."""
        found: Labels = estimator.decision_function(states)
        return found

    def threshold(self, values: Labels, labels: Labels) -> float:
        """The threshold with the best F1: that with the best overlap, since F1 is 2 J / (1 + J)."""
        return best_threshold(values, labels > 0)

    def scores(self, values: Labels, labels: Labels, threshold: float | None) -> Scores:
        """F1 at the threshold, the area under the ROC curve, and average precision."""
        assert threshold is not None
        holds = labels > 0
        column = labels[:, None].astype(np.float32)
        return {
            "f1": _f1(values, holds, threshold),
            "auc": float(areas(ranks(values[:, None]), column)[0, 0]),
            "average_precision": average_precision(values, holds),
        }

    def baseline(self, fitted: Labels, held_out: Labels) -> float:  # noqa: ARG002 (what is usual does not matter)
        """F1 of taking it to hold always."""
        share = float((held_out > 0).mean())
        return 2 * share / (1 + share)

    def selected(self, part: Part) -> Iterator[Columns]:
        """Those with a weight in logistic regression with an L1 penalty."""
        return _selected_by_classes(part, part.labels > 0)


class Number(Kind):
    """A number."""

    measure = "R²"
    strengths = (1e5, 1e4, 1e3, 1e2, 1e1)

    def estimator(self) -> Any:
        """Ridge regression."""
        from sklearn.linear_model import Ridge

        return Ridge(solver="cholesky")

    def set_strength(self, estimator: Any, strength: float) -> None:
        """Set alpha."""
        estimator.set_params(alpha=strength)

    def values(self, estimator: Any, states: Float) -> Labels:
        """The number."""
        found: Labels = estimator.predict(states)
        return found

    def scores(self, values: Labels, labels: Labels, threshold: float | None) -> Scores:  # noqa: ARG002
        """R², and Pearson's r."""
        spread = float(((labels - labels.mean()) ** 2).mean()) or 1.0
        centered = values - values.mean(), labels - labels.mean()
        norm = float(np.sqrt((centered[0] ** 2).sum() * (centered[1] ** 2).sum())) or 1.0
        return {
            "r2": 1 - float(((values - labels) ** 2).mean()) / spread,
            "r": float((centered[0] * centered[1]).sum()) / norm,
        }

    def baseline(self, fitted: Labels, held_out: Labels) -> float:
        """R² of the mean of the fitted part."""
        return self.scores(np.full(held_out.shape, fitted.mean()), held_out, None)["r2"]

    def selected(self, part: Part) -> Iterator[Columns]:
        """Those with a weight in the lasso."""
        from sklearn.linear_model import lasso_path

        states = part.states.astype(np.float64)
        labels = (part.labels - part.labels.mean()).astype(np.float64)
        strongest = float(np.abs(states.T @ labels).max()) / len(labels)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, found, _ = lasso_path(
                states,
                labels,
                alphas=[strongest / times for times in LOOSENED],
                tol=1e-2,
                max_iter=STEPS,
            )
        return (np.flatnonzero(weights) for weights in found.T)


class Label(Kind):
    """One of several labels, each a whole number."""

    measure = "accuracy"
    strengths = (1e-3, 1e-2, 1e-1, 1.0, 10.0)

    def estimator(self) -> Any:
        """Multinomial logistic regression."""
        return Truth().estimator()

    def set_strength(self, estimator: Any, strength: float) -> None:
        """Set C."""
        estimator.set_params(C=strength)

    def values(self, estimator: Any, states: Float) -> Labels:
        """The most probable label."""
        found: Labels = estimator.predict(states)
        return found

    def scores(self, values: Labels, labels: Labels, threshold: float | None) -> Scores:  # noqa: ARG002
        """Accuracy, and the mean of the labels' F1."""
        own = [_f1((values == k).astype(np.float32), labels == k, 1.0) for k in np.unique(labels)]
        return {"accuracy": float((values == labels).mean()), "macro_f1": float(np.mean(own))}

    def baseline(self, fitted: Labels, held_out: Labels) -> float:
        """The accuracy of the most frequent label."""
        return float((held_out == np.bincount(fitted).argmax()).mean())

    def selected(self, part: Part) -> Iterator[Columns]:
        """Those with a weight for a label in logistic regression, of each against the others, with an L1 penalty."""
        labels = np.unique(part.labels)
        classes = labels[1:] if len(labels) == 2 else labels
        return _selected_by_classes(part, *(part.labels == k for k in classes))


def _some(part: Part) -> Part:
    """At most CHOOSING rows of a part, evenly spread."""
    step = -(-len(part.labels) // CHOOSING)
    return Part(part.states[::step], part.labels[::step])


def _f1(values: Labels, holds: Mask, threshold: float) -> float:
    """2 precision recall / (precision + recall) of the values at a threshold or above."""
    union = overlap(values, holds, threshold)
    return 2 * union / (1 + union)


def _selected_by_classes(part: Part, *classes: Mask) -> Iterator[Columns]:
    """The units with a weight for one of some truth values, for weaker and weaker L1 penalties."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import l1_min_c

    states = part.states.astype(np.float64)
    for times in LOOSENED:
        has_weight = np.zeros(states.shape[1], bool)
        for holds in classes:
            least = l1_min_c(states, holds, loss="log")
            estimator = LogisticRegression(
                C=least * times, l1_ratio=1, solver="liblinear", tol=1e-2, random_state=0
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                estimator.fit(states, holds)
            has_weight |= estimator.coef_[0] != 0
        yield np.flatnonzero(has_weight)
