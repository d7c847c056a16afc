"""A grid as SVG: rectangles and text, which can be selected and searched; no script, no style sheet, no other file.

Each run of cells of the same paint begins at its own place and has its own length, so that text and colors agree in
every viewer, whatever font it has.
"""

from collections.abc import Iterator
from html import escape
from itertools import groupby

from rich.cells import cell_len

from charrnn.render.grid import Grid, GridRow, padded
from charrnn.render.palette import BLACK, RGB, Paint, rgb
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

FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
TEXT_ATTRIBUTES = 'xml:space="preserve" direction="ltr" unicode-bidi="bidi-override"'
"""The attributes of a row: all its spaces count, and it goes from left to right whatever its script."""
CORNER = 6
"""The radius of the paper's corners."""


def svg_of(grid: Grid) -> bytes:
    """The content of the file, always the same for the same grid."""
    width, height = size_of(grid)
    size = f'width="{width}" height="{height}"'
    tops, top = [], MARGIN
    for row in grid.rows:
        tops.append(top)
        top += row_height(row)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}">',
        f"<title>charrnn: {escape(grid.title)}</title>",
        f"<desc>{escape(grid.description)}</desc>",
        f'<rect {size} rx="{CORNER}" fill="{_hex(PAPER)}"/>',
        '<g shape-rendering="crispEdges">',
        *(part for row, y in zip(grid.rows, tops, strict=True) for part in _backgrounds(row, y)),
        "</g>",
        (
            f'<g font-family="{FONTS}" font-size="{FONT_SIZE}" fill="{_hex(BLACK)}" '
            'style="font-variant-ligatures:none">'
        ),
        *(_text(row, y + BASELINE) for row, y in zip(grid.rows, tops, strict=True) if row.texts),
        "</g>",
        "</svg>",
    ]
    return ("\n".join(parts) + "\n").encode()


def _backgrounds(row: GridRow, y: int) -> Iterator[str]:
    """A rectangle for each run of cells with the same background."""
    x = MARGIN
    cells = zip(row.widths, row.paints, strict=True)
    for background, run in groupby(cells, key=lambda cell: cell[1].background):
        width = sum(cells for cells, _ in run) * CELL_WIDTH
        if background is not None:
            fill = _hex(rgb(background))
            yield f'<rect x="{x}" y="{y}" width="{width}" height="{ROW_HEIGHT}" fill="{fill}"/>'
        x += width


def _text(row: GridRow, y: int) -> str:
    """The text of a row."""
    return f'<text y="{y}" {TEXT_ATTRIBUTES}>{"".join(_spans(row))}</text>'


def _spans(row: GridRow) -> Iterator[str]:
    """The runs of cells that can be written together, and each other cell by itself."""
    column = 0
    cells = zip(row.texts, row.widths, row.paints, strict=True)
    for (paint, is_run), run in groupby(cells, key=lambda cell: (cell[2], _is_run(*cell))):
        members = list(run)
        if is_run:
            text = "".join(padded(text, width) for text, width, _ in members)
            if any(text for text, *_ in members):
                length = f' textLength="{len(text) * CELL_WIDTH}"' if len(text) > 1 else ""
                yield _span(text, f'x="{_x(column)}"{length}', paint)
            column += len(text)
            continue
        for text, width, _ in members:
            place = f'x="{_x(column + cell_len(text) / 2)}" text-anchor="middle"'
            yield _span(text, place, paint)
            column += width


def _is_run(text: str, width: int, paint: Paint) -> bool:  # noqa: ARG001 (a cell has all three)
    """Whether a cell can be written together with its neighbors."""
    return not paint.underlined and is_even(text)


def _span(text: str, place: str, paint: Paint) -> str:
    ink = ink_of(paint)
    look = f' fill="{_hex(ink)}"' if ink != BLACK else ""
    look += ' font-weight="bold"' if paint.bold else ""
    look += ' text-decoration="underline"' if paint.underlined else ""
    return f"<tspan {place}{look}>{escape(text, quote=False)}</tspan>"


def _x(column: float) -> str:
    return f"{MARGIN + column * CELL_WIDTH:g}"


def _hex(color: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
