"""Reading a text to learn from it, as a model was trained to read: running text, or lines, records or documents."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from charrnn.adapting.learner import Learner
from charrnn.config import AdaptingConfig
from charrnn.evaluation.evaluate import as_items, too_short
from charrnn.model import CharRNN
from charrnn.numerics import Ids
from charrnn.threads import threads_for


@dataclass(frozen=True)
class Learned:
    """A copy of a model that has learned from a text."""

    model: CharRNN
    characters: int
    """Symbols of the text that were predicted, and learned from."""
    nats: float
    """Their total cost in nats, each scored before it was learned from."""

    @property
    def bits_per_char(self) -> float:
        """Their mean cost in bits."""
        return self.nats / self.characters / math.log(2)


def learn(
    model: CharRNN,
    ids: Ids,
    config: AdaptingConfig,
    *,
    item_end: str | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Learned:
    """A copy of a model that has learned from a text; the model is unchanged.

    Args:
        model: the model.
        ids: the symbols of the text, (T,).
        config: how it learns.
        item_end: what ends the items that are read one by one; None: the text is read as one.
        progress: called with the number of characters that were just read.

    Raises:
        UsageError: the model cannot learn while it reads.
        DataError: the text is too short, or has only empty items.
        SettingError: the rate is too high.
    """
    ids, end = as_learned(model, ids, item_end)
    learner = Learner(model, config, end)
    with threads_for(1):
        nats = learner.learn(ids, progress)
    return Learned(learner.adapted(), len(ids) - 1, nats)


def as_learned(model: CharRNN, ids: Ids, item_end: str | None) -> tuple[Ids, int | None]:
    """The symbols as `Learner` is to read them, and the one that ends an item; for errors see `learn`."""
    if item_end is not None:
        ids = as_items(model, ids, item_end)
    if len(ids) < 2:
        raise too_short(len(ids))
    return ids, None if item_end is None else int(ids[0])
