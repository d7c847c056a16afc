"""What one sample remembers of its symbols for the rules against repetition; bounded, however long the sample."""

from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from charrnn.numerics import Mask

MAX_NGRAMS = 10_000
"""N-grams remembered: an older one may be repeated."""


class RecentSymbols:
    """Which symbols occur among the last few.

    Args:
        num_symbols: V.
        window: how many symbols it looks back.
    """

    def __init__(self, num_symbols: int, window: int) -> None:
        self._window = window
        self._symbols: deque[int] = deque()
        self._counts = np.zeros(num_symbols, np.int64)

    def append(self, symbol: int) -> None:
        """Add the next symbol, and drop the one that leaves the window."""
        self._symbols.append(symbol)
        self._counts[symbol] += 1
        if len(self._symbols) > self._window:
            self._counts[self._symbols.popleft()] -= 1

    def mask(self) -> Mask:
        """The symbols in the window, (V,)."""
        return self._counts > 0


class SeenNgrams:
    """Which symbols would repeat one of the last MAX_NGRAMS n-grams.

    Args:
        num_symbols: V.
        length: n. "abcab" has the 3-grams abc, bca and cab; after it c would repeat one.
    """

    def __init__(self, num_symbols: int, length: int) -> None:
        self._num_symbols = num_symbols
        self._length = length
        self._context: deque[int] = deque(maxlen=length - 1)
        self._ngrams: deque[tuple[tuple[int, ...], int]] = deque()
        self._followers: dict[tuple[int, ...], Counter[int]] = {}

    def append(self, symbol: int) -> None:
        """Add the next symbol, and drop the n-gram that has become too old."""
        if len(self._context) == self._length - 1:
            context = tuple(self._context)
            self._ngrams.append((context, symbol))
            self._followers.setdefault(context, Counter())[symbol] += 1
            if len(self._ngrams) > MAX_NGRAMS:
                self._drop(*self._ngrams.popleft())
        self._context.append(symbol)

    def _drop(self, context: tuple[int, ...], symbol: int) -> None:
        followers = self._followers[context]
        followers[symbol] -= 1
        if not followers[symbol]:
            del followers[symbol]
        if not followers:
            del self._followers[context]

    def mask(self) -> Mask:
        """The symbols that would repeat an n-gram, (V,)."""
        mask = np.zeros(self._num_symbols, np.bool_)
        followers = self._followers.get(tuple(self._context))
        if followers:
            mask[list(followers)] = True
        return mask


@dataclass(frozen=True)
class History:
    """The symbols of one sample, as far as the rules against repetition need them."""

    recent: RecentSymbols | None
    """The window of the repetition penalty; None if that rule is off."""
    ngrams: SeenNgrams | None
    """The n-grams not to be repeated; None if that rule is off."""

    def append(self, symbol: int) -> None:
        """Add the sample's next symbol."""
        for part in (self.recent, self.ngrams):
            if part is not None:
                part.append(symbol)
