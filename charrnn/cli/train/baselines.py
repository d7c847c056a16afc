"""How `train` and `evaluate` report the baselines of a held-out text."""

import sys
from typing import TYPE_CHECKING

from charrnn.cli.terminal import print_wrapped, say
from charrnn.cli.work import working
from charrnn.wording import counted, noun_of, short_noun_of

if TYPE_CHECKING:
    from charrnn.evaluation.baselines import Baselines
    from charrnn.text.corpus import Corpus

LABEL = 18
"""Cells before the numbers of a table."""
LONG = 1 << 20
"""Characters of a corpus above which measuring takes seconds, which is reported."""


def measured(corpus: "Corpus", split: str, *, is_last: bool = True) -> "Baselines":
    """The baselines of a held-out part of a corpus.

    Standard output is flushed first, so that Ctrl-C loses nothing that has been printed.

    Args:
        corpus: the corpus.
        split: the part, "val" or "test".
        is_last: whether all else has been printed, so that Ctrl-C may skip this.
    """
    from charrnn.evaluation.baselines import HIGHEST_ORDER, measure_baselines

    sys.stdout.flush()
    if len(corpus) > LONG:
        rest = "; the results above are final, Ctrl-C skips the rest" if is_last else ""
        say(f"measuring the baselines{rest}")
    held_out = corpus.test if split == "test" else corpus.val
    chosen_elsewhere = split == "test" and len(corpus.val) >= 2
    with working(HIGHEST_ORDER * (1 + chosen_elsewhere), "n-gram model") as work:
        return measure_baselines(
            corpus.train,
            held_out,
            corpus.vocabulary,
            choose_on=corpus.val if chosen_elsewhere else None,
            progress=work.advance,
        )


def print_line(corpus: "Corpus", result: "Baselines") -> None:
    """The baselines of the validation text in one line."""
    unit = noun_of(corpus.config.level)
    figures = [f"{name} {bits:.3f}" for name, bits in _before_ngram(result)]
    figures.append(f"{result.order}-gram (Kneser-Ney) {result.ngram:.3f}")
    cut = result.train_characters < len(corpus.train)
    which = f" (fitted on {_training_text(corpus, result, unit)})" if cut else ""
    print(f"baselines: {', '.join(figures)} bits per {unit}{which}")


def print_table(corpus: "Corpus", split: str) -> None:
    """The baselines of a held-out part, a line each."""
    result = measured(corpus, split)
    unit = short_noun_of(corpus.config.level)
    held_out = corpus.test if split == "test" else corpus.val
    cut = result.characters < len(held_out) - 1
    which = f", for the first {counted(result.characters, unit)}" if cut else ""
    chooser = "validation text" if len(corpus.val) >= 2 else "this text"
    print()
    known = f"bits per {unit}, fitted on {_training_text(corpus, result, unit)}{which}"
    print_wrapped(f"{'baselines':<{LABEL}}{known}", LABEL)
    for name, bits in _before_ngram(result):
        print(f"{name:<{LABEL}}{bits:.4f}")
    name, orders = f"{result.order}-gram", len(result.ngrams)
    how = f"Kneser-Ney, the best order of 1 to {orders} on {chooser}"
    print_wrapped(f"{name:<{LABEL}}{result.ngram:.4f}, {how}", LABEL)


def _before_ngram(result: "Baselines") -> list[tuple[str, float]]:
    """The baselines that need no explanation, by name."""
    simple = [("uniform", result.uniform), ("unigram", result.unigram), ("gzip", result.gzip)]
    return simple if result.xz is None else [*simple, ("xz", result.xz)]


def _training_text(corpus: "Corpus", result: "Baselines", unit: str) -> str:
    """How much of the training text the baselines know."""
    last = "last " if result.train_characters < len(corpus.train) else ""
    return f"the {last}{counted(result.train_characters, unit)} of the training text"
