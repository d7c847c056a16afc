"""What a network loses without some of its units, beside what it loses without others.

Units are taken out of every step, before anything reads them: the head, the layer above and the next step. They are held
at zero or at their mean over the text, or are given values that they had at other places of the text, drawn anew at
each step. The same is done to sets of as many other units of the same states and layers, drawn at random: what a network
loses without any unit says nothing about these.

The intervals are those of a bootstrap over stretches of STRETCH characters, whose losses hang together; a short text has
FEWEST_STRETCHES, shorter ones.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from charrnn.evaluation.evaluate import too_short
from charrnn.evaluation.streams import MAX_STREAMS, stretches
from charrnn.interpret.costs import CLASSES, STREAM, WARM_UP, classes_of, costs, scored_streams
from charrnn.interpret.edits import Change, EditedOps
from charrnn.interpret.states import Positions, states_at
from charrnn.interpret.units import Unit
from charrnn.model import CharRNN
from charrnn.network.numpy_ops import NumpyOps
from charrnn.numerics import Float, Float64, Ids
from charrnn.text.items import whole_items

How = Literal["zero", "mean", "resample"]

SETS = 30
"""Random sets of units that are taken out too."""
POOL = 2_000
"""Places of the text whose values are drawn from."""
STRETCH, FEWEST_STRETCHES = 200, 20
RESAMPLES = 1_000
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap."""


@dataclass(frozen=True)
class Loss:
    """What predictions cost more, in bits per character."""

    bits: float
    interval: tuple[float, float] | None
    """The bootstrap's; None if all of these predictions are in one stretch."""
    count: int
    """The predictions."""
    random: tuple[float, ...] = ()
    """What they cost more without each random set of units."""

    @property
    def percentile(self) -> float:
        """The part of the random sets without which they cost less, in percent."""
        return 100 * float(np.mean(np.array(self.random) < self.bits)) if self.random else 0.0


@dataclass(frozen=True)
class Ablation:
    """What a network loses without some units."""

    units: tuple[Unit, ...]
    how: How
    bits: float
    """Bits per character of the whole network."""
    total: Loss
    classes: dict[str, Loss]
    """The loss for each class of predicted characters; classes that do not occur are left out."""


