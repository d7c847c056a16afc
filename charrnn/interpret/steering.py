"""Steer files: what a network's states are where something holds and where it does not, kept to edit them by.

    {"charrnn_steer": 1, "kind": "clamp", "name": "inside a string", "fingerprint": "...", "measure": "AUC",
     "score": 0.9, "states": [{"state": "L1.c", "units": [74], "on": [-1.7], "off": [0.4]}]}

One form serves a single unit and a direction through all units of several layers. A strength says how far to go:

    clamp    the units are held at off + (on - off) (1 + strength) / 2: 1 is on, -1 off, 2 half the way beyond on
    steer    strength (on - off) is added at every step

and 0 changes nothing. A file belongs to one network, whose fingerprint it has; for another one its numbers mean nothing.
"""

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import ModelConfig
from charrnn.errors import CharrnnError, DataError
from charrnn.files import environment_fault, write_atomically
from charrnn.interpret.edits import LARGEST, Kind
from charrnn.interpret.finding import Find
from charrnn.interpret.units import Unit, letter_of, mark_of, parse_units
from charrnn.model import CharRNN
from charrnn.numerics import Float64
from charrnn.pairs.model import PairNetwork
from charrnn.schema import SchemaError, check_record, strict_json
from charrnn.settings import Config, setting, settings_of
from charrnn.wording import escape

FORMAT = 1
LARGEST_FILE = 20_000_000
"""The bytes of the largest file that is read."""
DIGITS = 6
"""Significant digits of a number in a file."""
MOST_STATES = 1000
LONGEST_NAME = 500
"""The characters of a name, at most: a regular expression is one."""
STATE = re.compile(
    r"L(?P<layer>[0-9]{1,3})(?P<mark>[<>]?)\.(?P<letter>[a-z_]{1,20}[0-9]{0,3})", re.ASCII
)


@dataclass(frozen=True)
class Steering:
    """An edit that moves units between two values, by its strength."""

    kind: Kind
    """`clamp` holds the units, `steer` adds to them at every step."""
    name: str
    """What holds at the one end of it: a concept, or two texts."""
    fingerprint: str
    """That of the network."""
    units: tuple[Unit, ...]
    on: tuple[float, ...]
    """The value of each unit where it holds."""
    off: tuple[float, ...]
    """The value of each unit where it does not."""
    measure: str = ""
    """What the score is."""
    score: float | None = None
    """How well the units follow it."""
    strength: float = 1.0
    where: str = ""
    """The file that it comes from."""

    def __str__(self) -> str:
        named = f" ({self.name})" if self.where else ""
        return f"{self.kind} {self.where or self.name}={self.strength:+g}{named}"

    def at(self, strength: float) -> "Steering":
        """The same with another strength."""
        return dataclasses.replace(self, strength=strength)

    @property
    def difference(self) -> Float64:
        """How far each unit moves from off to on, (U,)."""
        return np.array(self.on, np.float64) - np.array(self.off, np.float64)

    def values(self, model: CharRNN | PairNetwork) -> list[tuple[Unit, float]]:
        """The units, each with the value that it is held at, or that is added; none for a strength of 0.

        Raises:
            DataError: they belong to another network, or a value is too large.
        """
        if self.fingerprint != model.fingerprint:
            raise self.fault(
                f"it was made for another network ({self.fingerprint:.40}, not {model.fingerprint})",
                "name the checkpoint that it was made for, or make it anew for this one, with --save-steer",
            )
        for unit in self.units:
            _require_unit(unit, model, self)
        if self.strength == 0:
            return []
        made = self.strength * self.difference
        if self.kind == "clamp":
            made = np.array(self.off) + self.difference * (1 + self.strength) / 2
        largest = float(np.abs(made).max(initial=0))
        if not largest <= LARGEST:
            raise self.fault(
                f"a strength of {self.strength:g} makes values up to {largest:.3g}, above {LARGEST:,.0f}",
                "use a smaller strength",
            )
        return list(zip(self.units, made.tolist(), strict=True))

    def fault(self, message: str, hint: str = "") -> CharrnnError:
        """An error in it."""
        return DataError(f"{self.where or self.name}: {message}", hint)


def of_find(found: Find, fingerprint: str) -> Steering:
    """A unit that follows a concept, held at its mean value where that holds."""
    on, off = found.means
    return Steering(
        "clamp",
        escape(found.concept)[:LONGEST_NAME],
        fingerprint,
        (found.unit,),
        (on,),
        (off,),
        found.measure,
        round(found.score, 4),
    )


def _require_unit(unit: Unit, model: CharRNN | PairNetwork, steering: Steering) -> None:
    try:
        parse_units(str(unit), model)
        if unit.letter not in model.cell.states:
            raise DataError(f"{unit} is a gate, not a state")
    except CharrnnError as error:
        raise steering.fault(error.message, error.hint) from error


