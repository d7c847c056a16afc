"""The rules of sampling, each a small function over logits that knows no model.

Logits are float64, (..., V): one row, (V,), or N rows, (N, V), each treated as if it were alone. A symbol that is
removed has the logit -inf. No rule changes its argument, one that is off returns it untouched, and each leaves at least
one symbol in every row. The order in which `LogitsProcessor` applies them:

    ban                 never these                       first, so that no rule counts what cannot come
    bias                these more, or less               in logits of the model itself
    repetition_penalty  recent symbols less               Keskar et al. 2019, "CTRL"
    no_repeat_ngram     no n-gram twice                   Paulus et al. 2017, "A Deep Reinforced Model for Abstractive
                                                          Summarization"
    temperature         bolder or safer                   softmax(logits / temperature)
    top_k               the k most likely                 Fan et al. 2018, "Hierarchical Neural Story Generation"
    typical             of about expected surprisal       Meister et al. 2022, "Locally Typical Sampling"
    top_p               the nucleus                       Holtzman et al. 2020, "The Curious Case of Neural Text
                                                          Degeneration"
    min_p               none far below the most likely    Nguyen et al. 2024, "Turning Up the Heat: Min-p Sampling"

The rules after temperature see the logits that it made, and each the symbols that the one before has left: its
probabilities are those of the symbols that remain. Then come `numerics.odds` or `softmax`, and `draw`.

The one compromise: nothing guards against numbers that no float32 model has. Logits beyond 1e150 may overflow.
"""

import math

import numpy as np
import numpy.typing as npt

from charrnn.numerics import (
    Float64,
    Ids,
    Mask,
    log_softmax,
    odds,
    require_finite_predictions,
    softmax,
)

MODEST = 300.0
"""Norm of a row's logits, divided by the temperature, below which no exponential overflows and not all vanish."""
SMALL = 1e-100
"""Temperature above which no quotient can overflow."""


def finite(logits: npt.NDArray[np.floating]) -> Float64:
    """Logits, (..., V), in float64.

    Raises:
        CheckpointError: one is infinite or NaN, as happens when a model's weights are enormous.
    """
    numbers = logits.astype(np.float64)
    squares = numbers.dot(numbers) if numbers.ndim == 1 else np.vdot(numbers, numbers)
    require_finite_predictions(float(squares))  # no square of a finite float32 overflows here
    return numbers


# --- what the user and the text so far forbid -----------------------------------------------------


def ban(logits: Float64, banned: Mask | None) -> Float64:
    """Remove the symbols of a mask, (V,) or (..., V), which leaves at least one; None is off."""
    return logits if banned is None else np.where(banned, -np.inf, logits)


def bias(logits: Float64, added: Float64 | None) -> Float64:
    """Add a number to each symbol's logit, (V,); None is off. log 2 doubles the odds of a symbol."""
    return logits if added is None else logits + added


def repetition_penalty(logits: Float64, recent: Mask | None, penalty: float) -> Float64:
    """Multiply the log-probability of the symbols in a mask, (V,) or (..., V), by `penalty`.

    Above 1 they become less likely, below 1 more likely; 1, or None for the mask, is off. The paper divides logits,
    which favors a symbol whose logit is negative and depends on a constant that a softmax ignores. Log-probabilities
    are never positive, and adding a constant to all logits changes nothing here.
    """
    if recent is None or penalty == 1:
        return logits
    log_p = log_softmax(logits)
    return np.where(recent, penalty * log_p, log_p)


def no_repeat_ngram(logits: Float64, repeats: Mask | None) -> Float64:
    """Remove the symbols that would repeat an n-gram, (V,) or (..., V); None is off.

    In a row where no other symbol is left the rule is ignored, and the text repeats.
    """
    if repeats is None:
        return logits
    kept = ban(logits, repeats)
    gives_way = kept.max(axis=-1, keepdims=True) == -np.inf
    return np.where(gives_way, logits, kept)


# --- how bold, and how far down the list ----------------------------------------------------------


def temperature(logits: Float64, divisor: float | Float64) -> Float64:
    """Divide the logits by a temperature, a number or one for each row, (...,); the number 1 is off.

    No temperature above 0 overflows. Temperature 0 is the limit: only the most likely symbol stays, on a tie the one
    with the lowest id.
    """
    if isinstance(divisor, np.ndarray):
        greedy = divisor == 0
        divided = _divided(logits, np.where(greedy, 1.0, divisor)[..., np.newaxis])
        return np.where(greedy[..., np.newaxis], _most_likely(logits), divided)
    if divisor == 0:
        return _most_likely(logits)
    if divisor < SMALL:
        return _divided(logits, divisor)
    return logits if divisor == 1 else logits / divisor


