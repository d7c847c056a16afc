"""`charrnn visualize`: see what the units do while the model reads."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.checkpoints import CheckpointArgument, is_checkpoint, open_checkpoint
from charrnn.cli.console import escape, say, size, terminal_color, terminal_width
from charrnn.cli.edits import Clamp, Steer, SteerFile, edited
from charrnn.errors import DataError, EnvironmentFault, UsageError
from charrnn.render.palette import ColorMode

if TYPE_CHECKING:
    from charrnn.analysis.units import Unit
    from charrnn.model import CharRNN
    from charrnn.recording import Recording
    from charrnn.render.scene import Block

INTERESTING = 3
"""Units shown when none is named."""
SHOWN_CHARS = 2000
DRAWN_ROWS = 64
"""Of a diagram: hidden units and characters together, at most."""
DRAWN_CHARS = 40
OWN_TEXT = 400
"""Characters that the model writes itself when there is no text."""


def visualize(
    checkpoint: CheckpointArgument = None,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT|FILE|-]",
            help="What the model reads: a text, a file, or - for standard input. "
            "Without one it reads what it writes.",
            show_default=False,
        ),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(
            "--unit",
            help="Colour by this unit, such as L0.c.37. May be repeated.",
            show_default=False,
        ),
    ] = None,
    what: Annotated[
        str | None,
        typer.Option(
            "--what",
            help="Choose the interesting units among a state or gate of the cell: h c i f g o in an lstm.",
            show_default="the cell's output, h",
        ),
    ] = None,
    predictions: Annotated[
        int,
        typer.Option(
            "--predictions",
            metavar="K",
            min=0,
            max=50,
            help="Under each character, the K likeliest to come next.",
        ),
    ] = 0,
    diagram: Annotated[
        bool,
        typer.Option(
            "--diagram",
            help="Draw a small network whole: input, hidden units, and its confidence in each next "
            "character (with --predictions K: in the K likeliest).",
        ),
    ] = False,
    surprisal: Annotated[
        bool, typer.Option("--surprisal", help="Colour by the bits that each character cost.")
    ] = False,
    dump: Annotated[
        Path | None,
        typer.Option(
            "--dump",
            metavar="FILE.npz",
            help="Write text, ids, bits, and every state and gate as (T, L, H) arrays.",
            show_default=False,
        ),
    ] = None,
    clamp: Clamp = None,
    steer: Steer = None,
    steer_file: SteerFile = None,
    max_chars: Annotated[
        int | None,
        typer.Option(
            "--max-chars",
            min=1,
            help="Characters to read at most.",
            show_default=f"{SHOWN_CHARS}; with --dump all",
        ),
    ] = None,
    color: Annotated[
        ColorMode | None,
        typer.Option(
            "--color",
            help="Colours to use.",
            show_default="what the terminal can show; none in a pipe",
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option("--width", min=1, help="Cells in a line.", show_default="the terminal's"),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")
    ] = False,
) -> None:
    """Show a text coloured by what hidden units do: red above zero, blue below, zero neutral.

    A column shows the state after its character was read; the guesses under it are for the next.
    With no unit named, the most interesting are shown: those that swing far and hold their value
    (standard deviation times autocorrelation from one character to the next).
    """
    if text is None and checkpoint is not None and not is_checkpoint(checkpoint):
        checkpoint, text = None, checkpoint
    if diagram and (unit or what or surprisal or dump):
        raise UsageError("--diagram draws the whole network; it goes with --predictions only")
    if unit and what:
        raise UsageError("--unit says which state or gate already", f"leave out --what {what}")
    if dump and (dump.is_dir() or not dump.parent.is_dir()):
        wrong = "is a folder" if dump.is_dir() else f"there is no folder {str(dump.parent)!r}"
        raise UsageError(f"cannot write {str(dump)!r}: {wrong}")
    if dump and dump.suffix != ".npz":
        raise UsageError(f"a dump is an .npz file, not {str(dump)!r}", f"--dump {dump.stem}.npz")
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    model = edited(loaded.model, clamp, steer, steer_file, quiet=quiet)
    from threadpoolctl import threadpool_limits

    from charrnn.analysis.units import parse_unit, require_array

    if diagram:
        _draw(model, text, predictions, max_chars, color, width, quiet=quiet)
        return
    what_shown = model.cell.output if what is None else what
    require_array(what_shown, model)
    units = [parse_unit(address, model) for address in unit or ()]
    most = max_chars or (None if dump else SHOWN_CHARS)
    names = {u.what for u in units} or ({what_shown} if what or not surprisal else set())
    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        content = _content(text, model, most, quiet=quiet)
        recording = _record(model, content, predictions, None if dump else names)
    if dump:
        recording.save(dump)
        if not quiet:
            count = f"{len(recording.ids):,} {recording.symbol_noun}s"
            say(f"charrnn: wrote {escape(str(dump))} ({size(dump.stat().st_size)}, {count})")
        if not (units or what or predictions or surprisal):
            return
    _print(
        recording,
        _blocks(recording, units, what, model.cell.output, predictions, surprisal=surprisal),
        color,
        width,
    )


def _draw(
    model: "CharRNN",
    text: str | None,
    predictions: int,
    max_chars: int | None,
    color: ColorMode | None,
    width: int | None,
    *,
    quiet: bool,
) -> None:
    """Draw a small network while it reads a text."""
    from charrnn.render.diagram import diagram_lines

    symbols, units = len(model.vocabulary), model.config.num_layers * model.config.hidden_size
    if symbols + units > DRAWN_ROWS:
        raise UsageError(
            f"a diagram is for networks with up to {DRAWN_ROWS} units and characters; this one "
            f"has {units:,} and {symbols:,}",
            "draw a text in colours: leave out --diagram",
        )
    content = _content(text, model, max_chars or DRAWN_CHARS, quiet=quiet)
    recording = _record(model, content, predictions or symbols, {model.cell.output})
    for line in diagram_lines(
        recording, model.cell.output, color or terminal_color(), width or terminal_width()
    ):
        sys.stdout.write(line + "\n")


# --- what is read ---------------------------------------------------------------------------------


def _content(text: str | None, model: "CharRNN", most: int | None, *, quiet: bool) -> str:
    from charrnn.cli.texts import given_text, leave_out_unknown

    if text is None:
        length = min(OWN_TEXT, most or OWN_TEXT)
        if not quiet:
            say(f"charrnn: no text given; reading {length} characters that the model writes itself")
        return "".join(model.sample(length=length, seed=1))
    read = given_text(text, model, quiet=quiet)
    kept, _ = leave_out_unknown(_shortened(read, most, quiet=quiet), model, quiet=quiet)
    if not kept:
        raise DataError("there is no text that the model could read")
    return kept


def _shortened(text: str, most: int | None, *, quiet: bool) -> str:
    if most is None or len(text) <= most:
        return text
    if not quiet:
        say(f"charrnn: the first {most:,} of {len(text):,} characters; --max-chars shows more")
    return text[:most]


def _record(model: "CharRNN", text: str, predictions: int, keep: set[str] | None) -> "Recording":
    from charrnn.recording import num_bytes, record

    need, free = num_bytes(model, text, keep), _free_memory()
    if need > free:
        raise EnvironmentFault(
            f"the states of {len(text):,} characters take {size(need)}, "
            f"but {size(free)} of memory are free",
            "read fewer with --max-chars",
        )
    return record(model, text, top=predictions, keep=keep)


def _free_memory() -> float:
    """The bytes that a process can have without swapping, where the system tells."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("inf")
    kilobytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kilobytes[0]) * 1024.0 if kilobytes else float("inf")


# --- what is shown --------------------------------------------------------------------------------


def _blocks(
    recording: "Recording",
    units: "list[Unit]",
    what: str | None,
    output: str,
    predictions: int,
    *,
    surprisal: bool,
) -> "list[Block]":
    from charrnn.analysis.units import most_interesting
    from charrnn.render.scene import surprisal_block, unit_block

    blocks = [surprisal_block(recording)] if surprisal else []
    blocks += [unit_block(recording, u.layer, u.what, u.index) for u in units]
    if what or not blocks:
        letter = what or output
        count = 1 if predictions else INTERESTING
        for u, score in most_interesting(recording.arrays[letter], letter, count):
            note = f", interest {score:.2f}"
            blocks.append(unit_block(recording, u.layer, u.what, u.index, note))
    return blocks


def _print(
    recording: "Recording", blocks: "list[Block]", color: ColorMode | None, width: int | None
) -> None:
    from charrnn.render.scene import make_scene
    from charrnn.render.terminal import terminal_lines

    scene = make_scene(recording, blocks)
    for line in terminal_lines(scene, color or terminal_color(), width or terminal_width()):
        sys.stdout.write(line + "\n")
