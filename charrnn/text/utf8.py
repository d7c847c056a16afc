"""How symbols spell characters: one symbol each in a model of characters, up to four bytes in a model of bytes.

The bytes follow table 3-7 of the Unicode Standard, "Well-Formed UTF-8 Byte Sequences": no overlong forms, no surrogates,
nothing beyond U+10FFFF.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Mask
from charrnn.text.vocabulary import Vocabulary

Table = npt.NDArray[np.int8]

FORBIDDEN = -1
BETWEEN = 0
"""The state between two characters. In state 1, 2 or 3, as many more bytes of any kind must follow."""
AFTER_E0, AFTER_ED, AFTER_F0, AFTER_F4 = 4, 5, 6, 7
"""The states in which the next byte has a narrower range."""

UTF8 = (  # state, first and last byte, next state
    (BETWEEN, 0x00, 0x7F, BETWEEN),
    (BETWEEN, 0xC2, 0xDF, 1),
    (BETWEEN, 0xE0, 0xE0, AFTER_E0),
    (BETWEEN, 0xE1, 0xEC, 2),
    (BETWEEN, 0xED, 0xED, AFTER_ED),
    (BETWEEN, 0xEE, 0xEF, 2),
    (BETWEEN, 0xF0, 0xF0, AFTER_F0),
    (BETWEEN, 0xF1, 0xF3, 3),
    (BETWEEN, 0xF4, 0xF4, AFTER_F4),
    (1, 0x80, 0xBF, BETWEEN),
    (2, 0x80, 0xBF, 1),
    (3, 0x80, 0xBF, 2),
    (AFTER_E0, 0xA0, 0xBF, 1),
    (AFTER_ED, 0x80, 0x9F, 1),
    (AFTER_F0, 0x90, 0xBF, 2),
    (AFTER_F4, 0x80, 0x8F, 2),
)
"""The ways from a state to the next, of which no two overlap; C and a page are given the same."""

LONGEST_BEGINNING = 3
"""Maximum bytes of an incomplete character."""


class Utf8Reader:
    """Reads the bytes of a text, and knows which may come next."""

    def __init__(self) -> None:
        self._state = BETWEEN

    def advance(self, byte: int) -> None:
        """Read a byte; one that does not fit begins a new character."""
        table = _byte_table()
        state = int(table[self._state, byte])
        self._state = state if state != FORBIDDEN else max(int(table[BETWEEN, byte]), BETWEEN)

    def allowed(self) -> Mask:
        """The bytes that may come next, (256,)."""
        mask: Mask = _byte_table()[self._state] != FORBIDDEN
        return mask


@cache
def _byte_table() -> Table:
    return spelling_table(Vocabulary.of_bytes(), np.zeros(256, np.bool_))


def spelling_table(vocabulary: Vocabulary, banned: Mask) -> Table:
    """The automaton that accepts symbols which spell complete characters.

    Args:
        vocabulary: the symbols.
        banned: symbols that are never used, (V,). The unknown symbol never is.

    Returns:
        The state after each symbol in each state, (S, V); FORBIDDEN if the symbol may not stand there or would lead to
        no complete character. If no character can be spelt, the row of BETWEEN is FORBIDDEN throughout.
    """
    if vocabulary.level == "byte":
        table = np.full((8, 256), FORBIDDEN, np.int8)
        for state, first, last, following in UTF8:
            table[state, first : last + 1] = following
    else:
        table = np.full((1, len(vocabulary)), BETWEEN, np.int8)
    if vocabulary.unknown_id is not None:
        table[:, vocabulary.unknown_id] = FORBIDDEN
    table[:, banned] = FORBIDDEN
    for _ in table:  # a way to a dead end is one too; no way is longer than the number of states
        dead_ends = (table == FORBIDDEN).all(axis=1)
        table[(table != FORBIDDEN) & dead_ends[table]] = FORBIDDEN
    return table
