"""The kinds of linear read-outs: of a truth value, a number, or one of several labels.

    truth values   logistic regression with an L2 penalty; F1 at the threshold that is best for the checked part
    numbers        ridge regression; R²
    labels         multinomial logistic regression with an L2 penalty; accuracy

The L1 penalties that choose units are those of logistic regression, of each label against the others, and the lasso.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from charrnn.interpret.probing.readout import STEPS, Columns, Kind, Labels, Part, Scores
from charrnn.interpret.scores import areas, average_precision, best_threshold, overlap, ranks
from charrnn.numerics import Float, Mask

TOLERANCE = 1e-3
LOOSENED = (1.2, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
"""How many times weaker the L1 penalties are than the weakest that leaves no unit."""


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
