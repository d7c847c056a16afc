r"""Whether a sample is new, or copied from its training text.

    the corpus "ada\nmarie\ngrace\n", and a longest run of 3

    marie\n         copied         a line of the corpus
    grace\nada\n    copied         each of its lines is one
    racem\n         shares a run   the 4 characters "race"
    gradam\n        novel          "gra" and "ada" are no more than 3

Both answers are exact. A run is looked up by a hash of its characters, and every hit is confirmed in the text itself.
The one compromise: besides the texts, the index takes 8 bytes for each character of the corpus, whatever the alphabet.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from charrnn.settings import require
from charrnn.text.vocabulary import code_points

Hashes = npt.NDArray[np.uint64]

MULTIPLIER = 0x9E3779B97F4A7C15
"""Odd, and far from any simple fraction of 2^64, so that short runs of close code points do not collide."""
PIECE = 1 << 20
"""Characters hashed at once."""


class Novelty:
    """Compares samples with a corpus.

    Args:
        texts: the corpus. No line or run extends from one text to the next.
        longest: the longest run of characters that a sample may share with it, at least 1.
        item_end: the character that ends a line (or record, or document) of the corpus.

    Raises:
        UsageError: `longest` is not a whole number above 0.
    """

    def __init__(self, texts: Iterable[str], longest: int, item_end: str = "\n") -> None:
        is_whole = isinstance(longest, int) and not isinstance(longest, bool)
        require(is_whole and longest >= 1, "novel_length", "a whole number above 0", longest)
        self._texts = list(texts)
        self._num_chars = longest + 1
        self._end = item_end
        self._items = frozenset(item for text in self._texts for item in text.split(item_end))
        hashes = [h for text in self._texts for h in _pieces(text, self._num_chars)]
        self._hashes: Hashes = np.concatenate([np.empty(0, np.uint64), *hashes])
        del hashes
        self._hashes.sort()

    def is_copied(self, sample: str) -> bool:
        """Whether every non-empty line of a sample is a line of the corpus; true if it has no such line.

        Of a corpus of records or documents, whether the sample is one of them.
        """
        return all(item in self._items for item in sample.split(self._end) if item)

    def shares_run(self, sample: str) -> bool:
        """Whether a run of more than `longest` characters of a sample, newlines included, occurs in the corpus."""
        n = self._num_chars
        hashes = run_hashes(sample, n)
        places = np.searchsorted(self._hashes, hashes)
        known = places < len(self._hashes)
        known[known] = self._hashes[places[known]] == hashes[known]
        return any(self._has(sample[at : at + n]) for at in np.flatnonzero(known).tolist())

    def _has(self, run: str) -> bool:
        return any(run in text for text in self._texts)


def run_hashes(text: str, num_chars: int) -> Hashes:
    """A hash of each run of `num_chars` characters of a text of n, (n - num_chars + 1,); empty if it is shorter.

    The hash of the run c_1 ... c_k is the sum of c_i m^(k - i) modulo 2^64 (Karp and Rabin 1987), and that of two
    adjacent runs h m^(length of the second) + h'. So runs are doubled in length, and joined from powers of two.
    """
    num_runs = len(text) - num_chars + 1
    if num_runs < 1:
        return np.empty(0, np.uint64)
    made, made_chars = np.zeros(len(text) + 1, np.uint64), 0
    power, power_chars = code_points(text).astype(np.uint64), 1
    while True:
        if num_chars & power_chars:
            made, made_chars = (
                _joined(made, made_chars, power, power_chars),
                made_chars + power_chars,
            )
        if made_chars == num_chars:
            return made
        power, power_chars = _joined(power, power_chars, power, power_chars), 2 * power_chars


def _joined(first: Hashes, first_chars: int, second: Hashes, second_chars: int) -> Hashes:
    """The hashes of runs of one length, each joined with the run of another length that follows it."""
    num_runs = len(second) - first_chars
    joined = first[:num_runs] * np.uint64(pow(MULTIPLIER, second_chars, 1 << 64))
    joined += second[first_chars:]
    return joined


def _pieces(text: str, num_chars: int) -> Iterator[Hashes]:
    for start in range(0, len(text) - num_chars + 1, PIECE):
        yield run_hashes(text[start : start + PIECE + num_chars - 1], num_chars)
