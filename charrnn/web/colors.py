"""The colors of a page: the palette of the terminal without its darkest colors, and a darkened one on a dark background.

Text on the darkest colors of a palette looks blacked out. So the colors of a page end where white text is first easier
to read than black.
"""

from collections.abc import Sequence

from charrnn.render.palette import (
    HUES,
    RGB,
    WHITE,
    ColorMode,
    Palette,
    Ramp,
    between,
    diverging,
    ink_on,
    rgb,
    rising,
)

DARK_BACKGROUND = (24, 25, 29)
"""The color of zero in the dark theme."""


def ramps(palette: Palette = Palette.rdbu) -> dict[str, dict[str, list[str]]]:
    """Colors as "red green blue", the most negative level first, for each theme and kind of value.

    The `hues` of a theme are the names of its colors below and above zero.
    """
    mode = ColorMode.truecolor
    value, chance = _backgrounds(diverging(mode, palette)), _backgrounds(rising(mode))
    neutral = len(value) // 2
    below, above = value[neutral::-1], value[neutral:]
    return {
        "light": {
            "value": [*map(_named, _light(below)[:0:-1]), *map(_named, _light(above))],
            "chance": [*map(_named, chance)],
            "hues": [*HUES[palette]],
        },
        "dark": {
            "value": [*map(_named, _dark(below)[:0:-1]), *map(_named, _dark(above))],
            "chance": [*map(_named, _dark(chance))],
            "hues": [*HUES[palette]],
        },
    }


def _backgrounds(ramp: Ramp) -> list[RGB]:
    """The background colors of a ramp, from its lowest level."""
    return [rgb(paint.background or 0) for paint in ramp.paints]


def _light(side: Sequence[RGB]) -> list[RGB]:
    """One side of a ramp for the light theme: its colors up to the lightest that bears white text."""
    return _even(side[: side.index(_end(side)) + 1], len(side))


def _dark(side: Sequence[RGB]) -> list[RGB]:
    """One side of a ramp for the dark theme: from its background to the lightest color that bears white text."""
    return _even((DARK_BACKGROUND, _end(side)), len(side))


def _end(side: Sequence[RGB]) -> RGB:
    """The lightest color that bears white text, or else the last."""
    return next((color for color in side if ink_on(color) == WHITE), side[-1])


def _even(colors: Sequence[RGB], count: int) -> list[RGB]:
    """Colors evenly along the way through some."""
    return [between(colors, k / (count - 1)) for k in range(count)]


def _named(color: RGB) -> str:
    """A color as "red green blue"."""
    return "{} {} {}".format(*color)
