"""Many units over a text at once: a row each, a column a character, folded at the width.

Each row begins with its unit's address. Without colour, digits give the values, with a row of signs above where there
are negative ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from charrnn.analysis.units import Unit
from charrnn.recording import Recording
from charrnn.render.palette import ColorMode
from charrnn.render.scene import Block, Column
from charrnn.render.terminal import Look, digits_of, legend, painted, signs_of


@dataclass(frozen=True)
class HeatMap:
    """Units and what they do."""

    title: str
    names: Sequence[str]
    """Of the rows."""
    values: npt.NDArray[np.float32]
    """(n, T) a row a unit."""
    scale: float
    """The value with the full colour."""


def heat_map(recording: Recording, address: str, units: Sequence[Unit], note: str = "") -> HeatMap:
    """The heat map of units in their order, on one scale: 1, but of cells c, or what goes beyond 1, the most they reach.

    Args:
        recording: has the arrays of the units.
        address: what they are called together.
        units: one or more, all of one state or gate.
        note: stands at the end of the title.
    """
    values = np.stack([recording.arrays[u.what][:, u.layer, u.index] for u in units])
    low, high = float(values.min()), float(values.max())
    reach = max(-low, high)
    scale = max(reach, 1e-6) if units[0].what == "c" or reach > 1 else 1.0
    noun = "unit" if len(units) == 1 else "units"
    title = f"{address}   {len(units):,} {noun}, {low:+.2f} to {high:+.2f} here{note}"
    return HeatMap(title, list(map(str, units)), values, scale)


def heat_map_lines(
    columns: Sequence[Column], shown: HeatMap, look: Look, width: int
) -> Iterator[str]:
    """The lines of a heat map: a legend, then for each stretch of the text that fits, the text and a row a unit.

    Args:
        columns: of the text.
        shown: what stands under them.
        look: how it is drawn; signs and digits take the place of colours, where there are none.
        width: its cells.
    """
    signed = bool(shown.values.min() < 0)
    block = Block(shown.title, [float(shown.values.max())], shown.scale, signed)
    yield from legend(block, look.mode, look=replace(look, digits=False))
    margin = max(map(len, shown.names)) + 1
    for stretch in _fold(columns, width - margin):
        if stretch.start:
            yield ""
        within = slice(stretch.start, stretch.stop)
        widths = [max(1, column.width) for column in columns[within]]
        yield " " * margin + "".join(column.label or " " for column in columns[within])
        for name, values in zip(shown.names, shown.values[:, within].tolist(), strict=True):
            yield from _rows(name.ljust(margin), values, widths, block, look)


def _fold(columns: Sequence[Column], width: int) -> Iterator[range]:
    """Stretches of columns that fit beside each other; every one has a column at least."""
    first = used = 0
    for t, column in enumerate(columns):
        cells = max(1, column.width)
        if used and used + cells > width:
            yield range(first, t)
            first, used = t, 0
        used += cells
    yield range(first, len(columns))


def _rows(
    name: str, values: Sequence[float], widths: Sequence[int], block: Block, look: Look
) -> Iterator[str]:
    """A unit's row, and its signs above it where there is no colour."""
    digits = digits_of(values, block.scale)
    if look.mode != ColorMode.none:
        ramp = look.ramp(block)
        codes = [ramp.codes[ramp.neutral + k] for k in ramp.levels(values, block.scale)]
        marks = digits if look.digits else [" "] * len(values)
        cells = [mark.ljust(width) for mark, width in zip(marks, widths, strict=True)]
        yield name + painted(cells, codes)
        return
    if any(value < 0 for value in values):
        yield (" " * len(name) + _spread(signs_of(values), widths)).rstrip()
    yield (name + _spread(digits, widths)).rstrip()


def _spread(marks: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(mark.ljust(width) for mark, width in zip(marks, widths, strict=True))
