"""How much earlier characters mattered for a prediction: the text in colours, and the strongest in a table."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len

from charrnn.render.ansi import Look, legend, text_lines
from charrnn.render.bars import bar
from charrnn.render.graphemes import Graphemes
from charrnn.render.views.scene import Block, Column, Scene, label_of

STRONGEST = 8
"""Characters in the table."""
MOST_BAR_CELLS = 24
SPACE = "␣"
"""How a space is shown in the table."""

Symbol = tuple[int, str]
"""A symbol and what it adds to the text."""


def saliency_scene(
    title: str, symbols: Sequence[Symbol], target: Symbol, norms: npt.NDArray[np.float64]
) -> Scene:
    """A text coloured by its norms in parts of the largest.

    Args:
        title: what is said of the target, which comes before it.
        symbols: (K,) the text before the target.
        target: what is predicted; it stands in brackets after the text.
        norms: (K,) 0 or more.
    """
    largest = float(norms.max())
    labels = [label_of(piece, symbol) for symbol, piece in symbols]
    pieces = [piece for _, piece in symbols]
    begins = Graphemes().begins(pieces)
    columns = [
        Column(label, cell_len(label), piece.endswith("\n"), begin)
        for label, piece, begin in zip(labels, pieces, begins, strict=True)
    ]
    predicted = f"[{label_of(target[1], target[0])}]"
    columns.append(Column(predicted, cell_len(predicted), ends_line=False))
    heading = f"saliency for {predicted} {title}   1.00 is a norm of {largest:.3g}"
    parts = (norms / (largest or 1.0)).tolist()
    return Scene(columns, [Block(heading, [*parts, 0.0], 1.0, signed=False)], ())


def saliency_lines(
    scene: Scene,
    place: int,
    norms: npt.NDArray[np.float64],
    width: int,
    look: Look,
    *,
    blocks: bool = True,
) -> Iterator[str]:
    """The lines: the text in its colours, and its strongest characters.

    Args:
        scene: see `saliency_scene`.
        place: the position of what is predicted.
        norms: (K,) of the symbols before it.
        width: of a line, in cells.
        look: how the text is drawn.
        blocks: draw bars with block characters; if not, with ASCII.
    """
    yield from legend(scene.blocks[0], look.mode, look=look)
    yield from text_lines([scene], look, width)
    yield ""
    head = f"{'at':>9}{'back':>7}{'norm':>9}"
    yield head
    cells = max(0, min(MOST_BAR_CELLS, width - len(head) - len("  i  ")))
    for t in np.argsort(-norms, kind="stable")[:STRONGEST].tolist():
        back = len(norms) - t
        label = scene.columns[t].label.replace(" ", SPACE)
        numbers = f"{place - back:>9,}{back:>7,}{norms[t]:9.3g}"
        drawn = bar(scene.blocks[0].values[t], 1.0, cells, blocks=blocks)
        yield f"{numbers}  {label}{' ' * (2 - cell_len(label))} {drawn}".rstrip()
