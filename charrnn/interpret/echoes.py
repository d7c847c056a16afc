"""Networks that have learnt nothing, and how much better than their units a unit must be.

Their numbers are those of the model, in another order, so that they hold the characters that they have just read as a
network with weights of this size does.
"""

import numpy as np

from charrnn.model import CharRNN
from charrnn.numerics import Float64

MARGIN = 5.0
"""Standard deviations that a find must lie above their mean."""
LEAST_SPREAD = 0.02
"""The smallest such deviation that is believed."""


def shuffled(model: CharRNN, seed: int) -> CharRNN:
    """A copy of a model with the numbers of each weight array in another order."""
    random = np.random.default_rng(seed)
    weights = {
        name: random.permutation(array.ravel()).reshape(array.shape)
        for name, array in model.weights.items()
    }
    return CharRNN(model.config, model.vocabulary, weights, model.head_kind)


def best_and_needed(scores: Float64, *, is_number: bool) -> tuple[float, float]:
    """The best score of such networks, and the score above which a find is more than an echo; 0 if there are none.

    Args:
        scores: that of the best unit of each network.
        is_number: whether they are correlations, and not areas.
    """
    if not len(scores):
        return 0.0, 0.0
    stretched = _stretched(scores, is_number=is_number)
    spread = max(float(stretched.std(ddof=1)) if len(scores) > 1 else 0.0, LEAST_SPREAD)
    margin = _shrunk(float(stretched.mean()) + MARGIN * spread, is_number=is_number)
    best = float(scores.max())
    return best, max(best, margin)


def _stretched(score: Float64, *, is_number: bool) -> Float64:
    """Scores on a scale without an end, so that a distance means as much near a perfect score as elsewhere."""
    inside = np.clip(score, 0.0005, 0.9995)
    return np.asarray(np.arctanh(inside) if is_number else np.log(inside / (1 - inside)))


def _shrunk(stretched: float, *, is_number: bool) -> float:
    """The score at a place of that scale."""
    return float(np.tanh(stretched) if is_number else 1 / (1 + np.exp(-stretched)))
