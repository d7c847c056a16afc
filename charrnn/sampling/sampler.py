"""The generation loop: draw a symbol, yield the text that it completes, feed it to the model.

Every sample has its own stream of random numbers, made from (seed, index): a sample does not depend on how many others
are asked for. One sample multiplies a vector with the weights; several are rows of one matrix, which is several times
faster in all. The two round differently (no logit of two trained models by more than 0.00002, in 2,000 characters): a
text that is generated in both ways is the same unless a random number falls into so small a gap between two symbols,
and is equally likely in any case.
"""

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from charrnn.config import SamplingConfig
from charrnn.errors import DataError
from charrnn.network.shapes import count_parameters
from charrnn.numerics import Float, log_softmax
from charrnn.sampling.batch import MAX_BATCH, STRIDE, Batch
from charrnn.sampling.logits import LogitsProcessor
from charrnn.sampling.stopping import StopReason, limiting_setting, max_characters
from charrnn.sampling.stream import (
    Piece,
    RandomNumbers,
    SampleStream,
    UniformNumbers,
    histories_of,
    mean,
)
from charrnn.text.kinds import LINES, end_name, item_noun

if TYPE_CHECKING:
    from charrnn.model import CharRNN, States
    from charrnn.sampling.constraint.automaton import Constraint

WEIGHTS_PER_PIECE = 1 << 22
"""Weights that one sample multiplies with for a piece, so that the piece comes before a reader has to wait for it."""


@dataclass(frozen=True)
class Sample:
    """A complete sample."""

    index: int
    """Its number among the samples of its seed."""
    seed: int | None
    prompt: str
    text: str
    """What was generated after the prompt."""
    stop: StopReason
    log_probabilities: tuple[float, ...] = ()
    """Log-probability of each character in nats, under the model alone; empty unless asked for."""

    @property
    def mean_log_probability(self) -> float:
        """Nats per character; NaN for an empty sample, or if log-probabilities were not asked for."""
        return mean(self.log_probabilities)


def sample(
    model: "CharRNN", prompt: str, config: SamplingConfig, *, index: int = 0
) -> Iterator[str]:
    """Generate one sample, piece by piece.

    Args:
        model: the model that generates.
        prompt: read first. If it is empty the model reads a newline, if it knows it, so that the text begins like a
            line; otherwise it starts from its initial state. With `config.item_end` the model always reads that first,
            then the prompt.
        config: how to draw, and where to end.
        index: the sample's number among those of its seed.

    Raises:
        DataError: the prompt has characters that the model does not know (raised at once, not at the first character),
            or one item is asked for and the prompt has several.
        UsageError: a rule or a constraint cannot be satisfied.
    """
    pieces = generate(model, prompt, config, indices=(index,))
    return (piece.text for piece in pieces if piece.text)


def generate(
    model: "CharRNN",
    prompt: str,
    config: SamplingConfig,
    *,
    indices: Iterable[int] = (0,),
    batch_size: int = 1,
) -> Iterator[Piece]:
    """Generate samples, and yield their pieces as they are made; the last piece of each has a `stop`.

    Closing the generator ends the sampling. Two of them share nothing, so that each may run in a thread of its own.

    Args:
        model: the model that generates.
        prompt: see `sample`.
        config: how to draw, and where to end.
        indices: which samples of the seed; may be infinite.
        batch_size: samples generated in parallel, which mixes their pieces; at most MAX_BATCH count.

    Raises:
        DataError, UsageError: see `sample`.
    """
    return _Run(model, prompt, config).pieces(iter(indices), batch_size)


