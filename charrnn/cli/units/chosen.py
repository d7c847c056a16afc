"""The text that `charrnn units` reads, and the units that it is given."""

from typing import TYPE_CHECKING

from charrnn.cli.reading import Reader
from charrnn.cli.unit_names import unit_names
from charrnn.errors import UsageError

if TYPE_CHECKING:
    from charrnn.interpret.units import Unit

MOST_READ = 200_000
"""Characters of the model's own validation text that are read."""
MOST_FOR_CARD = 50_000
"""Characters of any text that are read for a card: one after the other, for the gates of every unit."""
GENERATED = 20_000
"""Characters that the model generates if no text is at hand."""


def text_of(reader: Reader, most: int | None) -> str:
    """The text that is read: what was given, or else the model's own validation text."""
    from charrnn.cli.own_text import own_text

    if reader.names:
        return reader.text(most)
    lengths = {"held_out": most or MOST_READ, "generated": GENERATED}
    return own_text(reader.loaded, reader.model, most=most, **lengths).text


def item_end_of(reader: Reader) -> int | None:
    """The symbol at which the state is reset."""
    end = reader.item_end
    return None if end is None else int(reader.model.vocabulary.encode(end)[0])


def units_at(reader: Reader, address: str) -> "tuple[Unit, ...]":
    """The units of states that a name or an address means."""
    from charrnn.interpret.names import address_of
    from charrnn.interpret.units import parse_units

    units = parse_units(address_of(address, unit_names(reader.loaded)), reader.model)
    if units[0].what not in reader.model.cell.states:
        raise UsageError(f"{address} is a gate, not a state", "name a unit of a state")
    return units
