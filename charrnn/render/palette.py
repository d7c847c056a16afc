"""Colors for numbers: by default blue below zero, red above; and green for probabilities. Zero has no color.

A ramp is a list of levels, the neutral one in the middle or first, which leaves the medium's own colors. Each color mode
has ramps of its own, because rounding a fine ramp to few colors loses the order and even the sign. All other levels set
the color of the text and the one behind it. Away from zero colors become darker on light media, where they end before
text on them would look blacked out, and lighter on dark ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy.typing as npt


class ColorMode(StrEnum):
    """The colors that a terminal can show."""

    none = "none"
    ansi16 = "16"
    ansi256 = "256"
    truecolor = "truecolor"


class Palette(StrEnum):
    """The colors of values below and above zero."""

    rdbu = "rdbu"
    """Blue below, red above: ColorBrewer's RdBu (Brewer and Harrower, colorbrewer2.org), in eleven classes."""
    vik = "vik"
    """Blue below, brown above: Crameri's vik, even in lightness (https://doi.org/10.5281/zenodo.1243862)."""
    karpathy = "karpathy"
    """Red below, blue above, the other way round: as in The Unreasonable Effectiveness of Recurrent Neural Networks."""


RGB = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""
Color = RGB | int
"""A color, or its number among the 256 of a terminal; the first 16 look as the terminal likes."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Paint:
    """How a cell looks, on a terminal or in a picture. Equal paints are one object, which is fast to look up."""

    foreground: Color | None = None
    """The color of the text; None leaves the medium's own."""
    background: Color | None = None
    """The color behind the text; None leaves the medium's own."""
    bold: bool = False
    underlined: bool = False

    def __new__(
        cls,
        foreground: Color | None = None,
        background: Color | None = None,
        bold: bool = False,
        underlined: bool = False,
    ) -> Self:
        """The paint of these properties, made at its first use."""
        key = (foreground, background, bold, underlined)
        paint: Self = _PAINTS.setdefault(key, super().__new__(cls))
        return paint


_PAINTS: dict[tuple[Color | None, Color | None, bool, bool], Any] = {}
PLAIN = Paint()


@dataclass(frozen=True)
class _Side:
    """The colors of one side of zero, from the weakest to the strongest."""

    anchors: tuple[RGB, ...]
    """True colors at even distances; the first is neutral. They are followed to the lightest that bears white text."""
    cube: tuple[int, ...]
    """Colors of the 256, each darker than the one before."""
    dark: tuple[int, ...]
    """Colors of the 256 for dark media, each lighter than the one before."""
    few: tuple[Paint, ...]
    """Two of the 16 colors, with their ink."""


def _cube(*cells: str) -> tuple[int, ...]:
    """Numbers of colors in the 6 x 6 x 6 cube, each given as its red, green and blue: "543" -> 229."""
    return tuple(16 + int(cell, base=6) for cell in cells)


TRUECOLOR_LEVELS = 16
"""The levels on each side of neutral in true color."""
WAY = 64
"""Steps in which the true colors of a side are followed."""
DARK = (25, 25, 27)
"""The color near zero on dark media."""

# What the 16 colors are depends on the terminal. Ink can be read on these in the classic ones and in most themes. On
# bright red it could not, which is too dark for black in some and too light for white in others; nor on bright blue.
REDS_16, BLUES_16 = (Paint(0, 11), Paint(15, 1)), (Paint(0, 14), Paint(15, 4))
GREENS_16 = (Paint(0, 10), Paint(0, 2))

