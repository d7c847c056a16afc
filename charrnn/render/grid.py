"""A scene laid out for a picture: cells of one size in rows, each with its text and its colours.

The layout is the terminal's; the colours are red, green and blue. Which file it becomes is decided in svg.py and png.py.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from rich.cells import cell_len

from charrnn.render.ansi import (
    MANY_BITS,
    Look,
    column_widths,
    digits_of,
    fold,
    signs_of,
    whole_bits,
)
from charrnn.render.glyphs import one_line
from charrnn.render.palette import (
    BLACK,
    WHITE,
    Color,
    ColorMode,
    Palette,
    Ramp,
    diverging,
    diverging_colors,
    ink_on,
    one_sided_colors,
    rising,
    rising_colors,
)
from charrnn.render.views.scene import MOST_BITS, Block, Guess, Scene

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
    """What it shows, in a word or two."""
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


def stacked(sheets: Sequence[Sheet]) -> Sheet:
    """One or more sheets as one, from the top."""
    first, *others = sheets
    return Sheet(
        [*first.rows, *(row for sheet in others for row in ([], [], *sheet.rows))],
        ", ".join(sheet.title for sheet in sheets),
        " ".join(sheet.description for sheet in sheets),
    )


def make_sheet(scene: Scene, width: int, look: Look | None = None) -> Sheet:
    """The layout of a scene: for each block a legend, then the text folded at `width` cells.

    Args:
        scene: what is shown.
        width: cells in a line of text; legends may be longer.
        look: how it is drawn, in true colour (the default) or none.
    """
    names = ", ".join(block.title.partition("   ")[0] for block in scene.blocks)
    titles = "; ".join(f"{b.title}, full scale {b.scale:.2f}" for b in scene.blocks)
    return Sheet(
        list(_rows(scene, width, look or Look(ColorMode.truecolor))),
        one_line(names),
        f"A text, shown with a value for each character. {one_line(titles)}.",
    )


def _rows(scene: Scene, width: int, look: Look) -> Iterator[Row]:
    columns, widths = scene.columns, column_widths(scene, ColorMode.truecolor)
    begins, ends = [c.begins for c in columns], [c.ends_line for c in columns]
    stretches = [slice(*ends) for ends in fold(widths, begins, ends, max(1, width))]
    has_guesses = bool(scene.guesses and scene.guesses[0])
    for number, block in enumerate(scene.blocks):
        if number:
            yield from ([], [])
        yield from legend_rows(block, look, has_guesses=has_guesses, has_bits=bool(scene.bits))
        table = list(_table(scene, block, widths, look))
        for index, stretch in enumerate(stretches):
            if index and len(table) > 1:
                yield []
            yield from (row[stretch] for row in table)


# --- the text, its values and its guesses ---------------------------------------------------------


def _table(scene: Scene, block: Block, widths: Sequence[int], look: Look) -> Iterator[Row]:
    """The rows of a text before it is folded: the text itself, its values in digits, its bits, the guesses."""
    styles = styles_of(block, look)
    yield list(map(Cell, (c.label for c in scene.columns), widths, styles))
    if look.has_digits:
        if block.signed:
            yield _notes(signs_of(block.values), widths)
        yield _notes(digits_of(block.values, block.scale), widths)
    if scene.bits:
        yield list(map(Cell, map(whole_bits, scene.bits), widths, _bits_styles(scene.bits, look)))
    for rank in range(len(scene.guesses[0]) if scene.guesses else 0):
        guesses = [guesses[rank] for guesses in scene.guesses]
        yield [_guess_cell(g, w, look) for g, w in zip(guesses, widths, strict=True)]


def styles_of(block: Block, look: Look) -> list[Style]:
    """The look of each of a block's values."""
    if look.mode == ColorMode.none:
        return [Style()] * len(block.values)
    ramp, styles = look.ramp(block), _palette_styles(look.palette, block.is_surprisal)
    return [styles[ramp.neutral + k] for k in ramp.levels(block.values, block.scale)]


@cache
def _palette_styles(palette: Palette, is_surprisal: bool) -> tuple[Style, ...]:
    """The looks of a block's colours, in the order of its ramp."""
    colors = (one_sided_colors if is_surprisal else diverging_colors)(palette)
    return tuple(Style(color, ink_on(color)) for color in colors)


def _bits_styles(bits: Sequence[float], look: Look) -> list[Style]:
    return styles_of(Block("", bits, MOST_BITS, signed=False, is_surprisal=True), look)


def _notes(texts: Sequence[str], widths: Sequence[int]) -> Row:
    return [Cell(text, width, NOTE) for text, width in zip(texts, widths, strict=True)]


def _guess_cell(guess: Guess, width: int, look: Look) -> Cell:
    style = Style() if look.mode == ColorMode.none else chance_style(guess.probability)
    if guess.is_true:
        style = replace(style, bold=True, underlined=True)
    return Cell(guess.label, width, style)


def signed_style(value: float, scale: float, palette: Palette = Palette.rdbu) -> Style:
    """The look of a value that may be below zero."""
    colors = diverging_colors(palette)
    return _on(colors, diverging(ColorMode.truecolor, palette), value, scale)


def chance_style(probability: float) -> Style:
    """The look of a probability."""
    return _on(rising_colors(), rising(ColorMode.truecolor), probability, 1.0)


def _on(colors: Sequence[Color], ramp: Ramp, value: float, scale: float) -> Style:
    color = colors[ramp.neutral + ramp.level(value, scale)]
    return Style(color, ink_on(color))


# --- legends --------------------------------------------------------------------------------------


def legend_rows(
    block: Block, look: Look, *, has_guesses: bool = False, has_bits: bool = False
) -> Iterator[Row]:
    """What a block is called, and what its colours and rows mean."""
    name, space, rest = one_line(block.title).partition("   ")
    yield [words(name, BOLD), words(space + rest, NOTE)]
    more = " or more" if block.may_exceed or max(block.values) > block.scale else ""
    colored = look.mode != ColorMode.none
    if colored:
        neutral = look.ramp(block).neutral
        styles = _palette_styles(look.palette, block.is_surprisal)
        low, plus = (f"{-block.scale:.2f} ", "+") if block.signed else ("", "")
        levels = range(0 if block.signed else neutral, len(styles))
        bar = [Cell("0" if k == neutral else "", 1, styles[k]) for k in levels]
        yield [words(low, NOTE), *bar, words(f" {plus}{block.scale:.2f}{more}", NOTE)]
    place = "below:"
    if look.has_digits:
        rows = "sign and size" if block.signed else "size"
        yield [words(f"{place} {rows} of the value, 9 is {block.scale:.2f}{more}", NOTE)]
        place = "then"
    if has_bits:
        yield [words(f"{place} the bits that it cost, {MANY_BITS} for 10 or more", NOTE)]
        place = "then"
    if has_guesses:
        green = "green if likely, " if colored else ""
        yield [words(f"{place} what may come next, {green}underlined if it came", NOTE)]
    yield []


def words(text: str, style: Style) -> Cell:
    """A cell as long as its text."""
    return Cell(text, cell_len(text), style)


def _is_plain(character: str) -> bool:
    right_to_left = unicodedata.bidirectional(character) in ("R", "AL", "AN")
    return cell_len(character) == 1 and not right_to_left
