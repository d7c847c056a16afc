"""No alignment: one vector is all that a decoder is given, of a label, or the final one of an encoder.

    x_t = E y_{t-1} + U v        v is added to the input of each step, and gives the decoder's start

Sources: K. Cho and others, "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
Translation", 2014; I. Sutskever, O. Vinyals and Q. Le, "Sequence to Sequence Learning with Neural Networks", 2014.
"""

from typing import Any

from charrnn.network.alignments.base import Alignment
from charrnn.network.cells.base import Array, Weights


class NoAlignment(Alignment):
    """A decoder that is given one vector."""

    about = "a text from a label, or from the last state of an encoder alone"
    words = "decoder"
    writes = True
    takes_labels = True
    reads_both_ways = False
    part = "context"
    adds = True

    def shapes(self, config: Any) -> dict[str, tuple[int, ...]]:
        """U."""
        return {"weight": (config.embedding_size, config.source_width)}

    def added(self, final: Array, weights: Weights) -> Array:
        """U v."""
        return final @ weights["weight"].T


ALIGNMENT = NoAlignment()
