"""Corpora that the program makes itself by a rule, from a seed: pairs of a source and its target, and plain texts.

A plain text is the sources of such pairs; their targets are labels of its lines, which it does not show.

A generator is a function from a seed to an iterator of pairs; no source comes twice. The same seed gives the same pairs
in every version of Python and on every machine; only those of `docstrings` are of the Python that runs.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from charrnn.text.generated import (
    accents,
    dates,
    docstrings,
    moods,
    nesting,
    numerals,
    strings,
    travel,
)
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
    is_text: bool = False
    """Whether the corpus is a plain text: the sources alone, whose targets are hidden labels."""

    @property
    def noun(self) -> str:
        """What is counted."""
        return "lines" if self.is_text else "pairs"

    def lines(self, seed: int = SEED, *, labels: bool = False) -> Iterator[str]:
        """The lines of the corpus: source, tab, target, newline; of a plain text with the target only if `labels`."""
        pairs = self.pairs(seed)
        if self.is_text and not labels:
            return (f"{source}\n" for source, _ in pairs)
        return (f"{source}\t{target}\n" for source, target in pairs)

    def open(self, seed: int = SEED, *, labels: bool = False) -> io.BufferedReader:
        """The lines as a file of UTF-8, made while it is read."""
        return io.BufferedReader(_Made(self.lines(seed, labels=labels)))


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
    "nested": Generator(
        nesting.nested,
        nesting.NUM_LINES,
        "made-up words in brackets up to 8 deep; hidden, how deep a line goes: dede (lo (mi bola)) ta -> 2",
        is_text=True,
    ),
    "moods": Generator(
        moods.moods,
        moods.NUM_LINES,
        "made-up words, some of them of a mood that a line keeps; hidden, the mood: mere ku tobe ge -> glad",
        is_text=True,
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
