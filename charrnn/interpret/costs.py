"""What each symbol of a text costs a network, in bits, and the class of characters that it is of."""

from collections.abc import Callable

import numpy as np

from charrnn.evaluation.predictions import Predictor
from charrnn.evaluation.streams import MAX_STREAMS, Streams, item_streams, stretches
from charrnn.interpret.states import Positions
from charrnn.model import CharRNN
from charrnn.numerics import Float64, Ids
from charrnn.text.items import item_bounds

SCORED = 20_000
"""Characters of the text that are scored, at most."""
WARM_UP, STREAM = 128, 512
"""Symbols that a stream reads before those it scores, and those."""

CLASSES: dict[str, Callable[[str], bool]] = {
    "opening brackets": lambda c: c in "([{",
    "closing brackets": lambda c: c in ")]}",
    "quotes": lambda c: c in "\"'“”‘’«»`",
    "newlines": lambda c: c == "\n",
    "blanks": str.isspace,
    "digits": str.isdigit,
    "capitals": str.isupper,
    "letters": str.isalpha,
    "others": lambda c: True,  # noqa: ARG005 (the rest)
}
"""Classes of characters; each belongs to the first that takes it."""


def scored_streams(ids: Ids, item_end: int | None) -> Streams:
    """Streams that score about SCORED symbols of a text, evenly spread; of items each one by itself."""
    if item_end is None:
        # a short text is read in as many streams as a long one, because a step of many takes little longer
        length = max(WARM_UP, min(STREAM, len(ids) // (SCORED // STREAM)))
        made = stretches(len(ids), max(1, (len(ids) - 1) // length), WARM_UP)
        every = np.arange(len(made))
    else:
        made = item_streams(item_bounds(ids, item_end))
        every = np.argsort(made.begin)
    most = max(1, len(made) * SCORED // len(ids))
    if len(made) > most:
        every = np.sort(every[np.linspace(0, len(made) - 1, most).astype(np.int64)])
    return Streams(made.first[every], made.begin[every], made.end[every])


def costs(
    model: CharRNN, ids: Ids, streams: Streams, progress: Callable[[int], object]
) -> tuple[Float64, Positions]:
    """The bits that each scored symbol costs, and its place, in the order of the text."""
    nats, places = [], []
    for group in streams.groups(MAX_STREAMS):
        for made in Predictor(model, model.initial_state(len(group))).predict(ids, group):
            nats.append(made.nats)
            places.append(made.places)
            progress(len(made.nats))
    where = np.concatenate(places)
    order = np.argsort(where)
    return np.concatenate(nats)[order] / np.log(2), where[order]


def classes_of(model: CharRNN, ids: Ids) -> Positions:
    """The number of the class of each symbol; parts of characters are among the others."""
    symbols = [model.vocabulary.decode(np.array([k])) for k in range(len(model.vocabulary))]
    of_symbol = np.array([_class_of(symbol) for symbol in symbols])
    return of_symbol[ids]


def _class_of(symbol: str) -> int:
    tests = list(CLASSES.values())
    if len(symbol) != 1:
        return len(tests) - 1
    return next(k for k, takes in enumerate(tests) if takes(symbol))
