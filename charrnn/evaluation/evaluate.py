"""Cross-entropy, bits per character, perplexity and accuracy of a model on a text.

Protocols:

    carried   one pass over the whole text, with the state carried along
    windows   the state is reset every W characters, and all positions count: how models with a fixed window are scored
    items     the state is reset at each line (or record, or document) that is not empty; the model reads a newline
              (or another symbol that ends an item) and the line, and predicts the line and the newline after it
    adapting  carried or items, in one stream, by a copy of the model that learns from each chunk after it was scored

Sums first, one division at the end: every character has the same weight.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.adapting.learner import Learner
from charrnn.config import LARGE_COUNT, MOST_STREAMS, AdaptingConfig
from charrnn.errors import DataError, SettingError
from charrnn.evaluation.line_scores import end_symbol
from charrnn.evaluation.predictions import Predictor
from charrnn.evaluation.streams import (
    MAX_ITEMS,
    MAX_STREAMS,
    STREAM_LENGTH,
    WARM_UP,
    Streams,
    item_streams,
    stretches,
    windows,
)
from charrnn.model import CharRNN
from charrnn.numerics import Ids, require_finite_predictions
from charrnn.settings import require
from charrnn.text.items import item_bounds, whole_items
from charrnn.text.kinds import LINES, end_name, item_end_of, item_noun
from charrnn.text.pieces import as_read, require_more_than_blanks
from charrnn.threads import threads_for
from charrnn.wording import counted


@dataclass(frozen=True)
class Evaluation:
    """The score of a text: its total cross-entropy and the number of correct predictions."""

    characters: int
    """Predictions scored: every symbol but the first, or for items every symbol and the one that ends the item."""
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
    item_end: str | None = None
    """The end of the items (lines, records or documents) that were each scored from the initial state; None if the text
    was read as one."""
    items: int | None = None
    """Items scored, each from the initial state; None if the text was read as one."""
    adapting: AdaptingConfig | None = None
    """How the model learned while it read the text; None: it did not."""

    @property
    def protocol(self) -> str:
        """The protocol in words, for a report."""
        return self._reading + (f"; {self.adapting.words}" if self.adapting else "")

    @property
    def _reading(self) -> str:
        if self.item_end is not None:
            items = counted(self.items or 0, item_noun(self.item_end))
            return f"{items}, state reset at each, {end_name(self.item_end)} counted"
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
        """exp(cross-entropy): the number of equally likely symbols that would be as hard to predict."""
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
            "lines": self.items if self.item_end == LINES.end else None,
            "items": self.items,
            "protocol": self.protocol,
            "adapting": self.adapting.as_dict() if self.adapting else None,
        }


def evaluate(
    model: CharRNN,
    text: str | Ids,
    *,
    window: int | None = None,
    streams: int | None = None,
    item_end: str | None = None,
    carried: bool = False,
    unknown: int = 0,
    adapt: AdaptingConfig | None = None,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Score a text, as the model was trained to read it.

    A model of running text reads the first character and predicts all others. One that was trained on lines reads each
    line by itself, after a newline, and predicts its characters and the newline that ends it; empty lines are left out,
    and the last line ends like the others, whether or not a newline is there. The same holds for records and documents.

    Args:
        model: the model to score. `charrnn evaluate` mixes in the counts of its training text: `model.with_counts()`.
        text: the text, or the ids of its characters, (T,).
        window: None carries the state through the whole text; W resets it every W characters.
        streams: segments of a carried text read in parallel, each after WARM_UP unscored characters. 1 is strictly
            one pass; None takes one for every STREAM_LENGTH characters.
        item_end: score each item by itself: each line, if this is a newline (see `charrnn.text.kinds`); None: as the
            model was trained.
        carried: read the text as running text, even with a model of lines.
        unknown: how many unknown characters were left out of the text; only added to those in the result.
        adapt: score each chunk and then learn from it, in a copy of the model (dynamic evaluation); such a figure
            describes this way of reading, not the model alone. None: no learning.
        progress: called with the number of characters that were just predicted.

    Raises:
        DataError: the text has fewer than two characters, only blanks, no item that is not empty, or unknown characters.
        UsageError: `window` or `streams` are below 1, or combined with items or `adapt`, or the vocabulary lacks
            `item_end`; or the model cannot learn while it reads.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.

    Example:
        charrnn.evaluate(model, "To be, or not to be").bits_per_char
    """
    for name, value, most in (("window", window, LARGE_COUNT), ("streams", streams, MOST_STREAMS)):
        require(
            value is None or (isinstance(value, int) and 1 <= value <= most),
            name,
            f"a whole number from 1 to {most:,}",
            value,
        )
    able = adapt is None or isinstance(adapt, AdaptingConfig)
    require(able, "adapt", "an AdaptingConfig", adapt)
    if adapt is not None and (window is not None or (streams or 1) > 1):
        raise SettingError.naming(
            "{adapt} reads a text in one stream, with the state carried",
            "leave out {streams} and {window}",
        )
    if not (carried or item_end):
        item_end = item_end_of(model.reading)
        text = as_read(text, model.reading) if isinstance(text, str) else text
    if isinstance(text, str):
        require_more_than_blanks(text)
        text = model.vocabulary.encode(text)
    if item_end is not None:
        if window is not None or streams is not None:
            raise SettingError.naming(
                f"{{window}} and {{streams}} do not apply where {item_noun(item_end)}s are scored one by one",
                "set {carried} to read them as running text",
            )
        text = as_items(model, text, item_end)
    if len(text) < 2:
        raise too_short(len(text))
    layout = streams_of(text, window, streams, by_items=item_end is not None)
    if adapt is None:
        nats, correct = _score_all(
            model, text, layout, MAX_ITEMS if item_end else MAX_STREAMS, progress
        )
    else:
        learner = Learner(model, adapt, int(text[0]) if item_end is not None else None)
        nats, correct = _score_learning(learner, text, progress)
    require_finite_predictions(nats)
    if model.vocabulary.unknown_id is not None:
        unknown += int((text == model.vocabulary.unknown_id).sum())
    return Evaluation(
        characters=len(text) - 1,
        total_nats=nats,
        correct=correct,
        unknown=unknown,
        window=window,
        streams=1 if adapt else len(layout),
        item_end=item_end,
        items=len(layout) if item_end is not None else None,
        adapting=adapt,
    )


