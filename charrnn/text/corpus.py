"""A corpus: sources read twice, first to count their characters, then to number them.

Small corpora stay in memory; the ids of large ones lie in a file of the cache, mapped into memory, so that a text larger
than the memory can be read. The file is named by what it holds and is made whole or not at all.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault
from charrnn.files import environment_fault
from charrnn.text.reading import Notes, Source, byte_pieces, text_pieces
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Ids, Vocabulary, code_points

LARGE = 1 << 26
"""Bytes of ids above which they live in a file."""
CODE_POINTS = 0x110000


@dataclass(frozen=True)
class Corpus:
    """A text as ids, its vocabulary, and where it is split.

    `ids` has shape (characters,). Training, validation and test text follow each other in this order.
    """

    ids: Ids
    vocabulary: Vocabulary
    config: CorpusConfig
    fingerprint: str
    """SHA-256 of the text as read (UTF-8, newlines as the config says)."""
    distinct: int
    """Different characters in the text, the rare ones counted one by one."""
    seldom: int
    """Characters that occur only once."""
    num_sources: int
    notes: tuple[str, ...] = ()
    """What a user should be told about the reading, in sentences."""
    num_unknown: int = 0
    """Different characters in the text that are read as the unknown symbol."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def split_points(self) -> tuple[int, int]:
        """Where validation and test text begin; a text too short to be split is for training, all of it."""
        n = len(self.ids)
        test = n - int(n * self.config.test_fraction + 1e-9)
        held_out = self.config.val_fraction + self.config.test_fraction
        val = int(n * (1 - held_out) + 1e-9)
        return (val, test) if val >= 2 else (n, n)

    @property
    def train(self) -> Ids:
        """The first part, on which a model is trained."""
        return self.ids[: self.split_points[0]]

    @property
    def val(self) -> Ids:
        """The part that chooses the best checkpoint."""
        return self.ids[self.split_points[0] : self.split_points[1]]

    @property
    def test(self) -> Ids:
        """The part that training never looks at."""
        return self.ids[self.split_points[1] :]


def read_corpus(
    sources: Sequence[Source],
    config: CorpusConfig,
    *,
    cache: Path,
    notes: Notes | None = None,
    vocabulary: Vocabulary | None = None,
    extend: bool = False,
    hint: str = "",
) -> Corpus:
    """Read sources, one after another, into a corpus.

    Args:
        sources: what to read.
        config: how to read it and where to split.
        cache: the folder for the ids of large corpora.
        notes: what finding the sources has noted so far.
        vocabulary: number the characters by this one, instead of one made from the text.
        extend: add to `vocabulary` the characters that it lacks; those that occur fewer than `min_count` times in the
            text become its unknown symbol.
        hint: what a user can do if `vocabulary` lacks characters.

    Raises:
        DataError: the text is empty, too short, not in its encoding, or has characters that `vocabulary` lacks.
        EnvironmentFault: the cache cannot be written.
    """
    notes = notes or Notes()
    counts, fingerprint = _count(sources, config, notes)
    total = int(counts.sum())
    _require_text(total, sources)
    if counts[0xD800:0xE000].any():  # only odd encodings, such as unicode_escape, let them through
        raise DataError("the text has lone surrogates, which are no characters")
    if vocabulary is None:
        made = _vocabulary_of(counts, config)
    elif extend:
        made = _extended(vocabulary, counts, config.min_count)
    else:
        made = vocabulary
    _require_known(counts, made, hint)
    ids = _number(sources, config, made, total, fingerprint, cache)
    sentences = notes.sentences(keep_newlines=config.keep_newlines)
    if notes.truncated:
        sentences.append(f"stopped after {total:,} characters (--max-chars)")
    present = counts[counts > 0]
    return Corpus(
        ids,
        made,
        config,
        fingerprint,
        len(present),
        int((present == 1).sum()),
        notes.num_read,
        tuple(sentences),
        num_unknown=len(_strangers(counts, made)),
    )


def _require_text(total: int, sources: Sequence[Source]) -> None:
    name = sources[0].name if len(sources) == 1 else f"{len(sources)} files"
    if total == 0:
        raise DataError(f"the corpus is empty ({name} has no characters)")
    if total < 2:
        raise DataError(f"the corpus needs at least 2 characters, but {name} has {total}")


def _strangers(counts: npt.NDArray[np.int64], vocabulary: Vocabulary) -> npt.NDArray[np.intp]:
    """The code points in the text that are no symbols of a vocabulary."""
    present = np.flatnonzero(counts)
    return present[~np.isin(present, vocabulary.symbols)]


def _require_known(counts: npt.NDArray[np.int64], vocabulary: Vocabulary, hint: str) -> None:
    missing = _strangers(counts, vocabulary)
    if len(missing) and not vocabulary.has_unknown:
        from charrnn.text.vocabulary import name_characters

        named = name_characters([chr(p) for p in missing])
        raise DataError(f"the text has characters that the model's vocabulary lacks: {named}", hint)


