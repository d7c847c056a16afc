"""A scene as lines for a terminal: each symbol in cells of its own, values as backgrounds, or as digits without colour.

The layout is our own, because a general one wraps words, drops spaces and lets control characters through.
"""

import itertools
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from charrnn.render.palette import RESET, ColorMode, diverging, rising
from charrnn.render.scene import Block, Column, Guess, Scene

MARK = "*"
"""Before the guess that came true, where there is no colour to mark it."""
UNDERLINED, NOT_UNDERLINED = "\x1b[1;4m", "\x1b[22;24m"

Cell = tuple[str, str]
"""A text of the column's width, and the escape sequence that colours it."""


def terminal_lines(scene: Scene, mode: ColorMode, width: int) -> Iterator[str]:
    """The lines that show a scene: for each block a legend, then the text folded at `width` cells."""
    widths = [_column_width(scene, t, mode) for t in range(len(scene.columns))]
    stretches = list(_fold(scene.columns, widths, max(1, width)))
    for number, block in enumerate(scene.blocks):
        if number:
            yield ""
        yield from _legend(block, mode, bool(scene.guesses and scene.guesses[0]))
        for first, last in stretches:
            yield from _rows(scene, block, range(first, last), widths, mode)


def _column_width(scene: Scene, t: int, mode: ColorMode) -> int:
    """The cells of a column: its symbol's, or its widest guess's with the mark."""
    guesses = scene.guesses[t] if scene.guesses else ()
    mark = len(MARK) if mode == ColorMode.none else 0
    return max([scene.columns[t].width, 1, *(cell_len(g.label) + mark for g in guesses)])


def _fold(columns: Sequence[Column], widths: Sequence[int], width: int) -> Iterator[tuple[int, int]]:
    """Where lines begin and end: after each newline, and before a column that does not fit any more."""
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
    """The rows of one folded line: the text, its values as digits where there is no colour, the guesses."""
    ramp = diverging(mode)
    codes = [ramp.code(block.values[t], block.scale) for t in stretch]
    labels = [_padded(scene.columns[t].label, widths[t]) for t in stretch]
    yield _joined(zip(labels, codes, strict=True))
    if mode == ColorMode.none:
        if block.signed:
            yield "".join(_padded(_sign(block.values[t], block.scale), widths[t]) for t in stretch).rstrip()
        yield "".join(_padded(_digit(block.values[t], block.scale), widths[t]) for t in stretch).rstrip()
    depth = len(scene.guesses[stretch[0]]) if scene.guesses else 0
    for rank in range(depth):
        yield _joined(_guess_cell(scene.guesses[t][rank], widths[t], mode) for t in stretch)
    if depth:
        yield ""


def _guess_cell(guess: Guess, width: int, mode: ColorMode) -> Cell:
    if mode == ColorMode.none:
        return _padded((MARK if guess.is_true else " ") + guess.label, width), ""
    label, code = _padded(guess.label, width), rising(mode).code(guess.probability, 1.0)
    return (UNDERLINED + label + NOT_UNDERLINED if guess.is_true else label), code


def _padded(label: str, width: int) -> str:
    return label + " " * (width - cell_len(label))


def _joined(cells: "Iterator[Cell] | zip[Cell]") -> str:
    """Cells as one line; neighbours of the same colour share an escape sequence."""
    line = ""
    for code, run in itertools.groupby(cells, key=lambda cell: cell[1]):
        line += code + "".join(text for text, _ in run)
    return line + RESET if "\x1b" in line else line


def _digit(value: float, scale: float) -> str:
    """The size of a value in ninths of the full scale."""
    return str(min(9, round(9 * abs(value) / scale)))


def _sign(value: float, scale: float) -> str:
    if _digit(value, scale) == "0":
        return " "
    return "+" if value > 0 else "-"


def _legend(block: Block, mode: ColorMode, has_guesses: bool) -> Iterator[str]:
    yield block.title
    if mode == ColorMode.none:
        rows = "sign and size" if block.signed else "size"
        yield f"under each character: {rows} of the value, 9 is {block.scale:.2f} or more"
        if has_guesses:
            yield f"then the likeliest next characters, {MARK} before the one that came"
        return
    ramp = diverging(mode)
    highest = len(ramp.codes) - 1 - ramp.neutral
    levels = range(-ramp.neutral if block.signed else 0, highest + 1)
    bar = "".join(ramp.codes[ramp.neutral + k] + (" " if k else "0") for k in levels) + RESET
    low = f"{-block.scale:.2f} " if block.signed else ""
    yield f"{low}{bar} {block.scale:+.2f}" + ("" if block.signed else " or more")
    if has_guesses:
        yield "below: the likeliest next characters, greener if likelier, underlined the one that came"
