"""Units by address, and the most interesting ones.

An address is `L0.c.37`: layer (from 0), state or gate, index. An address of several units has a range, both ends
included, or a star in the place of a number: `L1.h.0-15`, `L*.c.3`, `L0.h.*`. In a model of pairs these are the
decoder's; those of the encoder have the sign of their direction, `L0>.c.37` forward and `L0<.c.37` backward, and their
arrays are called `c>` and `c<`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.network.cells.base import Cell
from charrnn.network.encoder import marks_of
from charrnn.numerics import Float, Float64
from charrnn.wording import did_you_mean

ADDRESS = re.compile(r"L[0-9]{1,3}[<>]?\.[a-z_]+[0-9]{0,3}\.[0-9]{1,6}")
ADDRESSES = re.compile(
    r"L(?P<layers>\*|[0-9]{1,3}(-[0-9]{1,3})?)(?P<mark>[<>]?)\.(?P<what>[a-z_]+[0-9]{0,3})"
    r"\.(?P<units>\*|[0-9]{1,6}(-[0-9]{1,6})?)"
)
NEARLY = re.compile(
    r"\s*L?(?P<layers>\*|[0-9]{1,3}(-[0-9]{1,3})?)(?P<mark>[<>]?)[.:]?(?P<what>[a-z_]+)(?P<late>[<>]?)[.:]?"
    r"(?P<units>\*|[0-9]{1,6}(-[0-9]{1,6})?)\s*",
    re.ASCII | re.IGNORECASE,
)
"""A near-miss address: lower case, missing dots, or the sign of a direction in the wrong place."""


class Architecture(Protocol):
    """The shape of a network and the names of its states and gates: a model, or of a recorded one."""

    @property
    def config(self) -> ModelConfig:
        """The shape of the network."""

    @property
    def cell(self) -> Cell:
        """The cell, which names its states and gates."""


@dataclass(frozen=True)
class Unit:
    """One number of a layer's state or gate."""

    layer: int
    """The layer, counted from 0."""
    what: str
    """The name of the array: the letter of the state or gate, and in an encoder the sign of its direction."""
    index: int
    """The place in the state or gate, from 0 to H - 1."""

    @property
    def letter(self) -> str:
        """The letter of the state or gate."""
        return letter_of(self.what)

    @property
    def mark(self) -> str:
        """The sign of an encoder's direction, `>` or `<`; empty in a language model or a decoder."""
        return mark_of(self.what)

    def __str__(self) -> str:
        return f"L{self.layer}{self.mark}.{self.letter}.{self.index}"


def letter_of(what: str) -> str:
    """The letter of an array: "c" of "c>"."""
    return what.rstrip("<>")


def mark_of(what: str) -> str:
    """The sign of an array's direction: ">" of "c>"."""
    return what[len(letter_of(what)) :]


def array_names(letters: Iterable[str], config: ModelConfig) -> tuple[str, ...]:
    """The names of the arrays of some states or gates: h of a language model, h h> h< of an encoder and a decoder."""
    return tuple(letter + mark for letter in letters for mark in marks_of(config))


def memory_of(model: Architecture) -> str:
    """The array in which a model remembers: that of the decoder, or else of the encoder's forward direction."""
    return array_names([model.cell.memory], model.config)[0]


def parse_unit(address: str, model: Architecture) -> Unit:
    """The unit at an address.

    Raises:
        UsageError: the text is not an address, or the model has no such layer, state, gate or unit.
    """
    if not ADDRESS.fullmatch(address):
        expected = "a unit's address looks like L0.c.37 (layer, state or gate, index)"
        raise UsageError(f"{expected}, not {address!r}", _near_miss(address, model))
    (unit,) = parse_units(address, model)
    return unit


def parse_units(address: str, model: Architecture) -> tuple[Unit, ...]:
    """The units at an address that may have ranges and stars, layer by layer.

    Raises:
        UsageError: the text is not an address, or the model has no such layer, state, gate or unit.
    """
    match = ADDRESSES.fullmatch(address)
    if not match:
        expected = (
            "units' addresses look like L0.c.37, L0.c.0-15 or L*.c.37 (layer, state or gate, index)"
        )
        raise UsageError(f"{expected}, not {address!r}", _near_miss(address, model))
    what = match["what"] + match["mark"]
    require_array(what, model)
    config = model.config
    layers = _numbers(match["layers"], config.num_layers, f"{address}: the model has layer")
    units = _numbers(match["units"], config.hidden_size, f"{address}: a layer has unit")
    return tuple(Unit(layer, what, index) for layer in layers for index in units)


