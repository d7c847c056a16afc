"""Cross-entropy, bits per character, perplexity and accuracy of a model on a text.

Two protocols. Carried: one pass over the whole text with the state carried along. Cold windows: the
model starts afresh in every window of W characters, and all positions count; this is how
models with a fixed window are judged. Sums first, one division at the end: every character has the
same weight.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.errors import CheckpointError, DataError
from charrnn.model import CharRNN
from charrnn.recording import log_softmax
from charrnn.scoring.lanes import Lanes, group, stretches, windows
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
    """Predictions scored: every symbol of the text but the first."""
    total_nats: float
    correct: int
    """Predictions whose likeliest symbol was the true one."""
    unknown: int
    """Characters that the vocabulary lacks: left out, or read as the model's unknown symbol."""
    window: int | None
    """The window's size, or None for a carried state."""
    lanes: int
    """How many stretches of the text were read side by side."""

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
        }


def evaluate(
    model: CharRNN,
    ids: Ids,
    *,
    window: int | None = None,
    lanes: int | None = None,
    unknown: int = 0,
) -> Evaluation:
    """Score a text.

    Args:
        model: predicts.
        ids: (T,) the text.
        window: None carries the state through the whole text; W resets it every W characters.
        lanes: stretches of a carried text read side by side, each after WARM_UP characters that are
            not scored; 1 is strictly one pass, None takes one for every LANE_LENGTH characters.
        unknown: how many unknown characters the text has; passed on.

    Raises:
        DataError: fewer than two characters: there is nothing to predict.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.
    """
    if len(ids) < 2:
        raise DataError(f"a text needs at least 2 characters to be scored, but this has {len(ids)}")
    if window is not None:
        laid = windows(len(ids), window)
    else:
        wanted = lanes or min(MOST_LANES, max(1, len(ids) // LANE_LENGTH))
        laid = stretches(len(ids), min(wanted, len(ids) - 1), WARM_UP)
    nats, correct = 0.0, 0
    for part in group(laid, MOST_LANES):
        more_nats, more_correct = _score(model, ids, part)
        nats += more_nats
        correct += more_correct
    if not math.isfinite(nats):
        raise CheckpointError("the model's predictions are not finite: its weights are too large")
    return Evaluation(len(ids) - 1, nats, correct, unknown, window, len(laid.first))


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
