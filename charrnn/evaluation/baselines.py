"""What simpler predictors need for a held-out text, in bits per character: what a network has to beat.

All of them know what the network knows, the training text of the same split, and its alphabet of V symbols:

    uniform    log2 V: knows the alphabet only
    unigram    how often each symbol occurs in the training text, one added to every count: unseen symbols stay possible
    gzip, xz   8 (bytes of the two texts compressed as one - bytes of the training text compressed) / characters: what
               the held-out text costs one who has the training text. Both as UTF-8, the unknown symbol as U+FFFD, or as
               they are at level byte; gzip at level 9 sees 32 KB back, xz at level 9 the whole text. They alone go on
               learning while they read the held-out text, which helps them where it repeats itself
    n-gram     modified Kneser-Ney (see ngram.py); the best of the orders 1 to HIGHEST_ORDER, chosen on validation text,
               as the network's best checkpoint is: on that very text it looks a little better than it is

The probabilities are of every symbol of the text but the first, as in evaluation.py; a compressor pays for that too.
"""

import math
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.errors import DataError
from charrnn.evaluation.ngram import kneser_ney
from charrnn.text.vocabulary import Ids, Vocabulary

HIGHEST_ORDER = 9
MOST_TRAIN = 4_000_000
"""Symbols at the end of a longer training text that are used."""
MOST_HELD_OUT = 1 << 20
"""Symbols at the beginning of a longer held-out text that are scored."""


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Bits per character of one held-out text."""

    uniform: float
    unigram: float
    gzip: float
    xz: float | None
    """None where Python was built without lzma."""
    ngrams: tuple[float, ...]
    """By order, from 1."""
    order: int
    """The order chosen."""
    train_characters: int
    """At the end of the training text: what was used of it."""
    characters: int
    """Predictions scored."""

    @property
    def ngram(self) -> float:
        """What the n-gram of the chosen order needs."""
        return self.ngrams[self.order - 1]

    def as_dict(self) -> dict[str, Any]:
        """The figures under the names that `evaluate --json` prints."""
        return {
            "uniform": self.uniform,
            "unigram": self.unigram,
            "gzip": self.gzip,
            "xz": self.xz,
            "ngram": self.ngram,
            "ngram_order": self.order,
            "ngram_by_order": list(self.ngrams),
            "train_characters": self.train_characters,
            "characters": self.characters,
        }


def measure_baselines(
    train: Ids, held_out: Ids, vocabulary: Vocabulary, *, choose_on: Ids | None = None
) -> Baselines:
    """The baselines of a held-out text.

    Of longer texts, the last MOST_TRAIN symbols of the training text and the first MOST_HELD_OUT of the others count.

    Args:
        train: (n,) the training text.
        held_out: (m,) the text to score.
        vocabulary: of both.
        choose_on: (k,) the text that chooses the order of the n-gram; None: the held-out text itself.

    Raises:
        DataError: the held-out text has fewer than two symbols: there is nothing to predict.
    """
    if len(held_out) < 2:
        raise DataError(
            f"a text needs at least 2 characters to be scored, but this has {len(held_out)}"
        )
    train, held_out = np.asarray(train[-MOST_TRAIN:]), np.asarray(held_out[:MOST_HELD_OUT])
    before, after = _as_bytes(train, vocabulary), _as_bytes(held_out, vocabulary)
    with ThreadPoolExecutor() as pool:  # compressing leaves Python's lock alone
        sizes = [
            pool.submit(compress, text)
            for compress in (_xz_size, _gzip_size)
            for text in (before, before + after)
        ]
        ngrams = _ngrams(train, held_out, len(vocabulary))
        chosen = ngrams if choose_on is None else _ngrams(train, choose_on, len(vocabulary))
        xz_before, xz_both, gzip_before, gzip_both = (size.result() for size in sizes)
    return Baselines(
        uniform=math.log2(len(vocabulary)),
        unigram=_unigram(train, held_out, len(vocabulary)),
        gzip=_marginal(gzip_before, gzip_both, len(held_out)),
        xz=_marginal(xz_before, xz_both, len(held_out)) if xz_both else None,
        ngrams=ngrams,
        order=1 + int(np.argmin(chosen)),
        train_characters=len(train),
        characters=len(held_out) - 1,
    )


def _unigram(train: Ids, text: Ids, num_symbols: int) -> float:
    counts = np.bincount(train, minlength=num_symbols) + 1
    return float(np.log2(counts.sum() / counts[text[1:]]).mean())


def _ngrams(train: Ids, text: Ids, num_symbols: int) -> tuple[float, ...]:
    """Bits per character of the models of each order."""
    models = kneser_ney(train, np.asarray(text[:MOST_HELD_OUT]), num_symbols, HIGHEST_ORDER)
    return tuple(float(-np.log2(probabilities).mean()) for probabilities in models)


def _marginal(before: int, both: int, characters: int) -> float:
    """Bits per character of what makes `both` bytes of those `before`; a longer last match may even save some."""
    return max(0.0, 8 * (both - before) / characters)


def _as_bytes(ids: Ids, vocabulary: Vocabulary) -> bytes:
    """A text as a compressor reads it."""
    if vocabulary.level == "byte":
        return ids.astype(np.uint8).tobytes()
    return vocabulary.decode(ids).encode()


def _gzip_size(text: bytes) -> int:
    return len(zlib.compress(text, 9))


def _xz_size(text: bytes) -> int:
    """As `xz -9` compresses, with a window as long as the text: shorter is quicker, longer finds nothing more.

    0 where Python was built without lzma.
    """
    try:
        import lzma
    except ImportError:
        return 0
    window = max(len(text), 1 << 12)  # liblzma takes no shorter one
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": window}]
    return len(lzma.compress(text, lzma.FORMAT_RAW, filters=filters))
