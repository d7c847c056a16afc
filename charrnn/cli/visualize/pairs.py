"""`charrnn visualize` for a model of pairs: what it does between a source and its target."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from charrnn.cli.layout import ColoringOptions
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.run_names import refuse_for_pairs
from charrnn.cli.terminal import say
from charrnn.cli.threads import one_thread
from charrnn.settings import Config

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.pairs.model import PairNetwork
    from charrnn.render.grid import GridRow
    from charrnn.render.look import Look

MOST_SOURCES = 20
"""Sources of a file that are shown."""
OWN_SOURCES = 3
"""Validation pairs that are shown if no source is given."""


def show_pairs(
    loaded: "Checkpoint",
    names: Sequence[str],
    others: Sequence[Config],
    layout: ColoringOptions,
    pictures: PictureOptions,
) -> None:
    """Draw the attention, the course of the labels or the path of each source.

    Args:
        loaded: the model.
        names: sources, or files of sources; with a tab in a line, the decoder reads the target behind it. None: some of
            the model's own validation pairs.
        others: options that are about language models.
        layout: colors and width.
        pictures: the pictures to write.

    Raises:
        SettingError: an option does not apply.
        UsageError: there is nothing to see.
        DataError: a source cannot be read, or has no character that the model knows.
    """
    from charrnn.pairs.views import require_view

    refuse_for_pairs(*others)
    refuse_for_pairs(layout, but=("color", "width", "digits"))  # all is green
    require_view(loaded.model)
    with one_thread():
        sources = list(_sources(loaded, names))
        if pictures:
            _write(loaded.model, sources, layout, pictures)
            return
        from charrnn.render.ansi import lines_of

        for line in lines_of(_rows(loaded.model, sources, layout.look, layout.columns)):
            print(line)


def _sources(loaded: "Checkpoint", names: Sequence[str]) -> Iterator[str]:
    """The lines that are shown."""
    if not names:
        yield from _own_pairs(loaded)
        return
    from charrnn.cli.arriving import open_lines
    from charrnn.runs import reading_of

    reading = reading_of(loaded)
    texts = open_lines(names, reading)
    lines = chain.from_iterable(part for text in texts for part in text.lists(reading))
    yield from islice(filter(None, lines), MOST_SOURCES)
    if next(filter(None, lines), None) is not None:
        say(f"charrnn: only the first {MOST_SOURCES} sources are shown")


def _own_pairs(loaded: "Checkpoint") -> Iterator[str]:
    """Some of the model's own validation pairs: their sources."""
    from charrnn.cli.own_corpus import read_own_corpus

    corpus = read_own_corpus(loaded, hint="or give a source: charrnn visualize MODEL 'SOURCE'")
    for source, _ in corpus.pairs(corpus.val[:OWN_SOURCES]):  # type: ignore[attr-defined]
        yield source


def _write(
    model: "PairNetwork",
    sources: Sequence[str],
    layout: ColoringOptions,
    pictures: PictureOptions,
) -> None:
    from charrnn.render.grid import Grid

    rows = list(_rows(model, sources, layout.picture_look, layout.picture_columns))
    alignment = model.alignment
    about = "attention" if alignment.looks else "labels" if alignment.is_label else "symbols"
    pictures.write(
        Grid(rows, about, f"The {about} of {len(sources)} sources, as a model of pairs has them.")
    )


def _rows(
    model: "PairNetwork", sources: Sequence[str], look: "Look", width: int
) -> "Iterator[GridRow]":
    from charrnn.render.grid import GAP

    for number, line in enumerate(sources):
        if number:
            yield GAP
        source, tab, target = line.partition("\t")
        yield from _rows_of(model, source, target if tab else None, look, width)


def _rows_of(
    model: "PairNetwork", source: str, target: str | None, look: "Look", width: int
) -> "Iterator[GridRow]":
    from charrnn.pairs import views
    from charrnn.render.views.matrix import Matrix, matrix_rows
    from charrnn.render.views.path import Tags, tag_rows

    alignment = model.alignment
    if alignment.looks:
        seen = views.attention_of(model, source, target)
        title = f"{seen.source} → {seen.target}   attention, target down, source across"
        meaning = "how much of a target character's attention is at this source character"
        yield from matrix_rows(
            Matrix(title, seen.source, seen.rows, seen.values, meaning), look, width
        )
    elif alignment.is_label:
        seen = views.labels_of(model, source)
        title = f"{seen.source} → {seen.target}   the labels while the source is read"
        meaning = "the probability of this label after this character"
        yield from matrix_rows(
            Matrix(title, seen.source, seen.rows, seen.values, meaning), look, width
        )
    else:
        path = views.path_of(model, source)
        blank = f", {views.BLANK} for a blank" if alignment.blanks else ""
        title = f"{source} → {path.target}   one symbol for each character{blank}"
        meaning = f"the most probable symbol{blank}"
        yield from tag_rows(
            Tags(title, path.source, path.symbols, path.probabilities, meaning), look, width
        )
