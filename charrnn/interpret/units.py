"""Units by their addresses, and which of them are worth a look.

An address is `L0.c.37`: layer (from 0), state or gate, index. An address of several units has a range, both ends
included, or a star in the place of a number: `L1.h.0-15`, `L*.c.3`, `L0.h.*`.
"""

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.network.cells.base import Cell
from charrnn.wording import did_you_mean

ADDRESS = re.compile(r"L[0-9]{1,3}\.[a-z_]+\.[0-9]{1,6}")
ADDRESSES = re.compile(
    r"L(?P<layers>\*|[0-9]{1,3}(-[0-9]{1,3})?)\.(?P<what>[a-z_]+)\.(?P<units>\*|[0-9]{1,6}(-[0-9]{1,6})?)"
)
NEARLY = re.compile(
    r"\s*L?(?P<layers>\*|[0-9]{1,3}(-[0-9]{1,3})?)[.:]?(?P<what>[a-z_]+)[.:]?(?P<units>\*|[0-9]{1,6}(-[0-9]{1,6})?)\s*",
    re.ASCII | re.IGNORECASE,
)
"""What somebody may type who means an address: in small letters, or without dots."""


class Network(Protocol):
    """A model, or what is known of one: its shape, and the names of its states and gates."""

    @property
    def config(self) -> ModelConfig:
        """Its shape."""

    @property
    def cell(self) -> Cell:
        """Its names."""


@dataclass(frozen=True)
class Unit:
    """One number of a network's state."""

    layer: int
    what: str
    index: int

    def __str__(self) -> str:
        return f"L{self.layer}.{self.what}.{self.index}"


def parse_unit(address: str, model: Network) -> Unit:
    """The unit at an address.

    Raises:
        UsageError: it is no address, or the model has no such layer, state, gate or unit.
    """
    if not ADDRESS.fullmatch(address):
        expected = "a unit's address looks like L0.c.37 (layer, state or gate, index)"
        raise UsageError(f"{expected}, not {address!r}", _meant(address, model))
    (unit,) = parse_units(address, model)
    return unit


def parse_units(address: str, model: Network) -> tuple[Unit, ...]:
    """The units at an address that may have ranges and stars, layer by layer.

    Raises:
        UsageError: it is no address, or the model has no such layer, state, gate or unit.
    """
    match = ADDRESSES.fullmatch(address)
    if not match:
        expected = (
            "units' addresses look like L0.c.37, L0.c.0-15 or L*.c.37 (layer, state or gate, index)"
        )
        raise UsageError(f"{expected}, not {address!r}", _meant(address, model))
    require_array(match["what"], model)
    config = model.config
    layers = _numbers(match["layers"], config.num_layers, f"{address}: the model has layer")
    units = _numbers(match["units"], config.hidden_size, f"{address}: a layer has unit")
    return tuple(Unit(layer, match["what"], index) for layer in layers for index in units)


def _numbers(part: str, count: int, there_are: str) -> range:
    """The numbers below `count` that a part of an address means: "2-4" -> 2, 3, 4."""
    if part == "*":
        return range(count)
    first, _, last = part.partition("-")
    low, high = int(first), int(last or first)
    if max(low, high) >= count:
        raise UsageError(f"{there_are}s 0 to {count - 1}" if count > 1 else f"{there_are} 0 only")
    if low > high:
        raise UsageError(f"{there_are}s {high}-{low}, not {part}: a range begins at its lower end")
    return range(low, high + 1)


def require_array(what: str, model: Network) -> None:
    """Raise UsageError unless the model's cell has a state or gate of this name."""
    cell = model.cell
    names = (*cell.states, *cell.gates)
    if what not in names:
        states = f"the state{'s'[: len(cell.states) - 1]} {' '.join(cell.states)}"
        noun = "the gate" + "s"[: len(cell.gates) - 1]
        gates = f"{noun} {' '.join(cell.gates)}" if cell.gates else "no gates"
        message = f"the {cell.name} cell has no {what!r}; it has {states} and {gates}"
        raise UsageError(message, did_you_mean(what, names))


def _meant(address: str, model: Network) -> str:
    """A hint with the address that somebody most likely meant, if the model has such units."""
    match = NEARLY.fullmatch(address)
    if not match:
        return ""
    meant = f"L{match['layers']}.{match['what'].lower()}.{match['units']}"
    try:
        parse_units(meant, model)
    except UsageError:
        return ""
    return f"did you mean {meant}?"


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
    return highest(interest(values), what, count)


def highest(scores: npt.NDArray[np.float64], what: str, count: int) -> list[tuple[Unit, float]]:
    """The units of a state or gate with the highest scores, (L, H), best first."""
    order = np.argsort(-scores, axis=None, kind="stable")[:count]
    places = zip(*np.unravel_index(order, scores.shape), strict=True)
    return [(Unit(int(layer), what, int(k)), float(scores[layer, k])) for layer, k in places]
