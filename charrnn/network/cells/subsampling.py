"""Hierarchical subsampling: an upper layer ticks at some of the characters only, and is held in between.

    characters             t h e ␣ c a t , ␣ ...
    layer 0                x x x x x x x x x          reads every character
    layer 1, factor 2      . x . x . x . x .          ticks at every second output of layer 0
    layer 2, factor 2      . . . x . . . x .          ticks at every second output of layer 1
    layers 1, 2, words     . . . x . . . x .          tick at the character after which it is seen that a word has ended

At a tick a layer reads the output that the layer below it has then, which has seen all the others in between; where it
does not tick, all of its states stay as they are, and nothing is computed. The head is given the sum of all layers'
outputs, Σ_k h_k, those that are held as they are held: the top layer alone knows nothing of the characters since its
last tick. No layer sees what stands behind the character that was just read.

A word consists of letters, digits, marks such as accents, and underscores; at level byte, of ASCII's and of all bytes
from 128 on. A layer ticks at the first character behind one: a blank, a newline, punctuation.

What is carried beside a layer's states is its phase, an array like them in which all units have the same number: of a
factor the characters since the last tick, of words 1 after a character of a word and 0 after another one.

In an encoder of pairs (`charrnn.network.encoder`) nothing is held: the sequence becomes shorter.

Source: A. Graves, "Supervised Sequence Labelling with Recurrent Neural Networks", 2012, chapter 9. There a window of
outputs is weighed and read at a tick; here it is its last output.
"""

import re
from typing import Any, NamedTuple, Protocol

from charrnn.network.cells.base import Array

WORDS = "words"
"""The word for ticks at the ends of words."""
PHASE = "phase"
"""The name of what is carried beside a layer's states."""
AT_WORDS = 0
"""The period of a layer that ticks at the ends of words."""
MAX_FACTOR = 16
MAX_PERIOD = 4096
"""Maximum characters from tick to tick."""


class Subsampled(Protocol):
    """The settings on which the ticks of a network depend."""

    @property
    def subsample(self) -> str | None:
        """A factor, WORDS, or None."""

    @property
    def num_layers(self) -> int:
        """The layers."""

    @property
    def align(self) -> str | None:
        """The alignment of a network of pairs."""


class Ticked(NamedTuple):
    """A moment of a layer."""

    ticks: Array
    """Whether it ticks, of bools: () for a single stream, or (N,)."""
    phase: Array
    """Its phase after it, (H,) or (N, H)."""


def periods(config: Subsampled) -> tuple[int | None, ...]:
    """For each layer the characters from tick to tick, AT_WORDS at the ends of words; None if no layer is held.

    In a network of pairs none is: its encoder reads a shorter sequence.
    """
    layers = range(config.num_layers)
    if config.subsample is None or config.align:
        return (None,) * config.num_layers
    if config.subsample == WORDS:
        return tuple(AT_WORDS if layer else 1 for layer in layers)
    return tuple(int(config.subsample) ** layer for layer in layers)


def ticked(period: int, phase: Array, in_word: Array | None) -> Ticked:
    """Whether a layer ticks at a character.

    Args:
        period: see `periods`.
        phase: its phase before, (H,) or (N, H).
        in_word: whether the character is part of a word, as a number, () or (N,); for AT_WORDS.
    """
    if period == AT_WORDS:
        assert in_word is not None
        return Ticked((phase[..., 0] > 0) & (in_word == 0), phase * 0 + in_word[..., None])
    count = phase + 1
    ticks = count[..., 0] >= period
    if not ticks.ndim:
        return Ticked(ticks, phase * 0 if ticks else count)
    return Ticked(ticks, count * (count < period))


def ranges_of(symbols: list[int]) -> str:
    """Rising numbers as ranges: [1, 2, 3, 7] -> "1-3,7"."""
    ranges: list[list[int]] = []
    for symbol in symbols:
        if ranges and ranges[-1][1] == symbol - 1:
            ranges[-1][1] = symbol
        else:
            ranges.append([symbol, symbol])
    return ",".join(f"{a}-{b}" if a < b else str(a) for a, b in ranges)


def symbols_of(ranges: str, num_symbols: int) -> list[int]:
    """The numbers of what `ranges_of` wrote.

    Args:
        ranges: "1-3,7".
        num_symbols: each number is below this.

    Raises:
        ValueError: it is no such text, or a number is too large or not above the one before.
    """
    symbols: list[int] = []
    least = 0
    for part in ranges.split(",") if ranges else ():
        if not re.fullmatch(r"[0-9]{1,7}(-[0-9]{1,7})?", part):
            raise ValueError(part)
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or first) + 1
        if not least <= begin < end <= num_symbols:
            raise ValueError(part)
        symbols.extend(range(begin, end))
        least = end
    return symbols


def word_table(config: Any) -> Any:
    """For each symbol that a network reads, (V,) float32, whether it is part of a word: 1 or 0."""
    import numpy as np

    num_symbols = config.source_size if config.align else config.vocab_size
    table = np.zeros(num_symbols, np.float32)
    table[symbols_of(config.word_symbols or "", num_symbols)] = 1
    return table
