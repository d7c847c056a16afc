"""What a user should know of a corpus before a network is trained on it, in sentences.

Settings stand in them as names in braces (see `charrnn.errors.spelled`). Nothing is said if the evidence is weak.
"""

from collections.abc import Iterator

import numpy as np

from charrnn.text.corpus import Corpus
from charrnn.text.items import item_bounds
from charrnn.text.kinds import item_noun
from charrnn.wording import counted

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
LOOKED_AT = 1 << 20
"""Symbols at the start of a text that show whether it is a list."""


def corpus_advice(corpus: Corpus) -> list[str]:
    """All notes on a corpus."""
    unit = "byte" if corpus.config.level == "byte" else "character"
    return [
        *_on_the_split(corpus),
        *_on_the_vocabulary(corpus, unit),
        *_on_its_form(corpus),
    ]


def _on_the_split(corpus: Corpus) -> Iterator[str]:
    lengths = corpus.item_lengths(corpus.val)
    if (end := corpus.item_end) and lengths is not None and (repeated := corpus.num_repeated):
        count, noun = len(lengths), item_noun(end)
        yield f"{repeated:,} of {count:,} validation {noun}s also occur in the training set"
    if len(corpus.val) < 2:
        yield "no validation text: the newest checkpoint counts as the best"


def _on_the_vocabulary(corpus: Corpus, unit: str) -> Iterator[str]:
    if corpus.num_unknown:
        rare = corpus.config.min_count > 1
        which = "rare ones" if rare else "not in the model's vocabulary"
        yield f"{counted(corpus.num_unknown, unit)} became the unknown symbol ({which})"
    elif corpus.distinct == 1:
        yield "only one distinct character: there is nothing to learn"
    elif corpus.distinct == len(corpus.vocabulary) and unit == "character":
        yield from vocabulary_advice(corpus.distinct, corpus.singletons)  # the text's own


def vocabulary_advice(distinct: int, seldom: int) -> list[str]:
    """Advice for a text with `distinct` different characters, `seldom` of which occur only once."""
    if seldom < max(ONCE_ONLY, ONCE_ONLY_PART * distinct):
        return []
    text = f"{seldom:,} of {distinct:,} characters occur only once"
    return [f"{text}: {{min_count:2}} would replace them with one unknown symbol"]


def _on_its_form(corpus: Corpus) -> Iterator[str]:
    if corpus.item_end is None and (length := list_length(corpus)):
        yield (
            f"this looks like a list (lines of {length:.0f} characters on average): "
            "{lines} treats each line as a separate text"
        )


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
    marks = sum(np.isin(last, corpus.vocabulary.lookup(_points(PUNCTUATION))))
    indented = sum(np.isin(first, corpus.vocabulary.lookup(_points(" \t"))))
    unlike = (~full).sum() + marks + indented
    return float(lengths.mean()) if unlike <= LIST_PART * len(lengths) else 0.0


def _points(characters: str) -> np.ndarray:
    return np.array(list(map(ord, characters)))
