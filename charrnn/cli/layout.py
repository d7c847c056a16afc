"""How commands show things: the colors and the width of what is printed or drawn."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.terminal import terminal_color, terminal_width
from charrnn.config import COLORS
from charrnn.errors import SettingError
from charrnn.render.palette import ColorMode, Palette
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from charrnn.render.look import Look

PICTURE_WIDTH = 80
"""Columns in a line of a picture, if no width is given."""


@dataclass(frozen=True, kw_only=True)
class LayoutOptions(Config):
    """Colors and width."""

    color: ColorMode | None = setting(
        None,
        "Colors to use: auto, none, 16, 256 or truecolor.",
        metavar="COLORS",
        default_text="what the terminal can show; none in a pipe",
        panel=COLORS,
    )
    width: int | None = setting(
        None,
        "Columns in a line.",
        low=1,
        high=100_000,
        default_text=f"the terminal's; {PICTURE_WIDTH} in a picture",
        panel=COLORS,
    )

    @property
    def mode(self) -> ColorMode:
        """The colors of the terminal."""
        return self.color or terminal_color()

    @property
    def columns(self) -> int:
        """Columns in a line of the terminal."""
        return self.width or terminal_width()

    @property
    def picture_columns(self) -> int:
        """Columns in a line of a picture."""
        return self.width or PICTURE_WIDTH

    @property
    def is_dark(self) -> bool:
        """Whether the colors are for a dark terminal."""
        from charrnn.cli.background import is_dark

        return self.mode != ColorMode.none and is_dark()

    @property
    def is_picture_colored(self) -> bool:
        """Whether a picture has colors.

        Raises:
            SettingError: the colors are those of a terminal, which no picture has.
        """
        if self.color in (ColorMode.ansi16, ColorMode.ansi256):
            raise SettingError.naming(
                "{color:{mode}} does not apply to pictures, which have all colors or none",
                "leave out {color}, or give {color:none} for black on white",
                mode=self.color,
            )
        return self.color != ColorMode.none


@dataclass(frozen=True, kw_only=True)
class ColoringOptions(LayoutOptions):
    """How a colored text looks."""

    palette: Palette = setting(
        Palette.rdbu,
        "Colors below and above zero: rdbu is blue and red, vik is blue and brown; karpathy is the reverse, red and "
        "blue.",
        metavar="PALETTE",
        panel=COLORS,
    )
    digits: bool = setting(
        False,
        "Below each character, show the sign and size of its value, from -9 to 9. Without colors they are always shown.",
        panel=COLORS,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.palette != Palette.rdbu and self.color == ColorMode.none:
            raise SettingError.naming("{palette} and {color:none} cannot be used together")

    @property
    def look(self) -> "Look":
        """The look in the terminal."""
        from charrnn.render.look import UNBOUNDED, Look

        line = self.columns if sys.stdout.isatty() else UNBOUNDED
        return Look(self.mode, self.palette, self.digits, line, is_dark=self.is_dark)

    @property
    def picture_look(self) -> "Look":
        """The look of a picture."""
        from charrnn.render.look import Look

        mode = ColorMode.truecolor if self.is_picture_colored else ColorMode.none
        return Look(mode, self.palette, self.digits, is_picture=True)
