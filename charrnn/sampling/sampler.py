"""The loop that writes: draw a symbol, hand out the text it completes, read it, again.

Every sample has its own stream of random numbers, made from (seed, index): a sample does not depend
on how many others are asked for.
"""

from collections.abc import Iterator

import numpy as np

from charrnn.config import SamplingConfig
from charrnn.errors import DataError
from charrnn.model import CharRNN
from charrnn.sampling.chooser import Chooser


def sample(model: CharRNN, prime: str, config: SamplingConfig, *, index: int = 0) -> Iterator[str]:
    """Write `config.length` characters after `prime`, or up to the end of the line, handed out as they are made.

    Args:
        model: writes.
        prime: read first. Without one the model reads a newline, if it knows it, so that the text
            begins as a line does; else it starts from its first state. With `config.line` it always
            reads a newline, then the prime.
        config: how to draw.
        index: which of several samples of the same seed this is.

    Raises:
        DataError: the prime has characters that the model does not know (raised at once, not at
            the first character), or one line is asked for and the prime has several.
        UsageError: the rules leave nothing to write.
    """
    if config.line and "\n" in prime:
        raise DataError("the prime has a newline, and cannot begin one line")
    ids = model.vocabulary.encode("\n" + prime if config.line else prime or _line_start(model))
    generator = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(index,)))
    return _write(model, ids.tolist(), config, Chooser(config, model.vocabulary), generator)


def sample_lines(model: CharRNN, seed: int, length: int) -> Iterator[str]:
    """Whole lines, one after another, each begun afresh, until `length` characters are written; the last may be cut."""
    index = 0
    while length > 0:
        config = SamplingConfig(length=length, seed=seed, line=True)
        for text in sample(model, "", config, index=index):
            yield text
            length -= len(text)
        index += 1


def _line_start(model: CharRNN) -> str:
    return "" if model.vocabulary.missing("\n") else "\n"


def _write(
    model: CharRNN,
    prime: list[int],
    config: SamplingConfig,
    chooser: Chooser,
    generator: np.random.Generator,
) -> Iterator[str]:
    """The generator behind `sample`."""
    decode = model.vocabulary.decoder()
    state = model.initial_state()
    for symbol in prime:
        state, _ = model.advance(symbol, state)
        decode(symbol)  # a prime may end within a character, which the first bytes then complete
    logits = model.logits(state)
    memory = chooser.new_memory(prime)
    memories = None if memory is None else [memory]
    left = config.length
    while left > 0:
        written = config.length - left
        symbol = int(chooser.choose(logits, generator.random(), written=written, memories=memories))
        if memory is not None:
            memory.remember(symbol)
        text = decode(symbol)[:left]
        if config.line and "\n" in text:
            yield text[: text.index("\n") + 1]
            return
        if text:
            yield text
            left -= len(text)
        logits, state, _ = model.step(symbol, state)
