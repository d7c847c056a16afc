"""The recurrent cells, by name. A new cell is a file of its own and a line here."""

import dataclasses
from importlib import import_module

from charrnn.errors import UsageError
from charrnn.network.cells.base import Cell
from charrnn.wording import did_you_mean

FILES = (
    "lstm",
    "gru",
    "elman",
    "jordan",
    "peephole",
)
CELLS: dict[str, Cell] = {name: import_module(f"{__name__}.{name}").CELL for name in FILES}
OTHER_NAMES = dict.fromkeys(
    ("rnn", "vanilla", "simple", "srn"), "the plain recurrent network is elman"
)
"""What to answer to names of cells that are not here."""
ACTIVATIONS = (
    "tanh",
    *{name: None for cell in CELLS.values() for name in cell.activations if name != "tanh"},
)
"""The activations that some cell can compute with; all can with tanh."""


def get_cell(name: str, activation: str = "tanh") -> Cell:
    """The cell of this name, computing with this activation.

    Raises:
        UsageError: the cell is unknown, or does not support this activation.
    """
    if name not in CELLS:
        known = f"the cells are {', '.join(CELLS)}"
        hint = OTHER_NAMES.get(name.casefold()) or did_you_mean(name, CELLS)
        between = " " if hint.endswith("?") else "; "
        raise UsageError(f"unknown cell {name[:60]!r}", between.join(filter(None, (hint, known))))
    cell = CELLS[name]
    if activation == "tanh":  # what every cell computes with by default
        return cell
    if activation not in cell.activations:
        free = [other.name for other in CELLS.values() if activation in other.activations]
        choices = ", ".join(cell.activations) or "it is always tanh"
        raise UsageError.naming(
            "the {name} cell has no activation {found!r}: {choices}",
            f"leave out {{activation}}, or take {{cell:{' or '.join(free)}}}" if free else "",
            name=name,
            found=activation[:60],
            choices=choices,
        )
    step, backward = cell.activations[activation]
    return dataclasses.replace(cell, step=step, backward=backward)
