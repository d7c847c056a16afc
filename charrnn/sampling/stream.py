"""One sample while it is being written: what is drawn goes in, what can be handed out comes out. It knows no network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from charrnn.config import SamplingConfig
from charrnn.sampling.constraint.bytes import LONGEST_BEGINNING, Speller
from charrnn.sampling.stopping import Ends, StopReason
from charrnn.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charrnn.sampling.constraint.automaton import Form, State
    from charrnn.sampling.history import Memory


@dataclass(slots=True)
class Piece:
    """The next part of a sample."""

    index: int
    """Which sample of its seed."""
    text: str
    log_probabilities: tuple[float, ...] = ()
    """Of each character in nats, as the model alone gives it; empty unless asked for."""
    stop: StopReason | None = None
    """In a sample's last piece why it ended."""


@dataclass
class Uniform:
    """The stream of random numbers of one sample, from 0 up to 1, made from (seed, index)."""

    seed: int | None
    index: int

    def __post_init__(self) -> None:
        seeds = np.random.SeedSequence(self.seed, spawn_key=(self.index,))
        self._generator = np.random.default_rng(seeds)
        self.next = self._generator.random
        """The next number."""

    def take(self, count: int) -> npt.NDArray[np.float64]:
        """The next so many, the same as one by one."""
        return self._generator.random(count)


@dataclass(slots=True)
class _Place:
    """How far a sample has come in a form."""

    form: "Form"
    state: "State"

    def advance(self, symbol: int) -> None:
        self.state = self.form.advance(self.state, symbol)

    def allowed(self, left: int) -> npt.NDArray[np.bool_]:
        return self.form.allowed(self.state, left)

    def accepts(self) -> bool:
        return self.form.accepts(self.state)

    def is_left_by(self, symbol: int, left: int) -> bool:
        """Whether the text was complete, and this goes on with something else; elsewhere only what fits is drawn."""
        return self.accepts() and not self.allowed(left)[symbol]

    def may_go_on(self) -> bool:
        return self.form.may_go_on(self.state)


class Writer:
    """A sample that is being written.

    Args:
        vocabulary: turns symbols into text.
        config: where the sample ends.
        before: the prime text, and the ids that the model has read for it.
        index: which sample of its seed it is.
        form: what it has to match, if anything.
        memory: of what it has written, if a rule looks back.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        config: SamplingConfig,
        before: tuple[str, Sequence[int]],
        index: int = 0,
        form: "Form | None" = None,
        memory: "Memory | None" = None,
    ) -> None:
        prime, prime_ids = before
        self.index = index
        self.memory = memory
        self.ends = Ends(config, prime)
        self.uniform = Uniform(config.seed, index)
        self._form = None if form is None else _Place(form, form.start)
        self._decode = vocabulary.decoder()
        is_byte = vocabulary.level == "byte"
        self._speller = Speller() if is_byte and form is None else None
        for symbol in prime_ids[-LONGEST_BEGINNING:] if is_byte else ():
            self._decode(
                symbol
            )  # a prime may end within a character, which the first bytes then complete
            if self._speller:
                self._speller.advance(symbol)
        self._tells = config.log_probabilities
        self._nats = 0.0
        self._told: list[float] = []
        self.in_bulk = (
            vocabulary.level == "char"
            and form is None
            and memory is None
            and not self._tells
            and not self.ends.needs_every_character
        )
        """Whether nothing but the number of symbols decides."""
        if self._form and not self._form.may_go_on():
            self.ends.reason = "form"

    @property
    def left(self) -> int:
        """Characters that may still be written."""
        return self.ends.most - self.ends.written

    def take_all(self, symbols: Sequence[int], nats: Sequence[float] | None = None) -> Piece:
        """Read symbols up to where the sample ends; the rest are ignored.

        Args:
            symbols: drawn one after the other.
            nats: the log-probability of each, if they are to be told.
        """
        if self.in_bulk:
            text = "".join(map(self._decode, symbols[: self.left]))
            self.ends.count(len(text))
            return Piece(self.index, text, (), self.ends.reason)
        pieces = []
        for symbol, nat in zip(symbols, nats or [0.0] * len(symbols), strict=True):
            pieces.append(self.take(symbol, nat))
            if pieces[-1].stop:
                break
        text = "".join(piece.text for piece in pieces)
        each = tuple(nat for piece in pieces for nat in piece.log_probabilities)
        return Piece(self.index, text, each, pieces[-1].stop)

    def take(self, symbol: int, nats: float = 0.0) -> Piece:
        """Read the symbol that was drawn, and its log-probability; hand out what that decides."""
        if self._form and self._form.is_left_by(symbol, self.left):
            self.ends.reason = "form"
            return self._piece(self.ends.rest())
        if self._speller:
            self._speller.advance(symbol)
        out = ""
        self._nats += nats
        for character in self._decode(symbol):
            if self.ends.reason is None:
                self._told.append(self._nats)
                self._nats = 0.0
                out += self.ends.take(character)
        if self._form:
            self._form.advance(symbol)
            if self.ends.reason or not self._form.may_go_on():
                self.ends.reason = "form"  # also where the length is reached: it is a match by then
        return self._piece(out)

    def _piece(self, text: str) -> Piece:
        told = self._told[: len(text)] if self._tells else []
        self._told = self._told[len(text) :] if self._tells else []
        return Piece(self.index, text, tuple(told), self.ends.reason)

    def allowed(self) -> npt.NDArray[np.bool_] | None:
        """What may be drawn next; None: everything.

        Of bytes those that make whole characters, or go on with the one that is begun.

        Where the form is complete everything is: a symbol that leaves it ends the sample, so that it ends as likely
        as the model would go on with something else.
        """
        if self._speller:
            return self._speller.allowed()
        if self._form is None or self._form.accepts():
            return None
        return self._form.allowed(self.left)


def mean(log_probabilities: Sequence[float]) -> float:
    """Nats per character; of none, NaN."""
    return math.fsum(log_probabilities) / len(log_probabilities) if log_probabilities else math.nan


def memories_of(writers: Sequence[Writer]) -> "list[Memory] | None":
    """The memory of each, or None if no rule looks back."""
    return [writer.memory for writer in writers if writer.memory] or None
