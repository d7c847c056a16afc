"""Languages: which symbols may come next in a text that must be one of some texts.

A language is a deterministic automaton over the ids of a vocabulary. Its states are values, which may be kept and
compared. The regular expressions are in `charrnn.sampling.constraint`; here is a list of texts.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from charrnn.numerics import Mask

State = Any
"""How far a text has come; hashable."""


class Language(Protocol):
    """Some texts, as an automaton that reads them symbol by symbol."""

    @property
    def start(self) -> Hashable:
        """The state before the first symbol."""

    @property
    def reach(self) -> int:
        """The length that a text must be allowed to have, in symbols: of a list, that of its longest."""

    def allowed(self, state: State, left: int) -> Mask:
        """The symbols after which a text can be completed in time, (V,); `left` symbols may come, the next included."""

    def advance(self, state: State, symbol: int) -> State:
        """The state after a symbol that is allowed."""

    def needs(self, state: State) -> int:
        """The fewest symbols that complete a text."""

    def accepts(self, state: State) -> bool:
        """Whether the symbols so far are a whole text."""


class Listed:
    """The texts of a list, as a tree of their symbols.

    Args:
        texts: the ids of each text; at least one.
        num_symbols: V.
    """

    start = 0

    def __init__(self, texts: Iterable[Sequence[int]], num_symbols: int) -> None:
        self._next: list[dict[int, int]] = [{}]
        self._needs: list[int] = [1 << 62]
        self._num_symbols, self.reach = num_symbols, 0
        for text in texts:
            self._add(text)

    def _add(self, text: Sequence[int]) -> None:
        node, self.reach = self.start, max(self.reach, len(text))
        self._needs[node] = min(self._needs[node], len(text))
        for left, symbol in zip(range(len(text) - 1, -1, -1), text, strict=True):
            following = self._next[node].setdefault(symbol, len(self._next))
            if following == len(self._next):
                self._next.append({})
                self._needs.append(left)
            node = following
            self._needs[node] = min(self._needs[node], left)

    def allowed(self, state: int, left: int) -> Mask:
        """The symbols after which a text of the list can be completed in time, (V,)."""
        mask = np.zeros(self._num_symbols, bool)
        following = self._next[state].items()
        mask[[symbol for symbol, node in following if self._needs[node] < left]] = True
        return mask

    def advance(self, state: int, symbol: int) -> int:
        """The node after a symbol that is allowed."""
        return self._next[state][symbol]

    def needs(self, state: int) -> int:
        """The fewest symbols that complete a text of the list."""
        return self._needs[state]

    def accepts(self, state: int) -> bool:
        """Whether a text of the list ends here."""
        return self._needs[state] == 0
