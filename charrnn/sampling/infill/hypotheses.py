"""The hypotheses of a beam search, side by side in the rows of arrays.

Legend: N hypotheses, V symbols, W places for symbols in all gaps.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Float, Float64

if TYPE_CHECKING:
    from charrnn.model import States

NOTHING = -1
"""Placeholder in `Hypotheses.symbols` where there is no symbol."""


@dataclass(frozen=True)
class Hypotheses:
    """N ways to fill the gaps so far."""

    log_p: Float64
    """Log-probability of everything from the first gap on, (N,)."""
    log_kept: Float64
    """Log of the chance with which each was kept until now, (N,); see `prune`."""
    symbols: npt.NDArray[np.int32]
    """The symbols in the gaps, each at its place, or NOTHING, (N, W)."""
    logits: Float
    """Logits of the next symbol, (N, V)."""
    state: "States"
    """The state of the network after all symbols, (N, H) each."""

    def __len__(self) -> int:
        """N."""
        return len(self.log_p)

    def take(self, rows: npt.NDArray[np.integer | np.bool_]) -> "Hypotheses":
        """Some of the hypotheses, by index or mask."""
        return Hypotheses(
            self.log_p[rows],
            self.log_kept[rows],
            self.symbols[rows],
            self.logits[rows],
            tuple(tuple(array[rows] for array in layer) for layer in self.state),
        )

    def none(self) -> "Hypotheses":
        """No hypotheses, with arrays of the same shapes."""
        return self.take(np.arange(0))

    def with_more(self, other: "Hypotheses") -> "Hypotheses":
        """These hypotheses, followed by others."""
        pairs = zip(self.state, other.state, strict=True)
        return Hypotheses(
            np.concatenate([self.log_p, other.log_p]),
            np.concatenate([self.log_kept, other.log_kept]),
            np.concatenate([self.symbols, other.symbols]),
            np.concatenate([self.logits, other.logits]),
            tuple(tuple(map(np.concatenate, zip(*pair, strict=True))) for pair in pairs),
        )
