"""`charrnn visualize` for a model of pairs: what it does between a source and its target."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from charrnn.cli.layout import ColoringOptions
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.pair_lines import PairLines
from charrnn.cli.run_names import refuse_for_pairs
from charrnn.cli.threads import one_thread
from charrnn.cli.visualize.selection import View, ViewOptions, select
from charrnn.cli.visualize.show import Readings, Sight, put, show
from charrnn.errors import SettingError

if TYPE_CHECKING:
    from charrnn.interpret.recording import Recording
    from charrnn.interpret.units import Architecture
    from charrnn.pairs.model import PairNetwork
    from charrnn.render.grid import GridRow
    from charrnn.render.look import Look

MOST_SOURCES = 20
"""Sources of a file that are shown."""
OWN_SOURCES = 3
"""Validation pairs that are shown if no source is given."""


def show_pairs(
    lines: PairLines,
    view: ViewOptions,
    layout: ColoringOptions,
    pictures: PictureOptions,
    *,
    pager: bool,
) -> None:
    """Color sources and targets by units, or draw what the model does between them.

    Args:
        lines: the model and its sources.
        view: the units; if nothing is named, the attention, the labels or the path of each source is drawn, or, if there
            is none, the most interesting unit is chosen.
        layout: colors and width.
        pictures: the pictures to write.
        pager: whether to show it in the user's pager.

    Raises:
        SettingError: an option does not apply.
        UsageError: there is no such unit.
        DataError: a source cannot be read, or has no character that the model knows.
    """
    from charrnn.pairs.views import is_seen_between

    if view == ViewOptions() and is_seen_between(lines.model):
        _show_between(lines, layout, pictures, pager=pager)
        return
    chosen = chosen_sides(lines.model, view)
    with one_thread():
        sights = list(_sights(lines, chosen))
    show(sights, layout, pictures, pager=pager)


# --- units ------------------------------------------------------------------------------------------------------------


def chosen_sides(network: "Architecture", view: ViewOptions) -> tuple[View | None, View | None]:
    """What is shown of the sources, and of the targets; None: nothing.

    Raises:
        UsageError: the network has no such units, or an option has nothing to act on.
    """
    from charrnn.interpret.units import mark_of, memory_of

    if not network.config.writes and (view.surprisal or view.predictions):
        name = "surprisal" if view.surprisal else "predictions"
        raise SettingError.naming(
            f"{{{name}}} needs a decoder, which predicts; this model has none", "leave it out"
        )
    chosen = select(network, view)
    what = chosen.choose_among(memory_of(network))

    def side(*, of_source: bool) -> View | None:
        named = tuple(pair for pair in chosen.named if bool(pair[1][0].mark) == of_source)
        own = what if what and bool(mark_of(what)) == of_source else None
        surprisal = chosen.surprisal and not of_source
        if not (named or own or surprisal):
            return None
        top = chosen.top if own else 1
        predictions = 0 if of_source else chosen.predictions
        return replace(
            chosen, named=named, what=own, surprisal=surprisal, top=top, predictions=predictions
        )

    source, target = side(of_source=True), side(of_source=False)
    if chosen.predictions and not target:
        raise SettingError.naming(
            "{predictions} only applies to the target", "add a unit of the decoder: {unit} L0.h.0"
        )
    return source, target


def sights_of(
    sources: "Sequence[Recording]",
    targets: "Sequence[Recording]",
    chosen: tuple[View | None, View | None],
) -> Iterator[Sight]:
    """What is shown of the sources, each on a line of its own, and then of the targets."""
    for recordings, view in zip((sources, targets), chosen, strict=True):
        if view:
            yield Readings(*recordings), view


def _sights(lines: PairLines, chosen: tuple[View | None, View | None]) -> Iterator[Sight]:
    from charrnn.interpret.pairs import (
        record_sources,
        record_targets,
        with_ends,
        with_targets,
    )
    from charrnn.interpret.units import memory_of

    model, pairs = lines.model, lines.read(MOST_SOURCES, OWN_SOURCES)
    source, target = chosen
    keep = {name for view in chosen if view for name in view.arrays(memory_of(model))}
    sources = record_sources(model, [s for s, _ in pairs], keep=keep) if source else ()
    predictions = target.predictions if target else 0
    whole = with_targets(model, pairs) if target else []
    targets = record_targets(model, whole, top=predictions, keep=keep)
    yield from sights_of(with_ends(list(sources)), list(targets), chosen)


# --- between a source and its target ----------------------------------------------------------------------------------


def _show_between(
    lines: PairLines, layout: ColoringOptions, pictures: PictureOptions, *, pager: bool
) -> None:
    from charrnn.render.ansi import lines_of

    refuse_for_pairs(layout, but=("color", "width", "digits"))  # all is green
    with one_thread():
        pairs = lines.read(MOST_SOURCES, OWN_SOURCES)
        if pictures:
            _write(lines.model, pairs, layout, pictures)
            return
        put(lines_of(_rows(lines.model, pairs, layout.look, layout.columns)), pager=pager)


def _write(
    model: "PairNetwork",
    pairs: Sequence[tuple[str, str | None]],
    layout: ColoringOptions,
    pictures: PictureOptions,
) -> None:
    from charrnn.render.grid import Grid

    rows = list(_rows(model, pairs, layout.picture_look, layout.picture_columns))
    alignment = model.alignment
    about = "attention" if alignment.looks else "labels" if alignment.is_label else "symbols"
    pictures.write(
        Grid(rows, about, f"The {about} of {len(pairs)} sources, as a model of pairs has them.")
    )


def _rows(
    model: "PairNetwork", pairs: Sequence[tuple[str, str | None]], look: "Look", width: int
) -> "Iterator[GridRow]":
    from charrnn.render.grid import GAP

    for number, (source, target) in enumerate(pairs):
        if number:
            yield GAP
        yield from _rows_of(model, source, target, look, width)


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
