"""Position by position: a symbol of the target for each of the source.

log p(target | source) = sum over the places s of log p_s(target_s)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from charrnn.network.alignments.base import Alignment, Scored

if TYPE_CHECKING:
    from charrnn.numerics import Float64


class Each(Alignment):
    """A symbol at each place."""

    about = "a symbol for each character"
    words = "a symbol at each place"
    keeps_unknown = True

    def lack(self, source: str, target: str) -> str:
        """Another length."""
        return "" if len(source) == len(target) else "as many characters as its source"

    def targets(self, log_p: "Float64", beam: int, n_best: int) -> Scored:  # noqa: ARG002 (there is one)
        """The most probable symbol at each place."""
        return [(log_p.argmax(-1).tolist(), float(log_p.max(-1).sum()))]

    def log_likelihood(self, log_p: "Float64", target: Sequence[int]) -> float:
        """The sum over the places."""
        return float(log_p[range(len(log_p)), target].sum())


ALIGNMENT = Each()
