"""The learning rate of a network that learns while it reads: the best of several on a given text."""

import dataclasses
import math
from collections.abc import Callable

from charrnn.adapting.learner import Learner
from charrnn.config import ADAPTING_RATES, HIGHEST_ADAPTING_RATES, AdaptingConfig
from charrnn.errors import SettingError
from charrnn.model import CharRNN
from charrnn.numerics import Ids
from charrnn.threads import threads_for

FACTOR = 10**0.5
"""Ratio of two neighboring rates that are tried."""
MOST_TRIED = 8
"""Maximum number of rates tried."""
MOST_CHOSEN_ON = 20_000
"""Maximum symbols, from the beginning of the text, on which the rate is chosen."""


def choose_rate(
    model: CharRNN,
    ids: Ids,
    end: int | None,
    config: AdaptingConfig,
    *,
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[AdaptingConfig, dict[float, float]]:
    """The settings with the best rate: a search from the default rate, upwards or downwards as long as that helps.

    Args:
        model: the model.
        ids: the text on which the rate is chosen, (T,); at most MOST_CHOSEN_ON symbols of it are read.
        end: see `Learner`.
        config: the other settings.
        progress: called with the number of symbols that were just read.

    Returns:
        The settings, and the nats per symbol at each rate that was tried.
    """
    ids = ids[: MOST_CHOSEN_ON + 1]
    tried: dict[float, float] = {}

    def cost(exponent: int) -> float:
        """Nats per symbol at the usual rate, changed by some factors."""
        rate = float(f"{ADAPTING_RATES[config.adapt_rule] * FACTOR**exponent:.2g}")
        if rate > HIGHEST_ADAPTING_RATES[config.adapt_rule]:
            return math.inf
        if rate not in tried:
            own = dataclasses.replace(config, adapt_rate=rate)
            tried[rate] = _nats(Learner(model, own, end), ids, progress)
        return tried[rate]

    with threads_for(1):
        best = min((0, -1, 1), key=cost)
        step = 1 if best > 0 else -1
        while best and len(tried) < MOST_TRIED and cost(best + step) < cost(best):
            best += step
    rate = min(tried, key=tried.__getitem__)
    return dataclasses.replace(config, adapt_rate=rate), tried


def _nats(learner: Learner, ids: Ids, progress: Callable[[int], object]) -> float:
    """Nats per symbol; infinite where the weights grow without bound."""
    try:
        return learner.learn(ids, progress) / (len(ids) - 1)
    except SettingError:
        return math.inf
