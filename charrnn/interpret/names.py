"""The names of a model's units: what each was found to follow, kept in a file beside the model.

    checkpoints/plays/units.json     beside the run's checkpoints
    model.units.json                 beside model.safetensors

The names belong to one network, whose fingerprint the file has: after more training they are not used any more.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.errors import DataError, UsageError
from charrnn.files import write_atomically
from charrnn.interpret.units import ADDRESS, NEARLY
from charrnn.runs import BEST, LAST
from charrnn.schema import SchemaError, check_record, strict_json
from charrnn.settings import Config, setting
from charrnn.wording import did_you_mean

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.interpret.finding import Find

LARGEST_FILE = 10_000_000
RUN_NAMES = "units.json"
"""The file of a run's names."""


@dataclass(frozen=True, kw_only=True)
class NamedUnit(Config):
    """A unit with the concept that it follows."""

    unit: str = setting("", "Its address.")
    name: str = setting("", "The concept.")
    score: float = setting(0.0, "How well it follows it.", high=1)
    measure: str = setting("AUC", "What the score is.", choices=("AUC", "|r|"))
    sign: int = setting(1, "1 if it is larger where the concept holds, or else -1.", low=-1, high=1)

    @property
    def strength(self) -> float:
        """The score from 0 for chance to 1, on which areas and correlations can be compared."""
        return self.score if self.measure == "|r|" else 2 * self.score - 1

    def __str__(self) -> str:
        low = " (low)" if self.sign < 0 else ""  # where the concept holds
        return f"{self.name}{low}, {self.measure} {self.score:.2f}"


def names_file(checkpoint: Path) -> Path:
    """The file with the names of a checkpoint's units."""
    if checkpoint.name in (BEST, LAST):
        return checkpoint.parent / RUN_NAMES
    return checkpoint.with_name(f"{checkpoint.stem}.units.json")


def named_by(find: "Find") -> NamedUnit:
    """A unit with the concept that it was found to follow as its name."""
    return NamedUnit(
        unit=str(find.unit),
        name=find.concept,
        score=round(find.score, 4),
        measure=find.measure,
        sign=find.sign,
    )


def save_names(checkpoint: "Checkpoint", finds: "Iterable[Find]") -> Path:
    """Write the names of units that were found for certain, and return the file's path.

    Names that the same network was given for other concepts are kept.

    Raises:
        EnvironmentFault: the file cannot be written.
    """
    assert checkpoint.path
    made = {find.concept: named_by(find) for find in finds}
    older = {named.name: named for named in _readable(checkpoint)}
    path = names_file(checkpoint.path)
    record = {
        "fingerprint": checkpoint.model.fingerprint,
        "units": [asdict(named) for named in (older | made).values()],
    }
    write_atomically(path, json.dumps(record, indent=1).encode())
    return path


def load_names(checkpoint: "Checkpoint") -> tuple[NamedUnit, ...]:
    """The names of a network's units, the best first; none if there is no file, or if it is of another network.

    Raises:
        DataError: the file is damaged.
    """
    if checkpoint.path is None:
        return ()
    return read_names(names_file(checkpoint.path), checkpoint.model.fingerprint)


def read_names(path: Path, fingerprint: str) -> tuple[NamedUnit, ...]:
    """The names in a file, the best first; none if there is no such file, or if it is of another network.

    Raises:
        DataError: the file is damaged.
    """
    if not path.is_file():
        return ()
    try:
        with path.open("rb") as file:
            record = _checked(strict_json(file.read(LARGEST_FILE)))
    except (OSError, ValueError, RecursionError, SchemaError) as error:
        raise DataError(
            f"{path} is damaged: {error}", "delete it; charrnn units makes it again"
        ) from error
    if record["fingerprint"] != fingerprint:
        return ()
    names = (
        NamedUnit(**{k: entry[k] for k in NamedUnit.__dataclass_fields__ if k in entry})
        for entry in record["units"]
    )
    return tuple(sorted(names, key=lambda named: -named.strength))


def is_name(text: str) -> bool:
    """Whether a text is no address, nor nearly one, and so may be a unit's name."""
    return not NEARLY.fullmatch(text)


def names_of(address: str, names: Iterable[NamedUnit]) -> list[str]:
    """The names of a unit, each with its score."""
    return [str(named) for named in names if named.unit == address]


def best_units(names: Iterable[NamedUnit], count: int) -> list[str]:
    """The addresses of the units with the best names, each once, the best first."""
    return list(dict.fromkeys(named.unit for named in names))[:count]


def _checked(record: Any) -> dict[str, Any]:
    """The content of a file of names, which has what the schema says."""
    check_record(_Names, record, required=("fingerprint", "units"))
    if not isinstance(record["units"], list):
        raise SchemaError(f"units must be a list, not {record['units']!r:.60}")
    for entry in record["units"]:
        check_record(NamedUnit, entry, "units", required=("unit", "name", "score"))
        if not ADDRESS.fullmatch(entry["unit"]):
            raise SchemaError(f"units.unit must be a unit's address, not {entry['unit']!r:.60}")
    found: dict[str, Any] = record
    return found


def _readable(checkpoint: "Checkpoint") -> tuple[NamedUnit, ...]:
    try:
        return load_names(checkpoint)
    except DataError:
        return ()


def address_of(name: str, names: Iterable[NamedUnit]) -> str:
    """The address of a unit by its name, or by a part of one that no other unit's name has.

    An address is its own, and so is anything where no unit has a name.

    Raises:
        UsageError: there is no such name, or several units have it in theirs.
    """
    known = {named.name: named.unit for named in names}
    if not (known and is_name(name)):
        return name
    if name in known:
        return known[name]
    matches = [one for one in known if name.casefold() in one.casefold()]
    if len({known[one] for one in matches}) == 1:
        return known[matches[0]]
    if matches:
        raise UsageError(f"several units have {name!r} in their names", ", ".join(matches))
    raise UsageError(
        f"no unit is called {name!r}",
        did_you_mean(name, known) or "charrnn units finds what units follow, and names them",
    )


def with_address(edit: str, names: Iterable[NamedUnit]) -> str:
    """An edit such as `inside a string=+1` with the address of its unit in place of the name.

    Raises:
        UsageError: there is no such name, or several units have it in theirs.
    """
    name, equals, value = edit.rpartition("=")
    if not equals or not name.strip():
        return edit
    return f"{address_of(name.strip(), names)}={value}"


@dataclass(frozen=True, kw_only=True)
class _Names(Config):
    fingerprint: str = setting("", "That of the network.")
