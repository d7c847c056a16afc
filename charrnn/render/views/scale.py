"""What colors and digits mean: the scale of some values, their rows, and the legend."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.render.glyphs import one_line
from charrnn.render.grid import GAP, Grid, GridRow, row_of, words
from charrnn.render.look import Look
from charrnn.render.palette import Paint, Ramp
from charrnn.render.tables import wrapped

if TYPE_CHECKING:
    from charrnn.numerics import Float

    Numbers = Sequence[float] | Float

FULL_SURPRISAL = 8.0
"""The surprisal with the full color, in bits."""
MANY_BITS = "+"
"""The mark of a surprisal that is more than a digit can say."""
DIGITS = "0123456789?"
FEWEST_COLORS = 3
"""The least number of colors in the bar of a legend."""
SEPARATOR = "   "
"""The blanks between the name in a title and what is known of it."""


@dataclass(frozen=True)
class Scale:
    """A scale of values, with a title for what they are."""

    title: str
    full: float
    """The value with the full color."""
    is_signed: bool
    """Whether there are values below zero."""
    is_surprisal: bool = False
    """Whether the values are bits, which have a neutral color as long as there are few."""
    is_exceeded: bool = False
    """Whether there are values beyond the full color, or may be in the rest of a text."""

    @property
    def name(self) -> str:
        """The first part of the title."""
        return one_line(self.title).partition(SEPARATOR)[0]

    def ramp(self, look: Look) -> Ramp:
        """The colors of the values."""
        return look.one_sided if self.is_surprisal else look.diverging


def digit_rows(values: "Numbers", scale: Scale) -> Iterator[list[str]]:
    """The rows of digits below values: their signs, if any is negative, and their sizes."""
    if scale.is_signed:
        yield signs_of(values)
    yield digits_of(values, scale.full)


def signs_of(values: "Numbers") -> list[str]:
    """The signs of values; zero has none."""
    return ["-" if value < 0 else "+" if value > 0 else "" for value in values]


def digits_of(values: "Numbers", full: float) -> list[str]:
    """The sizes of values in ninths of the full scale."""
    import numpy as np

    ninths = np.rint(9 * np.minimum(np.abs(np.asarray(values, np.float64)) / full, 1.0))
    return [DIGITS[k] for k in np.nan_to_num(ninths, nan=10).astype(int).tolist()]


def surprisal_digits(bits: Sequence[float]) -> list[str]:
    """Each surprisal as one digit, rounded, or as the sign that there are more bits."""
    return [str(round(b)) if b < 9.5 else MANY_BITS for b in bits]


def surprisal_paints(bits: Sequence[float], look: Look) -> list[Paint]:
    """The colors of a row of surprisals under a text."""
    return look.one_sided.of(bits, FULL_SURPRISAL)


def counts_paints(parts: Sequence[float], look: Look) -> list[Paint]:
    """The colors of the row of shares that came from counts."""
    return look.one_sided.of(parts, 1.0)


# --- the legend -----------------------------------------------------------------------------------


def legend_rows(
    scale: Scale,
    look: Look,
    *,
    has_guesses: bool = False,
    has_surprisal: bool = False,
    has_counts: bool = False,
    has_percent: bool = False,
) -> Iterator[GridRow]:
    """The title of a scale, and what its colors and digits mean.

    Args:
        scale: the scale of the values.
        look: how they are drawn.
        has_guesses: whether guesses are shown below the text.
        has_surprisal: whether the surprisal of each symbol is shown there.
        has_counts: whether the shares that came from counts are shown there.
        has_percent: whether guesses are shown with their probabilities.
    """
    yield from title_rows(scale.title, look)
    if look.has_color:
        yield _bar(scale, look)
    guesses = ""
    if has_guesses:
        shown = " with their probabilities in percent" if has_percent else ""
        guesses = f"the most likely next characters{shown}"
    below = _rows_below(scale, look, guesses, has_surprisal=has_surprisal, has_counts=has_counts)
    for line in below:
        yield from note_rows(line, look)
    if look.is_picture:
        yield GAP


def title_rows(title: str, look: Look, separator: str = SEPARATOR) -> Iterator[GridRow]:
    """A title, wrapped; what comes before the separator is its heading."""
    first, *others = wrapped(one_line(title), look.line)
    heading, between, rest = first.partition(separator)
    yield words(heading, look.heading) + words(between + rest, look.note)
    for line in others:
        yield words(line, look.note)


def note_rows(text: str, look: Look) -> Iterator[GridRow]:
    """An explanation, wrapped."""
    return (words(line, look.note) for line in wrapped(text, look.line))


def _rows_below(
    scale: Scale, look: Look, guesses: str, *, has_surprisal: bool, has_counts: bool
) -> Iterator[str]:
    """Legend lines for the rows below each character; `guesses` says what is shown of them."""
    place = "under each character:"
    if look.has_digits:
        rows = "sign and size" if scale.is_signed else "size"
        yield f"{place} {rows} of the value, 9 is {scale.full:.2f}{_more(scale)}"
        place = "then"
    if has_surprisal:
        yield f"{place} its surprisal in bits, {MANY_BITS} for 10 or more"
        place = "then"
    if has_counts:
        yield f"{place} how much of its probability came from the counts: 9 is all, 0 none"
        place = "then"
    if guesses:
        green = ", green if likely" if look.has_color else ""
        mark = f", {look.mark} after the actual one" if look.mark else "; the actual one"
        came = mark + ("" if look.mark else " underlined")
        yield f"{place} {guesses}{green}{came}"


def _more(scale: Scale) -> str:
    return " or more" if scale.is_exceeded else ""


def _bar(scale: Scale, look: Look) -> GridRow:
    """The colors from the lowest value to the highest; on a narrow line only some of those between."""
    ramp = scale.ramp(look)
    low, plus = (f"{-scale.full:.2f} ", "+") if scale.is_signed else ("", "")
    high = f" {plus}{scale.full:.2f}{_more(scale)}"
    levels = range(0 if scale.is_signed else ramp.neutral, len(ramp.paints))
    count = len(levels)
    while count > FEWEST_COLORS and len(low) + count + len(high) > look.line:
        count = count // 2 | 1  # odd, so that zero is among them
    chosen = [levels[round(k * (len(levels) - 1) / (count - 1))] for k in range(count)]
    bar = row_of(("0" if k == ramp.neutral else "", 1, ramp.paints[k]) for k in chosen)
    return words(low, look.note) + bar + words(high, look.note)


def described(rows: Sequence[GridRow], scales: Sequence[Scale]) -> Grid:
    """Rows as a picture of texts, with words for their scales."""
    titles = "; ".join(f"{one_line(s.title)}, full scale {s.full:.2f}" for s in scales)
    return Grid(
        rows,
        ", ".join(scale.name for scale in scales),
        f"A text, with values for each of its characters. {titles}.",
    )
