"""`charrnn gates`: how the gates are used while the model reads a text."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from charrnn.cli.edits import EditOptions
from charrnn.cli.inputs import TextArgument
from charrnn.cli.layout import LayoutOptions
from charrnn.cli.outputs import PLOTS, PictureOptions, TableOptions
from charrnn.cli.own_text import OwnTextOptions
from charrnn.cli.pair_lines import PairLines
from charrnn.cli.reading import (
    DumpOptions,
    ReadingOptions,
    checkpoint_and_texts,
    hint_in_quotes,
    make_reader,
    open_dumps,
    read_dump,
    require_no_text,
)
from charrnn.cli.run_names import CheckpointArgument, open_any, refuse_for_pairs
from charrnn.cli.terminal import can_print, print_rows
from charrnn.cli.threads import one_thread
from charrnn.cli.unit_names import names_in_runs, unit_names
from charrnn.cli.work import working
from charrnn.wording import noun_of

if TYPE_CHECKING:
    from charrnn.cli.reading import Reader
    from charrnn.interpret.dumps.reading import Dump
    from charrnn.interpret.gates import Saturation
    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.recording import Recording

EXAMPLES = (
    "charrnn gates",
    "charrnn gates plays plays.txt --max-chars 100000 --csv gates.csv",
    "charrnn gates --from states.npz --svg gates.svg",
)
CHANGES = PLOTS
COLUMNS = ("address", "layer", "gate", "unit", "left", "right", "mean", "time_scale")


def gates(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    reading: ReadingOptions,
    own: OwnTextOptions,
    dump: DumpOptions,
    edits: EditOptions,
    layout: LayoutOptions,
    pictures: PictureOptions,
    table: TableOptions,
) -> None:
    """Show how often each unit's gates are open or shut.

    A gate is open when it is above 0.9 and shut when it is below 0.1. The output has a point for each unit, the
    means of each layer, and the units that are most often open or shut. For the gate that keeps the memory (f in an
    LSTM, z in a GRU), the time scale says for about how many characters a memory lasts.
    """
    pictures.require(layout, plot="gates")
    table.require()
    if dump.from_dump:
        dump.require_alone(checkpoint, texts)
        opened = [*open_dumps(dump.from_dump).values()]
        saturation, noun = _of_dumps(opened, reading), noun_of(opened[0].header.source.level)
        called = names_in_runs(opened[0].header.source.fingerprint)
    else:
        path, names = checkpoint_and_texts(checkpoint, texts)
        require_no_text(names, own.seed)
        loaded = open_any(path, hint_in_quotes(names))
        called = unit_names(loaded)
        if loaded.model.config.align:
            refuse_for_pairs(own)
            lines = PairLines(edits.edited(loaded), loaded, names, reading.max_chars)
            saturation, noun = _of_pairs(lines), "character"
        else:
            reader = make_reader(loaded, names, edits, seed=own.seed)
            saturation, noun = _of_text(reader, reading), reader.noun
    _show(saturation, noun, layout, pictures, called)
    table.write(COLUMNS, _rows(saturation))


def _of_text(reader: "Reader", reading: ReadingOptions) -> "Saturation":
    from charrnn.interpret.gates import saturation, sigmoid_gates
    from charrnn.interpret.recording import record_parts

    model = reader.model
    names = sigmoid_gates(model.cell)
    with one_thread(), working(None, reader.noun) as work:
        text = reader.text(reading.max_chars)
        parts = record_parts(model, text, keep=names, item_end=reader.item_end)
        return saturation(work.reading(parts, len(model.vocabulary.points(text))))


def _of_pairs(lines: PairLines) -> "Saturation":
    from charrnn.interpret.gates import saturation, sigmoid_gates
    from charrnn.interpret.pairs import record_sources, record_targets, with_targets
    from charrnn.interpret.units import array_names

    model = lines.model
    keep = array_names(sigmoid_gates(model.cell), model.config)
    with one_thread(), working(None, "character") as work:
        pairs = lines.read()
        parts = record_sources(model, [source for source, _ in pairs], keep=keep)
        if model.config.writes:
            targets = record_targets(model, with_targets(model, pairs), keep=keep)
            parts = itertools.chain(parts, targets)
        return saturation(work.passing(parts))


def _of_dumps(dumps: "Sequence[Dump]", reading: ReadingOptions) -> "Saturation":
    from charrnn.interpret.gates import saturation, sigmoid_gates
    from charrnn.interpret.units import array_names

    def read(dump: "Dump") -> "Recording":
        names = array_names(sigmoid_gates(dump.network.cell), dump.network.config)
        return read_dump(dump, names, most=reading.max_chars)

    return saturation(map(read, dumps))


def _show(
    saturation: "Saturation",
    noun: str,
    layout: LayoutOptions,
    pictures: PictureOptions,
    names: "Sequence[NamedUnit]",
) -> None:
    """Draw or print how the gates were used."""
    from charrnn.render.plot.curves import DRAWN_WITH
    from charrnn.render.plot.picture import draw_scatter
    from charrnn.render.views.gates import gate_rows, gate_scatter

    if pictures:
        scatter, colored = gate_scatter(saturation), layout.is_picture_colored
        pictures.write_plot(lambda kind: draw_scatter(scatter, kind, colored=colored))
        return
    braille = can_print(DRAWN_WITH)
    rows = gate_rows(saturation, noun, layout.columns, layout.mode, braille=braille, names=names)
    print_rows(rows)


def _rows(saturation: "Saturation") -> Iterator[tuple[object, ...]]:
    """The rows of the table, one for each gate of each unit."""
    from charrnn.interpret.units import Unit

    for gate in saturation.gates:
        for layer, unit in (
            (k, u) for k in range(len(gate.mean)) for u in range(len(gate.mean[0]))
        ):
            at = layer, unit
            values = (float(a[at]) for a in (gate.left, gate.right, gate.mean))
            scale = "" if gate.time_scale is None else float(gate.time_scale[at])
            yield (Unit(layer, gate.name, unit), layer, gate.name, unit, *values, scale)
