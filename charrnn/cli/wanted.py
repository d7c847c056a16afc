"""What `charrnn visualize` is to show of a recording: units by their addresses, one by one or as heat maps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.visualize_options import Sort
from charrnn.errors import UsageError

if TYPE_CHECKING:
    from charrnn.analysis.units import Network, Unit
    from charrnn.recording import Recording
    from charrnn.render.heatmap import HeatMap


@dataclass(frozen=True)
class Wanted:
    """What is to be shown of a recording."""

    named: "list[tuple[str, tuple[Unit, ...]]]"
    """The addresses that were given, and the units that they mean."""
    all_of: str
    """The state or gate among whose units the interesting ones are chosen, or an empty string."""
    predictions: int
    sort: Sort | None
    surprisal: bool

    @property
    def units(self) -> "list[Unit]":
        """Those that were named, each once."""
        return list(dict.fromkeys(unit for _, units in self.named for unit in units))

    @property
    def arrays(self) -> set[str]:
        """The states and gates that have to be recorded."""
        return {unit.what for unit in self.units} | ({self.all_of} - {""})


def find_wanted(
    network: "Network",
    addresses: list[str] | None,
    what: str | None,
    predictions: int,
    sort: Sort | None,
    *,
    surprisal: bool,
) -> Wanted:
    """What the options mean for a network.

    Raises:
        UsageError: it has no such units, or an option has nothing to act on.
    """
    from charrnn.analysis.units import parse_units, require_array

    letter = what or network.cell.output
    require_array(letter, network)
    named = [(address, parse_units(address, network)) for address in addresses or ()]
    maps = [address for address, _ in named if is_range(address)]
    if sort and not maps:
        raise UsageError("--sort is for heat maps", "name several units: --unit 'L0.c.*'")
    if predictions and maps and len(maps) == len(named) and not surprisal:
        raise UsageError(
            "the guesses stand under a text that is coloured by one unit", "add --unit L0.h.0"
        )
    all_of = letter if what or not (named or surprisal) else ""
    return Wanted(named, all_of, predictions, sort, surprisal)


def is_range(address: str) -> bool:
    """Whether an address may mean several units, which are shown as a heat map."""
    return "*" in address or "-" in address


def heat_maps(recording: "Recording", wanted: Wanted) -> Iterator["HeatMap"]:
    """The heat maps that are wanted, in the order of their addresses."""
    from charrnn.render.heatmap import heat_map

    for address, units in wanted.named:
        if is_range(address):
            note = f", sorted by {wanted.sort}" if wanted.sort else ""
            yield heat_map(recording, address, _sorted(recording, units, wanted.sort), note)


def _sorted(recording: "Recording", units: "tuple[Unit, ...]", sort: Sort | None) -> "list[Unit]":
    """The units of a heat map in their order."""
    import numpy as np

    from charrnn.analysis.ordering import similarity_order
    from charrnn.analysis.units import interest

    if sort is None or sort == Sort.address:
        return list(units)
    values = np.stack([recording.arrays[u.what][:, u.layer, u.index] for u in units], axis=1)
    if sort == Sort.similarity:
        return [units[k] for k in similarity_order(values)]
    scores = interest(values[:, None])[0]
    return [units[k] for k in np.argsort(-scores, kind="stable")]
