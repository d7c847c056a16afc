"""How an alignment is trained: its network in torch, how targets are laid out for it, and its loss."""

from typing import Any

import numpy as np
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.config import ModelConfig
from charrnn.text.items import Positions
from charrnn.text.pairs import PairCorpus
from charrnn.training.data import IGNORED
from charrnn.training.network import NumpyModule
from charrnn.training.pairs.inputs import Array
from charrnn.training.pairs.network import EncodedNetwork


class Training:
    """The base of all, for a symbol at each place of a source."""

    network: type[NumpyModule] = EncodedNetwork
    """The class of the network: network(config, dropout, kernel, weight_drop=...)."""

    def laid_out(self, corpus: PairCorpus, rows: Positions, places: Positions) -> tuple[Array, Any]:  # noqa: ARG002 (for some)
        """What the network reads beside the source, (U, N), and the targets of some pairs.

        Args:
            corpus: the pairs.
            rows: (N,) their numbers.
            places: (N,) the places that the network reads of each source.

        Returns:
            The symbols read, and the targets: an array (U, N), IGNORED where there is none, or a tuple of arrays
            of which the first is such.
        """
        return np.zeros((0, len(rows)), np.int64), corpus.target_column.padded(rows, IGNORED)

    def loss(self, logits: Tensor, targets: Any, smoothing: float) -> Tensor:
        """The mean loss of a symbol of the targets.

        Args:
            logits: (U, N, C).
            targets: as `laid_out` gives them.
            smoothing: the part of each target's probability that is spread over all symbols.
        """
        flat = logits.flatten(0, 1)
        return cross_entropy(
            flat, targets.flatten(), ignore_index=IGNORED, label_smoothing=smoothing
        )

    def places_per_target(self, corpus: PairCorpus, config: ModelConfig) -> float:  # noqa: ARG002
        """How many predictions the loss of one symbol adds up."""
        return 1.0
