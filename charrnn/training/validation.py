"""How good a network is on validation text, while it is being trained."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from charrnn.config import Precision
from charrnn.evaluation.lanes import ITEM_LANES, Lanes, group, items, samples, stretches
from charrnn.text.corpus import Corpus
from charrnn.text.lines import first_items, item_bounds
from charrnn.text.vocabulary import Ids
from charrnn.training.machine import autocast
from charrnn.training.network import Network, TorchState
from charrnn.training.plan import EVALUATED_CHARS

EVALUATION_LANES = 64
EVALUATION_WARM_UP = 256
EVALUATION_LOGITS = 1 << 24
"""Numbers in the logits of one block, at most."""


@torch.no_grad()
def validate(network: Network, corpus: Corpus, precision: Precision) -> float | None:
    """Nats per character on a corpus's validation text, or None if it has fewer than two characters.

    Read in lanes that are warmed up, so that it comes close to one pass with the state carried; of a text longer
    than EVALUATED_CHARS, stretches spread evenly over it. A text of lines is read line by line, or its first
    EVALUATED_CHARS are.
    """
    ids, newline = corpus.val, corpus.newline
    if len(ids) < 2:
        return None
    if newline is not None:
        ids = first_items(ids, newline, EVALUATED_CHARS)
        parts = list(group(items(item_bounds(ids, newline)), ITEM_LANES))
    else:
        parts = [_laid(ids)]
    network.eval()
    nats = sum(_nats(network, ids, laid, precision) for laid in parts)
    network.train()
    return nats / sum(int((laid.end - laid.begin).sum()) for laid in parts)


def _laid(ids: Ids) -> Lanes:
    """The lanes in which a running text is validated."""
    num_lanes = min(EVALUATION_LANES, max(1, (len(ids) - 1) // EVALUATION_WARM_UP))
    if len(ids) <= EVALUATED_CHARS:
        return stretches(len(ids), num_lanes, EVALUATION_WARM_UP)
    return samples(len(ids), num_lanes, EVALUATED_CHARS // num_lanes, EVALUATION_WARM_UP)


def _nats(network: Network, ids: Ids, laid: Lanes, precision: Precision) -> float:
    """The nats of what these lanes score."""
    vocab_size, device = network.embedding.num_embeddings, network.embedding.weight.device
    block_length = EVALUATION_LOGITS // (len(laid.first) * vocab_size)
    nats = 0.0
    state: TorchState = None
    for block in laid.blocks(ids, max(1, min(256, block_length))):
        inputs, targets, scored = (
            torch.from_numpy(a).to(device)
            for a in (block.inputs.astype(np.int64), block.targets.astype(np.int64), block.scored)
        )
        with autocast(device, precision):
            logits, state = network(inputs, state)
        costs = cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
        nats += costs[scored.flatten()].sum(dtype=torch.float64).item()
    return nats
