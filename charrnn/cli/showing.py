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
    from charrnn.render.ansi import Look
    from charrnn.render.grid import Sheet
    from charrnn.render.views.scene import Block, Values

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
        from charrnn.render.ansi import UNBOUNDED, Look

        line = self.columns() if sys.stdout.isatty() else UNBOUNDED
        return Look(mode or self.color or terminal_color(), self.palette, self.digits, line)

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
        pictures.write(_sheet(readings, wanted, style, pictures), quiet=quiet)
        return
    lines = shown_lines(readings, wanted, style)
    if pager:
        from charrnn.cli.pager import page

        page(lines)
        return
    for line in lines:
        sys.stdout.write(line + "\n")


def shown_lines(readings: Readings, wanted: Wanted, style: Style) -> Iterator[str]:
    """The lines of every block, one after the other, and then those of heat maps."""
    from threadpoolctl import threadpool_limits

    from charrnn.render.ansi import legend, text_lines
    from charrnn.render.views.heatmap import heat_map_lines, heat_map_parts
    from charrnn.render.views.scene import make_scenes

    look, width = style.look(), style.columns()
    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        first, where = readings.first(wanted)
        blocks = colorings(first, wanted, where)
        for number, (block, values, letters) in enumerate(blocks):
            if number:
                yield ""
            yield from legend(
                block,
                look.mode,
                look=look,
                has_guesses=wanted.predictions > 0,
                has_bits=wanted.bits,
            )
            parts = readings.parts(letters, wanted.predictions)
            yield from text_lines(make_scenes(parts, block, values, bits=wanted.bits), look, width)
        for number, shown in enumerate(heat_maps(first, wanted, where), len(blocks)):
            if number:
                yield ""
            parts = readings.parts({shown.units[0].what}, wanted.predictions)
            yield from heat_map_lines(heat_map_parts(parts, shown), shown, look, width)


def _sheet(readings: Readings, wanted: Wanted, style: Style, pictures: Pictures) -> "Sheet":
    """What pictures show: all of the text at once."""
    from threadpoolctl import threadpool_limits

    from charrnn.render.grid import make_sheet, stacked
    from charrnn.render.views.heatmap import heat_map_sheet
    from charrnn.render.views.scene import columns_of, make_scene

    with threadpool_limits(1, "blas"):
        recording = readings.whole(wanted.arrays(readings.memory), wanted.predictions)
    look, width, sheets = style.look(pictures.mode), pictures.width, []
    if blocks := [block for block, *_ in colorings(recording, wanted, "")]:
        scene = make_scene(recording, blocks, bits=wanted.bits)
        sheets.append(make_sheet(scene, width, look))
    columns = columns_of(recording)
    maps = heat_maps(recording, wanted)
    return stacked([*sheets, *(heat_map_sheet(columns, shown, look, width) for shown in maps)])


Coloring = tuple["Block", "Values", set[str]]
"""A block, its values in a part of the text, and the states and gates that these need."""


def colorings(first: "Recording", wanted: Wanted, where: str) -> list[Coloring]:
    """What to show.

    Args:
        first: the first look at the text.
        wanted: what is to be shown.
        where: what that is of the text; empty if it is all.
    """
    from charrnn.interpret.units import most_interesting
    from charrnn.render.views.scene import (
        HERE,
        surprisal_block,
        surprisal_values,
        unit_block,
        unit_values,
    )

    found: list[Coloring] = []
    if wanted.surprisal:
        found.append((surprisal_block(first, where), surprisal_values, set()))
    chosen = [(unit, "") for unit in wanted.units]
    if letter := wanted.choose_among(first.source.memory):
        count = 1 if wanted.predictions or wanted.bits else INTERESTING
        best = most_interesting(first.arrays[letter], letter, count)
        chosen += [(unit, f", interest {score:.2f}") for unit, score in best]
    for unit, note in chosen:
        block = unit_block(first, unit.layer, unit.what, unit.index, note, where or HERE)
        found.append((block, unit_values(unit.layer, unit.what, unit.index), {unit.what}))
    return found
