"""A sheet as SVG: rectangles and text, which can be selected and searched; no script, no style sheet, no other file.

Each run of cells with the same look begins at its own place and has its own length, so that text and colours agree in
every viewer, whatever font it has.
"""

from collections.abc import Iterator
from html import escape
from itertools import groupby

from rich.cells import cell_len

from charrnn.render.grid import (
    BASELINE,
    CELL_WIDTH,
    FONT_SIZE,
    MARGIN,
    PAPER,
    ROW_HEIGHT,
    Cell,
    Row,
    Sheet,
    row_height,
)
from charrnn.render.palette import BLACK, Color

FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
LOOK = 'xml:space="preserve" direction="ltr" unicode-bidi="bidi-override"'
"""Of a row: all its spaces, and from left to right whatever its script."""
CORNER = 6
"""The radius of the paper's corners."""


def svg_of(sheet: Sheet) -> bytes:
    """The file's content: the same for the same sheet, always."""
    size = f'width="{sheet.width}" height="{sheet.height}"'
    tops, top = [], MARGIN
    for row in sheet.rows:
        tops.append(top)
        top += row_height(row)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {sheet.width} {sheet.height}">',
        f"<title>charrnn: {escape(sheet.title)}</title>",
        f"<desc>{escape(sheet.description)}</desc>",
        f'<rect {size} rx="{CORNER}" fill="{_hex(PAPER)}"/>',
        '<g shape-rendering="crispEdges">',
        *(part for row, y in zip(sheet.rows, tops, strict=True) for part in _grounds(row, y)),
        "</g>",
        (
            f'<g font-family="{FONTS}" font-size="{FONT_SIZE}" fill="{_hex(BLACK)}" '
            'style="font-variant-ligatures:none">'
        ),
        *(_text(row, y + BASELINE) for row, y in zip(sheet.rows, tops, strict=True) if row),
        "</g>",
        "</svg>",
    ]
    return ("\n".join(parts) + "\n").encode()


def _grounds(row: Row, y: int) -> Iterator[str]:
    """A rectangle for each run of cells with the same colour."""
    x = MARGIN
    for ground, run in groupby(row, key=lambda cell: cell.style.ground):
        width = sum(cell.width for cell in run) * CELL_WIDTH
        if ground:
            yield (
                f'<rect x="{x}" y="{y}" width="{width}" height="{ROW_HEIGHT}" fill="{_hex(ground)}"/>'
            )
        x += width


def _text(row: Row, y: int) -> str:
    """The text of a row."""
    return f'<text y="{y}" {LOOK}>{"".join(_spans(row))}</text>'


def _spans(row: Row) -> Iterator[str]:
    column = 0
    for (_, is_plain), run in groupby(row, key=lambda cell: (cell.style, cell.is_plain)):
        cells = list(run)
        if is_plain:
            text = "".join(c.label + " " * (c.width - len(c.label)) for c in cells)
            if any(c.label for c in cells):
                length = f' textLength="{len(text) * CELL_WIDTH}"' if len(text) > 1 else ""
                yield _span(text, f'x="{_x(column)}"{length}', cells[0])
            column += sum(c.width for c in cells)
            continue
        for cell in cells:
            place = f'x="{_x(column + cell_len(cell.label) / 2)}" text-anchor="middle"'
            yield _span(cell.label, place, cell)
            column += cell.width


def _span(text: str, place: str, cell: Cell) -> str:
    style = cell.style
    look = f' fill="{_hex(style.ink)}"' if style.ink != BLACK else ""
    look += ' font-weight="bold"' if style.bold else ""
    look += ' text-decoration="underline"' if style.underlined else ""
    return f"<tspan {place}{look}>{escape(text, quote=False)}</tspan>"


def _x(column: float) -> str:
    return f"{MARGIN + column * CELL_WIDTH:g}"


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
