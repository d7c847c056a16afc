"""What a network of pairs reads at a step."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.network.encoder import Shorter

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
    shorter: tuple[Shorter, ...] = ()
    """What the layers of a subsampled encoder read; see `charrnn.network.encoder.shortened`."""

    @property
    def top(self) -> tuple[Array, Array]:
        """The lengths (N,) and the reversal (T, N) of the encoder's outputs."""
        _, lengths, reversal = self.shorter[-1] if self.shorter else (None, *self[1:3])
        return lengths, reversal

    @property
    def num_rows(self) -> int:
        """The pairs, N."""
        return len(self.lengths)

    def cut(self, rows: slice) -> "PairInputs":
        """Some of the pairs."""
        source, lengths, reversal, previous, shorter = self
        return PairInputs(
            source[:, rows],
            lengths[rows],
            reversal[:, rows],
            previous[:, rows],
            tuple(Shorter(k[:, rows], n[rows], r[:, rows]) for k, n, r in shorter),
        )
