"""Pruning of a beam search: keep the best hypotheses, or a weighted sample that represents all.

Knows numbers only, no text and no model.
"""

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Float64, require_finite_predictions, reverse_log_cumsum

NEGLIGIBLE = -1e6
"""Log of p^(1/temperature), relative to the best hypothesis, below which the weight is 0."""


def log_weights(log_p: Float64, log_kept: Float64, temperature: float) -> Float64:
    """Log of each hypothesis's weight in a sample, (N,): p^(1/temperature) / (the chance with which it was kept).

    Correct up to a constant. The temperature is above 0: at 0 the best are kept, without weights.
    """
    with np.errstate(over="ignore"):
        below = (log_p - log_p.max()) / temperature
    below[below < NEGLIGIBLE] = -np.inf
    weights: Float64 = below - log_kept
    return weights


def prune(
    log_p: Float64,
    log_kept: Float64,
    width: int,
    temperature: float,
    generator: np.random.Generator,
) -> tuple[npt.NDArray[np.intp], Float64]:
    """Keep at most `width` of N hypotheses.

    At temperature 0 they are the most likely. Above it they are drawn without replacement, unbiased: those whose weight
    is above a threshold c are kept for certain, any other with probability weight / c, which its `log_kept` records; c
    is such that `width` are kept. As the temperature falls, the second becomes the first.

    Args:
        log_p: log-probabilities, (N,).
        log_kept: logs of the chances with which they were kept until now, (N,).
        width: how many may be kept.
        temperature: 0 or more; see `log_weights`.
        generator: draws one number.

    Returns:
        The indices of those that are kept, rising, and the new `log_kept` of each.

    Raises:
        CheckpointError: log-probabilities are not finite, as happens when a model's weights are enormous.
    """
    require_finite_predictions(np.abs(log_p).sum())
    if len(log_p) <= width:
        return np.arange(len(log_p)), log_kept
    if temperature == 0:
        best = _most_likely(log_p, width)
        return best, log_kept[best]
    return _resample(log_p, log_kept, width, temperature, generator)


def _resample(
    log_p: Float64,
    log_kept: Float64,
    width: int,
    temperature: float,
    generator: np.random.Generator,
) -> tuple[npt.NDArray[np.intp], Float64]:
    """Draw `width` of more hypotheses, at a temperature above 0; see `prune`.

    Source: the optimal resampling of P. Fearnhead and P. Clifford, "On-line inference for hidden Markov models via
    particle filters", Journal of the Royal Statistical Society B 65, 2003, with systematic draws.
    """
    weights = log_weights(log_p, log_kept, temperature)
    order = np.lexsort((-log_p, -weights))
    if not np.isfinite(weights[order[width]]):  # almost all weights are 0 at this temperature
        best = np.sort(order[:width])
        return best, log_kept[best]
    places, log_chance = _sample(weights[order], width, generator)
    log_kept = log_kept[order[places]] + log_chance
    rising = np.argsort(order[places])
    return order[places][rising], log_kept[rising]


def _most_likely(log_p: Float64, width: int) -> npt.NDArray[np.intp]:
    """Indices of the `width` largest log-probabilities, rising; on a tie the first."""
    least = np.partition(log_p, -width)[-width]  # sorting only these is faster
    good = (log_p >= least).nonzero()[0]
    return np.sort(good[np.argsort(-log_p[good], kind="stable")[:width]])


def _sample(
    weights: Float64, width: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.intp], Float64]:
    """Draw `width` places without replacement, given log-weights, largest first; also the log of each chance."""
    certain, log_c = _threshold(weights, width)
    chance = np.exp(weights[certain:] - log_c)
    reached = chance.cumsum() * ((width - certain) / chance.sum())
    drawn = reached.searchsorted(generator.random() + np.arange(width - certain), side="right")
    drawn = np.unique(np.minimum(drawn, len(reached) - 1))
    places = np.concatenate([np.arange(certain), certain + drawn])
    return places, np.minimum(weights[places] - log_c, 0.0)


def _threshold(weights: Float64, width: int) -> tuple[int, float]:
    """How many of the log-weights, largest first, are above the threshold c, and the log of c.

    c is such that min(1, weight / c) sums to `width`: with k weights above it, c is the sum of the others divided by
    (width - k).
    """
    rest = reverse_log_cumsum(weights)[:width]
    log_c = rest - np.log(width - np.arange(width))
    certain = int(np.argmax(weights[:width] <= log_c))
    return certain, float(log_c[certain])
