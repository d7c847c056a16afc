"""The palette of the terminal for a page: on a light ground as it is, on a dark one from the ground to the same hues."""

import re

from charrnn.render.palette import ColorMode, diverging, rising

SWATCH = re.compile(r"48;2;(\d+);(\d+);(\d+)m")
DARK_GROUND = (24, 25, 29)
PEAK = 10
"""Of sixteen levels, the one with the strongest colour: beyond, the light ramp only grows darker."""

Color = tuple[int, int, int]


def ramps() -> dict[str, dict[str, list[str]]]:
    """Colours as "r g b" and the ink on them, the most negative level first, for each theme and kind of value."""
    value = [_color(code) for code in diverging(ColorMode.truecolor).codes]
    chance = [_color(code) for code in rising(ColorMode.truecolor).codes]
    middle = len(value) // 2
    sides = _dark(value[middle::-1])[:0:-1], _dark(value[middle:])
    return {
        "light": {"value": _named(value), "chance": _named(chance)},
        "dark": {"value": _named([*sides[0], *sides[1]]), "chance": _named(_dark(chance))},
    }


def _dark(side: list[Color]) -> list[Color]:
    """A ramp from the dark ground to the strongest colour of a ramp that begins at neutral."""
    steps = len(side) - 1
    red, green, blue = side[min(PEAK, steps)]
    return [
        (
            _mixed(DARK_GROUND[0], red, k / steps),
            _mixed(DARK_GROUND[1], green, k / steps),
            _mixed(DARK_GROUND[2], blue, k / steps),
        )
        for k in range(steps + 1)
    ]


def _mixed(a: int, b: int, part: float) -> int:
    return round(a + (b - a) * part)


def _color(code: str) -> Color:
    found = SWATCH.search(code)
    assert found, "a truecolor code sets the background"
    red, green, blue = map(int, found.groups())
    return red, green, blue


def _named(colors: list[Color]) -> list[str]:
    return [f"{red} {green} {blue}" for red, green, blue in colors]
