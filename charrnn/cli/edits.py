"""The options that edit a model's units while a command uses it: --clamp, --steer and --steer-file."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.terminal import say
from charrnn.config import EDITS, CorpusConfig
from charrnn.errors import UsageError
from charrnn.settings import Config, setting
from charrnn.wording import escape, listed

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.interpret.edits import AnyEdit

MAX_NAMED = 4
"""Maximum edits that are named on stderr."""


@dataclass(frozen=True, kw_only=True)
class EditOptions(Config):
    """How a model's units are edited."""

    clamp: tuple[str, ...] = setting(
        (),
        "Hold a unit's state at a value from the start, such as L0.c.37=+1 or 'inside a string=+1'. May be repeated.",
        metavar="UNIT=VALUE",
        panel=EDITS,
    )
    steer: tuple[str, ...] = setting(
        (),
        "Add to a unit's state at every character, such as L0.h.37=-0.5. May be repeated.",
        metavar="UNIT=VALUE",
        panel=EDITS,
    )
    steer_file: tuple[str, ...] = setting(
        (),
        "Use a steer file, which {save_steer} of units or direction writes, with a strength: 1, or as typed after an "
        "equals sign; a negative one does the opposite. Or read a file with a line 'clamp UNIT=VALUE' or 'steer "
        "UNIT=VALUE' for each edit. May be repeated.",
        metavar="FILE[=STRENGTH]",
        panel=EDITS,
    )

    def edited(self, loaded: "Checkpoint") -> Any:
        """A checkpoint's model with its units edited; the edits are reported on stderr.

        Raises:
            UsageError: an option is not an edit, or does not fit the model.
            DataError: the file cannot be read, or has a line that is not an edit or does not fit the model.
        """
        if not (self.clamp or self.steer or self.steer_file):
            return loaded.model
        from charrnn.interpret import edits as interpreted

        edits: list[AnyEdit] = []
        edits += [interpreted.parse_edit(_addressed(t, loaded), "clamp") for t in self.clamp]
        edits += [interpreted.parse_edit(_addressed(t, loaded), "steer") for t in self.steer]
        for file in self.steer_file:
            edits += _in_file(file, loaded)
        result = interpreted.edited(loaded.model, edits)
        named = escape(listed(list(map(str, edits)), MAX_NAMED)) or "none"
        say(f"charrnn: edited units: {named}")
        return result


def _in_file(text: str, loaded: "Checkpoint") -> "list[AnyEdit]":
    """The edits that an option FILE or FILE=STRENGTH means.

    Raises:
        UsageError: the strength is no number, or the file has lines, which have no strength.
        DataError: the file cannot be read, or is neither a steer file nor one with a line for each edit.
    """
    from charrnn.cli.inputs import read_text
    from charrnn.interpret.edits import parse_edits
    from charrnn.interpret.steering import is_steering, load_steering
    from charrnn.text.sources import file_source

    path, strength = file_and_strength(text)
    if is_steering(path):
        return [load_steering(path).at(1.0 if strength is None else strength)]
    if strength is not None and os.path.lexists(path):
        raise UsageError(
            f"a strength only applies to a steer file, and {path} has a line for each edit",
            f"--steer-file {path}",
        )
    lines = read_text(file_source(path), CorpusConfig())
    return [*parse_edits(lines, str(path), lambda edit: _addressed(edit, loaded))]


def file_and_strength(text: str) -> tuple[Path, float | None]:
    """The file and the strength of an option such as quotes.json=2; None: there is no strength.

    Raises:
        UsageError: the strength is no number in range.
    """
    from charrnn.interpret.edits import LARGEST, NUMBER

    name, equals, value = text.rpartition("=")
    if not equals or not name or os.path.lexists(text):
        return Path(text), None
    if NUMBER.fullmatch(value.strip()) and abs(float(value)) <= LARGEST:
        return Path(name), float(value)
    raise UsageError(
        f"--steer-file {text}: the strength must be a number from {-LARGEST:,.0f} to {LARGEST:,.0f}, not {value!r:.40}",
        f"for example --steer-file {name}=2",
    )


def _addressed(text: str, loaded: "Checkpoint") -> str:
    """An edit with the address of its unit in place of the unit's name, for which alone the file of names is read."""
    from charrnn.cli.unit_names import unit_names
    from charrnn.interpret.names import is_name, with_address

    name = text.rpartition("=")[0].strip()
    if not is_name(name):
        return text
    names = unit_names(loaded)
    edit = with_address(text, names)
    for one in names:
        is_meant = edit.startswith(f"{one.unit}=") and name.casefold() in one.name.casefold()
        if is_meant and one.sign < 0:
            say(
                f"charrnn: {one.unit} is low where {escape(one.name)!r} holds: lower it to turn that on"
            )
            break
    return edit
