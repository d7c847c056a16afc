"""`charrnn visualize`: see what the units do while the model reads."""

import itertools
import sys
from typing import TYPE_CHECKING

from charrnn.cli.checkpoints import CheckpointArgument, is_checkpoint, open_checkpoint
from charrnn.cli.console import terminal_color, terminal_width
from charrnn.cli.dumps import (
    open_dump,
    read_again,
    refuse,
    require_places,
    write_dump,
    write_lstmvis,
)
from charrnn.cli.edits import Clamp, Steer, SteerFile, edited
from charrnn.cli.reading import content, recorded
from charrnn.cli.visualize_options import (
    SHOWN_CHARS,
    Color,
    Diagram,
    Dump,
    From,
    LstmVis,
    MaxChars,
    Order,
    Predictions,
    Quiet,
    Surprisal,
    Text,
    UnitAddresses,
    What,
    Width,
)
from charrnn.cli.wanted import Wanted, find_wanted, heat_maps, is_range
from charrnn.errors import UsageError
from charrnn.render.palette import ColorMode

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.recording import Recording
    from charrnn.render.scene import Block

INTERESTING = 3
"""Units shown when none is named."""
DRAWN_ROWS = 64
"""Of a diagram: hidden units and characters together, at most."""
DRAWN_CHARS = 40


def visualize(
    checkpoint: CheckpointArgument = None,
    text: Text = None,
    unit: UnitAddresses = None,
    what: What = None,
    predictions: Predictions = 0,
    diagram: Diagram = False,
    surprisal: Surprisal = False,
    sort: Order = None,
    dump: Dump = None,
    lstmvis: LstmVis = None,
    again: From = None,
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
    if diagram and (unit or what or surprisal or sort or dump or lstmvis or again):
        raise UsageError("--diagram draws the whole network; it goes with --predictions only")
    if unit and what:
        raise UsageError("--unit says which state or gate already", f"leave out --what {what}")
    if dump or lstmvis:
        shown = {"--surprisal": surprisal, "--sort": sort, "--color": color, "--width": width}
        refuse(shown, "what is written to a file is not shown; --from shows a dump")
        require_places(dump, lstmvis, unit, predictions)
    if again:
        given = {"the checkpoint": checkpoint, "the text": text, "--dump": dump}
        edits = {"--clamp": clamp, "--steer": steer, "--steer-file": steer_file}
        refuse(
            given | edits | {"--lstmvis": lstmvis}, "--from needs no model, and shows what it did"
        )
        dumped = open_dump(again)
        wanted = find_wanted(dumped.network, unit, what, predictions, sort, surprisal=surprisal)
        sought = wanted.all_of, wanted.units, predictions, max_chars or SHOWN_CHARS
        recording = read_again(dumped, *sought, quiet=quiet)
        _print(recording, wanted, color, width)
        return
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    model = edited(loaded.model, clamp, steer, steer_file, quiet=quiet)
    if diagram:
        _draw(model, text, predictions, max_chars, color, width, quiet=quiet)
        return
    under = 0 if dump else predictions
    wanted = find_wanted(model, unit, what, under, sort, surprisal=surprisal)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        if dump or lstmvis:
            read = content(text, model, max_chars, quiet=quiet)
            if dump:
                write_dump(model, read, dump, what, wanted.units, predictions, quiet=quiet)
            if lstmvis:
                write_lstmvis(model, read, lstmvis, what, quiet=quiet)
            return
        read = content(text, model, max_chars or SHOWN_CHARS, quiet=quiet)
        recording = recorded(model, read, predictions, wanted.arrays)
    _print(recording, wanted, color, width)


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


def _blocks(recording: "Recording", wanted: Wanted) -> "list[Block]":
    from charrnn.analysis.units import most_interesting
    from charrnn.render.scene import surprisal_block, unit_block

    blocks = [surprisal_block(recording)] if wanted.surprisal else []
    for address, units in wanted.named:
        if not is_range(address):
            blocks += [unit_block(recording, u.layer, u.what, u.index) for u in units]
    if wanted.all_of:
        count = 1 if wanted.predictions else INTERESTING
        for u, score in most_interesting(recording.arrays[wanted.all_of], wanted.all_of, count):
            note = f", interest {score:.2f}"
            blocks.append(unit_block(recording, u.layer, u.what, u.index, note))
    return blocks


def _print(
    recording: "Recording", wanted: Wanted, color: ColorMode | None, width: int | None
) -> None:
    from charrnn.render.heatmap import heat_map_lines
    from charrnn.render.scene import make_scene
    from charrnn.render.terminal import terminal_lines

    mode, width = color or terminal_color(), width or terminal_width()
    scene = make_scene(recording, _blocks(recording, wanted))
    pictures = [terminal_lines(scene, mode, width)] if scene.blocks else []
    pictures += [
        heat_map_lines(scene.columns, shown, mode, width) for shown in heat_maps(recording, wanted)
    ]
    for number, lines in enumerate(pictures):
        for line in itertools.chain([""] if number else [], lines):
            sys.stdout.write(line + "\n")
