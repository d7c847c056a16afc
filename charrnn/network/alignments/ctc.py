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
from typing import TYPE_CHECKING, Any

from charrnn.network.alignments.base import Alignment, Scored

if TYPE_CHECKING:
    from charrnn.numerics import Float64
    from charrnn.text.languages import Language

NEVER = -math.inf
"""The log-probability of what cannot be."""
MOST_STRETCH = 8
"""How often a symbol of a source is read, at most."""
FEWEST_PREFIXES = 16
"""Prefixes that a search within a language keeps at least."""
MOST_PREFIXES = 4096
"""Prefixes that it keeps at most, if none of fewer can be completed."""


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


def beam_search(
    log_p: "Float64", width: int, language: "Language | None" = None
) -> list[tuple[list[int], float]]:
    """The most likely targets and their log-probabilities, the best first, by prefix beam search.

    Args:
        log_p: (T, V + 1).
        width: prefixes that are kept at each place; of each the sums over paths that end in a blank and that do not.
        language: the targets that are allowed; None: all. With few prefixes there may be none that can be completed.
    """
    import numpy as np

    blank = log_p.shape[-1] - 1
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, NEVER)}
    guide = _Guide(language) if language else None
    for t, at in enumerate(log_p):
        left = len(log_p) - t
        ending: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [NEVER, NEVER])
        likely = np.argsort(-at[:blank], kind="stable").tolist()
        for prefix, (in_blank, in_symbol) in beams.items():
            whole = _sum(in_blank, in_symbol)
            if not guide or guide.fits(prefix, left - 1):
                own = ending[prefix]
                own[0] = _sum(own[0], whole + at[blank])
                if prefix:
                    own[1] = _sum(own[1], in_symbol + at[prefix[-1]])
            following = guide.only(likely, prefix, left) if guide else likely
            for symbol in following[: width + 1]:
                before = in_blank if prefix and symbol == prefix[-1] else whole
                longer = ending[(*prefix, symbol)]
                longer[1] = _sum(longer[1], before + at[symbol])
        possible = [pair for pair in ending.items() if _sum(*pair[1]) > NEVER]
        best = sorted(possible, key=lambda pair: -_sum(*pair[1]))[:width]
        beams = {prefix: (b, s) for prefix, (b, s) in best}
    ended = (p for p in beams if not guide or guide.accepts(p))
    return [(list(prefix), _sum(*beams[prefix])) for prefix in ended]


class _Guide:
    """Which symbols may come after a prefix of an allowed target.

    Args:
        language: the targets that are allowed.
    """

    def __init__(self, language: "Language") -> None:
        self._language = language
        self._states: dict[tuple[int, ...], Any] = {(): language.start}

    def _state(self, prefix: tuple[int, ...]) -> Any:
        if prefix not in self._states:
            before = self._state(prefix[:-1])
            self._states[prefix] = self._language.advance(before, prefix[-1])
        return self._states[prefix]

    def only(self, symbols: list[int], prefix: tuple[int, ...], left: int) -> list[int]:
        """The symbols after which a target can be completed; `left` symbols may come, the next included."""
        allowed = self._language.allowed(self._state(prefix), left)
        return [symbol for symbol in symbols if allowed[symbol]]

    def fits(self, prefix: tuple[int, ...], left: int) -> bool:
        """Whether `left` symbols can complete a target."""
        return self._language.needs(self._state(prefix)) <= left

    def accepts(self, prefix: tuple[int, ...]) -> bool:
        """Whether a prefix is a whole target."""
        return self._language.accepts(self._state(prefix))


def _sum(a: float, b: float) -> float:
    """The logarithm of the sum of two probabilities, from their logarithms."""
    low, high = (a, b) if a < b else (b, a)
    return high if low == NEVER else float(high + math.log1p(math.exp(low - high)))


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

    def stretch(self, source: str, target: str, shortened: int = 1) -> int:
        """As often as it takes."""
        return max(1, 1 + shortened * (places_for(target) - 1) // len(source))

    def targets(
        self, log_p: "Float64", beam: int, n_best: int, language: "Language | None" = None
    ) -> Scored:
        """The target of the best path; with a beam the most likely targets, and within a language too."""
        if not language:
            return [best_path(log_p)] if beam == 1 else beam_search(log_p, beam)[:n_best]
        width = max(beam, FEWEST_PREFIXES)
        while not (found := beam_search(log_p, width, language)) and width < MOST_PREFIXES:
            width *= 4
        return found[:n_best]

    def log_likelihood(self, log_p: "Float64", target: Sequence[int]) -> float:
        """The sum over all paths; see `log_likelihood`."""
        return log_likelihood(log_p, target)


ALIGNMENT = Ctc()
