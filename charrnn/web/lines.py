"""A model of lines writes a text of several: each from the first state on, as `interpret.recording` reads it."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from charrnn.sampling.sampler import generate

if TYPE_CHECKING:
    from charrnn.config import SamplingConfig
    from charrnn.model import CharRNN
    from charrnn.sampling.stream import Piece


def write_lines(
    model: "CharRNN", begun: str, config: "SamplingConfig", index: int
) -> Iterator["Piece"]:
    """Write line after line, until `config.length` characters are written.

    Args:
        model: writes.
        begun: how the first line begins; the others begin with nothing.
        config: how to draw.
        index: the stream of random numbers of the first line; each other has the next one.

    Raises:
        DataError: the model does not know all characters of the beginning.
    """
    left = config.length
    while True:
        line = dataclasses.replace(config, length=left, line=True)
        for piece in generate(model, begun, line, indices=(index,)):
            left -= len(piece.text)
            yield piece if left <= 0 else dataclasses.replace(piece, stop=None)
        if left <= 0:
            return
        begun, index = "", index + 1
