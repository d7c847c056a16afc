"""What there is to show of a Recording: columns of text, blocks of values, guesses.

Numbers and words, no colours yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from charrnn.recording import Recording
from charrnn.render.glyphs import glyph

MOST_BITS = 8.0
"""The surprisal with the full colour."""


@dataclass(frozen=True)
class Column:
    """One symbol of the text."""

    label: str
    width: int
    """Terminal cells that the label takes."""
    ends_line: bool


@dataclass(frozen=True)
class Block:
    """The whole text, coloured by one row of values."""

    title: str
    values: Sequence[float]
    scale: float
    """The value with the full colour."""
    signed: bool
    """Whether values below zero occur."""


@dataclass(frozen=True)
class Guess:
    """What may come next, as the model says after a column's symbol."""

    label: str
    probability: float
    is_true: bool


@dataclass(frozen=True)
class Scene:
    """Blocks over the same columns, with the guesses (K a column, or none) under each."""

    columns: Sequence[Column]
    blocks: Sequence[Block]
    guesses: Sequence[Sequence[Guess]]


def make_scene(recording: Recording, blocks: Sequence[Block]) -> Scene:
    """The scene of a recording; its guesses are those that were recorded."""
    labels = [label_of(p, s) for p, s in zip(recording.pieces, recording.ids, strict=True)]
    pairs = zip(labels, recording.pieces, strict=True)
    columns = [Column(label, cell_len(label), piece.endswith("\n")) for label, piece in pairs]
    return Scene(columns, blocks, _guesses(recording))


def label_of(piece: str, symbol: int) -> str:
    """How a symbol is shown; a byte that completes no character by its number."""
    return "".join(map(glyph, piece)) or f"{symbol:02x}"


def _guesses(recording: Recording) -> list[list[Guess]]:
    names = recording.next_text
    following = [*recording.ids[1:].tolist(), None]
    symbols, chances = recording.next_ids.tolist(), recording.next_probabilities.tolist()
    return [
        [
            Guess("".join(map(glyph, names[s])), p, s == true)
            for s, p in zip(row, parts, strict=True)
        ]
        for row, parts, true in zip(symbols, chances, following, strict=True)
    ]


def unit_block(recording: Recording, layer: int, what: str, index: int, note: str = "") -> Block:
    """The text coloured by a unit: on a scale of 1, but a cell c, or what goes beyond 1, on the most it reaches here."""
    values = recording.arrays[what][:, layer, index]
    reach = float(abs(values).max())
    scale = max(reach, 1e-6) if what == "c" or reach > 1 else 1.0
    title = f"L{layer}.{what}.{index}   {values.min():+.2f} to {values.max():+.2f} here{note}"
    return Block(title, values.tolist(), scale, signed=bool(values.min() < 0))


def surprisal_block(recording: Recording) -> Block:
    """The text coloured by how many bits each symbol cost."""
    bits = recording.bits
    mean = float(bits[1:].mean()) if len(bits) > 1 else 0.0
    per = recording.symbol_noun
    title = f"surprisal   {mean:.3f} bits per {per} on average, {bits.max():.1f} at most"
    return Block(title, bits.tolist(), MOST_BITS, signed=False)
