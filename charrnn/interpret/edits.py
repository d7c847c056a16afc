"""Edits: units held at a value, or steered, while a model reads and writes.

An edit is a value that knows no model: `clamp L0.c.37=+1` holds a unit, `steer L0.h.0-15=-0.5` adds to sixteen. `edited`
makes a model that obeys, and sampling, evaluation, recording ... need to know nothing of it.

An edit acts inside the step, on a state that has just been computed and before anything has used it:

    c' = f ⊙ c + i ⊙ g      is edited here
    h' = o ⊙ tanh(c')       sees the edited c', and is edited here
    logits = W_y h' + b     see the edited h', as does the layer above, and the next step

With layer normalisation the output and the layer above see up(h') instead (`charrnn.network.stack`): where one unit is
edited, its neighbours come up larger or smaller too.

A clamp holds from the state before the first character on. What is steered is changed at every step, and so not before
the first character. In a memory that keeps what it is given, such as an LSTM's c, a steer adds up from step to step.

Gates are not edited: they are no state.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from charrnn.errors import CharrnnError, DataError, UsageError
from charrnn.interpret.units import Unit, parse_units
from charrnn.model import CharRNN
from charrnn.network.numpy_ops import NumpyOps

Model = TypeVar("Model", bound=CharRNN)
Float = npt.NDArray[np.float32]
Kind = Literal["clamp", "steer"]

LARGEST = 1e6
"""The largest value: far beyond what a state reaches, and far below where float32 overflows."""
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Edit:
    """What is done to some units' state at every step.

    Raises:
        UsageError: the kind is unknown, or the value not a number from -LARGEST to LARGEST (DataError, if the edit
            stands in a file).
    """

    kind: Kind
    """`clamp` sets the state to the value, `steer` adds the value."""
    address: str
    """The units, such as `L0.c.37`, `L0.h.0-15` or `L*.c.37`; a state, not a gate."""
    value: float
    where: str = field(default="", compare=False)
    """The file and the line in which it stands."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise self.fault(f"an edit is a clamp or a steer, not {self.kind!r}")
        if not abs(self.value) <= LARGEST:  # nor NaN
            raise self.fault(_expected_value(self.address, f"{self.value}"))

    def __str__(self) -> str:
        return f"{self.kind} {self.address}={self.value:+}"

    def units(self, model: CharRNN) -> tuple[Unit, ...]:
        """The units that a model has at the address.

        Raises:
            UsageError: it has none, or they are gates (DataError, if the edit stands in a file).
        """
        try:
            units = parse_units(self.address, model)
        except UsageError as error:
            raise self.fault(error.message, error.hint) from error
        cell, letter = model.cell, units[0].what
        if letter not in cell.states:
            states = f"state{'s'[: len(cell.states) - 1]} {' and '.join(cell.states)}"
            raise self.fault(
                f"{self.address}: {letter} is a gate of the {cell.name} cell; an edit is of its {states}"
            )
        return units

    def fault(self, message: str, hint: str = "") -> CharrnnError:
        """An error in this edit."""
        return (
            DataError(f"{self.where}: {message}", hint) if self.where else UsageError(message, hint)
        )


def parse_edit(text: str, kind: Kind, *, where: str = "") -> Edit:
    """The edit of a text such as `L0.c.37=+1`.

    Args:
        text: an address, an equals sign and a number.
        kind: what is done with the number.
        where: the file and the line in which it stands, for errors.

    Raises:
        UsageError: it is none (DataError, if it stands in a file).
    """
    address, equals, value = (part.strip() for part in text.partition("="))
    edit = Edit(kind, address, 0.0, where)
    if not (equals and address):
        raise edit.fault(f"an edit looks like L0.c.37=+1 (unit, =, value), not {text!r}")
    if not NUMBER.fullmatch(value):
        raise edit.fault(_expected_value(address, repr(value)))
    return Edit(kind, address, float(value), where)


