"""A language model of source and target: see `charrnn.network.alignments.lm` for what it reads and predicts."""

from typing import Any

import numpy as np
from torch import Tensor

from charrnn.text.items import Positions
from charrnn.text.pairs import END, PairCorpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.data import IGNORED
from charrnn.training.network import Network, TorchState
from charrnn.training.pairs.alignments.base import Training
from charrnn.training.pairs.inputs import Array
from charrnn.training.stack import States


class LineNetwork(Network):
    """The network of a language model, whose state is not carried on."""

    def forward(self, inputs: Any, state: TorchState) -> tuple[Tensor, States]:  # noqa: ARG002
        """Logits (U, N, V) after each symbol of the lines."""
        logits, _ = super().forward(inputs.previous, None)
        return logits, ()


class Lines(Training):
    """Whole lines, of which the target is scored."""

    network = LineNetwork

    def laid_out(
        self, corpus: PairCorpus, rows: Positions, places: Positions
    ) -> tuple[Array, Array]:
        """The symbols of the lines, and those that follow each in the target, (U, N) each."""
        assert isinstance(corpus.vocabulary, Vocabulary)
        end = int(corpus.vocabulary.encode(END)[0])
        source, target = (c.padded(rows) for c in (corpus.source_column, corpus.target_column))
        last = places + corpus.target_column.lengths[rows]  # where each line has been read
        at = np.arange(int(last.max()) + 1)[:, None]
        columns = np.arange(len(rows))
        read = np.full((len(at), len(rows)), end)
        for symbols, begin, stop in ((source, 0 * places, places), (target, places + 1, last + 1)):
            here = (at >= begin) & (at < stop)
            read = np.where(here, symbols[np.where(here, at - begin, 0), columns], read)
        following = np.concatenate([read[1:], np.full((1, len(rows)), end)])
        return read, np.where((at >= places) & (at <= last), following, IGNORED)


TRAINING = Lines()
