"""`charrnn evaluate` for a model of pairs: what it makes of sources whose targets are known."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from charrnn.cli.edits import EditOptions
from charrnn.cli.layout import LayoutOptions
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.run_names import refuse_for_pairs
from charrnn.cli.terminal import print_json, print_rows
from charrnn.cli.work import working
from charrnn.errors import DataError, SettingError
from charrnn.settings import Config, changed_settings

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.pairs.scoring import PairScores
    from charrnn.render.grid import GridRow
    from charrnn.render.look import Look

LABEL = 22
"""Cells before the numbers of a table."""
FOR_PAIRS = ("split", "corpus", "val_file", "test_file", "vectors", "json")
"""Options that are not about running text."""


def evaluate_pairs(
    loaded: "Checkpoint",
    names: Sequence[str],
    options: Any,
    edits: EditOptions,
    layout: LayoutOptions,
    pictures: PictureOptions,
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
    if not loaded.model.config.gives_label:
        refuse_drawing(layout, pictures)
    model = edits.edited(loaded)
    if options.split:
        corpus = own_corpus()
        pairs = corpus.pairs(getattr(corpus, options.split.value))
        if not pairs:
            raise DataError(
                f"the model's corpus has no {options.split} part",
                "choose another --split, or name a file to score",
            )
    else:
        pairs = _read(names, loaded, options.vectors)
    with working(len(pairs), "pair") as work:
        scores = score_pairs(model, pairs, progress=work.advance)
    if options.json:
        edited = {"edits": list(map(str, model.edits))} if model.edits else {}
        print_json(scores.as_dict() | edited)
    else:
        _print(scores, layout, has_picture=bool(pictures))
    if pictures:
        _draw(scores, layout, pictures)


def refuse_drawing(*configs: Config) -> None:
    """Raise SettingError if an option of a drawing was given, and there is none."""
    for config in configs:
        for name, _ in changed_settings(config):
            raise SettingError.naming(
                f"{{{name}}} only applies to models of pairs whose targets are labels",
                "leave it out",
            )


def _read(names: Sequence[str], loaded: "Checkpoint", vectors: str | None) -> list[tuple[str, str]]:
    """The pairs of some files, or their lines as targets of vectors."""
    import dataclasses

    from charrnn.cli.inputs import find_texts
    from charrnn.runs import reading_of
    from charrnn.text.pairs import read_pairs
    from charrnn.text.vectors import read_vector_pairs

    config = dataclasses.replace(reading_of(loaded), pairs=True, vectors=vectors)
    if bool(vectors) != bool(loaded.model.config.source_vectors):
        if vectors:
            raise SettingError.naming("{vectors} needs a model that reads vectors", "leave it out")
        raise SettingError.naming("this model reads vectors, not texts", "add {vectors:FILE}")
    texts = find_texts(names, config)
    read = read_vector_pairs(texts, config) if vectors else read_pairs(texts, config, fewest=1)
    return list(zip(read.source_texts, read.target_texts, strict=True))


def _print(scores: "PairScores", layout: LayoutOptions, *, has_picture: bool) -> None:
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
    if scores.labels and not has_picture:
        print()
        print_rows(_confusion_rows(scores, _look(layout), layout.columns))


def _confusion_rows(scores: "PairScores", look: "Look", width: int) -> "Iterator[GridRow]":
    from charrnn.render.views.confusion import Confusion, confusion_rows

    return confusion_rows(Confusion(scores.labels, scores.confusion), look, width)


def _look(layout: LayoutOptions) -> "Look":
    """The look of a matrix in the terminal."""
    from charrnn.render.look import UNBOUNDED, Look

    line = layout.columns if sys.stdout.isatty() else UNBOUNDED
    return Look(layout.mode, line=line, is_dark=layout.is_dark)


def _draw(scores: "PairScores", layout: LayoutOptions, pictures: PictureOptions) -> None:
    """Draw which label was taken for which."""
    from charrnn.render.grid import Grid
    from charrnn.render.look import Look
    from charrnn.render.palette import ColorMode

    mode = ColorMode.truecolor if layout.is_picture_colored else ColorMode.none
    look = Look(mode, is_picture=True)
    rows = list(_confusion_rows(scores, look, layout.picture_columns))
    about = f"How often each of {len(scores.labels)} labels was taken for another."
    pictures.write(Grid(rows, "confusion matrix", about))
