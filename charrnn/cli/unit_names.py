"""The names of a model's units for a command, which a damaged file does not stop."""

import contextlib
from typing import TYPE_CHECKING

from charrnn.cli.terminal import say
from charrnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from charrnn.checkpoint import Checkpoint
    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.units import Unit


def unit_names(loaded: "Checkpoint | None") -> "tuple[NamedUnit, ...]":
    """The names of the units of a model, the best first; a file of names that is damaged is reported."""
    from charrnn.interpret.names import load_names

    if loaded is None:
        return ()
    try:
        return load_names(loaded)
    except DataError as error:
        say(f"charrnn: no unit has a name: {error.message}; {error.hint}")
        return ()


def with_name(unit: "Unit", names: "Iterable[NamedUnit]") -> str:
    """The address of a unit, with the best of its names: L1.c.74 (inside a string)."""
    from charrnn.render.glyphs import one_line

    own = next((named.name for named in names if named.unit == str(unit)), "")
    return f"{unit} ({one_line(own)})" if own else str(unit)


def names_by_unit(
    units: "Iterable[Unit]", names: "Sequence[NamedUnit]"
) -> dict[str, dict[str, list[str]]]:
    """The names of those of some units that have any, for JSON."""
    own = {str(unit): [one.name for one in names if one.unit == str(unit)] for unit in units}
    return {"names": {address: called for address, called in own.items() if called}}


def names_in_runs(fingerprint: str) -> "tuple[NamedUnit, ...]":
    """The names of the units of a network that a dump is of, if it is one of the runs here; damaged files have none."""
    from charrnn.interpret.names import RUN_NAMES, read_names
    from charrnn.runs import RUNS

    for path in sorted(RUNS.glob(f"*/{RUN_NAMES}")):
        with contextlib.suppress(DataError):
            if names := read_names(path, fingerprint):
                return names
    return ()
