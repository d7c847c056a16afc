"""The recurrent cells, by name. A new cell is a file of its own and a line here."""

from charrnn.cells import lstm
from charrnn.cells.base import Cell

CELLS: dict[str, Cell] = {cell.name: cell for cell in (lstm.CELL,)}
