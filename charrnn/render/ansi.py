"""A scene as lines for a terminal: each symbol has cells of its own, coloured by its value.

Without colour, digits under each symbol give its value. The layout is our own, because a general
one wraps words, drops spaces and lets control characters through.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from charrnn.render.columns import wrapped
from charrnn.render.palette import RESET, ColorMode, Palette, Ramp, diverging, one_sided, rising
from charrnn.render.views.scene import MOST_BITS, Block, Guess, Scene

if TYPE_CHECKING:
    from charrnn.model import Float

MARK = "*"
"""After the guess that came true, where there is no colour to mark it."""
MANY_BITS = "+"
"""In a row of bits: more than a digit can say."""
BOLD_UNDERLINED, UNDERLINED, PLAIN = "\x1b[1;4m", "\x1b[4m", "\x1b[22;24m"
DIGITS = "0123456789?"
FEWEST_COLORS = 3
"""Of the bar in a legend."""
UNBOUNDED = 1 << 30
"""Cells: as wide as it becomes."""

Cell = tuple[str, str]
"""A text of the column's width, and the escape sequence that colours it."""


@dataclass(frozen=True)
class Look:
    """How blocks are drawn."""

    mode: ColorMode
    """What the terminal can show."""
    palette: Palette = Palette.rdbu
    digits: bool = False
    """Whether signs and digits stand under the text. Where there is no colour they always do."""
    line: int = UNBOUNDED
    """Cells in a line of a legend: its words are wrapped, and its bar has fewer colours."""

    @property
    def has_digits(self) -> bool:
        """Whether they do."""
        return self.digits or self.mode == ColorMode.none

    def ramp(self, block: Block) -> Ramp:
        """The colours of a block."""
        return (one_sided if block.is_surprisal else diverging)(self.mode, self.palette)


def terminal_lines(
    scene: Scene,
    mode: ColorMode,
    width: int,
    *,
    palette: Palette = Palette.rdbu,
    digits: bool = False,
) -> Iterator[str]:
    """The lines of a scene: for each block a legend, then the text folded at `width` cells.

    Args:
        scene: is shown.
        mode: what the terminal can show.
        width: its cells in a line.
        palette: the colours for values below and above zero.
        digits: whether signs and digits stand under the text, as they always do without colour.
    """
    look = Look(mode, palette, digits)
    has_guesses, has_bits = bool(scene.guesses and scene.guesses[0]), bool(scene.bits)
    for number, block in enumerate(scene.blocks):
        if number:
            yield ""
        yield from legend(block, mode, look=look, has_guesses=has_guesses, has_bits=has_bits)
        yield from text_lines([scene], look, width, number)


def text_lines(scenes: Iterable[Scene], look: Look, width: int, number: int = 0) -> Iterator[str]:
    """The lines of a text that comes in parts, folded at `width` cells, with the rows under each.

    Nothing is kept of a part but its last line, which the next may go on with.

    Args:
        scenes: the parts.
        look: how they are drawn.
        width: of a line in cells.
        number: of the block whose values count.
    """
    rest, is_first = _Table((), (), (), ()), True
    for scene in scenes:
        table = rest + _table(scene, scene.blocks[number], look)
        stretches = list(fold(table.widths, table.begins, table.ends, max(1, width)))
        is_open = bool(stretches) and not table.ends[-1]
        rest = table[slice(*stretches.pop())] if is_open else _Table((), (), (), ())
        for stretch in stretches:
            yield from _lines(table[slice(*stretch)], is_first=is_first)
            is_first = False
    if rest.widths:
        yield from _lines(rest, is_first=is_first)


# --- what stands where ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """One row: the text of each column, padded to its width, and its escape sequence, "" for none."""

    texts: Sequence[str]
    codes: Sequence[str]
    is_padded: bool = True
    """Whether spaces at its end count."""

    def __add__(self, other: "_Row") -> "_Row":
        return _Row([*self.texts, *other.texts], [*self.codes, *other.codes], self.is_padded)

    def __getitem__(self, part: slice) -> "_Row":
        return _Row(self.texts[part], self.codes[part], self.is_padded)


