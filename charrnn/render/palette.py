"""Colours for numbers: by default blue below zero, red above, zero neutral; and green for probabilities.

Every ramp is a list of levels, the neutral one in the middle or first; each kind of terminal has
its own, because the rounding of a fine ramp to few colours loses the order and even the sign.
Foreground and background are always both set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy.typing as npt


class ColorMode(StrEnum):
    """What a terminal can show."""

    none = "none"
    ansi16 = "16"
    ansi256 = "256"
    truecolor = "truecolor"


class Palette(StrEnum):
    """Which colours stand for values below and above zero."""

    rdbu = "rdbu"
    """Blue below, red above: ColorBrewer's RdBu (Brewer and Harrower, colorbrewer2.org), in eleven classes."""
    vik = "vik"
    """Blue below, brown above: Crameri's vik, even in lightness (https://doi.org/10.5281/zenodo.1243862)."""
    karpathy = "karpathy"
    """Red below, blue above, the other way round: as in The Unreasonable Effectiveness of Recurrent Neural Networks."""


RESET = "\x1b[0m"

Color = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True)
class _Side:
    """The colours of one side of zero, in the order in which they leave it."""

    anchors: tuple[Color, ...]
    """For true colour, at even distances: red, green and blue from 0 to 255. The first is neutral."""
    cube: tuple[Color, ...]
    """Cells of the 6 x 6 x 6 cube of the 256 colours, each darker than the one before."""
    few: tuple[tuple[int, int], ...]
    """Background and ink of the 16 colours."""


def _cells(*cells: str) -> tuple[Color, ...]:
    """Cells of the cube, each given as its red, green and blue: "543" -> (5, 4, 3)."""
    return tuple((int(cell[0]), int(cell[1]), int(cell[2])) for cell in cells)


NEUTRAL_CELL = (5, 5, 5)
TRUECOLOR_LEVELS = 16
"""On each side of neutral."""

# What the 16 colours are depends on the terminal. Ink can be read on these in the classic ones; on bright blue it could
# not, which is too dark for black in some terminals and too light for white in others.
NEUTRAL_16 = (107, 30)
REDS_16, BLUES_16 = ((101, 30), (41, 97)), ((106, 30), (44, 97))
YELLOW_TO_RED_16, GREENS_16 = ((103, 30), (41, 97)), ((102, 30), (42, 30))

_RDBU_RED = _Side(
    (
        *((247, 247, 247), (253, 219, 199), (244, 165, 130)),
        *((214, 96, 77), (178, 24, 43), (103, 0, 31)),
    ),
    _cells("544", "533", "522", "511", "411", "500", "400", "300", "200", "100"),
    REDS_16,
)
_RDBU_BLUE = _Side(
    (
        *((247, 247, 247), (209, 229, 240), (146, 197, 222)),
        *((67, 147, 195), (33, 102, 172), (5, 48, 97)),
    ),
    _cells("455", "345", "245", "234", "134", "124", "024", "014", "013", "002"),
    BLUES_16,
)
_VIK_BROWN = _Side(
    (
        *((236, 229, 224), (225, 184, 160), (205, 137, 97)),
        *((183, 90, 38), (133, 34, 6), (89, 0, 8)),
    ),
    _cells("543", "532", "432", "421", "321", "410", "310", "300", "200", "100"),
    YELLOW_TO_RED_16,
)
_VIK_BLUE = _Side(
    (
        *((236, 229, 224), (167, 201, 218), (84, 150, 183)),
        *((17, 100, 150), (2, 58, 123), (0, 18, 97)),
    ),
    _cells("455", "344", "234", "134", "123", "023", "013", "012", "002", "001"),
    BLUES_16,
)
_KARPATHY_BLUE = _Side(
    ((255, 255, 255), (92, 173, 214)),
    _cells("455", "345", "344", "245", "145", "234", "134", "034"),
    BLUES_16,
)
_KARPATHY_RED = _Side(
    ((255, 255, 255), (214, 92, 92)),
    _cells("544", "533", "433", "522", "422", "511", "411", "311"),
    REDS_16,
)
_GREEN = _Side(
    ((244, 244, 244), (178, 226, 176), (84, 172, 100), (10, 98, 52)),
    _cells("454", "353", "252", "141", "040", "030", "020", "010"),
    GREENS_16,
)
SIDES = {
    Palette.rdbu: (_RDBU_BLUE, _RDBU_RED),
    Palette.vik: (_VIK_BLUE, _VIK_BROWN),
    Palette.karpathy: (_KARPATHY_RED, _KARPATHY_BLUE),
}
"""The sides of each palette: below zero and above."""
HUES = {
    Palette.rdbu: ("blue", "red"),
    Palette.vik: ("blue", "brown"),
    Palette.karpathy: ("red", "blue"),
}
"""What they are called."""

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

    @property
    def highest(self) -> int:
        """The levels above neutral, and below it if there are any."""
        return len(self.codes) - 1 - self.neutral

    def levels(self, values: "npt.ArrayLike", scale: float) -> list[int]:
        """The levels of values (T,); `scale` is the value of the last level, which stays beyond it.

        With levels on both sides only zero is neutral, and a value gets the level that ends at it or beyond it: it
        keeps its sign, and of n levels a side the middle of its own is at most a 2n-th of the scale away. With levels
        on one side it gets the nearest.
        """
        import numpy as np

        parts = np.asarray(values, np.float64) / (scale if scale > 0 else np.inf)
        place = np.clip(np.nan_to_num(parts), -1.0, 1.0) * self.highest
        away = np.copysign(np.ceil(np.abs(place)), place)
        levels: list[int] = (away if self.neutral else np.rint(place)).astype(int).tolist()
        return levels if self.neutral else [max(level, 0) for level in levels]

    def level(self, value: float, scale: float) -> int:
        """The level of one value."""
        return self.levels([value], scale)[0]

    def code(self, value: float, scale: float) -> str:
        """The escape sequence for a value."""
        return self.codes[self.neutral + self.level(value, scale)]


