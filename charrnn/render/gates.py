"""How gates are used, as a drawing and tables: see `charrnn.analysis.gates`."""

import textwrap
from collections.abc import Iterator

from charrnn.analysis.gates import OPEN, SHUT, GateUse, Parts, Saturation
from charrnn.analysis.units import highest
from charrnn.render.palette import ColorMode
from charrnn.render.scatter import Scatter, Square, scatter_lines

EXTREMES = 3
"""Units that are named for each gate and side."""


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
        f"gates in {found.symbols:,} {noun}{'s'[: found.symbols - 1]}, {L * H:,} units. "
        f"Across: the part of the time that a unit's gate is above {OPEN} (right-saturated, open); "
        f"up: below {SHUT} (left-saturated, shut)."
    )
    yield from textwrap.wrap(title, max(24, width))
    yield ""
    yield from scatter_lines(gate_scatter(found), width, mode, braille=braille)
    yield ""
    yield f"{'gate':<6}{'layer':>5}{'shut':>9}{'open':>9}{'mean':>8}"
    for gate in found.gates:
        for layer in range(L):
            left, right, mean = (float(a[layer].mean()) for a in (gate.left, gate.right, gate.mean))
            name = gate.name if not layer else ""
            yield f"{name:<6}{layer:>5}{_percent(left)}{_percent(right)}{mean:8.3f}"
    yield ""
    yield from _extremes(found, noun)


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


def _extremes(found: Saturation, noun: str) -> Iterator[str]:
    """A table of the units that are most often shut, most often open, and remember longest."""
    heads = ["most often shut", "most often open"]
    keeper = next((gate.name for gate in found.gates if gate.keeps), None)
    if keeper:
        heads.append(f"longest time scale, 1/(1 - mean {keeper})")
    yield f"{'gate':<6}" + "".join(f"{head:<22}" for head in heads).rstrip()
    for gate in found.gates:
        columns = [_column(gate, gate.left), _column(gate, gate.right)]
        if gate.time_scale is not None:
            longest = highest(gate.time_scale, gate.name, EXTREMES)
            columns.append([f"{unit!s:<10} {value:,.1f} {noun}s" for unit, value in longest])
        for rank, row in enumerate(zip(*columns, strict=True)):
            name = "" if rank else gate.name
            yield (f"{name:<6}" + "".join(f"{text:<22}" for text in row)).rstrip()


def _column(gate: GateUse, values: Parts) -> list[str]:
    """The units with the highest values."""
    return [f"{u!s:<10}{_percent(v)}" for u, v in highest(values, gate.name, EXTREMES)]


def _percent(part: float) -> str:
    return f"{100 * part:7.1f} %"
