"""How the gates of a network are used: the part of the time that each is shut, is open, and how long memories last.

A gate is left-saturated where it is below 0.1 (shut), right-saturated where it is above 0.9 (open). What is averaged is
time, for every unit by itself. A text is read in parts, and only sums are kept.

Source: A. Karpathy, J. Johnson and L. Fei-Fei, "Visualizing and Understanding Recurrent Networks", 2015
(arXiv:1506.02078), which draws every unit of a gate as a point: right-saturated across, left-saturated up.
"""

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.network.cells import get_cell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from charrnn.interpret.recording import Recording
    from charrnn.model import Float
    from charrnn.network.cells.base import Cell

Parts = npt.NDArray[np.float64]

SHUT, OPEN = 0.1, 0.9
"""Below and above these a gate is saturated, as in the paper."""


@dataclass(frozen=True)
class GateUse:
    """How one gate of every unit was used, arrays (L, H)."""

    name: str
    """Its letter."""
    left: Parts
    """The part of the time below SHUT, from 0 to 1."""
    right: Parts
    """The part of the time above OPEN."""
    mean: Parts
    """The value, on average over time."""
    keeps: bool
    """Whether the unit's memory is multiplied by it: the forget gate of an LSTM, the update gate z of a GRU."""

    @property
    def time_scale(self) -> Parts | None:
        """1 / (1 - mean), in characters, of a gate that keeps; infinite if it was never below 1.

        A memory that loses the part 1 - mean at each step has after so many steps about 1/e left. The mean is that
        over time, so a unit that keeps everything and is emptied every 50 characters has 50.
        """
        if not self.keeps:
            return None
        lost = 1 - self.mean
        return np.divide(1, lost, out=np.full_like(lost, np.inf), where=lost > 0)


@dataclass(frozen=True)
class Saturation:
    """How the gates of a network were used while it read a text."""

    symbols: int
    """T, how many were read."""
    gates: tuple[GateUse, ...]
    """In the order of the cell, without candidates."""


def sigmoid_gates(cell: "Cell") -> tuple[str, ...]:
    """The gates of a cell that can saturate at 0 and at 1; the candidates (g of an LSTM, n of a GRU) are no such gates.

    Raises:
        UsageError: the cell has none.
    """
    if not cell.sigmoids:
        raise UsageError(
            f"the {cell.name} cell has no gates", "those with gates are lstm, gru and peephole"
        )
    return cell.sigmoids


def saturation(parts: "Iterable[Recording]") -> Saturation:
    """How the gates were used in a text.

    Args:
        parts: the recordings of the text, one after the other, with the arrays of the cell's sigmoid gates; of a
            short text it may be one: saturation([recording]).

    Raises:
        DataError: there are none.
        UsageError: the cell has no gates.
        CheckpointError: a gate is not a number, as happens when a model's weights are enormous.
    """
    parts = iter(parts)
    first = next(parts, None)
    if first is None:
        raise DataError("there is no text to read")
    cell = get_cell(first.source.cell)
    sums = {name: np.zeros((3, *first.arrays[name].shape[1:])) for name in sigmoid_gates(cell)}
    symbols = 0
    for part in itertools.chain([first], parts):
        symbols += len(part.ids)
        for name in sums:
            sums[name] += _sums(part.arrays[name])
    if not all(np.isfinite(total).all() for total in sums.values()):
        raise CheckpointError("the model's gates are not finite: its weights are too large")
    means = {name: total / symbols for name, total in sums.items()}
    gates = [GateUse(name, m[0], m[1], m[2], name == cell.memory_gate) for name, m in means.items()]
    return Saturation(symbols, tuple(gates))


def _sums(values: "Float") -> Parts:
    """Of a gate (T, L, H), over time: where it is shut, where it is open, its values. Shape (3, L, H)."""
    counts = [np.count_nonzero(part, axis=0) for part in (values < SHUT, values > OPEN)]
    return np.stack([*counts, values.sum(axis=0, dtype=np.float64)])
