"""Probes of what holds at each character of a text.

    text    | fitted, checked, fitted ...   | gap | held out                    |
              the first half                        the second

Characters of each half are looked at, evenly spread; all are read.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from charrnn.errors import DataError
from charrnn.evaluation.streams import MAX_STREAMS, WARM_UP, stretches
from charrnn.interpret.halves import SAMPLED
from charrnn.interpret.labeling import FEWEST, Labeling, is_common
from charrnn.interpret.probing.controls import Probe, columns_of, probed, untrained_like
from charrnn.interpret.probing.kinds import Number, Truth
from charrnn.interpret.probing.readout import Columns, Parts, Rows
from charrnn.interpret.states import Positions, states_at
from charrnn.interpret.units import Unit, units_of
from charrnn.model import CharRNN
from charrnn.numerics import Float, Ids

GAP = 1_000
"""Characters between the halves that are not looked at; a twentieth of the text if that is less."""
BLOCKS, EACH = 20, 5
"""The parts of the first half, of which one out of so many is checked and the rest fitted."""
FEWEST_CHECKED = 10
"""Characters of the checked part with a label, and without it, that are needed; of the other parts FEWEST."""
SHORTEST = 1_000
"""The fewest characters of a text."""
NEAREST = 0.1
"""The shortest distance by which labels are moved, as a part of the half."""


def probe(
    model: CharRNN,
    ids: Ids,
    labelings: Iterable[Labeling],
    *,
    units: Sequence[Unit] | None = None,
    samples: int = SAMPLED,
    untrained: bool = True,
    seed: int = 0,
    item_end: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> list[Probe]:
    """What can be read from all units together; concepts that are too rare in a part are left out.

    Args:
        model: the model.
        ids: (T,) the symbols of a text.
        labelings: the concepts; only those labels are kept that are looked at.
        units: the units that are read; None: all of all states.
        samples: the most characters of each half that are looked at.
        untrained: whether an untrained network is probed too.
        seed: the seed of the moved labels and of the untrained network.
        item_end: the symbol at which the state is reset, in a model of lines, records or documents.
        progress: called with the number of symbols that were just read, by the model or by the untrained one, and with 0
            after each concept.

    Raises:
        DataError: the text is too short.
    """
    if len(ids) < SHORTEST:
        raise DataError(
            f"a text needs at least {SHORTEST:,} characters for a probe, not {len(ids):,}"
        )
    places, rows = _parts(len(ids), samples)
    seen = (dataclasses.replace(one, values=one.values[places]) for one in labelings)
    common = [one for one in seen if _is_common(one, rows)]
    if not common:
        return []
    every = units_of(model)
    taken = list(units) if units is not None else every

    def states(network: CharRNN) -> Float:
        T = len(ids)
        streams = stretches(T + 1, min(MAX_STREAMS, max(1, T // (2 * WARM_UP))), WARM_UP)
        read = states_at(network, ids, places, streams, item_end=item_end, progress=progress)
        return columns_of(read.reshape(len(places), -1), taken, every)

    own = states(model)
    other = states(untrained_like(model, seed)) if untrained else None
    random = np.random.default_rng(seed)
    parts = Parts.of(own, common[0].values, rows)
    others = None if other is None else Parts.of(other, common[0].values, rows)
    del own, other
    made = []
    for one in common:
        labels = one.values
        made.append(
            probed(
                one.name,
                Number() if one.is_number else Truth(),
                parts.labeled(labels, rows),
                units=taken,
                shuffled=_moved(labels, rows, random),
                rows=rows,
                untrained=others.labeled(labels, rows) if others else None,
            )
        )
        progress(0)
    return made


def _parts(length: int, samples: int) -> tuple[Positions, Rows]:
    """Evenly spread places of a text, and which of them belong to each part."""
    gap = min(GAP, length // 20)
    end, begin = (length - gap) // 2, (length + gap) // 2
    step = -(-(length - begin) // samples)
    first, second = np.arange(0, end, step), np.arange(begin, length, step)
    number = np.arange(len(first))
    is_checked = number * BLOCKS // len(first) % EACH == EACH // 2
    return np.concatenate([first, second]), Rows(
        number[~is_checked], number[is_checked], len(first) + np.arange(len(second))
    )


def _is_common(labeling: Labeling, rows: Rows) -> bool:
    """Whether a concept is common enough, and not too common, in each part."""
    return all(
        is_common(labeling, labeling.values[part], fewest)
        for part, fewest in zip(rows, (FEWEST, FEWEST_CHECKED, FEWEST), strict=True)
    )


def _moved(labels: Float, rows: Rows, random: np.random.Generator) -> Float:
    """The labels of each half, moved around by a random distance."""
    first: Columns = np.arange(len(labels) - len(rows.held_out))
    moved = labels.copy()
    for half in (first, rows.held_out):
        nearest = max(1, int(NEAREST * len(half)))
        moved[half] = np.roll(labels[half], random.integers(nearest, len(half) - nearest))
    return moved
