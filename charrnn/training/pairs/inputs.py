"""What a network of pairs reads at a step."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.int64]


class PairInputs(NamedTuple):
    """What a network of pairs reads."""

    source: Array
    """(T, N)"""
    lengths: Array
    """(N,)"""
    reversal: Array
    """(T, N); see `charrnn.network.encoder.reversal`."""
    previous: Array
    """(U, N) the symbols before each of the target, for a decoder; else (0, N)."""

    @property
    def num_rows(self) -> int:
        """The pairs, N."""
        return len(self.lengths)

    def cut(self, rows: slice) -> "PairInputs":
        """Some of the pairs."""
        source, lengths, reversal, previous = self
        return PairInputs(source[:, rows], lengths[rows], reversal[:, rows], previous[:, rows])
