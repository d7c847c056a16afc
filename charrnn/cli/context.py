"""`charrnn context`: how much context a model uses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.edits import EditOptions
from charrnn.cli.inputs import TextArgument
from charrnn.cli.layout import LayoutOptions
from charrnn.cli.outputs import PLOTS, PictureOptions, TableOptions
from charrnn.cli.own_text import OwnTextOptions
from charrnn.cli.reading import ReadingOptions, open_reader
from charrnn.cli.run_names import CheckpointArgument
from charrnn.cli.terminal import can_print, print_rows
from charrnn.cli.threads import one_thread
from charrnn.config import READING
from charrnn.errors import SettingError
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from charrnn.interpret.context import ContextCurve

EXAMPLES = (
    "charrnn context",
    "charrnn context plays plays.txt --windows 2000",
    "charrnn context plays plays.txt --svg context.svg --csv context.csv",
)
CHANGES = PLOTS
COLUMNS = ("context", "surprisal", "standard_error", "more", "more_standard_error", "windows")


@dataclass(frozen=True, kw_only=True)
class ContextOptions(Config):
    """Where the context length is measured."""

    windows: int = setting(
        512,
        "Predict this many characters, spread over the text, with each length of context.",
        low=2,
        high=10**9,
        metavar="N",
        panel=READING,
    )


def context(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: ContextOptions,
    reading: ReadingOptions,
    own: OwnTextOptions,
    edits: EditOptions,
    layout: LayoutOptions,
    pictures: PictureOptions,
    table: TableOptions,
) -> None:
    """Show how much a longer context helps.

    The network alone predicts the same characters after only the 0, 1, 2, 4 ... characters before them, from the initial
    state.
    The context length is where more characters no longer help. For a model that was trained on lines, no context
    reaches past the beginning of the line.
    """
    if layout.color and not pictures:
        raise SettingError.naming(
            "{color} only applies with {svg} or {png}: the table has no colors"
        )
    pictures.require(layout, plot="context")
    table.require()
    reader = open_reader(checkpoint, texts, edits, seed=own.seed)
    from charrnn.interpret.context import context_curve

    with one_thread():
        ids = reader.model.vocabulary.encode(reader.text(reading.max_chars))
        curve = context_curve(reader.model, ids, windows=options.windows, item_end=reader.item_end)
    _show(curve, reader.noun, layout, pictures)
    table.write(COLUMNS, _rows(curve))


def _show(
    curve: "ContextCurve", noun: str, layout: LayoutOptions, pictures: PictureOptions
) -> None:
    """Draw or print a curve."""
    from charrnn.render.plot.picture import draw_context
    from charrnn.render.tables import EIGHTHS
    from charrnn.render.views.context import context_rows

    if pictures:
        colored = layout.is_picture_colored
        pictures.write_plot(lambda kind: draw_context(curve, noun, kind, colored=colored))
        return
    print_rows(context_rows(curve, noun, layout.columns, blocks=can_print(EIGHTHS)))


def _rows(curve: "ContextCurve") -> Iterator[tuple[object, ...]]:
    """The rows of the table, one for each length of context."""
    columns = (curve.mean, curve.error, curve.excess, curve.excess_error)
    for length, *values in zip(curve.lengths, *(c.tolist() for c in columns), strict=True):
        yield (length, *values, curve.num_places)
