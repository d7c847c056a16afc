"""Tasks: the loss of a chunk, and the loss that validation reports.

Another task is another `Task`, in a file of its own; `train_step` and `Trainer` take it as an argument, and know nothing
more of it. What its logits mean is a matter of the head (`charrnn.network.heads`).
"""

from typing import Protocol

from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.config import Precision
from charrnn.text.corpus import Corpus
from charrnn.training.data import IGNORED
from charrnn.training.network import Network
from charrnn.training.validation import validate


class Task(Protocol):
    """A task of training."""

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of a chunk, a number that torch can differentiate.

        Args:
            logits: (T, N, V) the head's output after each character.
            targets: (T, N) the characters that follow; IGNORED ones are padding, and do not count.
        """

    def validate(self, network: Network, corpus: Corpus, precision: Precision) -> float | None:
        """The mean loss on a corpus's validation text, which ranks checkpoints; None if there is no such text."""


class NextCharacter:
    """The task of a language model: to predict each next character. Losses are nats per character."""

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean cross-entropy of the targets."""
        flat = logits.float().flatten(0, 1)
        return cross_entropy(flat, targets.flatten(), ignore_index=IGNORED)

    def validate(self, network: Network, corpus: Corpus, precision: Precision) -> float | None:
        """Nats per character on a corpus's validation text; see `charrnn.training.validation.validate`."""
        return validate(network, corpus, precision)


NEXT_CHARACTER = NextCharacter()
