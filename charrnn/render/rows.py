"""Text that grows on a terminal, each character coloured by how surprising it was; without colour, with digits below.

It is what `charrnn visualize --surprisal` shows of a text that is there already, by the same colours and digits.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from charrnn.render.glyphs import glyph
from charrnn.render.palette import RESET, ColorMode, diverging
from charrnn.render.scene import MOST_BITS, Block
from charrnn.render.terminal import Cell, digit, legend


class SurprisalRows:
    """Folds text into rows while it comes, and says what to write for each part of it.

    What it gives never leaves a colour on, so that the text may end anywhere.

    Args:
        mode: what the terminal can show.
        width: of a row, in cells.
    """

    def __init__(self, mode: ColorMode, width: int) -> None:
        self._ramp = diverging(mode)
        self._digits = mode == ColorMode.none
        self._width = max(1, width)
        self._used = 0
        self._below = ""
        self._is_below = False
        """Whether digits stand above this row, so that it is to be set apart."""

    def plain(self, text: str) -> str:
        """Text that nobody judged: newlines are obeyed, everything else has a glyph."""
        return _painted(itertools.chain.from_iterable(map(self._plain_cells, text)))

    def judged(self, text: str, bits: Sequence[float]) -> str:
        """Text with the bits of each of its characters; a newline is shown, because it has its bits too."""
        pairs = zip(text, bits, strict=True)
        return _painted(itertools.chain.from_iterable(itertools.starmap(self._judged_cells, pairs)))

    def end(self) -> str:
        """What completes the last row."""
        return _painted(self._close()) if self._used else ""

    def _plain_cells(self, character: str) -> Iterator[Cell]:
        if character == "\n":
            yield from self._close()
        else:
            yield from self._add(glyph(character), "", " ")

    def _judged_cells(self, character: str, bits: float) -> Iterator[Cell]:
        code = self._ramp.code(bits, MOST_BITS)
        yield from self._add(glyph(character), code, digit(bits, MOST_BITS))
        if character == "\n":
            yield from self._close()

    def _add(self, label: str, code: str, below: str) -> Iterator[Cell]:
        """A character's cells, on a new row if this one is full."""
        cells = cell_len(label)
        if self._used and self._used + cells > self._width:
            yield from self._close()
        if self._is_below and not self._used:
            yield "\n", ""
            self._is_below = False
        self._used += cells
        self._below += below.ljust(cells)
        yield label, code

    def _close(self) -> Iterator[Cell]:
        """The end of a row, and its digits where there is no colour."""
        below, self._used, self._below = self._below.rstrip(), 0, ""
        self._is_below = self._digits and below != ""
        yield "\n", ""
        if self._is_below:
            yield below + "\n", ""


def surprisal_legend(mode: ColorMode, *, in_color: bool) -> Iterator[str]:
    """What the colours or digits of `SurprisalRows` mean.

    Args:
        mode: what they are shown in.
        in_color: whether the legend can have colours too.
    """
    title = "bits of each character, by the model's own probability"
    if mode == ColorMode.none or in_color:
        yield from legend(Block(title, (math.inf,), MOST_BITS, signed=False), mode)
    else:
        yield f"{title}: from white, 0, to red, {MOST_BITS:g} or more"


def _painted(cells: Iterable[Cell]) -> str:
    """Cells as text; neighbours of the same colour share an escape sequence."""
    out = ""
    for code, run in itertools.groupby(cells, key=lambda cell: cell[1]):
        text = "".join(label for label, _ in run)
        out += f"{code}{text}{RESET}" if code else text
    return out
