"""The batches of a corpus of pairs: which pairs each step reads, and how they are laid out for their alignment.

    source     f o u r      t w o ·       (T, N), padded behind each end
    previous   ↵ 4          ↵ 2           what a decoder reads
    targets    4 ↵          2 ↵           what it is to write; IGNORED is padding

Pairs of about the same length are read together, as lines are (`charrnn.training.data.ItemBatches`), and never cut.
"""

from typing import Any

import numpy as np

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.network.encoder import reversal, shortened
from charrnn.text.items import Positions, random_numbers
from charrnn.text.pairs import PairCorpus
from charrnn.training.data import num_targets
from charrnn.training.item_order import BatchShape, ItemOrder
from charrnn.training.pairs.alignments import TRAININGS
from charrnn.training.pairs.inputs import PairInputs

PairBatch = tuple[PairInputs, Any]
"""What a step reads, and its targets; see `charrnn.training.pairs.alignments.base.Training.laid_out`."""


class PairBatches:
    """The batches of training pairs.

    Args:
        corpus: the pairs, aligned.
        shape: N·T symbols are read by a step, or a little fewer, sources and targets together.
        seed: the seed of the shuffling.
        stretch: how often each symbol of a source is read.
        network: the network, which may read fewer places than a source has; None: it does not.
    """

    def __init__(
        self,
        corpus: PairCorpus,
        shape: BatchShape,
        seed: int,
        stretch: int,
        network: ModelConfig | None = None,
    ) -> None:
        self._corpus, self._stretch, self._network = corpus, stretch, network
        self.order = ItemOrder(pair_lengths(corpus, corpus.train), shape, seed, whole=True)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every pair is read once."""
        return self.order.steps_per_epoch

    def resets_state(self, step: int) -> bool:  # noqa: ARG002 (as the batches of a text)
        """True: nothing is carried from step to step."""
        return True

    def characters_in(self, steps: int) -> int:
        """The symbols read in the first steps of a run, sources and targets together."""
        return self.order.characters_in(steps)

    def batch(self, step: int) -> PairBatch:
        """What a step reads, and its targets."""
        rows, _ = self.order.part(step)
        return laid_out(self._corpus, self._corpus.train[rows], self._stretch, self._network)

    def characters(self, batch: PairBatch) -> int:
        """The symbols that a step reads, sources and targets together."""
        inputs, targets = batch
        return int(inputs.lengths.sum()) // self._stretch + num_targets(targets)

    def typical(self, num_pairs: int) -> PairBatch:
        """A batch of some pairs, always the same ones."""
        rows = random_numbers(num_pairs, 0) % np.uint64(len(self._corpus.train))
        own = self._corpus.train[rows.astype(np.int64)]
        return laid_out(self._corpus, own, self._stretch, self._network)


def make_pair_batches(
    corpus: PairCorpus, model_config: ModelConfig, config: TrainingConfig
) -> PairBatches:
    """The batches of a run."""
    shape = BatchShape(config.batch_size, config.sequence_length)
    return PairBatches(corpus, shape, config.seed, model_config.stretch or 1, model_config)


def pair_lengths(corpus: PairCorpus, rows: Positions) -> Positions:
    """The symbols of each pair, with the end of its target, (pairs,)."""
    ends = int(corpus.alignment.writes)
    lengths: Positions = corpus.source_column.lengths[rows] + corpus.target_column.lengths[rows]
    return lengths + ends


def laid_out(
    corpus: PairCorpus, rows: Positions, stretch: int, network: ModelConfig | None = None
) -> PairBatch:
    """Pairs side by side, as their alignment wants them; see `PairBatches`."""
    source = np.repeat(corpus.source_column.padded(rows), stretch, 0)
    lengths = corpus.source_column.lengths[rows] * stretch
    shorter = shortened(network, source, lengths) if network else ()
    places = shorter[-1].lengths if shorter else lengths
    previous, targets = TRAININGS[corpus.align].laid_out(corpus, rows, places)
    return PairInputs(source, lengths, reversal(lengths, len(source)), previous, shorter), targets