def _extended(vocabulary: Vocabulary, counts: npt.NDArray[np.int64], min_count: int) -> Vocabulary:
    """A vocabulary with the text's other characters, the rare ones of them as the unknown symbol."""
    missing = _strangers(counts, vocabulary)
    common = missing[counts[missing] >= min_count]
    return vocabulary.extended(common, has_unknown=len(common) < len(missing))


def _pieces(
    sources: Sequence[Source], config: CorpusConfig, notes: Notes
) -> Iterator[npt.NDArray[np.integer]]:
    """All sources as arrays of code points or bytes, no more than `max_chars` in all."""
    left = config.max_chars
    for source in sources:
        if left == 0:
            notes.truncated = True
            return
        notes.num_read += 1
        for piece in _source_pieces(source, config, notes):
            if left is not None and len(piece) > left:
                notes.truncated = True
                yield piece[:left]
                return
            yield piece
            left = None if left is None else left - len(piece)


def _source_pieces(
    source: Source, config: CorpusConfig, notes: Notes
) -> Iterator[npt.NDArray[np.integer]]:
    if config.level == "byte":
        yield from (np.frombuffer(piece, np.uint8) for piece in byte_pieces(source))
    else:
        yield from (code_points(piece) for piece in text_pieces(source, config, notes) if piece)


def _count(
    sources: Sequence[Source], config: CorpusConfig, notes: Notes
) -> tuple[npt.NDArray[np.int64], str]:
    """How often each code point (or byte) occurs, and the fingerprint of the text."""
    counts = np.zeros(CODE_POINTS, np.int64)
    digest = hashlib.sha256()
    for piece in _pieces(sources, config, notes):
        found = np.bincount(piece)
        counts[: len(found)] += found
        digest.update(_text_bytes(piece, config))
    return counts, digest.hexdigest()


def _text_bytes(points: npt.NDArray[np.integer], config: CorpusConfig) -> bytes:
    """A piece as the fingerprint sees it: its bytes, or its characters in UTF-8."""
    if config.level == "byte":
        return points.tobytes()
    return points.tobytes().decode("utf-32-le", "surrogatepass").encode("utf-8", "surrogatepass")


def _vocabulary_of(counts: npt.NDArray[np.int64], config: CorpusConfig) -> Vocabulary:
    if config.level == "byte":
        return Vocabulary.of_bytes()
    common = np.flatnonzero(counts >= config.min_count)
    if not len(common):
        most = int(counts.max())
        raise DataError(
            f"no character occurs {config.min_count:,} times (the commonest {most:,} times)",
            f"lower --min-count to {most} or less",
        )
    rare = bool(((counts > 0) & (counts < config.min_count)).any())
    return Vocabulary("char", common.tolist(), has_unknown=rare)


def _number(
    sources: Sequence[Source],
    config: CorpusConfig,
    vocabulary: Vocabulary,
    total: int,
    fingerprint: str,
    cache: Path,
) -> Ids:
    """The ids of the whole text, in memory or, when large, mapped from the cache."""
    dtype = vocabulary.dtype
    if total * dtype.itemsize <= LARGE:
        ids = np.empty(total, dtype)
        _fill(ids, sources, config, vocabulary, fingerprint)
        return ids
    kept = hashlib.sha256(
        vocabulary.symbols.tobytes() + bytes([vocabulary.has_unknown])
    ).hexdigest()
    path = cache / "encoded" / f"{fingerprint[:32]}-{kept[:16]}.{dtype.name}"
    if not (path.is_file() and path.stat().st_size == total * dtype.itemsize):
        _write_ids(path, sources, config, vocabulary, total, fingerprint)
    return np.memmap(path, dtype, "r", shape=(total,))


def _write_ids(
    path: Path,
    sources: Sequence[Source],
    config: CorpusConfig,
    vocabulary: Vocabulary,
    total: int,
    fingerprint: str,
) -> None:
    need = total * vocabulary.dtype.itemsize
    partial = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if free < need:
            raise EnvironmentFault(
                f"the corpus needs {need:,} bytes in {path.parent}, where {free:,} are free",
                "choose another --cache",
            )
        ids = np.memmap(partial, vocabulary.dtype, "w+", shape=(total,))
        _fill(ids, sources, config, vocabulary, fingerprint)
        ids.flush()
        del ids  # Windows renames no file that is mapped
        partial.replace(path)
    except OSError as error:
        raise environment_fault("write", path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _fill(
    ids: npt.NDArray[np.integer],
    sources: Sequence[Source],
    config: CorpusConfig,
    vocabulary: Vocabulary,
    fingerprint: str,
) -> None:
    at, digest = 0, hashlib.sha256()
    for piece in _pieces(sources, config, Notes()):
        numbers = vocabulary.lookup(piece)
        end = at + len(piece)
        if end > len(ids) or (numbers == NOT_IN_VOCABULARY).any():
            break
        ids[at:end] = numbers
        at = end
        digest.update(_text_bytes(piece, config))
    if digest.hexdigest() == fingerprint:
        return
    raise DataError(
        "the corpus changed while it was being read", "start again when nothing writes to it"
    )