_RDBU_RED = _Side(
    (
        *((247, 247, 247), (253, 219, 199), (244, 165, 130)),
        *((214, 96, 77), (178, 24, 43), (103, 0, 31)),
    ),
    _cube("544", "533", "522", "422", "511", "411", "500", "400"),
    _cube("100", "200", "300", "400", "500", "511"),
    REDS_16,
)
_RDBU_BLUE = _Side(
    (
        *((247, 247, 247), (209, 229, 240), (146, 197, 222)),
        *((67, 147, 195), (33, 102, 172), (5, 48, 97)),
    ),
    _cube("455", "345", "245", "234", "134", "124", "024", "014"),
    _cube("001", "002", "003", "014", "025", "135"),
    BLUES_16,
)
_VIK_BROWN = _Side(
    (
        *((236, 229, 224), (225, 184, 160), (205, 137, 97)),
        *((183, 90, 38), (133, 34, 6), (89, 0, 8)),
    ),
    _cube("543", "532", "432", "421", "321", "410", "310", "300"),
    _cube("100", "200", "210", "310", "410", "421"),
    REDS_16,
)
_VIK_BLUE = _Side(
    (
        *((236, 229, 224), (167, 201, 218), (84, 150, 183)),
        *((17, 100, 150), (2, 58, 123), (0, 18, 97)),
    ),
    _cube("455", "344", "334", "234", "134", "123", "023", "013"),
    _cube("001", "002", "012", "013", "023", "134"),
    BLUES_16,
)
_KARPATHY_BLUE = _Side(
    ((255, 255, 255), (92, 173, 214)),
    _cube("455", "345", "344", "245", "145", "234", "134", "034"),
    _RDBU_BLUE.dark,
    BLUES_16,
)
_KARPATHY_RED = _Side(
    ((255, 255, 255), (214, 92, 92)),
    _cube("544", "533", "433", "522", "422", "511", "411", "311"),
    _RDBU_RED.dark,
    REDS_16,
)
_GREEN = _Side(
    ((244, 244, 244), (178, 226, 176), (84, 172, 100), (10, 98, 52)),
    _cube("454", "353", "252", "141", "040", "030", "020", "010"),
    _cube("010", "020", "030", "040", "252"),
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
"""The names of each palette's colors: below zero and above."""

# Curves have the terminal's own background, black or white: each can be seen on both.
# Blue, orange, green, magenta, teal, ochre.
LINE_256 = _cube("025", "410", "020", "414", "022", "320")
LINE_16 = (12, 1, 2, 5, 6, 3)
CUBE_STEPS = (0, 95, 135, 175, 215, 255)
"""The six values of red, green or blue in the cube."""


@dataclass(frozen=True)
class Ramp:
    """Paints from the most negative level over neutral, which is plain, to the most positive."""

    paints: tuple[Paint, ...]
    neutral: int
    """The index of the neutral level: 0 if there are no negative ones."""

    @property
    def highest(self) -> int:
        """The levels above neutral, and below it if there are any."""
        return len(self.paints) - 1 - self.neutral

    def levels(self, values: "npt.ArrayLike", scale: float) -> list[int]:
        """The levels of values (T,); `scale` is the value of the last level, which stays beyond it.

        With levels on both sides only zero is neutral, and a value gets the level that ends at it or beyond it: it
        keeps its sign, and of n levels a side the middle of its own is at most a 2n-th of the scale away. With levels
        on one side it gets the nearest.
        """
        import numpy as np

        parts = np.asarray(values, np.float64) / (scale if scale > 0 else np.inf)
        place = np.clip(np.nan_to_num(parts), -1.0, 1.0) * self.highest
        away = np.ceil(np.abs(place)) if self.neutral else np.rint(np.maximum(place, 0.0))
        levels: list[int] = np.copysign(away, place).astype(int).tolist()
        return levels

    def level(self, value: float, scale: float) -> int:
        """The level of one value."""
        return self.levels([value], scale)[0]

    def of(self, values: "npt.ArrayLike", scale: float) -> list[Paint]:
        """The paints of values (T,) on a scale."""
        paints, neutral = self.paints, self.neutral
        return [paints[neutral + level] for level in self.levels(values, scale)]


@cache
def diverging(mode: ColorMode, palette: Palette = Palette.rdbu, *, is_dark: bool = False) -> Ramp:
    """The ramp from the color of the lowest values over neutral to that of the highest."""
    below, above = (_side(mode, side, is_dark=is_dark) for side in SIDES[palette])
    return Ramp((*reversed(below), PLAIN, *above), len(below))


@cache
def one_sided(mode: ColorMode, palette: Palette = Palette.rdbu, *, is_dark: bool = False) -> Ramp:
    """The ramp from neutral to the color of the highest values, for what is never below zero."""
    return Ramp((PLAIN, *_side(mode, SIDES[palette][1], is_dark=is_dark)), 0)


@cache
def rising(mode: ColorMode, *, is_dark: bool = False) -> Ramp:
    """The ramp from neutral to green, for probabilities."""
    return Ramp((PLAIN, *_side(mode, _GREEN, is_dark=is_dark)), 0)


def line_paints(mode: ColorMode) -> tuple[Paint, ...]:
    """The paints of curves: one for each color, or a single plain one without colors."""
    if mode == ColorMode.none:
        return (PLAIN,)
    return tuple(map(Paint, LINE_16 if mode == ColorMode.ansi16 else LINE_256))


def _side(mode: ColorMode, side: _Side, *, is_dark: bool) -> tuple[Paint, ...]:
    """The levels on one side of neutral, the weakest first."""
    if mode == ColorMode.none:
        return (PLAIN,) * TRUECOLOR_LEVELS
    if mode == ColorMode.ansi16:
        return side.few
    if mode == ColorMode.ansi256:
        return tuple(map(_on, side.dark if is_dark else side.cube))
    return tuple(map(_on, _shades(side, is_dark=is_dark)))


def _shades(side: _Side, *, is_dark: bool) -> list[RGB]:
    """The true colors on one side of neutral, the weakest first."""
    way = [between(side.anchors, k / WAY) for k in range(WAY + 1)]
    end = next((k for k, color in enumerate(way) if ink_on(color) == WHITE), WAY)
    if is_dark:
        way = [between((DARK, way[end]), k / WAY) for k in range(WAY + 1)]
        end = WAY
    first = WAY // TRUECOLOR_LEVELS  # apart from zero
    parts = (k / (TRUECOLOR_LEVELS - 1) for k in range(TRUECOLOR_LEVELS))
    return [between(way[first : end + 1], part) for part in parts]


def between(anchors: Sequence[RGB], part: float) -> RGB:
    """The color at a part (0 to 1) of the way along the anchors."""
    place = part * (len(anchors) - 1)
    index = min(int(place), len(anchors) - 2)
    rest = place - index
    a, b = anchors[index], anchors[index + 1]
    red, green, blue = (round(x + (y - x) * rest) for x, y in zip(a, b, strict=True))
    return red, green, blue


def rgb(color: Color) -> RGB:
    """Red, green and blue of a color; one of the first 16 as a classic terminal shows it."""
    if not isinstance(color, int):
        return color
    if color < 16:
        red, green, blue = (color >> bit & 1 for bit in range(3))
        level = 205 if color < 8 else 255
        return red * level, green * level, blue * level
    red, green, blue = ((color - 16) // place % 6 for place in (36, 6, 1))
    return CUBE_STEPS[red], CUBE_STEPS[green], CUBE_STEPS[blue]


def ink_on(color: RGB) -> RGB:
    """Black or white, whichever is easier to read on a color (relative luminance, WCAG 2)."""
    parts = (v / 255 for v in color)
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return BLACK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else WHITE


def _on(background: Color) -> Paint:
    """The paint of a background, with ink that can be read on it."""
    ink = ink_on(rgb(background))
    if isinstance(background, int):
        return Paint(16 if ink == BLACK else 231, background)
    return Paint(ink, background)
