"""A score for each line: what a line costs a model in bits, and where it surprises most.

Two protocols, the same as those of `charrnn.evaluation.evaluate`:

    each line by itself    the model reads a newline from its initial state, then the line; empty lines are left out
    carried                the model reads a newline from its initial state, then all lines, one after another

In both it predicts every character of a line and the newline that ends it, so that the costs of all lines together are
those that `evaluate` gives the file. What is said of lines and newlines holds for records and documents and what ends
those (see `charrnn.text.kinds`).
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from charrnn.errors import UsageError
from charrnn.evaluation.line_scores import (
    Costs,
    LineScore,
    end_symbol,
    item_of,
    line_score,
    require_bits,
)
from charrnn.evaluation.streams import (
    MAX_ITEMS,
    MAX_STREAMS,
    STREAM_LENGTH,
    WARM_UP,
    Streams,
    item_streams,
    resumed_stretches,
)
from charrnn.model import CharRNN, States
from charrnn.numerics import Ids
from charrnn.text.kinds import LINES, item_end_of

BLOCK = STREAM_LENGTH * MAX_STREAMS
"""Characters of many lines that are scored together."""


def score(
    model: CharRNN,
    lines: Iterable[str],
    *,
    item_end: str | None = None,
    carried: bool = False,
    unknown_bits: float | None = None,
) -> list[LineScore]:
    """Score each line of a text, as the model was trained to read it: its surprisal, and its most surprising character.

    A model of running text reads each line after those before it. One that was trained on lines reads each by itself,
    after a newline, and leaves out empty ones; the same holds for records and documents.

    Args:
        model: the model to score with. `charrnn score` mixes in the counts of its training text: `model.with_counts()`.
        lines: the lines, such as an open file; a newline at the end of one is its end, and not counted twice.
        item_end: score each line by itself, if this is a newline (see `charrnn.text.kinds`); None: as the model was
            trained.
        carried: carry the state from line to line, even with a model of lines.
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
        model: the model to score with.
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
        require_bits(unknown_bits)
        self._model = model
        self._end = end_symbol(model.vocabulary, item_end)
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
            item_of(self._model.vocabulary, number, line.removesuffix(self._item_end))
            for number, line in enumerate(lines, self._number + 1)
        ]
        self._number += len(lines)
        if self._state is None:
            items = [item for item in items if item.text]
        if not items:
            return []
        end = np.array([self._end], np.int32)
        ids = np.concatenate([end, *(part for item in items for part in (item.read, end))])
        bounds = np.cumsum([0, *(1 + len(item.read) for item in items)])
        made = self._read(ids, bounds)
        return [
            line_score(
                self._model.vocabulary, item, made.part(*ends), self._item_end, self._unknown_bits
            )
            for item, ends in zip(items, itertools.pairwise(bounds), strict=True)
        ]

    def _read(self, ids: Ids, bounds: npt.NDArray[np.int64]) -> "Costs":
        """Predict lines, which are between these positions of their ends."""
        costs = Costs(len(ids))
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


def _resumed(model: CharRNN, state: States, streams: Streams) -> States:
    """The state before each stream, (N, H): of those that begin where the last text ended, the state that it left."""
    begins = (streams.first == 0)[:, None]
    fresh = model.initial_state(len(streams))
    return tuple(
        tuple(np.where(begins, old, new) for old, new in zip(*layers, strict=True))
        for layers in zip(state, fresh, strict=True)
    )
