"""The look of a view: the medium's colors, the width for words, and the reader's options."""

from dataclasses import dataclass

from charrnn.render.palette import (
    PLAIN,
    ColorMode,
    Paint,
    Palette,
    Ramp,
    diverging,
    one_sided,
    rising,
)

MARK = "*"
"""The mark after a correct guess, if it cannot be underlined."""
UNBOUNDED = 1 << 30
"""A line without an end, in columns."""
FAINT = (90, 90, 90)
"""The ink of explanations in a picture."""


@dataclass(frozen=True)
class Look:
    """How things are drawn."""

    mode: ColorMode
    """The colors that the medium can show."""
    palette: Palette = Palette.rdbu
    digits: bool = False
    """Whether signs and digits are shown below colored text. Without colors they always are."""
    line: int = UNBOUNDED
    """Columns in a line of a legend: its words are wrapped, and its bar has fewer colors."""
    is_picture: bool = False
    """For a picture: bold headings, faint explanations, air below a legend."""
    is_dark: bool = False
    """Whether the medium is dark."""

    @property
    def diverging(self) -> Ramp:
        """The colors of values below and above zero."""
        return diverging(self.mode, self.palette, is_dark=self.is_dark)

    @property
    def one_sided(self) -> Ramp:
        """The colors of values that are never below zero."""
        return one_sided(self.mode, self.palette, is_dark=self.is_dark)

    @property
    def rising(self) -> Ramp:
        """The colors of probabilities."""
        return rising(self.mode, is_dark=self.is_dark)

    @property
    def has_color(self) -> bool:
        """Whether values are colors."""
        return self.mode != ColorMode.none

    @property
    def has_digits(self) -> bool:
        """Whether values are digits."""
        return self.digits or not self.has_color

    @property
    def heading(self) -> Paint:
        """The paint of a title."""
        return Paint(bold=True) if self.is_picture else PLAIN

    @property
    def note(self) -> Paint:
        """The paint of an explanation."""
        return Paint(FAINT) if self.is_picture else PLAIN

    @property
    def mark(self) -> str:
        """The mark after a label; empty if the label can be underlined."""
        return "" if self.has_color or self.is_picture else MARK

    def marked(self, paint: Paint) -> Paint:
        """The paint of a marked label."""
        if self.mark:
            return paint
        bold = (
            self.mode != ColorMode.ansi16
        )  # many terminals with 16 colors show bold black as gray
        return Paint(paint.foreground, paint.background, bold, underlined=True)
