"""The colors of a page: those of the terminal in true color, on the page's own background where there is none."""

from typing import Any

from charrnn.render.palette import DARK, HUES, RGB, ColorMode, Palette, Ramp, diverging, rgb, rising

ZERO = (247, 247, 247)
"""The color of zero in the light theme."""


def colors(palette: Palette) -> dict[str, Any]:
    """The colors that a page can have, as `ramps`, and the `palette` with which it opens."""
    return {"ramps": {one.value: ramps(one) for one in Palette}, "palette": palette.value}


def ramps(palette: Palette = Palette.rdbu) -> dict[str, dict[str, list[str]]]:
    """Colors as "red green blue", the most negative level first, for each theme and kind of value.

    The `hues` of a theme are the names of its colors below and above zero.
    """
    mode, hues = ColorMode.truecolor, [*HUES[palette]]
    return {
        theme: {
            "value": _colors(diverging(mode, palette, is_dark=is_dark), zero),
            "chance": _colors(rising(mode, is_dark=is_dark), zero),
            "hues": hues,
        }
        for theme, is_dark, zero in (("light", False, ZERO), ("dark", True, DARK))
    }


def _colors(ramp: Ramp, zero: RGB) -> list[str]:
    """The background colors of a ramp, from its lowest level."""
    grounds = (paint.background for paint in ramp.paints)
    return ["{} {} {}".format(*(zero if ground is None else rgb(ground))) for ground in grounds]
