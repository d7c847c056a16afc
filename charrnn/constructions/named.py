"""The networks that are set by hand, by name."""

from collections.abc import Callable

from charrnn.constructions.base import Construction
from charrnn.constructions.brackets import brackets
from charrnn.constructions.counter import counter
from charrnn.constructions.parity import parity
from charrnn.constructions.shift_register import shift_register

NAMED: dict[str, Callable[[], Construction]] = {
    "counter": counter,
    "brackets": brackets,
    "parity": parity,
    "shift-register": shift_register,
}
