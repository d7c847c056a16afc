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
from charrnn.render.glyphs import one_line
from charrnn.render.palette import ColorMode
from charrnn.render.scene import Block, Column
from charrnn.render.sheet import NOTE, Cell, Row, Sheet, Style, legend_rows, styles_of, words
from charrnn.render.terminal import Look, digits_of, legend, padded, painted, signs_of


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

    @property
    def margin(self) -> int:
        """The cells that names take, with a space."""
        return max(map(len, self.names)) + 1

    @property
    def block(self) -> Block:
        """What legends are about: the largest value, and whether there are any below zero."""
        signed = bool(self.values.min() < 0)
        return Block(self.title, [float(self.values.max())], self.scale, signed)


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
    block = shown.block
    yield from legend(block, look.mode, look=replace(look, digits=False))
    ramp = look.ramp(block)
    for number, band in enumerate(_bands(columns, shown, look, width)):
        if number:
            yield ""
        yield " " * shown.margin + "".join(padded(band.labels, band.widths))
        for name, marks, values in band.rows:
            codes = [ramp.codes[ramp.neutral + k] for k in ramp.levels(values, block.scale)]
            line = name.ljust(shown.margin) + painted(padded(marks, band.widths), codes)
            yield line.rstrip() if look.mode == ColorMode.none else line


def heat_map_sheet(columns: Sequence[Column], shown: HeatMap, look: Look, width: int) -> Sheet:
    """The same for a picture."""
    block = shown.block
    rows: list[Row] = list(legend_rows(block, replace(look, digits=False)))
    for number, band in enumerate(_bands(columns, shown, look, width)):
        if number:
            rows.append([])
        text = [Cell(*cell, Style()) for cell in zip(band.labels, band.widths, strict=True)]
        rows.append([words(" " * shown.margin, NOTE), *text])
        for name, marks, values in band.rows:
            styles = styles_of(replace(block, values=values), look)
            cells = map(Cell, marks, band.widths, styles)
            rows.append([words(name.ljust(shown.margin), NOTE), *cells])
    title = one_line(f"{shown.title}, full scale {shown.scale:.2f}")
    address = title.partition("   ")[0]
    return Sheet(rows, address, f"A text, and under it a row of values for each unit. {title}.")


@dataclass(frozen=True)
class _Band:
    """A stretch of the text that fits beside the names, and what stands under it."""

    labels: Sequence[str]
    widths: Sequence[int]
    rows: Sequence[tuple[str, Sequence[str], Sequence[float]]]
    """A name, a mark for each column, and the values that colour them."""


def _bands(columns: Sequence[Column], shown: HeatMap, look: Look, width: int) -> Iterator[_Band]:
    for stretch in _fold(columns, width - shown.margin):
        values = shown.values[:, stretch].tolist()
        yield _Band(
            [column.label or " " for column in columns[stretch]],
            [max(1, column.width) for column in columns[stretch]],
            [
                row
                for k, name in enumerate(shown.names)
                for row in _rows(name, values[k], shown, look)
            ],
        )


def _rows(
    name: str, values: Sequence[float], shown: HeatMap, look: Look
) -> Iterator[tuple[str, Sequence[str], Sequence[float]]]:
    """A unit's row, and its signs above it where there is no colour."""
    if look.mode == ColorMode.none and any(value < 0 for value in values):
        yield "", signs_of(values), values
    marks = digits_of(values, shown.scale) if look.has_digits else [""] * len(values)
    yield name, marks, values


def _fold(columns: Sequence[Column], width: int) -> Iterator[slice]:
    """Stretches of columns that fit beside each other; every one has a column at least."""
    first = used = 0
    for t, column in enumerate(columns):
        cells = max(1, column.width)
        if used and used + cells > width:
            yield slice(first, t)
            first, used = t, 0
        used += cells
    yield slice(first, len(columns))
