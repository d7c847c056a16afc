"""Cross-entropy, bits per character, perplexity and accuracy of a model on a text.

Three protocols:

    carried   one pass over the whole text, with the state carried along
    windows   the state is reset every W characters, and all positions count: how models with a fixed window are scored
    lines     the state is reset at each line that is not empty; the model reads a newline and the line, and predicts
              the line and the newline after it

Sums first, one division at the end: every character has the same weight.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.errors import DataError, UsageError
from charrnn.evaluation.streams import MAX_ITEMS, Streams, item_streams, stretches, windows
from charrnn.model import CharRNN
from charrnn.numerics import Ids, log_softmax, require_finite_predictions
from charrnn.text.items import item_bounds, whole_items

STREAM_LENGTH = 8192
"""Characters per stream of a carried text: a shorter text is read in one stream."""
WARM_UP = 1024
"""Characters that a stream reads, unscored, before its own."""
MAX_STREAMS = 64
CHUNK = 64
"""Maximum time steps whose predictions are scored together."""
MAX_LOGITS = 1 << 23
"""Maximum numbers in the logits of one chunk."""


@dataclass(frozen=True)
class Evaluation:
    """The score of a text: its total cross-entropy and the number of correct predictions."""

    characters: int
    """Predictions scored: every symbol but the first, or for lines every symbol and the newline that ends the line."""
    total_nats: float
    """Cross-entropy, summed over all predictions, in nats."""
    correct: int
    """Predictions whose most likely symbol was the true one."""
    unknown: int
    """Characters missing from the vocabulary: left out, or read as the model's unknown symbol."""
    window: int | None
    """Characters after which the state is reset; None if it is carried."""
    streams: int
    """Segments of the text that were read in parallel."""
    lines: int | None = None
    """Lines scored, each from the initial state; None if the text was not read by lines."""

    @property
    def protocol(self) -> str:
        """The protocol in words, for a report."""
        if self.lines is not None:
            return f"{self.lines:,} lines, state reset at each, newline counted"
        return (
            f"windows of {self.window:,}, state reset at each" if self.window else "state carried"
        )

    @property
    def nats_per_char(self) -> float:
        """Mean cross-entropy in nats."""
        return self.total_nats / self.characters

    @property
    def bits_per_char(self) -> float:
        """Mean cross-entropy in bits."""
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        """exp(cross-entropy): as many equally likely symbols would be as hard to predict."""
        return math.exp(min(self.nats_per_char, 700.0))

    @property
    def accuracy(self) -> float:
        """Fraction of predictions whose most likely symbol was the true one."""
        return self.correct / self.characters

    def as_dict(self) -> dict[str, Any]:
        """The metrics under the names that `evaluate --json` prints."""
        return {
            "characters": self.characters,
            "nats_per_char": self.nats_per_char,
            "bits_per_char": self.bits_per_char,
            "perplexity": self.perplexity,
            "accuracy": self.accuracy,
            "unknown": self.unknown,
            "window": self.window,
            "streams": self.streams,
            "lines": self.lines,
            "protocol": self.protocol,
        }


def evaluate(
    model: CharRNN,
    ids: Ids,
    *,
    window: int | None = None,
    streams: int | None = None,
    lines: bool = False,
    unknown: int = 0,
) -> Evaluation:
    """Score a text.

    Args:
        model: the model to score.
        ids: the text, (T,).
        window: None carries the state through the whole text; W resets it every W characters.
        streams: segments of a carried text read in parallel, each after WARM_UP unscored characters. 1 is strictly
            one pass; None takes one for every STREAM_LENGTH characters.
        lines: score each line by itself.
        unknown: how many unknown characters the text has; only passed on to the result.

    Raises:
        DataError: the text has fewer than two characters, or no line that is not empty.
        UsageError: `lines` is combined with `window` or `streams`, or the vocabulary has no newline.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.
    """
    if len(ids) < 2:
        raise DataError(f"a text needs at least 2 characters to be scored, but this has {len(ids)}")
    if lines:
        if window is not None or streams is not None:
            raise UsageError("lines are scored one by one, without a window or streams")
        ids = as_items(model, ids)
    layout = _layout(ids, window, streams, lines=lines)
    nats, correct = 0.0, 0
    for group in layout.groups(MAX_ITEMS if lines else MAX_STREAMS):
        group_nats, group_correct = _score(model, ids, group)
        nats += group_nats
        correct += group_correct
    require_finite_predictions(nats)
    num_items = len(layout) if lines else None
    return Evaluation(len(ids) - 1, nats, correct, unknown, window, len(layout), num_items)


def as_items(model: CharRNN, ids: Ids) -> Ids:
    """A text as a model of lines reads it: from a newline to a newline, without empty lines.

    Raises:
        UsageError: the model's vocabulary has no newline.
        DataError: the text has no line that is not empty.
    """
    if model.vocabulary.missing("\n"):
        raise UsageError("the model has no newline in its vocabulary, so lines cannot be scored")
    made = whole_items(ids, int(model.vocabulary.encode("\n")[0]))
    if len(made) < 2:
        raise DataError("the text has only empty lines")
    return made


def _layout(ids: Ids, window: int | None, streams: int | None, *, lines: bool) -> Streams:
    if lines:
        return item_streams(item_bounds(ids, int(ids[0])))
    if window is not None:
        return windows(len(ids), window)
    num_streams = streams or min(MAX_STREAMS, max(1, len(ids) // STREAM_LENGTH))
    return stretches(len(ids), min(num_streams, len(ids) - 1), WARM_UP)


def _score(model: CharRNN, ids: Ids, streams: Streams) -> tuple[float, int]:
    """The total cross-entropy in nats of some streams, and their correct predictions."""
    num_streams = len(streams)
    state = model.initial_state(num_streams)
    nats, correct = 0.0, 0
    length = MAX_LOGITS // (num_streams * len(model.vocabulary))
    for chunk in streams.chunks(ids, max(1, min(CHUNK, length))):
        outputs, state = model.run(chunk.inputs, state)  # (T, N, H)
        logits = model.head(outputs[chunk.scored])  # (characters, V)
        targets = chunk.targets[chunk.scored]
        costs = -np.take_along_axis(log_softmax(logits), targets[:, None].astype(np.int64), axis=1)
        nats += float(costs.sum())
        correct += int((logits.argmax(axis=1) == targets).sum())
    return nats, correct
