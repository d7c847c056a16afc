"""What a user should know of a corpus before a network is trained on it, in sentences.

Settings stand in them as names in braces (see `charrnn.errors.spelled`). Nothing is said if the evidence is weak.
"""

from collections.abc import Iterator

import numpy as np

from charrnn.errors import literal
from charrnn.numerics import Ids, Mask
from charrnn.text.corpus import Corpus
from charrnn.text.items import count_longer, count_repeated, item_bounds
from charrnn.text.kinds import item_noun
from charrnn.text.normal import has_accents, num_composable
from charrnn.text.pairs import PairCorpus
from charrnn.text.vocabulary import code_points, name_characters
from charrnn.wording import counted, noun_of

FEW_PAIRS = 2000
"""Pairs below which a network learns them by heart."""
LONG_LINE = 20
"""Characters beyond which a line of running text that occurs twice was copied."""
LITTLE = 10_000
"""Characters below which a text is learned by heart."""
ONCE_ONLY = 50
"""Minimum number of characters that occur once for advice; each has its own row in embedding and head."""
ONCE_ONLY_PART = 0.05
"""Minimum fraction of the distinct characters that occur once for advice."""
FEWEST_LINES, LONGEST_LINE, MEAN_LINE = 50, 60, 40
"""Minimum lines of a list, the length of its longest line at most, and of its mean line."""
LIST_PART = 0.1
"""Maximum fraction of a list's lines that are empty, indented, or end with a mark of punctuation, as sentences, verse,
dialogue and source code do."""
PUNCTUATION = ".,;:!?)]}>{(\\"
COMPARED = 1 << 27
"""Symbols of a text whose parts are compared with each other, at most: it takes a second for each 50 MB."""
LOOKED_AT = 1 << 20
"""Symbols at the start of a text that show whether it is a list."""


def corpus_advice(corpus: Corpus | PairCorpus) -> list[str]:
    """All notes on a corpus."""
    if isinstance(corpus, PairCorpus):
        return [*_on_pairs(corpus)]
    unit = noun_of(corpus.config.level)
    return [
        *_on_its_length(corpus, unit),
        *_on_the_split(corpus),
        *_on_the_vocabulary(corpus, unit),
        *_on_the_characters(corpus, unit),
        *_on_its_form(corpus),
    ]


def _on_pairs(pairs: PairCorpus) -> Iterator[str]:
    if pairs.reason:
        yield f"{{align:{pairs.align}}}, because {pairs.reason}"
    if pairs.num_pairs < FEW_PAIRS:
        yield (
            f"only {counted(pairs.num_pairs, 'pair')}: a network learns so few by heart; most rules take "
            "10,000 or more"
        )
    if not len(pairs.val):
        yield "there are no validation pairs: the last checkpoint is kept as the best"


def _on_its_length(corpus: Corpus, unit: str) -> Iterator[str]:
    if len(corpus) < LITTLE:
        yield (
            f"only {counted(len(corpus), unit)}: a network memorizes so little text; words take about 100,000 "
            "(50 pages), sentences about 1,000,000 (a long book)"
        )


def _on_the_split(corpus: Corpus) -> Iterator[str]:
    own_val, own_test = corpus.own_parts
    for name, part, is_own in (
        ()
        if len(corpus) > COMPARED
        else (
            ("validation", corpus.val, own_val),
            ("test", corpus.test, own_test),
        )
    ):
        if len(part) > 1 and (name == "validation" or is_own):
            yield from _on_the_overlap(corpus, name, part, is_own=bool(is_own))
    if len(corpus.val) < 2:
        yield "no validation text: the newest checkpoint counts as the best"


def _on_the_overlap(corpus: Corpus, name: str, part: Ids, *, is_own: bool) -> Iterator[str]:
    """How many items also occur in the training text; of a running text with a split of its own, how many long lines."""
    lengths = corpus.item_lengths(part)
    if corpus.item_end and lengths is not None:
        what, count, repeated = (
            f"{item_noun(corpus.item_end)}s",
            len(lengths),
            corpus.repeated(part),
        )
    elif is_own and not corpus.vocabulary.missing("\n"):
        newline = int(corpus.vocabulary.encode("\n")[0])
        what = f"lines of more than {LONG_LINE} characters"
        count = count_longer(part, newline, LONG_LINE)
        repeated = count_repeated(part, corpus.train, newline, longer_than=LONG_LINE)
    else:
        return
    if repeated:
        yield f"{repeated:,} of {count:,} {name} {what} also occur in the training set"


def _on_the_vocabulary(corpus: Corpus, unit: str) -> Iterator[str]:
    if corpus.num_unknown:
        rare = corpus.config.min_count > 1
        which = "too rare: {min_count}" if rare else "not in the model's vocabulary"
        yield f"{counted(corpus.num_unknown, unit)} became the unknown symbol ({which})"
    elif corpus.distinct == 1:
        yield "only one distinct character: there is nothing to learn"
    elif corpus.distinct == len(corpus.vocabulary) and unit == "character":
        yield from vocabulary_advice(corpus.distinct, corpus.singletons)  # the text's own


