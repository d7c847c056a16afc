"""How the gates of a network are used: the fraction of time each is shut or open, and how long memories last.

A gate is left-saturated where it is below 0.1 (shut), right-saturated where it is above 0.9 (open). Averages are over
time, for each unit by itself. A text is read in parts, of which only sums are kept.

Source: A. Karpathy, J. Johnson and L. Fei-Fei, "Visualizing and Understanding Recurrent Networks", 2015
(arXiv:1506.02078), which draws every unit of a gate as a point: right-saturated across, left-saturated up.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.interpret.units import letter_of
from charrnn.network.cells import CELLS
from charrnn.numerics import Float, Float64
from charrnn.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from charrnn.interpret.recording import Recording
    from charrnn.network.cells.base import Cell


SHUT, OPEN = 0.1, 0.9
"""The values below and above which a gate is saturated, as in the paper."""


@dataclass(frozen=True)
class GateUse:
    """How one gate was used by each unit, as arrays (L, H)."""

    name: str
    """The name of its array: its letter, and in an encoder the sign of its direction."""
    left: Float64
    """The fraction of time below SHUT."""
    right: Float64
    """The fraction of time above OPEN."""
    mean: Float64
    """The mean value over time."""
    is_memory_gate: bool
    """Whether the unit's memory is multiplied by it, as by the forget gate of an LSTM or the update gate z of a GRU."""

    @property
    def time_scale(self) -> Float64 | None:
        """1 / (1 - mean) in symbols, for a memory gate (else None); infinite if it was never below 1.

        A memory that loses the fraction 1 - mean at each step has about 1/e left after as many steps. The mean is over
        time, so a unit that keeps everything and is emptied every 50 symbols has a time scale of 50.
        """
        if not self.is_memory_gate:
            return None
        lost = 1 - self.mean
        return np.divide(1, lost, out=np.full_like(lost, np.inf), where=lost > 0)


@dataclass(frozen=True)
class Saturation:
    """How the gates of a network were used while it read a text."""

    symbols: int
    """T, the symbols read."""
    gates: tuple[GateUse, ...]
    """The sigmoid gates, in the order of the cell."""


def sigmoid_gates(cell: "Cell") -> tuple[str, ...]:
    """The gates of a cell from 0 to 1, which can saturate; not its candidates (g of an LSTM, n of a GRU).

    Raises:
        UsageError: the cell has none.
    """
    if not cell.sigmoids:
        gated = listed([name for name, other in CELLS.items() if other.sigmoids])
        raise UsageError(f"the {cell.name} cell has no gates", f"those with gates are {gated}")
    return cell.sigmoids


def saturation(parts: "Iterable[Recording]") -> Saturation:
    """How the gates were used while a text was read.

    Args:
        parts: the consecutive recordings of the text, with the arrays of the cell's sigmoid gates; of pairs, sources and
            targets in any order.

    Raises:
        DataError: there are no recordings.
        UsageError: the cell has no gates.
        CheckpointError: a gate is not a number, as happens when a model's weights are enormous.
    """
    sums: dict[str, Float64] = {}
    lengths: Counter[str] = Counter()
    symbols, memory_gate = 0, None
    for part in parts:
        cell = part.source.kind
        memory_gate = cell.memory_gate
        sigmoids = sigmoid_gates(cell)
        symbols += len(part.ids)
        for name in part.source.gates:
            if letter_of(name) in sigmoids:
                sums[name] = sums.get(name, 0) + _sums(part.arrays[name])
                lengths[name] += len(part.ids)
    if not symbols:
        raise DataError("there is no text to read")
    if not all(np.isfinite(total).all() for total in sums.values()):
        raise CheckpointError("the model's gates are not finite: its weights are too large")
    means = {name: total / lengths[name] for name, total in sums.items()}
    gates = [
        GateUse(name, m[0], m[1], m[2], letter_of(name) == memory_gate) for name, m in means.items()
    ]
    return Saturation(symbols, tuple(gates))


def _sums(values: Float) -> Float64:
    """The sums over time, (3, L, H), of a gate (T, L, H): steps at which it is shut, at which it is open, its values."""
    counts = [np.count_nonzero(part, axis=0) for part in (values < SHUT, values > OPEN)]
    return np.stack([*counts, values.sum(axis=0, dtype=np.float64)])
