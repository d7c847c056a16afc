"""`charrnn visualize`: see what the units do while the model reads."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.checkpoints import CheckpointArgument, is_checkpoint, open_checkpoint
from charrnn.cli.console import say, size
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
OWN_TEXT = 400
"""Characters that the model writes itself when there is no text."""


def visualize(
    checkpoint: CheckpointArgument = None,
    text: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT|FILE|-]", help="What the model reads: a text, a file, or - for standard input. Without one it reads what it writes.", show_default=False),
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", help="Colour by this unit, such as L0.c.37. May be repeated.", show_default=False)
    ] = None,
    what: Annotated[
        str | None, typer.Option("--what", help="Choose the interesting units among h, c, or the gates i, f, g, o. [default: h]", show_default=False)
    ] = None,
    predictions: Annotated[
        int, typer.Option("--predictions", min=0, max=50, help="Under each character, the K likeliest to come next.")
    ] = 0,
    surprisal: Annotated[bool, typer.Option("--surprisal", help="Colour by the bits that each character cost.")] = False,
    dump: Annotated[
        Path | None, typer.Option("--dump", metavar="FILE.npz", help="Write text, ids, bits, and every state and gate as (T, L, H) arrays.", show_default=False)
    ] = None,
    max_chars: Annotated[
        int | None, typer.Option("--max-chars", min=1, help="Read at most so many. [default: 2000; with --dump all]", show_default=False)
    ] = None,
    color: Annotated[
        ColorMode | None, typer.Option("--color", help="[default: what the terminal can show; none in a pipe]", show_default=False)
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", min=1, help="Cells in a line. [default: the terminal's]", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")] = False,
) -> None:
    """Show a text coloured by what hidden units do: red above zero, blue below, zero neutral.

    A column shows the state after its character was read; the guesses under it are for the next. With no unit named,
    the most interesting are shown: those that swing far and hold their value (standard deviation times
    autocorrelation from one character to the next).
    """
    if text is None and checkpoint is not None and not is_checkpoint(checkpoint):
        checkpoint, text = None, checkpoint
    if unit and what:
        raise UsageError("--unit says which state or gate already", f"leave out --what {what}")
    model = open_checkpoint(checkpoint, quiet=quiet).model
    from charrnn.analysis.units import parse_unit, require_array

    require_array(what or "h", model)
    units = [parse_unit(address, model) for address in unit or ()]
    content = _shortened(_content(text, model, quiet=quiet), max_chars or (None if dump else SHOWN_CHARS), quiet=quiet)
    recording = _record(model, content, predictions, units, what, surprisal, everything=dump is not None)
    if dump:
        recording.save(dump)
        if not quiet:
            say(f"charrnn: wrote {dump} ({size(dump.stat().st_size)}, {len(recording.ids):,} characters)")
        if not (units or what or predictions or surprisal):
            return
    _print(recording, _blocks(recording, units, what, predictions, surprisal), color, width)


# --- what is read ------------------------------------------------------------------------------------------------------


def _content(text: str | None, model: "CharRNN", *, quiet: bool) -> str:
    from charrnn.cli.texts import file_text, leave_out_unknown

    if text is None:
        if not quiet:
            say(f"charrnn: no text given; reading {OWN_TEXT} characters that the model writes itself")
        return "".join(model.sample(length=OWN_TEXT, seed=1))
    read = file_text(text, model) if text == "-" or _is_file(text) else text
    kept, _ = leave_out_unknown(read, model)
    if not kept:
        raise DataError("there is no text that the model could read")
    return kept


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL: a text
        return False


def _shortened(text: str, most: int | None, *, quiet: bool) -> str:
    if most is None or len(text) <= most:
        return text
    if not quiet:
        say(f"charrnn: the first {most:,} of {len(text):,} characters; --max-chars shows more")
    return text[:most]


def _record(
    model: "CharRNN",
    text: str,
    predictions: int,
    units: "list[Unit]",
    what: str | None,
    surprisal: bool,
    *,
    everything: bool,
) -> "Recording":
    from threadpoolctl import threadpool_limits

    from charrnn.recording import num_bytes, record

    names = {u.what for u in units} or ({what or "h"} if what or not surprisal else set())
    keep = None if everything else names
    need, free = num_bytes(model, len(text), keep), _free_memory()
    if need > free:
        raise EnvironmentFault(
            f"the states of {len(text):,} characters take {size(need)}, but {size(free)} of memory are free",
            "read fewer with --max-chars",
        )
    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        return record(model, text, top=predictions, keep=keep)


def _free_memory() -> float:
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # not on every system
        return float("inf")


# --- what is shown -----------------------------------------------------------------------------------------------------


def _blocks(
    recording: "Recording", units: "list[Unit]", what: str | None, predictions: int, surprisal: bool
) -> "list[Block]":
    from charrnn.analysis.units import most_interesting
    from charrnn.render.scene import surprisal_block, unit_block

    blocks = [surprisal_block(recording)] if surprisal else []
    blocks += [unit_block(recording, u.layer, u.what, u.index) for u in units]
    if what or not blocks:
        letter = what or "h"
        found = most_interesting(recording.arrays[letter], letter, 1 if predictions else INTERESTING)
        blocks += [unit_block(recording, u.layer, u.what, u.index, f", interest {score:.2f}") for u, score in found]
    return blocks


def _print(recording: "Recording", blocks: "list[Block]", color: ColorMode | None, width: int | None) -> None:
    from charrnn.render.scene import make_scene
    from charrnn.render.terminal import terminal_lines

    detected, columns = _terminal()
    for line in terminal_lines(make_scene(recording, blocks), color or detected, width or columns):
        sys.stdout.write(line + "\n")


def _terminal() -> tuple[ColorMode, int]:
    """What standard output can show, and its width: NO_COLOR, FORCE_COLOR, TERM, COLORTERM and COLUMNS are heeded."""
    from rich.console import Console

    console = Console()
    modes = {"truecolor": ColorMode.truecolor, "256": ColorMode.ansi256, "standard": ColorMode.ansi16, "windows": ColorMode.ansi16}
    mode = ColorMode.none if os.environ.get("NO_COLOR") else modes.get(console.color_system or "", ColorMode.none)
    return mode, console.width if console.width > 1 else 80
