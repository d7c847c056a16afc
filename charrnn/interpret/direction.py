"""The direction between two texts: the difference of a network's mean states.

From text A to text B, in each of some states of all layers:

    direction = mean of the states while reading B - mean of the states while reading A

Strength times the direction is added at every step (`charrnn.interpret.steering`), so that the network generates as if
it were reading B; `charrnn.interpret.trial` shows what becomes of that. The first part of each text makes the direction;
the rest measures how well it tells the two apart.

Source: difference of means as a steering vector: A. Turner and others, "Steering Language Models With Activation
Engineering", 2023 (arXiv:2308.10248).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.evaluation.streams import MAX_STREAMS, WARM_UP, stretches
from charrnn.interpret.scores import areas, ranks
from charrnn.interpret.states import states_at
from charrnn.interpret.steering import Steering
from charrnn.interpret.units import Unit
from charrnn.model import CharRNN
from charrnn.numerics import Float, Ids
from charrnn.text.items import whole_items

TRAIN = 0.8
"""The part of each text that makes the direction."""
SAMPLED = 10_000
"""Characters of each part whose states are averaged, at most."""
Progress = Callable[[int], object]


def nothing(_: int) -> None:
    """No report of progress."""


@dataclass(frozen=True)
class Parts:
    """A text, cut in two."""

    train: str
    rest: str


@dataclass(frozen=True)
class Shift:
    """A unit that differs between the texts."""

    unit: Unit
    a: float
    """Its mean in A."""
    b: float
    """Its mean in B."""
    deviations: float
    """How many of its standard deviations these are apart."""


@dataclass(frozen=True)
class Direction:
    """The direction from one text to another."""

    steering: Steering
    area: float
    """How well it tells the rest of the texts apart: the area under the ROC curve of the states along it."""
    shifts: tuple[Shift, ...]
    """All units of it, those that differ most first."""


# --- the texts --------------------------------------------------------------------------------------------------------


def parts_of(text: str, item_end: str | None) -> Parts:
    """A text with its beginning, which is learned from, apart from the rest; of items both have whole ones.

    Args:
        text: the text.
        item_end: what ends each item, where each counts as a text of its own.
    """
    if item_end is None:
        middle = int(TRAIN * len(text))
        return Parts(text[:middle], text[middle:])
    items = [item for item in text.split(item_end) if item.strip()]
    middle = int(TRAIN * len(items))
    first, rest = items[:middle], items[middle:]
    return Parts("".join(i + item_end for i in first), "".join(i + item_end for i in rest))


# --- the direction ----------------------------------------------------------------------------------------------------


def find_direction(
    model: CharRNN,
    a: Parts,
    b: Parts,
    letters: Sequence[str],
    *,
    name: str = "A to B",
    item_end: str | None = None,
    progress: Progress = nothing,
) -> Direction:
    """The difference of a network's mean states over the beginnings of two texts, measured by the rest.

    Args:
        model: the model.
        a: the first text.
        b: the second.
        letters: the states that it goes through, in all layers.
        name: what it is called.
        item_end: what ends the items, of each of which the last state counts; None: the mean over all characters.
        progress: called with the number of symbols that were just read.
    """
    first, second = (_states(model, one.train, letters, item_end, progress) for one in (a, b))
    means = first.mean(0, dtype=np.float64), second.mean(0, dtype=np.float64)
    difference = means[1] - means[0]
    along = [
        _states(model, one.rest, letters, item_end, progress).astype(np.float64) @ difference
        for one in (a, b)
    ]
    labels = np.repeat(np.array([0, 1], np.float32), list(map(len, along)))[:, None]
    ranked = ranks(np.concatenate(along)[:, None].astype(np.float32))
    config = model.config
    units = tuple(
        Unit(layer, what, k)
        for what in letters
        for layer in range(config.num_layers)
        for k in range(config.hidden_size)
    )
    spread = np.sqrt((first.var(0) + second.var(0)) / 2)
    deviations = np.abs(difference) / np.maximum(spread, 1e-6)
    on, off = (tuple(mean.tolist()) for mean in (means[1], means[0]))
    return Direction(
        Steering("steer", name, model.fingerprint, units, on, off),
        float(areas(ranked, labels)[0, 0]),
        tuple(
            Shift(units[k], off[k], on[k], float(deviations[k]))
            for k in np.argsort(-deviations, kind="stable")
        ),
    )


def _states(
    model: CharRNN, text: str, letters: Sequence[str], item_end: str | None, progress: Progress
) -> Float:
    """States of all units of some letters at some places of a text, (K, U)."""
    ids: Ids = model.vocabulary.encode(text)
    end = None
    if item_end is None:
        places = np.arange(0, len(ids), -(-len(ids) // SAMPLED))
    else:
        end = int(model.vocabulary.encode(item_end)[0])
        ids = whole_items(ids, end)
        places = np.flatnonzero(ids == end)[1:] - 1
        places = places[:: -(-len(places) // SAMPLED)]
    streams = stretches(len(ids) + 1, min(MAX_STREAMS, max(1, len(ids) // (2 * WARM_UP))), WARM_UP)
    found = states_at(model, ids, places, streams, item_end=end, progress=progress)
    chosen = found[:, [model.cell.states.index(letter) for letter in letters]]
    return chosen.reshape(len(places), -1)
