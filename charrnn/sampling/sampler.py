"""The loop that writes: draw a symbol, hand out the text it completes, read it, again.

Every sample has its own stream of random numbers, made from (seed, index): a sample does not depend on how many others
are asked for. One stream multiplies a vector with the weights; several are lanes of one matrix, which is several times
faster in all. The two round differently (no logit of two trained models by more than 0.00002, in 2,000 characters): a
text that is written in both ways is the same unless a random number falls into so small a gap between two symbols, and
is as likely in any case.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from charrnn.config import SamplingConfig
from charrnn.errors import DataError
from charrnn.network.shapes import count_parameters
from charrnn.numerics import log_softmax
from charrnn.sampling.logits import Chooser
from charrnn.sampling.prime import after, before
from charrnn.sampling.stopping import StopReason, limiting_option, most_characters
from charrnn.sampling.stream import Piece, Writer, mean, memories_of

if TYPE_CHECKING:
    from charrnn.model import CharRNN, States
    from charrnn.sampling.constraint.automaton import Form

Float = npt.NDArray[np.float32]
LANES = 64
"""Samples that are written side by side, at most."""
STRIDE = 16
"""Symbols that are drawn for a lane before its text is looked at, at most, where only their number decides."""
WEIGHTS_A_PIECE = 1 << 22
"""The weights that one stream reads for such a piece, so that it is there before anybody waits for it."""


@dataclass(frozen=True)
class Sample:
    """A sample, whole."""

    index: int
    seed: int | None
    prime: str
    text: str
    """What was written after the prime."""
    stop: StopReason
    log_probabilities: tuple[float, ...] = ()
    """Of each character in nats, as the model alone gives it; empty unless asked for."""

    @property
    def mean_log_probability(self) -> float:
        """Nats per character; NaN if there is none, or if it was not asked for."""
        return mean(self.log_probabilities)


def sample(
    model: "CharRNN", prime: str, config: SamplingConfig, *, index: int = 0
) -> Iterator[str]:
    """Write one sample, handed out as it is made.

    Args:
        model: writes.
        prime: read first. Without one the model reads a newline, if it knows it, so that the text begins as a line
            does; else it starts from its first state. With `config.line` it always reads a newline, then the prime.
        config: how to draw, and where to end.
        index: which of several samples of the same seed this is.

    Raises:
        DataError: the prime has characters that the model does not know (raised at once, not at the first character),
            or one line is asked for and the prime has several.
        UsageError: a rule or a form cannot be obeyed.
    """
    pieces = write(model, prime, config, indices=(index,))
    return (piece.text for piece in pieces if piece.text)


def write(
    model: "CharRNN",
    prime: str,
    config: SamplingConfig,
    *,
    indices: Iterable[int] = (0,),
    lanes: int = 1,
) -> Iterator[Piece]:
    """Write samples, and hand out their pieces as they are made; each sample's last one has a `stop`.

    Closing the generator ends the writing. Nothing is shared between two of them, so that each may run in a thread of
    its own.

    Args:
        model: writes.
        prime: see `sample`.
        config: how to draw, and where to end.
        indices: which samples of the seed; there may be no end of them.
        lanes: how many are written side by side; their pieces are then mixed.

    Raises:
        DataError, UsageError: see `sample`.
    """
    return _Run(model, prime, config).pieces(iter(indices), lanes)


def in_order(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces in the order in which their samples were begun; those of the first unfinished sample as they come."""
    waiting: dict[int, list[Piece]] = defaultdict(list)
    begun: list[int] = []
    for piece in pieces:
        if piece.index not in waiting:
            begun.append(piece.index)
        waiting[piece.index].append(piece)
        while begun and waiting[begun[0]]:
            current = begun[0]
            yield from waiting[current]
            ended = waiting[current][-1].stop
            waiting[current] = []
            if not ended:
                break
            del waiting[begun.pop(0)]


def collect(pieces: Iterable[Piece], prime: str, config: SamplingConfig) -> Iterator[Sample]:
    """Whole samples, made of pieces in order."""
    texts: list[str] = []
    told: list[float] = []
    for piece in pieces:
        texts.append(piece.text)
        told.extend(piece.log_probabilities)
        if piece.stop:
            yield Sample(piece.index, config.seed, prime, "".join(texts), piece.stop, tuple(told))
            texts, told = [], []


def sample_lines(model: "CharRNN", seed: int, length: int) -> Iterator[str]:
    """Whole lines, one after another, each begun afresh, until `length` characters are written; the last may be cut."""
    index = 0
    while length > 0:
        config = SamplingConfig(length=length, seed=seed, line=True)
        for text in sample(model, "", config, index=index):
            yield text
            length -= len(text)
        index += 1


