"""One sample while it is being written: what is drawn goes in, what can be handed out comes out. It knows no network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.config import SamplingConfig
from charrnn.sampling.ends import Ends, StopReason
from charrnn.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charrnn.sampling.form import Form
    from charrnn.sampling.memory import Memory


class Piece(NamedTuple):
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
        self.form = form
        self.form_state = form.start if form else None
        self._vocabulary = vocabulary
        self._decode = vocabulary.decoder()
        for (
            symbol
        ) in prime_ids:  # it may end within a character, which the first bytes then complete
            self._decode(symbol)
        self._tells = config.log_probabilities
        self._nats = 0.0
        self._told: list[float] = []
        self._in_bulk = (
            vocabulary.level == "char"
            and form is None
            and not self._tells
            and not self.ends.needs_every_character
        )
        if form and not form.may_go_on(self.form_state):
            self.ends.reason = "form"

    @property
    def left(self) -> int:
        """Characters that may still be written."""
        return self.ends.most - self.ends.written

    def take_all(
        self, symbols: npt.NDArray[np.integer], nats: npt.NDArray[np.float64] | None
    ) -> Piece:
        """Read symbols up to where the sample ends; the rest are ignored.

        Args:
            symbols: drawn one after the other.
            nats: the log-probability of each, if they are to be told.
        """
        if self._in_bulk:
            text = self._vocabulary.decode(symbols[: self.left])
            self.ends.count(len(text))
            return Piece(self.index, text, (), self.ends.reason)
        pieces = []
        told = [0.0] * len(symbols) if nats is None else nats.tolist()
        for symbol, nat in zip(symbols.tolist(), told, strict=True):
            pieces.append(self.take(symbol, nat))
            if pieces[-1].stop:
                break
        text = "".join(piece.text for piece in pieces)
        each = tuple(nat for piece in pieces for nat in piece.log_probabilities)
        return Piece(self.index, text, each, pieces[-1].stop)

    def take(self, symbol: int, nats: float = 0.0) -> Piece:
        """Read the symbol that was drawn, and its log-probability; hand out what that decides."""
        if self._in_bulk:
            self.ends.count(1)
            return Piece(self.index, self._decode(symbol), (), self.ends.reason)
        if self.form and not self._fits(symbol):
            self.ends.reason = "form"
            return self._piece(self.ends.rest())
        out = ""
        self._nats += nats
        for character in self._decode(symbol):
            if self.ends.reason is None:
                self._told.append(self._nats)
                self._nats = 0.0
                out += self.ends.take(character)
        if self.form and self.ends.reason in (None, "length", "max-chars"):
            self.form_state = self.form.advance(self.form_state, symbol)
            if not self.form.may_go_on(self.form_state):
                self.ends.reason = "form"
        return self._piece(out)

    def _fits(self, symbol: int) -> bool:
        assert self.form
        return bool(self.form.allowed(self.form_state, self.left)[symbol])

    def _piece(self, text: str) -> Piece:
        told = self._told[: len(text)] if self._tells else []
        self._told = self._told[len(text) :] if self._tells else []
        return Piece(self.index, text, tuple(told), self.ends.reason)

    def allowed(self) -> npt.NDArray[np.bool_] | None:
        """What may be drawn next; None: everything.

        Where the form is complete everything is: a symbol that leaves it ends the sample, so that it ends as likely
        as the model would go on with something else.
        """
        if self.form is None or self.form.accepts(self.form_state):
            return None
        return self.form.allowed(self.form_state, self.left)


def mean(log_probabilities: Sequence[float]) -> float:
    """Nats per character; of none, NaN."""
    return math.fsum(log_probabilities) / len(log_probabilities) if log_probabilities else math.nan


def memories_of(writers: Sequence[Writer]) -> "list[Memory] | None":
    """The memory of each, or None if no rule looks back."""
    return [writer.memory for writer in writers if writer.memory] or None
