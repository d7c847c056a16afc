"""The scores of texts that may follow a prompt: which is likeliest?"""

from collections.abc import Sequence

import numpy as np

from charrnn.errors import UsageError
from charrnn.evaluation.line_scores import (
    Costs,
    LineScore,
    end_symbol,
    item_of,
    line_score,
    require_bits,
)
from charrnn.evaluation.streams import MAX_ITEMS, Streams
from charrnn.model import CharRNN
from charrnn.text.kinds import LINES


def score_candidates(
    model: CharRNN,
    prompt: str,
    candidates: Sequence[str],
    *,
    item_end: str | None = None,
    unknown_bits: float | None = None,
) -> list[LineScore]:
    """Score texts that may follow a prompt.

    Args:
        model: the model to score with.
        prompt: what precedes each candidate; an empty one stands for a newline.
        candidates: the texts.
        item_end: the character that ends a line, if the prompt begins one and a candidate ends it: it is read before
            the prompt, and scored after the candidate.
        unknown_bits: see `score`.

    Returns:
        A score for each candidate, in their order; their numbers count from 1.

    Raises:
        UsageError: a candidate is empty and no line's end, the vocabulary lacks `item_end` or the newline that stands
            for a prompt, or `unknown_bits` is below 0.
        DataError: the prompt has characters that the model does not know.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.
    """
    require_bits(unknown_bits)
    vocabulary = model.vocabulary
    if not (item_end or all(candidates)):
        raise UsageError("a candidate is empty: there is nothing to score")
    if item_end or not prompt:
        end_symbol(vocabulary, item_end or LINES.end)
    opening = vocabulary.encode(item_end + prompt if item_end else prompt or LINES.end)
    _, state = model.run(opening[:-1], model.initial_state())
    items = [item_of(vocabulary, number, text) for number, text in enumerate(candidates, start=1)]
    # What follows a candidate is predicted even if it is not scored: it says what was expected there.
    end = vocabulary.encode(item_end) if item_end else opening[-1:]
    ids = np.concatenate([part for item in items for part in (opening[-1:], item.read, end)])
    last = np.cumsum([2 + len(item.read) for item in items]) - 1
    first = last - [1 + len(item.read) for item in items]
    costs = Costs(len(ids))
    order = np.argsort(last - first, kind="stable")
    for group in Streams(first[order], first[order], last[order]).groups(MAX_ITEMS):
        repeated = tuple(
            tuple(np.repeat(s[None], len(group), axis=0) for s in layer) for layer in state
        )
        costs.add(model, ids, group, repeated)
    return [
        line_score(vocabulary, item, costs.part(*ends), item_end or "", unknown_bits)
        for item, ends in zip(items, zip(first, last, strict=True), strict=True)
    ]
