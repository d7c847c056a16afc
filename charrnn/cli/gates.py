"""What `charrnn visualize --gates` does: read the whole text, and show how the gates were used."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.dumps import read_again
from charrnn.cli.pictures import Pictures
from charrnn.cli.reading import content, with_bar
from charrnn.cli.showing import Style
from charrnn.cli.table import require_csv, write_csv
from charrnn.cli.terminal import can_print

if TYPE_CHECKING:
    from charrnn.interpret.dumps.reading import Dump
    from charrnn.interpret.gates import Saturation
    from charrnn.model import CharRNN

COLUMNS = ("address", "layer", "gate", "unit", "left", "right", "mean", "time_scale")


def show_gates(
    model: "CharRNN",
    text: str | None,
    csv: Path | None,
    max_chars: int | None,
    style: Style,
    pictures: Pictures | None,
    *,
    lines: bool,
    quiet: bool,
) -> None:
    """Print how the gates were used, or draw it, and write a table if one is named; the arguments are `visualize`'s."""
    from threadpoolctl import threadpool_limits

    from charrnn.interpret.gates import saturation, sigmoid_gates
    from charrnn.interpret.recording import record_parts

    names = sigmoid_gates(model.cell)
    require_csv(csv)
    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        read = content(text, model, max_chars, quiet=quiet)
        length = len(model.vocabulary.points(read))
        parts = record_parts(model, read, keep=names, lines=lines)
        found = saturation(with_bar(parts, length, quiet=quiet))
    _show(found, model.vocabulary.level, csv, style, pictures, quiet=quiet)


def show_gates_again(
    dump: "Dump",
    csv: Path | None,
    max_chars: int | None,
    style: Style,
    pictures: Pictures | None,
    *,
    quiet: bool,
) -> None:
    """The same of a dump, which has the gates."""
    from charrnn.interpret.gates import saturation, sigmoid_gates

    require_csv(csv)
    names = sigmoid_gates(dump.network.cell)
    found = saturation([read_again(dump, names, (), 0, max_chars, quiet=quiet)])
    _show(found, dump.header.source.level, csv, style, pictures, quiet=quiet)


def _show(
    found: "Saturation",
    level: str,
    csv: Path | None,
    style: Style,
    pictures: Pictures | None,
    *,
    quiet: bool,
) -> None:
    """Print or draw what was found in a text of this level, and write the table."""
    from charrnn.render.ansi import lines_of
    from charrnn.render.plot.curves import DRAWN_WITH
    from charrnn.render.plot.picture import draw_scatter
    from charrnn.render.views.gates import gate_rows, gate_scatter

    noun = "byte" if level == "byte" else "character"
    if pictures:
        drawn, colored = gate_scatter(found), pictures.colored
        pictures.write_plot(lambda kind: draw_scatter(drawn, kind, colored=colored), quiet=quiet)
    else:
        mode, braille = style.look().mode, can_print(DRAWN_WITH)
        for line in lines_of(gate_rows(found, noun, style.columns(), mode, braille=braille)):
            sys.stdout.write(line + "\n")
    if csv:
        write_csv(csv, COLUMNS, _rows(found), quiet=quiet)


def _rows(found: "Saturation") -> Iterator[tuple[object, ...]]:
    """A row for each unit's gate."""
    from charrnn.interpret.units import Unit

    for gate in found.gates:
        for layer, unit in (
            (k, u) for k in range(len(gate.mean)) for u in range(len(gate.mean[0]))
        ):
            at = layer, unit
            figures = (float(a[at]) for a in (gate.left, gate.right, gate.mean))
            scale = "" if gate.time_scale is None else float(gate.time_scale[at])
            yield (Unit(layer, gate.name, unit), layer, gate.name, unit, *figures, scale)
