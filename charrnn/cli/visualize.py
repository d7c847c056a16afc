"""`charrnn visualize`: see what the units do while the model reads."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from charrnn.cli import visualize_options as options
from charrnn.cli.dumps import open_dump, read_again, require_places, write_dump, write_lstmvis
from charrnn.cli.edits import Clamp, Steer, SteerFile, edited
from charrnn.cli.follow import follow as write_on
from charrnn.cli.follow import sampling_config
from charrnn.cli.gates import show_gates, show_gates_again
from charrnn.cli.horizon import show_horizon
from charrnn.cli.page import PageSettings, write_page, write_page_again
from charrnn.cli.pictures import Pictures, wanted_pictures
from charrnn.cli.reading import content, recorded
from charrnn.cli.run_names import (
    CheckpointArgument,
    is_checkpoint,
    open_checkpoint,
    reads_lines,
    say_near_run,
    title_of,
)
from charrnn.cli.saliency import show_saliency
from charrnn.cli.showing import INTERESTING, ModelReadings, OneReading, Style, show
from charrnn.cli.terminal import say
from charrnn.cli.visualize_options import SHOWN_CHARS
from charrnn.cli.visualize_together import check_together
from charrnn.cli.wanted import Asked, find_wanted
from charrnn.errors import UsageError
from charrnn.render.palette import Palette

if TYPE_CHECKING:
    from pathlib import Path

    from charrnn.checkpoint import Checkpoint
    from charrnn.interpret.dumps.reading import Dump
    from charrnn.model import CharRNN

DRAWN_ROWS = 64
"""Of a diagram: hidden units and characters together, at most."""
DRAWN_CHARS = 40


def visualize(
    context: typer.Context,
    checkpoint: CheckpointArgument = None,
    text: options.Text = None,
    unit: options.UnitAddresses = None,
    what: options.What = None,
    sort: options.Order = None,
    predictions: options.Predictions = None,
    surprisal: options.Surprisal = False,
    bits: options.Bits = False,
    digits: options.Digits = False,
    palette: options.Palette = Palette.rdbu,
    diagram: options.Diagram = False,
    gates: options.Gates = False,
    saliency: options.Saliency = None,
    target: options.Target = None,
    horizon: options.Horizon = False,
    windows: options.Windows = None,
    csv: options.Csv = None,
    follow: options.Follow = False,
    length: options.Length = None,
    temp: options.Temp = None,
    seed: options.Seed = None,
    html: options.Html = None,
    svg: options.Svg = None,
    png: options.Png = None,
    dump: options.Dump = None,
    lstmvis: options.LstmVis = None,
    again: options.From = None,
    clamp: Clamp = None,
    steer: Steer = None,
    steer_file: SteerFile = None,
    max_chars: options.MaxChars = None,
    color: options.Color = None,
    width: options.Width = None,
    pager: options.Pager = False,
    quiet: options.Quiet = False,
) -> None:
    """Show a text coloured by what hidden units do: red above zero, blue below, zero neutral.

    A column shows the state after its character was read; the guesses under it are for the next.
    With no unit named, the most interesting are shown: those that swing far and hold their value
    (standard deviation times autocorrelation from one character to the next).
    """
    check_together(context)
    checkpoint, text = _meant(checkpoint, text, quiet=quiet)
    plot = "--gates" if gates else "--horizon" if horizon else ""
    pictures = wanted_pictures(svg, png, color, width, plot=plot)
    asked = Asked(unit, what, surprisal, predictions or 0, bits, sort)
    style = Style(color, palette, digits, width)
    if again:
        dumped = open_dump(again)
        if gates:
            show_gates_again(dumped, csv, max_chars, style, pictures, quiet=quiet)
            return
        _show_again(dumped, asked, style, pictures, html, max_chars, pager=pager, quiet=quiet)
        return
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    model = edited(loaded.model, clamp, steer, steer_file, quiet=quiet)
    lines = _starts_at_lines(loaded, quiet=quiet or follow)
    if gates:
        show_gates(model, text, csv, max_chars, style, pictures, lines=lines, quiet=quiet)
    elif saliency is not None:
        show_saliency(
            model, text, saliency, target, csv, max_chars, style, pictures, lines=lines, quiet=quiet
        )
    elif horizon:
        show_horizon(
            model, text, windows, csv, max_chars, width, pictures, lines=lines, quiet=quiet
        )
    elif diagram:
        _draw(model, text, predictions, max_chars, style, pictures, lines=lines, quiet=quiet)
    elif html:
        settings = PageSettings(
            title_of(loaded),
            predictions,
            max_chars,
            palette,
            surprisal=surprisal,
            lines=lines,
            quiet=quiet,
        )
        write_page(html, model, text, unit, what, settings)
    elif dump or lstmvis:
        _write(model, text, dump, lstmvis, asked, max_chars, lines=lines, quiet=quiet)
    elif follow:
        config = sampling_config(length, temp, seed, line=lines)
        write_on(model, text, config, find_wanted(model, asked), style, quiet=quiet)
    else:
        wanted = find_wanted(model, asked)
        most = max_chars or (None if pager else SHOWN_CHARS)
        readings = ModelReadings(model, content(text, model, most, quiet=quiet), lines=lines)
        show(readings, wanted, style, pictures, pager=pager, quiet=quiet)


def _meant(
    checkpoint: str | None, text: str | None, *, quiet: bool
) -> tuple[str | None, str | None]:
    """The checkpoint and the text: a lone argument that is no checkpoint is a text."""
    if text is not None or checkpoint is None or is_checkpoint(checkpoint):
        return checkpoint, text
    say_near_run(checkpoint, quiet=quiet)
    return None, checkpoint


def _starts_at_lines(loaded: "Checkpoint", *, quiet: bool) -> bool:
    """Whether a model starts afresh at each line, which is said."""
    lines = reads_lines(loaded)
    if lines and not quiet:
        say("charrnn: the model was trained on lines; it starts afresh at each")
    return lines


def _show_again(
    dumped: "Dump",
    asked: Asked,
    style: Style,
    pictures: Pictures | None,
    html: "Path | None",
    max_chars: int | None,
    *,
    pager: bool,
    quiet: bool,
) -> None:
    """Show a dump as if the model read its text, or write its page."""
    if html:
        settings = PageSettings(
            dumped.path.stem,
            asked.predictions or None,
            max_chars,
            style.palette,
            surprisal=asked.surprisal,
            lines=False,
            quiet=quiet,
        )
        write_page_again(html, dumped, asked.unit, asked.what, settings)
        return
    wanted = find_wanted(dumped.network, _what_is_there(asked, dumped))
    letter = wanted.choose_among(dumped.network.cell.memory) or ""
    most = max_chars or (None if pager else SHOWN_CHARS)
    arrays = {letter} if letter else set()
    sought = arrays, wanted.all_units, wanted.predictions, most
    recording = read_again(dumped, *sought, quiet=quiet)
    show(OneReading(recording), wanted, style, pictures, pager=pager, quiet=quiet)


def _what_is_there(asked: Asked, dumped: "Dump") -> Asked:
    """What was asked for of a dump, or else something that it has."""
    header = dumped.header
    if asked.unit or asked.what or asked.surprisal or not header.arrays:
        return asked
    if header.units is not None:
        return replace(asked, unit=list(map(str, header.units[:INTERESTING])))
    return replace(asked, what=header.memory)


def _write(
    model: "CharRNN",
    text: str | None,
    dump: "Path | None",
    lstmvis: "Path | None",
    asked: Asked,
    max_chars: int | None,
    *,
    lines: bool,
    quiet: bool,
) -> None:
    """Read a text and write what happened to a file or a folder."""
    require_places(dump, lstmvis)
    units = find_wanted(model, replace(asked, predictions=0)).all_units
    read = content(text, model, max_chars, quiet=quiet)
    if dump:
        guesses = asked.predictions
        write_dump(model, read, dump, asked.what, units, guesses, lines=lines, quiet=quiet)
    elif lstmvis:
        write_lstmvis(model, read, lstmvis, asked.what, lines=lines, quiet=quiet)


def _draw(
    model: "CharRNN",
    text: str | None,
    predictions: int | None,
    max_chars: int | None,
    style: Style,
    pictures: Pictures | None,
    *,
    lines: bool,
    quiet: bool,
) -> None:
    """Draw a small network while it reads a text."""
    from charrnn.render.ansi import lines_of
    from charrnn.render.views.diagram import diagram_picture, diagram_rows

    symbols, units = len(model.vocabulary), model.config.num_layers * model.config.hidden_size
    if symbols + units > DRAWN_ROWS:
        raise UsageError(
            f"a diagram is for networks with up to {DRAWN_ROWS} units and characters; this one "
            f"has {units:,} and {symbols:,}",
            "draw a text in colours: leave out --diagram",
        )
    read = content(text, model, max_chars or DRAWN_CHARS, quiet=quiet)
    output = model.cell.output
    recording = recorded(model, read, predictions or symbols, {output}, lines=lines)
    if pictures:
        look = style.look(pictures.mode)
        pictures.write(diagram_picture(recording, output, look, pictures.width), quiet=quiet)
        return
    for line in lines_of(diagram_rows(recording, output, style.look(), style.columns())):
        sys.stdout.write(line + "\n")
