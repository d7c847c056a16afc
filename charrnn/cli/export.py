"""`charrnn export`: a model in another form, which the name of the file decides."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from charrnn.cli.extras import require_extra
from charrnn.cli.run_names import complete_checkpoint, open_checkpoint
from charrnn.cli.terminal import require_place, say
from charrnn.cli.unit_names import unit_names
from charrnn.config import FILES
from charrnn.errors import SettingError, UsageError
from charrnn.runs import reading_of, title_of
from charrnn.settings import Config, setting
from charrnn.text.kinds import item_end_of
from charrnn.wording import escape, listed, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from charrnn.checkpoint import Checkpoint
    from charrnn.exact.model import ExactModel

EXAMPLES = (
    "charrnn export plays plays.q8.safetensors",
    "charrnn export plays plays.html",
    "charrnn export plays plays-model/ --license cc0-1.0",
)


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Config):
    """How a model is written."""

    weights: Path | None = setting(
        None,
        "With a .c file: write the weights to this file, which the program reads when it starts, instead of into the "
        "program.",
        metavar="FILE",
        panel=FILES,
    )
    float16: bool = setting(
        False, "With an .onnx file: 16-bit weights and states instead of 32-bit ones.", panel=FILES
    )
    embed: bool = setting(
        False,
        "With an .html file: make it for a frame in another page: a single view, and a line that says what made it.",
        panel=FILES,
    )
    license: str | None = setting(
        None,
        "With a folder: the license under which you publish the model, by the hub's name for it (mit, cc0-1.0).",
        metavar="NAME",
        panel=FILES,
    )
    counts: bool | None = setting(
        None,
        "With a .safetensors file or a folder: keep the n-gram counts of the training text.",
        default_text="on, if the model has any",
        panel=FILES,
    )
    overwrite: bool = setting(False, "Replace files that exist.", panel=FILES)


class Form(NamedTuple):
    """A form of a model."""

    name: str
    write: "Callable[[Checkpoint, Path, ExportOptions], None]"
    option: str | None = None
    """The option that only applies to it."""
    keeps_counts: bool = False


def _write_exact(loaded: "Checkpoint", file: Path, options: ExportOptions) -> None:  # noqa: ARG001 (see Form)
    from charrnn.checkpoint import Checkpoint, save_checkpoint
    from charrnn.export.published import published

    model, run = _exact(loaded), published(loaded.run)
    save_checkpoint(file, Checkpoint(model, loaded.metrics, run, counts=loaded.counts))


def _write_c(loaded: "Checkpoint", file: Path, options: ExportOptions) -> None:
    from charrnn.export.c_program import write_c

    end = item_end_of(reading_of(loaded))
    write_c(_exact(loaded), file, item_end=end, weights=options.weights)


def _write_page(loaded: "Checkpoint", file: Path, options: ExportOptions) -> None:
    from charrnn.files import write_atomically
    from charrnn.web.offline import offline_page

    reading = reading_of(loaded)
    page = offline_page(
        _exact(loaded),
        title_of(loaded),
        item_end=item_end_of(reading),
        normalize=reading.normalize,
        names=unit_names(loaded),
        embed=options.embed,
    )
    write_atomically(file, page.encode())


def _write_onnx(loaded: "Checkpoint", file: Path, options: ExportOptions) -> None:
    require_extra("onnx", "onnx", "an .onnx file")
    from charrnn.export.onnx_graph import write_onnx

    write_onnx(loaded.in_floats.model, file, half=options.float16)


def _write_folder(loaded: "Checkpoint", file: Path, options: ExportOptions) -> None:
    from charrnn.export.hub import write_folder

    if not options.license:
        raise SettingError.naming(
            "a folder for a hub needs {license}: who may use the model, and how",
            "for example {license:mit} or {license:cc0-1.0}; mind the license of the training text",
        )
    write_folder(loaded.in_floats, file, title=title_of(loaded), license_name=options.license)


FORMS = {
    ".safetensors": Form("an exact model", _write_exact, keeps_counts=True),
    ".c": Form("a program in C", _write_c, "weights"),
    ".h": Form("a header in C", _write_c),
    ".html": Form("a page with the model inside", _write_page, "embed"),
    ".onnx": Form("a step in ONNX", _write_onnx, "float16"),
    "": Form("a folder for a hub", _write_folder, "license", keeps_counts=True),
}
"""The forms, by the ending of the file; a folder has none."""


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
        str,
        typer.Argument(
            metavar="FILE",
            help="Its ending decides what is written: .safetensors (an exact model), .c (a program in C), .h (a header "
            "in C), .html (a page with the model inside), .onnx (a step in ONNX), none or a slash (a folder for a hub).",
        ),
    ],
    *,
    options: ExportOptions,
) -> None:
    """Write a model in another form.

    An exact model has 8-bit weights and computes with integers: the same seed gives the same text on every machine,
    in Python, in C and in a page. ONNX and the folder keep the weights as they are.
    """
    path = Path(file)
    ending = "" if file.endswith(("/", os.sep)) or path.is_dir() else path.suffix
    form = _form_of(ending, options)
    _require_places(path, options, is_folder=not ending)
    loaded = _with_counts(open_checkpoint(checkpoint), options.counts)
    form.write(loaded, path, options)
    counts = "" if form.keeps_counts or not loaded.counts else "; its counts are left out"
    beside = f", weights in {escape(str(options.weights))}" if options.weights else ""
    say(f"charrnn: {escape(str(path))}, {form.name}: {size(_size(path))}{beside}{counts}")


def _form_of(ending: str, options: ExportOptions) -> Form:
    """The form that files with an ending have.

    Raises:
        UsageError: the ending names no form.
        SettingError: an option does not apply to this form.
    """
    form = FORMS.get(ending)
    if form is None:
        known = listed([f"{ending} ({form.name})" for ending, form in FORMS.items() if ending])
        raise UsageError(
            f"the ending of the file decides what is written, and {ending!r} is not one of {known}; "
            "a folder has none, or a slash at its end"
        )
    for own, other in FORMS.items():
        option = other.option
        if option and option != form.option and getattr(options, option):
            where = f"to an {own} file" if own else "to a folder"
            raise SettingError.naming(f"{{{option}}} only applies {where}", "leave it out")
    if options.counts and not form.keeps_counts:
        raise SettingError.naming(
            f"{form.name} is the network alone: {{counts}} only applies to a .safetensors file or a folder",
            "leave it out",
        )
    return form


def _with_counts(loaded: "Checkpoint", wanted: bool | None) -> "Checkpoint":
    """A checkpoint with its counts, or without if they are not wanted.

    Raises:
        SettingError: they are wanted, and there are none.
    """
    if wanted:
        loaded.require_counts()
    return dataclasses.replace(loaded, counts=None) if wanted is False else loaded


def _require_places(path: Path, options: ExportOptions, *, is_folder: bool) -> None:
    """Check that what is to be written can be made.

    Raises:
        UsageError: a file or a folder cannot be made.
        SettingError: a file exists, or the folder has something in it.
    """
    for place in filter(None, (path, options.weights)):
        require_place(place, folder=is_folder and place == path)
        if place.is_dir() and not any(place.iterdir()):
            continue
        if place.exists() and not options.overwrite:
            raise SettingError.naming(
                "{path!r} already exists",
                "replace it with {overwrite:True}, or choose another",
                path=str(place),
            )


def _exact(loaded: "Checkpoint") -> "ExactModel":
    from charrnn.exact.model import ExactModel, exact

    model = loaded.model
    return model if isinstance(model, ExactModel) else exact(model)


def _size(file: Path) -> int:
    files = file.iterdir() if file.is_dir() else [file]
    return sum(one.stat().st_size for one in files)
