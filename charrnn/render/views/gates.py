"""How gates are used, as a drawing and tables: see `charrnn.interpret.gates`."""

from collections.abc import Iterator, Sequence

from charrnn.interpret.gates import OPEN, SHUT, GateUse, Saturation
from charrnn.interpret.names import NamedUnit
from charrnn.interpret.units import highest, letter_of, mark_of
from charrnn.numerics import Float64
from charrnn.render.glyphs import one_line
from charrnn.render.grid import GAP, GridRow, words
from charrnn.render.palette import ColorMode
from charrnn.render.plot.scatter import Scatter, Square, scatter_rows
from charrnn.render.tables import tight_lines, wrapped
from charrnn.wording import counted

EXTREMES = 3
"""The number of units that are named for each gate and side."""
MEAN_WIDTHS = (5, 6, 9, 9, 8)
"""The widths of the columns of means, where there is room."""
NAME_WIDTH, ENTRY_WIDTH = 6, 22
"""The widths of the columns of extreme units: of the gate's name, and of each entry."""


def gate_rows(
    saturation: Saturation,
    noun: str,
    width: int,
    mode: ColorMode,
    *,
    braille: bool = True,
    names: Sequence[NamedUnit] = (),
) -> Iterator[GridRow]:
    """A square for each gate with a point for each unit, then means by layer, then the extreme units.

    Args:
        saturation: how the gates were used.
        noun: what was read, "character" or "byte".
        width: columns in a line.
        mode: the colors that the medium can show.
        braille: draw with dots; if not, with ASCII.
        names: the names of the network's units; those of the extreme units are shown.
    """
    L, H = saturation.gates[0].mean.shape
    parts = len({mark_of(gate.name) for gate in saturation.gates})
    title = (
        f"gates in {counted(saturation.symbols, noun)}, {counted(parts * L * H, 'unit')}. "
        f"Across: the fraction of time steps at which a unit's gate is above {OPEN} (right-saturated, open); "
        f"up: below {SHUT} (left-saturated, shut)."
    )
    yield from map(words, wrapped(title, width))
    yield GAP
    yield from scatter_rows(gate_scatter(saturation), width, mode, braille=braille)
    yield GAP
    yield from map(words, _means(saturation, width))
    yield GAP
    yield from map(words, _extremes(saturation, noun, width))
    called = list(_called(saturation, names))
    if called:
        yield GAP
        yield from (words(line) for one in called for line in wrapped(one, width))


def gate_scatter(saturation: Saturation) -> Scatter:
    """A square for each gate, with a point for each unit: how often it is open across, and shut up."""
    layers = [f"layer {layer}" for layer in range(len(saturation.gates[0].mean))]
    return Scatter(
        [_square(gate) for gate in saturation.gates],
        layers,
        f"right-saturated (fraction of steps above {OPEN})",
        f"left-saturated (below {SHUT})",
    )


def _square(gate: GateUse) -> Square:
    points = zip(gate.right.tolist(), gate.left.tolist(), strict=True)
    groups = [list(zip(right, left, strict=True)) for right, left in points]
    return Square(f"gate {gate.name}", groups)


def _means(saturation: Saturation, width: int) -> Iterator[str]:
    """A table of the means of layers; a narrow line leaves out the last."""
    rows = [("gate", "layer", "shut", "open", "mean")]
    for gate in saturation.gates:
        for layer, parts in enumerate(zip(gate.left, gate.right, gate.mean, strict=True)):
            left, right, mean = (float(part.mean()) for part in parts)
            name = "" if layer else gate.name
            rows.append((name, f"{layer}", _percent(left), _percent(right), f"{mean:.3f}"))
    if width < sum(MEAN_WIDTHS):
        first, *others = zip(*rows, strict=True)
        yield from tight_lines([[name.ljust(len("gate")) for name in first], *others], width)
        return
    for name, *numbers in rows:
        cells = zip(numbers, MEAN_WIDTHS[1:], strict=True)
        yield f"{name:<{MEAN_WIDTHS[0]}}" + "".join(text.rjust(w) for text, w in cells)


def _extremes(saturation: Saturation, noun: str, width: int) -> Iterator[str]:
    """Tables of the units that are most often shut, most often open, and remember longest, side by side if they fit."""
    tables = {
        "most often shut": [_column(gate, gate.left) for gate in saturation.gates],
        "most often open": [_column(gate, gate.right) for gate in saturation.gates],
    }
    memory_gate = next((gate for gate in saturation.gates if gate.time_scale is not None), None)
    if memory_gate:
        heading = f"time scale, 1/(1 - mean {letter_of(memory_gate.name)})"
        tables[heading] = [_scales(gate, noun) for gate in saturation.gates]
    lines = list(_side_by_side([gate.name for gate in saturation.gates], tables))
    if max(map(len, lines)) <= width:
        yield from lines
        return
    for number, (heading, entries) in enumerate(tables.items()):
        if number:
            yield ""
        yield from wrapped(heading, width)
        yield from (entry for column in entries for entry in column if entry)


def _called(saturation: Saturation, names: Sequence[NamedUnit]) -> Iterator[str]:
    """The names of the extreme units, whose states have them: those of the gates of the same layer and index."""
    listed = {
        (unit.layer, mark_of(unit.what), unit.index)
        for gate in saturation.gates
        for values in (gate.left, gate.right, gate.time_scale)
        if values is not None
        for unit, _ in highest(values, gate.name, EXTREMES)
    }
    for named in names:
        layer, _, index = named.unit.split(".")
        if (int(layer.strip("L<>")), mark_of(layer), int(index)) in listed:
            yield one_line(f"the gates of {layer}, unit {index} are those of {named.unit}: {named}")


def _side_by_side(names: Sequence[str], tables: dict[str, list[list[str]]]) -> Iterator[str]:
    """The lines of tables that have as many entries for each gate, beside the names of the gates."""
    yield (
        f"{'gate':<{NAME_WIDTH}}"
        + "".join(f"{heading:<{ENTRY_WIDTH}}" for heading in tables).rstrip()
    )
    for name, *columns in zip(names, *tables.values(), strict=True):
        for rank, row in enumerate(zip(*columns, strict=True)):
            first = "" if rank else name
            yield (
                f"{first:<{NAME_WIDTH}}" + "".join(f"{text:<{ENTRY_WIDTH}}" for text in row)
            ).rstrip()


def _column(gate: GateUse, values: Float64) -> list[str]:
    """The units with the highest values."""
    return [f"{u!s:<10}{_percent(v):>9}" for u, v in highest(values, gate.name, EXTREMES)]


def _scales(gate: GateUse, noun: str) -> list[str]:
    """The units with the longest time scales; as many empty entries for a gate that has none."""
    if gate.time_scale is None:
        return [""] * min(EXTREMES, gate.mean.size)
    longest = highest(gate.time_scale, gate.name, EXTREMES)
    return [f"{unit!s:<10} {value:,.1f} {noun}s" for unit, value in longest]


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"
