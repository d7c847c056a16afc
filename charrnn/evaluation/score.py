"""A score for each line: what a line costs a model in bits, and where it surprises most.

Two protocols, the same as those of `charrnn.evaluation.evaluate`:

    each line by itself    the model reads a newline from its initial state, then the line; empty lines are left out
    carried                the model reads a newline from its initial state, then all lines, one after another

In both it predicts every character of a line and the newline that ends it, so that the costs of all lines together are
those that `evaluate` gives the file. Of candidates that continue a prompt, the same prompt precedes each. What is said
of lines and newlines holds for records and documents and what ends those (see `charrnn.text.kinds`).

A character that the model does not know cannot be read, and yet it must not be free: it costs a number of bits of its
own, so that scores compare.
"""

import codecs
import itertools
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.errors import UsageError
from charrnn.evaluation.predictions import Predictor
from charrnn.evaluation.streams import MAX_ITEMS, Streams, item_streams, resumed_stretches
from charrnn.model import CharRNN, States
from charrnn.numerics import Ids, require_finite_predictions
from charrnn.settings import require
from charrnn.text.kinds import LINES, end_name, item_end_of, item_noun
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary

UNIFORM_BITS = math.log2(sys.maxunicode + 1)
"""The bits of a character when each code point of Unicode is equally likely: 20.09."""
STREAM_LENGTH = 8192
"""Characters per stream of carried lines: fewer are read in one stream."""
WARM_UP = 1024
"""Characters that a stream of carried lines reads, unscored, before its own."""
MAX_STREAMS = 64
BLOCK = STREAM_LENGTH * MAX_STREAMS
"""Characters of many lines that are scored together."""


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
        """The mean cost of a symbol in bits."""
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


