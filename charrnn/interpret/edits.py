"""Edits: units held at a value, or steered, while a model reads and writes.

An edit is a value that knows no model: `clamp L0.c.37=+1` holds a unit, `steer L0.h.0-15=-0.5` adds to sixteen. `edited`
makes a model that applies it; sampling, evaluation and recording need not know of it.

An edit acts inside the step, on a state that has just been computed and before it is used:

    c' = f ⊙ c + i ⊙ g      is edited here
    h' = o ⊙ tanh(c')       sees the edited c', and is edited here
    logits = W_y h' + b     see the edited h', as does the layer above, and the next step

With layer normalization the output and the layer above see up(h') instead (`charrnn.network.stack`): where one unit is
edited, its neighbors come up larger or smaller too.

A clamp holds from the initial state on. A steer is added at every step, and so not to the initial state. In a memory
that keeps what it is given, such as an LSTM's c, it adds up from step to step.

Gates cannot be edited: they are not state.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from charrnn.errors import CharrnnError, DataError, UsageError
from charrnn.interpret.units import Unit, parse_units
from charrnn.model import CharRNN
from charrnn.network.numpy_ops import NumpyOps
from charrnn.numerics import Float
from charrnn.pairs.model import PairNetwork

Model = TypeVar("Model", bound=CharRNN | PairNetwork)
Kind = Literal["clamp", "steer"]

LARGEST = 1e6
"""The largest value of an edit: far beyond what a state reaches, and far below where float32 overflows."""
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE)


class AnyEdit(Protocol):
    """A change of the state of some units: an `Edit`, or a `charrnn.interpret.steering.Steering`."""

    @property
    def kind(self) -> Kind:
        """`clamp` sets states to values, `steer` adds these."""

    def values(self, model: CharRNN | PairNetwork) -> Iterable[tuple[Unit, float]]:
        """The units that it changes, each with its value."""

    def fault(self, message: str, hint: str = "") -> CharrnnError:
        """An error in it."""


@dataclass(frozen=True)
class Edit:
    """A change of some units' state at every step.

    Raises:
        UsageError: the kind is unknown, or the value is not a number from -LARGEST to LARGEST (DataError if the edit
            comes from a file).
    """

    kind: Kind
    """`clamp` sets the state to the value, `steer` adds the value."""
    address: str
    """The units, such as `L0.c.37`, `L0.h.0-15` or `L*.c.37`; a state, not a gate."""
    value: float
    """The value to set or to add, from -LARGEST to LARGEST."""
    where: str = field(default="", compare=False)
    """The file and the line that the edit comes from, for errors."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise self.fault(f"an edit is a clamp or a steer, not {self.kind!r}")
        if not abs(self.value) <= LARGEST:  # nor NaN
            raise self.fault(_expected_value(self.address, f"{self.value}"))

    def __str__(self) -> str:
        return f"{self.kind} {self.address}={self.value:+}"

    def units(self, model: CharRNN | PairNetwork) -> tuple[Unit, ...]:
        """The units that a model has at the address.

        Raises:
            UsageError: the model has none, or they are gates (DataError if the edit comes from a file).
        """
        try:
            units = parse_units(self.address, model)
        except UsageError as error:
            raise self.fault(error.message, error.hint) from error
        cell, letter = model.cell, units[0].letter
        if letter not in cell.states:
            states = f"state{'s'[: len(cell.states) - 1]} {' and '.join(cell.states)}"
            raise self.fault(
                f"{self.address}: {letter} is a gate of the {cell.name} cell; only its {states} can be edited"
            )
        return units

    def values(self, model: CharRNN | PairNetwork) -> list[tuple[Unit, float]]:
        """The units, each with the value; errors as for `units`."""
        return [(unit, self.value) for unit in self.units(model)]

    def fault(self, message: str, hint: str = "") -> CharrnnError:
        """An error in this edit: a DataError that names the file and line, or else a UsageError."""
        return (
            DataError(f"{self.where}: {message}", hint) if self.where else UsageError(message, hint)
        )


def parse_edit(text: str, kind: Kind, *, where: str = "") -> Edit:
    """The edit that a text such as `L0.c.37=+1` describes.

    Args:
        text: an address, an equals sign and a number.
        kind: whether to set the state to the number, or to add it.
        where: the file and the line that the text comes from, for errors.

    Raises:
        UsageError: the text describes no edit (DataError if it comes from a file).
    """
    address, equals, value = (part.strip() for part in text.partition("="))
    edit = Edit(kind, address, 0.0, where)
    if not (equals and address):
        raise edit.fault(f"an edit looks like L0.c.37=+1 (unit, =, value), not {text!r}")
    if not NUMBER.fullmatch(value):
        raise edit.fault(_expected_value(address, repr(value)))
    return Edit(kind, address, float(value), where)