def _divided(logits: Float64, divisor: float | Float64) -> Float64:
    """Logits divided by a number above 0; if it is tiny, the largest becomes 0 and the others -inf at worst."""
    origin = np.where(divisor < SMALL, logits.max(axis=-1, keepdims=True), 0.0)
    with np.errstate(over="ignore"):
        return (logits - origin) / divisor


def _most_likely(logits: Float64) -> Float64:
    first = logits.argmax(axis=-1, keepdims=True)
    return np.where(np.arange(logits.shape[-1]) == first, 0.0, -np.inf)


def top_k(logits: Float64, k: int) -> Float64:
    """Keep the k largest logits; on a tie the lower ids. 0 is off."""
    if k == 0 or k >= logits.shape[-1]:
        return logits
    largest_first = np.sort(logits, axis=-1)[..., ::-1]
    return _keep(logits, logits, largest_first, np.full((*logits.shape[:-1], 1), k))


def typical(logits: Float64, mass: float) -> Float64:
    """Keep the symbols whose surprisal is closest to the entropy, as few as have the probability `mass` together.

    The surprisal of a symbol is -log p, and the entropy its expectation. On a tie the lower ids are kept; 1 is off.
    """
    if mass >= 1:
        return logits
    log_p = log_softmax(logits)
    p = np.exp(log_p)
    entropy = -(p * np.where(p > 0, log_p, 0.0)).sum(axis=-1, keepdims=True)
    closeness = -np.abs(log_p + entropy)
    order = np.argsort(-closeness, axis=-1, kind="stable")
    count = _reaching(np.take_along_axis(p, order, axis=-1), mass)
    return _keep(logits, closeness, np.take_along_axis(closeness, order, axis=-1), count)


def top_p(logits: Float64, mass: float) -> Float64:
    """Keep the most likely symbols, as few as have the probability `mass` together; on a tie the lower ids. 1 is off."""
    if mass >= 1:
        return logits
    p = softmax(logits)
    largest_first = np.sort(p, axis=-1)[..., ::-1]
    return _keep(logits, p, largest_first, _reaching(largest_first, mass))


def min_p(logits: Float64, fraction: float) -> Float64:
    """Remove the symbols whose probability is below this fraction of the largest; 0 is off."""
    if fraction == 0:
        return logits
    threshold = logits.max(axis=-1, keepdims=True) + math.log(fraction)
    return np.where(logits < threshold, -np.inf, logits)


def _reaching(ordered: Float64, mass: float) -> Ids:
    """How many of the probabilities, (..., V), from the first on, it takes to reach `mass`: (..., 1)."""
    short: Ids = (ordered.cumsum(axis=-1) < mass).sum(axis=-1, keepdims=True)
    return np.minimum(short + 1, ordered.shape[-1])


def _keep(logits: Float64, scores: Float64, largest_first: Float64, count: Ids) -> Float64:
    """Keep the logits of the `count`, (..., 1), largest scores, (..., V); on a tie the lower ids.

    Args:
        logits: (..., V).
        scores: (..., V).
        largest_first: the scores, sorted: sorting numbers costs far less than a stable sort of ids.
        count: at least 1.
    """
    threshold = np.take_along_axis(largest_first, count - 1, axis=-1)
    above, level = scores > threshold, scores == threshold
    places = count - above.sum(axis=-1, keepdims=True)
    return np.where(above | (level & (level.cumsum(axis=-1) <= places)), logits, -np.inf)


# --- the draw -------------------------------------------------------------------------------------


def tempered_odds(logits: npt.NDArray[np.floating], divisor: Float64) -> Float64:
    """The value of `odds(temperature(finite(logits), divisor))`, up to a common factor; faster for one row.

    Args:
        logits: (V,) or (N, V), a model's own.
        divisor: (), at least SMALL; an array, which NumPy need not convert at each call.

    Raises:
        CheckpointError: see `finite`.
    """
    if logits.ndim == 1:
        numbers: Float64 = logits / divisor
        if numbers.dot(numbers) < MODEST * MODEST:
            return np.exp(numbers, numbers)
    return odds(temperature(finite(logits), divisor.item()))


def draw(p: Float64, u: float | Float64) -> Ids:
    """The symbol at which the cumulative probability passes `u`: inverse transform sampling.

    Args:
        p: (..., V) probabilities or odds; each row is taken relative to its sum.
        u: (...,) uniform random numbers in [0, 1).

    Returns:
        (...,) ids of symbols whose probability is above 0.
    """
    ids: Ids
    if p.ndim == 1:  # the faster way for one row
        cumulative = np.add.accumulate(p)
        ids = cumulative.searchsorted(u * cumulative[-1], side="right")
        return ids
    cumulative = np.add.accumulate(p, axis=-1)
    passed = cumulative > (u * cumulative[..., -1])[..., np.newaxis]
    ids = passed.argmax(axis=-1)
    return ids
