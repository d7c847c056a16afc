"""A sample in progress: drawn symbols go in, finished text comes out.

It knows no network.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from numpy.random import SeedSequence, default_rng

from charrnn.config import SamplingConfig
from charrnn.numerics import Float64, Mask
from charrnn.sampling.stopping import StoppingCriteria, StopReason
from charrnn.text.utf8 import LONGEST_BEGINNING, Utf8Reader
from charrnn.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charrnn.sampling.constraint.automaton import Constraint, ConstraintState
    from charrnn.sampling.history import History


@dataclass(slots=True)
class Piece:
    """The next part of a sample."""

    index: int
    """The sample's number among those of its seed."""
    text: str
    log_probabilities: tuple[float, ...] = ()
    """Log-probability of each character in nats, under the model alone; empty unless asked for."""
    stop: StopReason | None = None
    """Why the sample ended; set only on its last piece."""


class RandomNumbers(Protocol):
    """The random numbers of one sample, uniform in [0, 1)."""

    @property
    def next(self) -> Callable[[], float]:
        """Gives the next number."""

    def take(self, count: int) -> Float64:
        """The next `count` numbers, the same as one by one."""


@dataclass
class UniformNumbers:
    """The random numbers of one sample, uniform in [0, 1), determined by (seed, index)."""

    seed: int | None
    index: int

    def __post_init__(self) -> None:
        seeds = SeedSequence(self.seed, spawn_key=(self.index,))
        self._generator = default_rng(seeds)
        self.next = self._generator.random
        """The next number."""

    def take(self, count: int) -> Float64:
        """The next `count` numbers, the same as one by one."""
        return self._generator.random(count)


@dataclass(slots=True)
class _Match:
    """How far a sample has come in matching a constraint."""

    constraint: "Constraint"
    state: "ConstraintState"

    def advance(self, symbol: int) -> None:
        self.state = self.constraint.advance(self.state, symbol)

    def allowed(self, left: int) -> Mask:
        return self.constraint.allowed(self.state, left)

    def is_complete(self) -> bool:
        return self.constraint.accepts(self.state)

    def is_left_by(self, symbol: int, left: int) -> bool:
        """Whether the match is complete and this symbol does not extend it."""
        return self.is_complete() and not self.allowed(left)[symbol]

    def can_go_on(self) -> bool:
        return self.constraint.can_go_on(self.state)


class SampleStream:
    """A sample that is being generated.

    Args:
        vocabulary: turns symbols into text.
        config: where the sample ends.
        prompt: the prompt, and the ids that the model has read for it.
        index: the sample's number among those of its seed.
        constraint: what the sample has to match, if anything.
        history: the symbols generated so far, if a rule looks back.
        numbers: its random numbers; None: those of the config's seed and the index.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        config: SamplingConfig,
        prompt: tuple[str, Sequence[int]],
        index: int = 0,
        constraint: "Constraint | None" = None,
        history: "History | None" = None,
        numbers: RandomNumbers | None = None,
    ) -> None:
        text, ids = prompt
        self.index = index
        self.history = history
        self.stopping = StoppingCriteria(config, text)
        self.uniform = numbers or UniformNumbers(config.seed, index)
        self._match = None if constraint is None else _Match(constraint, constraint.start)
        self._decode = vocabulary.decoder("surrogateescape" if config.any_bytes else "replace")
        is_byte = vocabulary.level == "byte"
        is_free = constraint is not None or config.any_bytes
        self._utf8 = Utf8Reader() if is_byte and not is_free else None
        for symbol in ids[-LONGEST_BEGINNING:] if is_byte else ():
            self._decode(
                symbol
            )  # a prompt may end within a character, completed by the first bytes
            if self._utf8:
                self._utf8.advance(symbol)
        self._reports_log_probs = config.log_probabilities
        self._log_p = 0.0
        self._log_probs: list[float] = []
        self.in_bulk = (
            vocabulary.level == "char"
            and constraint is None
            and history is None
            and not self._reports_log_probs
            and not self.stopping.needs_every_character
        )
        """Whether only the number of symbols decides where the sample ends."""
        if self._match and not self._match.can_go_on():
            self.stopping.reason = "match"

    @property
    def left(self) -> int:
        """Characters that may still be generated."""
        return self.stopping.max_characters - self.stopping.num_read

    def read_all(self, symbols: Sequence[int], log_probs: Sequence[float] | None = None) -> Piece:
        """Read symbols up to where the sample ends; the rest are ignored.

        Args:
            symbols: drawn one after another.
            log_probs: the log-probability of each, if they are reported.
        """
        if self.in_bulk:
            text = "".join(map(self._decode, symbols[: self.left]))
            self.stopping.count(len(text))
            return Piece(self.index, text, (), self.stopping.reason)
        pieces = []
        for symbol, log_p in zip(symbols, log_probs or [0.0] * len(symbols), strict=True):
            pieces.append(self.read(symbol, log_p))
            if pieces[-1].stop:
                break
        text = "".join(piece.text for piece in pieces)
        each = tuple(log_p for piece in pieces for log_p in piece.log_probabilities)
        return Piece(self.index, text, each, pieces[-1].stop)

    def read(self, symbol: int, log_p: float = 0.0) -> Piece:
        """Read the symbol that was drawn, and its log-probability; return what can be handed out now."""
        if self._match and self._match.is_left_by(symbol, self.left):
            self.stopping.reason = "match"
            return self._piece(self.stopping.flush())
        if self._utf8:
            self._utf8.advance(symbol)
        text = ""
        self._log_p += log_p
        for character in self._decode(symbol):
            if self.stopping.reason is None:
                self._log_probs.append(self._log_p)
                self._log_p = 0.0
                text += self.stopping.read(character)
        if self._match:
            self._match.advance(symbol)
            if self.stopping.reason or not self._match.can_go_on():
                self.stopping.reason = "match"  # at the full length too: it is a match by then
        return self._piece(text)

    def _piece(self, text: str) -> Piece:
        log_probs = self._log_probs[: len(text)] if self._reports_log_probs else []
        self._log_probs = self._log_probs[len(text) :] if self._reports_log_probs else []
        return Piece(self.index, text, tuple(log_probs), self.stopping.reason)

    def allowed(self) -> Mask | None:
        """The symbols that may be drawn next, (V,); None allows all.

        Of bytes, those that continue or begin a well-formed character. Where a constraint is matched in full, all: a
        symbol that leaves the match ends the sample, so that it ends as often as the model would go on differently.
        """
        if self._utf8:
            return self._utf8.allowed()
        if self._match is None or self._match.is_complete():
            return None
        return self._match.allowed(self.left)


def mean(log_probabilities: Sequence[float]) -> float:
    """The mean of log-probabilities in nats per character; NaN if there are none."""
    return math.fsum(log_probabilities) / len(log_probabilities) if log_probabilities else math.nan


def histories_of(streams: Sequence[SampleStream]) -> "list[History] | None":
    """The history of each stream, or None if no rule looks back."""
    return [stream.history for stream in streams if stream.history] or None
