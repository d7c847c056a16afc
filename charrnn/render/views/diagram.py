"""A small network drawn as introductions draw it: what goes in, what the hidden units do, what comes out.

One column a character, from top to bottom its one-hot input, the activation of every hidden unit, and the confidence
in every symbol of the vocabulary as the next, the right one marked.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.cells import cell_len

from charrnn.interpret.recording import Recording
from charrnn.render.ansi import BOLD_UNDERLINED, MARK, PLAIN, UNDERLINED
from charrnn.render.glyphs import glyph
from charrnn.render.grid import (
    BOLD,
    NOTE,
    Cell,
    Row,
    Sheet,
    Style,
    chance_style,
    signed_style,
    words,
)
from charrnn.render.palette import RESET, ColorMode, Palette, diverging, rising

CELL = 7
"""Terminal cells of a column."""


@dataclass(frozen=True)
class Entry:
    """What stands in a column."""

    text: str
    kind: Literal["sign", "activation", "chance", "unknown"] = "sign"
    """A chance that is unknown was not among the guesses."""
    value: float = 0.0
    """Of an activation or a chance; 1 has the full colour."""
    is_true: bool = False
    """Of a chance, that its symbol came next."""


Section = tuple[str, Sequence[tuple[str, Sequence[Entry]]]]
"""A title, and rows: a name, and an entry for each character."""


def diagram_lines(
    recording: Recording,
    what: str,
    mode: ColorMode,
    width: int,
    *,
    palette: Palette = Palette.rdbu,
) -> Iterator[str]:
    """The lines of a diagram; characters that do not fit beside each other go below.

    Args:
        recording: with the array `what`, and the guesses that are to be shown.
        what: the state that is drawn, the hidden units.
        mode: the colours that the terminal can show.
        width: its cells.
        palette: the colours of activations below and above zero.
    """
    mark = f"{MARK} after" if mode == ColorMode.none else "underlined:"
    sections = list(_sections(recording, what, mark))
    for stretch in _stretches(recording, sections, width):
        if stretch.start:
            yield ""
        for title, rows in sections:
            yield title
            for name, entries in rows:
                cells = [_painted(entry, mode, palette) for entry in entries[stretch]]
                yield (_label(name, sections) + "".join(cells)).rstrip(" ")


def diagram_sheet(
    recording: Recording,
    what: str,
    width: int,
    *,
    colored: bool = True,
    palette: Palette = Palette.rdbu,
) -> Sheet:
    """The same for a picture.

    Args:
        recording: as above.
        what: as above.
        width: cells in a line.
        colored: colour the activations and chances.
        palette: as above.
    """
    sections = list(_sections(recording, what, "underlined:"))
    drawn: list[Row] = []
    for stretch in _stretches(recording, sections, width - 1):
        if stretch.start:
            drawn += [[], []]
        for number, (title, rows) in enumerate(sections):
            name, colon, note = title.partition(":")
            drawn += [[]] * (number > 0) + [[words(name, BOLD), words(colon + note, NOTE)]]
            for name, entries in rows:
                looks = [_style(e, palette) if colored else Style() for e in entries[stretch]]
                cells = itertools.chain(*map(_drawn_entry, entries[stretch], looks))
                drawn.append([words(_label(name, sections) + " ", Style()), *cells])
    shown = "".join(map(glyph, recording.text))
    return Sheet(
        drawn,
        "a network, drawn whole",
        f"Input, hidden units ({what}) and output of a network that reads {shown}",
    )


def _stretches(
    recording: Recording, sections: Sequence[Section], width: int
) -> Iterator["slice[int, int, None]"]:
    """The characters that stand beside each other."""
    beside = max(1, (width - cell_len(_label("", sections))) // CELL)
    return (slice(k, k + beside) for k in range(0, len(recording.ids), beside))


def _label(name: str, sections: Sequence[Section]) -> str:
    """A row's name, as wide as the widest of all."""
    widest = max(cell_len(name) for _, rows in sections for name, _ in rows)
    return f"  {name}{' ' * (widest - cell_len(name))}"


def _sections(recording: Recording, what: str, mark: str) -> Iterator[Section]:
    symbols = ["".join(map(glyph, text)) for text in recording.next_text]
    ids = recording.ids.tolist()
    column = range(len(ids))
    yield "input", [("", [Entry(symbols[s]) for s in ids])]
    one_hot = [[Entry("1" if s == k else ".") for s in ids] for k in range(len(symbols))]
    yield "one-hot", list(zip(symbols, one_hot, strict=True))
    h = recording.arrays[what]  # (T, L, H)
    hidden = [
        (f"L{layer}.{what}.{unit}", [_activation(float(h[t, layer, unit])) for t in column])
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
        (symbols[k], [_chance(chances[t].get(k), is_true=true[t] == k) for t in column])
        for k in range(len(symbols))
    ]
    yield f"output: percent for each next character ({mark} the one that came)", outputs


def _activation(value: float) -> Entry:
    return Entry(f"{value:+.2f}", "activation", value)


def _chance(part: float | None, *, is_true: bool) -> Entry:
    return (
        Entry("", "unknown")
        if part is None
        else Entry(f"{100 * part:.0f}", "chance", part, is_true)
    )


def _painted(entry: Entry, mode: ColorMode, palette: Palette) -> str:
    """An entry for a terminal, CELL wide."""
    indent, text = " " * (CELL - 1 - cell_len(entry.text)), entry.text
    if mode == ColorMode.none:
        return indent + text + (MARK if entry.is_true else " ")
    if entry.is_true:
        text = (UNDERLINED if mode == ColorMode.ansi16 else BOLD_UNDERLINED) + text + PLAIN
    ramps = {"activation": diverging(mode, palette), "chance": rising(mode)}
    code = ramps[entry.kind].code(entry.value, 1.0) if entry.kind in ramps else ""
    return code + indent + text + " " + (RESET if code else "")


def _style(entry: Entry, palette: Palette) -> Style:
    """The colours of an entry in a picture."""
    if entry.kind == "activation":
        return signed_style(entry.value, 1.0, palette)
    return chance_style(entry.value) if entry.kind == "chance" else Style()


def _drawn_entry(entry: Entry, style: Style) -> Iterator[Cell]:
    """An entry for a picture, CELL wide in all."""
    own = replace(style, bold=entry.is_true, underlined=entry.is_true)
    width = cell_len(entry.text)
    yield Cell(" ", CELL - 1 - width, style)
    yield Cell(entry.text, width, own)
    yield Cell(" ", 1, style)
