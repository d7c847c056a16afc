"""`charrnn export`: a model in another form, which the name of the file decides."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.run_names import complete_checkpoint, open_checkpoint
from charrnn.cli.terminal import require_place, say
from charrnn.config import FILES
from charrnn.errors import SettingError, UsageError
from charrnn.settings import Config, setting
from charrnn.wording import escape, size

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint

EXAMPLES = (
    "charrnn export plays plays.q8.safetensors",
    "charrnn export plays plays.c",
    "charrnn export plays plays.c --weights plays.bin",
)
FORMS = {
    ".safetensors": "an exact model",
    ".c": "a program in C",
    ".h": "a header in C",
}
"""What is written, by the ending of the file."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Config):
    """What is written beside the file."""

    weights: Path | None = setting(
        None,
        "With a .c file: write the weights to this file, which the program reads when it starts, instead of into the "
        "program.",
        metavar="FILE",
        panel=FILES,
    )
    overwrite: bool = setting(False, "Replace files that exist.", panel=FILES)

    def require_targets(self, path: Path) -> None:
        """Check what is to be written.

        Raises:
            UsageError: the file's ending names no form.
            SettingError: a file exists, or cannot be made, or the weights have no place beside this form.
        """
        if path.suffix not in FORMS:
            forms = ", ".join(f"{ending} for {form}" for ending, form in FORMS.items())
            raise UsageError(
                f"the name of the file decides what is written, and {path.name!r} ends in none of these: {forms}"
            )
        if self.weights and path.suffix != ".c":
            raise SettingError.naming(
                "{weights} only applies to a .c file", "leave it out, or name a .c file"
            )
        for file in filter(None, (path, self.weights)):
            require_place(file)
            if file.exists() and not self.overwrite:
                raise SettingError.naming(
                    "{path!r} already exists",
                    "replace it with {overwrite:True}, or choose another",
                    path=str(file),
                )


def export(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            help="A .safetensors file, a run's folder or its name.",
            autocompletion=complete_checkpoint,
        ),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Its ending decides what is written: .safetensors (an exact model), .c (a program in C) or .h (a "
            "header in C).",
        ),
    ],
    *,
    options: ExportOptions,
) -> None:
    """Write a model in another form: with weights of 8 bits and exact arithmetic.

    The same seed then gives the same text on every machine, in Python and in C. Counts are left out.
    """
    options.require_targets(file)
    loaded = open_checkpoint(checkpoint)
    _write(loaded, file, options.weights)
    counts = "; its counts are left out" if loaded.counts else ""
    beside = f", weights in {escape(str(options.weights))}" if options.weights else ""
    say(
        f"charrnn: {escape(str(file))}, {FORMS[file.suffix]}: {size(file.stat().st_size)}{beside}{counts}"
    )


def _write(loaded: "Checkpoint", file: Path, weights: Path | None) -> None:
    from charrnn.exact.model import exact

    model = loaded.model if loaded.model.is_exact else exact(loaded.model)
    if file.suffix == ".safetensors":
        from charrnn.checkpoint import Checkpoint, save_checkpoint

        save_checkpoint(file, Checkpoint(model, loaded.metrics, loaded.run))
        return
    from charrnn.export.c_program import write_c
    from charrnn.runs import reading_of
    from charrnn.text.kinds import item_end_of

    write_c(model, file, item_end=item_end_of(reading_of(loaded)), weights=weights)
