"""The symbols of a text as columns of a grid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len

from charrnn.interpret.recording import Recording
from charrnn.render.glyphs import glyph
from charrnn.render.graphemes import Graphemes


@dataclass(frozen=True)
class Column:
    """One symbol of a text."""

    label: str
    width: int
    """The cells that the label takes."""
    ends_line: bool
    begins: bool = True
    """Whether a grapheme begins here; if not, no line is broken before this column."""


def columns_of(recording: Recording, graphemes: Graphemes | None = None) -> list[Column]:
    """The columns of a recording; `graphemes` knows the end of the part before it, if there was one."""
    return symbol_columns(recording.pieces, recording.ids.tolist(), graphemes)


def symbol_columns(
    pieces: Sequence[str], symbols: Iterable[int], graphemes: Graphemes | None = None
) -> list[Column]:
    """The columns of symbols and what each adds to the text: see `columns_of`."""
    begins = (graphemes or Graphemes()).begins(pieces)
    return list(map(column_of, pieces, symbols, begins))


@lru_cache(1 << 16)
def column_of(piece: str, symbol: int = 0, begins: bool = True) -> Column:
    """The column of one symbol, the same object in all its places."""
    label = label_of(piece, symbol)
    return Column(label, max(1, cell_len(label)), piece.endswith("\n"), begins)


def label_of(piece: str, symbol: int) -> str:
    """How a symbol is shown; a byte that completes no character by its number."""
    return shown(piece) or f"{symbol:02x}"


@lru_cache(1 << 16)
def shown(text: str) -> str:
    """Text with a glyph for each of its characters."""
    return "".join(map(glyph, text))
