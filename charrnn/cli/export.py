"""`charrnn export`: a model in another form, which the name of the file decides."""

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
        False, "With an .onnx file: weights and states of 16 bits instead of 32.", panel=FILES
    )
    license: str | None = setting(
        None,
        "With a folder: the license under which you publish the model, as the hub names it (mit, cc0-1.0).",
        metavar="NAME",
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

    save_checkpoint(file, Checkpoint(_exact(loaded), loaded.metrics, published(loaded.run)))


def _write_c(loaded: "Checkpoint", file: Path, options: ExportOptions) -> None:
    from charrnn.export.c_program import write_c

    end = item_end_of(reading_of(loaded))
    write_c(_exact(loaded), file, item_end=end, weights=options.weights)


def _write_page(loaded: "Checkpoint", file: Path, options: ExportOptions) -> None:  # noqa: ARG001 (see Form)
    from charrnn.files import write_atomically
    from charrnn.web.offline import offline_page

    reading = reading_of(loaded)
    page = offline_page(
        _exact(loaded),
        title_of(loaded),
        item_end=item_end_of(reading),
        normalize=reading.normalize,
        names=unit_names(loaded),
    )
    write_atomically(file, page.encode())


def _write_onnx(loaded: "Checkpoint", file: Path, options: ExportOptions) -> None:
    require_extra("onnx", "onnx", "an .onnx file")
    from charrnn.export.onnx_graph import write_onnx

    _require_floats(loaded)
    write_onnx(loaded.model, file, half=options.float16)


def _write_folder(loaded: "Checkpoint", file: Path, options: ExportOptions) -> None:
    from charrnn.export.hub import write_folder

    _require_floats(loaded)
    if not options.license:
        raise SettingError.naming(
            "a folder for a hub needs {license}: who may use the model, and how",
            "for example {license:mit} or {license:cc0-1.0}; mind the license of the training text",
        )
    write_folder(loaded, file, title=title_of(loaded), license_name=options.license)


FORMS = {
    ".safetensors": Form("an exact model", _write_exact),
    ".c": Form("a program in C", _write_c, "weights"),
    ".h": Form("a header in C", _write_c),
    ".html": Form("a page with the model inside", _write_page),
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
        Path,
        typer.Argument(
            metavar="FILE",
            help="Its ending decides what is written: .safetensors (an exact model), .c (a program in C), .h (a header "
            "in C), .html (a page with the model inside), .onnx (a step in ONNX), none (a folder for a hub).",
        ),
    ],
    *,
    options: ExportOptions,
) -> None:
    """Write a model in another form.

    An exact model has weights of 8 bits and computes with integers: the same seed gives the same text on every machine,
    in Python, in C and in a page. ONNX and the folder have the weights as they are.
    """
    form = _form_of(file, options)
    loaded = open_checkpoint(checkpoint)
    form.write(loaded, file, options)
    counts = "" if form.keeps_counts or not loaded.counts else "; its counts are left out"
    beside = f", weights in {escape(str(options.weights))}" if options.weights else ""
    say(f"charrnn: {escape(str(file))}, {form.name}: {size(_size(file))}{beside}{counts}")


def _form_of(file: Path, options: ExportOptions) -> Form:
    """The form that a file has, after a look at what is to be written.

    Raises:
        UsageError: the file's ending names no form.
        SettingError: a file exists, or cannot be made, or an option does not apply to this form.
    """
    form = FORMS.get(file.suffix)
    if form is None:
        known = listed([f"{ending} ({form.name})" for ending, form in FORMS.items() if ending])
        raise UsageError(
            f"the ending of the file decides what is written, and {file.suffix!r} is not one of {known}; "
            "a folder has none"
        )
    for ending, other in FORMS.items():
        option = other.option
        if option and option != form.option and getattr(options, option):
            where = f"to an {ending} file" if ending else "to a folder"
            raise SettingError.naming(f"{{{option}}} only applies {where}", "leave it out")
    for path in filter(None, (file, options.weights)):
        if path.is_dir() and path == file and not file.suffix and not any(path.iterdir()):
            continue
        require_place(path)
        if path.exists() and not options.overwrite:
            raise SettingError.naming(
                "{path!r} already exists",
                "replace it with {overwrite:True}, or choose another",
                path=str(path),
            )
    return form


def _exact(loaded: "Checkpoint") -> "ExactModel":
    from charrnn.exact.model import ExactModel, exact

    model = loaded.model
    return model if isinstance(model, ExactModel) else exact(model)


def _require_floats(loaded: "Checkpoint") -> None:
    """Raise UsageError for an exact model, whose arithmetic other forms do not have."""
    if loaded.model.is_exact:
        raise UsageError(
            f"{loaded.path} is an exact model already, and this form has weights in floating point",
            "export the model that it was made of",
        )


def _size(file: Path) -> int:
    files = file.iterdir() if file.is_dir() else [file]
    return sum(one.stat().st_size for one in files)
