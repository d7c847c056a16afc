"""How much earlier characters mattered for a prediction: the text in colours, and the strongest in a table."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len

from charrnn.render.bars import bar
from charrnn.render.scene import Block, Column, Scene, label_of
from charrnn.render.terminal import Look, terminal_lines

STRONGEST = 8
"""Characters in the table."""
BAR_CELLS = 24
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
    columns = [
        Column(label, cell_len(label), piece.endswith("\n"))
        for label, (_, piece) in zip(labels, symbols, strict=True)
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
    yield from terminal_lines(scene, look.mode, width, palette=look.palette, digits=look.digits)
    yield ""
    yield f"{'at':>9}{'back':>7}{'norm':>9}"
    for t in np.argsort(-norms, kind="stable")[:STRONGEST].tolist():
        back = len(norms) - t
        label = scene.columns[t].label.replace(" ", SPACE)
        numbers = f"{place - back:>9,}{back:>7,}{norms[t]:9.3g}"
        drawn = bar(scene.blocks[0].values[t], 1.0, BAR_CELLS, blocks=blocks)
        yield f"{numbers}  {label}{' ' * (2 - cell_len(label))} {drawn}".rstrip()
