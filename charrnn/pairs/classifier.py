"""A classifier of texts by their character n-grams: the baseline of every network that gives a text a label.

Naive Bayes with a multinomial over n-grams (C. D. Manning, P. Raghavan and H. Schütze, "Introduction to Information
Retrieval", 2008, chapter 13): with c(g, y) how often the n-gram g occurs in the texts of label y, and n(y) their number,

    log p(y | text) = log p(y) + sum over the n-grams g of the text of log (c(g, y) + a) / (c(y) + a G)   + constant
    p(y) = n(y) / n,    c(y) = sum over g of c(g, y),    G the number of different n-grams

An n-gram that stands in no training text says nothing. A boundary stands on both sides of each text, so that its
beginning and end count.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from charrnn.errors import DataError
from charrnn.numerics import Float64, log_softmax

ORDER = 4
"""The length of the longest n-grams that are counted."""
SMOOTHING = 0.1
"""a, which is added to every count."""
BOUNDARY = "\0"
"""What stands before and behind each text."""


class NgramClassifier:
    """The most probable label of a text, by counting.

    Args:
        texts: the training texts.
        labels: the label of each.
        order: the length of the longest n-grams.
        smoothing: what is added to every count, above 0.

    Raises:
        DataError: there are no texts.
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        *,
        order: int = ORDER,
        smoothing: float = SMOOTHING,
    ) -> None:
        if not texts:
            raise DataError("a classifier needs at least 1 text to learn from")
        self.order = order
        self.labels = tuple(sorted({*labels}))
        """The labels, in the order of the columns of `log_probabilities`."""
        number = {label: k for k, label in enumerate(self.labels)}
        self._rows: dict[str, int] = {}
        rows, columns = [], []
        for text, label in zip(texts, labels, strict=True):
            for gram in self._grams(text):
                rows.append(self._rows.setdefault(gram, len(self._rows)))
                columns.append(number[label])
        G, Y = len(self._rows), len(self.labels)
        at = np.asarray(rows, np.int64) * Y + np.asarray(columns, np.int64)
        cells, counts = np.unique(at, return_counts=True)  # most labels lack most n-grams
        self._bounds = np.searchsorted(cells, np.arange(G + 1) * Y)  # of each n-gram's cells
        self._columns = cells % Y
        self._gains: Float64 = np.log((counts + smoothing) / smoothing)
        totals = np.bincount(self._columns, counts, minlength=Y)
        self._log_rare: Float64 = np.log(smoothing / (totals + smoothing * G))
        """The log-probability of an n-gram that a label lacks."""
        priors = np.bincount([number[label] for label in labels], minlength=Y) / len(texts)
        self._log_priors: Float64 = np.log(priors)

    def _grams(self, text: str) -> Iterator[str]:
        bounded = BOUNDARY + text + BOUNDARY
        for length in range(1, self.order + 1):
            for start in range(len(bounded) - length + 1):
                yield bounded[start : start + length]

    def log_probabilities(self, text: str) -> Float64:
        """The logarithm of each label's probability, (labels,)."""
        known = [row for gram in self._grams(text) if (row := self._rows.get(gram)) is not None]
        scores = self._log_priors + len(known) * self._log_rare
        for row in known:
            cells = slice(self._bounds[row], self._bounds[row + 1])
            scores[self._columns[cells]] += self._gains[cells]  # each label once
        found: npt.NDArray[np.float64] = log_softmax(scores)
        return found

    def classify(self, text: str) -> str:
        """The most probable label; of several the first."""
        return self.labels[int(np.argmax(self.log_probabilities(text)))]