def score(
    model: CharRNN,
    lines: Iterable[str],
    *,
    item_end: str | None = None,
    carried: bool = False,
    unknown_bits: float | None = None,
) -> list[LineScore]:
    """Score each line of a text, as the model was trained to read it: its cost in bits, and where it surprises most.

    A model of running text reads each line after those before it. One that was trained on lines reads each by itself,
    after a newline, and leaves out empty ones; the same holds for records and documents.

    Args:
        model: the model to judge by.
        lines: the lines, such as an open file; a newline at the end of one is its end, and not counted twice.
        item_end: score each line by itself, if this is a newline (see `charrnn.text.kinds`); None: as the model was
            trained.
        carried: whether each line is read after those before it even by a model of lines.
        unknown_bits: the cost in bits of a character that the model does not know; None: that of the model's unknown
            symbol, or without one UNIFORM_BITS.

    Returns:
        A score for each line, in order. Their bits add up to those of `evaluate` for the same text.

    Raises:
        UsageError: the vocabulary lacks the end of a line, `lines` is a text, or `unknown_bits` is below 0.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.

    Example:
        max(charrnn.score(model, open("access.log")), key=lambda line: line.bits_per_char)
    """
    if isinstance(lines, str):
        raise UsageError("score takes lines, not a text", "split it: text.splitlines()")
    end = None if carried else item_end or item_end_of(model.reading)
    scorer = LineScorer(
        model, carried=end is None, item_end=end or LINES.end, unknown_bits=unknown_bits
    )
    return [line for block in _blocks(lines) for line in scorer.score(block)]


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines in lists of about BLOCK characters, so that little is in memory at once."""
    block: list[str] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size >= BLOCK:
            yield block
            block, size = [], 0
    yield block


class LineScorer:
    """A model that scores lines as they arrive.

    Args:
        model: the model to judge by.
        carried: whether each line is read after those before it.
        item_end: the character that ends a line.
        unknown_bits: see `score`.
        max_streams: segments of carried lines that are read in parallel, if there are enough lines at once; with 1,
            scores do not depend on how many lines arrive together.

    Raises:
        UsageError: the vocabulary lacks `item_end`, or `unknown_bits` is below 0.
    """

    def __init__(
        self,
        model: CharRNN,
        *,
        carried: bool = False,
        item_end: str = LINES.end,
        unknown_bits: float | None = None,
        max_streams: int = MAX_STREAMS,
    ) -> None:
        _require_bits(unknown_bits)
        self._model = model
        self._end_symbol = _end_symbol(model.vocabulary, item_end)
        self._item_end = item_end
        self._state = model.initial_state(1) if carried else None
        """The state before the end that precedes the next line; None if each line is read by itself."""
        self._unknown_bits = unknown_bits
        self._max_streams = max_streams
        self._number = 0
        """The lines so far."""

    def score(self, lines: Sequence[str]) -> list[LineScore]:
        """The scores of the next lines. See `score` for lines and errors."""
        items = [
            _item(self._model.vocabulary, number, line.removesuffix(self._item_end))
            for number, line in enumerate(lines, self._number + 1)
        ]
        self._number += len(lines)
        if self._state is None:
            items = [item for item in items if item.text]
        if not items:
            return []
        end = np.array([self._end_symbol], np.int32)
        ids = np.concatenate([end, *(part for item in items for part in (item.read, end))])
        bounds = np.cumsum([0, *(1 + len(item.read) for item in items)])
        made = self._read(ids, bounds)
        return [
            _scored(
                self._model.vocabulary, item, made.part(*ends), self._item_end, self._unknown_bits
            )
            for item, ends in zip(items, itertools.pairwise(bounds), strict=True)
        ]

    def _read(self, ids: Ids, bounds: npt.NDArray[np.int64]) -> "_Costs":
        """Predict lines, which are between these positions of their ends."""
        costs = _Costs(len(ids))
        if self._state is None:
            for group in item_streams(bounds).groups(MAX_ITEMS):
                costs.add(self._model, ids, group, self._model.initial_state(len(group)))
        else:
            num_streams = min(self._max_streams, max(1, len(ids) // STREAM_LENGTH))
            streams = resumed_stretches(len(ids), num_streams, WARM_UP)
            state = _resumed(self._model, self._state, streams)
            ended = costs.add(self._model, ids, streams, state)
            self._state = tuple(tuple(s[-1:] for s in layer) for layer in ended)
        return costs


def _end_symbol(vocabulary: Vocabulary, item_end: str) -> int:
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


def _require_bits(unknown_bits: float | None) -> None:
    """Raise SettingError unless this is a cost, or None."""
    sound = unknown_bits is None or 0 <= unknown_bits < math.inf
    require(sound, "unknown_bits", "a number, 0 or more", unknown_bits)


def _resumed(model: CharRNN, state: States, streams: Streams) -> States:
    """The state before each stream, (N, H): of those that begin where the last text ended, the state that it left."""
    begins = (streams.first == 0)[:, None]
    fresh = model.initial_state(len(streams))
    return tuple(
        tuple(np.where(begins, old, new) for old, new in zip(*layers, strict=True))
        for layers in zip(state, fresh, strict=True)
    )


# --- candidates -----------------------------------------------------------------------------------


def score_candidates(
    model: CharRNN,
    prompt: str,
    candidates: Sequence[str],
    *,
    item_end: str | None = None,
    unknown_bits: float | None = None,
) -> list[LineScore]:
    """Score texts that may follow a prompt.

    Args:
        model: the model to judge by.
        prompt: what precedes each candidate; an empty one stands for a newline.
        candidates: the texts.
        item_end: the character that ends a line, if the prompt begins one and a candidate ends it: it is read before
            the prompt, and scored after the candidate.
        unknown_bits: see `score`.

    Returns:
        A score for each candidate, in their order; their numbers count from 1.

    Raises:
        UsageError: a candidate is empty and no line's end, the vocabulary lacks `item_end` or the newline that stands
            for a prompt, or `unknown_bits` is below 0.
        DataError: the prompt has characters that the model does not know.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.
    """
    _require_bits(unknown_bits)
    vocabulary = model.vocabulary
    if not (item_end or all(candidates)):
        raise UsageError("a candidate is empty: there is nothing to score")
    if item_end or not prompt:
        _end_symbol(vocabulary, item_end or LINES.end)
    opening = vocabulary.encode(item_end + prompt if item_end else prompt or LINES.end)
    _, state = model.run(opening[:-1], model.initial_state())
    items = [_item(vocabulary, number, text) for number, text in enumerate(candidates, start=1)]
    # What follows a candidate is predicted even if it is not scored: it says what was expected there.
    end = vocabulary.encode(item_end) if item_end else opening[-1:]
    ids = np.concatenate([part for item in items for part in (opening[-1:], item.read, end)])
    last = np.cumsum([2 + len(item.read) for item in items]) - 1
    first = last - [1 + len(item.read) for item in items]
    costs = _Costs(len(ids))
    order = np.argsort(last - first, kind="stable")
    for group in Streams(first[order], first[order], last[order]).groups(MAX_ITEMS):
        repeated = tuple(
            tuple(np.repeat(s[None], len(group), axis=0) for s in layer) for layer in state
        )
        costs.add(model, ids, group, repeated)
    return [
        _scored(vocabulary, item, costs.part(*ends), item_end or "", unknown_bits)
        for item, ends in zip(items, zip(first, last, strict=True), strict=True)
    ]


# --- costs ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Item:
    """A line as a model reads it."""

    number: int
    text: str
    symbols: Ids
    """Each of its symbols, or NOT_IN_VOCABULARY, (S,)."""
    read: Ids
    """The symbols that the model knows."""


def _item(vocabulary: Vocabulary, number: int, text: str) -> _Item:
    symbols = vocabulary.lookup(vocabulary.points(text))
    return _Item(number, text, symbols, symbols[symbols != NOT_IN_VOCABULARY])


class _Costs:
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

    def part(self, begin: int, end: int) -> "_Costs":
        """The predictions after position `begin`, up to `end`."""
        part = _Costs(0)
        for name, array in vars(self).items():
            setattr(part, name, array[begin + 1 : end + 1])
        return part


def _scored(
    vocabulary: Vocabulary, item: _Item, costs: _Costs, end: str, unknown_bits: float | None
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


def _symbol_text(vocabulary: Vocabulary, item: _Item, place: int) -> str:
    """One of a line's symbols as text; an unknown character as itself."""
    return item.text[place] if vocabulary.level == "char" else vocabulary.shown(item.symbols[place])