@dataclass(frozen=True)
class _Table:
    """Columns that are not folded yet."""

    widths: Sequence[int]
    ends: Sequence[bool]
    """Whether a line ends with each column."""
    begins: Sequence[bool]
    """Whether a grapheme begins with it."""
    rows: Sequence[_Row]
    """The text, and what stands under it."""

    def __add__(self, other: "_Table") -> "_Table":
        if not self.widths:
            return other
        return _Table(
            [*self.widths, *other.widths],
            [*self.ends, *other.ends],
            [*self.begins, *other.begins],
            [mine + theirs for mine, theirs in zip(self.rows, other.rows, strict=True)],
        )

    def __getitem__(self, part: slice) -> "_Table":
        rows = [row[part] for row in self.rows]
        return _Table(self.widths[part], self.ends[part], self.begins[part], rows)


def _table(scene: Scene, block: Block, look: Look) -> _Table:
    """The text in the colours of a block; its values in digits if wanted, its bits, the guesses."""
    columns = scene.columns
    widths = column_widths(scene, look.mode)
    ramp = look.ramp(block)
    codes = [ramp.codes[ramp.neutral + k] for k in ramp.levels(block.values, block.scale)]
    rows = [_Row(padded([c.label for c in columns], widths), codes)]
    if look.has_digits:
        if block.signed:
            rows.append(_plain(signs_of(block.values), widths))
        rows.append(_plain(digits_of(block.values, block.scale), widths))
    if scene.bits:
        rows.append(_bits_row(scene.bits, widths, look))
    depth = len(scene.guesses[0]) if scene.guesses else 0
    rows += [
        _guess_row([guesses[rank] for guesses in scene.guesses], widths, look.mode)
        for rank in range(depth)
    ]
    return _Table(widths, [c.ends_line for c in columns], [c.begins for c in columns], rows)


def column_widths(scene: Scene, mode: ColorMode) -> list[int]:
    """The cells of each column: its symbol's, or its widest guess's with the mark."""
    own = [c.width or 1 for c in scene.columns]
    if not (scene.guesses and scene.guesses[0]):
        return own
    mark = len(MARK) if mode == ColorMode.none else 0
    return [
        max(width, *[cell_len(g.label) + mark for g in guesses])
        for width, guesses in zip(own, scene.guesses, strict=True)
    ]


def fold(
    widths: Sequence[int], begins: Sequence[bool], ends: Sequence[bool], width: int
) -> Iterator[tuple[int, int]]:
    """Where lines begin and end: after a newline, and before a grapheme that does not fit.

    One that fits no line is broken where the line is full.

    Args:
        widths: the cells of each column.
        begins: whether a grapheme begins with it.
        ends: whether a line ends with it.
        width: of a line, in cells.
    """
    first = used = 0
    group = before = 0  # where the grapheme begins, and the cells of its line before it
    for t, cells in enumerate(widths):
        if begins[t]:
            group, before = t, used
        while used and used + cells > width:
            cut = group if group > first else t
            yield first, cut
            first, used = cut, used - before if cut < t else 0
        used += cells
        if ends[t]:
            yield first, t + 1
            first, used = t + 1, 0
    if first < len(widths):
        yield first, len(widths)


def _lines(table: _Table, *, is_first: bool) -> Iterator[str]:
    """The rows of one folded line; where there are several, an empty one stands before them."""
    if not is_first and len(table.rows) > 1:
        yield ""
    for row in table.rows:
        line = painted(row.texts, row.codes)
        yield line if row.is_padded else line.rstrip()