def parse_edits(
    text: str, name: str, addressed: Callable[[str], str] = lambda edit: edit
) -> Iterator[Edit]:
    """The edits in a file: one on a line, as `clamp L0.c.37=+1` or `steer L0.h.0-15=-0.5`.

    Empty lines and comments, from a `#` on, are skipped.

    Args:
        text: the content of the file.
        name: the name of the file, for errors.
        addressed: makes an address of what may stand in the place of one, in a text such as `L0.c.37=+1`.

    Raises:
        DataError: a line describes no edit.
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
        try:
            edit = addressed(words[1])
        except UsageError as error:
            raise DataError(f"{where}: {error.message}", error.hint) from error
        yield parse_edit(edit, kind, where=where)


def _expected_value(address: str, found: str) -> str:
    """The message about a value that is out of range or no number."""
    return (
        f"{address}: the value must be a number from {-LARGEST:,.0f} to {LARGEST:,.0f}, not {found}"
    )


# --- an edited model ------------------------------------------------------------------------------------------------


def edited(model: Model, edits: Iterable[AnyEdit]) -> Model:
    """A copy of a model that applies edits whenever it reads or generates.

    The copy shares the weights, which no edit changes; the given model is unchanged.

    Args:
        model: the model; its existing edits are kept.
        edits: the edits to apply.

    Raises:
        UsageError: the model has no such unit, it is not a state, or it is clamped and edited again
            (DataError if the edit comes from a file).
    """
    every = (*model.edits, *edits)
    ops = edited_ops(every, model)
    if isinstance(model, PairNetwork):
        return model.with_ops(ops, every)
    of_layers = [ops.get((layer, "")) for layer in range(model.config.num_layers)]
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
    """The edits of one state of one layer."""

    clamped: npt.NDArray[np.intp]
    """The indices of the clamped units."""
    held: Float
    """The value of each clamped unit."""
    steered: npt.NDArray[np.intp]
    """The indices of the steered units."""
    added: Float
    """The number added to each steered unit."""


class EditedOps(NumpyOps):
    """The functions of a layer's step in NumPy, which edit each state as soon as it is computed."""

    def __init__(self, changes: Mapping[str, Change]) -> None:
        self._changes = changes

    def state(self, name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:  # type: ignore[override]
        """A state, (N, H) or (H,), after the edits."""
        change = self._changes.get(name)
        if change is None:
            return x
        x = x.copy()
        x[..., change.steered] += change.added
        x[..., change.clamped] = change.held
        return x

    def start(self, name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:  # type: ignore[override]
        """The initial state, (N, H) or (H,), with clamped units at their values; steered units are unchanged."""
        change = self._changes.get(name)
        if change is None:
            return x
        x = x.copy()
        x[..., change.clamped] = change.held
        return x


def edited_ops(
    edits: Iterable[AnyEdit], model: CharRNN | PairNetwork
) -> dict[tuple[int, str], EditedOps]:
    """The functions with which each layer that has edits applies them, by its number and the sign of its direction.

    Raises:
        UsageError: the model has no such unit, it is not a state, or it is clamped and edited again (DataError if the
            edit comes from a file).
    """
    clamps: dict[Unit, float] = {}
    steers: dict[Unit, float] = {}
    for edit in edits:
        for unit, value in edit.values(model):
            if unit in clamps or (unit in steers and edit.kind == "clamp"):
                again = (
                    "clamped twice"
                    if unit in clamps and edit.kind == "clamp"
                    else "clamped and steered"
                )
                raise edit.fault(f"{unit} is {again}", "remove one of the two edits")
            if edit.kind == "clamp":
                clamps[unit] = value
            else:
                steers[unit] = steers.get(unit, 0.0) + value
    steers = {unit: by for unit, by in steers.items() if by}
    return {
        (layer, mark): _ops_of(layer, mark, clamps, steers)
        for layer, mark in {(unit.layer, unit.mark) for unit in (*clamps, *steers)}
    }


def _ops_of(
    layer: int, mark: str, clamps: Mapping[Unit, float], steers: Mapping[Unit, float]
) -> EditedOps:
    """The functions with which one layer, or one direction of it, applies its edits."""
    letters = {u.letter for u in (*clamps, *steers) if (u.layer, u.mark) == (layer, mark)}
    return EditedOps(
        {
            letter: Change(
                *_numbers(clamps, layer, letter + mark), *_numbers(steers, layer, letter + mark)
            )
            for letter in letters
        }
    )


def _numbers(
    values: Mapping[Unit, float], layer: int, name: str
) -> tuple[npt.NDArray[np.intp], Float]:
    """The indices of the edited units of one state of one layer, and their values."""
    own = {u.index: x for u, x in values.items() if (u.layer, u.what) == (layer, name)}
    return np.array(list(own), np.intp), np.array(list(own.values()), np.float32)
