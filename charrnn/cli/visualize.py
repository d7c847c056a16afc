"""`charrnn visualize`: see what the units do while the model reads."""

import sys
from typing import TYPE_CHECKING

import typer

from charrnn.cli import visualize_options as options
from charrnn.cli.checkpoints import CheckpointArgument, is_checkpoint, open_checkpoint, reads_lines
from charrnn.cli.console import escape, say, size, terminal_color, terminal_width
from charrnn.cli.edits import Clamp, Steer, SteerFile, edited
from charrnn.cli.pictures import Pictures, wanted_pictures
from charrnn.cli.reading import content, recorded
from charrnn.cli.train_options import was_given
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
    Png,
    Predictions,
    Quiet,
    Saliency,
    Surprisal,
    Svg,
    Text,
    UnitAddresses,
    What,
    Width,
    Windows,
)
from charrnn.cli.visualize_together import check_together
from charrnn.errors import UsageError
from charrnn.render.palette import ColorMode, Palette

if TYPE_CHECKING:
    from charrnn.model import CharRNN

DRAWN_ROWS = 64
"""Of a diagram: hidden units and characters together, at most."""
DRAWN_CHARS = 40
SHOWS = ("unit", "what", "predictions", "surprisal", "bits", "digits", "palette", "pager")
"""With one of these a dump is shown as well."""


def visualize(
    context: typer.Context,
    checkpoint: CheckpointArgument = None,
    text: Text = None,
    unit: UnitAddresses = None,
    what: What = None,
    predictions: Predictions = 0,
    diagram: Diagram = False,
    surprisal: Surprisal = False,
    bits: options.Bits = False,
    digits: options.Digits = False,
    palette: options.Palette = Palette.rdbu,
    follow: options.Follow = False,
    length: options.Length = None,
    temp: options.Temp = None,
    seed: options.Seed = None,
    dump: Dump = None,
    svg: Svg = None,
    png: Png = None,
    clamp: Clamp = None,
    steer: Steer = None,
    steer_file: SteerFile = None,
    max_chars: MaxChars = None,
    color: Color = None,
    width: Width = None,
    pager: options.Pager = False,
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
    if dump and (dump.is_dir() or not dump.parent.is_dir()):
        wrong = "is a folder" if dump.is_dir() else f"there is no folder {str(dump.parent)!r}"
        raise UsageError(f"cannot write {str(dump)!r}: {wrong}")
    if dump and dump.suffix != ".npz":
        raise UsageError(f"a dump is an .npz file, not {str(dump)!r}", f"--dump {dump.stem}.npz")
    pictures = wanted_pictures(svg, png, color, width)
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    model = edited(loaded.model, clamp, steer, steer_file, quiet=quiet)
    if diagram:
        _draw(model, text, predictions, max_chars, color, width, pictures, quiet=quiet)
        return
    from charrnn.analysis.units import parse_unit, require_array
    from charrnn.cli.showing import Style, Wanted, show

    if what is not None:
        require_array(what, model)
    units = tuple(parse_unit(address, model) for address in unit or ())
    wanted = Wanted(units, what, surprisal, predictions, bits)
    style = Style(color, palette, digits, width)
    if follow:
        from charrnn.cli.follow import follow as write_on
        from charrnn.cli.follow import sampling_config

        config = sampling_config(length, temp, seed, line=reads_lines(loaded))
        write_on(model, text, config, wanted, style, quiet=quiet)
        return
    read = content(text, model, max_chars or (None if dump or pager else SHOWN_CHARS), quiet=quiet)
    if dump:
        recording = recorded(model, read, 0, None)
        recording.save(dump)
        if not quiet:
            count = f"{len(recording.ids):,} {recording.symbol_noun}s"
            say(f"charrnn: wrote {escape(str(dump))} ({size(dump.stat().st_size)}, {count})")
        if not (pictures or any(was_given(context, name) for name in SHOWS)):
            return
    show(model, read, wanted, style, pictures, pager=pager, quiet=quiet)


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
    pictures: Pictures | None,
    *,
    quiet: bool,
) -> None:
    """Draw a small network while it reads a text."""
    from charrnn.render.diagram import diagram_lines, diagram_sheet

    symbols, units = len(model.vocabulary), model.config.num_layers * model.config.hidden_size
    if symbols + units > DRAWN_ROWS:
        raise UsageError(
            f"a diagram is for networks with up to {DRAWN_ROWS} units and characters; this one "
            f"has {units:,} and {symbols:,}",
            "draw a text in colours: leave out --diagram",
        )
    read = content(text, model, max_chars or DRAWN_CHARS, quiet=quiet)
    output = model.cell.output
    recording = recorded(model, read, predictions or symbols, {output})
    if pictures:
        sheet = diagram_sheet(recording, output, pictures.width, colored=pictures.colored)
        pictures.write(sheet, quiet=quiet)
        return
    for line in diagram_lines(
        recording, output, color or terminal_color(), width or terminal_width()
    ):
        sys.stdout.write(line + "\n")