def _on_the_characters(corpus: Corpus, unit: str) -> Iterator[str]:
    if unit == "byte":
        if not corpus.is_utf8:
            yield "these bytes are not UTF-8: the model will generate bytes of any kind, not only text"
        return
    if new := _only_held_out(corpus):
        named = literal(name_characters([corpus.vocabulary.decode([symbol]) for symbol in new], 3))
        characters = counted(len(new), "character")
        verb = "occurs" if len(new) == 1 else "occur"
        yield f"{characters} {verb} only in the validation or test text: {named}"
    if has_accents(corpus.vocabulary) and (number := num_composable(_beginning(corpus))):
        yield (
            f"{counted(number, 'decomposed accent')} (é as e and U+0301, as macOS writes it): "
            "{normalize:nfc} composes each into one character"
        )


def _only_held_out(corpus: Corpus) -> list[int]:
    """The symbols that validation or test text have and the training text has not; of a long text none."""
    if len(corpus) > COMPARED:
        return []
    seen = _symbols(corpus.train, len(corpus.vocabulary))
    held_out = _symbols(corpus.val, len(seen)) | _symbols(corpus.test, len(seen))
    unknown = corpus.vocabulary.unknown_id
    return [symbol for symbol in np.flatnonzero(held_out & ~seen).tolist() if symbol != unknown]


def _symbols(ids: Ids, num: int) -> Mask:
    """Which of `num` symbols a text has, (num,)."""
    found = np.zeros(num, np.bool_)
    for start in range(0, len(ids), LOOKED_AT):
        found[np.asarray(ids[start : start + LOOKED_AT])] = True
    return found


def _beginning(corpus: Corpus) -> str:
    return corpus.vocabulary.decode(corpus.ids[:LOOKED_AT])


def vocabulary_advice(distinct: int, seldom: int) -> list[str]:
    """Advice for a text with `distinct` different characters, `seldom` of which occur only once."""
    if seldom < max(ONCE_ONLY, ONCE_ONLY_PART * distinct):
        return []
    text = f"{seldom:,} of {distinct:,} characters occur only once"
    return [f"{text}: {{min_count:2}} would replace them with one unknown symbol"]


def _on_its_form(corpus: Corpus) -> Iterator[str]:
    if has_pairs(corpus):
        yield (
            "this looks like pairs (one tab in each line): {pairs} learns to turn what stands before it into what "
            "stands behind it"
        )
    elif corpus.item_end is None and (length := list_length(corpus)):
        yield (
            f"this looks like a list (lines of {length:.0f} characters on average): "
            "{lines} treats each line as a separate text"
        )

    elif corpus.item_end and (number := _num_alike(corpus)):
        noun = item_noun(corpus.item_end)
        yield (
            f"{counted(number, noun)} differ from another only in leading or trailing blanks: "
            "sed -E 's/^[ \\t]+|[ \\t]+$//g' removes them"
        )


def has_pairs(corpus: Corpus) -> bool:
    """Whether the lines of a text look like pairs: several, each with a tab inside and no other."""
    if corpus.item_end not in (None, "\n") or corpus.vocabulary.missing("\t\n"):
        return False
    lines = _beginning(corpus).strip("\n").split("\n")
    lines = lines[: max(1, len(lines) - 1)] if len(corpus.ids) > LOOKED_AT else lines
    each = all(line.count("\t") == 1 and not line.startswith("\t") for line in lines)
    return each and len(lines) >= FEWEST_LINES


def _num_alike(corpus: Corpus) -> int:
    """How many of the first items differ from others only in blanks at their ends."""
    items = set(_beginning(corpus).split(corpus.item_end)[1:-1])
    return len(items) - len({item.strip(" \t") for item in items})


def list_length(corpus: Corpus) -> float:
    """The mean length of a text's lines, if it looks like a list of short ones, such as names; else 0."""
    if corpus.vocabulary.missing("\n"):
        return 0.0
    ids = np.asarray(corpus.ids[:LOOKED_AT])
    ends = item_bounds(ids, int(corpus.vocabulary.encode("\n")[0]))
    lengths = np.diff(ends, prepend=-1) - 1
    if len(lengths) < FEWEST_LINES or lengths.max() > LONGEST_LINE or lengths.mean() > MEAN_LINE:
        return 0.0
    full = lengths > 0
    first, last = ids[(ends - lengths)[full]], ids[ends[full] - 1]
    marks = sum(np.isin(last, corpus.vocabulary.lookup(code_points(PUNCTUATION))))
    indented = sum(np.isin(first, corpus.vocabulary.lookup(code_points(" \t"))))
    unlike = (~full).sum() + marks + indented
    return float(lengths.mean()) if unlike <= LIST_PART * len(lengths) else 0.0
