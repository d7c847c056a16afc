"""`charrnn visualize` for a model of pairs: what it does between a source and its target."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from charrnn.cli.layout import ColoringOptions
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.pair_lines import PairLines
from charrnn.cli.reading import read_dump
from charrnn.cli.run_names import refuse_for_pairs
from charrnn.cli.threads import one_thread
from charrnn.cli.visualize.selection import View, ViewOptions, available, select
from charrnn.cli.visualize.show import Readings, Sight, put, show
from charrnn.errors import SettingError, UsageError

if TYPE_CHECKING:
    from charrnn.interpret.dumps.reading import Dump
    from charrnn.interpret.recording import Recording
    from charrnn.interpret.units import Architecture
    from charrnn.pairs.model import PairNetwork
    from charrnn.pairs.views import MatrixOfPair
    from charrnn.render.grid import GridRow
    from charrnn.render.look import Look
    from charrnn.render.views.matrix import Matrix
    from charrnn.render.views.path import Tags

    Drawing = Matrix | Tags

MOST_SOURCES = 20
"""Sources of a file that are shown."""
ATTENTION = "how much of a target character's attention is at this source character"
LABELS = "the probability of this label after this character"
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


def require_decoder(network: "Architecture", view: ViewOptions) -> None:
    """Raise SettingError if predictions are to be shown, or what they cost, and there are none."""
    if not network.config.writes and (view.surprisal or view.predictions):
        name = "surprisal" if view.surprisal else "predictions"
        raise SettingError.naming(
            f"{{{name}}} needs a decoder, which predicts; this model has none", "leave it out"
        )


def chosen_sides(network: "Architecture", view: ViewOptions) -> tuple[View | None, View | None]:
    """What is shown of the sources, and of the targets; None: nothing.

    Raises:
        UsageError: the network has no such units, or an option has nothing to act on.
    """
    from charrnn.interpret.units import mark_of, memory_of

    require_decoder(network, view)
    chosen = select(network, view)
    what = chosen.choose_among(memory_of(network))

    def side(*, of_source: bool) -> View | None:
        named = tuple(pair for pair in chosen.named if bool(pair[1][0].mark) == of_source)
        own = what if what and bool(mark_of(what)) == of_source else None
        surprisal = chosen.surprisal and not of_source
        if not (named or own or surprisal):
            return None
        top = chosen.top if own else None
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


# --- a dump -----------------------------------------------------------------------------------------------------------


def show_dumped_pairs(
    dumps: "Mapping[str, Dump]",
    view: ViewOptions,
    max_chars: int | None,
    layout: ColoringOptions,
    pictures: PictureOptions,
    *,
    pager: bool,
) -> None:
    """Show a dump of pairs as if the model read it; see `show_pairs`.

    Args:
        dumps: its texts, by their sides.
        view: the units; if nothing is named, the attention is drawn, or, if there is none, some units are shown.
        max_chars: maximum characters of each text.
        layout: colors and width.
        pictures: the pictures to write.
        pager: whether to show it in the user's pager.
    """
    from charrnn.interpret.dumps.header import SIDES
    from charrnn.interpret.pairs import attention_in, in_lines
    from charrnn.interpret.units import memory_of

    if view == ViewOptions() and len(dumps) > 1 and dumps["target"].header.places:
        source, target = (
            read_dump(dumps[side], (), most=max_chars) for side in ("source", "target")
        )
        pairs = islice(zip(in_lines(source), in_lines(target), strict=False), MOST_SOURCES)
        matrices = [_attention(attention_in(*pair)) for pair in pairs]
        _show_drawings(matrices, "attention", layout, pictures, pager=pager)
        return
    first = [*dumps.values()][-1]  # the decoder's, if there is one
    network = network_of(dumps)
    chosen = chosen_sides(network, available(view, first))

    def read(side: str, of_side: View | None) -> "list[Recording]":
        if of_side is None:
            return []
        if side not in dumps:
            raise UsageError(f"{first.path} has no {side}s")
        letter = of_side.choose_among(memory_of(network))
        recording = read_dump(
            dumps[side],
            {letter} if letter else set(),
            units=of_side.all_units,
            predictions=of_side.predictions,
            most=max_chars,
        )
        return in_lines(recording)

    sources, targets = (read(*pair) for pair in zip(SIDES, chosen, strict=True))
    show(list(sights_of(sources, targets, chosen)), layout, pictures, pager=pager)


def network_of(dumps: "Mapping[str, Dump]") -> "Architecture":
    """The network whose parts have written the texts of a dump."""
    networks = [dump.network for dump in dumps.values()]
    if len(networks) == 1:
        return networks[0]
    return networks[0]._replace(config=replace(networks[0].config, align="attention"))


# --- between a source and its target ----------------------------------------------------------------------------------


def _show_between(
    lines: PairLines, layout: ColoringOptions, pictures: PictureOptions, *, pager: bool
) -> None:
    model, alignment = lines.model, lines.model.alignment
    with one_thread():
        drawings = [_drawing(model, *pair) for pair in lines.read(MOST_SOURCES, OWN_SOURCES)]
    about = "attention" if alignment.looks else "labels" if alignment.is_label else "symbols"
    _show_drawings(drawings, about, layout, pictures, pager=pager)


def _show_drawings(
    drawings: "Sequence[Drawing]",
    about: str,
    layout: ColoringOptions,
    pictures: PictureOptions,
    *,
    pager: bool,
) -> None:
    """Print what stands between sources and something else, or write it as pictures."""
    from charrnn.render.ansi import lines_of
    from charrnn.render.grid import Grid

    refuse_for_pairs(layout, but=("color", "width", "digits"))  # all is green
    if pictures:
        rows = list(_rows(drawings, layout.picture_look, layout.picture_columns))
        words = f"The {about} of {len(drawings)} sources, as a model of pairs has them."
        pictures.write(Grid(rows, about, words))
        return
    put(lines_of(_rows(drawings, layout.look, layout.columns)), pager=pager)


def _rows(drawings: "Sequence[Drawing]", look: "Look", width: int) -> "Iterator[GridRow]":
    from charrnn.render.grid import GAP
    from charrnn.render.views.matrix import Matrix, matrix_rows
    from charrnn.render.views.path import tag_rows

    for number, drawing in enumerate(drawings):
        if number:
            yield GAP
        if isinstance(drawing, Matrix):
            yield from matrix_rows(drawing, look, width)
        else:
            yield from tag_rows(drawing, look, width)


def _drawing(model: "PairNetwork", source: str, target: str | None) -> "Drawing":
    """What a model does between a source and its target."""
    from charrnn.pairs import views
    from charrnn.render.views.matrix import Matrix
    from charrnn.render.views.path import Tags

    alignment = model.alignment
    if alignment.looks:
        return _attention(views.attention_of(model, source, target))
    if alignment.is_label:
        seen = views.labels_of(model, source)
        title = f"{seen.source} → {seen.target}   the labels while the source is read"
        return Matrix(title, seen.source, seen.rows, seen.values, LABELS)
    path = views.path_of(model, source)
    blank = f", {views.BLANK} for a blank" if alignment.blanks else ""
    title = f"{source} → {path.target}   one symbol for each character{blank}"
    meaning = f"the most probable symbol{blank}"
    return Tags(title, path.source, path.symbols, path.probabilities, meaning)


def _attention(seen: "MatrixOfPair") -> "Matrix":
    """The attention of each symbol of a target, its end among them."""
    from charrnn.render.views.matrix import Matrix

    title = f"{seen.source} → {seen.target}   attention, target down, source across"
    return Matrix(title, seen.source, seen.rows, seen.values, ATTENTION)
