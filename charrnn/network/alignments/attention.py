"""Attention: each symbol of the target looks at all of the source, in NumPy and in torch alike.

    additive    a_s = v · tanh(W_q h + W_k e_s)                  (Bahdanau)
    dot         a_s = h · W_k e_s                                (Luong's "general")

    α = softmax(a)               over the places of the source, none behind its end
    c = Σ_s α_s e_s              the context
    ĥ = tanh(W_c c + W_h h + b)  from which the head makes logits

h is the output of the decoder at its present step, as with Luong; Bahdanau's decoder is given the context of the step
before as an input too. Without that input, a whole target runs through the recurrent layers at once in training, and all
its scores are one product.

Sources: D. Bahdanau, K. Cho and Y. Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
2015; M.-T. Luong, H. Pham and C. Manning, "Effective Approaches to Attention-based Neural Machine Translation", 2015.

Legend for shapes: N rows, T steps of the target, S places of the source, H units, K numbers of an encoder's output, A
numbers of a query.
"""

from typing import Any, NamedTuple

from charrnn.network.alignments.base import Alignment
from charrnn.network.cells.base import Array, Ops, Weights

WIDEST = 128
"""A of additive attention at most: its scores need N·T·S·A numbers."""
NOWHERE = -1e30
"""Added to the score of a place behind a source's end."""


class Memory(NamedTuple):
    """A source as attention sees it."""

    values: Array
    """(N, S, K) the outputs of the encoder."""
    keys: Array
    """(N, S, A) what queries are compared with: W_k e."""
    barred: Array
    """(N, 1, S): 0 for a place of the source, NOWHERE behind its end."""


def query_size(config: Any) -> int:
    """A."""
    H: int = config.hidden_size
    return H if config.attention == "dot" else min(H, WIDEST)


class Attention(Alignment):
    """A decoder whose steps look at all of the source."""

    about = "a text of any length, each character looking at the whole source"
    words = "decoder with {attention} attention"
    writes = True
    part = "attention"
    looks = True

    def shapes(self, config: Any) -> dict[str, tuple[int, ...]]:
        """The matrices of the scores, and those that combine context and output."""
        H, K, A = config.hidden_size, config.source_width, query_size(config)
        shapes: dict[str, tuple[int, ...]] = {"key": (A, K)}
        if config.attention == "additive":
            shapes |= {"query": (A, H), "score": (A,)}
        return shapes | {"context": (H, K), "output": (H, H), "bias": (H,)}

    def remember(self, values: Array, barred: Array, weights: Weights) -> Memory:
        """The keys of a source, computed once."""
        return Memory(values, values @ weights["key"].T, barred)

    def attend(self, h: Array, memory: Memory, weights: Weights, ops: Ops) -> tuple[Array, Array]:
        """The output ĥ (N, T, H), and the weights α (N, T, S)."""
        if "query" in weights:
            queries = h @ weights["query"].T  # (N, T, A)
            scores = ops.additive_scores(queries, memory.keys, weights["score"])
        else:
            scores = h @ memory.keys.swapaxes(1, 2)
        alpha = ops.softmax(scores + memory.barred)  # (N, T, S)
        context = alpha @ memory.values
        own = ops.linear(h, weights["output"], weights["bias"])
        return ops.tanh(own + context @ weights["context"].T), alpha


ALIGNMENT = Attention()
