"""How well the values of units go with labels: AUC, correlation, average precision, overlap.

Legend: T characters, U units, C labels.
"""

import numpy as np

from charrnn.numerics import Float, Float64, Mask


def ranks(values: Float) -> Float64:
    """The rank of each value in its column, from 1; equal values share the mean of theirs. (T, U) -> (T, U)."""
    T, U = values.shape
    found = np.empty((T, U))
    for u in range(U):
        order = np.argsort(values[:, u], kind="stable")
        ordered = values[order, u]
        begins = np.flatnonzero(np.diff(ordered, prepend=np.nan) != 0)
        ends = np.append(begins[1:], T)
        found[order, u] = np.repeat((begins + ends + 1) / 2, ends - begins)
    return found


def areas(ranked: Float64, labels: Float) -> Float64:
    """The area under the ROC curve of each unit for each label, (U, C).

    The chance that a unit is larger at a character with the label than at one without, ties counted half: 0.5 for a unit
    that knows nothing, 0 for one that has the other sign. NaN for a label that all characters have, or none.

    Args:
        ranked: (T, U) the `ranks` of the units.
        labels: (T, C) 0 or 1.

    Source: H. Mann and D. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the
    Other", 1947: the area is their U over the number of pairs.
    """
    positive = labels.sum(0, dtype=np.float64)
    pairs = positive * (len(labels) - positive)
    sums = ranked.T @ labels.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            (sums - positive * (positive + 1) / 2) / np.where(pairs > 0, pairs, np.nan)
        )


def standardized(values: Float) -> Float:
    """Columns with mean 0 and variance 1, so that their mean product is Pearson's r; what never changes is 0."""
    centered = values - values.mean(0, dtype=np.float64).astype(np.float32)
    scale = np.sqrt(np.einsum("tu,tu->u", centered, centered) / np.float32(len(values)))
    moves = scale > 1e-6 * np.abs(values).max(0, initial=0)
    standard: Float = centered * np.where(moves, 1 / np.where(moves, scale, 1), 0)
    return standard


def average_precision(values: Float, label: Mask) -> float:
    """The mean, over the characters with a label, of the precision at the threshold that just takes them in.

    Args:
        values: (T,) larger where the label is expected.
        label: (T,)
    """
    order = np.argsort(-values, kind="stable")
    ordered, hit = values[order], label[order]
    last = np.flatnonzero(
        np.diff(ordered, append=np.nan) != 0
    )  # equal values are taken in together
    taken = last + 1.0
    right = np.cumsum(hit)[last]
    gained = np.diff(right, prepend=0)
    return float((gained * right / taken).sum() / max(1, right[-1]))


def best_threshold(values: Float, label: Mask) -> float:
    """The threshold, of the values themselves, from which on a unit overlaps most with a label; see `overlap`."""
    order = np.argsort(-values, kind="stable")
    ordered, hit = values[order], label[order]
    last = np.flatnonzero(np.diff(ordered, append=np.nan) != 0)
    right = np.cumsum(hit)[last]
    either = last + 1 + hit.sum() - right
    return float(ordered[last[np.argmax(right / either)]])


def overlap(values: Float, label: Mask, threshold: float) -> float:
    """Intersection over union of the characters where a unit is at its threshold or above, and those with a label.

    Source: D. Bau and others, "Network Dissection", 2017 (arXiv:1704.05796), for pixels.
    """
    on = values >= threshold
    either = int((on | label).sum())
    return int((on & label).sum()) / either if either else 0.0
