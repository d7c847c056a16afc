"""One of some labels for a source as a whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from charrnn.network.alignments.base import Alignment, Scored

if TYPE_CHECKING:
    from charrnn.numerics import Float64
    from charrnn.text.languages import Language


class Label(Alignment):
    """A label, from the final vector."""

    about = "one label"
    words = "a label"
    is_label = True

    def lack(self, source: str, target: str) -> str:  # noqa: ARG002 (as of the others)
        """A text that is not empty."""
        return "" if target else "a label"

    def targets(
        self,
        log_p: "Float64",
        beam: int,  # noqa: ARG002 (all are known)
        n_best: int,
        language: "Language | None" = None,
    ) -> Scored:
        """The most probable labels."""
        best = (-log_p[0]).argsort(kind="stable").tolist()
        if language:
            allowed = language.allowed(language.start, 1)
            best = [k for k in best if allowed[k]]
        return [([k], float(log_p[0, k])) for k in best[:n_best]]

    def log_likelihood(self, log_p: "Float64", target: Sequence[int]) -> float:
        """The log-probability of the label."""
        return float(log_p[0, target[0]])


ALIGNMENT = Label()
