"""Cross-entropy, bits per character, perplexity and accuracy of a model on a text.

Three protocols. Carried: one pass over the whole text with the state carried along. Cold windows: the
model starts afresh in every window of W characters, and all positions count; this is how
models with a fixed window are judged. Lines: the model starts afresh at each line that is not empty, reads a
newline and the line, and predicts the line and the newline after it. Sums first, one division at the
end: every character has the same weight.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.errors import DataError, UsageError
from charrnn.evaluation.lanes import ITEM_LANES, Lanes, group, items, stretches, windows
from charrnn.model import CharRNN
from charrnn.numerics import log_softmax, require_finite
from charrnn.text.lines import item_bounds, whole_lines
from charrnn.text.vocabulary import Ids

LANE_LENGTH = 8192
"""A carried text is read in one lane up to this length, in more lanes beyond."""
WARM_UP = 1024
"""Characters that a lane reads before its own."""
MOST_LANES = 64
BLOCK = 64
"""Time steps whose predictions are scored together, at most."""
LOGITS = 1 << 23
"""Numbers in the logits of one block, at most."""


@dataclass(frozen=True)
class Evaluation:
    """What a text cost."""

    characters: int
    """Predictions scored: every symbol of the text but the first; of lines every symbol, with the newlines."""
    total_nats: float
    correct: int
    """Predictions whose likeliest symbol was the true one."""
    unknown: int
    """Characters that the vocabulary lacks: left out, or read as the model's unknown symbol."""
    window: int | None
    """The window's size, or None for a carried state."""
    lanes: int
    """How many stretches of the text were read side by side."""
    items: int | None = None
    """How many lines were scored, each from a cold start; None if it was not by lines."""

    @property
    def protocol(self) -> str:
        """How the text was read, in words."""
        if self.items is not None:
            return f"{self.items:,} items, state reset at each, end of line counted"
        return f"cold windows of {self.window:,}" if self.window else "state carried"

    @property
    def nats_per_char(self) -> float:
        """Cross-entropy."""
        return self.total_nats / self.characters

    @property
    def bits_per_char(self) -> float:
        """Cross-entropy in bits."""
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        """How many equally likely symbols would be as hard to guess among: exp(cross-entropy)."""
        return math.exp(min(self.nats_per_char, 700.0))

    @property
    def accuracy(self) -> float:
        """The part of predictions whose likeliest symbol was right."""
        return self.correct / self.characters

    def as_dict(self) -> dict[str, Any]:
        """The figures under the names that `evaluate --json` prints."""
        return {
            "characters": self.characters,
            "nats_per_char": self.nats_per_char,
            "bits_per_char": self.bits_per_char,
            "perplexity": self.perplexity,
            "accuracy": self.accuracy,
            "unknown": self.unknown,
            "window": self.window,
            "lanes": self.lanes,
            "items": self.items,
            "protocol": self.protocol,
        }


def evaluate(
    model: CharRNN,
    ids: Ids,
    *,
    window: int | None = None,
    lanes: int | None = None,
    lines: bool = False,
    unknown: int = 0,
) -> Evaluation:
    """Score a text.

    Args:
        model: predicts.
        ids: (T,) the text.
        window: None carries the state through the whole text; W resets it every W characters.
        lanes: stretches of a carried text read side by side, each after WARM_UP characters that are
            not scored; 1 is strictly one pass, None takes one for every LANE_LENGTH characters.
        lines: score each line as an item of its own.
        unknown: how many unknown characters the text has; passed on.

    Raises:
        DataError: fewer than two characters, or no lines: there is nothing to predict.
        UsageError: lines of a window or side by side, or a model that knows no newline.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.
    """
    if len(ids) < 2:
        raise DataError(f"a text needs at least 2 characters to be scored, but this has {len(ids)}")
    if lines:
        if window is not None or lanes is not None:
            raise UsageError("lines are scored one by one, without a window or lanes")
        ids = as_items(model, ids)
        laid = items(item_bounds(ids, int(ids[0])))
    elif window is not None:
        laid = windows(len(ids), window)
    else:
        wanted = lanes or min(MOST_LANES, max(1, len(ids) // LANE_LENGTH))
        laid = stretches(len(ids), min(wanted, len(ids) - 1), WARM_UP)
    nats, correct = 0.0, 0
    for part in group(laid, ITEM_LANES if lines else MOST_LANES):
        more_nats, more_correct = _score(model, ids, part)
        nats += more_nats
        correct += more_correct
    require_finite(nats)
    num_lanes = len(laid.first)
    num_items = num_lanes if lines else None
    return Evaluation(len(ids) - 1, nats, correct, unknown, window, num_lanes, num_items)


def as_items(model: CharRNN, ids: Ids) -> Ids:
    """A text as lines, from a newline to a newline.

    Raises:
        UsageError: the model knows no newline.
        DataError: the text has no lines that are not empty.
    """
    if model.vocabulary.missing("\n"):
        raise UsageError("the model does not know the newline, and cannot be judged by lines")
    found = whole_lines(ids, int(model.vocabulary.encode("\n")[0]))
    if len(found) < 2:
        raise DataError("the text has no lines but empty ones")
    return found


def _score(model: CharRNN, ids: Ids, lanes: Lanes) -> tuple[float, int]:
    """The nats and the right guesses of some lanes."""
    num_lanes = len(lanes.first)
    state = model.initial_state(num_lanes)
    nats, correct = 0.0, 0
    block_length = LOGITS // (num_lanes * len(model.vocabulary))
    for block in lanes.blocks(ids, max(1, min(BLOCK, block_length))):
        outputs = np.empty((len(block.inputs), num_lanes, model.config.hidden_size), np.float32)
        for t, symbols in enumerate(block.inputs):
            state, _ = model.advance(symbols, state)
            outputs[t] = state[-1][0]
        logits = model.head(outputs[block.scored])  # (characters, V)
        targets = block.targets[block.scored]
        costs = -np.take_along_axis(log_softmax(logits), targets[:, None].astype(np.int64), axis=1)
        nats += float(costs.sum())
        correct += int((logits.argmax(axis=1) == targets).sum())
    return nats, correct