# --- files ------------------------------------------------------------------------------------------------------------


def save_steering(steering: Steering, path: Path) -> None:
    """Write a steer file.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    states = []
    for layer, what in dict.fromkeys((unit.layer, unit.what) for unit in steering.units):
        own = [k for k, u in enumerate(steering.units) if (u.layer, u.what) == (layer, what)]
        states.append(
            {
                "state": f"L{layer}{mark_of(what)}.{letter_of(what)}",
                "units": [steering.units[k].index for k in own],
                "on": [_short(steering.on[k]) for k in own],
                "off": [_short(steering.off[k]) for k in own],
            }
        )
    record = {
        "charrnn_steer": FORMAT,
        "kind": steering.kind,
        "name": steering.name,
        "fingerprint": steering.fingerprint,
        "measure": steering.measure,
        "score": steering.score,
    }
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in record.items()]
    rows = ",\n".join(f"  {json.dumps(state)}" for state in states)
    text = "{\n" + ",\n".join([*lines, f' "states": [\n{rows}\n ]']) + "\n}\n"
    write_atomically(path, text.encode())


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def is_steering(path: Path) -> bool:
    """Whether a file is a steer file in JSON, and not one with a line for each edit."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except OSError:
        return False


def load_steering(path: Path) -> Steering:
    """The content of a steer file.

    Raises:
        DataError: it is none, or is damaged.
        EnvironmentFault: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise environment_fault("read", path, error) from error
    if len(content) > LARGEST_FILE:
        raise DataError(f"{path} is larger than {LARGEST_FILE:,} bytes, so it is no steer file")
    try:
        return _made(strict_json(content), str(path))
    except (ValueError, RecursionError, SchemaError) as error:
        reason = str(error) if str(error).isprintable() else "it is no JSON"
        raise DataError(
            f"{path} is no steer file: {reason:.200}",
            "charrnn units --save-steer and charrnn direction --save-steer write them",
        ) from error


@dataclass(frozen=True, kw_only=True)
class _SteerRecord(Config):
    charrnn_steer: int = setting(FORMAT, "The version of the format.", low=FORMAT, high=FORMAT)
    kind: str = setting("clamp", "How units are edited.", choices=("clamp", "steer"))
    name: str = setting("", "What holds where units are on.")
    fingerprint: str = setting("", "That of the network.")
    measure: str = setting("", "What the score is.")
    score: float | None = setting(None, "How well the units follow it.", low=-1, high=1)


@dataclass(frozen=True, kw_only=True)
class _StateRecord(Config):
    state: str = setting("", "A state of a layer.")
    units: tuple[int, ...] = setting(
        (), "Their places.", high=settings_of(ModelConfig)["hidden_size"].high - 1
    )
    on: tuple[float, ...] = setting((), "Their values where it holds.", low=-LARGEST, high=LARGEST)
    off: tuple[float, ...] = setting((), "And where it does not.", low=-LARGEST, high=LARGEST)


def _made(record: Any, where: str) -> Steering:
    """The steering that a record describes.

    Raises:
        SchemaError: it describes none.
    """
    check_record(_SteerRecord, record, required=("charrnn_steer", "kind", "name", "fingerprint"))
    if not record["name"].isprintable() or len(record["name"]) > LONGEST_NAME:
        raise SchemaError(f"name must be a line of at most {LONGEST_NAME} characters")
    states = record.get("states")
    if not isinstance(states, list) or not 0 < len(states) <= MOST_STATES:
        raise SchemaError("states must be a list with the states that it edits")
    units: list[Unit] = []
    on: list[float] = []
    off: list[float] = []
    for state in states:
        units += _units(state)
        on += state["on"]
        off += state["off"]
    if len({*units}) < len(units):
        raise SchemaError("states has a unit twice")
    own = {name: record.get(name) for name in ("measure", "score")}
    return Steering(
        record["kind"],
        record["name"],
        record["fingerprint"],
        tuple(units),
        tuple(map(float, on)),
        tuple(map(float, off)),
        own["measure"] or "",
        own["score"],
        where=where,
    )


def _units(state: Any) -> Sequence[Unit]:
    """The units of a state's record."""
    names = ("state", "units", "on", "off")
    check_record(_StateRecord, state, "states", required=names)
    match = STATE.fullmatch(state["state"])
    if not match:
        raise SchemaError(f"states.state must be a state such as L0.c, not {state['state']!r:.60}")
    numbers = [len(state[name]) for name in names[1:]]
    if not 0 < min(numbers) == max(numbers):
        counts = ", ".join(map(str, numbers))
        raise SchemaError(f"states must have as many units as values on and off, not {counts}")
    what = match["letter"] + match["mark"]
    return [Unit(int(match["layer"]), what, k) for k in state["units"]]
