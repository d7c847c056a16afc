"""A diagram of a small network, as in textbooks: input, hidden units and output.

One column a character, from top to bottom its one-hot input, the activation of every hidden unit, and the confidence
in every symbol of the vocabulary as the next, the right one marked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.cells import cell_len

from charrnn.interpret.recording import Recording
from charrnn.render.grid import GAP, Grid, GridRow, row_of, words
from charrnn.render.look import Look
from charrnn.render.palette import PLAIN, Paint
from charrnn.render.views.scale import title_rows
from charrnn.render.views.symbols import shown

ENTRY_WIDTH = 7
"""The cells of a column."""
HELD = "="
"""How the activation of a unit is shown whose layer is held."""


@dataclass(frozen=True)
class DiagramCell:
    """The content of a column."""

    text: str
    kind: Literal["sign", "activation", "chance"] = "sign"
    value: float = 0.0
    """An activation or a chance; 1 has the full color."""
    is_true: bool = False
    """Whether the symbol of a chance came next."""


Section = tuple[str, Sequence[tuple[str, Sequence[DiagramCell]]]]
"""A title, and rows: a name, and an entry for each character."""


def diagram_rows(
    recording: Recording, what: str, look: Look, width: int, *, may_hold: bool = False
) -> Iterator[GridRow]:
    """The rows of a diagram; characters that do not fit beside each other go below.

    Args:
        recording: with the array `what`, and the guesses that are to be shown.
        what: the state that is drawn.
        look: how it is drawn.
        width: columns in a line.
        may_hold: whether a layer may be held, which is then marked.
    """
    sections = list(_sections(recording, what, look, may_hold=may_hold))
    name_width = max(cell_len(name) for _, rows in sections for name, _ in rows) + 2
    name_width += look.is_picture  # air before the colors
    beside = max(1, (width - name_width) // ENTRY_WIDTH)
    for first in range(0, len(recording.ids), beside):
        if first:
            yield GAP
        for number, (title, rows) in enumerate(sections):
            if number and look.is_picture:
                yield GAP
            yield from title_rows(title, look, ":")
            for name, entries in rows:
                cells = (c for e in entries[first : first + beside] for c in _cells(e, look))
                yield words(f"  {name}", width=name_width) + row_of(cells)


def diagram_picture(
    recording: Recording, what: str, look: Look, width: int, *, may_hold: bool = False
) -> Grid:
    """A diagram as a picture: see `diagram_rows`."""
    return Grid(
        list(diagram_rows(recording, what, look, width, may_hold=may_hold)),
        "a complete network",
        f"Input, hidden units ({what}) and output of a network that reads {shown(recording.text)}",
    )


def _sections(recording: Recording, what: str, look: Look, *, may_hold: bool) -> Iterator[Section]:
    symbols = list(map(shown, recording.next_text))
    ids = recording.ids.tolist()
    yield "input", [("", [DiagramCell(symbols[s]) for s in ids])]
    one_hot = [[DiagramCell("1" if s == k else ".") for s in ids] for k in range(len(symbols))]
    yield "one-hot", list(zip(symbols, one_hot, strict=True))
    yield (
        f"hidden ({HELD} held)" if may_hold else "hidden",
        list(_hidden(recording, what, may_hold=may_hold)),
    )
    mark = f"{look.mark} after" if look.mark else "underlined:"
    title = f"output: percent for each next character ({mark} the actual one)"
    yield title, list(zip(symbols, _outputs(recording, len(symbols)), strict=True))


def _hidden(
    recording: Recording, what: str, *, may_hold: bool
) -> Iterator[tuple[str, Sequence[DiagramCell]]]:
    """The activations of each unit; where its whole layer stays as it was, it is held."""
    array = recording.arrays[what]  # (T, L, H)
    held = np.zeros(array.shape[:2], np.bool_)
    if may_hold:
        held[1:] = (array[1:] == array[:-1]).all(-1)
    for layer, units in enumerate(array.transpose(1, 2, 0).tolist()):  # (L, H, T)
        for unit, values in enumerate(units):
            entries = [
                DiagramCell(HELD if same else f"{value:+.2f}", "activation", value)
                for value, same in zip(values, held[:, layer].tolist(), strict=True)
            ]
            yield f"L{layer}.{what}.{unit}", entries


def _outputs(recording: Recording, num_symbols: int) -> Iterator[Sequence[DiagramCell]]:
    """The chances of each symbol; blank where it was not among the guesses."""
    pairs = zip(recording.next_ids.tolist(), recording.next_probabilities.tolist(), strict=True)
    chances = [dict(zip(row, parts, strict=True)) for row, parts in pairs]
    coming: list[int | None] = [*recording.ids[1:].tolist(), None]
    for symbol in range(num_symbols):
        yield [
            DiagramCell(f"{100 * known[symbol]:.0f}", "chance", known[symbol], symbol == true)
            if symbol in known
            else DiagramCell("")
            for known, true in zip(chances, coming, strict=True)
        ]


def _cells(entry: DiagramCell, look: Look) -> Iterator[tuple[str, int, Paint]]:
    """The cells of an entry: blanks, its text at the right, and a blank that may have the mark."""
    paint = PLAIN
    if entry.kind == "activation":
        (paint,) = look.diverging.of([entry.value], 1.0)
    elif entry.kind == "chance":
        (paint,) = look.rising.of([entry.value], 1.0)
    width = cell_len(entry.text)
    yield " " if entry.text else "", max(0, ENTRY_WIDTH - 1 - width), paint
    yield entry.text, width, look.marked(paint) if entry.is_true else paint
    yield look.mark if entry.is_true else "", 1, paint
