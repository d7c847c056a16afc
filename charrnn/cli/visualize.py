"""`charrnn visualize`: see what the units do while the model reads."""

import sys
from typing import TYPE_CHECKING

import typer

from charrnn.cli.analyses import check_together
from charrnn.cli.checkpoints import CheckpointArgument, is_checkpoint, open_checkpoint, reads_lines
from charrnn.cli.console import escape, say, size, terminal_color, terminal_width
from charrnn.cli.edits import Clamp, Steer, SteerFile, edited
from charrnn.cli.page import PageSettings, write_page
from charrnn.cli.reading import content, recorded
from charrnn.cli.visualize_options import (
    SHOWN_CHARS,
    Color,
    Csv,
    Diagram,
    Dump,
    Gates,
    Horizon,
    Html,
    MaxChars,
    Predictions,
    Quiet,
    Saliency,
    Surprisal,
    Target,
    Text,
    UnitAddresses,
    What,
    Width,
    Windows,
)
from charrnn.errors import UsageError
from charrnn.render.palette import ColorMode

if TYPE_CHECKING:
    from pathlib import Path

    from charrnn.analysis.units import Unit
    from charrnn.model import CharRNN
    from charrnn.recording import Recording
    from charrnn.render.scene import Block

INTERESTING = 3
"""Units shown when none is named."""
DRAWN_ROWS = 64
"""Of a diagram: hidden units and characters together, at most."""
DRAWN_CHARS = 40


def visualize(
    context: typer.Context,
    checkpoint: CheckpointArgument = None,
    text: Text = None,
    unit: UnitAddresses = None,
    what: What = None,
    predictions: Predictions = 0,
    diagram: Diagram = False,
    surprisal: Surprisal = False,
    dump: Dump = None,
    gates: Gates = False,
    saliency: Saliency = None,
    target: Target = None,
    horizon: Horizon = False,
    windows: Windows = None,
    csv: Csv = None,
    html: Html = None,
    clamp: Clamp = None,
    steer: Steer = None,
    steer_file: SteerFile = None,
    max_chars: MaxChars = None,
    color: Color = None,
    width: Width = None,
    quiet: Quiet = False,
) -> None:
    """Show a text coloured by what hidden units do: red above zero, blue below, zero neutral.

    A column shows the state after its character was read; the guesses under it are for the next.
    With no unit named, the most interesting are shown: those that swing far and hold their value
    (standard deviation times autocorrelation from one character to the next).
    """
    if text is None and checkpoint is not None and not is_checkpoint(checkpoint):
        checkpoint, text = None, checkpoint
    check_together(context)
    if unit and what:
        raise UsageError("--unit says which state or gate already", f"leave out --what {what}")
    if dump and (dump.is_dir() or not dump.parent.is_dir()):
        wrong = "is a folder" if dump.is_dir() else f"there is no folder {str(dump.parent)!r}"
        raise UsageError(f"cannot write {str(dump)!r}: {wrong}")
    if dump and dump.suffix != ".npz":
        raise UsageError(f"a dump is an .npz file, not {str(dump)!r}", f"--dump {dump.stem}.npz")
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    model = edited(loaded.model, clamp, steer, steer_file, quiet=quiet)
    if html:
        title = str(loaded.run.get("name") or "model")
        settings = PageSettings(title, predictions, max_chars, surprisal=surprisal, quiet=quiet)
        write_page(html, model, text, unit, what, settings)
        return
    if diagram or gates or horizon or saliency is not None:
        _analyse(
            model,
            text,
            gates=gates,
            saliency=saliency,
            target=target,
            diagram=diagram,
            windows=windows,
            predictions=predictions,
            csv=csv,
            max_chars=max_chars,
            color=color,
            width=width,
            lines=reads_lines(loaded),
            quiet=quiet,
        )
        return
    from threadpoolctl import threadpool_limits

    from charrnn.analysis.units import parse_unit, require_array

    what_shown = model.cell.output if what is None else what
    require_array(what_shown, model)
    units = [parse_unit(address, model) for address in unit or ()]
    most = max_chars or (None if dump else SHOWN_CHARS)
    names = {u.what for u in units} or ({what_shown} if what or not surprisal else set())
    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        read = content(text, model, most, quiet=quiet)
        recording = recorded(model, read, predictions, None if dump else names)
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


def _analyse(
    model: "CharRNN",
    text: str | None,
    *,
    gates: bool,
    saliency: int | None,
    target: str | None,
    diagram: bool,
    windows: int | None,
    predictions: int,
    csv: "Path | None",
    max_chars: int | None,
    color: ColorMode | None,
    width: int | None,
    lines: bool,
    quiet: bool,
) -> None:
    """Show something else than a text coloured by units: the gates, a saliency, the diagram, or else the horizon."""
    if gates:
        from charrnn.cli.gates import show_gates

        show_gates(model, text, csv, max_chars, color, width, quiet=quiet)
    elif saliency is not None:
        from charrnn.cli.saliency import show_saliency

        show_saliency(model, text, saliency, target, csv, max_chars, color, width, quiet=quiet)
    elif diagram:
        _draw(model, text, predictions, max_chars, color, width, quiet=quiet)
    else:
        from charrnn.cli.horizon import show_horizon

        show_horizon(model, text, windows, csv, max_chars, width, lines=lines, quiet=quiet)


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
    read = content(text, model, max_chars or DRAWN_CHARS, quiet=quiet)
    recording = recorded(model, read, predictions or symbols, {model.cell.output})
    for line in diagram_lines(
        recording, model.cell.output, color or terminal_color(), width or terminal_width()
    ):
        sys.stdout.write(line + "\n")


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
