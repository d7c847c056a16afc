"""A concept as a value for each character of a text, and whether a part of the text has enough of it."""

from dataclasses import dataclass

import numpy as np

from charrnn.interpret.halves import Places
from charrnn.numerics import Float

FEWEST = 25
"""Characters of each half with a label, and without it, that are needed to score it."""
FEWEST_IN_SPANS = 5
"""Characters of each part with a label, and without it, where a user has chosen the characters that count."""


@dataclass(frozen=True)
class Labeling:
    """A value for each character of a text."""

    name: str
    values: Float
    """(T,) 0 or 1, or a number."""
    is_number: bool = False
    places: Places | None = None
    """The characters that count; None: all, the first half and the second."""

    @property
    def measure(self) -> str:
        """The name of its scores."""
        return "|r|" if self.is_number else "AUC"


def is_common(labeling: Labeling, labels: Float, fewest: int | None = None) -> bool:
    """Whether a concept is common enough in a part of a text, and not too common; a number, whether it varies enough.

    Args:
        labeling: the concept.
        labels: its values there.
        fewest: the characters with the label, and without it, that are needed; None: as many as in a half.
    """
    if fewest is None:
        fewest = FEWEST if labeling.places is None else FEWEST_IN_SPANS
    if labeling.is_number:  # which may be another one at each character
        return int((labels != np.median(labels)).sum()) >= fewest
    count = int((labels > 0).sum())
    return min(count, len(labels) - count) >= fewest