class _Run:
    """What the samples of one prime and one config share."""

    def __init__(self, model: "CharRNN", prime: str, config: SamplingConfig) -> None:
        if config.line and "\n" in prime:
            raise DataError("the prime has a newline, and cannot begin one line")
        if config.line and model.vocabulary.missing("\n"):
            raise DataError(
                "the model knows no newline, so it cannot write lines", "add --no-lines"
            )
        self.model, self.config, self.prime_text = model, config, prime
        read = before(model, prime, line=config.line)
        self.prime: list[int] = model.vocabulary.encode(read).tolist()
        self.chooser = Chooser(config, model.vocabulary)
        self.form: Form | None = None
        if config.match is not None:
            from charrnn.sampling.constraint.automaton import compile_form

            self.form = compile_form(config.match, model.vocabulary)
            self.form.require(most_characters(config), limiting_option(config))

    def pieces(self, indices: Iterator[int], lanes: int) -> Iterator[Piece]:
        """See `write`."""
        if reason := self.begin(0).ends.reason:  # there is nothing to write
            yield from (Piece(index, "", (), reason) for index in indices)
        elif lanes > 1:
            yield from self._side_by_side(indices, min(lanes, LANES))
        else:
            for index in indices:
                yield from self._one(index)

    def begin(self, index: int) -> Writer:
        """A sample of which nothing is written."""
        memory = self.chooser.new_memory(self.prime)
        prime = self.prime_text, self.prime
        return Writer(self.model.vocabulary, self.config, prime, index, self.form, memory)

    @cached_property
    def primed(self) -> "tuple[Float, States]":
        """The logits (V,) after the prime, and the state."""
        return after(self.model, self.prime)

    def _one(self, index: int) -> Iterator[Piece]:
        """A sample by itself: each product is one of a vector and a matrix."""
        writer = self.begin(index)
        if writer.in_bulk:
            yield from self._in_bulk(writer)
            return
        memories = memories_of([writer])
        choose, step, tells = self.chooser.choose, self.model.step, self.config.log_probabilities
        logits, state = self.primed
        while True:
            u, written, allowed = writer.uniform.next(), writer.ends.written, writer.allowed()
            symbol = int(choose(logits, u, written=written, memories=memories, allowed=allowed))
            piece = writer.take(symbol, log_softmax(logits)[symbol].item() if tells else 0.0)
            if piece.text or piece.stop:
                yield piece
            if piece.stop:
                break
            if writer.memory:
                writer.memory.remember(symbol)
            logits, state, _ = step(symbol, state)

    def _in_bulk(self, writer: Writer) -> Iterator[Piece]:
        """The same where only the number of symbols decides: some at a time, fewer the larger the network is."""
        choose, step = self.chooser.choose, self.model.step
        stride = min(max(1, WEIGHTS_A_PIECE // count_parameters(self.model.config)), STRIDE)
        logits, state = self.primed
        while True:
            symbols = []
            for written, u in enumerate(writer.uniform.take(stride).tolist(), writer.ends.written):
                symbols.append(symbol := int(choose(logits, u, written=written)))
                logits, state, _ = step(symbol, state)
            piece = writer.take_all(symbols)
            yield piece
            if piece.stop:
                break

    def _side_by_side(self, indices: Iterator[int], lanes: int) -> Iterator[Piece]:
        """Samples in lanes: each product is one of two matrices. Where one ends, the next begins in its lane."""
        block = _Block(self, [self.begin(index) for index in itertools.islice(indices, lanes)])
        while block.writers:
            ended = []
            for lane, piece in enumerate(block.advance()):
                yield piece
                if piece.stop:
                    ended.append(lane)
            block.replace(ended, [self.begin(i) for i in itertools.islice(indices, len(ended))])


class _Block:
    """The lanes of several samples, N of them."""

    def __init__(self, run: _Run, writers: list[Writer]) -> None:
        self.run = run
        self.writers = writers
        self._first = run.primed
        lanes = len(writers)
        self._logits = np.repeat(self._first[0][None], lanes, axis=0)
        self._state = _each(lambda a: np.repeat(a[None], lanes, axis=0), self._first[1])
        self._stride = STRIDE if writers[0].in_bulk else 1

    def advance(self) -> list[Piece]:
        """Draw some symbols in every lane; the piece of each."""
        run, lanes = self.run, len(self.writers)
        written = np.array([writer.ends.written for writer in self.writers])
        u = np.stack([writer.uniform.take(self._stride) for writer in self.writers])  # (N, stride)
        symbols = np.empty((lanes, self._stride), np.int64)
        nats = np.empty((lanes, self._stride)) if run.config.log_probabilities else None
        memories = memories_of(self.writers)
        for k in range(self._stride):
            chosen = run.chooser.choose(
                self._logits,
                u[:, k],
                written=written + k,
                memories=memories,
                allowed=self._allowed(),
            )
            symbols[:, k] = chosen
            if nats is not None:
                nats[:, k] = log_softmax(self._logits)[np.arange(lanes), chosen]
            for memory, symbol in zip(memories or (), chosen.tolist(), strict=False):
                memory.remember(symbol)
            self._logits, self._state, _ = run.model.step(chosen, self._state)
        return [
            writer.take_all(symbols[lane].tolist(), None if nats is None else nats[lane].tolist())
            for lane, writer in enumerate(self.writers)
        ]

    def _allowed(self) -> npt.NDArray[np.bool_] | None:
        if self.run.form is None and self.run.model.vocabulary.level == "char":
            return None
        everything = np.ones(self._logits.shape[1], np.bool_)
        masks = [writer.allowed() for writer in self.writers]
        return np.stack([everything if mask is None else mask for mask in masks])

    def replace(self, ended: list[int], writers: list[Writer]) -> None:
        """Begin other samples in lanes that have ended; lanes for which there is none go."""
        first_logits, first_state = self._first
        for lane, writer in zip(ended, writers, strict=False):
            self.writers[lane] = writer
            self._logits[lane] = first_logits
            for layer, first in zip(self._state, first_state, strict=True):
                for array, begin in zip(layer, first, strict=True):
                    array[lane] = begin
        if gone := ended[len(writers) :]:
            kept = [lane for lane in range(len(self.writers)) if lane not in gone]
            self.writers = [self.writers[lane] for lane in kept]
            self._logits = self._logits[kept]
            self._state = _each(lambda a: a[kept], self._state)


def _each(function: Callable[[Float], Float], state: "States") -> "States":
    """A state with a function applied to all its arrays."""
    return tuple(tuple(map(function, layer)) for layer in state)
