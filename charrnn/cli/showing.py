"""What `charrnn visualize` shows of a text in the terminal, line by line while the model reads."""

import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from charrnn.cli.pictures import Pictures
from charrnn.cli.reading import recorded
from charrnn.cli.terminal import terminal_color, terminal_width
from charrnn.cli.wanted import Wanted, heat_maps
from charrnn.render.palette import ColorMode, Palette

if TYPE_CHECKING:
    from charrnn.interpret.recording import Recording
    from charrnn.model import CharRNN
    from charrnn.render.grid import Grid, GridRow
    from charrnn.render.look import Look
    from charrnn.render.views.heatmap import HeatMap
    from charrnn.render.views.scale import Scale
    from charrnn.render.views.text import Values

FIRST_LOOK = 10_000
"""Characters that are read before the first line is written: they decide scales, and which units are interesting."""
INTERESTING = 3
"""Units shown when none is named."""


@dataclass(frozen=True)
class Style:
    """How it is shown: what was asked for, or what the terminal has."""

    color: ColorMode | None = None
    palette: Palette = Palette.rdbu
    digits: bool = False
    width: int | None = None

    def look(self, mode: ColorMode | None = None) -> "Look":
        """The same for the renderer; `mode` says what a picture can show."""
        from charrnn.render.look import UNBOUNDED, Look

        if mode:
            return Look(mode, self.palette, self.digits, is_picture=True)
        line = self.columns() if sys.stdout.isatty() else UNBOUNDED
        return Look(self.color or terminal_color(), self.palette, self.digits, line)

    def columns(self) -> int:
        """Cells in a line."""
        return self.width or terminal_width()


class Readings(Protocol):
    """A text that was read, or can be as often as it is needed."""

    memory: str
    """The state in which the cell remembers; see `Cell.memory`."""

    def first(self, wanted: Wanted) -> "tuple[Recording, str]":
        """The first look, and where in the text that is; nothing if it is all of it."""

    def parts(self, letters: Collection[str], predictions: int) -> "Iterable[Recording]":
        """All of it in parts, with some states and gates."""

    def whole(self, letters: Collection[str], predictions: int) -> "Recording":
        """All of it at once."""


class ModelReadings:
    """A text that a model reads. If it is longer than the first look it is read in parts, again for each block."""

    def __init__(self, model: "CharRNN", text: str, *, lines: bool = False) -> None:
        self._model, self._text, self._lines = model, text, lines
        self.memory = model.cell.memory
        self._first: Recording | None = None

    def first(self, wanted: Wanted) -> "tuple[Recording, str]":
        """See `Readings`."""
        names = wanted.arrays(self.memory)
        first = self._recorded(self._text[:FIRST_LOOK], names, wanted.predictions)
        if len(self._text) > FIRST_LOOK:
            return first, f"in the first {FIRST_LOOK:,} characters"
        self._first = first
        return first, ""

    def parts(self, letters: Collection[str], predictions: int) -> "Iterable[Recording]":
        """See `Readings`."""
        from charrnn.interpret.recording import record_parts

        if self._first:
            return [self._first]
        return record_parts(
            self._model, self._text, top=predictions, keep=letters, lines=self._lines
        )

    def whole(self, letters: Collection[str], predictions: int) -> "Recording":
        """See `Readings`."""
        return self._first or self._recorded(self._text, letters, predictions)

    def _recorded(self, text: str, letters: Collection[str], predictions: int) -> "Recording":
        return recorded(self._model, text, predictions, letters, lines=self._lines)


class OneReading:
    """A recording that is there already."""

    def __init__(self, recording: "Recording") -> None:
        self._recording = recording
        self.memory = recording.source.memory

    def first(self, wanted: Wanted) -> "tuple[Recording, str]":  # noqa: ARG002 (it has what is wanted)
        """See `Readings`."""
        return self._recording, ""

    def parts(self, letters: Collection[str], predictions: int) -> "Iterable[Recording]":  # noqa: ARG002
        """See `Readings`."""
        return [self._recording]

    def whole(self, letters: Collection[str], predictions: int) -> "Recording":  # noqa: ARG002
        """See `Readings`."""
        return self._recording


