"""The recurrent cells, by name. A new cell is a file of its own and a line here."""

import dataclasses

from charrnn.cells import elman, gru, jordan, lstm, peephole
from charrnn.cells.base import Cell
from charrnn.errors import UsageError

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        lstm.CELL,
        gru.CELL,
        elman.CELL,
        jordan.CELL,
        peephole.CELL,
    )
}


def get_cell(name: str, activation: str = "tanh") -> Cell:
    """The cell of this name, computing with this activation.

    Raises:
        UsageError: there is no such cell, or it has no such choice.
    """
    if name not in CELLS:
        raise UsageError(f"unknown cell {name[:60]!r}", f"the cells are {', '.join(CELLS)}")
    cell = CELLS[name]
    if activation == "tanh":  # what every cell computes with if nothing is said
        return cell
    if activation not in cell.activations:
        choices = ", ".join(cell.activations) or "always tanh"
        raise UsageError(f"the {name} cell has no activation {activation[:60]!r}: {choices}")
    step, back = cell.activations[activation]
    return dataclasses.replace(cell, step=step, back=back)
