"""A target that a decoder writes. In training it reads the right symbols, whatever it would have written.

previous   ↵ 4 2          what it reads: the target behind an end
targets    4 2 ↵          what it is to write
"""

import numpy as np

from charrnn.text.items import Positions
from charrnn.text.pairs import END, PairCorpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.data import IGNORED
from charrnn.training.pairs.alignments.base import Training
from charrnn.training.pairs.inputs import Array
from charrnn.training.pairs.network import DecoderNetwork


class Written(Training):
    """Teacher forcing."""

    network = DecoderNetwork

    def laid_out(
        self, corpus: PairCorpus, rows: Positions, places: Positions
    ) -> tuple[Array, Array]:
        """What a decoder reads and is to write, (U, N) each."""
        assert isinstance(corpus.vocabulary, Vocabulary)
        target, lengths = corpus.target_column.padded(rows), corpus.target_column.lengths[rows]
        end = int(corpus.vocabulary.encode(END)[0])
        row = np.full((1, len(rows)), end)
        places = np.arange(len(target) + 1)[:, None]
        closed = np.concatenate([target, row])
        targets = np.where(places < lengths, closed, np.where(places == lengths, end, IGNORED))
        return np.concatenate([row, target]), targets


TRAINING = Written()