@cache
def diverging(mode: ColorMode, palette: Palette = Palette.rdbu) -> Ramp:
    """From the colour of the lowest values over neutral to that of the highest."""
    below, above = SIDES[palette]
    negative = _side(mode, below)
    return Ramp((*reversed(negative), _neutral(mode, below), *_side(mode, above)), len(negative))


@cache
def one_sided(mode: ColorMode, palette: Palette = Palette.rdbu) -> Ramp:
    """From neutral to the colour of the highest values, for what is never below zero."""
    above = SIDES[palette][1]
    return Ramp((_neutral(mode, above), *_side(mode, above)), 0)


def diverging_colors(palette: Palette = Palette.rdbu) -> tuple[Color, ...]:
    """The grounds of `diverging` in true colour, in the order of its codes."""
    below, above = SIDES[palette]
    return (*reversed(_shades(below)), below.anchors[0], *_shades(above))


def one_sided_colors(palette: Palette = Palette.rdbu) -> tuple[Color, ...]:
    """The same of `one_sided`."""
    above = SIDES[palette][1]
    return (above.anchors[0], *_shades(above))


def rising_colors() -> tuple[Color, ...]:
    """The same of `rising`."""
    return (_GREEN.anchors[0], *_shades(_GREEN))


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
    return Ramp((_neutral(mode, _GREEN), *_side(mode, _GREEN)), 0)


def _side(mode: ColorMode, side: _Side) -> list[str]:
    """The levels on one side of neutral, the weakest first."""
    if mode == ColorMode.none:
        return [""] * TRUECOLOR_LEVELS
    if mode == ColorMode.ansi16:
        return [f"\x1b[{ink};{ground}m" for ground, ink in side.few]
    if mode == ColorMode.ansi256:
        return [_from_cube(cell) for cell in side.cube]
    return [_true(color) for color in _shades(side)]


def _shades(side: _Side) -> list[Color]:
    """The true colours on one side of neutral, the weakest first."""
    parts = (k / TRUECOLOR_LEVELS for k in range(1, TRUECOLOR_LEVELS + 1))
    return [between(side.anchors, part) for part in parts]


def _neutral(mode: ColorMode, side: _Side) -> str:
    return {
        ColorMode.none: "",
        ColorMode.ansi16: "\x1b[{1};{0}m".format(*NEUTRAL_16),
        ColorMode.ansi256: _from_cube(NEUTRAL_CELL),
        ColorMode.truecolor: _true(side.anchors[0]),
    }[mode]


def between(anchors: Sequence[Color], part: float) -> Color:
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
