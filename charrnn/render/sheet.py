"""A scene laid out for a picture: cells of one size in rows, each with its text and its colours.

The layout is the terminal's; the colours are red, green and blue. Which file it becomes is decided in svg.py and png.py.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from charrnn.render.glyphs import one_line
from charrnn.render.palette import (
    BLACK,
    WHITE,
    Color,
    ColorMode,
    Ramp,
    diverging,
    diverging_colors,
    ink_on,
    rising,
    rising_colors,
)
from charrnn.render.scene import Block, Scene
from charrnn.render.terminal import column_width, digit, fold

PAPER, FAINT = WHITE, (90, 90, 90)
"""Behind everything, and the ink of explanations."""
CELL_WIDTH, ROW_HEIGHT, GAP_HEIGHT, BASELINE, FONT_SIZE, MARGIN = 9, 20, 10, 15, 15, 14
"""Pixels at 96 to the inch. Most fonts of one width have an advance of 0.6 times their size."""


@dataclass(frozen=True)
class Style:
    """How cells look."""

    ground: Color | None = None
    """None leaves the paper as it is."""
    ink: Color = BLACK
    bold: bool = False
    underlined: bool = False


BOLD, NOTE = Style(bold=True), Style(ink=FAINT)


@dataclass(frozen=True)
class Cell:
    """Something shown in a number of cells of its own."""

    label: str
    width: int
    """Cells: as many as the label takes, or more."""
    style: Style

    @property
    def is_plain(self) -> bool:
        """Whether the label can be part of a longer text: each character has one cell, from left to right."""
        return not self.style.underlined and all(map(_is_plain, self.label))


Row = Sequence[Cell]
"""From the left; a row without cells is a gap."""


@dataclass(frozen=True)
class Sheet:
    """Everything that is on a picture."""

    rows: Sequence[Row]
    title: str
    description: str
    """Says what there is to see to those who cannot see it."""

    @property
    def width(self) -> int:
        """Pixels."""
        return max(sum(c.width for c in row) for row in self.rows) * CELL_WIDTH + 2 * MARGIN

    @property
    def height(self) -> int:
        """Pixels."""
        return sum(map(row_height, self.rows)) + 2 * MARGIN


def row_height(row: Row) -> int:
    """Pixels."""
    return ROW_HEIGHT if row else GAP_HEIGHT


def make_sheet(scene: Scene, width: int, *, colored: bool = True, digits: bool = False) -> Sheet:
    """The layout of a scene: for each block a legend, then the text folded at `width` cells.

    Args:
        scene: what is shown.
        width: cells in a line of text; legends may be longer.
        colored: colour the cells; what has no colour has digits.
        digits: give the values in ninths of the full scale, too.
    """
    names = ", ".join(block.title.partition("   ")[0] for block in scene.blocks)
    titles = "; ".join(f"{b.title}, full scale {b.scale:.2f}" for b in scene.blocks)
    return Sheet(
        list(_rows(scene, width, colored=colored, digits=digits or not colored)),
        f"charrnn: {one_line(names)}",
        f"A text, shown with a value for each character. {one_line(titles)}",
    )


def _rows(scene: Scene, width: int, *, colored: bool, digits: bool) -> Iterator[Row]:
    widths = [column_width(scene, t, ColorMode.truecolor) for t in range(len(scene.columns))]
    stretches = list(fold(scene.columns, widths, max(1, width)))
    depth = len(scene.guesses[0]) if scene.guesses else 0
    for number, block in enumerate(scene.blocks):
        if number:
            yield from ([], [])
        yield from _legend(block, colored=colored, digits=digits, has_guesses=depth > 0)
        for index, (first, last) in enumerate(stretches):
            if index and (depth or digits):
                yield []
            columns = range(first, last)
            yield [_text_cell(scene, block, t, widths[t], colored=colored) for t in columns]
            if digits:
                yield from _digits(block, columns, widths)
            for rank in range(depth):
                yield [_guess_cell(scene, t, rank, widths[t], colored=colored) for t in columns]


# --- the text, its values and its guesses ---------------------------------------------------------


def _text_cell(scene: Scene, block: Block, t: int, width: int, *, colored: bool) -> Cell:
    style = signed_style(block.values[t], block.scale) if colored else Style()
    return Cell(scene.columns[t].label, width, style)


def _digits(block: Block, columns: range, widths: Sequence[int]) -> Iterator[Row]:
    """Where there are values below zero a row of signs, and a row of digits."""
    shown = {t: digit(block.values[t], block.scale) for t in columns}
    if block.signed:
        signs = {t: "-" if block.values[t] < 0 else "+" for t in columns}
        yield [Cell(" " if shown[t] == "0" else signs[t], widths[t], NOTE) for t in columns]
    yield [Cell(shown[t], widths[t], NOTE) for t in columns]


def _guess_cell(scene: Scene, t: int, rank: int, width: int, *, colored: bool) -> Cell:
    guess = scene.guesses[t][rank]
    style = chance_style(guess.probability) if colored else Style()
    if guess.is_true:
        style = replace(style, bold=True, underlined=True)
    return Cell(guess.label, width, style)


def signed_style(value: float, scale: float) -> Style:
    """The look of a value that may be below zero."""
    return _on(diverging_colors(), diverging(ColorMode.truecolor), value, scale)


def chance_style(probability: float) -> Style:
    """The look of a probability."""
    return _on(rising_colors(), rising(ColorMode.truecolor), probability, 1.0)


def _on(colors: Sequence[Color], ramp: Ramp, value: float, scale: float) -> Style:
    color = colors[ramp.neutral + ramp.level(value, scale)]
    return Style(color, ink_on(color))


# --- legends --------------------------------------------------------------------------------------


def _legend(block: Block, *, colored: bool, digits: bool, has_guesses: bool) -> Iterator[Row]:
    """What a block is called, and what its colours and rows mean."""
    name, space, rest = one_line(block.title).partition("   ")
    yield [words(name, BOLD), words(space + rest, NOTE)]
    more = " or more" if max(block.values) > block.scale else ""
    if colored:
        highest = diverging(ColorMode.truecolor).neutral
        low, plus = (f"{-block.scale:.2f} ", "+") if block.signed else ("", "")
        levels = range(-highest if block.signed else 0, highest + 1)
        bar = [Cell("" if k else "0", 1, signed_style(k, highest)) for k in levels]
        yield [words(low, NOTE), *bar, words(f" {plus}{block.scale:.2f}{more}", NOTE)]
    if digits:
        rows = "sign and size" if block.signed else "size"
        note = f"under each character: {rows} of the value, 9 is {block.scale:.2f}{more}"
        yield [words(note, NOTE)]
    if has_guesses:
        green = "green if likely, " if colored else ""
        yield [words(f"below: what may come next, {green}underlined if it came", NOTE)]
    yield []


def words(text: str, style: Style) -> Cell:
    """A cell as long as its text."""
    return Cell(text, cell_len(text), style)


def _is_plain(character: str) -> bool:
    right_to_left = unicodedata.bidirectional(character) in ("R", "AL", "AN")
    return cell_len(character) == 1 and not right_to_left