def ablate(
    model: CharRNN,
    ids: Ids,
    units: Sequence[Unit],
    *,
    how: How = "mean",
    sets: int = SETS,
    seed: int = 0,
    item_end: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Ablation:
    """What predicting a text costs more without some units.

    Args:
        model: the model.
        ids: (T,) the symbols of the text; at most SCORED of them, evenly spread, are scored.
        units: units of states.
        how: what takes their place.
        sets: random sets of as many other units that are taken out for comparison; there are none if a state of a
            layer has fewer others.
        seed: the seed of these sets, of the values that are drawn, and of the bootstrap.
        item_end: the symbol at which the state is reset, in a model of lines, records or documents.
        progress: called with the number of symbols that were just read.

    Raises:
        DataError: there is nothing to predict in the text.
    """
    measured = _Measured(model, ids, how, seed, item_end, progress)
    lost = measured.lost(units, seed)
    sets = sets if has_as_many_others(model, units) else 0
    others = [
        measured.lost(as_many_others(model, units, measured.random), seed + 1 + k)
        for k in range(sets)
    ]
    return measured.ablation(units, lost, others)


def ablate_each(
    model: CharRNN,
    ids: Ids,
    units: Sequence[Unit],
    *,
    sets: int = SETS,
    item_end: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> list[Ablation]:
    """What predicting a text costs more without each of some units, held at its mean.

    Those of a state of a layer are compared with the same others, at most `sets`, drawn at random, so that the text is
    read less often than by `ablate` for one after the other. For the arguments see there.
    """
    measured = _Measured(model, ids, "mean", 0, item_end, progress)
    random: dict[tuple[int, str], list[Float64]] = {}
    found = []
    for unit in units:
        key = unit.layer, unit.what
        if key not in random:
            own = {one.index for one in units if (one.layer, one.what) == key}
            free = [k for k in range(model.config.hidden_size) if k not in own]
            drawn = measured.random.permutation(np.array(free, np.int64))[:sets]
            random[key] = [measured.lost([Unit(*key, int(k))], 0) for k in drawn]
        found.append(measured.ablation([unit], measured.lost([unit], 0), random[key]))
    return found


class _Measured:
    """A text whose predictions were measured with all units, to be compared with those without some."""

    def __init__(
        self,
        model: CharRNN,
        ids: Ids,
        how: How,
        seed: int,
        item_end: int | None,
        progress: Callable[[int], object],
    ) -> None:
        self.random = np.random.default_rng(seed)
        if item_end is not None:
            ids = whole_items(ids, item_end)
        if len(ids) < 2:
            raise too_short(len(ids))
        self._model, self._ids, self._how, self._progress = model, ids, how, progress
        self._streams = scored_streams(ids, item_end)
        self._pool = _pool(model, ids, self.random, item_end)
        self._whole, places = costs(model, ids, self._streams, progress)
        self._classes = classes_of(model, ids[places])

    def lost(self, units: Sequence[Unit], seed: int) -> Float64:
        """What each prediction costs more without some units."""
        edited = without(self._model, units, self._how, self._pool, seed)
        return costs(edited, self._ids, self._streams, self._progress)[0] - self._whole

    def ablation(self, units: Sequence[Unit], lost: Float64, others: list[Float64]) -> Ablation:
        """What is lost in total and by class, beside what is lost without others."""
        classes = {name: self._classes == k for k, name in enumerate(CLASSES)}
        return Ablation(
            tuple(units),
            self._how,
            float(self._whole.mean()),
            _loss(lost, others, np.ones(len(lost), bool), self.random),
            {
                name: _loss(lost, others, which, self.random)
                for name, which in classes.items()
                if which.any()
            },
        )


def without(model: CharRNN, units: Sequence[Unit], how: How, pool: Float, seed: int = 0) -> CharRNN:
    """A model without some units.

    Args:
        model: the model.
        units: the units.
        how: what takes their place.
        pool: (places, states, L, H) values of all units at some places of a text.
        seed: the seed of the values that are drawn.
    """
    states = model.cell.states
    ops: list[NumpyOps | None] = []
    start = {letter: rows.copy() for letter, rows in model.start.items()}
    for layer in range(model.config.num_layers):
        own: dict[str, tuple[list[int], Float]] = {}
        for k, letter in enumerate(states):
            taken = [u.index for u in units if (u.layer, u.what) == (layer, letter)]
            if taken:
                values = pool[:, k, layer, taken]
                own[letter] = taken, values
                start[letter][layer, taken] = 0 if how == "zero" else values.mean(0)
        ops.append(_ops(own, how, seed + layer) if own else None)
    return model.with_ops(ops, start, [f"without {unit}" for unit in units])


def _ops(own: dict[str, tuple[list[int], Float]], how: How, seed: int) -> NumpyOps:
    if how == "resample":
        return _Resampled(own, seed)
    none = np.array([], np.intp), np.array([], np.float32)
    held = {
        letter: values.mean(0) if how == "mean" else np.zeros(len(taken), np.float32)
        for letter, (taken, values) in own.items()
    }
    return EditedOps(
        {
            letter: Change(np.array(taken, np.intp), held[letter], *none)
            for letter, (taken, _) in own.items()
        }
    )


class _Resampled(NumpyOps):
    """The functions of a layer's step, in which some units have values that they had elsewhere."""

    def __init__(self, own: dict[str, tuple[list[int], Float]], seed: int) -> None:
        self._own, self._random = own, np.random.default_rng(seed)

    def state(self, name: str, x: Float) -> Float:  # type: ignore[override]
        """A state, (N, H) or (H,), some units of which are drawn."""
        if name not in self._own:
            return x
        taken, values = self._own[name]
        x = x.copy()
        x[..., taken] = values[self._random.integers(len(values), size=x.shape[:-1])]
        return x


# --- what is measured -------------------------------------------------------------------------------------------------


def _pool(model: CharRNN, ids: Ids, random: np.random.Generator, item_end: int | None) -> Float:
    """The values of all units at some places of a text, (POOL, states, L, H)."""
    T = len(ids)
    places = np.unique(random.integers(T, size=min(T, POOL)))
    streams = stretches(T + 1, min(MAX_STREAMS, max(1, T // STREAM)), WARM_UP)
    return states_at(model, ids, places, streams, item_end=item_end)


def has_as_many_others(model: CharRNN, units: Sequence[Unit]) -> bool:
    """Whether each state of a layer has at least as many units besides these."""
    taken = Counter((unit.layer, unit.what) for unit in units)
    return 2 * max(taken.values()) <= model.config.hidden_size


def as_many_others(
    model: CharRNN, units: Sequence[Unit], random: np.random.Generator
) -> list[Unit]:
    """Other units of the same states and layers, as many of each."""
    found: list[Unit] = []
    for layer, what in dict.fromkeys((unit.layer, unit.what) for unit in units):
        own = {u.index for u in units if (u.layer, u.what) == (layer, what)}
        others = [k for k in range(model.config.hidden_size) if k not in own]
        chosen: Positions = random.choice(others, size=len(own), replace=False)
        found += [Unit(layer, what, int(k)) for k in chosen]
    return found


def _loss(
    lost: Float64, others: Sequence[Float64], which: Positions, random: np.random.Generator
) -> Loss:
    """The mean of what some predictions cost more, with its interval and that of the random sets."""
    own = lost[which]
    stretch = max(1, min(STRETCH, len(lost) // FEWEST_STRETCHES))
    return Loss(
        float(own.mean()),
        _interval(own, np.flatnonzero(which) // stretch, random),
        int(which.sum()),
        tuple(float(other[which].mean()) for other in others),
    )


def _interval(
    own: Float64, stretches: Positions, random: np.random.Generator
) -> tuple[float, float] | None:
    """The interval of the mean of some losses, if the stretches that have any are drawn anew; None if it is one."""
    _, number = np.unique(stretches, return_inverse=True)
    sums, counts = np.bincount(number, own), np.bincount(number)
    if len(sums) < 2:
        return None
    drawn = random.integers(len(sums), size=(RESAMPLES, len(sums)))
    low, high = np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), INTERVAL)
    return float(low), float(high)
