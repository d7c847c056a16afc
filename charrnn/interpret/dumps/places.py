"""Where the symbols of a recording stand in the text as it was given: their offsets, and their items.

Characters that the model does not know are left out before it reads. In the dumped text they stand all the same, so that
offsets and items are those of the text that its owner has:

    given     c a f é ↵ ☕ ↵ t e a        the model knows neither é nor ☕
    read      c a f   ↵    ↵ t e a
    offset    0 1 2   4    6 7 8 9
    item      0 0 0   0    1 2 2 2

An item is a line, or a record or document in a model of those. The character that ends an item belongs to it, but the
state after that character does not: a model of items has then begun the next.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.interpret.recording import Recording
from charrnn.numerics import Float, Mask
from charrnn.text.kinds import LINES
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, code_points

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.text.vocabulary import Vocabulary

Points = npt.NDArray[np.uint32]
Positions = npt.NDArray[np.int64]
SURROGATES = 0xD800, 0xDFFF
"""The first and last code point that stand for no character and that no file can have."""
REPLACEMENT = 0xFFFD


class Size(NamedTuple):
    """The size of a text."""

    length: int
    """The symbols that are read."""
    characters: int
    """The characters of the dumped text."""
    items: int
    """Its items."""


@dataclass(frozen=True)
class Given:
    """A text as it was given, and which of its characters are read."""

    points: Points
    """Its code points."""
    kept: Positions
    """The positions of the characters that are read."""

    @classmethod
    def of(cls, vocabulary: "Vocabulary", text: str, item_end: str | None = None) -> "Given":
        """The text and what a model with this vocabulary of characters reads of it.

        Lone surrogates become U+FFFD. With `item_end`, the end of an item of which nothing else is read is not read.
        """
        points = code_points(text).astype(np.uint32)
        kept = np.flatnonzero(vocabulary.lookup(points) != NOT_IN_VOCABULARY)
        if item_end is not None:
            ends = points[kept] == ord(item_end)
            is_empty = ends & np.concatenate([[True], ends])[:-1]
            kept = kept[~is_empty]
        first, last = SURROGATES
        points[(points >= first) & (points <= last)] = REPLACEMENT
        return cls(points, kept)

    @property
    def read_text(self) -> str:
        """The characters that are read."""
        return self.points[self.kept].astype("<u4").tobytes().decode("utf-32-le")

    def size(self, item_end: str = LINES.end) -> Size:
        """Its size."""
        return Size(len(self.kept), len(self.points), count_items(self.points == ord(item_end)))


def size_of(model: "CharRNN", text: str, item_end: str = LINES.end) -> Size:
    """The size of a text of which nothing is left out; its characters are those that its symbols give when decoded."""
    ids = model.vocabulary.points(text)
    items = count_items(ids == ord(item_end))
    if model.vocabulary.level == "char":
        return Size(len(text), len(text), items)
    decode = model.vocabulary.decoder()
    return Size(len(ids), sum(len(decode(symbol)) for symbol in ids), items)


def count_items(ends: Mask) -> int:
    """The number of items of a text, given which of its symbols end one."""
    return int(ends.sum()) + (len(ends) > 0 and not ends[-1])


@dataclass(frozen=True)
class Part:
    """A part of a recording with the places of its symbols."""

    recording: Recording
    points: Points
    """Code points of the text that this part adds."""
    offsets: Positions
    """(T,) the characters of the text before each symbol."""
    items: npt.NDArray[np.int32]
    """(T,) the number of each symbol's item, from 0."""
    inside: Mask
    """(T,) whether each symbol is one of its item's own, not the end of it."""


def placed(
    parts: Iterable[Recording], given: Given | None = None, item_end: str = LINES.end
) -> Iterator[Part]:
    """The parts of a text with the places of their symbols.

    Args:
        parts: the parts of the text, in order.
        given: the text as it was given; None: nothing was left out of it.
        item_end: the character that ends an item.
    """
    num_items = at = num_read = 0
    for part in parts:
        if given is None:
            points, offsets = code_points(part.text), own_offsets(part)
            own = ends = np.array([piece.endswith(item_end) for piece in part.pieces])
            before = _before(ends)
        else:
            offsets = given.kept[num_read : num_read + len(part.ids)]
            num_read += len(part.ids)
            is_last = num_read == len(given.kept)
            points = given.points[at : len(given.points) if is_last else offsets[-1] + 1]
            ends = points == ord(item_end)
            own, before = ends[offsets - at], _before(ends)[offsets - at]
            at += len(points)
        items = (before + num_items).astype(np.int32)
        num_items += int(ends.sum())
        yield Part(part, points, offsets, items, ~own)


def _before(ends: Mask) -> Positions:
    """How many items have ended before each place."""
    return np.cumsum(ends, dtype=np.int64) - ends


def own_offsets(part: Recording) -> Positions:
    """The number of characters of the whole text before each symbol of a part, (T,), if nothing was left out."""
    lengths = np.fromiter(map(len, part.pieces), np.int64, len(part.pieces))
    return np.cumsum(lengths) - lengths + part.start_char


class ItemStates:
    """The mean and the last value of each item, while the parts of a recording arrive.

    Args:
        num_items: the items of all parts.
        shape: the shape of the values after one symbol.
    """

    def __init__(self, num_items: int, shape: tuple[int, ...]) -> None:
        self._num_items, self._shape = num_items, shape
        self._first = 0
        """The first item that was not handed out."""
        self._begin()

    def _begin(self) -> None:
        """Begin that item."""
        self._sum = np.zeros(self._shape)
        self._count = 0
        self._last = np.full(self._shape, np.nan, np.float32)

    def add(self, values: Float, part: Part) -> tuple[Float, Float]:
        """The mean and the last value, (n, ...) each, of the items before the part's last; NaN for one without symbols.

        Args:
            values: the values after each symbol of a part, (T, ...).
            part: the part.
        """
        values, items = values[part.inside], part.items[part.inside]
        numbers = np.concatenate([[self._first], items])
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        sums = np.add.reduceat(np.concatenate([self._sum[None], values]), starts)  # in float64
        counts = np.add.reduceat([self._count] + [1] * len(items), starts)
        lasts = np.concatenate([self._last[None], values])[[*(starts[1:] - 1), -1]]
        first, self._first = self._first, int(part.items[-1])
        self._begin()
        if numbers[-1] == self._first:
            self._sum, self._count, self._last = sums[-1], int(counts[-1]), lasts[-1]
        groups, there = numbers[starts], (numbers[starts] < self._first) & (counts > 0)
        places = groups[there] - first
        means = self._blank(self._first - first)
        means[places] = (sums[there].T / counts[there]).T
        ends = self._blank(self._first - first)
        ends[places] = lasts[there]
        return means, ends

    def finish(self) -> tuple[Float, Float]:
        """The mean and last states of the items that are left when all parts have been added: (items, L, H) each."""
        means, lasts = (self._blank(self._num_items - self._first) for _ in range(2))
        if self._count:
            means[0], lasts[0] = self._sum / self._count, self._last
        return means, lasts

    def _blank(self, count: int) -> Float:
        return np.full((count, *self._shape), np.nan, np.float32)
