"""The colors of ramps as a terminal and a picture have them."""

from charrnn.render.ansi import line_of
from charrnn.render.grid import words
from charrnn.render.palette import ColorMode, Palette, diverging, line_paints, rgb


def escape(paint):
    """The escape sequence of a paint."""
    return line_of(words("x", paint)).removesuffix("\x1b[0m").removesuffix("x")


def codes_of(ramp):
    """The escape sequences of a ramp, from its lowest level."""
    return list(map(escape, ramp.paints))


def code_of(ramp, value, scale):
    """The escape sequence of a value."""
    return escape(*ramp.of([value], scale))


def backgrounds(ramp):
    """The colors of a ramp as red, green and blue, from its lowest level; None for that of zero."""
    return [None if p.background is None else rgb(p.background) for p in ramp.paints]


def diverging_colors(palette=Palette.rdbu, *, is_dark=False):
    """The true colors of values that may be below zero."""
    return backgrounds(diverging(ColorMode.truecolor, palette, is_dark=is_dark))


def line_colors():
    """The true colors of curves."""
    return [rgb(paint.foreground) for paint in line_paints(ColorMode.truecolor)]
