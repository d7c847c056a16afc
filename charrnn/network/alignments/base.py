"""An alignment: what a source hands on, and what a target is made of.

It knows ids and arrays, and nothing of text, files or training. With a decoder its functions run on NumPy arrays and on
torch tensors alike; without one it reads the log-probabilities at the places of a source, in NumPy.

Legend for shapes: N rows, T steps of the target, S places of the source, V symbols, C = V + blanks classes, H units, K
numbers of an encoder's output, E numbers of an embedding.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from charrnn.network.cells.base import Array, Ops, Weights

if TYPE_CHECKING:
    from charrnn.numerics import Float64
    from charrnn.text.languages import Language

Scored = list[tuple[list[int], float]]
"""Targets as ids, each with its log-probability, the best first."""


class Alignment:
    """The base of all alignments, whose values are those of most of them."""

    about: ClassVar[str]
    """The target that it gives, for the help: "a symbol for each character"."""
    words: ClassVar[str]
    """The target side of the network, for its description: "CTC"."""
    writes: ClassVar[bool] = False
    """Whether a decoder writes the target, symbol by symbol, with an end behind it."""
    is_label: ClassVar[bool] = False
    """Whether a target is one symbol as a whole, which follows from the final vector."""
    has_encoder: ClassVar[bool] = True
    """Whether an encoder reads the source; if not, the decoder does, and both sides have the same symbols."""
    takes_labels: ClassVar[bool] = False
    """Whether a source may be a label as a whole."""
    reads_both_ways: ClassVar[bool] = True
    """Whether the encoder reads in both directions unless that is decided otherwise."""
    shortens: ClassVar[bool] = True
    """Whether an encoder may give fewer outputs than its source has symbols."""
    smooths: ClassVar[bool] = True
    """Whether labels can be smoothed in training."""

    def lack(self, source: str, target: str) -> str:  # noqa: ARG002 (for those that need something)
        """What a target would have to be, if it cannot follow from its source: "a label"; else empty."""
        return ""

    # --- without a decoder -------------------------------------------------------------------------------------------

    blanks: ClassVar[int] = 0
    """The classes at each place beside the symbols; they are the last."""
    stretches: ClassVar[bool] = False
    """Whether each symbol of a source is read several times, so that the longest target fits."""
    keeps_unknown: ClassVar[bool] = False
    """Whether characters that a model does not know stay at their places."""
    has_beam: ClassVar[bool] = False
    """Whether a search for the targets may keep several hypotheses; with a decoder it always may."""

    def stretch(self, source: str, target: str, shortened: int = 1) -> int:  # noqa: ARG002
        """How often each symbol of the source must be read so that the target fits.

        Args:
            source: the source.
            target: its target.
            shortened: the encoder gives an output for so many places of the source.
        """
        return 1

    def targets(
        self, log_p: "Float64", beam: int, n_best: int, language: "Language | None" = None
    ) -> Scored:
        """The targets for some log-probabilities; with a language there may be none.

        Args:
            log_p: (S, C), one place for a label.
            beam: hypotheses that are kept at each place.
            n_best: the number of targets.
            language: the targets that are allowed; None: all.
        """
        raise NotImplementedError

    def log_likelihood(self, log_p: "Float64", target: Sequence[int]) -> float:
        """The log-probability of a target, whose ids these are; log_p as in `targets`."""
        raise NotImplementedError

    # --- with a decoder ----------------------------------------------------------------------------------------------

    part: ClassVar[str] = ""
    """The first part of the names of its own weights: "attention" for attention.key."""
    adds: ClassVar[bool] = False
    """Whether something is added to each input of the decoder; see `added`."""
    looks: ClassVar[bool] = False
    """Whether each step of the decoder looks at the encoder's outputs; see `attend`."""

    def shapes(self, config: Any) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        """The shapes of its own weights by their short names, for a ModelConfig."""
        return {}

    def added(self, final: Array, weights: Weights) -> Array:
        """What is added to each input, (..., E), for final vectors (..., K)."""
        raise NotImplementedError

    def remember(self, values: Array, barred: Array, weights: Weights) -> Any:
        """What the steps look at: a tuple of arrays with a row for each source.

        Args:
            values: (N, S, K) the outputs of the encoder.
            barred: (N, 1, S): 0 for a place of the source, a large negative number behind its end.
            weights: its own weights.
        """
        raise NotImplementedError

    def attend(self, h: Array, memory: Any, weights: Weights, ops: Ops) -> tuple[Array, Array]:
        """What the head is given after outputs h (N, T, H) of the decoder, (N, T, H), and the weights (N, T, S)."""
        raise NotImplementedError
