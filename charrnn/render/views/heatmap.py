"""Many units over a text at once: a row for each unit, a column for each character, folded at the width.

Each row begins with its unit's address. Without color, digits give the values, with a row of signs above where there
are negative ones.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from charrnn.interpret.recording import Recording
from charrnn.interpret.units import Unit
from charrnn.numerics import Float
from charrnn.render.glyphs import one_line
from charrnn.render.graphemes import Graphemes
from charrnn.render.grid import GAP, Band, GridRow, folded, words
from charrnn.render.look import Look
from charrnn.render.palette import PLAIN
from charrnn.render.views.scale import Scale, digits_of, legend_rows, note_rows, signs_of
from charrnn.render.views.symbols import Column, columns_of
from charrnn.render.views.text import HERE
from charrnn.wording import counted

ScaleOf = Literal["all", "unit"]
"""Whether all rows of a heat map have one scale, or each its own."""
MOST_NAMED = 8
"""Names that are shown above a heat map."""
LEAST_FULL = 1e-6
"""The full scale of a unit that is always zero."""

Part = tuple[Sequence[Column], Float]
"""The columns of a part of a text, and the values of each unit there, (n, T)."""


@dataclass(frozen=True)
class HeatMap:
    """The rows of a heat map, without their values."""

    units: Sequence[Unit]
    full: Sequence[float]
    """The value with the full color in each unit's row."""
    scale: Scale
    """The meaning of the colors."""
    scale_of: ScaleOf = "all"
    called: Sequence[str] = ()
    """The units that have names, with these."""

    def values(self, recording: Recording) -> Float:
        """The values of the units in a part of a text, (n, T)."""
        return _values(recording, self.units)


def heat_map(
    recording: Recording,
    address: str,
    units: Sequence[Unit],
    note: str = "",
    where: str = "",
    scale: ScaleOf = "all",
    called: Sequence[str] = (),
) -> HeatMap:
    """The heat map of some units.

    The scale of all is 1, but for cell states c, or values beyond 1, the largest absolute value. The scale of one unit
    is always its own largest absolute value.

    Args:
        recording: the recording of the text, or of its beginning; it has the arrays of the units.
        address: what the units are called together.
        units: in the order of the rows; one or more, all of one state or gate.
        note: appended to the title.
        where: what the recording is of, if not of the whole text.
        scale: "unit" gives each row its own scale, so that one large unit does not wash the others out.
        called: the units that have names, with these.
    """
    values = _values(recording, units)
    low, high = _extremes(values)
    reach = max(-low, high)
    full = max(reach, LEAST_FULL) if units[0].letter == "c" or reach > 1 else 1.0
    each = [full] * len(units) if scale == "all" else list(map(_reach, values))
    title = f"{address}   {counted(len(units), 'unit')}, {low:+.2f} to {high:+.2f} {where or HERE}{note}"
    legend = Scale(
        title,
        full if scale == "all" else 1.0,
        is_signed=low < 0 or bool(where),
        is_exceeded=bool(where),
    )
    return HeatMap(units, each, legend, scale, called)


def _values(recording: Recording, units: Sequence[Unit]) -> Float:
    return np.stack([recording.arrays[u.what][:, u.layer, u.index] for u in units])


def _extremes(values: Float) -> tuple[float, float]:
    """The lowest and the highest value that is finite; both 0 if none is."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _reach(values: Float) -> float:
    """The full scale of one unit: its largest absolute value."""
    low, high = _extremes(values)
    return max(-low, high, LEAST_FULL)


def heat_map_parts(recordings: Iterable[Recording], shown: HeatMap) -> Iterator[Part]:
    """The parts of a text as a heat map shows them."""
    graphemes = Graphemes()
    for recording in recordings:
        yield columns_of(recording, graphemes), shown.values(recording)


def heat_map_rows(
    parts: Iterable[Part], shown: HeatMap, look: Look, width: int
) -> Iterator[GridRow]:
    """The lines of a heat map: a legend, then for each stretch of the text that fits, the text and a row a unit.

    Only the last stretch of a part is kept, because the next part may continue it.

    Args:
        parts: the parts of the text.
        shown: the units and their scales.
        look: how it is drawn; signs and digits take the place of colors, where there are none.
        width: columns in a line.
    """
    yield from _legend(shown, look)
    names = list(map(str, shown.units))
    margin = max(map(len, names)) + 1
    labels = ["", *(label for name in names for label in _labels(name, look))]
    bands = (_band(*part, shown, look) for part in parts)
    for number, rows in enumerate(folded(bands, width - margin)):
        if number:
            yield GAP
        for label, row in zip(labels, rows, strict=True):
            if label or row is rows[0] or "-" in row.texts:
                yield words(label.ljust(margin), look.note) + row


def _legend(shown: HeatMap, look: Look) -> Iterator[GridRow]:
    """What the colors and digits of a heat map mean."""
    *rows, last = legend_rows(shown.scale, replace(look, digits=False))
    yield from rows if last == GAP else (*rows, last)
    if look.digits and look.has_color:
        yield from note_rows(f"digits: size of the value, 9 is {shown.scale.full:.2f}", look)
    if shown.scale_of == "unit":
        own = "each row has its own scale: 1.00 is the largest absolute value of its unit"
        yield from note_rows(own, look)
    for name in shown.called[:MOST_NAMED]:
        yield from note_rows(one_line(name), look)
    if len(shown.called) > MOST_NAMED:
        yield from note_rows(f"{len(shown.called) - MOST_NAMED} more names", look)
    if last == GAP:
        yield GAP


def _labels(name: str, look: Look) -> list[str]:
    """What stands at the left of a unit's rows: nothing beside its signs, which are the first."""
    return [name] if look.has_color else ["", name]


def _band(columns: Sequence[Column], values: Float, shown: HeatMap, look: Look) -> Band:
    """The rows of a part before they are folded."""
    widths, ramp = [c.width for c in columns], shown.scale.ramp(look)
    plain, blank = [PLAIN] * len(columns), [""] * len(columns)
    rows = [GridRow([c.label for c in columns], widths, plain)]
    for own, full in zip(values.tolist(), shown.full, strict=True):
        if not look.has_color:
            rows.append(GridRow(signs_of(own), widths, plain))
        texts = digits_of(own, full) if look.has_digits else blank
        rows.append(GridRow(texts, widths, ramp.of(own, full)))
    return Band(rows, [c.begins for c in columns], [False] * len(columns))