def show(
    readings: Readings,
    wanted: Wanted,
    style: Style,
    pictures: Pictures | None,
    *,
    pager: bool,
    quiet: bool,
) -> None:
    """Write what is wanted of a text to standard output, to the user's pager, or as pictures.

    Raises:
        EnvironmentFault: the pager cannot be started, or memory is short.
    """
    if pictures:
        pictures.write(_picture(readings, wanted, style, pictures), quiet=quiet)
        return
    lines = shown_lines(readings, wanted, style)
    if pager:
        from charrnn.cli.pager import page

        page(lines)
        return
    for line in lines:
        sys.stdout.write(line + "\n")


def shown_lines(readings: Readings, wanted: Wanted, style: Style) -> Iterator[str]:
    """The lines of every coloring, one after the other, and then those of heat maps."""
    from threadpoolctl import threadpool_limits

    from charrnn.render.ansi import lines_of

    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        first, where = readings.first(wanted)
        colored, maps = colorings(first, wanted, where), heat_maps(first, wanted, where)
        rows = _rows(readings, wanted, colored, maps, style.look(), style.columns())
        yield from lines_of(rows)


def _picture(readings: Readings, wanted: Wanted, style: Style, pictures: Pictures) -> "Grid":
    """What pictures show: all of the text at once."""
    from threadpoolctl import threadpool_limits

    from charrnn.render.views.scale import described

    with threadpool_limits(1, "blas"):
        recording = readings.whole(wanted.arrays(readings.memory), wanted.predictions)
    colored, maps = colorings(recording, wanted, ""), heat_maps(recording, wanted)
    look, whole = style.look(pictures.mode), OneReading(recording)
    rows = list(_rows(whole, wanted, colored, maps, look, pictures.width))
    return described(rows, [scale for scale, *_ in colored] + [shown.scale for shown in maps])


def _rows(
    readings: Readings,
    wanted: Wanted,
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

    has_guesses = wanted.predictions > 0
    for number, (scale, values, letters) in enumerate(colored):
        if number:
            yield GAP
        yield from legend_rows(scale, look, has_guesses=has_guesses, has_surprisal=wanted.bits)
        parts = readings.parts(letters, wanted.predictions)
        yield from text_rows(text_parts(parts, values, surprisal=wanted.bits), scale, look, width)
    for number, shown in enumerate(maps, len(colored)):
        if number:
            yield GAP
        parts = readings.parts({shown.units[0].what}, wanted.predictions)
        yield from heat_map_rows(heat_map_parts(parts, shown), shown, look, width)


Coloring = tuple["Scale", "Values", set[str]]
"""A scale, its values in a part of the text, and the states and gates that these need."""


def colorings(first: "Recording", wanted: Wanted, where: str) -> list[Coloring]:
    """What to show.

    Args:
        first: the first look at the text.
        wanted: what is to be shown.
        where: what that is of the text; empty if it is all.
    """
    from charrnn.interpret.units import most_interesting
    from charrnn.render.views.text import (
        HERE,
        surprisal_scale,
        surprisal_values,
        unit_scale,
        unit_values,
    )

    found: list[Coloring] = []
    if wanted.surprisal:
        found.append((surprisal_scale(first, where), surprisal_values, set()))
    chosen = [(unit, "") for unit in wanted.units]
    if letter := wanted.choose_among(first.source.memory):
        count = 1 if wanted.predictions or wanted.bits else INTERESTING
        best = most_interesting(first.arrays[letter], letter, count)
        chosen += [(unit, f", interest {score:.2f}") for unit, score in best]
    for unit, note in chosen:
        scale = unit_scale(first, unit.layer, unit.what, unit.index, note, where or HERE)
        found.append((scale, unit_values(unit.layer, unit.what, unit.index), {unit.what}))
    return found
