"""A text in colors: in the terminal, line by line while the model reads, or as a picture."""

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from charrnn.cli.counts import has_counts
from charrnn.cli.layout import ColoringOptions
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.reading import Reader
from charrnn.cli.threads import one_thread
from charrnn.cli.visualize.selection import View, heat_maps

if TYPE_CHECKING:
    from charrnn.interpret.recording import Recording
    from charrnn.interpret.units import Unit
    from charrnn.render.grid import Grid, GridRow
    from charrnn.render.look import Look
    from charrnn.render.views.heatmap import HeatMap
    from charrnn.render.views.scale import Scale
    from charrnn.render.views.text import ValuesOf

FIRST_LOOK = 10_000
"""Characters that are read before the first line is printed: they decide scales, and which units are interesting."""


class Readings:
    """A text that was read: its recordings, one or more."""

    def __init__(self, *recordings: "Recording") -> None:
        self._recordings = recordings
        self.memory = recordings[0].source.memory
        self.has_counts = recordings[0].from_counts is not None

    def first(self, chosen: View) -> "tuple[Recording, str]":  # noqa: ARG002 (it has what is chosen)
        """The beginning of the text, and what part of the text that is in words; "" if it is all of it."""
        from charrnn.interpret.recording import joined

        return joined(self._recordings), ""

    def parts(self, letters: Collection[str], predictions: int) -> "Iterable[Recording]":  # noqa: ARG002
        """The whole text in parts, with some states and gates."""
        return self._recordings

    def whole(self, letters: Collection[str], predictions: int) -> "Readings":  # noqa: ARG002
        """The whole text in memory."""
        return self


class ModelReadings(Readings):
    """A text that a model reads. If it is longer than FIRST_LOOK, it is read in parts, again for each view."""

    def __init__(self, reader: Reader, text: str) -> None:
        self._reader, self._text = reader, text
        self.memory = reader.model.cell.memory
        self.has_counts = has_counts(reader.model)
        self._first: Recording | None = None

    def first(self, chosen: View) -> "tuple[Recording, str]":
        """The beginning of the text, and what part of it that is."""
        names = chosen.arrays(self.memory)
        first = self._reader.recording(self._text[:FIRST_LOOK], chosen.predictions, names)
        if len(self._text) > FIRST_LOOK:
            return first, f"in the first {FIRST_LOOK:,} characters"
        self._first = first
        return first, ""

    def parts(self, letters: Collection[str], predictions: int) -> "Iterable[Recording]":
        """The whole text in parts, read again."""
        from charrnn.interpret.recording import record_parts

        if self._first:
            return [self._first]
        model, item_end = self._reader.model, self._reader.item_end
        return record_parts(model, self._text, top=predictions, keep=letters, item_end=item_end)

    def whole(self, letters: Collection[str], predictions: int) -> Readings:
        """The whole text in memory."""
        return Readings(self._first or self._reader.recording(self._text, predictions, letters))


Sight = tuple[Readings, View]
"""A text, and what is shown of it."""


def show(
    sights: Sequence[Sight],
    layout: ColoringOptions,
    pictures: PictureOptions,
    *,
    pager: bool,
) -> None:
    """Print what is chosen of some texts, show it in the user's pager, or write it as pictures.

    Raises:
        EnvironmentFault: the pager cannot be started, or memory is short.
    """
    if pictures:
        pictures.write(_picture(sights, layout))
        return
    put(_lines(sights, layout), pager=pager)


def put(lines: Iterable[str], *, pager: bool) -> None:
    """Print lines, or show them in the user's pager.

    Raises:
        EnvironmentFault: the pager cannot be started.
    """
    if pager:
        from charrnn.cli.visualize.pager import page

        page(lines)
        return
    for line in lines:
        sys.stdout.write(line + "\n")


def _lines(sights: Sequence[Sight], layout: ColoringOptions) -> Iterator[str]:
    for number, (readings, chosen) in enumerate(sights):
        if number:
            yield ""
        yield from shown_lines(readings, chosen, layout)


def shown_lines(readings: Readings, chosen: View, layout: ColoringOptions) -> Iterator[str]:
    """The lines of every coloring, one after the other, and then those of heat maps."""
    from charrnn.render.ansi import lines_of

    with one_thread():
        first, where = readings.first(chosen)
        colored, maps = colorings(first, chosen, where), heat_maps(first, chosen, where)
        rows = _rows(readings, chosen, colored, maps, layout.look, layout.columns)
        yield from lines_of(rows)


