"""Many units over a text at once: a row each, a column a character, folded at the width.

Each row begins with its unit's address. Without colour, digits give the values, with a row of signs above where there
are negative ones.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from charrnn.interpret.recording import Recording
from charrnn.interpret.units import Unit
from charrnn.render.ansi import Look, digits_of, fold, legend, padded, painted, signs_of
from charrnn.render.glyphs import one_line
from charrnn.render.graphemes import Graphemes
from charrnn.render.grid import NOTE, Cell, Row, Sheet, Style, legend_rows, styles_of, words
from charrnn.render.palette import ColorMode
from charrnn.render.views.scene import HERE, Block, Column, columns_of
from charrnn.wording import counted

DIGITS_SAY = "digits: size of the value, 9 is {:.2f}"


@dataclass(frozen=True)
class HeatMap:
    """Units and what they do."""

    title: str
    units: Sequence[Unit]
    """Of the rows."""
    values: npt.NDArray[np.float32]
    """(n, T) a row a unit; of a long text, those of its beginning."""
    scale: float
    """The value with the full colour."""
    may_exceed: bool = False
    """Whether this is only the beginning, so that others may lie beyond the scale."""

    @property
    def names(self) -> list[str]:
        """What stands at the left of the rows."""
        return list(map(str, self.units))

    @property
    def margin(self) -> int:
        """The cells that names take, with a space."""
        return max(map(len, self.names)) + 1

    @property
    def block(self) -> Block:
        """What legends are about: the largest value, and whether there are any below zero."""
        low, high = _extremes(self.values)
        signed = low < 0 or self.may_exceed
        return Block(self.title, [high], self.scale, signed, may_exceed=self.may_exceed)

    def of(self, recording: Recording) -> "HeatMap":
        """The same units in another part of the text, on the same scale."""
        return replace(self, values=_values(recording, self.units))


def heat_map(
    recording: Recording, address: str, units: Sequence[Unit], note: str = "", where: str = ""
) -> HeatMap:
    """The heat map of units in their order, on one scale: 1, but of cells c, or what goes beyond 1, the most they reach.

    Args:
        recording: has the arrays of the units.
        address: what they are called together.
        units: one or more, all of one state or gate.
        note: stands at the end of the title.
        where: what the recording is of the text; empty if it is all.
    """
    values = _values(recording, units)
    low, high = _extremes(values)
    reach = max(-low, high)
    scale = max(reach, 1e-6) if units[0].what == "c" or reach > 1 else 1.0
    title = f"{address}   {counted(len(units), 'unit')}, {low:+.2f} to {high:+.2f} {where or HERE}{note}"
    return HeatMap(title, units, values, scale, may_exceed=bool(where))


def _values(recording: Recording, units: Sequence[Unit]) -> npt.NDArray[np.float32]:
    return np.stack([recording.arrays[u.what][:, u.layer, u.index] for u in units])


def _extremes(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    """The lowest and the highest value that is finite; both 0 if none is."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


Part = tuple[Sequence[Column], HeatMap]
"""Columns of a text, and what stands under them."""


def heat_map_parts(recordings: Iterable[Recording], shown: HeatMap) -> Iterator[Part]:
    """A heat map of a text that comes in parts."""
    graphemes = Graphemes()
    for recording in recordings:
        yield columns_of(recording, graphemes.begins(recording.pieces)), shown.of(recording)


def heat_map_lines(parts: Iterable[Part], shown: HeatMap, look: Look, width: int) -> Iterator[str]:
    """The lines of a heat map: a legend, then for each stretch of the text that fits, the text and a row a unit.

    Nothing is kept of a part but the stretch that the next may go on with.

    Args:
        parts: of the text.
        shown: decides the scale and the legend.
        look: how it is drawn; signs and digits take the place of colours, where there are none.
        width: its cells.
    """
    block = shown.block
    yield from legend(block, look.mode, look=replace(look, digits=False))
    if look.digits and look.mode != ColorMode.none:
        yield DIGITS_SAY.format(block.scale)
    ramp = look.ramp(block)
    bands = (band for part in _whole_stretches(parts, width) for band in _bands(*part, look, width))
    for number, band in enumerate(bands):
        if number:
            yield ""
        yield " " * shown.margin + "".join(padded(band.labels, band.widths))
        for name, marks, values in band.rows:
            codes = [ramp.codes[ramp.neutral + k] for k in ramp.levels(values, block.scale)]
            line = name.ljust(shown.margin) + painted(padded(marks, band.widths), codes)
            yield line.rstrip() if look.mode == ColorMode.none else line


def _whole_stretches(parts: Iterable[Part], width: int) -> Iterator[Part]:
    """The parts, each with the stretch before it that was not full."""
    rest: Part | None = None
    for columns, shown in parts:
        if rest:
            columns = [*rest[0], *columns]  # noqa: PLW2901 (the same part, with its beginning)
            shown = replace(shown, values=np.hstack([rest[1].values, shown.values]))  # noqa: PLW2901
        *_, last = _stretches(columns, shown, width)
        if last.start:
            yield columns[: last.start], replace(shown, values=shown.values[:, : last.start])
        rest = columns[last], replace(shown, values=shown.values[:, last])
    if rest:
        yield rest


def _stretches(columns: Sequence[Column], shown: HeatMap, width: int) -> Iterator[slice]:
    """What fits beside each other."""
    widths = [max(1, column.width) for column in columns]
    begins, nowhere = [column.begins for column in columns], [False] * len(columns)
    return (slice(*ends) for ends in fold(widths, begins, nowhere, max(1, width - shown.margin)))


def heat_map_sheet(columns: Sequence[Column], shown: HeatMap, look: Look, width: int) -> Sheet:
    """The same for a picture."""
    block = shown.block
    rows: list[Row] = list(legend_rows(block, replace(look, digits=False)))
    if look.digits and look.mode != ColorMode.none:
        rows.append([words(DIGITS_SAY.format(block.scale), NOTE)])
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
    for stretch in _stretches(columns, shown, width):
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
