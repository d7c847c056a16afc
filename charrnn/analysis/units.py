"""Units by their addresses, and which of them are worth a look.

An address is `L0.c.37`: layer (from 0), state or gate, index.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from charrnn.errors import UsageError

if TYPE_CHECKING:
    from charrnn.model import CharRNN

ADDRESS = re.compile(r"L(\d{1,3})\.([a-z_]+)\.(\d{1,6})")


@dataclass(frozen=True)
class Unit:
    """One number of a network's state."""

    layer: int
    what: str
    index: int

    def __str__(self) -> str:
        return f"L{self.layer}.{self.what}.{self.index}"


def parse_unit(address: str, model: "CharRNN") -> Unit:
    """The unit at an address.

    Raises:
        UsageError: it is no address, or the model has no such layer, state, gate or unit.
    """
    match = ADDRESS.fullmatch(address)
    if not match:
        expected = "a unit's address looks like L0.c.37 (layer, state or gate, index)"
        raise UsageError(f"{expected}, not {address!r}")
    unit = Unit(int(match[1]), match[2], int(match[3]))
    require_array(unit.what, model)
    config = model.config
    if unit.layer >= config.num_layers:
        raise UsageError(f"{address}: the model has layers 0 to {config.num_layers - 1}")
    if unit.index >= config.hidden_size:
        raise UsageError(f"{address}: a layer has units 0 to {config.hidden_size - 1}")
    return unit


def require_array(what: str, model: "CharRNN") -> None:
    """Raise UsageError unless the model's cell has a state or gate of this name."""
    cell = model.cell
    if what not in (*cell.states, *cell.gates):
        states = f"the state{'s'[: len(cell.states) - 1]} {' '.join(cell.states)}"
        noun = "the gate" + "s"[: len(cell.gates) - 1]
        gates = f"{noun} {' '.join(cell.gates)}" if cell.gates else "no gates"
        raise UsageError(f"the {cell.name} cell has no {what!r}; it has {states} and {gates}")


def interest(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """How much each unit looks like a memory, from values (T, L, H). Shape (L, H).

    The score is standard deviation times autocorrelation at distance 1, a negative one counting
    as 0. A unit that swings far and holds what it has taken (inside a quotation, along a line)
    scores high; one that flickers with every character, or hardly moves, scores low.
    """
    x: npt.NDArray[np.float64] = np.tanh(values.astype(np.float64))
    x -= x.mean(axis=0)
    variance: npt.NDArray[np.float64] = (x**2).mean(axis=0)
    if len(x) < 2:
        return variance
    together = (x[1:] * x[:-1]).sum(axis=0)
    correlation = together / np.maximum((x**2).sum(axis=0), 1e-12)
    return np.asarray(np.sqrt(variance) * np.maximum(correlation, 0))


def most_interesting(
    values: npt.NDArray[np.float32], what: str, count: int
) -> list[tuple[Unit, float]]:
    """The units of a recorded array (T, L, H) with the highest `interest`, best first."""
    scores = interest(values)
    order = np.argsort(-scores, axis=None, kind="stable")[:count]
    places = zip(*np.unravel_index(order, scores.shape), strict=True)
    return [(Unit(int(layer), what, int(k)), float(scores[layer, k])) for layer, k in places]
