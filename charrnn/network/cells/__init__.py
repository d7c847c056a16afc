"""The recurrent cells, by name. A new cell is a file of its own and a line here."""

import dataclasses
from importlib import import_module
from types import SimpleNamespace
from typing import Protocol

from charrnn.errors import UsageError
from charrnn.network.cells.base import Cell
from charrnn.network.cells.subsampling import PHASE
from charrnn.wording import did_you_mean

FILES = (
    "lstm",
    "gru",
    "elman",
    "jordan",
    "peephole",
    "mogrifier",
    "rhn",
    "mingru",
    "minlstm",
    "tdnn",
    "narx",
    "mdlstm",
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


class CellSettings(Protocol):
    """The settings of a network on which its cell depends."""

    @property
    def cell(self) -> str:
        """The name."""

    @property
    def activation(self) -> str:
        """The activation."""

    @property
    def delays(self) -> str | None:
        """The delays of a tdnn or narx network."""

    @property
    def row_length(self) -> str | None:
        """The length of a row of an mdlstm network."""

    @property
    def depth(self) -> int | None:
        """The highway layers of an rhn network."""

    @property
    def subsample(self) -> str | None:
        """When its upper layers tick."""

    @property
    def align(self) -> str | None:
        """The alignment of a network of pairs."""


def cell_of(settings: CellSettings) -> Cell:
    """The cell of a network with these settings; errors as for `get_cell`.

    One whose layers are held carries their phase as well; see `charrnn.network.cells.subsampling`.
    """
    cell = get_cell(settings.cell, settings.activation)
    cell = cell.for_settings(settings) if cell.for_settings else cell
    if settings.subsample is None or settings.align:
        return cell
    return dataclasses.replace(cell, window=(*cell.window, PHASE), is_exact=False)


def recorded_cell(name: str, num_gates: int) -> Cell:
    """The cell of a recorded network, of which the number of gates is known; errors as for `get_cell`."""
    cell = get_cell(name)
    if cell.for_settings is None or cell.settings_from is None:
        return cell
    nothing = {"delays": None, "depth": None, "row_length": None}
    settings = nothing | dict(cell.settings_from(num_gates))
    return cell.for_settings(SimpleNamespace(**settings))


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
        choices = ", ".join(cell.activations) or "its functions are fixed"
        raise UsageError.naming(
            "the {name} cell has no activation {found!r}: {choices}",
            f"leave out {{activation}}, or take {{cell:{' or '.join(free)}}}" if free else "",
            name=name,
            found=activation[:60],
            choices=choices,
        )
    step, backward = cell.activations[activation]
    return dataclasses.replace(cell, step=step, backward=backward)
