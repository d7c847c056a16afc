"""Tasks: what a run reads and trains, the loss of a chunk, and how validation judges.

Another task is another `Task`, in a file of its own; `train_step` and `Trainer` take it as an argument, and know nothing
more of it. What its logits mean is a matter of the head (`charrnn.network.heads`).
"""

import dataclasses
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.checkpoint import Checkpoint, load_checkpoint
from charrnn.config import ModelConfig, Precision, SavingConfig, TrainingConfig
from charrnn.model import CharRNN
from charrnn.network.heads import LINEAR, Head
from charrnn.text.corpus import Corpus
from charrnn.training.counted import counts_of
from charrnn.training.data import IGNORED, ItemBatches, StreamBatches, make_batches
from charrnn.training.network import Network, make_network
from charrnn.training.validation import validate


class Task(Protocol):
    """A task of training. Networks, corpora and batches are of its own kinds, which only it knows."""

    def batches(self, corpus: Any, config: TrainingConfig, /) -> Any:
        """What each step reads; see `charrnn.training.data` for what a class of batches has."""

    def network(
        self, model_config: ModelConfig, config: TrainingConfig, device: torch.device, head: Head, /
    ) -> Any:
        """The network before its first step, a `charrnn.training.network.NumpyModule`."""

    def loss(self, logits: Tensor, targets: Any, /) -> Tensor:
        """The loss of a chunk, a number that torch can differentiate.

        Args:
            logits: (T, N, V) the head's output after each character.
            targets: (T, N) the characters that follow; IGNORED ones are padding, and do not count.
        """

    def validate(self, network: Any, corpus: Any, precision: Precision, /) -> float | None:
        """The mean loss on a corpus's validation text, which ranks checkpoints; None if there is no such text."""

    def exact(self, network: Any, corpus: Any, /) -> float | None:
        """The part of the validation targets that are right as a whole, which ranks first; None: nothing is."""

    def places_per_target(self, corpus: Any, /) -> float:
        """How many predictions the loss of one target adds up."""

    def counted(
        self, best: Path, corpus: Any, saving: SavingConfig, head: Head, /
    ) -> Checkpoint | None:
        """The best checkpoint, with the counts of the training text; None if it gets none."""

    def snapshot(self, network: Any, model_config: ModelConfig, corpus: Any, head: Head, /) -> Any:
        """The network in NumPy."""


class NextCharacter:
    """The task of a language model: to predict each next character. Losses are nats per character."""

    def batches(self, corpus: Corpus, config: TrainingConfig) -> StreamBatches | ItemBatches:
        """The batches of the training text."""
        return make_batches(corpus, config)

    def network(
        self, model_config: ModelConfig, config: TrainingConfig, device: torch.device, head: Head
    ) -> Network:
        """The network before its first step."""
        return make_network(
            model_config,
            config.dropout,
            config.seed,
            device,
            config.kernel,
            weight_drop=config.weight_drop,
            head=head,
        )

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean cross-entropy of the targets."""
        flat = logits.float().flatten(0, 1)
        return cross_entropy(flat, targets.flatten(), ignore_index=IGNORED)

    def validate(self, network: Network, corpus: Corpus, precision: Precision) -> float | None:
        """Nats per character on a corpus's validation text; see `charrnn.training.validation.validate`."""
        return validate(network, corpus, precision)

    def exact(self, network: Network, corpus: Corpus) -> None:
        """None: a text has no target that could be right as a whole."""

    def places_per_target(self, corpus: Corpus) -> float:  # noqa: ARG002 (as for pairs)
        """One."""
        return 1.0

    def counted(
        self, best: Path, corpus: Corpus, saving: SavingConfig, head: Head
    ) -> Checkpoint | None:
        """The best checkpoint with counts, if there is validation text to fit their weight on."""
        if not saving.counts or head is not LINEAR:  # another head may predict something else
            return None
        loaded = load_checkpoint(best, head)
        counts = counts_of(loaded.model, corpus, saving)
        return None if counts is None else dataclasses.replace(loaded, counts=counts)

    def snapshot(
        self, network: Network, model_config: ModelConfig, corpus: Corpus, head: Head
    ) -> CharRNN:
        """The network in NumPy."""
        return CharRNN(model_config, corpus.vocabulary, network.to_numpy(), head)


NEXT_CHARACTER = NextCharacter()


def task_of(model_config: ModelConfig, config: TrainingConfig) -> Task:
    """The task of a network: that of a language model, or of pairs."""
    if model_config.align is None:
        return NEXT_CHARACTER
    from charrnn.training.pairs.task import PairTask

    return PairTask(model_config, config.label_smoothing)