def parse_edits(text: str, name: str) -> Iterator[Edit]:
    """The edits of a file: one on a line, as `clamp L0.c.37=+1` or `steer L0.h.0-15=-0.5`.

    Empty lines, and what comes after a `#`, are left out.

    Args:
        text: the file's.
        name: the file's, for errors.

    Raises:
        DataError: a line is no edit.
    """
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split(maxsplit=1)
        if not words:
            continue
        where = f"{name}, line {number}"
        if words[0] not in get_args(Kind) or len(words) < 2:
            expected = "a line looks like 'clamp L0.c.37=+1' or 'steer L0.c.37=+0.5'"
            raise DataError(f"{where}: {expected}, not {line.strip()[:60]!r}")
        kind: Kind = "clamp" if words[0] == "clamp" else "steer"
        yield parse_edit(words[1], kind, where=where)


def _expected_value(address: str, found: str) -> str:
    return (
        f"{address}: the value must be a number from {-LARGEST:,.0f} to {LARGEST:,.0f}, not {found}"
    )


# --- a model that obeys ------------------------------------------------------------------------------------------------


def edited(model: Model, edits: Iterable[Edit]) -> Model:
    """A model with units held at a value or steered, in all that it reads and writes.

    It shares the weights, which no edit changes; the model given stays as it is. The edits of an edited
    model are kept, and these come to them.

    Args:
        model: as trained, or edited before.
        edits: what to clamp, and what to add.

    Raises:
        UsageError: the model has no such unit, it is no state, or it is clamped and edited once
            more (DataError, if the edit stands in a file).
    """
    every = (*model.edits, *edits)
    of_layers = edited_ops(every, model)
    start = {
        letter: np.stack(
            [
                row if ops is None else ops.start(letter, row)
                for row, ops in zip(rows, of_layers, strict=True)
            ]
        )
        for letter, rows in model.start.items()
    }
    return model.with_ops(of_layers, start, every)


# --- in a step ---------------------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """What is done to one state of one layer."""

    clamped: npt.NDArray[np.intp]
    """The units that are held ..."""
    held: Float
    """... each at this value."""
    steered: npt.NDArray[np.intp]
    """The units that are steered ..."""
    added: Float
    """... each by this."""


class EditedOps(NumpyOps):
    """NumPy's functions for the steps of one layer, whose states are edited as soon as they are there."""

    def __init__(self, changes: Mapping[str, Change]) -> None:
        self._changes = changes

    def state(self, name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:  # type: ignore[override]
        """The state, (N, H) or (H,), after the edits."""
        change = self._changes.get(name)
        if change is None:
            return x
        x = x.copy()
        x[..., change.steered] += change.added
        x[..., change.clamped] = change.held
        return x

    def start(self, name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same for the state before the first character: only what is clamped is edited."""
        change = self._changes.get(name)
        if change is None:
            return x
        x = x.copy()
        x[..., change.clamped] = change.held
        return x


def edited_ops(edits: Iterable[Edit], model: CharRNN) -> list[EditedOps | None]:
    """The functions with which each layer obeys the edits; None for a layer that has none.

    Raises:
        UsageError: the model has no such unit, it is no state, or it is clamped and edited once more (DataError,
            if the edit stands in a file).
    """
    clamps: dict[Unit, float] = {}
    steers: dict[Unit, float] = {}
    for edit in edits:
        for unit in edit.units(model):
            if unit in clamps or (unit in steers and edit.kind == "clamp"):
                again = (
                    "clamped twice"
                    if unit in clamps and edit.kind == "clamp"
                    else "clamped and steered"
                )
                raise edit.fault(f"{unit} is {again}", "leave out one of the two")
            if edit.kind == "clamp":
                clamps[unit] = edit.value
            else:
                steers[unit] = steers.get(unit, 0.0) + edit.value
    steers = {unit: by for unit, by in steers.items() if by}
    return [_ops_of(layer, clamps, steers) for layer in range(model.config.num_layers)]


def _ops_of(
    layer: int, clamps: Mapping[Unit, float], steers: Mapping[Unit, float]
) -> EditedOps | None:
    names = {unit.what for unit in (*clamps, *steers) if unit.layer == layer}
    changes = {
        name: Change(*_numbers(clamps, layer, name), *_numbers(steers, layer, name))
        for name in names
    }
    return EditedOps(changes) if changes else None


def _numbers(
    values: Mapping[Unit, float], layer: int, name: str
) -> tuple[npt.NDArray[np.intp], Float]:
    """The units of one state of one layer, and their values."""
    own = {u.index: x for u, x in values.items() if (u.layer, u.what) == (layer, name)}
    return np.array(list(own), np.intp), np.array(list(own.values()), np.float32)
