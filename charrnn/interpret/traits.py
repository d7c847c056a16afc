"""Units that stand out without any concept: by how long they hold their values, by having two, or by being rarely on.

These are figures of single units and prove nothing: a network with random weights has such units too, and one that holds
its value for long may hold it for no purpose.

The moments are those at the characters at which concepts are looked at. The time scale needs consecutive characters,
which are read with them: RUNS excerpts of RUN characters, spread over the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.evaluation.streams import excerpts
from charrnn.interpret.moments import LONGEST_LAG, autocorrelation, moments, time_scales
from charrnn.interpret.states import Positions
from charrnn.interpret.units import Unit
from charrnn.numerics import Float, Float64

RUNS, RUN = 8, 1024
LEAST_DEVIATION = 0.01
"""The smallest standard deviation of a unit that is listed; others do next to nothing."""
KINDS = ("time scale", "bimodality", "sparsity")


@dataclass(frozen=True)
class Trait:
    """A unit that stands out without any concept."""

    kind: str
    """One of KINDS."""
    unit: Unit
    figure: float
    """Characters after which its autocorrelation falls below 1/e, at most LONGEST_LAG; Sarle's coefficient; or
    1 - mean(|v|)² / mean(v²)."""

    @property
    def is_least(self) -> bool:
        """Whether the figure is the longest time that is measured, and the true one may be longer."""
        return self.kind == "time scale" and self.figure >= LONGEST_LAG


def consecutive(length: int) -> list[Positions]:
    """Excerpts of a text of some length, each of consecutive places; all of a short one."""
    if length <= RUNS * RUN:
        return [np.arange(length)]
    begins = excerpts(length + 1, RUNS, RUN, 0).begin.tolist()
    return [np.arange(begin, begin + RUN) for begin in begins]


def standing_out(
    units: Sequence[Unit], values: Float, runs: Sequence[Float], count: int
) -> list[Trait]:
    """The `count` units that stand out most in each of KINDS, the first of equal ones.

    Args:
        units: the units.
        values: (K, U) their values at places spread over a text.
        runs: their values at consecutive places, (T, U) each.
        count: how many are listed.
    """
    lie = moments(values)
    correlation = autocorrelation(runs)
    scales = time_scales(correlation).astype(np.float64)
    moves = lie.deviation > LEAST_DEVIATION
    figures = {
        # among those that outlast the longest lag, the one that has kept most
        "time scale": (scales, scales + np.clip(correlation[-1], 0, 1) * (scales >= LONGEST_LAG)),
        "bimodality": (lie.bimodality, lie.bimodality),
        "sparsity": (lie.sparsity, lie.sparsity),
    }
    return [
        Trait(kind, units[u], float(figure[u]))
        for kind, (figure, order) in figures.items()
        for u in _largest(np.where(moves, order, -np.inf), count)
    ]


def _largest(order: Float64, count: int) -> list[int]:
    best = np.argsort(-order, kind="stable")[:count]
    return [int(u) for u in best if np.isfinite(order[u])]