def padded(texts: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Texts with spaces after them, each as wide as its column."""
    return [
        text if len(text) == width == 1 else text + " " * (width - cell_len(text))
        for text, width in zip(texts, widths, strict=True)
    ]


def _plain(texts: Sequence[str], widths: Sequence[int]) -> _Row:
    return _Row(padded(texts, widths), [""] * len(widths), is_padded=False)


def signs_of(values: "Sequence[float] | Float") -> list[str]:
    """The signs of values; zero has none."""
    return ["-" if value < 0 else "+" if value > 0 else " " for value in values]


def digits_of(values: "Sequence[float] | Float", scale: float) -> list[str]:
    """The sizes of values in ninths of the full scale."""
    import numpy as np

    ninths = np.rint(9 * np.minimum(np.abs(np.asarray(values, np.float64)) / scale, 1.0))
    return [DIGITS[k] for k in np.nan_to_num(ninths, nan=10).astype(int).tolist()]


def _bits_row(bits: Sequence[float], widths: Sequence[int], look: Look) -> _Row:
    ramp = one_sided(look.mode, look.palette)
    codes = [ramp.codes[k] for k in ramp.levels(bits, MOST_BITS)]
    return _Row(padded([whole_bits(b) for b in bits], widths), codes)


def whole_bits(bits: float) -> str:
    """Bits as one digit, rounded, or as the sign that there are more."""
    return str(round(bits)) if bits < 9.5 else MANY_BITS


def _guess_row(guesses: Sequence[Guess], widths: Sequence[int], mode: ColorMode) -> _Row:
    if mode == ColorMode.none:
        marked = [g.label + (MARK if g.is_true else "") for g in guesses]
        return _Row(padded(marked, widths), [""] * len(guesses))
    ramp = rising(mode)
    codes = [ramp.codes[k] for k in ramp.levels([g.probability for g in guesses], 1.0)]
    # many terminals with 16 colours show bold black as grey
    mark = UNDERLINED if mode == ColorMode.ansi16 else BOLD_UNDERLINED
    texts = padded([g.label for g in guesses], widths)
    pairs = zip(texts, guesses, strict=True)
    return _Row([mark + text + PLAIN if g.is_true else text for text, g in pairs], codes)


def painted(texts: Sequence[str], codes: Sequence[str]) -> str:
    """Cells as one line; neighbours of the same colour share an escape sequence."""
    parts, last = [], ""
    for text, code in zip(texts, codes, strict=True):
        if code != last:
            parts.append(code or RESET)
            last = code
        parts.append(text)
    return "".join(parts) + (RESET if last else "")


# --- what it means --------------------------------------------------------------------------------


def legend(
    block: Block,
    mode: ColorMode,
    *,
    look: Look | None = None,
    has_guesses: bool = False,
    has_bits: bool = False,
) -> Iterator[str]:
    """What the colours or digits of a block mean, after its title.

    Args:
        block: is shown.
        mode: what the legend can show.
        look: how the block is drawn. None: in the usual colours of the mode.
        has_guesses: whether there are guesses under the text.
        has_bits: whether the bits of each symbol stand there.
    """
    look = look or Look(mode)
    yield from wrapped(block.title, look.line)
    more = " or more" if block.may_exceed or max(block.values) > block.scale else ""
    if mode != ColorMode.none:
        yield _bar(block, look, more)
    for line in _rows_below(block, look, more, has_guesses=has_guesses, has_bits=has_bits):
        yield from wrapped(line, look.line)


def _rows_below(
    block: Block, look: Look, more: str, *, has_guesses: bool, has_bits: bool
) -> Iterator[str]:
    """What stands in the rows under each character."""
    place = "under each character:"
    if look.has_digits:
        rows = "sign and size" if block.signed else "size"
        yield f"{place} {rows} of the value, 9 is {block.scale:.2f}{more}"
        place = "then"
    if has_bits:
        yield f"{place} the bits that it cost, {MANY_BITS} for 10 or more"
        place = "then"
    if has_guesses and look.mode == ColorMode.none:
        yield f"{place} the likeliest next characters, {MARK} after the one that came"
    elif has_guesses:
        yield f"{place} the likeliest next characters, green if likely; the one that came underlined"


def _bar(block: Block, look: Look, more: str) -> str:
    """The colours from the lowest value to the highest; on a narrow line only some of those between."""
    ramp = look.ramp(block)
    low, plus = (f"{-block.scale:.2f} ", "+") if block.signed else ("", "")
    high = f" {plus}{block.scale:.2f}{more}"
    levels = range(-ramp.neutral if block.signed else 0, ramp.highest + 1)
    count = len(levels)
    while count > FEWEST_COLORS and len(low) + count + len(high) > look.line:
        count = count // 2 | 1  # odd, so that zero is among them
    shown = [levels[round(k * (len(levels) - 1) / (count - 1))] for k in range(count)]
    bar = "".join(ramp.codes[ramp.neutral + k] + (" " if k else "0") for k in shown) + RESET
    return f"{low}{bar}{high}"
