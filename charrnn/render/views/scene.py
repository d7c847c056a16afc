"""What there is to show of a Recording: columns of text, blocks of values, guesses.

Numbers and words, no colours yet.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len

from charrnn.interpret.recording import Recording
from charrnn.model import Float
from charrnn.network.cells import get_cell
from charrnn.render.glyphs import glyph
from charrnn.render.graphemes import Graphemes

MOST_BITS = 8.0
"""The surprisal with the full colour."""
HERE = "here"

Values = Callable[[Recording], Float]
"""What a part of a text is coloured by: one value for each of its symbols, (T,)."""


@dataclass(frozen=True)
class Column:
    """One symbol of the text."""

    label: str
    width: int
    """Terminal cells that the label takes."""
    ends_line: bool
    begins: bool = True
    """Whether a grapheme begins here; else it goes on, and no line is broken before it."""


@dataclass(frozen=True)
class Block:
    """The whole text, coloured by one row of values."""

    title: str
    values: Sequence[float] | Float
    scale: float
    """The value with the full colour."""
    signed: bool
    """Whether values below zero occur."""
    is_surprisal: bool = False
    """Whether the values are bits, which have a neutral colour as long as there are few."""
    may_exceed: bool = False
    """Whether there may be values beyond the scale where nobody has looked yet."""


class Guess(NamedTuple):
    """What may come next, as the model says after a column's symbol."""

    label: str
    probability: float
    is_true: bool


@dataclass(frozen=True)
class Scene:
    """Blocks over the same columns, with the guesses (K a column, or none) and the bits under each.

    Of a long text it is a part; the next goes on with the same blocks.
    """

    columns: Sequence[Column]
    blocks: Sequence[Block]
    guesses: Sequence[Sequence[Guess]]
    bits: Sequence[float] = ()
    """What each column's symbol cost; empty if that is not to be shown."""


def make_scene(recording: Recording, blocks: Sequence[Block], *, bits: bool = False) -> Scene:
    """The scene of a recording; its guesses are those that were recorded.

    Args:
        recording: is shown.
        blocks: what it is coloured by.
        bits: whether to show what each symbol cost.
    """
    return _scene(recording, blocks, Graphemes(), bits=bits)


def make_scenes(
    recordings: Iterable[Recording], block: Block, values: Values, *, bits: bool = False
) -> Iterator[Scene]:
    """The scenes of a long text's parts, one after the other.

    Args:
        recordings: the parts, in order.
        block: what they are coloured by; it is known from a first look at the text.
        values: its values in each part.
        bits: whether to show what each symbol cost.
    """
    graphemes = Graphemes()
    for recording in recordings:
        part = dataclasses.replace(block, values=values(recording))
        yield _scene(recording, [part], graphemes, bits=bits)


def _scene(
    recording: Recording, blocks: Sequence[Block], graphemes: Graphemes, *, bits: bool
) -> Scene:
    begins = graphemes.begins(recording.pieces)
    columns = columns_of(recording, begins)
    return Scene(columns, blocks, _guesses(recording), recording.surprisal.tolist() if bits else ())


def columns_of(recording: Recording, begins: Sequence[bool] | None = None) -> list[Column]:
    """The columns of a recording; `begins` says where graphemes do, if it is a part of a longer text."""
    if begins is None:
        begins = Graphemes().begins(recording.pieces)
    return list(map(_column, recording.pieces, recording.ids.tolist(), begins))


@lru_cache(1 << 16)
def _column(piece: str, symbol: int, begins: bool) -> Column:
    """The column of a symbol: made once for all its places."""
    label = label_of(piece, symbol)
    return Column(label, cell_len(label), piece.endswith("\n"), begins)


def label_of(piece: str, symbol: int) -> str:
    """How a symbol is shown; a byte that completes no character by its number."""
    return "".join(map(glyph, piece)) or f"{symbol:02x}"


@lru_cache(1 << 16)
def _shown(text: str) -> str:
    return "".join(map(glyph, text))


def _guesses(recording: Recording) -> list[list[Guess]]:
    if not recording.next_ids.shape[1]:
        return [[]] * len(recording.ids)
    labels = list(map(_shown, recording.next_text))
    coming = [*recording.ids[1:].tolist(), recording.following]
    symbols, chances = recording.next_ids.tolist(), recording.next_probabilities.tolist()
    return [
        [Guess(labels[s], p, s == true) for s, p in zip(row, parts, strict=True)]
        for row, parts, true in zip(symbols, chances, coming, strict=True)
    ]


def unit_values(layer: int, what: str, index: int) -> Values:
    """The values of a unit in a part of a text."""
    return lambda recording: recording.arrays[what][:, layer, index]


def surprisal_values(recording: Recording) -> Float:
    """What the symbols of a part of a text cost, in bits."""
    return recording.surprisal


def unit_block(
    recording: Recording, layer: int, what: str, index: int, note: str = "", where: str = HERE
) -> Block:
    """The text coloured by a unit: on a scale of 1, but a cell c, or what goes beyond 1, on the most it reaches.

    Args:
        recording: of the text, or of its beginning.
        layer: the unit's.
        what: the state or gate.
        index: of the unit within its layer.
        note: stands at the end of the title.
        where: what the recording is of, if not of the whole text: "in the first 10,000 characters".
    """
    values = unit_values(layer, what, index)(recording)
    reach = float(abs(values).max())
    own_scale = what == "c" or reach > 1
    low, high = float(values.min()), float(values.max())
    title = f"L{layer}.{what}.{index}   {low:+.2f} to {high:+.2f} {where}{note}"
    is_part = where != HERE
    return Block(
        title,
        values,
        max(reach, 1e-6) if own_scale else 1.0,
        signed=low < 0 or (is_part and what not in get_cell(recording.source.cell).sigmoids),
        may_exceed=is_part and own_scale,
    )


def surprisal_block(recording: Recording, where: str = "") -> Block:
    """The text coloured by how many bits each symbol cost.

    Args:
        recording: of the text, or of its beginning.
        where: what the recording is of, if not of the whole text.
    """
    bits = recording.surprisal
    per = recording.symbol_noun
    place = f" {where}" if where else ""
    title = f"surprisal   {recording.mean_surprisal:.3f} bits per {per} on average{place}, {bits.max():.1f} at most"
    return Block(title, bits, MOST_BITS, False, is_surprisal=True, may_exceed=bool(place))
