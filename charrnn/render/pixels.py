"""The positions of a grid's cells in a picture, in pixels at 96 to the inch."""

import unicodedata
from functools import lru_cache

from rich.cells import cell_len

from charrnn.render.grid import Grid, GridRow
from charrnn.render.palette import BLACK, RGB, WHITE, Paint, rgb

PAPER = WHITE
CELL_WIDTH, ROW_HEIGHT, GAP_HEIGHT, BASELINE, FONT_SIZE, MARGIN = 9, 20, 10, 15, 15, 14
"""Pixels. Most fonts of one width have an advance of 0.6 times their size."""


def size_of(grid: Grid) -> tuple[int, int]:
    """The width and height of a picture."""
    width = max(row.width for row in grid.rows) * CELL_WIDTH
    return width + 2 * MARGIN, sum(map(row_height, grid.rows)) + 2 * MARGIN


def row_height(row: GridRow) -> int:
    """The height of a row, or of a gap."""
    return ROW_HEIGHT if row.texts else GAP_HEIGHT


def ink_of(paint: Paint) -> RGB:
    """The color of the text."""
    return BLACK if paint.foreground is None else rgb(paint.foreground)


@lru_cache(1 << 16)
def is_even(text: str) -> bool:
    """Whether a text can be part of a longer one: each character takes one cell, from left to right."""
    return all(map(_is_even, text))


def _is_even(character: str) -> bool:
    right_to_left = unicodedata.bidirectional(character) in ("R", "AL", "AN")
    return cell_len(character) == 1 and not right_to_left
