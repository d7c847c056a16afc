"""The loss of CTC, by torch."""

import math
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor
from torch.nn.functional import ctc_loss, log_softmax

from charrnn.config import ModelConfig
from charrnn.text.items import Positions
from charrnn.text.pairs import PairCorpus
from charrnn.training.data import IGNORED
from charrnn.training.pairs.alignments.base import Training
from charrnn.training.pairs.inputs import Array


class CtcTargets(NamedTuple):
    """What CTC is given."""

    targets: Array
    """(N, U), IGNORED behind the end."""
    lengths: Array
    """(N,)"""
    places: Array
    """(N,) the places of each source."""

    def cut(self, rows: slice) -> "CtcTargets":
        """The targets of some of the pairs."""
        return CtcTargets(self.targets[rows], self.lengths[rows], self.places[rows])


class Ctc(Training):
    """The sum over all paths."""

    def laid_out(
        self, corpus: PairCorpus, rows: Positions, places: Positions
    ) -> tuple[Array, CtcTargets]:
        """The targets with their lengths, and those of their sources."""
        target = corpus.target_column
        padded = np.ascontiguousarray(target.padded(rows, IGNORED).T)
        previous = np.zeros((0, len(rows)), np.int64)
        return previous, CtcTargets(padded, target.lengths[rows], places)

    def loss(self, logits: Tensor, targets: Any, smoothing: float) -> Tensor:  # noqa: ARG002 (refused)
        """The loss of all targets, for each of their symbols."""
        total: Tensor = ctc_loss(
            log_softmax(logits, -1),
            targets.targets.clamp(min=0),
            targets.places,
            targets.lengths,
            blank=logits.shape[-1] - 1,
            reduction="sum",
        )
        count: Tensor = targets.lengths.sum().clamp(min=1)
        return total / count

    def places_per_target(self, corpus: PairCorpus, config: ModelConfig) -> float:
        """The places of a source for each symbol of its target."""
        factor = math.pow(int(config.subsample or 1), config.num_layers - 1)
        places = len(corpus.source_column.ids) * (config.stretch or 1) / factor
        return max(1.0, places / max(1, len(corpus.target_column.ids)))


TRAINING = Ctc()
