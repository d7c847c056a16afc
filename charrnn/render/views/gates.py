"""How gates are used, as a drawing and tables: see `charrnn.interpret.gates`."""

from collections.abc import Iterator, Sequence

from charrnn.interpret.gates import OPEN, SHUT, Fractions, GateUse, Saturation
from charrnn.interpret.units import highest
from charrnn.render.columns import tight_lines, wrapped
from charrnn.render.palette import ColorMode
from charrnn.render.plot.scatter import Scatter, Square, scatter_lines
from charrnn.wording import counted

EXTREMES = 3
"""Units that are named for each gate and side."""
COLUMNS = (5, 6, 9, 9, 8)
"""Cells of the means, where there is room."""
BEFORE, ENTRY = 6, 22
"""The same of the extreme units: of the gate's name, and of each of the columns."""


def gate_lines(
    found: Saturation, noun: str, width: int, mode: ColorMode, *, braille: bool = True
) -> Iterator[str]:
    """The lines: a square for each gate with a point for each unit, then means by layer, then the extreme units.

    Args:
        found: what is shown.
        noun: what was read, "character" or "byte".
        width: of a line of the drawing, in cells.
        mode: the colours that the terminal can show.
        braille: draw with dots; if not, with ASCII.
    """
    L, H = found.gates[0].mean.shape
    title = (
        f"gates in {counted(found.symbols, noun)}, {counted(L * H, 'unit')}. "
        f"Across: the part of the time that a unit's gate is above {OPEN} (right-saturated, open); "
        f"up: below {SHUT} (left-saturated, shut)."
    )
    yield from wrapped(title, width)
    yield ""
    yield from scatter_lines(gate_scatter(found), width, mode, braille=braille)
    yield ""
    yield from _means(found, width)
    yield ""
    yield from _extremes(found, noun, width)


def gate_scatter(found: Saturation) -> Scatter:
    """A square for each gate, with a point for each unit: how often it is open across, and shut up."""
    layers = [f"layer {layer}" for layer in range(len(found.gates[0].mean))]
    return Scatter(
        [_square(gate) for gate in found.gates],
        layers,
        f"right-saturated (part of the time above {OPEN})",
        f"left-saturated (below {SHUT})",
    )


def _square(gate: GateUse) -> Square:
    points = zip(gate.right.tolist(), gate.left.tolist(), strict=True)
    groups = [list(zip(right, left, strict=True)) for right, left in points]
    return Square(f"gate {gate.name}", groups)


def _means(found: Saturation, width: int) -> Iterator[str]:
    """A table of the means of layers; a narrow line leaves out the last."""
    rows = [("gate", "layer", "shut", "open", "mean")]
    for gate in found.gates:
        for layer, parts in enumerate(zip(gate.left, gate.right, gate.mean, strict=True)):
            left, right, mean = (float(part.mean()) for part in parts)
            name = "" if layer else gate.name
            rows.append((name, f"{layer}", _percent(left), _percent(right), f"{mean:.3f}"))
    if width < sum(COLUMNS):
        first, *others = zip(*rows, strict=True)
        yield from tight_lines([[name.ljust(len("gate")) for name in first], *others], width)
        return
    for name, *figures in rows:
        cells = zip(figures, COLUMNS[1:], strict=True)
        yield f"{name:<{COLUMNS[0]}}" + "".join(text.rjust(w) for text, w in cells)


def _extremes(found: Saturation, noun: str, width: int) -> Iterator[str]:
    """Tables of the units that are most often shut, most often open, and remember longest, side by side if they fit."""
    tables = {
        "most often shut": [_column(gate, gate.left) for gate in found.gates],
        "most often open": [_column(gate, gate.right) for gate in found.gates],
    }
    memory_gate = next((gate for gate in found.gates if gate.time_scale is not None), None)
    if memory_gate:
        heading = f"time scale, 1/(1 - mean {memory_gate.name})"
        tables[heading] = [_scales(gate, noun) for gate in found.gates]
    lines = list(_side_by_side([gate.name for gate in found.gates], tables))
    if max(map(len, lines)) <= width:
        yield from lines
        return
    for number, (heading, entries) in enumerate(tables.items()):
        if number:
            yield ""
        yield from wrapped(heading, width)
        yield from (entry for column in entries for entry in column if entry)


def _side_by_side(names: Sequence[str], tables: dict[str, list[list[str]]]) -> Iterator[str]:
    """The lines of tables that have as many entries for each gate, beside the names of the gates."""
    yield f"{'gate':<{BEFORE}}" + "".join(f"{heading:<{ENTRY}}" for heading in tables).rstrip()
    for name, *columns in zip(names, *tables.values(), strict=True):
        for rank, row in enumerate(zip(*columns, strict=True)):
            first = "" if rank else name
            yield (f"{first:<{BEFORE}}" + "".join(f"{text:<{ENTRY}}" for text in row)).rstrip()


def _column(gate: GateUse, values: Fractions) -> list[str]:
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
