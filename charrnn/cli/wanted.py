"""What `charrnn visualize` is to show of a text: units by their addresses, one by one or as heat maps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.visualize_options import Sort
from charrnn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.recording import Recording
    from charrnn.interpret.units import Architecture, Unit
    from charrnn.render.views.heatmap import HeatMap

Units = tuple["Unit", ...]


@dataclass(frozen=True)
class Wanted:
    """What is to be shown of a text."""

    named: "tuple[tuple[str, Units], ...]" = ()
    """The addresses that were given, and the units that they mean."""
    what: str | None = None
    """The state or gate among which interesting units are chosen, if it was named."""
    surprisal: bool = False
    predictions: int = 0
    bits: bool = False
    sort: Sort | None = None
    """The order of the units of heat maps."""

    @property
    def units(self) -> "Units":
        """Those that colour the text, one after the other."""
        return tuple(units[0] for address, units in self.named if not is_range(address))

    @property
    def maps(self) -> "tuple[tuple[str, Units], ...]":
        """Addresses of several units, each a heat map."""
        return tuple(pair for pair in self.named if is_range(pair[0]))

    @property
    def all_units(self) -> "list[Unit]":
        """Those that were named, each once."""
        return list(dict.fromkeys(unit for _, units in self.named for unit in units))

    def choose_among(self, memory: str) -> str | None:
        """The state or gate whose interesting units are shown, if any are; `memory` is the cell's."""
        return self.what or (None if self.all_units or self.surprisal else memory)

    def arrays(self, memory: str) -> set[str]:
        """The states and gates that are needed; `memory` is the cell's."""
        letter = self.choose_among(memory)
        return {unit.what for unit in self.all_units} | ({letter} if letter else set())


@dataclass(frozen=True)
class Asked:
    """The options that say what is to be shown."""

    unit: list[str] | None
    what: str | None
    surprisal: bool
    predictions: int
    bits: bool
    sort: Sort | None


def find_wanted(network: "Architecture", asked: Asked) -> Wanted:
    """What the options mean for a network.

    Raises:
        UsageError: it has no such units, or an option has nothing to act on.
    """
    from charrnn.interpret.units import parse_units, require_array

    if asked.what is not None:
        require_array(asked.what, network)
    named = tuple((address, parse_units(address, network)) for address in asked.unit or ())
    wanted = Wanted(named, asked.what, asked.surprisal, asked.predictions, asked.bits, asked.sort)
    if wanted.sort and not wanted.maps:
        raise UsageError("--sort is for heat maps", "name several units: --unit 'L0.c.*'")
    for option, is_given in (("--predictions", wanted.predictions), ("--bits", wanted.bits)):
        if is_given and wanted.maps and not (wanted.units or wanted.surprisal):
            raise UsageError(
                f"{option} stands under a text that is coloured by one unit", "add --unit L0.h.0"
            )
    return wanted


def is_range(address: str) -> bool:
    """Whether an address may mean several units, which are shown as a heat map."""
    return "*" in address or "-" in address


def heat_maps(recording: "Recording", wanted: Wanted, where: str = "") -> "list[HeatMap]":
    """The heat maps that are wanted, in the order of their addresses.

    Args:
        recording: of a text.
        wanted: what is to be shown.
        where: what the recording is of the text; empty if it is all.
    """
    from charrnn.render.views.heatmap import heat_map

    note = f", sorted by {wanted.sort}" if wanted.sort else ""
    return [
        heat_map(recording, address, _sorted(recording, units, wanted.sort), note, where)
        for address, units in wanted.maps
    ]


def _sorted(recording: "Recording", units: "Sequence[Unit]", sort: Sort | None) -> "list[Unit]":
    """The units of a heat map in their order."""
    import numpy as np

    from charrnn.interpret.ordering import similarity_order
    from charrnn.interpret.units import interest

    if sort is None or sort == Sort.address:
        return list(units)
    values = np.stack([recording.arrays[u.what][:, u.layer, u.index] for u in units], axis=1)
    if sort == Sort.similarity:
        return [units[k] for k in similarity_order(values)]
    scores = interest(values[:, None])[0]
    return [units[k] for k in np.argsort(-scores, kind="stable")]
