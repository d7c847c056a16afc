"""The options that edit a model's units while a command uses it: --clamp, --steer and --steer-file."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.terminal import say
from charrnn.config import EDITS, CorpusConfig
from charrnn.settings import Config, setting
from charrnn.wording import escape, listed

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint

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
    steer_file: Path | None = setting(
        None,
        "Read edits from a file with a line 'clamp UNIT=VALUE' or 'steer UNIT=VALUE' for each.",
        metavar="FILE",
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
        from charrnn.cli.inputs import read_text
        from charrnn.interpret import edits as interpreted
        from charrnn.text.sources import file_source

        edits = [interpreted.parse_edit(_addressed(t, loaded), "clamp") for t in self.clamp]
        edits += [interpreted.parse_edit(_addressed(t, loaded), "steer") for t in self.steer]
        if self.steer_file is not None:
            text = read_text(file_source(self.steer_file), CorpusConfig())
            edits += interpreted.parse_edits(text, str(self.steer_file))
        result = interpreted.edited(loaded.model, edits)
        named = escape(listed(list(map(str, edits)), MAX_NAMED)) or "none"
        say(f"charrnn: edited units: {named}")
        return result


def _addressed(text: str, loaded: "Checkpoint") -> str:
    """An edit with the address of its unit in place of the unit's name."""
    from charrnn.cli.unit_names import unit_names
    from charrnn.interpret.names import address_of, is_name

    name, equals, value = text.rpartition("=")
    if not equals or not is_name(name) or not name.strip():
        return text
    names = unit_names(loaded)
    return f"{address_of(name.strip(), names)}={value}" if names else text
