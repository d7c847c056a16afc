"""Colours for numbers: blue below zero, red above, zero neutral; and green for probabilities.

Every ramp is a list of levels, the neutral one in the middle or first; each kind of terminal has
its own, because the rounding of a fine ramp to few colours loses the order and even the sign.
Foreground and background are always both set.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class ColorMode(StrEnum):
    """What a terminal can show."""

    none = "none"
    ansi16 = "16"
    ansi256 = "256"
    truecolor = "truecolor"


RESET = "\x1b[0m"

Color = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
NEUTRAL = (244, 244, 244)
RED_ANCHORS = (NEUTRAL, (246, 178, 160), (224, 90, 80), (168, 16, 40))
BLUE_ANCHORS = (NEUTRAL, (160, 200, 240), (80, 136, 212), (18, 60, 150))
GREEN_ANCHORS = (NEUTRAL, (178, 226, 176), (84, 172, 100), (10, 98, 52))
TRUECOLOR_LEVELS = 16
"""On each side of neutral."""

# Cells of the 6 x 6 x 6 cube of the 256 colours, by (red, green, blue).
RED_CUBE = ((5, 4, 4), (5, 3, 3), (5, 2, 2), (5, 1, 1), (5, 0, 0), (4, 0, 0), (3, 0, 0), (2, 0, 0))
BLUE_CUBE = tuple((b, g, r) for r, g, b in RED_CUBE)
GREEN_CUBE = (
    *((4, 5, 4), (3, 5, 3), (2, 5, 2), (1, 4, 1)),
    *((0, 4, 0), (0, 3, 0), (0, 2, 0), (0, 1, 0)),
)

# Background and ink of the 16 colours, the weak level first. White on green is hard to read.
NEUTRAL_16 = (107, 30)
RED_16, BLUE_16, GREEN_16 = ((101, 30), (41, 97)), ((104, 30), (44, 97)), ((102, 30), (42, 30))

# Curves have the terminal's own background, black or white: each can be seen on both.
# Blue, orange, green, magenta, teal, ochre.
LINE_CUBE = ((0, 2, 5), (4, 1, 0), (0, 2, 0), (4, 1, 4), (0, 2, 2), (3, 2, 0))
LINE_16 = (94, 31, 32, 35, 36, 33)
CUBE_STEPS = (0, 95, 135, 175, 215, 255)
"""What the six values of the cube are in red, green or blue."""


@dataclass(frozen=True)
class Ramp:
    """Escape sequences from the most negative level over neutral to the most positive."""

    codes: tuple[str, ...]
    neutral: int
    """The index of the neutral level: 0 if there are no negative ones."""

    def level(self, value: float, scale: float) -> int:
        """The level of a value; `scale` is the value of the last level, which stays beyond it."""
        part = value / scale if scale > 0 else 0.0
        if math.isnan(part):
            return 0
        highest = len(self.codes) - 1 - self.neutral
        return max(round(max(-1.0, min(1.0, part)) * highest), -self.neutral)

    def code(self, value: float, scale: float) -> str:
        """The escape sequence for a value."""
        return self.codes[self.neutral + self.level(value, scale)]


@cache
def diverging(mode: ColorMode) -> Ramp:
    """Blue below zero, red above."""
    negative = _side(mode, BLUE_ANCHORS, BLUE_CUBE, BLUE_16)
    positive = _side(mode, RED_ANCHORS, RED_CUBE, RED_16)
    return Ramp((*reversed(negative), _neutral(mode), *positive), len(negative))


def line_colors() -> tuple[Color, ...]:
    """The colours of curves."""
    return tuple((CUBE_STEPS[r], CUBE_STEPS[g], CUBE_STEPS[b]) for r, g, b in LINE_CUBE)


def inks(mode: ColorMode) -> tuple[str, ...]:
    """The escape sequences of curves: one for each colour, or a single empty one without colours."""
    if mode == ColorMode.none:
        return ("",)
    if mode == ColorMode.ansi16:
        return tuple(f"\x1b[{code}m" for code in LINE_16)
    return tuple(f"\x1b[38;5;{16 + 36 * r + 6 * g + b}m" for r, g, b in LINE_CUBE)


@cache
def rising(mode: ColorMode) -> Ramp:
    """From neutral to green, for probabilities."""
    return Ramp((_neutral(mode), *_side(mode, GREEN_ANCHORS, GREEN_CUBE, GREEN_16)), 0)


def diverging_colors() -> tuple[Color, ...]:
    """The grounds of `diverging` in true colour, in the order of its codes."""
    return (*reversed(_shades(BLUE_ANCHORS)), NEUTRAL, *_shades(RED_ANCHORS))


def rising_colors() -> tuple[Color, ...]:
    """The same of `rising`."""
    return (NEUTRAL, *_shades(GREEN_ANCHORS))


def _side(
    mode: ColorMode, anchors: Sequence[Color], cube: Sequence[Color], few: Sequence[tuple[int, int]]
) -> list[str]:
    """The levels on one side of neutral, the weakest first."""
    if mode == ColorMode.none:
        return [""] * TRUECOLOR_LEVELS
    if mode == ColorMode.ansi16:
        return [f"\x1b[{ink};{ground}m" for ground, ink in few]
    if mode == ColorMode.ansi256:
        return [_from_cube(cell) for cell in cube]
    return [_true(color) for color in _shades(anchors)]


def _shades(anchors: Sequence[Color]) -> list[Color]:
    """The true colours on one side of neutral, the weakest first."""
    parts = (k / TRUECOLOR_LEVELS for k in range(1, TRUECOLOR_LEVELS + 1))
    return [_between(anchors, part) for part in parts]


def _neutral(mode: ColorMode) -> str:
    return {
        ColorMode.none: "",
        ColorMode.ansi16: "\x1b[{1};{0}m".format(*NEUTRAL_16),
        ColorMode.ansi256: _from_cube((5, 5, 5)),
        ColorMode.truecolor: _true(NEUTRAL),
    }[mode]


def _between(anchors: Sequence[Color], part: float) -> Color:
    """The colour at a part (0 to 1) of the way along the anchors."""
    place = part * (len(anchors) - 1)
    index = min(int(place), len(anchors) - 2)
    rest = place - index
    a, b = anchors[index], anchors[index + 1]
    red, green, blue = (round(x + (y - x) * rest) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _is_light(color: Color) -> bool:
    """Whether black ink is easier to read on a colour than white (relative luminance, WCAG 2)."""
    parts = (v / 255 for v in color)
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179


def ink_on(color: Color) -> Color:
    """Black or white, whichever is easier to read on a colour."""
    return BLACK if _is_light(color) else WHITE


def _true(color: Color) -> str:
    ink = ink_on(color)
    return f"\x1b[38;2;{ink[0]};{ink[1]};{ink[2]};48;2;{color[0]};{color[1]};{color[2]}m"


def _from_cube(cell: Color) -> str:
    red, green, blue = cell
    ink = 16 if _is_light((CUBE_STEPS[red], CUBE_STEPS[green], CUBE_STEPS[blue])) else 231
    return f"\x1b[38;5;{ink};48;5;{16 + 36 * red + 6 * green + blue}m"
