"""Small corpora whose sources are vectors: words from one-hot features, letters from noisy frames."""

import io
import random

import numpy as np

from charrnn.config import CorpusConfig
from charrnn.text.sources import TextSource
from charrnn.text.vectors import read_vector_pairs

WORDS = ("one", "two", "three", "four", "five")


def words(num, seed=2):
    """Targets, and the one-hot vector of each, (N, 5)."""
    chosen = np.random.default_rng(seed).integers(len(WORDS), size=num)
    return [WORDS[k] for k in chosen], np.eye(len(WORDS))[chosen]


def letters(num, seed=1, *, times=(2, 3)):
    """Words of letters, with some noisy frames (sum, 6) for each letter, and the lengths (N,)."""
    generator, chance = np.random.default_rng(seed), random.Random(seed)
    code = np.random.default_rng(0).normal(size=(4, 6))
    texts, frames, lengths = [], [], []
    for _ in range(num):
        text = "".join(chance.choice("abcd") for _ in range(chance.randint(2, 4)))
        own = [code["abcd".index(c)] for c in text for _ in range(chance.randint(*times))]
        texts.append(text)
        lengths.append(len(own))
        frames += own
    return texts, np.array(frames) + 0.2 * generator.normal(size=(sum(lengths), 6)), lengths


def corpus_of(folder, texts, *, align=None, **arrays):
    """The corpus of targets and their vectors, aligned; `vectors` alone is written as .npy."""
    if [*arrays] == ["vectors"]:
        path = folder / "vectors.npy"
        np.save(path, arrays["vectors"])
    else:
        path = folder / "vectors.npz"
        np.savez(path, **arrays)
    config = CorpusConfig(pairs=True, vectors=str(path), val_fraction=0.2)
    lines = "".join(f"{text}\n" for text in texts).encode()
    return read_vector_pairs(
        [TextSource("targets.txt", lambda: io.BytesIO(lines))], config
    ).aligned(align)
