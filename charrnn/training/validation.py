"""How good a network is on validation text, while it is being trained."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from charrnn.config import Precision
from charrnn.evaluation.streams import MAX_LINES, Streams, excerpts, line_streams, stretches
from charrnn.text.corpus import Corpus
from charrnn.text.lines import first_lines, line_bounds
from charrnn.text.vocabulary import Ids
from charrnn.training.machine import autocast
from charrnn.training.network import Network, TorchState
from charrnn.training.plan import EVALUATED_CHARS

VALIDATION_STREAMS = 64
EVALUATION_WARM_UP = 256
EVALUATION_LOGITS = 1 << 24
"""Numbers in the logits of one chunk, at most."""


@torch.no_grad()
def validate(network: Network, corpus: Corpus, precision: Precision) -> float | None:
    """Nats per character on a corpus's validation text, or None if it has fewer than two characters.

    Read in streams that are warmed up, so that it comes close to one pass with the state carried; of a text longer
    than EVALUATED_CHARS, stretches spread evenly over it. A text of lines is read line by line, or its first
    EVALUATED_CHARS are.
    """
    ids, newline = corpus.val, corpus.newline
    if len(ids) < 2:
        return None
    if newline is not None:
        ids = first_lines(ids, newline, EVALUATED_CHARS)
        parts = list(line_streams(line_bounds(ids, newline)).groups(MAX_LINES))
    else:
        parts = [_laid(ids)]
    network.eval()
    nats = sum(_nats(network, ids, laid, precision) for laid in parts)
    network.train()
    return nats / sum(int((laid.end - laid.begin).sum()) for laid in parts)


def _laid(ids: Ids) -> Streams:
    """The streams in which a running text is validated."""
    num_streams = min(VALIDATION_STREAMS, max(1, (len(ids) - 1) // EVALUATION_WARM_UP))
    if len(ids) <= EVALUATED_CHARS:
        return stretches(len(ids), num_streams, EVALUATION_WARM_UP)
    return excerpts(len(ids), num_streams, EVALUATED_CHARS // num_streams, EVALUATION_WARM_UP)


def _nats(network: Network, ids: Ids, laid: Streams, precision: Precision) -> float:
    """The nats of what these streams score."""
    vocab_size, device = network.embedding.num_embeddings, network.embedding.weight.device
    chunk_length = EVALUATION_LOGITS // (len(laid.first) * vocab_size)
    nats = 0.0
    state: TorchState = None
    for chunk in laid.chunks(ids, max(1, min(256, chunk_length))):
        inputs, targets, scored = (
            torch.from_numpy(a).to(device)
            for a in (chunk.inputs.astype(np.int64), chunk.targets.astype(np.int64), chunk.scored)
        )
        with autocast(device, precision):
            logits, state = network(inputs, state)
        costs = cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
        nats += costs[scored.flatten()].sum(dtype=torch.float64).item()
    return nats
