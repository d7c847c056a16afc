"""The symbols of a vocabulary that are parts of words, for a network that has ticks at their ends."""

import dataclasses
import re
import unicodedata

from charrnn.config import ModelConfig
from charrnn.network.cells.subsampling import WORDS, ranges_of
from charrnn.text.vocabulary import Vocabulary

MOST_ASCII = 127


def is_part_of_word(character: str) -> bool:
    """Whether a character is a letter, a digit, a mark such as an accent, or an underscore."""
    return bool(re.match(r"\w", character)) or unicodedata.category(character).startswith("M")


def word_symbols_of(vocabulary: Vocabulary) -> str:
    """The symbols that are parts of words, as ranges; see `charrnn.network.cells.subsampling`.

    A byte above ASCII is one, and so is the symbol for unknown characters.
    """
    is_byte = vocabulary.level == "byte"
    found = [
        number
        for number, point in enumerate(vocabulary.symbols.tolist())
        if (is_byte and point > MOST_ASCII) or is_part_of_word(chr(point))
    ]
    if vocabulary.unknown_id is not None:
        found.append(vocabulary.unknown_id)
    return ranges_of(found)


def with_words(network: ModelConfig, vocabulary: Vocabulary) -> ModelConfig:
    """The network with the symbols that are parts of words, if it has ticks at their ends.

    Args:
        network: the network.
        vocabulary: the symbols that it reads: of pairs those of the sources.
    """
    if network.subsample != WORDS:
        return network
    return dataclasses.replace(network, word_symbols=word_symbols_of(vocabulary))
