"""A sheet as PNG, drawn by Pillow with the font that comes with matplotlib; both are imported when they are needed.

That font has Latin, Greek, Cyrillic, Arabic and many signs, but no Chinese, Japanese, Korean or colour emoji: what it
lacks is drawn as a box.
"""

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len

from charrnn.errors import UsageError
from charrnn.render.grid import (
    BASELINE,
    CELL_WIDTH,
    FONT_SIZE,
    MARGIN,
    PAPER,
    ROW_HEIGHT,
    Cell,
    Sheet,
    row_height,
)

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

SCALE = 2
"""Pixels of the file for each of the sheet, so that projectors and print are sharp."""
DOTS_PER_INCH = 96 * SCALE
MOST_PIXELS = 32_000
"""On a side: what programs that show pictures can be trusted with."""


def png_of(sheet: Sheet) -> bytes:
    """The file's content: the same for the same sheet with the same Pillow and matplotlib.

    Raises:
        UsageError: the picture would be too large for most programs.
        ImportError: Pillow or matplotlib is not installed.
    """
    from PIL import Image, ImageDraw

    size = (sheet.width * SCALE, sheet.height * SCALE)
    if max(size) > MOST_PIXELS:
        raise UsageError(
            f"the picture would have {size[0]:,} x {size[1]:,} pixels; "
            f"a .png may have {MOST_PIXELS:,} on a side",
            "show less with --max-chars, or write an .svg",
        )
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    y = MARGIN
    for row in sheet.rows:
        x = MARGIN
        for cell in row:
            _draw_cell(draw, cell, x * SCALE, y * SCALE)
            x += cell.width * CELL_WIDTH
        y += row_height(row)
    content = io.BytesIO()
    image.save(content, "PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH), optimize=True)
    return content.getvalue()


def boxed(sheet: Sheet) -> set[str]:
    """The characters of a sheet that are drawn as boxes because the font lacks them."""
    return {c for row in sheet.rows for cell in row for c in cell.label if not _has(c)}


def _draw_cell(draw: "ImageDraw", cell: Cell, x: int, y: int) -> None:
    """One cell, its upper left corner at (x, y)."""
    style, width, baseline = cell.style, CELL_WIDTH * SCALE, y + BASELINE * SCALE
    if style.ground:
        draw.rectangle(
            (x, y, x + cell.width * width - 1, y + ROW_HEIGHT * SCALE - 1), fill=style.ground
        )
    font = _font(bold=style.bold)
    for label, place, cells in _pieces(cell):
        left = x + place * width
        if all(map(_has, label)):
            middle = left + cells * width / 2
            for character in label:  # a mark has the width of its circle, and stands over it
                draw.text((middle, baseline), character, fill=style.ink, font=font, anchor="ms")
        else:
            edge = SCALE * 2
            box = (left + edge, y + 3 * edge, left + cells * width - edge, baseline)
            draw.rectangle(box, outline=style.ink, width=SCALE)
    if style.underlined:
        end = x + cell_len(cell.label) * width - 1
        draw.rectangle((x, baseline + 2 * SCALE, end, baseline + 3 * SCALE), fill=style.ink)


def _pieces(cell: Cell) -> Iterator[tuple[str, int, int]]:
    """What is drawn by itself: a text, its first cell and its number of cells; a long label letter by letter."""
    if not cell.is_plain:
        yield cell.label, 0, cell_len(cell.label)
        return
    for place, character in enumerate(cell.label):
        if character != " ":
            yield character, place, 1


@cache
def _font(*, bold: bool) -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(
        _font_file(bold=bold), FONT_SIZE * SCALE, layout_engine=ImageFont.Layout.BASIC
    )


def _font_file(*, bold: bool) -> str:
    import matplotlib as mpl

    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    return str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name)


@cache
def _has(character: str) -> bool:
    """Whether the font can show a character."""
    return ord(character) in _charmap()


@cache
def _charmap() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(_font_file(bold=False)).get_charmap())