def in_order(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Mixed pieces sorted by sample, in the order in which the samples began; the first unfinished one comes live."""
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


def collect(pieces: Iterable[Piece], prompt: str, config: SamplingConfig) -> Iterator[Sample]:
    """Complete samples, made of pieces in order."""
    texts: list[str] = []
    log_probs: list[float] = []
    for piece in pieces:
        texts.append(piece.text)
        log_probs.extend(piece.log_probabilities)
        if piece.stop:
            text = "".join(texts)
            yield Sample(piece.index, config.seed, prompt, text, piece.stop, tuple(log_probs))
            texts, log_probs = [], []


def generate_items(
    model: "CharRNN", prompt: str, config: SamplingConfig, *, index: int = 0
) -> Iterator[Piece]:
    """Generate item after item, each from the initial state, until `config.length` characters are generated.

    Args:
        model: the model that generates.
        prompt: the beginning of the first item; the others begin with nothing.
        config: how to draw, and with which character an item ends; a newline if it does not say.
        index: the number of the first item among the samples of the seed; each other item has the next one.

    Yields:
        The pieces of all items, each with its end; only the very last one has a `stop`.

    Raises:
        DataError, UsageError: see `sample`.
    """
    end, left = config.item_end or LINES.end, config.length
    while True:
        one = dataclasses.replace(config, length=left, item_end=end)
        for piece in generate(model, prompt, one, indices=(index,)):
            text = piece.text + (end if piece.stop == "end" else "")
            left -= len(text)
            stop = piece.stop if left <= 0 else None
            yield dataclasses.replace(piece, text=text, stop=stop)
        if left <= 0:
            return
        prompt, index = "", index + 1


def full_prompt(model: "CharRNN", prompt: str, *, item_end: str | None) -> str:
    """The text that a model reads for a prompt: the end of an item before that of a single item, or a newline for none.

    A model without the newline in its vocabulary reads nothing for an empty prompt.
    """
    if item_end is not None:
        return item_end + prompt
    return prompt or ("" if model.vocabulary.missing("\n") else "\n")


def read_prompt(model: "CharRNN", ids: Iterable[int]) -> "tuple[Float, States]":
    """The logits (V,) after these symbols, read one by one from the initial state, and the state."""
    state = model.initial_state()
    for symbol in ids:
        state, _ = model.advance(symbol, state)
    return model.logits(state), state


def _drawing(
    model: "CharRNN", config: SamplingConfig
) -> tuple[LogitsProcessor, Callable[[int | None, int], RandomNumbers]]:
    """How symbols of a model are drawn: its processor, and the random numbers of a seed and an index."""
    if not model.is_exact:
        return LogitsProcessor(config, model.vocabulary), UniformNumbers
    from charrnn.exact.numbers import ExactNumbers
    from charrnn.sampling.exact import ExactProcessor

    return ExactProcessor(config, model.vocabulary), ExactNumbers


class _Run:
    """What the samples of one prompt and one config share."""

    def __init__(self, model: "CharRNN", prompt: str, config: SamplingConfig) -> None:
        if (end := config.item_end) is not None:
            if end in prompt:
                raise DataError(
                    f"the prompt has a {end_name(end)}, so it cannot begin a single {item_noun(end)}"
                )
            if model.vocabulary.missing(end):
                raise DataError(
                    f"the model has no {end_name(end)} in its vocabulary, so it cannot generate {item_noun(end)}s"
                )
        self.model, self.config, self.prompt = model, config, prompt
        read = full_prompt(model, prompt, item_end=config.item_end)
        self.prompt_ids: list[int] = model.vocabulary.encode(read).tolist()
        self.processor, self._numbers = _drawing(model, config)
        self.constraint: Constraint | None = None
        if config.match is not None:
            from charrnn.sampling.constraint.automaton import compile_constraint

            self.constraint = compile_constraint(config.match, model.vocabulary)
            self.constraint.require(max_characters(config), limiting_setting(config))

    def pieces(self, indices: Iterator[int], batch_size: int) -> Iterator[Piece]:
        """The pieces of these samples; see `generate`."""
        if reason := self.begin(0).stopping.reason:  # there is nothing to generate
            yield from (Piece(index, "", (), reason) for index in indices)
        elif batch_size > 1:
            yield from self._in_batches(indices, min(batch_size, MAX_BATCH))
        else:
            for index in indices:
                yield from self._one(index)

    def begin(self, index: int) -> SampleStream:
        """The stream of a sample, before its first character."""
        return SampleStream(
            self.model.vocabulary,
            self.config,
            (self.prompt, self.prompt_ids),
            index,
            self.constraint,
            self.processor.new_history(self.prompt_ids),
            self._numbers(self.config.seed, index),
        )

    @cached_property
    def start(self) -> "tuple[Float, States]":
        """The logits (V,) after the prompt, and the state."""
        return read_prompt(self.model, self.prompt_ids)

    def _one(self, index: int) -> Iterator[Piece]:
        """The pieces of a sample generated by itself: each product is one of a vector and a matrix."""
        stream = self.begin(index)
        if stream.in_bulk:
            yield from self._in_bulk(stream)
            return
        histories, reports = histories_of([stream]), self.config.log_probabilities
        draw, step = self.processor.draw, self.model.step
        logits, state = self.start
        while True:
            u, position, allowed = stream.uniform.next(), stream.stopping.num_read, stream.allowed()
            symbol = int(draw(logits, u, position=position, histories=histories, allowed=allowed))
            piece = stream.read(symbol, log_softmax(logits)[symbol].item() if reports else 0.0)
            if piece.text or piece.stop:
                yield piece
            if piece.stop:
                break
            if stream.history:
                stream.history.append(symbol)
            logits, state, _ = step(symbol, state)

    def _in_bulk(self, stream: SampleStream) -> Iterator[Piece]:
        """The pieces of a sample whose end depends on its length alone: several symbols each."""
        draw, step = self.processor.draw, self.model.step
        stride = min(max(1, WEIGHTS_PER_PIECE // count_parameters(self.model.config)), STRIDE)
        logits, state = self.start
        while True:
            symbols = []
            for position, u in enumerate(
                stream.uniform.take(stride).tolist(), stream.stopping.num_read
            ):
                symbols.append(symbol := int(draw(logits, u, position=position)))
                logits, state, _ = step(symbol, state)
            piece = stream.read_all(symbols)
            yield piece
            if piece.stop:
                break

    def _in_batches(self, indices: Iterator[int], batch_size: int) -> Iterator[Piece]:
        """The pieces of samples generated side by side; where one ends, the next begins in its row."""
        streams = [self.begin(index) for index in itertools.islice(indices, batch_size)]
        batch = Batch(self.model, self.processor, self.start, streams)
        while batch.streams:
            ended = []
            for row, piece in enumerate(batch.advance()):
                yield piece
                if piece.stop:
                    ended.append(row)
            batch.replace(ended, [self.begin(i) for i in itertools.islice(indices, len(ended))])
