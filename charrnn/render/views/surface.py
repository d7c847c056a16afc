"""A surface over a plane, seen from above, with paths on it: a letter for each place that a path comes to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from charrnn.numerics import Float64
from charrnn.render.grid import GAP, GridRow, row_of, words
from charrnn.render.look import Look
from charrnn.render.palette import one_sided
from charrnn.render.views.scale import digits_of, note_rows, title_rows

Place = tuple[int, int]
"""Row and column, from the top left."""


@dataclass(frozen=True)
class Surface:
    """Heights over a plane, and what stands at its sides."""

    title: str
    heights: Float64
    """(rows, columns), 0 or more."""
    full: float
    """The height with the full color."""
    across: tuple[str, str, str]
    """The name of the axis from left to right, and its ends."""
    up: tuple[str, str, str]
    """The name of the axis from the bottom to the top, and its ends."""
    paths: Mapping[str, Sequence[Place]] = field(default_factory=dict)
    """Cells that paths go through, by the letter of each; where paths meet, the first has the cell."""


def surface_rows(surface: Surface, look: Look) -> Iterator[GridRow]:
    """The rows of a surface: its title, a legend, the cells with their axes.

    Without colors, or if they are wanted, digits have the height in ninths of the full one.
    """
    rows, columns = surface.heights.shape
    yield from title_rows(surface.title, look)
    if look.has_color:
        yield from note_rows(f"the darker, the higher: {surface.full:.3g} or more is darkest", look)
    if look.has_digits:
        yield from note_rows(f"the digit is the height: 9 is {surface.full:.3g} or more", look)
    letters = {p: c for c, way in reversed([*surface.paths.items()]) for p in way}
    name, low, high = surface.up
    margin = max(map(len, surface.up)) + 1
    labels = {0: high, rows // 2: name, rows - 1: low}
    for row in range(rows):
        paints = one_sided(look.mode, look.palette).of(surface.heights[row], surface.full)
        digits = [d.replace("0", ".") for d in digits_of(surface.heights[row], surface.full)]
        texts = [
            letters.get((row, column)) or (digit if look.has_digits else "")
            for column, digit in enumerate(digits)
        ]
        label = f"{labels.get(row, ''):>{margin - 1}} "
        cells = zip(texts, [1] * columns, paints, strict=True)
        yield words(label, look.note) + row_of(cells)
    name, low, high = surface.across
    middle = name.center(columns - len(low) - len(high))
    yield words(" " * margin + low + middle + high, look.note)
    yield GAP