def _picture(sights: Sequence[Sight], layout: ColoringOptions) -> "Grid":
    """What pictures show: all of the texts at once."""
    from charrnn.render.grid import GAP
    from charrnn.render.views.scale import described

    rows: list[GridRow] = []
    scales: list[Scale] = []
    for number, (readings, chosen) in enumerate(sights):
        with one_thread():
            whole = readings.whole(chosen.arrays(readings.memory), chosen.predictions)
        recording, _ = whole.first(chosen)
        colored, maps = colorings(recording, chosen, ""), heat_maps(recording, chosen)
        look, width = layout.picture_look, layout.picture_columns
        rows += [GAP] if number else []
        rows += _rows(whole, chosen, colored, maps, look, width)
        scales += [scale for scale, *_ in colored] + [shown.scale for shown in maps]
    return described(rows, scales)


def _rows(
    readings: Readings,
    chosen: View,
    colored: "list[Coloring]",
    maps: "list[HeatMap]",
    look: "Look",
    width: int,
) -> "Iterator[GridRow]":
    """The rows of every coloring, one after the other, and then those of heat maps."""
    from charrnn.render.grid import GAP
    from charrnn.render.views.heatmap import heat_map_parts, heat_map_rows
    from charrnn.render.views.scale import legend_rows
    from charrnn.render.views.text import text_parts, text_rows

    for number, (scale, values, letters) in enumerate(colored):
        if number:
            yield GAP
        guesses = chosen.predictions > 0
        yield from legend_rows(
            scale,
            look,
            has_guesses=guesses,
            has_surprisal=chosen.surprisal,
            has_counts=readings.has_counts,
            has_percent=chosen.percent,
        )
        read = readings.parts(letters, chosen.predictions)
        parts = text_parts(read, values, surprisal=chosen.surprisal, percent=chosen.percent)
        yield from text_rows(parts, scale, look, width)
    for number, shown in enumerate(maps, len(colored)):
        if number:
            yield GAP
        read = readings.parts({shown.units[0].what}, chosen.predictions)
        yield from heat_map_rows(heat_map_parts(read, shown), shown, look, width)


def _why(first: "Recording", letter: str, score: float) -> str:
    """Why a unit was chosen, in words: the end of its title."""
    _, layers, units = first.arrays[letter].shape
    return f"; chosen from {layers * units:,} units: varies widely, holds its value long (interest {score:.2f})"


def _named(unit: "Unit", chosen: View) -> str:
    """The names of a unit, which follow its address in the title."""
    from charrnn.interpret.names import names_of

    return "".join(f"; {name}" for name in names_of(str(unit), chosen.names))


Coloring = tuple["Scale", "ValuesOf", set[str]]
"""A scale, the function that gives its values in a part of a text, and the states and gates that this needs."""


def colorings(first: "Recording", chosen: View, where: str) -> list[Coloring]:
    """What colors a text, one after the other.

    Args:
        first: the beginning of the text.
        chosen: what is shown.
        where: what part of the text the beginning is; empty if it is all.

    Raises:
        DataError: its surprisal is to be shown, but it is a single symbol.
    """
    from charrnn.interpret.units import most_interesting
    from charrnn.render.views.text import (
        HERE,
        surprisal_scale,
        surprisal_values,
        unit_scale,
        unit_values,
    )

    result: list[Coloring] = []
    if chosen.surprisal:
        if len(first.ids) < 2 and first.start == 0:
            from charrnn.evaluation.evaluate import too_short

            raise too_short(len(first.ids))
        result.append((surprisal_scale(first, where), surprisal_values, set()))
    units = [(unit, _named(unit, chosen)) for unit in chosen.units]
    if letter := chosen.choose_among(first.source.memory):
        top, own = chosen.top or 1, set(chosen.units)
        ranked = most_interesting(first.arrays[letter], letter, top + len(own))
        best = [one for one in ranked if one[0] not in own][:top]
        units = [
            *(
                (unit, _named(unit, chosen) + _why(first, letter, score))
                for unit, score in best[::-1]
            ),
            *units,
        ]
    for unit, note in units:
        scale = unit_scale(first, unit.layer, unit.what, unit.index, note, where or HERE)
        result.append((scale, unit_values(unit.layer, unit.what, unit.index), {unit.what}))
    return result
