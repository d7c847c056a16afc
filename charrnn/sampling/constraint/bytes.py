"""How symbols make characters: one by one in a model of characters, up to four bytes each in a model of bytes.

The bytes follow table 3-7 of the Unicode Standard, "Well-Formed UTF-8 Byte Sequences": no overlong forms, no surrogates,
nothing beyond U+10FFFF.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from charrnn.text.vocabulary import Vocabulary

Table = npt.NDArray[np.int8]

FORBIDDEN = -1
BETWEEN = 0
"""The state between two characters. State 1, 2 or 3: so many more bytes of any kind must follow."""
AFTER_E0, AFTER_ED, AFTER_F0, AFTER_F4 = 4, 5, 6, 7
"""States in which the next byte has a narrower range."""

UTF8 = (  # state, first and last byte, next state
    (BETWEEN, 0x00, 0x7F, BETWEEN),
    (BETWEEN, 0xC2, 0xDF, 1),
    (BETWEEN, 0xE0, 0xEF, 2),
    (BETWEEN, 0xE0, 0xE0, AFTER_E0),
    (BETWEEN, 0xED, 0xED, AFTER_ED),
    (BETWEEN, 0xF1, 0xF3, 3),
    (BETWEEN, 0xF0, 0xF0, AFTER_F0),
    (BETWEEN, 0xF4, 0xF4, AFTER_F4),
    (1, 0x80, 0xBF, BETWEEN),
    (2, 0x80, 0xBF, 1),
    (3, 0x80, 0xBF, 2),
    (AFTER_E0, 0xA0, 0xBF, 1),
    (AFTER_ED, 0x80, 0x9F, 1),
    (AFTER_F0, 0x90, 0xBF, 2),
    (AFTER_F4, 0x80, 0x8F, 2),
)


LONGEST_BEGINNING = 3
"""Bytes of a character that is not whole, at most."""


class Speller:
    """Follows the bytes of a text, and says which may come next."""

    def __init__(self) -> None:
        self._state = BETWEEN

    def advance(self, byte: int) -> None:
        """Go on with a byte; one that may not come here begins anew."""
        table = _bytes()
        state = int(table[self._state, byte])
        self._state = state if state != FORBIDDEN else max(int(table[BETWEEN, byte]), BETWEEN)

    def allowed(self) -> npt.NDArray[np.bool_]:
        """(256,) the bytes that may come next."""
        mask: npt.NDArray[np.bool_] = _bytes()[self._state] != FORBIDDEN
        return mask


@cache
def _bytes() -> Table:
    return spelling(Vocabulary.of_bytes(), np.zeros(256, np.bool_))


def spelling(vocabulary: Vocabulary, banned: npt.NDArray[np.bool_]) -> Table:
    """Which symbol may follow, so that only whole characters come to be.

    Args:
        vocabulary: the symbols.
        banned: (V,) those that are never written. The unknown symbol is never written either.

    Returns:
        (S, V) the state after a symbol in a state, FORBIDDEN if it may not stand there or would lead to
        no whole character. If nothing may be written, the row of BETWEEN is FORBIDDEN throughout.
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
    for _ in table:  # a way to a dead end is one too, and no way is longer than there are states
        dead_ends = (table == FORBIDDEN).all(axis=1)
        table[(table != FORBIDDEN) & dead_ends[table]] = FORBIDDEN
    return table
