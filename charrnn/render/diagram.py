"""A small network drawn as introductions draw it: what goes in, what the hidden units do, what comes out.

One column a character, from top to bottom its one-hot input, the activation of every hidden unit, and the confidence
in every symbol of the vocabulary as the next, the right one marked.
"""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from charrnn.recording import Recording
from charrnn.render.glyphs import glyph
from charrnn.render.palette import RESET, ColorMode, diverging, rising
from charrnn.render.terminal import BOLD_UNDERLINED, MARK, PLAIN, UNDERLINED

CELL = 7
"""Terminal cells of a column."""

Row = tuple[str, Sequence[str]]
"""A name, and a cell for each character, coloured and CELL wide."""


def diagram_lines(recording: Recording, what: str, mode: ColorMode, width: int) -> Iterator[str]:
    """The lines of a diagram; characters that do not fit beside each other go below.

    Args:
        recording: with the array `what`, and the guesses that are to be shown.
        what: the state that is drawn, the hidden units.
        mode: the colours that the terminal can show.
        width: its cells.
    """
    sections = list(_sections(recording, what, mode))
    names = max(cell_len(name) for _, rows in sections for name, _ in rows) + 2
    beside = max(1, (width - names) // CELL)
    for first in range(0, len(recording.ids), beside):
        if first:
            yield ""
        for title, rows in sections:
            yield title
            for name, cells in rows:
                label = f"  {name}{' ' * (names - 2 - cell_len(name))}"
                yield (label + "".join(cells[first : first + beside])).rstrip(" ")


def _sections(
    recording: Recording, what: str, mode: ColorMode
) -> Iterator[tuple[str, Sequence[Row]]]:
    symbols = ["".join(map(glyph, text)) for text in recording.next_text]
    ids = recording.ids.tolist()
    column = range(len(ids))
    yield "input", [("", [_plain(symbols[s]) for s in ids])]
    one_hot = [[_plain("1" if s == k else ".") for s in ids] for k in range(len(symbols))]
    yield "one-hot", list(zip(symbols, one_hot, strict=True))
    h = recording.arrays[what]  # (T, L, H)
    hidden = [
        (f"L{layer}.{what}.{unit}", [_value(float(h[t, layer, unit]), mode) for t in column])
        for layer in range(h.shape[1])
        for unit in range(h.shape[2])
    ]
    yield "hidden", hidden
    chances = [
        dict(zip(row, parts, strict=True))
        for row, parts in zip(
            recording.next_ids.tolist(), recording.next_probabilities.tolist(), strict=True
        )
    ]
    true: list[int | None] = [*ids[1:], None]
    outputs = [
        (symbols[k], [_chance(chances[t].get(k), mode, is_true=true[t] == k) for t in column])
        for k in range(len(symbols))
    ]
    mark = f"{MARK} after" if mode == ColorMode.none else "underlined:"
    yield f"output: percent for each next character ({mark} the one that came)", outputs


def _plain(text: str) -> str:
    return text.rjust(CELL - 1 + len(text) - cell_len(text)) + " "


def _value(value: float, mode: ColorMode) -> str:
    return _coloured(f"{value:+.2f} ".rjust(CELL), diverging(mode).code(value, 1.0))


def _chance(part: float | None, mode: ColorMode, *, is_true: bool) -> str:
    if part is None:  # it was not among the guesses
        return " " * CELL
    text = f"{100 * part:.0f}".rjust(CELL - 1)
    if mode == ColorMode.none:
        return text + (MARK if is_true else " ")
    if is_true:
        mark = UNDERLINED if mode == ColorMode.ansi16 else BOLD_UNDERLINED
        digits = text.lstrip()
        text = " " * (len(text) - len(digits)) + mark + digits + PLAIN
    return _coloured(text + " ", rising(mode).code(part, 1.0))


def _coloured(text: str, code: str) -> str:
    return code + text + RESET if code else text
