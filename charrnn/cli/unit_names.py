"""The names of a model's units for a command, which a damaged file does not stop."""

import contextlib
from typing import TYPE_CHECKING

from charrnn.cli.terminal import say
from charrnn.errors import DataError

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.interpret.names import NamedUnit


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


def names_in_runs(fingerprint: str) -> "tuple[NamedUnit, ...]":
    """The names of the units of a network that a dump is of, if it is one of the runs here; damaged files have none."""
    from charrnn.interpret.names import RUN_NAMES, read_names
    from charrnn.runs import RUNS

    for path in sorted(RUNS.glob(f"*/{RUN_NAMES}")):
        with contextlib.suppress(DataError):
            if names := read_names(path, fingerprint):
                return names
    return ()
