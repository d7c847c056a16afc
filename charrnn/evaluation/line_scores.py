"""The score of one line, from what a model predicted while it read; for `charrnn.evaluation.score` and `.candidates`.

A character that the model does not know cannot be read, and yet it must not be free: it costs a number of bits of its
own, so that scores compare.
"""

import codecs
import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.errors import UsageError
from charrnn.evaluation.predictions import Predictor
from charrnn.evaluation.streams import Streams
from charrnn.model import CharRNN, States
from charrnn.numerics import Ids, require_finite_predictions
from charrnn.settings import require
from charrnn.text.kinds import end_name, item_noun
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary

UNIFORM_BITS = math.log2(sys.maxunicode + 1)
"""The bits of a character when each code point of Unicode is equally likely: 20.09."""


@dataclass(frozen=True)
class WorstSymbol:
    """The symbol of a line that cost most."""

    position: int
    """The characters of the line before it."""
    text: str
    """The character; the newline at a line's end; of a byte that is not a character two hexadecimal digits."""
    bits: float
    """What it cost."""
    expected: str
    """The symbol that the model expected most in its place."""
    probability: float
    """The probability that the model gave to that symbol."""


@dataclass(frozen=True)
class LineScore:
    """The score of a line."""

    number: int
    """The line's number in the text, from 1."""
    text: str
    """The line, without what ends it."""
    characters: int
    """Symbols that were scored: those of the line, the unknown ones too, and what ends it."""
    bits: float
    """The cost of all of them."""
    unknown: int
    """Characters that are not in the model's vocabulary."""
    worst: WorstSymbol
    """The symbol that cost most, the first of several."""

    @property
    def bits_per_char(self) -> float:
        """Mean surprisal in bits per character."""
        return self.bits / self.characters

    def as_dict(self) -> dict[str, Any]:
        """The score under the names that `score --json` prints."""
        worst = self.worst
        return {
            "number": self.number,
            "characters": self.characters,
            "bits": self.bits,
            "bits_per_char": self.bits_per_char,
            "unknown": self.unknown,
            "worst": {
                "position": worst.position,
                "character": worst.text,
                "bits": worst.bits,
                "expected": worst.expected,
                "probability": worst.probability,
            },
            "text": self.text,
        }


def end_symbol(vocabulary: Vocabulary, item_end: str) -> int:
    """The symbol that ends a line.

    Raises:
        UsageError: the vocabulary lacks it.
    """
    symbol = int(vocabulary.lookup(vocabulary.points(item_end))[0])
    if symbol in (NOT_IN_VOCABULARY, vocabulary.unknown_id):
        raise UsageError(
            f"the model has no {end_name(item_end)} in its vocabulary, so {item_noun(item_end)}s cannot be scored"
        )
    return symbol


def require_bits(unknown_bits: float | None) -> None:
    """Raise SettingError unless this is a cost, or None."""
    sound = unknown_bits is None or 0 <= unknown_bits < math.inf
    require(sound, "unknown_bits", "a number, 0 or more", unknown_bits)


@dataclass(frozen=True)
class Item:
    """A line as a model reads it."""

    number: int
    text: str
    symbols: Ids
    """Each of its symbols, or NOT_IN_VOCABULARY, (S,)."""
    read: Ids
    """The symbols that the model knows."""


def item_of(vocabulary: Vocabulary, number: int, text: str) -> Item:
    """A line as a model with this vocabulary reads it."""
    symbols = vocabulary.lookup(vocabulary.points(text))
    return Item(number, text, symbols, symbols[symbols != NOT_IN_VOCABULARY])


class Costs:
    """What was predicted at each position of a text, (T,) each."""

    def __init__(self, length: int) -> None:
        self.nats = np.zeros(length)
        self.likeliest = np.zeros(length, np.int32)
        self.likeliest_nats = np.zeros(length)

    def add(self, model: CharRNN, ids: Ids, streams: Streams, state: States) -> States:
        """Predict what some streams score; the state in the end of the longest of them."""
        predictor = Predictor(model, state)
        for made in predictor.predict(ids, streams):
            self.nats[made.places] = made.nats
            self.likeliest[made.places] = made.likeliest
            self.likeliest_nats[made.places] = made.likeliest_nats
        require_finite_predictions(float(self.nats.sum()))
        return predictor.state

    def part(self, begin: int, end: int) -> "Costs":
        """The predictions after position `begin`, up to `end`."""
        part = Costs(0)
        own = slice(begin + 1, end + 1)
        part.nats, part.likeliest = self.nats[own], self.likeliest[own]
        part.likeliest_nats = self.likeliest_nats[own]
        return part


def line_score(
    vocabulary: Vocabulary, item: Item, costs: Costs, end: str, unknown_bits: float | None
) -> LineScore:
    """The score of a line from the predictions of what was read of it and of what follows."""
    known = np.ones(len(item.symbols) + 1, np.bool_)
    known[:-1] = item.symbols != NOT_IN_VOCABULARY
    bits = np.full(len(known), UNIFORM_BITS if unknown_bits is None else unknown_bits)
    bits[known] = costs.nats / math.log(2)
    unknown = ~known
    if vocabulary.unknown_id is not None:
        unknown[:-1] = item.symbols == vocabulary.unknown_id
        if unknown_bits is not None:
            bits[unknown] = unknown_bits
    if not end:
        bits = bits[:-1]
    worst = int(bits.argmax())
    place = int(known[:worst].sum())
    return LineScore(
        number=item.number,
        text=item.text,
        characters=len(bits),
        bits=float(bits.sum()),
        unknown=int(unknown.sum()),
        worst=WorstSymbol(
            position=_position(vocabulary, item.text, worst),
            text=_symbol_text(vocabulary, item, worst) if worst < len(item.symbols) else end,
            bits=float(bits[worst]),
            expected=vocabulary.shown(int(costs.likeliest[place])),
            probability=math.exp(-costs.likeliest_nats[place]),
        ),
    )


def _position(vocabulary: Vocabulary, text: str, place: int) -> int:
    """The characters of a line before one of its symbols."""
    if vocabulary.level == "char":
        return place
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    return len(decoder.decode(vocabulary.points(text)[:place].tobytes()))


def _symbol_text(vocabulary: Vocabulary, item: Item, place: int) -> str:
    """One of a line's symbols as text; an unknown character as itself."""
    return item.text[place] if vocabulary.level == "char" else vocabulary.shown(item.symbols[place])
