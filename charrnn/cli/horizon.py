"""What `charrnn visualize --horizon` does: show how much context a model makes use of."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.pictures import Pictures
from charrnn.cli.reading import content
from charrnn.cli.table import require_csv, write_csv
from charrnn.cli.terminal import can_print, terminal_width
from charrnn.cli.visualize_options import HORIZON_WINDOWS

if TYPE_CHECKING:
    from charrnn.interpret.context import ContextCurve
    from charrnn.model import CharRNN

COLUMNS = ("context", "surprisal", "standard_error", "more", "more_standard_error", "windows")


def show_horizon(
    model: "CharRNN",
    text: str | None,
    windows: int | None,
    csv: Path | None,
    max_chars: int | None,
    width: int | None,
    pictures: Pictures | None,
    *,
    lines: bool,
    quiet: bool,
) -> None:
    """Print or draw what a character costs by the context that is given; the arguments are those of `visualize`.

    With `lines` the model starts at each line, as it was trained.
    """
    require_csv(csv)
    from threadpoolctl import threadpool_limits

    from charrnn.interpret.context import context_curve
    from charrnn.render.ansi import lines_of
    from charrnn.render.plot.picture import draw_context
    from charrnn.render.tables import EIGHTHS
    from charrnn.render.views.context import context_rows

    with threadpool_limits(1, "blas"):  # more threads lose more on a busy machine than they gain
        ids = model.vocabulary.encode(content(text, model, max_chars, quiet=quiet))
        found = context_curve(model, ids, windows=windows or HORIZON_WINDOWS, lines=lines)
    noun = "byte" if model.vocabulary.level == "byte" else "character"
    if pictures:
        colored = pictures.colored
        pictures.write_plot(
            lambda kind: draw_context(found, noun, kind, colored=colored), quiet=quiet
        )
    else:
        blocks = can_print(EIGHTHS)
        rows = context_rows(found, noun, width or terminal_width(), blocks=blocks)
        for line in lines_of(rows):
            sys.stdout.write(line + "\n")
    if csv:
        write_csv(csv, COLUMNS, _rows(found), quiet=quiet)


def _rows(found: "ContextCurve") -> Iterator[tuple[object, ...]]:
    """A row for each context."""
    columns = (found.mean, found.error, found.excess, found.excess_error)
    for context, *figures in zip(found.lengths, *(c.tolist() for c in columns), strict=True):
        yield (context, *figures, found.num_places)
