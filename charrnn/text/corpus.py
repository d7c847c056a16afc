"""A corpus: a text as ids, its vocabulary, and its split into training, validation and test text.

A text of items (lines, records, documents) is shuffled, with an end symbol before the first (see `items.py`); each of
the three parts begins and ends with one.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.numerics import Ids
from charrnn.text.encoding.opening import large_text, small_sources
from charrnn.text.encoding.text import SILENT, Watch
from charrnn.text.items import (
    Positions,
    copied_items,
    count_repeated,
    item_bounds,
    part_spans,
    shuffled,
)
from charrnn.text.kinds import Items, asking_setting, item_end_of, items_of
from charrnn.text.normal import WHERE, form_of_missing
from charrnn.text.numbering import cache_path, count, make_ids, number
from charrnn.text.pieces import ONLY_BLANKS
from charrnn.text.remarks import source_remarks
from charrnn.text.sources import Notes, TextSource
from charrnn.text.tables import table_kind
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary, name_characters

DAMAGED = "the encoded corpus in the cache was damaged, and has been made again"
PARTS = {"train": "train on", "val": "validate on", "test": "test on"}


@dataclass(frozen=True)
class Corpus:
    """A text as ids, its vocabulary, and where it is split.

    Training, validation and test text follow each other. Parts of a text of items share the end symbol between them.
    """

    ids: Ids
    """The text, (characters,)."""
    vocabulary: Vocabulary
    config: CorpusConfig
    fingerprint: str
    """SHA-256 of the text as read (UTF-8, newlines as the config says)."""
    distinct: int
    """Distinct characters in the text, rare ones included."""
    singletons: int
    """Characters that occur only once."""
    num_sources: int
    """Files, or other sources, that were read."""
    sources: tuple[str, ...] = ()
    """The names of the sources, without validation and test text of their own; those of files are their paths."""
    notes: tuple[str, ...] = ()
    """What a user should know about the reading, in sentences, settings as names in braces."""
    own_parts: tuple[int, ...] = (0, 0)
    """The symbols, or items, of validation and test text with sources of their own; 0 for a part of the other text."""
    is_utf8: bool = True
    """Whether the text is UTF-8, as everything but some corpora of bytes is."""
    num_unknown: int = 0
    """Distinct characters in the text that are read as the unknown symbol."""
    known_bounds: Positions | None = None
    """The place of the end symbol before each item, and of the one after the last, where a file has them."""

    def __len__(self) -> int:
        """The number of characters, without the end symbol before the first item."""
        return len(self.ids) - (self.item_end is not None)

    @cached_property
    def split_points(self) -> tuple[int, int]:
        """Where validation and test text begin; a text too short to be split is all for training."""
        own_val, own_test = self.own_parts
        whole = len(self.ids) if self.item_end is None else self.num_items
        n = whole - own_val - own_test
        fractions = (0.0 if own_val else self.config.val_fraction), self.config.test_fraction
        test = n - int(n * fractions[1] + 1e-9)
        val = int(n * (1 - sum(fractions)) + 1e-9)
        val, test = (val, test) if val >= (1 if self.item_end else 2) else (n, n)
        val, test = (n, n + own_val) if own_val else (val, test)
        if self.item_end is not None:
            return int(self._bounds[val]), int(self._bounds[test])
        return val, test

    @property
    def item_end(self) -> str | None:
        """The character that ends an item; None if the text is a running one."""
        return item_end_of(self.config)

    @property
    def end_id(self) -> int | None:
        """Its id."""
        return None if self.item_end is None else int(self.vocabulary.encode(self.item_end)[0])

    @property
    def num_items(self) -> int:
        """The number of items of a text of items."""
        return len(self._bounds) - 1

    @cached_property
    def _bounds(self) -> npt.NDArray[np.int64]:
        if self.known_bounds is not None:
            return self.known_bounds
        assert self.end_id is not None
        return item_bounds(self.ids, self.end_id)

    @property
    def train_bounds(self) -> Positions | None:
        """The place of the end symbol before each training item, and of the one after the last; None: a running text."""
        if self.item_end is None:
            return None
        return self._bounds[: int(np.searchsorted(self._bounds, self.split_points[0])) + 1]

    @property
    def part_sizes(self) -> tuple[int, int, int]:
        """The sizes of training, validation and test text: their characters, or their items in a text of items."""
        if self.item_end is None:
            return len(self.train), len(self.val), len(self.test)
        val, test = np.searchsorted(self._bounds, self.split_points).tolist()
        return val, test - val, self.num_items - test

    def item_lengths(self, part: Ids) -> npt.NDArray[np.int64] | None:
        """Lengths of the items of `train`, `val` or `test`, with their ends; None if it is a running text."""
        return None if self.end_id is None else np.diff(item_bounds(part, self.end_id))

    def repeated(self, part: Ids) -> int:
        """How many items of validation or test text also occur in the training text."""
        assert self.end_id is not None
        return count_repeated(part, self.train, self.end_id)

    @property
    def train(self) -> Ids:
        """The training text."""
        return self._part(0, self.split_points[0])

    @property
    def val(self) -> Ids:
        """The validation text, which chooses the best checkpoint."""
        return self._part(*self.split_points)

    @property
    def test(self) -> Ids:
        """The test text, which training never reads."""
        return self._part(self.split_points[1], len(self.ids))

    def _part(self, begin: int, end: int) -> Ids:
        return self.ids[begin : end + (self.item_end is not None)]


def read_corpus(
    sources: Sequence[TextSource],
    config: CorpusConfig,
    *,
    cache: Path,
    notes: Notes | None = None,
    vocabulary: Vocabulary | None = None,
    extend: bool = False,
    hint: str = "",
    watch: Watch = SILENT,
) -> Corpus:
    """Read sources, one after another, into a corpus.

    Args:
        sources: the texts, those of the training part first, then those of validation and test parts of their own.
        config: how to read and where to split them.
        cache: the folder for the ids of large corpora.
        notes: the notes made while the sources were found.
        vocabulary: number the characters by this one; None: make one from the text.
        extend: add to `vocabulary` the characters that it lacks; those that occur fewer than `min_count` times in the
            text become its unknown symbol.
        hint: what a user can do if `vocabulary` lacks characters.
        watch: how the encoding of a large text is shown.

    Raises:
        DataError: the text is empty, too short, not in its encoding, or has characters that `vocabulary` lacks; or it
            is a text of items with fewer than two of them.
        EnvironmentFault: the cache cannot be written.
    """
    notes = notes or Notes()
    if config.field is not None and not any(map(table_kind, sources)):
        raise DataError.naming(
            "{name} is not a table, so {field} does not apply",
            "a table is a .csv, .tsv, .jsonl, .json, .parquet or .arrow file",
            name=sources[0].name,
        )
    large = large_text(sources, config, cache, notes, watch)
    if large:
        counts, fingerprint, sources = large.counts, large.fingerprint, large.sources
    else:
        sources = small_sources(sources, config, notes)
        counts, fingerprint = count(sources, config, notes)
    total = int(counts.sum())
    _require_text(counts, sources)
    vocabulary = _vocabulary_for(counts, config, vocabulary, extend=extend)
    _require_known(counts, vocabulary, hint)
    sentences = large.remarks if large else source_remarks(sources, config, notes, total)
    own_parts: tuple[int, ...] = notes.lengths["val"], notes.lengths["test"]
    _require_parts(sources, notes)
    ends, bounds = np.cumsum([total - sum(own_parts), *own_parts]), None
    kind = items_of(config)
    if large and kind:
        found = large.items(
            vocabulary, _end_of(kind, vocabulary, config), ends, config.split_seed, kind.noun
        )
        ids, bounds, own_parts = found.ids, found.bounds, found.sizes[1:]
        _require_items(sum(found.sizes), kind, config)
        sentences = [*sentences, *_on_left_out(kind, found.num_empty, is_cut=found.is_cut)]
    elif large:
        ids = large.ids(vocabulary)
    else:
        ids = number(sources, config, vocabulary, total, fingerprint, cache, notes)
        if kind:
            ids, sizes, more = _by_items(
                ids, vocabulary, config, kind, ends, fingerprint, cache, notes
            )
            own_parts, sentences = sizes[1:], [*sentences, *more]
    if notes.cache_damaged:
        sentences = [*sentences, DAMAGED]
    return Corpus(
        ids,
        vocabulary,
        config,
        fingerprint,
        distinct=int((counts > 0).sum()),
        singletons=int((counts == 1).sum()),
        num_sources=notes.num_read,
        sources=tuple(source.name for source in sources if source.part == "train"),
        notes=tuple(sentences),
        own_parts=own_parts,
        is_utf8=notes.is_utf8,
        num_unknown=len(_missing(counts, vocabulary)),
        known_bounds=bounds,
    )


def _require_parts(sources: Sequence[TextSource], notes: Notes) -> None:
    """Raise DataError unless each part that has sources of its own has at least two characters."""
    for source in sources:
        if notes.lengths[source.part] < 2:
            raise DataError(
                f"the text to {PARTS[source.part]} needs at least 2 characters, but {source.name} has "
                f"{notes.lengths[source.part]}"
            )


def _require_text(counts: npt.NDArray[np.int64], sources: Sequence[TextSource]) -> None:
    total = int(counts.sum())
    name = sources[0].name if len(sources) == 1 else f"{len(sources)} files"
    if total == 0:
        raise DataError(f"the corpus is empty ({name} has no characters)")
    if total < 2:
        raise DataError(f"the corpus needs at least 2 characters, but {name} has {total}")
    if all(chr(point).isspace() for point in np.flatnonzero(counts)):
        raise DataError(f"there is nothing to learn: {name} has {ONLY_BLANKS}")
    if counts[0xD800:0xE000].any():  # only odd encodings, such as unicode_escape, let them through
        raise DataError("the text has lone surrogates, which are not characters")


def _missing(counts: npt.NDArray[np.int64], vocabulary: Vocabulary) -> npt.NDArray[np.intp]:
    """The code points of a text, given its counts, that a vocabulary lacks."""
    present = np.flatnonzero(counts)
    return present[~np.isin(present, vocabulary.symbols)]


def _require_known(counts: npt.NDArray[np.int64], vocabulary: Vocabulary, hint: str) -> None:
    missing = _missing(counts, vocabulary)
    if len(missing) and not vocabulary.has_unknown:
        named = name_characters([chr(p) for p in missing])
        if form := form_of_missing(missing.tolist(), vocabulary):
            hint = f"the model's accents are {WHERE[form]}: add {{normalize:{form.lower()}}}"
        raise DataError.naming(
            "the text has characters that the model's vocabulary lacks: {named}", hint, named=named
        )


def _vocabulary_for(
    counts: npt.NDArray[np.int64],
    config: CorpusConfig,
    given: Vocabulary | None,
    *,
    extend: bool,
) -> Vocabulary:
    """The given vocabulary, perhaps extended, or one made from a text; rare characters become its unknown symbol."""
    if given is not None and extend:
        missing = _missing(counts, given)
        common = missing[counts[missing] >= config.min_count]
        return given.extended(common, has_unknown=len(common) < len(missing))
    if given is not None:
        return given
    if config.level == "byte":
        return Vocabulary.of_bytes()
    common = np.flatnonzero(counts >= config.min_count)
    if not len(common):
        most = int(counts.max())
        raise DataError.naming(
            f"no character occurs {config.min_count:,} times (the most common one {most:,} times)",
            f"lower {{min_count}} to {most} or less",
        )
    rare = bool(((counts > 0) & (counts < config.min_count)).any())
    return Vocabulary("char", common.tolist(), has_unknown=rare)


def _by_items(
    ids: Ids,
    vocabulary: Vocabulary,
    config: CorpusConfig,
    kind: Items,
    ends: Positions,
    fingerprint: str,
    cache: Path,
    notes: Notes,
) -> tuple[Ids, tuple[int, ...], list[str]]:
    """The items, those of each part shuffled; how many each part has; and notes about items that are left out.

    `ends` has the end of each part in `ids`, (3,).
    """
    end = _end_of(kind, vocabulary, config)
    spans = part_spans(ids, end, ends)
    starts, lengths = map(np.concatenate, zip(*spans, strict=True))
    _require_items(len(starts), kind, config)
    empty = len(item_bounds(ids, end)) - len(starts)
    sentences = _on_left_out(kind, empty, is_cut=ids[ends[0] - 1] != end)
    sizes = [len(own) for own, _ in spans]
    bounds = [0, *itertools.accumulate(sizes)]
    order = np.concatenate(
        [a + shuffled(b - a, config.split_seed) for a, b in itertools.pairwise(bounds)]
    )

    def pieces() -> Iterator[Ids]:
        return copied_items(ids, end, starts[order], lengths[order])

    path = cache_path(vocabulary, fingerprint, cache, f"-{kind.noun}s-{config.split_seed}")
    return (
        make_ids(1 + int(lengths.sum()), vocabulary.dtype, path, pieces, notes),
        tuple(sizes),
        sentences,
    )


def _end_of(kind: Items, vocabulary: Vocabulary, config: CorpusConfig) -> int:
    """The id of the symbol that ends an item."""
    end = int(vocabulary.lookup(np.array([ord(kind.end)]))[0])
    if end in (NOT_IN_VOCABULARY, vocabulary.unknown_id):
        raise DataError.naming(
            f"{{{asking_setting(config)}}} needs the {kind.end_name} in the vocabulary",
            "lower {min_count}",
        )
    return end


def _require_items(number: int, kind: Items, config: CorpusConfig) -> None:
    if number < 2:
        setting = f"{{{asking_setting(config)}}}"
        raise DataError.naming(
            f"{setting} needs at least 2 {kind.noun}s that are not empty, but the text has {number}",
            f"leave out {setting} to read it as one text",
        )


def _on_left_out(kind: Items, num_empty: int, *, is_cut: bool) -> list[str]:
    """Notes about items that are left out."""
    sentences = []
    if num_empty:
        sentences.append(
            f"{num_empty:,} empty {kind.noun}{'s were' if num_empty > 1 else ' was'} left out"
        )
    if is_cut:
        sentences.append(f"the last {kind.noun} was cut off and left out")
    return sentences
