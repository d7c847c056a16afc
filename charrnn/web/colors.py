"""A palette of the terminal for a page: on a light ground as it is, on a dark one from the ground to the same hues."""

from collections.abc import Sequence

from charrnn.render.palette import (
    HUES,
    WHITE,
    Color,
    Palette,
    between,
    diverging_colors,
    ink_on,
    rising_colors,
)

DARK_GROUND = (24, 25, 29)


def ramps(palette: Palette = Palette.rdbu) -> dict[str, dict[str, list[str]]]:
    """Colours as "red green blue", the most negative level first, for each theme and kind of value.

    What is below zero and what is above are called by the `hues` of the theme.
    """
    value, chance = diverging_colors(palette), rising_colors()
    neutral = len(value) // 2
    below, above = value[neutral::-1], value[neutral:]
    return {
        "light": {
            "value": [*map(_named, value)],
            "chance": [*map(_named, chance)],
            "hues": [*HUES[palette]],
        },
        "dark": {
            "value": [*map(_named, _dark(below)[:0:-1]), *map(_named, _dark(above))],
            "chance": [*map(_named, _dark(chance))],
            "hues": [*HUES[palette]],
        },
    }


def _dark(side: Sequence[Color]) -> list[Color]:
    """From the dark ground to the lightest colour of a side of a ramp that bears white ink, or to its last."""
    end = next((color for color in side if ink_on(color) == WHITE), side[-1])
    steps = len(side) - 1
    return [between((DARK_GROUND, end), k / steps) for k in range(steps + 1)]


def _named(color: Color) -> str:
    return "{} {} {}".format(*color)
