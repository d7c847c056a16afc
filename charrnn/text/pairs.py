"""Pairs: lines SOURCE<TAB>TARGET, read into two columns, split at random, and numbered by vocabularies of their own.

    forty-two <TAB> 42        a source, as an encoder reads it, and the target that belongs to it

Which alignment suits them (see `charrnn.network.alignments`) is seen in the pairs themselves, by short counts.
"""

import dataclasses
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.network.alignments import ALIGNMENTS
from charrnn.network.alignments.base import Alignment
from charrnn.numerics import Ids
from charrnn.text.items import Positions, shuffled
from charrnn.text.pieces import read_pieces
from charrnn.text.sources import Notes, Part, TextSource, in_memory
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary, code_points, name_characters
from charrnn.wording import counted, escape, listed

END = "\n"
"""The symbol before and behind each target that a decoder writes; no line has it inside."""
MOST_LABELS = 1000
"""Distinct texts above which they are not taken for labels."""
USES = 5
"""Pairs that each label must have on average."""
TRIED = 20_000
"""Pairs that are counted to choose an alignment."""
DECIDED = 0.8
"""Part of the target symbols that neighbors must decide for an alignment position by position."""
MOST_NAMED = 5
"""Lines that a message names."""


class Labels:
    """Whole texts as symbols: a two-way mapping between labels and ids.

    Args:
        labels: the texts, each once.
    """

    level = "char"
    has_unknown = False
    unknown_id = None

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._ids = {label: k for k, label in enumerate(self.labels)}

    def __len__(self) -> int:
        """The number of labels."""
        return len(self.labels)

    def encode(self, label: str) -> Ids:
        """The id of a label, (1,).

        Raises:
            DataError: there is no such label.
        """
        return np.array([self.id_of(label)], np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """The label with the id (1,)."""
        (k,) = ids
        return self.labels[k]

    def id_of(self, label: str) -> int:
        """The id of a label.

        Raises:
            DataError: there is no such label.
        """
        if label not in self._ids:
            known = listed([escape(one) for one in self.labels], 20)
            raise DataError(f"there is no label {label[:60]!r}", f"the labels are {known}")
        return self._ids[label]

    def __contains__(self, label: str) -> bool:
        """Whether there is such a label."""
        return label in self._ids


Symbols = Vocabulary | Labels
"""The symbols of a source or a target: characters, or labels."""


@dataclass(frozen=True)
class Column:
    """Texts as ids, one after another."""

    ids: Ids
    """(symbols,)"""
    bounds: Positions
    """(texts + 1,) where each begins, and the end of the last."""

    @classmethod
    def of(cls, texts: Sequence[str], symbols: Symbols) -> "Column":
        """Texts, numbered; characters that a vocabulary lacks are NOT_IN_VOCABULARY."""
        if isinstance(symbols, Labels):
            ids = np.array([symbols.id_of(text) for text in texts], np.int32)
            return cls(ids, np.arange(len(texts) + 1))
        bounds = np.cumsum([0, *map(len, texts)])
        return cls(symbols.lookup(code_points("".join(texts))), bounds)

    @cached_property
    def lengths(self) -> Positions:
        """The symbols of each text, (texts,)."""
        return np.diff(self.bounds)

    def padded(self, rows: Positions, fill: int = 0) -> npt.NDArray[np.int64]:
        """The texts of these rows side by side, (T, N), filled up behind their ends."""
        lengths = self.lengths[rows]
        t = np.arange(int(lengths.max(initial=0)))[:, None]
        real = t < lengths
        at = np.where(real, self.bounds[rows] + t, 0)
        ids = self.ids[at] if len(self.ids) else np.zeros(at.shape, np.int64)
        return np.where(real, ids, fill).astype(np.int64)


@dataclass(frozen=True)
class PairCorpus:
    """Pairs, and how they are aligned and split. `aligned` chooses an alignment, which all the rest depends on."""

    source_texts: Sequence[str]
    target_texts: Sequence[str]
    config: CorpusConfig
    fingerprint: str
    """SHA-256 of the pairs as read."""
    notes: tuple[str, ...]
    """What a user should know about the reading, in sentences, settings as names in braces."""
    sources: tuple[str, ...]
    """The names of the files."""
    num_sources: int
    own_parts: tuple[int, ...] = (0, 0)
    """Validation and test pairs with files of their own, which are the last ones."""
    align: str = "attention"
    source_labels: bool = False
    """Whether each source is a label as a whole."""
    reason: str = ""
    """Why it is aligned so; empty if the user has decided it."""
    is_utf8: bool = True
    item_end: None = None

    def __len__(self) -> int:
        """The characters of all sources and targets."""
        return sum(map(len, self.source_texts)) + sum(map(len, self.target_texts))

    @property
    def num_pairs(self) -> int:
        """The number of pairs."""
        return len(self.source_texts)

    @cached_property
    def distinct(self) -> int:
        """The different characters."""
        return len({*"".join(self.source_texts), *"".join(self.target_texts)})

    @property
    def alignment(self) -> Alignment:
        """How a target follows from its source."""
        return ALIGNMENTS[self.align]

    # --- the alignment -------------------------------------------------------------------------------------------------

    def aligned(self, align: str | None = None) -> "PairCorpus":
        """The pairs with this alignment, or with the one that suits them.

        Raises:
            DataError: the pairs do not allow it; lines are named by their numbers among the pairs.
        """
        if align is None:
            align, reason = chosen_alignment(self.source_texts, self.target_texts)
        else:
            reason = ""
        labels = ALIGNMENTS[align].takes_labels and is_labels(self.source_texts)
        made = dataclasses.replace(self, align=align, source_labels=labels, reason=reason)
        made.require_alignable()
        return made

    def realigned(self, align: str) -> "PairCorpus":
        """These pairs, split alike, with another alignment."""
        made = self.aligned(align)
        made.__dict__["parts"] = self.parts  # where a cached property stands
        return made

    def require_alignable(self) -> None:
        """Raise DataError if some pairs cannot be aligned so."""
        pairs = list(zip(self.source_texts, self.target_texts, strict=True))
        lacks = {k: lack for k, pair in enumerate(pairs) if (lack := self.alignment.lack(*pair))}
        if lacks:
            first, problem = next(iter(lacks.items()))
            s, t = (text[:40] for text in pairs[first])
            raise DataError.naming(
                "{align:"
                + self.align
                + "} needs a target with {problem}, unlike {count}: pair {number:,} "
                "is {source!r}, {target!r}",
                "leave out {align}, or take {align:attention}",
                problem=problem,
                count=f"{len(lacks):,} of {counted(len(pairs), 'pair')}",
                number=first + 1,
                source=s,
                target=t,
            )
        if self.alignment.is_label and len({*self.target_texts}) < 2:
            raise DataError("all targets are the same label, so there is nothing to learn")

    @property
    def stretch(self) -> int:
        """How often each character of a source must be read so that every target fits."""
        return self.stretch_for(1)

    def stretch_for(self, shortened: int) -> int:
        """The same for an encoder that gives an output for so many places of the source."""
        needed = partial(self.alignment.stretch, shortened=shortened)
        return max(map(needed, self.source_texts, self.target_texts))

    # --- the symbols ---------------------------------------------------------------------------------------------------

    @cached_property
    def source_symbols(self) -> Symbols:
        """The symbols of the sources."""
        if not self.alignment.has_encoder:
            return self.vocabulary
        if self.source_labels:
            return Labels(sorted({*self.source_texts}))
        return make_vocabulary(self.source_texts, self.config)

    @cached_property
    def vocabulary(self) -> Symbols:
        """The symbols of the targets; those of a decoder include END."""
        if self.alignment.is_label:
            return Labels(sorted({*self.target_texts}))
        ends = END if self.alignment.writes else ""
        texts = self.target_texts
        if not self.alignment.has_encoder:
            texts = [*texts, *self.source_texts]
        return make_vocabulary(texts, self.config, ends)

    @cached_property
    def source_column(self) -> Column:
        """The sources as ids."""
        return Column.of(self.source_texts, self.source_symbols)

    @cached_property
    def target_column(self) -> Column:
        """The targets as ids."""
        return Column.of(self.target_texts, self.vocabulary)

    # --- the parts -----------------------------------------------------------------------------------------------------

    @cached_property
    def parts(self) -> tuple[Positions, Positions, Positions]:
        """The numbers of the pairs for training, validation and testing.

        Pairs with the same source belong to the same part; where sources are labels and targets texts, those with the
        same target.
        """
        own_val, own_test = self.own_parts
        n = self.num_pairs - own_val - own_test
        of_labels = self.alignment.writes and is_labels(self.source_texts)
        keys = self.target_texts if of_labels else self.source_texts
        number = {key: k for k, key in enumerate(dict.fromkeys(keys[:n]))}
        group = np.array([number[key] for key in keys[:n]], np.int64)
        place = np.empty(len(number), np.int64)
        place[shuffled(len(number), self.config.split_seed)] = np.arange(len(number))
        order = np.argsort(place[group], kind="stable")
        begins = np.flatnonzero(np.diff(place[group][order], prepend=-1))
        val = 0.0 if own_val else self.config.val_fraction
        test = self.config.test_fraction
        cuts = [_cut(begins, n, (1 - val - test) * n), _cut(begins, n, (1 - test) * n)]
        train, held, last = np.split(order, cuts)
        rest = np.arange(n, self.num_pairs)
        if own_val:
            held = rest[:own_val]
        if own_test:
            last = rest[own_val:]
        return train, held, last

    @property
    def train(self) -> Positions:
        """The numbers of the training pairs."""
        return self.parts[0]

    @property
    def val(self) -> Positions:
        """The numbers of the validation pairs."""
        return self.parts[1]

    @property
    def test(self) -> Positions:
        """The numbers of the test pairs."""
        return self.parts[2]

    def pairs(self, rows: Positions) -> list[tuple[str, str]]:
        """The pairs of these numbers."""
        return [(self.source_texts[k], self.target_texts[k]) for k in rows.tolist()]


def _cut(begins: Positions, total: int, at: float) -> int:
    """The beginning of a group that is nearest to a place, or the end."""
    bounds = np.append(begins, total)
    return int(bounds[np.argmin(np.abs(bounds - at))])


def make_vocabulary(texts: Sequence[str], config: CorpusConfig, ends: str = "") -> Vocabulary:
    """The characters of some texts that occur often enough, and `ends`; the rest become an unknown symbol."""
    counts = Counter("".join(texts))
    common = {c for c, count in counts.items() if count >= config.min_count} | {*ends}
    if not common:
        raise DataError.naming(
            f"no character occurs {config.min_count:,} times", "lower {min_count}"
        )
    rare = any(c not in common for c in counts)
    return Vocabulary("char", sorted(map(ord, common)), has_unknown=rare)


# --- reading ----------------------------------------------------------------------------------------------------------


def read_pairs(
    sources: Sequence[TextSource],
    config: CorpusConfig,
    notes: Notes | None = None,
    *,
    fewest: int = 2,
) -> PairCorpus:
    """Read sources whose lines are SOURCE<TAB>TARGET, those of the training part first.

    Args:
        sources: the texts.
        config: how they are read.
        notes: the notes made while the sources were found.
        fewest: the pairs that there must be for training.

    Raises:
        DataError: a line has no tab, or several, or nothing before it; or there are too few pairs.
    """
    notes = notes or Notes()
    read = _Reading(config, notes)
    for source in map(in_memory, sources):
        read.add(source)
    _require_pairs(sources, read.counts, fewest)
    columns = [list(column) for column in zip(*read.pairs, strict=True)]
    return PairCorpus(
        columns[0],
        columns[1],
        config,
        read.digest.hexdigest(),
        notes=(*notes.sentences(keep_newlines=False), *read.sentences()),
        sources=tuple(source.name for source in sources if source.part == "train"),
        num_sources=notes.num_read,
        own_parts=(read.counts["val"], read.counts["test"]),
    )


class _Reading:
    """Pairs that are being read, and what there is to say of them."""

    def __init__(self, config: CorpusConfig, notes: Notes) -> None:
        self.config, self.notes = config, notes
        self.pairs: list[tuple[str, str]] = []
        self.counts: Counter[Part] = Counter()
        self.digest = hashlib.sha256()
        self.num_empty = 0
        self._part: Part = "train"
        self._left = config.max_chars

    def add(self, source: TextSource) -> None:
        """Read the pairs of a source.

        Raises:
            DataError: a line is no pair.
        """
        self.notes.num_read += 1
        if source.part != self._part:
            self.digest.update(source.part.encode())
            self._part = source.part
        wrong = [
            (number, line)
            for number, line in enumerate(self._bounded(source), 1)
            if not self._added(line)
        ]
        if wrong:
            raise _malformed(source.name, wrong)

    def _bounded(self, source: TextSource) -> Iterator[str]:
        """The lines of a source; of the training part those that fit into `max_chars`."""
        for line in lines_of(source, self.config, self.notes):
            if self._part == "train" and self._left is not None:
                self._left -= len(line) + 1
                if self._left < 0:
                    self.notes.truncated = True
                    return
            yield line

    def _added(self, line: str) -> bool:
        """Add the pair of a line, unless it is empty; whether it is one."""
        before, _, after = line.partition("\t")
        if not line:
            self.num_empty += 1
        elif line.count("\t") != 1 or not before:
            return False
        else:
            self.digest.update(f"{line}\n".encode("utf-8", "surrogatepass"))
            self.pairs.append((before, after))
            self.counts[self._part] += 1
        return True

    def sentences(self) -> Iterator[str]:
        """What a user should know of the pairs."""
        if self.notes.truncated:
            count = counted(self.counts["train"], "pair")
            yield f"the first {count} were read: {{max_chars}} sets another limit"
        if self.num_empty:
            verb = "was" if self.num_empty == 1 else "were"
            yield f"{counted(self.num_empty, 'empty line')} {verb} left out"
        known = len({source for source, _ in self.pairs})
        repeats = len(self.pairs) - known
        if repeats and known > min(MOST_LABELS, len(self.pairs) / USES):
            yield (
                f"{counted(repeats, 'pair')} {'has' if repeats == 1 else 'have'} the source of another; "
                "pairs with the same source stay in the same part"
            )


def lines_of(source: TextSource, config: CorpusConfig, notes: Notes) -> Iterator[str]:
    """The lines of a text, without their ends."""
    held = ""
    for piece in read_pieces(source, config, notes):
        *lines, held = (held + piece).split("\n")
        yield from lines
    if held:
        yield held


def _malformed(name: str, wrong: Sequence[tuple[int, str]]) -> DataError:
    _, line = wrong[0]
    numbers = [f"{n:,}" for n, _ in wrong[:MOST_NAMED]]
    more = f" and {len(wrong) - MOST_NAMED:,} more" if len(wrong) > MOST_NAMED else ""
    lines = f"line {numbers[0]}" if len(wrong) == 1 else f"lines {', '.join(numbers)}{more}"
    has = "no tab" if "\t" not in line else "nothing before its tab"
    has = f"{line.count(chr(9))} tabs" if line.count("\t") > 1 else has
    return DataError.naming(
        "{name}: {lines} {verb} no pair: {shown!r} has {has}",
        "with {pairs}, each line is SOURCE, one tab, TARGET",
        name=name,
        lines=lines,
        verb="is" if len(wrong) == 1 else "are",
        shown=line[:60],
        has=has,
    )


def _require_pairs(sources: Sequence[TextSource], counts: Counter[Part], fewest: int) -> None:
    if counts["train"] < fewest:
        name = sources[0].name if len(sources) == 1 else f"{len(sources)} files"
        raise DataError.naming(
            "{pairs} needs at least {needed}, but {name} has {count}",
            needed=counted(fewest, "pair"),
            name=name,
            count=counts["train"],
        )
    for source in sources:
        if not counts[source.part]:
            raise DataError(f"{source.name} has no pairs")


# --- choosing an alignment --------------------------------------------------------------------------------------------


def is_labels(texts: Sequence[str]) -> bool:
    """Whether texts are few enough, and used often enough, to be labels."""
    return len({*texts}) <= min(MOST_LABELS, len(texts) / USES)


def chosen_alignment(sources: Sequence[str], targets: Sequence[str]) -> tuple[str, str]:
    """The alignment that suits pairs, and why, in words."""
    num_pairs = counted(len(sources), "pair")
    if is_labels(targets) and all(targets):
        few = counted(len({*targets}), "different target")
        return "label", f"{num_pairs} have {few}"
    if is_labels(sources):
        few = counted(len({*sources}), "different source")
        return "none", f"{num_pairs} have {few}"
    if all(len(s) == len(t) for s, t in zip(sources, targets, strict=True)):
        part = decided_part(sources[:TRIED], targets[:TRIED])
        by = f"neighbors decide {100 * part:.0f} % of the target characters"
        if part >= DECIDED:
            return "each", f"sources and targets are equally long, and {by}"
        return "attention", f"sources and targets are equally long, but {by}"
    return "attention", "sources and targets differ in length"


def decided_part(sources: Sequence[str], targets: Sequence[str]) -> float:
    """The part of the target symbols that the source symbols at the same place and beside it decide.

    Each second pair is predicted by the most frequent symbol of such a place in the others; where there is none, by that
    of its own source symbol alone.
    """
    wide: defaultdict[str, Counter[str]] = defaultdict(Counter)
    narrow: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for window, target in _places(sources[::2], targets[::2]):
        wide[window][target] += 1
        narrow[window[1]][target] += 1
    best = {
        key: count.most_common(1)[0][0] for table in (wide, narrow) for key, count in table.items()
    }
    held_out = list(_places(sources[1::2], targets[1::2]))
    right = sum(best.get(w, best.get(w[1])) == target for w, target in held_out)
    return right / max(1, len(held_out))


def _places(sources: Sequence[str], targets: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each target symbol, behind the three source symbols around its place."""
    for source, target in zip(sources, targets, strict=True):
        closed = f"\n{source}\n"
        for k, symbol in enumerate(target):
            yield closed[k : k + 3], symbol


# --- what a model does not know ---------------------------------------------------------------------------------------


def known_rows(text: str, vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
    """Whether a vocabulary has each character of a text, (characters,)."""
    known: npt.NDArray[np.bool_] = vocabulary.lookup(code_points(text)) != NOT_IN_VOCABULARY
    return known


def named_unknown(texts: Sequence[str], vocabulary: Vocabulary) -> str:
    """The characters of texts that a vocabulary lacks, named; empty if there are none."""
    missing = vocabulary.missing("".join(texts))
    return name_characters(missing) if missing else ""
