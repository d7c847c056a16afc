"""Baselines: bits per character of simpler predictors on a held-out text.

All of them know what the network knows, the training text of the same split and its alphabet of V symbols:

    uniform    log2 V: knows the alphabet only
    unigram    symbol frequencies of the training text, with one added to every count, so that unseen symbols stay
               possible
    gzip, xz   8 (bytes of the two texts compressed as one - bytes of the training text compressed) / characters. Both
               texts are UTF-8, the unknown symbol U+FFFD, or plain bytes at level byte; gzip at level 9 looks 32 KB
               back, xz at level 9 over the whole text. Only these two keep learning while they read the held-out
               text, which helps them where it repeats itself
    n-gram     modified Kneser-Ney (see ngram.py); the best of the orders 1 to HIGHEST_ORDER, chosen on validation text
               like the network's best checkpoint: on that text it looks a little better than it is

Every symbol of the text but the first is predicted, as in evaluate.py; a compressor pays for the first too.
"""

import math
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.errors import DataError
from charrnn.evaluation.ngram import kneser_ney
from charrnn.numerics import Ids
from charrnn.schema import SchemaError, check_record, strict_json
from charrnn.settings import Config, setting, settings_of
from charrnn.text.vocabulary import Vocabulary

HIGHEST_ORDER = 9
MAX_TRAIN = 4_000_000
"""Maximum symbols used of the training text, from its end."""
MAX_HELD_OUT = 1 << 20
"""Maximum symbols scored of the held-out text, from its beginning."""
LARGEST_FILE = 1 << 16
"""Maximum bytes of a file of baselines."""


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Bits per character of the baselines on one held-out text."""

    uniform: float
    unigram: float
    gzip: float
    xz: float | None
    """None if Python was built without lzma."""
    ngrams: tuple[float, ...]
    """Bits per character of the n-gram models of order 1, 2, ..."""
    order: int
    """The chosen order."""
    train_characters: int
    """Characters used of the training text, from its end."""
    characters: int
    """Number of predictions scored."""

    @property
    def ngram(self) -> float:
        """Bits per character of the n-gram model of the chosen order."""
        return self.ngrams[self.order - 1]

    def as_dict(self) -> dict[str, Any]:
        """The metrics under the names that `evaluate --json` prints."""
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


def recorded_baselines(path: Path) -> dict[str, float]:
    """The bits per character of the baselines in a file that holds `Baselines.as_dict`, by what they are called.

    Empty without such a file, or if it is damaged: what is not known is not shown.
    """
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            found = strict_json(file.read(LARGEST_FILE))
        check_record(_Recorded, found, required=settings_of(_Recorded))
    except (OSError, ValueError, RecursionError, SchemaError):
        return {}
    named = {f"{found['ngram_order']}-gram": found["ngram"]}
    named |= {name: found[name] for name in ("xz", "gzip", "unigram", "uniform")}
    return {name: float(value) for name, value in named.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class _Recorded(Config):
    ngram_order: int = setting(1, "The order of the n-gram.", low=1, high=HIGHEST_ORDER)
    ngram: float = setting(0.0, "Bits per character of it.")
    xz: float | None = setting(None, "Those of xz.")
    gzip: float = setting(0.0, "Those of gzip.")
    unigram: float = setting(0.0, "Those of the unigram.")
    uniform: float = setting(0.0, "Those of the uniform distribution.")


def measure_baselines(
    train: Ids,
    held_out: Ids,
    vocabulary: Vocabulary,
    *,
    choose_on: Ids | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Baselines:
    """Measure the baselines of a held-out text.

    Only the last MAX_TRAIN symbols of the training text and the first MAX_HELD_OUT of the others are used.

    Args:
        train: the training text, (n,).
        held_out: the text to score, (m,).
        vocabulary: the vocabulary of both.
        choose_on: the text that chooses the order of the n-gram, (k,); None: the held-out text itself.
        progress: called with 1 after each n-gram model, HIGHEST_ORDER times for each text.

    Raises:
        DataError: the held-out text has fewer than two symbols: there is nothing to predict.
    """
    if len(held_out) < 2:
        raise DataError(
            f"a text needs at least 2 characters to be scored, but this has {len(held_out)}"
        )
    train, held_out = np.asarray(train[-MAX_TRAIN:]), np.asarray(held_out[:MAX_HELD_OUT])
    V, m = len(vocabulary), len(held_out)
    before = _as_bytes(train, vocabulary)
    both = before + _as_bytes(held_out, vocabulary)
    pool = ThreadPoolExecutor()  # compressing releases Python's lock
    try:
        xz = pool.map(_xz_size, (before, both))
        gzip = pool.map(_gzip_size, (before, both))
        ngrams = _ngrams(train, held_out, V, progress)
        chosen = ngrams if choose_on is None else _ngrams(train, choose_on, V, progress)
        (xz_before, xz_both), (gzip_before, gzip_both) = xz, gzip
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C does not wait for them
    return Baselines(
        uniform=math.log2(V),
        unigram=_unigram(train, held_out, V),
        gzip=_marginal(gzip_before, gzip_both, m),
        xz=_marginal(xz_before, xz_both, m) if xz_both else None,
        ngrams=ngrams,
        order=1 + int(np.argmin(chosen)),
        train_characters=len(train),
        characters=m - 1,
    )


def _unigram(train: Ids, text: Ids, num_symbols: int) -> float:
    counts = np.bincount(train, minlength=num_symbols) + 1
    return float(np.log2(counts.sum() / counts[text[1:]]).mean())


def _ngrams(
    train: Ids, text: Ids, num_symbols: int, progress: Callable[[int], object]
) -> tuple[float, ...]:
    """Bits per character of the n-gram models of order 1, 2, ..., HIGHEST_ORDER."""
    models = kneser_ney(train, np.asarray(text[:MAX_HELD_OUT]), num_symbols, HIGHEST_ORDER)
    bits = []
    for probabilities in models:
        bits.append(float(-np.log2(probabilities).mean()))
        progress(1)
    return tuple(bits)


def _marginal(before: int, both: int, characters: int) -> float:
    """Bits per character that a text adds to a compressed size; a longer last match may even shrink it."""
    return max(0.0, 8 * (both - before) / characters)


def _as_bytes(ids: Ids, vocabulary: Vocabulary) -> bytes:
    """The bytes of a text for a compressor."""
    if vocabulary.level == "byte":
        return ids.astype(np.uint8).tobytes()
    return vocabulary.decode(ids).encode()


def _gzip_size(text: bytes) -> int:
    return len(zlib.compress(text, 9))


def _xz_size(text: bytes) -> int:
    """The compressed size, as by `xz -9` with a window of the text's length; 0 if Python was built without lzma."""
    try:
        import lzma
    except ImportError:
        return 0
    window = max(len(text), 1 << 12)  # liblzma takes no shorter one
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": window}]
    return len(lzma.compress(text, lzma.FORMAT_RAW, filters=filters))
