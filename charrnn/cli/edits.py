"""The options that edit a model's units while a command uses it: --clamp, --steer and --steer-file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.terminal import say
from charrnn.wording import escape

if TYPE_CHECKING:
    from charrnn.model import CharRNN

NAMED = 4
"""Edits that stderr names, at most; of the others it says how many there are."""

Clamp = Annotated[
    list[str] | None,
    typer.Option(
        "--clamp",
        metavar="UNIT=VALUE",
        help="Hold a unit's state at a value from the start, such as L0.c.37=+1. May be repeated.",
        show_default=False,
    ),
]
Steer = Annotated[
    list[str] | None,
    typer.Option(
        "--steer",
        metavar="UNIT=VALUE",
        help="Add to a unit's state at every character, such as L0.h.37=-0.5. May be repeated.",
        show_default=False,
    ),
]
SteerFile = Annotated[
    Path | None,
    typer.Option(
        "--steer-file",
        metavar="FILE",
        help="The same from a file: on each line 'clamp UNIT=VALUE' or 'steer UNIT=VALUE'.",
        show_default=False,
    ),
]


def edited(
    model: "CharRNN",
    clamp: Sequence[str] | None,
    steer: Sequence[str] | None,
    steer_file: Path | None,
    *,
    quiet: bool,
) -> "CharRNN":
    """The model as the three options want it; stderr says how.

    Raises:
        UsageError: an option is no edit, or does not fit the model.
        DataError: the file cannot be read, or has a line that is no edit or does not fit the model.
    """
    if not (clamp or steer or steer_file):
        return model
    from charrnn.cli.inputs import read_text
    from charrnn.interpret import edits as obeyed
    from charrnn.interpret.edits import parse_edit, parse_edits
    from charrnn.text.sources import file_source

    edits = [parse_edit(text, "clamp") for text in clamp or ()]
    edits += [parse_edit(text, "steer") for text in steer or ()]
    if steer_file is not None:
        edits += parse_edits(read_text(file_source(steer_file), None), str(steer_file))
    found = obeyed.edited(model, edits)
    if not quiet:
        named = ", ".join(map(str, edits[:NAMED]))
        more = f" and {len(edits) - NAMED:,} more" if len(edits) > NAMED else ""
        say(f"charrnn: units are edited: {escape(named + more) if edits else 'none'}")
    return found