def too_short(length: int) -> DataError:
    """The refusal of a text in which there is nothing to predict."""
    return DataError(f"a text needs at least 2 characters to be scored, but this has {length}")


def as_items(model: CharRNN, ids: Ids, item_end: str) -> Ids:
    """A text as a model of items reads it: from an end to an end, without empty items.

    Raises:
        UsageError: the model's vocabulary has no `item_end`.
        DataError: the text has no item that is not empty.
    """
    made = whole_items(ids, end_symbol(model.vocabulary, item_end))
    if len(made) < 2:
        raise DataError(f"the text has only empty {item_noun(item_end)}s")
    return made


def streams_of(
    ids: Ids, window: int | None = None, streams: int | None = None, *, by_items: bool
) -> Streams:
    """The streams in which `evaluate` reads a text; the arguments are its own."""
    if by_items:
        return item_streams(item_bounds(ids, int(ids[0])))
    if window is not None:
        return windows(len(ids), window)
    num_streams = streams or min(MAX_STREAMS, max(1, len(ids) // STREAM_LENGTH))
    return stretches(len(ids), min(num_streams, len(ids) - 1), WARM_UP)


def _score_all(
    model: CharRNN,
    ids: Ids,
    streams: Streams,
    most: int,
    progress: Callable[[int], object] | None,
) -> tuple[float, int]:
    """The total cross-entropy in nats of streams, at most `most` in parallel, and their correct predictions."""
    nats, correct = 0.0, 0
    for group in streams.groups(most):
        with threads_for(len(group)):
            for made in Predictor(model, model.initial_state(len(group))).predict(ids, group):
                nats += float(made.nats.sum())
                correct += int((made.likeliest == ids[made.places]).sum())
                if progress:
                    progress(len(made.nats))
    return nats, correct


def _score_learning(
    learner: Learner, ids: Ids, progress: Callable[[int], object] | None
) -> tuple[float, int]:
    """As `_score_all`, with a model that learns from each chunk after it was scored."""
    nats, correct = 0.0, 0
    with threads_for(1):
        for targets, log_p in learner.read(ids):
            nats -= float(np.take_along_axis(log_p, targets[:, None], axis=1).sum())
            correct += int((log_p.argmax(axis=1) == targets).sum())
            if progress:
                progress(len(targets))
    return nats, correct
