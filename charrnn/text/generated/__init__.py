"""Corpora of pairs that the program makes itself: a source and its target, by a rule, from a seed.

A generator is a function from a seed to an iterator of pairs; no source comes twice. The same seed gives the same pairs
in every version of Python and on every machine; only those of `docstrings` are of the Python that runs.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from charrnn.text.generated import accents, dates, docstrings, numerals, strings, travel
from charrnn.text.generated.draws import Pair

SEED = 1
"""The seed of the corpora that are known by name."""


@dataclass(frozen=True)
class Generator:
    """A rule that makes pairs."""

    pairs: Callable[[int], Iterator[Pair]]
    """The pairs of a seed."""
    count: int
    """The number of pairs."""
    what: str
    """What the pairs are, with one of them."""
    is_library: bool = False
    """Whether it reads the library of the Python that runs, which may have fewer pairs."""

    def lines(self, seed: int = SEED) -> Iterator[str]:
        """The pairs as lines: source, tab, target, newline."""
        return (f"{source}\t{target}\n" for source, target in self.pairs(seed))

    def open(self, seed: int = SEED) -> io.BufferedReader:
        """The lines as a file of UTF-8, made while it is read."""
        return io.BufferedReader(_Made(self.lines(seed)))


GENERATORS = {
    "numbers": Generator(
        numerals.numbers,
        numerals.NUM_NUMBERS,
        "numbers below a million to English words: 1984 -> one thousand, nine hundred and eighty-four",
    ),
    "dates": Generator(
        dates.dates,
        dates.NUM_DATES,
        "dates in twenty forms to ISO 8601: the 9th of March, 2021 -> 2021-03-09",
    ),
    "roman": Generator(
        numerals.roman,
        numerals.NUM_ROMAN,
        "the numbers from 1 to 3999 to Roman numerals: 1984 -> MCMLXXXIV",
    ),
    "reversed": Generator(
        strings.reversals,
        strings.NUM_STRINGS,
        "strings of 5 to 20 letters, from the end to the beginning: wyrsd -> dsryw",
    ),
    "sorted": Generator(
        strings.sortings,
        strings.NUM_STRINGS,
        "strings of 5 to 20 letters, in the order of the alphabet: wyrsd -> drswy",
    ),
    "stutter": Generator(
        strings.stutters,
        strings.NUM_STRINGS,
        "made-up words with repeated letters, and without: hheelllo -> hello",
    ),
    "caesar": Generator(
        strings.ciphers,
        strings.NUM_STRINGS,
        "Caesar's cipher, the key before the text: d: tell -> whoo",
    ),
    "brackets": Generator(
        strings.brackets,
        strings.NUM_STRINGS,
        "strings of brackets, balanced or not: ([]{)} -> unbalanced",
    ),
    "accents": Generator(
        accents.accented,
        accents.NUM_SENTENCES,
        "French and Spanish sentences without accents, and with them: yo llevo el cafe -> yo llevo el café",
    ),
    "docstrings": Generator(
        docstrings.sentences,
        docstrings.MOST_SENTENCES,
        "sentences of your Python's docstrings without capitals and punctuation, and as they are",
        is_library=True,
    ),
    "travel": Generator(
        travel.requests,
        travel.NUM_REQUESTS,
        "travel requests, and the slot of each character: leave Oslo for Rome -> ------pppp-----dddd",
    ),
    "outcomes": Generator(
        travel.outcomes,
        travel.NUM_OUTCOMES,
        "sentences that end well or not, by their order: the old doctor defeats the new virus -> good",
    ),
}
"""The generators by the names of their corpora."""


class _Made(io.RawIOBase):
    """A file whose lines are made when they are wanted."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._rest = lines, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with the next bytes, or a part of it."""
        self._rest = self._rest or next(self._lines, "").encode()
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
