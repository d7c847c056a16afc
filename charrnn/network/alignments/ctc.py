"""Connectionist temporal classification: a shorter target from a symbol or a blank at each place of the source.

    path      h h · e · l l · l o        what stands at each place; · is the blank
    target    h     e   l     l o        equal neighbors are merged, then blanks are left out

The probability of a target is the sum over all paths that give it. Everything here works on log-probabilities in NumPy;
the blank is the last class.

Sources: A. Graves, S. Fernández, F. Gomez and J. Schmidhuber, "Connectionist Temporal Classification", 2006; the search:
A. Hannun and others, "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs",
2014.

Legend for shapes: T places, V symbols, of which V + 1 with the blank, L symbols of a target.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from charrnn.network.alignments.base import Alignment, Scored

if TYPE_CHECKING:
    from charrnn.numerics import Float64

NEVER = -math.inf
"""The log-probability of what cannot be."""
MOST_STRETCH = 8
"""How often a symbol of a source is read, at most."""


def places_for(target: Sequence[object]) -> int:
    """The places that a target needs: one for each symbol, and a blank between two that are equal."""
    return len(target) + sum(a == b for a, b in itertools.pairwise(target))


def collapsed(path: Sequence[int], blank: int) -> list[int]:
    """The target of a path: 7 7 · 7 3 -> 7 7 3."""
    merged = [s for k, s in enumerate(path) if k == 0 or s != path[k - 1]]
    return [s for s in merged if s != blank]


def best_path(log_p: "Float64") -> tuple[list[int], float]:
    """The target of the most likely path, and the log-probability of that path.

    Args:
        log_p: (T, V + 1).
    """
    path = log_p.argmax(-1).tolist()
    return collapsed(path, log_p.shape[-1] - 1), float(log_p.max(-1).sum())


def log_likelihood(log_p: "Float64", target: Sequence[int]) -> float:
    """The log-probability of a target (L,): the sum over its paths, by the forward algorithm.

    Args:
        log_p: (T, V + 1).
        target: the ids of its symbols.
    """
    import numpy as np

    blank = log_p.shape[-1] - 1
    states = np.full(2 * len(target) + 1, blank)
    states[1::2] = target
    skips = np.zeros(len(states), bool)  # from a symbol to the next, if that is another one
    skips[3::2] = states[3::2] != states[1:-2:2]
    alpha = np.full(len(states), NEVER)
    for t, at in enumerate(log_p):
        if t == 0:
            alpha[:2] = at[states[:2]]
            continue
        one = np.concatenate([[NEVER], alpha[:-1]])
        two = np.where(skips, np.concatenate([[NEVER, NEVER], alpha[:-2]])[: len(alpha)], NEVER)
        alpha = np.logaddexp(np.logaddexp(alpha, one), two) + at[states]
    if not len(log_p):
        return 0.0 if not len(target) else NEVER
    return float(np.logaddexp.reduce(alpha[-2:]))


def beam_search(log_p: "Float64", width: int) -> list[tuple[list[int], float]]:
    """The most likely targets and their log-probabilities, the best first, by prefix beam search.

    Args:
        log_p: (T, V + 1).
        width: prefixes that are kept at each place; of each the sums over paths that end in a blank and that do not.
    """
    import numpy as np

    blank = log_p.shape[-1] - 1
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, NEVER)}
    for at in log_p:
        ending: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [NEVER, NEVER])
        likely = np.argsort(-at[:blank], kind="stable")[: width + 1].tolist()
        for prefix, (in_blank, in_symbol) in beams.items():
            whole = _sum(in_blank, in_symbol)
            own = ending[prefix]
            own[0] = _sum(own[0], whole + at[blank])
            if prefix:
                own[1] = _sum(own[1], in_symbol + at[prefix[-1]])
            for symbol in likely:
                before = in_blank if prefix and symbol == prefix[-1] else whole
                longer = ending[(*prefix, symbol)]
                longer[1] = _sum(longer[1], before + at[symbol])
        best = sorted(ending.items(), key=lambda pair: -_sum(*pair[1]))[:width]
        beams = {prefix: (b, s) for prefix, (b, s) in best}
    return [(list(prefix), _sum(*both)) for prefix, both in beams.items()]


def _sum(a: float, b: float) -> float:
    """The logarithm of the sum of two probabilities, from their logarithms."""
    import numpy as np

    return float(np.logaddexp(a, b))


class Ctc(Alignment):
    """A symbol or a blank at each place."""

    about = "a shorter text in the order of the source"
    words = "CTC"
    blanks = 1
    stretches = True
    has_beam = True
    smooths = False

    def lack(self, source: str, target: str) -> str:
        """A target that fits, however often the source is read."""
        fits = self.stretch(source, target) <= MOST_STRETCH
        return "" if fits else f"at most {MOST_STRETCH} characters for each of its source"

    def stretch(self, source: str, target: str) -> int:
        """As often as it takes."""
        return max(1, -(-places_for(target) // len(source)))

    def targets(self, log_p: "Float64", beam: int, n_best: int) -> Scored:
        """That of the best path; with a beam the most likely ones."""
        return [best_path(log_p)] if beam == 1 else beam_search(log_p, beam)[:n_best]

    def log_likelihood(self, log_p: "Float64", target: Sequence[int]) -> float:
        """The sum over all paths; see `log_likelihood`."""
        return log_likelihood(log_p, target)


ALIGNMENT = Ctc()
