"""What may come next, and how likely: each rule is a function over numbers, and knows no model.

Order: banned symbols, temperature, top-k, top-p. Each leaves at least one symbol.
"""

import math

import numpy as np
import numpy.typing as npt

from charrnn.errors import CheckpointError

Float64 = npt.NDArray[np.float64]


def probabilities(logits: npt.NDArray[np.floating], temperature: float) -> Float64:
    """softmax(logits / temperature) over (V,), in float64.

    The largest logit is subtracted first, so that no temperature above 0 overflows. Temperature 0
    is the limit: all probability on the likeliest symbol, the first of them if several are.

    Raises:
        CheckpointError: the logits overflowed, as they do when a model's weights are enormous.
    """
    shifted: Float64 = logits.astype(np.float64)
    largest = shifted.max()
    if not math.isfinite(largest):
        raise CheckpointError("the model's predictions are not finite: its weights are too large")
    shifted -= largest
    if temperature == 0:
        likeliest = np.zeros_like(shifted)
        likeliest[shifted.argmax()] = 1.0
        return likeliest
    with np.errstate(over="ignore", under="ignore"):  # a quotient of -inf is a probability of 0
        shifted /= temperature
        np.exp(shifted, out=shifted)
    shifted /= shifted.sum()
    return shifted


def top_k(p: Float64, k: int) -> Float64:
    """Keep the k largest probabilities (0: all; on a tie the lower ids), made to sum to 1 again."""
    if k == 0 or k >= len(p):
        return p
    return _keep(p, np.argsort(-p, kind="stable")[:k])


def top_p(p: Float64, mass: float) -> Float64:
    """Keep the fewest largest probabilities whose sum reaches `mass`, made to sum to 1 again.

    Nucleus sampling: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration".
    """
    if mass >= 1:
        return p
    order = np.argsort(-p, kind="stable")
    count = int(np.searchsorted(np.cumsum(p[order]), mass)) + 1
    return _keep(p, order[:count])


def _keep(p: Float64, kept: npt.NDArray[np.integer]) -> Float64:
    rest = np.zeros_like(p)
    rest[kept] = p[kept]
    rest /= rest.sum()
    return rest


def draw(p: Float64, u: float) -> int:
    """The symbol at which the cumulated probability passes `u`, a number from 0 up to 1."""
    cumulated = p.cumsum()
    return int(cumulated.searchsorted(u * cumulated[-1], side="right"))
