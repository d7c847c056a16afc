"""How much earlier characters mattered for a prediction: the text in colours, and the strongest in a table."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len

from charrnn.render.bars import bar
from charrnn.render.palette import ColorMode
from charrnn.render.scene import Block, Column, Scene, label_of
from charrnn.render.terminal import terminal_lines

STRONGEST = 8
"""Characters in the table."""
BAR_CELLS = 24
SPACE = "␣"
"""How a space is shown in the table."""

Symbol = tuple[int, str]
"""A symbol and what it adds to the text."""


def saliency_lines(
    title: str,
    place: int,
    symbols: Sequence[Symbol],
    target: Symbol,
    norms: npt.NDArray[np.float64],
    width: int,
    mode: ColorMode,
    *,
    blocks: bool = True,
) -> Iterator[str]:
    """The lines: a text coloured by its norms in parts of the largest, and its strongest characters.

    Args:
        title: what is said of the target, which comes before it.
        place: the position of the target.
        symbols: (K,) the text before it.
        target: what is predicted; it stands in brackets after the text.
        norms: (K,) 0 or more.
        width: of a line, in cells.
        mode: the colours that the terminal can show.
        blocks: draw bars with block characters; if not, with ASCII.
    """
    largest = float(norms.max())
    parts = (norms / (largest or 1.0)).tolist()
    labels = [label_of(piece, symbol) for symbol, piece in symbols]
    columns = [
        Column(label, cell_len(label), piece.endswith("\n"))
        for label, (_, piece) in zip(labels, symbols, strict=True)
    ]
    predicted = f"[{label_of(target[1], target[0])}]"
    columns.append(Column(predicted, cell_len(predicted), ends_line=False))
    heading = f"saliency for {predicted} {title}   1.00 is a norm of {largest:.3g}"
    block = Block(heading, [*parts, 0.0], 1.0, signed=False)
    yield from terminal_lines(Scene(columns, [block], ()), mode, width)
    yield ""
    yield f"{'at':>9}{'back':>7}{'norm':>9}"
    for t in np.argsort(-norms, kind="stable")[:STRONGEST].tolist():
        back = len(norms) - t
        label = labels[t].replace(" ", SPACE)
        numbers = f"{place - back:>9,}{back:>7,}{norms[t]:9.3g}"
        drawn = bar(parts[t], 1.0, BAR_CELLS, blocks=blocks)
        yield f"{numbers}  {label}{' ' * (2 - cell_len(label))} {drawn}".rstrip()
