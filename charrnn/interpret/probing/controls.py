"""A probe's result beside its controls, and how many units it needs.

A linear read-out of hundreds of units finds something in any labels, and a network that has learned nothing still holds
the characters that it has just read. So the same read-out, its penalty and threshold chosen anew, is made

-  of shuffled labels: those of a text are moved along each half, around its end, so that they stay as slow and as
   frequent as the true ones; those of lines are permuted. What is left of the score then is selectivity.
-  from an untrained network: one of the same shape, with weights as they are before training.

Sources: J. Hewitt and P. Liang, "Designing and Interpreting Probes with Control Tasks", 2019 (arXiv:1909.03368), whose
control labels are random for each word; K. Zhang and S. Bowman, "Language Modeling Teaches You More than Translation
Does", 2018 (arXiv:1809.10040), for the network without training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.interpret.probing.readout import ENOUGH, Kind, Labels, Parts, Readout, Rows, Step
from charrnn.interpret.units import Unit
from charrnn.model import CharRNN
from charrnn.network.untrained import untrained_weights
from charrnn.numerics import Float


@dataclass(frozen=True)
class Weighted:
    """A unit of a read-out."""

    unit: Unit
    weight: float
    """That of its standardized values; with several labels the length of its weights."""


@dataclass(frozen=True)
class Size:
    """A read-out from few units."""

    units: tuple[Weighted, ...]
    """The largest weights first."""
    score: float
    """The score on the held-out part."""


@dataclass(frozen=True)
class Probe:
    """What can be read from all units, beside controls. Scores are those of the held-out part."""

    name: str
    measure: str
    """The name of the score."""
    readout: Readout
    units: int
    """The units that are read."""
    baseline: float
    """The score without any unit: of always, of the mean, or of the most frequent label."""
    shuffled: Readout
    """The read-out of shuffled labels."""
    untrained: Readout | None
    """That from an untrained network; None: there is none."""
    sizes: tuple[Size, ...]
    """Read-outs from few units, the fewest first."""

    @property
    def score(self) -> float:
        """The score from all units."""
        return self.readout.score

    @property
    def selectivities(self) -> dict[str, float]:
        """How much higher each score is than that of shuffled labels, or than 0 if that one is lower."""
        others = self.shuffled.scores
        return {name: own - max(0.0, others[name]) for name, own in self.readout.scores.items()}

    @property
    def selectivity(self) -> float:
        """The first of these, that of the score."""
        return next(iter(self.selectivities.values()))

    @property
    def enough(self) -> Size | None:
        """The fewest units with a part ENOUGH of the score from all; None: all are needed, or nothing is read."""
        if self.score <= 0:
            return None
        return next((size for size in self.sizes if size.score >= ENOUGH * self.score), None)


def probed(
    name: str,
    kind: Kind,
    parts: Parts,
    *,
    units: Sequence[Unit],
    shuffled: Labels,
    rows: Rows,
    untrained: Parts | None = None,
) -> Probe:
    """A read-out with its controls.

    Args:
        name: what is read.
        kind: what it is: a truth value, a number, a label.
        parts: the states with the labels.
        units: the unit of each column of the states.
        shuffled: (K,) other labels, of all rows.
        rows: the rows of the parts.
        untrained: the states of an untrained network with the labels.
    """
    sizes = [_size(step, units) for step in kind.path(parts)]
    return Probe(
        name,
        kind.measure,
        kind.read_out(parts),
        len(units),
        kind.baseline(parts.fitted.labels, parts.held_out.labels),
        kind.read_out(parts.labeled(shuffled, rows)),
        kind.read_out(untrained) if untrained else None,
        tuple(sorted(sizes, key=lambda size: len(size.units))),
    )


def _size(step: Step, units: Sequence[Unit]) -> Size:
    weights = step.readout.weights
    order = np.argsort(-np.abs(weights), kind="stable")
    own = tuple(Weighted(units[step.columns[k]], float(weights[k])) for k in order)
    return Size(own, step.readout.score)


def untrained_like(model: CharRNN, seed: int) -> CharRNN:
    """A network of a model's shape, with weights as they are before training."""
    weights = untrained_weights(model.config, model.head_kind, seed)
    return CharRNN(model.config, model.vocabulary, weights, model.head_kind)


def columns_of(states: Float, units: Sequence[Unit], all_units: Sequence[Unit]) -> Float:
    """The columns of some units, of states (K, all units)."""
    if len(units) == len(all_units):
        return states
    number = {unit: k for k, unit in enumerate(all_units)}
    return states[:, [number[unit] for unit in units]]
