"""A grid as PNG, drawn by Pillow with the font that comes with matplotlib; both are imported when they are needed.

That font has Latin, Greek, Cyrillic, Arabic and many signs, but no Chinese, Japanese, Korean or color emoji: what it
lacks is drawn as a box.
"""

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len

from charrnn.errors import UsageError
from charrnn.render.grid import Grid
from charrnn.render.palette import Paint, rgb
from charrnn.render.pixels import (
    BASELINE,
    CELL_WIDTH,
    FONT_SIZE,
    MARGIN,
    PAPER,
    ROW_HEIGHT,
    ink_of,
    is_even,
    row_height,
    size_of,
)

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

SCALE = 2
"""Pixels of the file for each of the layout, so that projectors and print are sharp."""
DOTS_PER_INCH = 96 * SCALE
MOST_PIXELS = 32_000
"""The largest side that programs for pictures can be trusted with."""


def png_of(grid: Grid) -> bytes:
    """The content of the file: the same for the same grid with the same Pillow and matplotlib.

    Raises:
        UsageError: the picture would be too large for most programs.
        ImportError: Pillow or matplotlib is not installed.
    """
    from PIL import Image, ImageDraw

    width, height = size_of(grid)
    size = (width * SCALE, height * SCALE)
    if max(size) > MOST_PIXELS:
        raise UsageError.naming(
            f"the picture would have {size[0]:,} x {size[1]:,} pixels; "
            f"a .png may have {MOST_PIXELS:,} on a side",
            "show less with {max_chars}, or write an .svg",
        )
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    y = MARGIN
    for row in grid.rows:
        x = MARGIN
        for text, width, paint in zip(row.texts, row.widths, row.paints, strict=True):
            _draw_background(draw, paint, width, x * SCALE, y * SCALE)
            _draw_text(draw, text, paint, x * SCALE, y * SCALE)
            x += width * CELL_WIDTH
        y += row_height(row)
    content = io.BytesIO()
    image.save(content, "PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH), optimize=True)
    return content.getvalue()


def boxed(grid: Grid) -> set[str]:
    """The characters of a grid that are drawn as boxes because the font lacks them."""
    return {c for row in grid.rows for text in row.texts for c in text if not _has(c)}


def _draw_background(draw: "ImageDraw", paint: Paint, cells: int, x: int, y: int) -> None:
    """The background of cells whose upper left corner is at (x, y)."""
    if paint.background is not None and cells:
        right, bottom = x + cells * CELL_WIDTH * SCALE - 1, y + ROW_HEIGHT * SCALE - 1
        draw.rectangle((x, y, right, bottom), fill=rgb(paint.background))


def _draw_text(draw: "ImageDraw", text: str, paint: Paint, x: int, y: int) -> None:
    """The text of a cell whose upper left corner is at (x, y)."""
    width, baseline = CELL_WIDTH * SCALE, y + BASELINE * SCALE
    font, ink = _font(bold=paint.bold), ink_of(paint)
    for label, place, cells in _pieces(text):
        left = x + place * width
        if all(map(_has, label)):
            middle = left + cells * width / 2
            for character in label:  # a mark has the width of its circle, and stands over it
                draw.text((middle, baseline), character, fill=ink, font=font, anchor="ms")
        else:
            edge = SCALE * 2
            box = (left + edge, y + 3 * edge, left + cells * width - edge, baseline)
            draw.rectangle(box, outline=ink, width=SCALE)
    if paint.underlined:
        end = x + cell_len(text) * width - 1
        draw.rectangle((x, baseline + 2 * SCALE, end, baseline + 3 * SCALE), fill=ink)


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """What is drawn by itself: a label, its first cell and its number of cells; a long label letter by letter."""
    if not is_even(text):
        yield text, 0, cell_len(text)
        return
    for place, character in enumerate(text):
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
