"""A scene as lines for a terminal: each symbol has cells of its own, coloured by its value.

Without colour, digits under each symbol give its value. The layout is our own, because a general
one wraps words, drops spaces and lets control characters through.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from charrnn.render.palette import RESET, ColorMode, diverging, rising
from charrnn.render.scene import Block, Column, Guess, Scene

MARK = "*"
"""After the guess that came true, where there is no colour to mark it."""
BOLD_UNDERLINED, UNDERLINED, PLAIN = "\x1b[1;4m", "\x1b[4m", "\x1b[22;24m"

Cell = tuple[str, str]
"""A text of the column's width, and the escape sequence that colours it."""


def terminal_lines(scene: Scene, mode: ColorMode, width: int) -> Iterator[str]:
    """The lines of a scene: for each block a legend, then the text folded at `width` cells."""
    widths = [column_width(scene, t, mode) for t in range(len(scene.columns))]
    stretches = list(fold(scene.columns, widths, max(1, width)))
    has_guesses = bool(scene.guesses and scene.guesses[0])
    for number, block in enumerate(scene.blocks):
        if number:
            yield ""
        yield from legend(block, mode, has_guesses=has_guesses)
        for index, (first, last) in enumerate(stretches):
            if index and (has_guesses or mode == ColorMode.none):
                yield ""
            yield from _rows(scene, block, range(first, last), widths, mode)


def column_width(scene: Scene, t: int, mode: ColorMode) -> int:
    """The cells of a column: its symbol's, or its widest guess's with the mark."""
    guesses = scene.guesses[t] if scene.guesses else ()
    mark = len(MARK) if mode == ColorMode.none else 0
    return max([scene.columns[t].width, 1, *(cell_len(g.label) + mark for g in guesses)])


def fold(columns: Sequence[Column], widths: Sequence[int], width: int) -> Iterator[tuple[int, int]]:
    """Where lines begin and end: after a newline, and before a column that does not fit."""
    first = used = 0
    for t, column in enumerate(columns):
        if used and used + widths[t] > width:
            yield first, t
            first, used = t, 0
        used += widths[t]
        if column.ends_line:
            yield first, t + 1
            first, used = t + 1, 0
    if first < len(columns):
        yield first, len(columns)


def _rows(
    scene: Scene, block: Block, stretch: range, widths: Sequence[int], mode: ColorMode
) -> Iterator[str]:
    """The rows of one folded line: the text, its values where there is no colour, the guesses."""
    ramp = diverging(mode)
    codes = [ramp.code(block.values[t], block.scale) for t in stretch]
    labels = [_padded(scene.columns[t].label, widths[t]) for t in stretch]
    yield _joined(zip(labels, codes, strict=True))
    if mode == ColorMode.none:
        digits = [digit(block.values[t], block.scale) for t in stretch]
        signs = ["-" if block.values[t] < 0 else "+" for t in stretch]
        if block.signed:
            shown = [" " if d == "0" else s for s, d in zip(signs, digits, strict=True)]
            yield "".join(
                _padded(s, widths[t]) for s, t in zip(shown, stretch, strict=True)
            ).rstrip()
        yield "".join(_padded(d, widths[t]) for d, t in zip(digits, stretch, strict=True)).rstrip()
    depth = len(scene.guesses[stretch[0]]) if scene.guesses else 0
    for rank in range(depth):
        yield _joined(_guess_cell(scene.guesses[t][rank], widths[t], mode) for t in stretch)


def _guess_cell(guess: Guess, width: int, mode: ColorMode) -> Cell:
    if mode == ColorMode.none:
        return _padded(guess.label + (MARK if guess.is_true else ""), width), ""
    label, code = _padded(guess.label, width), rising(mode).code(guess.probability, 1.0)
    if not guess.is_true:
        return label, code
    # many terminals with 16 colours show bold black as grey
    mark = UNDERLINED if mode == ColorMode.ansi16 else BOLD_UNDERLINED
    return mark + label + PLAIN, code


def _padded(label: str, width: int) -> str:
    return label + " " * (width - cell_len(label))


def _joined(cells: Iterable[Cell]) -> str:
    """Cells as one line; neighbours of the same colour share an escape sequence."""
    line = ""
    for code, run in itertools.groupby(cells, key=lambda cell: cell[1]):
        line += code + "".join(text for text, _ in run)
    return line + RESET if "\x1b" in line else line


def digit(value: float, scale: float) -> str:
    """The size of a value in ninths of the full scale."""
    part = abs(value) / scale
    return "?" if math.isnan(part) else str(round(9 * min(part, 1.0)))


def legend(block: Block, mode: ColorMode, *, has_guesses: bool = False) -> Iterator[str]:
    """What the colours or digits of a block mean, after its title."""
    yield block.title
    more = " or more" if max(block.values) > block.scale else ""
    if mode == ColorMode.none:
        rows = "sign and size" if block.signed else "size"
        yield f"under each character: {rows} of the value, 9 is {block.scale:.2f}{more}"
        if has_guesses:
            yield f"then the likeliest next characters, {MARK} after the one that came"
        return
    ramp = diverging(mode)
    levels = range(-ramp.neutral if block.signed else 0, len(ramp.codes) - ramp.neutral)
    bar = "".join(ramp.codes[ramp.neutral + k] + (" " if k else "0") for k in levels) + RESET
    low, plus = (f"{-block.scale:.2f} ", "+") if block.signed else ("", "")
    yield f"{low}{bar} {plus}{block.scale:.2f}{more}"
    if has_guesses:
        yield "below: the likeliest next characters, green if likely; the one that came underlined"
