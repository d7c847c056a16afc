"""The length of the rows of a text in which all lines are equally long: a board, a level, a table."""

import dataclasses
from collections import Counter
from itertools import pairwise

import numpy as np

from charrnn.config import AUTO, MAX_ROW, MIN_ROW, ModelConfig
from charrnn.errors import DataError
from charrnn.text.corpus import Corpus

LOOKED_AT = 1 << 20
"""Characters of the training text in which lines are measured."""
MOST_LINES = 0.9
"""Part of the lines that at least are as long as a row, or it is said that they are not."""


def with_row_length(network: ModelConfig, corpus: Corpus) -> ModelConfig:
    """The network with the row length of a text, if it reads rows and leaves their length open.

    Raises:
        DataError: the text has no lines of MIN_ROW characters or more, or longer ones than MAX_ROW.
    """
    if network.cell != "mdlstm" or network.row_length not in (None, AUTO):
        return network
    return dataclasses.replace(network, row_length=str(row_length_of(corpus)))


def row_length_of(corpus: Corpus) -> int:
    """The most common length of a line with its newline; shorter ones than MIN_ROW do not count.

    Raises:
        DataError: see `with_row_length`.
    """
    lengths = _lengths(corpus)
    length = lengths.most_common(1)[0][0] if lengths else 0
    if not MIN_ROW <= length <= MAX_ROW:
        found = f"its usual line has {length:,} characters" if length else "it has no such lines"
        raise DataError.naming(
            f"the rows of the text must have from {MIN_ROW} to {MAX_ROW:,} characters with their newline, and {found}",
            "give {row_length}, or choose another cell",
        )
    return length


def row_notes(network: ModelConfig, corpus: Corpus) -> list[str]:
    """A note if the network reads rows, and the lines of the text are not as long as they are."""
    if network.cell != "mdlstm":
        return []
    lengths = _lengths(corpus)
    part = lengths[int(network.row_length or 0)] / max(1, lengths.total())
    if part >= MOST_LINES:
        return []
    found = f"only {100 * part:.0f} % of the lines have {network.row_length} characters with their newline"
    return [f"{found}: {{cell:mdlstm}} is for texts of equally long lines"]


def _lengths(corpus: Corpus) -> Counter[int]:
    """How often each length of a line with its newline occurs; shorter ones than MIN_ROW do not count."""
    newlines: list[int] = []
    if not corpus.vocabulary.missing("\n"):
        newline = corpus.vocabulary.encode("\n")[0]
        newlines = np.flatnonzero(corpus.train[:LOOKED_AT] == newline).tolist()
    return Counter(b - a for a, b in pairwise([-1, *newlines]) if b - a >= MIN_ROW)
