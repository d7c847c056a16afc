"""`charrnn visualize`: see what the units do while the model reads."""

import itertools
import sys
from dataclasses import dataclass
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
    Sort,
    Surprisal,
    Text,
    UnitAddresses,
    What,
    Width,
)
from charrnn.errors import UsageError
from charrnn.render.palette import ColorMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from charrnn.analysis.units import Network, Unit
    from charrnn.model import CharRNN
    from charrnn.recording import Recording
    from charrnn.render.heatmap import HeatMap
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
        wanted = _wanted(dumped.network, unit, what, predictions, sort, surprisal=surprisal)
        sought = wanted.all_of, wanted.units, predictions, max_chars or SHOWN_CHARS
        recording = read_again(dumped, *sought, quiet=quiet)
        _print(recording, wanted, color, width)
        return
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    model = edited(loaded.model, clamp, steer, steer_file, quiet=quiet)
    if diagram:
        _draw(model, text, predictions, max_chars, color, width, quiet=quiet)
        return
    wanted = _wanted(model, unit, what, predictions, sort, surprisal=surprisal)
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


@dataclass(frozen=True)
class _Wanted:
    """What is to be shown of a recording."""

    named: "list[tuple[str, tuple[Unit, ...]]]"
    """The addresses that were given, and the units that they mean."""
    all_of: str
    """The state or gate among whose units the interesting ones are chosen, or an empty string."""
    predictions: int
    sort: Sort | None
    surprisal: bool

    @property
    def units(self) -> "list[Unit]":
        """Those that were named, each once."""
        return list(dict.fromkeys(unit for _, units in self.named for unit in units))

    @property
    def arrays(self) -> set[str]:
        """The states and gates that have to be recorded."""
        return {unit.what for unit in self.units} | ({self.all_of} - {""})


def _wanted(
    network: "Network",
    addresses: list[str] | None,
    what: str | None,
    predictions: int,
    sort: Sort | None,
    *,
    surprisal: bool,
) -> _Wanted:
    """What the options mean for a network.

    Raises:
        UsageError: it has no such units, or an option has nothing to act on.
    """
    from charrnn.analysis.units import parse_units, require_array

    letter = what or network.cell.output
    require_array(letter, network)
    named = [(address, parse_units(address, network)) for address in addresses or ()]
    maps = [address for address, _ in named if is_range(address)]
    if sort and not maps:
        raise UsageError("--sort is for heat maps", "name several units: --unit 'L0.c.*'")
    if predictions and maps and len(maps) == len(named) and not surprisal:
        raise UsageError(
            "the guesses stand under a text that is coloured by one unit", "add --unit L0.h.0"
        )
    all_of = letter if what or not (named or surprisal) else ""
    return _Wanted(named, all_of, predictions, sort, surprisal)


def is_range(address: str) -> bool:
    """Whether an address may mean several units, which are shown as a heat map."""
    return "*" in address or "-" in address


def _blocks(recording: "Recording", wanted: _Wanted) -> "list[Block]":
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
    recording: "Recording", wanted: _Wanted, color: ColorMode | None, width: int | None
) -> None:
    from charrnn.render.heatmap import heat_map_lines
    from charrnn.render.scene import make_scene
    from charrnn.render.terminal import terminal_lines

    mode, width = color or terminal_color(), width or terminal_width()
    scene = make_scene(recording, _blocks(recording, wanted))
    pictures = [terminal_lines(scene, mode, width)] if scene.blocks else []
    pictures += [
        heat_map_lines(scene.columns, shown, mode, width) for shown in _heat_maps(recording, wanted)
    ]
    for number, lines in enumerate(pictures):
        for line in itertools.chain([""] if number else [], lines):
            sys.stdout.write(line + "\n")


def _heat_maps(recording: "Recording", wanted: _Wanted) -> "Iterator[HeatMap]":
    from charrnn.render.heatmap import heat_map

    for address, units in wanted.named:
        if is_range(address):
            note = f", sorted by {wanted.sort}" if wanted.sort else ""
            yield heat_map(recording, address, _sorted(recording, units, wanted.sort), note)


def _sorted(recording: "Recording", units: "tuple[Unit, ...]", sort: Sort | None) -> "list[Unit]":
    """The units of a heat map in their order."""
    import numpy as np

    from charrnn.analysis.ordering import similarity_order
    from charrnn.analysis.units import interest

    if sort is None or sort == Sort.address:
        return list(units)
    values = np.stack([recording.arrays[u.what][:, u.layer, u.index] for u in units], axis=1)
    if sort == Sort.similarity:
        return [units[k] for k in similarity_order(values)]
    scores = interest(values[:, None])[0]
    return [units[k] for k in np.argsort(-scores, kind="stable")]
