"""`charrnn evaluate` for a model of pairs: what it makes of sources whose targets are known."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from charrnn.cli.edits import EditOptions
from charrnn.cli.run_names import refuse_for_pairs
from charrnn.cli.terminal import print_json
from charrnn.cli.work import working
from charrnn.errors import DataError

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.pairs.scoring import PairScores

LABEL = 22
"""Cells before the numbers of a table."""
FOR_PAIRS = ("split", "corpus", "val_file", "test_file", "json")
"""Options that are not about running text."""
MOST_LABELS = 24
"""Labels whose confusions are printed as a matrix, at most."""


def evaluate_pairs(
    loaded: "Checkpoint",
    names: Sequence[str],
    options: Any,
    edits: EditOptions,
    own_corpus: Callable[[], Any],
) -> None:
    """Score a model of pairs on files of pairs, or on a part of its own corpus.

    Raises:
        SettingError: an option is about running text.
        UsageError: the model has no such units to edit.
        DataError: there are no pairs, or a target has characters that the model does not write.
    """
    from charrnn.pairs.scoring import score_pairs

    refuse_for_pairs(options, but=FOR_PAIRS)
    model = edits.edited(loaded.model)
    if options.split:
        corpus = own_corpus()
        pairs = corpus.pairs(getattr(corpus, options.split.value))
        if not pairs:
            raise DataError(
                f"the model's corpus has no {options.split} part",
                "choose another --split, or name a file to score",
            )
    else:
        pairs = _read(names, loaded)
    with working(len(pairs), "pair") as work:
        scores = score_pairs(model, pairs, progress=work.advance)
    if options.json:
        edited = {"edits": list(map(str, model.edits))} if model.edits else {}
        print_json(scores.as_dict() | edited)
    else:
        _print(scores)


def _read(names: Sequence[str], loaded: "Checkpoint") -> list[tuple[str, str]]:
    """The pairs of some files."""
    import dataclasses

    from charrnn.cli.inputs import find_texts
    from charrnn.runs import reading_of
    from charrnn.text.pairs import read_pairs

    config = dataclasses.replace(reading_of(loaded), pairs=True)
    read = read_pairs(find_texts(names, config), config, fewest=1)
    return list(zip(read.source_texts, read.target_texts, strict=True))


def _print(scores: "PairScores") -> None:
    rows = [("pairs", f"{scores.num_pairs:,}")]
    if scores.labels:
        rows += [
            ("accuracy", f"{100 * scores.exact:.2f} %"),
            ("macro F1", f"{scores.macro_f1:.4f}"),
            ("nats per label", f"{scores.nats_per_symbol:.4f}"),
        ]
    else:
        rows += [
            ("exact match", f"{100 * scores.exact:.2f} %"),
            ("character error rate", f"{100 * scores.char_error_rate:.2f} %"),
            ("nats per character", f"{scores.nats_per_symbol:.4f}"),
        ]
    for name, figure in rows:
        print(f"{name:<{LABEL}}{figure}")
    if scores.labels:
        _print_confusions(scores)


def _print_confusions(scores: "PairScores") -> None:
    """Which label, a row, was taken for which, a column; of many labels the most frequent mistakes."""
    counts, labels = scores.confusion, scores.labels
    from wcwidth import wcswidth

    print()
    if len(labels) > MOST_LABELS:
        mistakes = [
            (int(counts[a, b]), labels[a], labels[b])
            for a in range(len(labels))
            for b in range(len(labels))
            if a != b and counts[a, b]
        ]
        for count, right, taken in sorted(mistakes, reverse=True)[:MOST_LABELS]:
            print(f"{count:>8,}  {right} taken for {taken}")
        return
    rows = [
        ["label", *labels],
        *([a, *map(str, row)] for a, row in zip(labels, counts, strict=True)),
    ]
    widths = [max(map(wcswidth, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [" " * (w - wcswidth(cell)) + cell for cell, w in zip(row, widths, strict=True)]
        print("  ".join(cells))
