"""The steer file of a unit that was found."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.reading import Reader
from charrnn.cli.terminal import require_place, say
from charrnn.cli.units.concepts import ConceptOptions, num_named
from charrnn.config import OUTPUT
from charrnn.errors import DataError, SettingError
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.finding import Find


@dataclass(frozen=True, kw_only=True)
class SteerOptions(Config):
    """Where a find is saved."""

    save_steer: Path | None = setting(
        None,
        "Write a file for {steer_file} that turns the proven unit of one concept on: its mean where the concept holds, "
        "and where it does not.",
        metavar="FILE.json",
        panel=OUTPUT,
    )

    def require(self, concepts: ConceptOptions) -> None:
        """Raise an error unless the file can be written, and has one concept.

        Raises:
            SettingError: no concept is named, or several are.
            UsageError, EnvironmentFault: there is no such folder.
        """
        if self.save_steer is None:
            return
        if (count := num_named(concepts)) != 1:
            raise SettingError.naming(
                "{save_steer} writes the unit of one concept, but {count}",
                "name one, for example {concept:indentation}",
                count=f"{count} are named" if count else "none is named",
            )
        require_place(self.save_steer)

    def write(self, finds: "Sequence[Find]", reader: Reader, model: str) -> None:
        """Write the steer file of the only find.

        Raises:
            DataError: it is not proven.
            EnvironmentFault: it cannot be written.
        """
        from charrnn.interpret.steering import of_find, save_steering

        if self.save_steer is None:
            return
        (found,) = finds
        if not found.is_proven:
            raise DataError(
                f"no unit is proven to follow {found.concept!r}, so {self.save_steer} was not written; "
                f"the best is {found.unit}, {found.measure} {found.score:.3f}",
                f"--all shows why; to steer it all the same: charrnn sample --clamp {found.unit}=1",
            )
        save_steering(of_find(found, reader.model.fingerprint), self.save_steer)
        typed = (
            f"charrnn sample {shlex.quote(model)} --steer-file {shlex.quote(str(self.save_steer))}"
        )
        say(f"charrnn: wrote {found.unit} to {self.save_steer}; to use it: {typed}")
