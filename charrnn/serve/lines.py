"""A model of lines on a text of several: each line is read, and written, from the model's first state on.

Such a model begins a line by reading a newline. So the column of a newline shows the state in which the next line
begins, and the guesses for its first character; what the newline cost is what it cost to end the line before it.
"""

import dataclasses
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from charrnn.errors import DataError
from charrnn.recording import Recording, record
from charrnn.sampling.sampler import write

if TYPE_CHECKING:
    from charrnn.config import SamplingConfig
    from charrnn.model import CharRNN
    from charrnn.sampling.writer import Piece


def read_lines(
    model: "CharRNN", text: str, *, top: int = 0, keep: Collection[str] | None = None
) -> Iterator[Recording]:
    """Read a text line by line.

    Args:
        model: reads.
        text: its lines end with newlines, the last one perhaps without.
        top: how many guesses to record at each position.
        keep: the states and gates to record; None records all.

    Yields:
        A recording of each line, with the newline before it: parts of the text with a newline in front, without that
        newline. So the first character costs something too.

    Raises:
        DataError: the text is empty or has characters that the model does not know.
    """
    if not text:
        raise DataError("there is no text to read")
    *ended, last = text.split("\n")
    start = start_char = 0
    cost = 0.0
    for line in [*(line + "\n" for line in ended), last]:
        whole = record(model, "\n" + line, top=top, keep=keep)
        whole.bits[0] = cost
        cost = float(whole.bits[-1])
        part = slice(int(start == 0), len(whole.ids) - line.endswith("\n"))
        if part.start < part.stop:
            yield _columns(whole, part, start, start_char)
        start += part.stop
        start_char += len(line) + 1 - line.endswith("\n")


def _columns(recording: Recording, part: slice, start: int, start_char: int) -> Recording:
    """Some columns of a recording that begins at a place of a longer text."""
    ids, pieces = recording.ids, recording.pieces[part]
    return dataclasses.replace(
        recording,
        text="".join(pieces),
        ids=ids[part],
        pieces=pieces,
        bits=recording.bits[part],
        arrays={name: array[part] for name, array in recording.arrays.items()},
        next_ids=recording.next_ids[part],
        next_probabilities=recording.next_probabilities[part],
        start=start + part.start,
        start_char=start_char + part.start,
        following=int(ids[part.stop]) if part.stop < len(ids) else None,
    )


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
        for piece in write(model, begun, line, indices=(index,)):
            left -= len(piece.text)
            yield piece if left <= 0 else dataclasses.replace(piece, stop=None)
        if left <= 0:
            return
        begun, index = "", index + 1
