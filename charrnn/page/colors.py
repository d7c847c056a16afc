"""A palette of the terminal for a page: on a light ground as it is, on a dark one from the ground to the same hues."""

import re
from collections.abc import Sequence

from charrnn.render.palette import HUES, ColorMode, Palette, diverging, rising

SWATCH = re.compile(r"48;2;(\d+);(\d+);(\d+)m")
WHITE_INK = "38;2;255;255;255;"
DARK_GROUND = (24, 25, 29)
Color = tuple[int, int, int]


def ramps(palette: Palette = Palette.rdbu) -> dict[str, dict[str, list[str]]]:
    """Colours as "red green blue", the most negative level first, for each theme and kind of value.

    What is below zero and what is above are called by the `hues` of the theme.
    """
    value, chance = diverging(ColorMode.truecolor, palette), rising(ColorMode.truecolor)
    below, above = value.codes[value.neutral :: -1], value.codes[value.neutral :]
    return {
        "light": {
            "value": [_named(_color(code)) for code in value.codes],
            "chance": [_named(_color(code)) for code in chance.codes],
            "hues": [*HUES[palette]],
        },
        "dark": {
            "value": [*map(_named, _dark(below)[:0:-1]), *map(_named, _dark(above))],
            "chance": [*map(_named, _dark(chance.codes))],
            "hues": [*HUES[palette]],
        },
    }


def _dark(side: Sequence[str]) -> list[Color]:
    """From the dark ground to the lightest colour of a side of a ramp that bears white ink, or to its last."""
    end = _color(next((code for code in side if WHITE_INK in code), side[-1]))
    steps = len(side) - 1
    return [_between(DARK_GROUND, end, k / steps) for k in range(steps + 1)]


def _between(a: Color, b: Color, part: float) -> Color:
    """The colour at a part (0 to 1) of the way from one to another."""
    red, green, blue = (round(x + (y - x) * part) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _color(code: str) -> Color:
    found = SWATCH.search(code)
    assert found, "a truecolor code sets the background"
    red, green, blue = map(int, found.groups())
    return red, green, blue


def _named(color: Color) -> str:
    return "{} {} {}".format(*color)
