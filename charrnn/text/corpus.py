"""A corpus: sources read twice, first to count their characters, then to number them.

Small corpora stay in memory; the ids of large ones lie in a file of the cache, mapped into memory, so that a text larger
than the memory can be read. The file is named by what it holds and is made whole or not at all.

With `lines`, the ids are the lines shuffled, as items of their own, with a newline before the first (see `lines.py`);
each of the three parts begins and ends with a newline too.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault
from charrnn.files import environment_fault
from charrnn.text.lines import copy_lines, count_repeated, line_bounds, line_spans, shuffled
from charrnn.text.sources import Notes, Source, byte_pieces, text_pieces
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Ids, Vocabulary, code_points
from charrnn.wording import counted

LARGE = 1 << 26
"""Bytes of ids above which they live in a file."""
CODE_POINTS = 0x110000
NEWLINE = ord("\n")


@dataclass(frozen=True)
class Corpus:
    """A text as ids, its vocabulary, and where it is split.

    `ids` has shape (characters,). Training, validation and test text follow each other in this order. Parts of a text of
    lines share the newline between them.
    """

    ids: Ids
    vocabulary: Vocabulary
    config: CorpusConfig
    fingerprint: str
    """SHA-256 of the text as read (UTF-8, newlines as the config says)."""
    distinct: int
    """Different characters in the text, the rare ones counted one by one."""
    singletons: int
    """Characters that occur only once."""
    num_sources: int
    notes: tuple[str, ...] = ()
    """What a user should be told about the reading, in sentences."""
    num_unknown: int = 0
    """Different characters in the text that are read as the unknown symbol."""

    def __len__(self) -> int:
        """The characters; the newline before the first line does not count."""
        return len(self.ids) - self.config.lines

    @cached_property
    def split_points(self) -> tuple[int, int]:
        """Where validation and test text begin; a text too short to be split is for training, all of it."""
        n = len(self.ids) if self.newline is None else self.num_lines
        test = n - int(n * self.config.test_fraction + 1e-9)
        held_out = self.config.val_fraction + self.config.test_fraction
        val = int(n * (1 - held_out) + 1e-9)
        if self.newline is not None:
            val, test = (val, test) if val else (n, n)
            return int(self._bounds[val]), int(self._bounds[test])
        return (val, test) if val >= 2 else (n, n)

    @property
    def newline(self) -> int | None:
        """The id that ends an item; None if the text is not one of lines."""
        return int(self.vocabulary.encode("\n")[0]) if self.config.lines else None

    @property
    def num_lines(self) -> int:
        """The lines of a text of lines."""
        return len(self._bounds) - 1

    @cached_property
    def _bounds(self) -> npt.NDArray[np.int64]:
        assert self.newline is not None
        return line_bounds(self.ids, self.newline)

    def line_lengths(self, part: Ids) -> npt.NDArray[np.int64] | None:
        """Of each line of `train`, `val` or `test`, the newline counted; None if the text is not one of lines."""
        return None if self.newline is None else np.diff(line_bounds(part, self.newline))

    @property
    def num_repeated(self) -> int:
        """How many lines of the validation text also stand in the training text."""
        assert self.newline is not None
        return count_repeated(self.val, self.train, self.newline)

    @property
    def train(self) -> Ids:
        """The first part, on which a model is trained."""
        return self._part(0, self.split_points[0])

    @property
    def val(self) -> Ids:
        """The part that chooses the best checkpoint."""
        return self._part(*self.split_points)

    @property
    def test(self) -> Ids:
        """The part that training never looks at."""
        return self._part(self.split_points[1], len(self.ids))

    def _part(self, begin: int, end: int) -> Ids:
        return self.ids[begin : end + self.config.lines]


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
        DataError: the text is empty, too short, not in its encoding, or has characters that `vocabulary` lacks; or it is
            to be read by lines and has not two of them.
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
        sentences.append(f"stopped after {counted(total, 'character')} (--max-chars)")
    if config.lines:
        ids, more = _by_lines(ids, made, config, fingerprint, cache)
        sentences += more
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
    """A source in pieces; with `lines`, a last line without a newline gets one."""
    pieces: Iterator[npt.NDArray[np.integer]]
    if config.level == "byte":
        pieces = (np.frombuffer(piece, np.uint8) for piece in byte_pieces(source))
    else:
        pieces = (code_points(piece) for piece in text_pieces(source, config, notes) if piece)
    ended = True
    for piece in pieces:
        yield piece
        ended = piece[-1] == NEWLINE
    if config.lines and not ended:
        yield np.array([NEWLINE], piece.dtype)


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

    def fill(ids: npt.NDArray[np.integer]) -> None:
        _fill(ids, sources, config, vocabulary, fingerprint)

    path = _cache_path(vocabulary, fingerprint, cache)
    return _make_ids(total, vocabulary.dtype, path, fill)


def _by_lines(
    ids: Ids, vocabulary: Vocabulary, config: CorpusConfig, fingerprint: str, cache: Path
) -> tuple[Ids, list[str]]:
    """The lines, shuffled, and what there is to say of lines that are left out."""
    newline = int(vocabulary.lookup(np.array([NEWLINE]))[0])
    if newline in (NOT_IN_VOCABULARY, vocabulary.unknown_id):
        raise DataError("--lines needs the newline among the characters", "lower --min-count")
    starts, lengths = line_spans(ids, newline)
    if len(starts) < 2:
        raise DataError(
            f"--lines needs at least 2 lines that are not empty, but the text has {len(starts)}",
            "leave out --lines to take it as one text",
        )
    empty = len(line_bounds(ids, newline)) - len(starts)
    notes = [f"{empty:,} empty line{'s were' if empty > 1 else ' was'} left out"] if empty else []
    if ids[-1] != newline:
        notes.append("the last line, which was cut off, was left out")
    order = shuffled(len(starts), config.split_seed)

    def fill(made: npt.NDArray[np.integer]) -> None:
        copy_lines(made, ids, newline, starts[order], lengths[order])

    path = _cache_path(vocabulary, fingerprint, cache, f"-lines-{config.split_seed}")
    return _make_ids(1 + int(lengths.sum()), vocabulary.dtype, path, fill), notes


def _cache_path(vocabulary: Vocabulary, fingerprint: str, cache: Path, order: str = "") -> Path:
    kept = hashlib.sha256(
        vocabulary.symbols.tobytes() + bytes([vocabulary.has_unknown])
    ).hexdigest()
    name = f"{fingerprint[:32]}-{kept[:16]}{order}.{vocabulary.dtype.name}"
    return cache / "encoded" / name


def _make_ids(
    total: int, dtype: np.dtype[np.unsignedinteger], path: Path, fill: Callable[[Ids], None]
) -> Ids:
    """So many ids, filled: in memory or, when large, mapped from a file, which is made if it is not there."""
    if total * dtype.itemsize <= LARGE:
        ids = np.empty(total, dtype)
        fill(ids)
        return ids
    if not (path.is_file() and path.stat().st_size == total * dtype.itemsize):
        _write_ids(path, dtype, total, fill)
    return np.memmap(path, dtype, "r", shape=(total,))


def _write_ids(
    path: Path, dtype: np.dtype[np.unsignedinteger], total: int, fill: Callable[[Ids], None]
) -> None:
    need = total * dtype.itemsize
    unfinished = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if free < need:
            raise EnvironmentFault(
                f"the corpus needs {need:,} bytes in {path.parent}, where {free:,} are free",
                "choose another --cache",
            )
        ids = np.memmap(unfinished, dtype, "w+", shape=(total,))
        fill(ids)
        ids.flush()
        del ids  # Windows renames no file that is mapped
        unfinished.replace(path)
    except OSError as error:
        raise environment_fault("write", path, error) from error
    finally:
        unfinished.unlink(missing_ok=True)


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
