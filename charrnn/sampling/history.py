"""What one sample remembers of what it wrote, for the rules against repetition; bounded, however long it becomes."""

from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from charrnn.sampling.rules import Mask

LOOK_BACK = 10_000
"""The n-grams that are remembered: one that was written longer ago may come again."""


class Recent:
    """Which symbols stand among the last few.

    Args:
        num_symbols: V.
        window: how many symbols it looks back.
    """

    def __init__(self, num_symbols: int, window: int) -> None:
        self._window = window
        self._symbols: deque[int] = deque()
        self._counts = np.zeros(num_symbols, np.int64)

    def remember(self, symbol: int) -> None:
        """Note the next symbol, and forget the one that leaves the window."""
        self._symbols.append(symbol)
        self._counts[symbol] += 1
        if len(self._symbols) > self._window:
            self._counts[self._symbols.popleft()] -= 1

    def mask(self) -> Mask:
        """(V,) which symbols are in the window."""
        return self._counts > 0


class Ngrams:
    """Which symbols would complete an n-gram that was written before, among the last LOOK_BACK of them.

    Args:
        num_symbols: V.
        length: n. "abcab" has the 3-grams abc, bca and cab; after it c would repeat one.
    """

    def __init__(self, num_symbols: int, length: int) -> None:
        self._num_symbols = num_symbols
        self._length = length
        self._last: deque[int] = deque(maxlen=length - 1)
        self._written: deque[tuple[tuple[int, ...], int]] = deque()
        self._followers: dict[tuple[int, ...], Counter[int]] = {}

    def remember(self, symbol: int) -> None:
        """Note the next symbol, and forget the n-gram that is too old."""
        if len(self._last) == self._length - 1:
            context = tuple(self._last)
            self._written.append((context, symbol))
            self._followers.setdefault(context, Counter())[symbol] += 1
            if len(self._written) > LOOK_BACK:
                self._forget(*self._written.popleft())
        self._last.append(symbol)

    def _forget(self, context: tuple[int, ...], symbol: int) -> None:
        followers = self._followers[context]
        followers[symbol] -= 1
        if not followers[symbol]:
            del followers[symbol]
        if not followers:
            del self._followers[context]

    def mask(self) -> Mask:
        """(V,) which symbols would repeat an n-gram."""
        mask = np.zeros(self._num_symbols, np.bool_)
        followers = self._followers.get(tuple(self._last))
        if followers:
            mask[list(followers)] = True
        return mask


@dataclass(frozen=True)
class Memory:
    """Of one sample: the symbols of the penalty's window, and the n-grams; None for a rule that is off."""

    recent: Recent | None
    ngrams: Ngrams | None

    def remember(self, symbol: int) -> None:
        """Note that the sample goes on with this symbol."""
        for part in (self.recent, self.ngrams):
            if part is not None:
                part.remember(symbol)
