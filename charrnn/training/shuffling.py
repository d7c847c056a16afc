"""A running text whose pieces are read in another order in each epoch.

    the text         |   A   | B |    C     |  D  |
    epoch 0          | B |  D  |   A   |    C     |
    epoch 1          |    C     |   A   | B |  D  |

A piece is a stretch of at least so many symbols that ends with a blank line, where the text has any: scenes of a play,
functions of a program. A batch then has text from everywhere, and the network cannot learn by heart what stands beside
what.
"""

from functools import cache, lru_cache, partial

import numpy as np

from charrnn.numerics import Ids
from charrnn.text.items import Positions, shuffled

MOST_PIECES = 10_000
"""Pieces of a text, at most: a long text has longer ones."""
VERY_LONG, FEWER_PIECES = 1 << 30, 2000
"""Symbols from which on a text has fewer pieces: the end of each is looked for in another place of the disk."""
MOST_SEARCHED = 1 << 14
"""Symbols behind each piece of a long text in which its end is looked for, at most."""
PAGE = 1 << 12
"""Symbols in which the end of a piece is looked for first: most are there, and no more of a file need be read."""


def piece_ends(ids: Ids, newline: int | None, length: int) -> Positions:
    """Where the pieces of a text end, ascending, the last one with the text, (pieces,).

    A piece ends with the first blank line after `length` symbols, else with the first line's end, else there; the
    search goes on for half a piece, but in a long text no further than MOST_SEARCHED.

    Args:
        ids: (n,) the text; a mapped file will do, of which not all is read.
        newline: the id of a newline; None: the text has none.
        length: the shortest piece, in symbols.
    """
    reach = max(length // 2, MOST_SEARCHED)
    length = max(length, len(ids) // (FEWER_PIECES if len(ids) >= VERY_LONG else MOST_PIECES))
    ends, begin = [], 0
    while begin + 2 * length <= len(ids):
        begin = _end_after(ids, newline, begin + length, min(reach, length // 2))
        ends.append(begin)
    if not ends or ends[-1] < len(ids):
        ends.append(len(ids))
    return np.array(ends, np.int64)


def _end_after(ids: Ids, newline: int | None, begin: int, reach: int) -> int:
    """Where the piece ends that has all symbols before `begin`."""
    if newline is None:
        return begin
    for looked_at in (PAGE, reach) if reach > PAGE else (reach,):
        lines = np.flatnonzero(ids[begin - 1 : begin + looked_at] == newline)
        blank = np.flatnonzero(np.diff(lines) == 1)
        if len(blank):
            return begin + int(lines[blank[0] + 1])
    return begin + (int(lines[0]) if len(lines) else 0)


class PieceOrder:
    """Where the symbols of each epoch's text stand in the text itself.

    Args:
        ids: the text; its pieces are looked for when the first of them is read. For the others see `piece_ends`.
        newline: the id of a newline.
        length: the shortest piece.
        seed: the seed of the order, which depends on it and on the epoch's number.
    """

    def __init__(self, ids: Ids, newline: int | None, length: int, seed: int) -> None:
        self._ends = cache(partial(piece_ends, ids, newline, length))
        self._seed = seed
        self._epoch = lru_cache(2)(self._laid)

    def _laid(self, epoch: int) -> tuple[Positions, Positions]:
        """Where each piece begins in an epoch's text, and in the text."""
        ends = self._ends()
        begins = np.concatenate([[0], ends[:-1]])
        order = shuffled(len(ends), self._seed, epoch, 2)
        length = (ends - begins)[order]
        return np.cumsum(length) - length, begins[order]

    def places(self, at: Positions, epoch: int) -> Positions:
        """The places in the text of the symbols at some places of an epoch's text."""
        starts, begins = self._epoch(epoch)
        piece = starts.searchsorted(at, "right") - 1
        moved: Positions = begins[piece] + at - starts[piece]
        return moved