def _numbers(part: str, count: int, noun: str) -> range:
    """The numbers in a part of an address, all below `count`: "2-4" -> 2, 3, 4.

    Raises:
        UsageError: a number is too large, or a range is empty; `noun` begins the message.
    """
    if part == "*":
        return range(count)
    first, _, last = part.partition("-")
    low, high = int(first), int(last or first)
    if max(low, high) >= count:
        raise UsageError(f"{noun}s 0 to {count - 1}" if count > 1 else f"{noun} 0 only")
    if low > high:
        raise UsageError(f"{noun}s {high}-{low}, not {part}: a range goes from low to high")
    return range(low, high + 1)


def require_array(what: str, model: Architecture) -> None:
    """Raise UsageError unless the model has a state or gate of this name."""
    cell, config = model.cell, model.config
    own_states, own_gates = (array_names(a, config) for a in (cell.states, cell.gates))
    names = (*own_states, *own_gates)
    if what not in names:
        states = f"the state{'s'[: len(own_states) - 1]} {' '.join(own_states)}"
        noun = "the gate" + "s"[: len(own_gates) - 1]
        gates = f"{noun} {' '.join(own_gates)}" if own_gates else "no gates"
        whose = f"the {cell.name} cell" if config.align is None else f"this {cell.name} network"
        message = f"{whose} has no {what!r}; it has {states} and {gates}"
        same = [name for name in names if letter_of(name) == letter_of(what)]
        raise UsageError(message, f"did you mean {same[0]}?" if same else did_you_mean(what, names))


def _near_miss(address: str, model: Architecture) -> str:
    """A hint with the address that was most likely meant, or an empty string if the model has no such units."""
    match = NEARLY.fullmatch(address)
    if not match:
        return ""
    mark = match["mark"] or match["late"]
    address = f"L{match['layers']}{mark}.{match['what'].lower()}.{match['units']}"
    try:
        parse_units(address, model)
    except UsageError:
        return ""
    return f"did you mean {address}?"


def interest(values: Float) -> Float64:
    """How much each unit looks like a memory, from values (T, L, H) to scores (L, H).

    The score is the standard deviation times the autocorrelation at lag 1 (0 if that is negative), both of
    the tanh of the values. A unit that swings far and holds its value (inside a quotation, along a line)
    scores high; one that flickers with every character, or hardly moves, scores low.
    """
    x: Float64 = np.tanh(values.astype(np.float64))
    x -= x.mean(axis=0)
    variance: Float64 = (x**2).mean(axis=0)
    if len(x) < 2:
        return variance
    covariance = (x[1:] * x[:-1]).sum(axis=0)
    correlation = covariance / np.maximum((x**2).sum(axis=0), 1e-12)
    return np.asarray(np.sqrt(variance) * np.maximum(correlation, 0))


def most_interesting(values: Float, what: str, count: int) -> list[tuple[Unit, float]]:
    """The units of a recorded array (T, L, H) with the highest `interest` and their scores, best first."""
    return highest(interest(values), what, count)


def highest(scores: Float64, what: str, count: int) -> list[tuple[Unit, float]]:
    """The `count` units of a state or gate with the highest scores (L, H), and these, best first."""
    order = np.argsort(-scores, axis=None, kind="stable")[:count]
    places = zip(*np.unravel_index(order, scores.shape), strict=True)
    return [(Unit(int(layer), what, int(k)), float(scores[layer, k])) for layer, k in places]


def units_of(model: Architecture) -> list[Unit]:
    """All units of a model's states, in the order of the columns of a `Half`."""
    config = model.config
    return [
        Unit(layer, what, index)
        for what in model.cell.states
        for layer in range(config.num_layers)
        for index in range(config.hidden_size)
    ]
