"""The validation loss of a network that is being trained."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.config import Precision
from charrnn.evaluation.streams import MAX_ITEMS, Streams, excerpts, item_streams, stretches
from charrnn.numerics import Ids
from charrnn.text.corpus import Corpus
from charrnn.text.items import first_items, item_bounds
from charrnn.training.allowed import EVALUATED_CHARS
from charrnn.training.machine import autocast, exact_sum, on_device
from charrnn.training.network import Network, TorchState

VALIDATION_STREAMS = 64
EVALUATION_WARM_UP = 256
EVALUATION_LOGITS = 1 << 24
"""Numbers in the logits of one chunk, at most."""


Costs = Callable[[Tensor, Tensor], Tensor]
"""A function from logits (T, N, V) and targets (T, N) to the cost of each target, (T, N)."""


def next_character_costs(logits: Tensor, targets: Tensor) -> Tensor:
    """The cross-entropy of each target, in nats."""
    flat = logits.float().flatten(0, 1)
    return cross_entropy(flat, targets.flatten(), reduction="none").view_as(targets)


@torch.no_grad()
def validate(
    network: Network, corpus: Corpus, precision: Precision, costs: Costs = next_character_costs
) -> float | None:
    """The mean cost of a character on a corpus's validation text, or None if it has fewer than two characters.

    Read in streams that are warmed up, so that it comes close to one pass with the state carried; of a text longer
    than EVALUATED_CHARS, stretches spread evenly over it. A text of lines is read line by line, or its first
    EVALUATED_CHARS are.
    """
    ids, newline = corpus.val, corpus.end_id
    if len(ids) < 2:
        return None
    if newline is not None:
        ids = first_items(ids, newline, EVALUATED_CHARS)
        parts = list(item_streams(item_bounds(ids, newline)).groups(MAX_ITEMS))
    else:
        parts = [_laid(ids)]
    network.eval()
    total = sum(_total(network, ids, laid, precision, costs) for laid in parts)
    network.train()
    return total / sum(int((laid.end - laid.begin).sum()) for laid in parts)


def _laid(ids: Ids) -> Streams:
    """The streams in which a running text is validated."""
    num_streams = min(VALIDATION_STREAMS, max(1, (len(ids) - 1) // EVALUATION_WARM_UP))
    if len(ids) <= EVALUATED_CHARS:
        return stretches(len(ids), num_streams, EVALUATION_WARM_UP)
    return excerpts(len(ids), num_streams, EVALUATED_CHARS // num_streams, EVALUATION_WARM_UP)


def _total(network: Network, ids: Ids, laid: Streams, precision: Precision, costs: Costs) -> float:
    """The cost of all characters that these streams score."""
    vocab_size, device = network.embedding.num_embeddings, network.embedding.weight.device
    chunk_length = EVALUATION_LOGITS // (len(laid.first) * vocab_size)
    total = 0.0
    state: TorchState = None
    for chunk in laid.chunks(ids, max(1, min(256, chunk_length))):
        read = chunk.inputs.astype(np.int64), chunk.targets.astype(np.int64), chunk.scored
        inputs, targets, scored = on_device(read, device)
        with autocast(device, precision):
            logits, state = network(inputs, state)
        total += exact_sum(costs(logits, targets)[scored]).item()
    return total
