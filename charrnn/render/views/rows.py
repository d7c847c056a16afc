"""Text that grows on a terminal, each symbol coloured by a value; without colour, with digits below.

It is what `charrnn visualize` shows of a text that is there already, by the same colours and rows. Only its lines may
break within a grapheme: what is on the screen is not taken back when an accent comes.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from charrnn.render.ansi import Cell, Look, digits_of, legend, signs_of, whole_bits
from charrnn.render.glyphs import glyph
from charrnn.render.palette import HUES, RESET, ColorMode, Palette, one_sided
from charrnn.render.views.scene import MOST_BITS, Block, Column


class LiveRows:
    """Folds text into rows while it comes, and says what to write for each part of it.

    What it gives never leaves a colour on, so that the text may end anywhere.

    Args:
        look: how it is drawn.
        width: of a row, in cells.
        block: what colours it; its own values do not count.
        bits: whether what each symbol cost stands under it.
    """

    def __init__(self, look: Look, width: int, block: Block, *, bits: bool = False) -> None:
        self._ramp = look.ramp(block)
        self._bits_ramp = one_sided(look.mode, look.palette)
        self._block = block
        self._has_digits, self._has_bits = look.has_digits, bits
        self._width = max(1, width)
        self._used = 0
        self._below: list[list[Cell]] = []
        """The rows under this one, so far."""
        self._is_below = False
        """Whether such rows stand above this one, so that it is to be set apart."""

    def plain(self, text: str) -> str:
        """Text without values: newlines are obeyed, everything else has a glyph."""
        return _painted(itertools.chain.from_iterable(map(self._plain_cells, text)))

    def shown(
        self, columns: Iterable[Column], values: Sequence[float], bits: Sequence[float] = ()
    ) -> str:
        """Symbols with their values, and what they cost; a newline is shown, because it has its value too."""
        costs = bits or [0.0] * len(values)
        cells = (
            self._cells(column, value, cost)
            for column, value, cost in zip(columns, values, costs, strict=True)
        )
        return _painted(itertools.chain.from_iterable(cells))

    def end(self) -> str:
        """What completes the last row."""
        return _painted(self._close()) if self._used else ""

    def _plain_cells(self, character: str) -> Iterator[Cell]:
        if character == "\n":
            yield from self._close()
        else:
            blank = [(" ", "")] * self._num_below
            yield from self._add(glyph(character), "", blank)

    @property
    def _num_below(self) -> int:
        """The rows under each."""
        return self._has_digits * (1 + self._block.signed) + self._has_bits

    def _cells(self, column: Column, value: float, bits: float) -> Iterator[Cell]:
        below: list[Cell] = []
        if self._has_digits:
            signs = signs_of([value]) if self._block.signed else []
            below += [(text, "") for text in (*signs, *digits_of([value], self._block.scale))]
        if self._has_bits:
            below.append((whole_bits(bits), self._bits_ramp.code(bits, MOST_BITS)))
        code = self._ramp.code(value, self._block.scale)
        yield from self._add(column.label, code, below)
        if column.ends_line:
            yield from self._close()

    def _add(self, label: str, code: str, below: Sequence[Cell]) -> Iterator[Cell]:
        """A symbol's cells, on a new row if this one is full."""
        cells = cell_len(label)
        if self._used and self._used + cells > self._width:
            yield from self._close()
        if self._is_below and not self._used:
            yield "\n", ""
            self._is_below = False
        self._below = self._below or [[] for _ in below]
        for row, (text, color) in zip(self._below, below, strict=True):
            row.append((text.ljust(cells), color))
        self._used += cells
        yield label, code

    def _close(self) -> Iterator[Cell]:
        """The end of a row, and what stands under it."""
        rows, self._used, self._below = self._below, 0, []
        self._is_below = any(text != " " for row in rows for text, _ in row)
        yield "\n", ""
        for row in rows if self._is_below else ():
            plain = "".join(text for text, _ in row).rstrip()
            yield from row if any(code for _, code in row) else [(plain, "")]
            yield "\n", ""


class SurprisalRows(LiveRows):
    """The same for characters that are coloured by their bits.

    Args:
        mode: what the terminal can show.
        width: of a row, in cells.
        palette: whose colours they are.
    """

    def __init__(self, mode: ColorMode, width: int, palette: Palette = Palette.rdbu) -> None:
        super().__init__(Look(mode, palette), width, bits_block(""))

    def judged(self, text: str, bits: Sequence[float]) -> str:
        """Text with the bits of each of its characters."""
        return self.shown([Column(glyph(c), 0, c == "\n") for c in text], bits)


def bits_block(title: str) -> Block:
    """A block for text that is coloured by bits which nobody knows yet."""
    return Block(title, (math.inf,), MOST_BITS, signed=False, is_surprisal=True)


def surprisal_legend(
    mode: ColorMode, palette: Palette = Palette.rdbu, *, in_color: bool
) -> Iterator[str]:
    """What the colours or digits of `SurprisalRows` mean.

    Args:
        mode: what they are shown in.
        palette: whose colours they are.
        in_color: whether the legend can have colours too.
    """
    title = "bits of each character, by the model's own probability"
    if mode == ColorMode.none or in_color:
        yield from legend(bits_block(title), mode, look=Look(mode, palette))
    else:
        yield f"{title}: from white, 0, to {HUES[palette][1]}, {MOST_BITS:g} or more"


def _painted(cells: Iterable[Cell]) -> str:
    """Cells as text; neighbours of the same colour share an escape sequence."""
    out = ""
    for code, run in itertools.groupby(cells, key=lambda cell: cell[1]):
        text = "".join(label for label, _ in run)
        out += f"{code}{text}{RESET}" if code else text
    return out
