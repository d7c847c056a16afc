"""How `train` and `evaluate` report the baselines of a held-out text."""

import sys
from typing import TYPE_CHECKING

from charrnn.cli.terminal import print_wrapped, say
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.evaluation.baselines import Baselines
    from charrnn.text.corpus import Corpus

LABEL = 18
"""Cells before the numbers of a table."""
LONG = 1 << 20
"""Characters of a corpus above which measuring takes seconds, which is reported."""


def measured(corpus: "Corpus", split: str) -> "Baselines":
    """The baselines of a held-out part of a corpus, "val" or "test".

    Standard output is flushed first, so that Ctrl-C loses nothing that has been printed.
    """
    from charrnn.evaluation.baselines import measure_baselines

    sys.stdout.flush()
    if len(corpus) > LONG:
        say("measuring the baselines; the results above are final, Ctrl-C skips the rest")
    held_out = corpus.test if split == "test" else corpus.val
    chosen_elsewhere = split == "test" and len(corpus.val) >= 2
    return measure_baselines(
        corpus.train,
        held_out,
        corpus.vocabulary,
        choose_on=corpus.val if chosen_elsewhere else None,
    )


def print_line(corpus: "Corpus") -> None:
    """The baselines of the validation text in one line."""
    found = measured(corpus, "val")
    unit = "byte" if corpus.config.level == "byte" else "character"
    figures = [f"{name} {bits:.3f}" for name, bits in _before_ngram(found)]
    figures.append(f"{found.order}-gram (Kneser-Ney) {found.ngram:.3f}")
    cut = found.train_characters < len(corpus.train)
    which = f" (knowing {_training_text(corpus, found, unit)})" if cut else ""
    print(f"baselines: {', '.join(figures)} bits per {unit}{which}")


def print_table(corpus: "Corpus", split: str) -> None:
    """The baselines of a held-out part, a line each."""
    found = measured(corpus, split)
    unit = "byte" if corpus.config.level == "byte" else "char"
    held_out = corpus.test if split == "test" else corpus.val
    cut = found.characters < len(held_out) - 1
    which = f", for the first {counted(found.characters, unit)}" if cut else ""
    chooser = "validation text" if len(corpus.val) >= 2 else "this text"
    print()
    known = f"bits per {unit}, knowing {_training_text(corpus, found, unit)}{which}"
    print_wrapped(f"{'baselines':<{LABEL}}{known}", LABEL)
    for name, bits in _before_ngram(found):
        print(f"{name:<{LABEL}}{bits:.4f}")
    name, orders = f"{found.order}-gram", len(found.ngrams)
    how = f"Kneser-Ney, the best order of 1 to {orders} on {chooser}"
    print_wrapped(f"{name:<{LABEL}}{found.ngram:.4f}, {how}", LABEL)


def _before_ngram(found: "Baselines") -> list[tuple[str, float]]:
    """The baselines that need no explanation, by name."""
    simple = [("uniform", found.uniform), ("unigram", found.unigram), ("gzip", found.gzip)]
    return simple if found.xz is None else [*simple, ("xz", found.xz)]


def _training_text(corpus: "Corpus", found: "Baselines", unit: str) -> str:
    """How much of the training text the baselines know."""
    last = "last " if found.train_characters < len(corpus.train) else ""
    return f"the {last}{counted(found.train_characters, unit)} of the training text"
