"""The task of a model of pairs: to give the target of a source. Losses are nats per symbol of the target."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from charrnn.config import Kernel, ModelConfig, Precision, SavingConfig, TrainingConfig
from charrnn.network.heads import LINEAR, Head
from charrnn.pairs.converting import convert
from charrnn.pairs.model import PairNetwork
from charrnn.text.items import Positions
from charrnn.text.pairs import PairCorpus
from charrnn.training.data import num_targets
from charrnn.training.machine import autocast, on_device, seeded
from charrnn.training.network import NumpyModule
from charrnn.training.pairs.alignments import TRAININGS
from charrnn.training.pairs.batches import (
    PairBatches,
    laid_out,
    make_pair_batches,
    pair_lengths,
)

MATCHED = 500
"""Validation pairs, at most, that are converted at each evaluation."""
VALIDATED = 4000
"""Validation pairs, at most, whose loss is computed."""
ROWS = 128
"""Validation pairs that are computed side by side."""


class PairTask:
    """The task of a model of pairs.

    Args:
        model_config: the network.
        label_smoothing: the part of each target's probability that is spread over all symbols in training.
    """

    def __init__(self, model_config: ModelConfig, label_smoothing: float = 0.0) -> None:
        self.model_config, self.label_smoothing = model_config, label_smoothing
        self.training = TRAININGS[model_config.align or ""]

    def batches(self, corpus: PairCorpus, config: TrainingConfig) -> PairBatches:
        """The batches of the training pairs."""
        return make_pair_batches(corpus, self.model_config, config)

    def network(
        self,
        model_config: ModelConfig,
        config: TrainingConfig,
        device: torch.device,
        head: Head,  # noqa: ARG002 (each alignment has its own)
    ) -> NumpyModule:
        """The network before its first step."""
        return make_pair_network(
            model_config,
            config.dropout,
            config.seed,
            device,
            config.kernel,
            weight_drop=config.weight_drop,
        )

    def loss(self, logits: Tensor, targets: Any) -> Tensor:
        """The mean loss of a symbol of the target; smoothed in training."""
        return self._loss(logits, targets, self.label_smoothing)

    def _loss(self, logits: Tensor, targets: Any, smoothing: float) -> Tensor:
        return self.training.loss(logits.float(), targets, smoothing)

    @torch.no_grad()
    def validate(
        self, network: NumpyModule, corpus: PairCorpus, precision: Precision
    ) -> float | None:
        """Nats per symbol of the targets of the first VALIDATED validation pairs; None without such pairs."""
        rows = corpus.val[:VALIDATED]
        if not len(rows):
            return None
        device = next(network.parameters()).device
        network.eval()
        total, symbols = 0.0, 0
        for some in _alike(corpus, rows):
            inputs, targets = on_device(
                laid_out(corpus, some, self.model_config.stretch or 1, self.model_config), device
            )
            with autocast(device, precision):
                logits, _ = network(inputs, None)
            count = num_targets(targets)
            total += self._loss(logits, targets, 0.0).item() * max(1, count)
            symbols += count
        network.train()
        return total / max(1, symbols)

    def counted(self, best: Path, corpus: PairCorpus, saving: SavingConfig, head: Head) -> None:
        """None: models of pairs have no counts."""

    def exact(self, network: NumpyModule, corpus: PairCorpus) -> float | None:
        """The part of the first MATCHED validation pairs that the network converts without a mistake.

        None without such pairs, and with labels as sources: what is written after one is no target to be met.
        """
        pairs = [] if corpus.source_labels else corpus.pairs(corpus.val[:MATCHED])
        if not pairs:
            return None
        model = self.snapshot(network, self.model_config, corpus, LINEAR)
        made = convert(model, [source for source, _ in pairs])
        right = [bool(m) and m[0].text == t for m, (_, t) in zip(made, pairs, strict=True)]
        return float(np.mean(right))

    def places_per_target(self, corpus: PairCorpus) -> float:
        """The places of a source for each symbol of its target, where the loss adds them up."""
        return self.training.places_per_target(corpus, self.model_config)

    def snapshot(
        self,
        network: NumpyModule,
        model_config: ModelConfig,
        corpus: PairCorpus,
        head: Head,  # noqa: ARG002 (each alignment has its own)
    ) -> PairNetwork:
        """The network in NumPy."""
        return PairNetwork(
            model_config, corpus.source_symbols, corpus.vocabulary, network.to_numpy()
        )


def make_pair_network(
    config: ModelConfig,
    dropout: float,
    seed: int,
    device: torch.device,
    kernel: Kernel = "fused",
    *,
    weight_drop: float = 0.0,
) -> NumpyModule:
    """A network whose initial weights depend on the seed alone."""
    kind: Any = TRAININGS[config.align or ""].network
    with seeded(seed):
        network: NumpyModule = kind(config, dropout, kernel, weight_drop=weight_drop)
        return network.to(device)


def _alike(corpus: PairCorpus, rows: Positions) -> list[Positions]:
    """Pairs of about the same length together."""
    order = rows[np.argsort(pair_lengths(corpus, rows), kind="stable")]
    return [order[k : k + ROWS] for k in range(0, len(order), ROWS)]
