"""What `charrnn visualize` shows of a text in the terminal, line by line while the model reads."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.console import terminal_color, terminal_width
from charrnn.cli.pictures import Pictures
from charrnn.cli.reading import recorded
from charrnn.render.palette import ColorMode, Palette

if TYPE_CHECKING:
    from charrnn.analysis.units import Unit
    from charrnn.model import CharRNN
    from charrnn.recording import Recording
    from charrnn.render.scene import Block, Values
    from charrnn.render.sheet import Sheet
    from charrnn.render.terminal import Look

FIRST_LOOK = 10_000
"""Characters that are read before the first line is written: they decide scales, and which units are interesting."""
INTERESTING = 3
"""Units shown when none is named."""


@dataclass(frozen=True)
class Wanted:
    """What is to be shown of a text."""

    units: "tuple[Unit, ...]" = ()
    what: str | None = None
    """The state or gate among which interesting units are chosen, if it was named."""
    surprisal: bool = False
    predictions: int = 0
    bits: bool = False

    def arrays(self, output: str) -> set[str]:
        """The states and gates that are needed; `output` is the cell's."""
        if self.units:
            return {unit.what for unit in self.units}
        return {self.what or output} if self.what or not self.surprisal else set()


@dataclass(frozen=True)
class Style:
    """How it is shown: what was asked for, or what the terminal has."""

    color: ColorMode | None = None
    palette: Palette = Palette.rdbu
    digits: bool = False
    width: int | None = None

    def look(self) -> "Look":
        """The same for the renderer."""
        from charrnn.render.terminal import Look

        return Look(self.color or terminal_color(), self.palette, self.digits)

    def columns(self) -> int:
        """Cells in a line."""
        return self.width or terminal_width()


def show(
    model: "CharRNN",
    text: str,
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
        pictures.write(_sheet(model, text, wanted, style, pictures), quiet=quiet)
        return
    lines = shown_lines(model, text, wanted, style)
    if pager:
        from charrnn.cli.pager import page

        page(lines)
        return
    for line in lines:
        sys.stdout.write(line + "\n")


def shown_lines(model: "CharRNN", text: str, wanted: Wanted, style: Style) -> Iterator[str]:
    """The lines of every block, one after the other.

    A text that is longer than the first look is read again for each block, in parts, so that memory does not grow
    with it.
    """
    from threadpoolctl import threadpool_limits

    from charrnn.render.scene import make_scenes
    from charrnn.render.terminal import legend, text_lines

    look, width = style.look(), style.columns()
    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        names = wanted.arrays(model.cell.output)
        first = recorded(model, text[:FIRST_LOOK], wanted.predictions, names)
        parts = _parts(model, text, wanted.predictions, first)
        where = "" if len(text) <= FIRST_LOOK else f"in the first {FIRST_LOOK:,} characters"
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
            scenes = make_scenes(parts(letters), block, values, bits=wanted.bits)
            yield from text_lines(scenes, look, width)


def _sheet(
    model: "CharRNN", text: str, wanted: Wanted, style: Style, pictures: Pictures
) -> "Sheet":
    """What pictures show: all of the text at once."""
    from threadpoolctl import threadpool_limits

    from charrnn.render.scene import make_scene
    from charrnn.render.sheet import make_sheet
    from charrnn.render.terminal import Look

    with threadpool_limits(1, "blas"):
        recording = recorded(model, text, wanted.predictions, wanted.arrays(model.cell.output))
    blocks = [block for block, *_ in colorings(recording, wanted, "")]
    scene = make_scene(recording, blocks, bits=wanted.bits)
    return make_sheet(scene, pictures.width, Look(pictures.mode, style.palette, style.digits))


Parts = Callable[[Collection[str]], "Iterable[Recording]"]
Coloring = tuple["Block", "Values", set[str]]
"""A block, its values in a part of the text, and the states and gates that these need."""


def _parts(model: "CharRNN", text: str, predictions: int, first: "Recording") -> Parts:
    """How to get a text's parts with some states and gates: from the first look, or by reading."""
    from charrnn.recording import record_parts

    if len(text) <= FIRST_LOOK:
        return lambda _: [first]
    return lambda letters: record_parts(model, text, top=predictions, keep=letters)


def colorings(first: "Recording", wanted: Wanted, where: str) -> list[Coloring]:
    """What to show.

    Args:
        first: the first look at the text.
        wanted: what is to be shown.
        where: what that is of the text; empty if it is all.
    """
    from charrnn.analysis.units import most_interesting
    from charrnn.render.scene import (
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
    if not wanted.units:
        count = 1 if wanted.predictions or wanted.bits else INTERESTING
        for letter in wanted.arrays(first.source.states[0]):
            best = most_interesting(first.arrays[letter], letter, count)
            chosen += [(unit, f", interest {score:.2f}") for unit, score in best]
    for unit, note in chosen:
        block = unit_block(first, unit.layer, unit.what, unit.index, note, where or HERE)
        found.append((block, unit_values(unit.layer, unit.what, unit.index), {unit.what}))
    return found
