"""Position by position: a symbol of the target for each of the source.

log p(target | source) = sum over the places s of log p_s(target_s)

Within a language, the best target is found by going through places and states.

Source: A. J. Viterbi, "Error Bounds for Convolutional Codes and an Asymptotically Optimum Decoding Algorithm", 1967.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from charrnn.errors import UsageError
from charrnn.network.alignments.base import Alignment, Scored

if TYPE_CHECKING:
    from charrnn.numerics import Float64
    from charrnn.text.languages import Language

MOST_STATES = 20_000
"""States of a language that are kept at a place, at most."""

Path = tuple[int, Any]
"""A symbol, and the path before it."""


def best_of_length(scores: "Float64", language: "Language") -> tuple[list[int], float] | None:
    """The text of a language with the highest sum of scores, and this sum; None if none is so long.

    Args:
        scores: (T, V) of each symbol at each place; -inf where it cannot stand.
        language: the texts, over the V symbols.

    Raises:
        UsageError: at one place, the language has too many states.
    """
    import numpy as np

    paths: dict[Any, tuple[float, Path | None]] = {language.start: (0.0, None)}
    for t, row in enumerate(scores):
        before, paths = paths, {}
        possible = np.isfinite(row)
        for state, (total, path) in before.items():
            allowed = np.flatnonzero(language.allowed(state, len(scores) - t) & possible)
            for symbol, score in zip(allowed.tolist(), row[allowed].tolist(), strict=True):
                after = language.advance(state, symbol)
                if after not in paths or paths[after][0] < total + score:
                    paths[after] = total + score, (symbol, path)
        if len(paths) > MOST_STATES:
            raise UsageError(
                "the targets that are allowed differ in too many ways for a model that writes a symbol for each "
                f"character: at one place, more than {MOST_STATES:,} states would have to be kept",
                "allow fewer, or simplify the expression",
            )
    ends = [(total, path) for state, (total, path) in paths.items() if language.accepts(state)]
    if not ends:
        return None
    total, path = max(ends, key=lambda end: end[0])
    symbols = []
    while path:
        symbol, path = path
        symbols.append(symbol)
    return symbols[::-1], total


class Each(Alignment):
    """A symbol at each place."""

    about = "a symbol for each character"
    words = "a symbol at each place"
    shortens = False
    keeps_unknown = True

    def lack(self, source: str, target: str) -> str:
        """Another length."""
        return "" if len(source) == len(target) else "as many characters as its source"

    def targets(
        self,
        log_p: "Float64",
        beam: int,  # noqa: ARG002 (there is one)
        n_best: int,  # noqa: ARG002
        language: "Language | None" = None,
    ) -> Scored:
        """The most probable symbol at each place."""
        if language:
            found = best_of_length(log_p, language)
            return [found] if found else []
        return [(log_p.argmax(-1).tolist(), float(log_p.max(-1).sum()))]

    def log_likelihood(self, log_p: "Float64", target: Sequence[int]) -> float:
        """The sum over the places."""
        return float(log_p[range(len(log_p)), target].sum())


ALIGNMENT = Each()
