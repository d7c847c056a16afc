"""Heads map the outputs of a network's stack to logits. A head is one function over arrays, NumPy's and torch's alike.

Like a cell, a head knows its weights and nothing of text. A language model's gives a logit for every symbol. Another
head is another `Head`, in a file of its own: `CharRNN`, `charrnn.training.network.Network` and `Trainer` take it as an
argument, and know nothing more of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from charrnn.config import ModelConfig
from charrnn.network.cells.base import Array, Ops, Weights

PREFIX = "head."
"""Prefix of the names of a head's weights in a network."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The last part of a network: outputs (..., H) in, logits (..., V) out.

    Weights carry torch's layouts: a matrix is (outputs, inputs). They are drawn in the order of their names, a matrix
    and the vectors behind it with numbers as large as those of torch.nn.Linear.
    """

    shapes: Callable[[ModelConfig], Mapping[str, tuple[int, ...]]]
    """shapes(config) -> the shape of each weight, by its name."""
    logits: Callable[[Array, Weights, Ops], Array]
    """logits(outputs, weights, ops) -> the logits after each output."""


def linear_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of `LINEAR`."""
    V, H = config.vocab_size, config.hidden_size
    return {"weight": (V, H), "bias": (V,)}


def linear_logits(outputs: Array, weights: Weights, ops: Ops) -> Array:
    """The unnormalized log-probabilities of the next symbol, (..., V): W h + b."""
    return ops.linear(outputs, weights["weight"], weights["bias"])


LINEAR = Head(shapes=linear_shapes, logits=linear_logits)
"""The head of a language model: a logit for each symbol of the vocabulary."""


def head_weights(weights: Mapping[str, Array]) -> dict[str, Array]:
    """A head's weights by their own names, out of those of a network: `head.bias` -> `bias`."""
    return {n.removeprefix(PREFIX): w for n, w in weights.items() if n.startswith(PREFIX)}
