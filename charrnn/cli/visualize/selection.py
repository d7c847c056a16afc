"""What `charrnn visualize` shows of a text: units by their addresses, one by one or as heat maps, and surprisal."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from charrnn.cli.edits import EditOptions
from charrnn.config import MAX_SYMBOLS, SHOWN
from charrnn.errors import SettingError
from charrnn.settings import Config, setting, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.dumps.reading import Dump
    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.recording import Recording
    from charrnn.interpret.units import Architecture, Unit
    from charrnn.render.views.heatmap import HeatMap

ALL = "all"
"""The word for as many predictions as there are symbols."""
INTERESTING = 3
"""Units of a dump of a few units that are shown if none is named."""

Sort = Literal["address", "similarity", "interest"]
"""The order of the rows of a heat map."""


@dataclass(frozen=True, kw_only=True)
class ViewOptions(Config):
    """What is shown of a text."""

    unit: tuple[str, ...] = setting(
        (),
        "Color the text by this unit, such as L0.c.37, or by its name, such as 'inside a string' (see charrnn units). "
        "Several, such as L0.c.0-15 or L*.f.*, are shown as a heat map. May be repeated.",
        metavar="UNIT",
        panel=SHOWN,
    )
    what: str | None = setting(
        None,
        "Choose the most interesting units of this state or gate of the cell: h c i f g o in an LSTM.",
        default_text="the memory: c where the cell has one, otherwise h",
        metavar="ARRAY",
        panel=SHOWN,
    )
    top: int | None = setting(
        None,
        "Show this many units, the best last: those with names, or else the most interesting ones.",
        low=1,
        high=100,
        metavar="N",
        default_text="1",
        excludes=("unit",),
        panel=SHOWN,
    )
    surprisal: bool = setting(
        False,
        "Color the text by the surprisal of each character, and show it below in bits; + stands for 10 or more.",
        panel=SHOWN,
    )
    predictions: int | None = setting(
        None,
        "Below each character, show the K most likely next characters, or all of them.",
        low=1,
        high=MAX_SYMBOLS,
        metavar="K|all",
        panel=SHOWN,
    )
    percent: bool = setting(
        False,
        "Show the probability of each of the {predictions}, in percent.",
        needs=("predictions",),
        panel=SHOWN,
    )
    sort: Sort | None = setting(
        None,
        "Order of the rows of a heat map: by address, by similarity (correlated units next to each other), or by "
        "interest (the most interesting first).",
        choices=get_args(Sort),
        metavar="ORDER",
        default_text="address",
        panel=SHOWN,
    )
    scale: Literal["all", "unit"] | None = setting(
        None,
        "Scale of the rows of a heat map: one for all, or one for each unit, so that one large unit does not wash the "
        "others out.",
        choices=("all", "unit"),
        default_text="all",
        panel=SHOWN,
    )
    diagram: bool = setting(
        False,
        "Draw the complete network, if it is small: input, hidden units, and the probabilities of the next character.",
        allows=(
            *("predictions", "max_chars", "svg", "png", "color", "width", "palette", "seed"),
            *settings_of(EditOptions),
        ),
        panel=SHOWN,
    )


Units = tuple["Unit", ...]


@dataclass(frozen=True)
class View:
    """What is shown of a text, in terms of one network."""

    named: "tuple[tuple[str, Units], ...]" = ()
    """The addresses that were given, and their units."""
    what: str | None = None
    """The state or gate among which interesting units are chosen, if one was named."""
    surprisal: bool = False
    predictions: int = 0
    percent: bool = False
    sort: Sort | None = None
    scale: Literal["all", "unit"] = "all"
    top: int | None = None
    """The number of interesting units that are shown, beside those that were named; None: one if nothing was named."""
    names: "tuple[NamedUnit, ...]" = ()
    """The names of the network's units."""

    @property
    def units(self) -> "Units":
        """The units that color the text, one after the other."""
        return tuple(units[0] for address, units in self.named if not is_range(address))

    @property
    def maps(self) -> "tuple[tuple[str, Units], ...]":
        """Addresses of several units, each of them a heat map."""
        return tuple(pair for pair in self.named if is_range(pair[0]))

    @property
    def all_units(self) -> "list[Unit]":
        """The units that were named, each once."""
        return list(dict.fromkeys(unit for _, units in self.named for unit in units))

    def choose_among(self, memory: str) -> str | None:
        """The state or gate whose most interesting units are shown, if any are.

        Args:
            memory: the state in which the cell remembers.
        """
        if self.what or self.top:
            return self.what or memory
        return None if self.all_units or self.surprisal else memory

    def arrays(self, memory: str) -> set[str]:
        """The states and gates that are needed.

        Args:
            memory: the state in which the cell remembers.
        """
        letter = self.choose_among(memory)
        return {unit.what for unit in self.all_units} | ({letter} if letter else set())


def number_or_all(text: str) -> int:
    """A number of predictions; "all" stands for as many as there can be.

    Raises:
        SettingError: it is neither.
    """
    if text.casefold() == ALL:
        return MAX_SYMBOLS
    try:
        return int(text)
    except ValueError:
        raise SettingError.naming(
            "{predictions} must be a whole number or {all}, not {found!r}", all=ALL, found=text
        ) from None


def by_names(view: ViewOptions, names: "Sequence[NamedUnit]", shows: bool = True) -> ViewOptions:
    """The options with addresses in place of units' names; if they name nothing, the units with the best names.

    Args:
        view: the options.
        names: the names of a model's units, the best first.
        shows: whether something is to be shown if nothing is named.

    Raises:
        UsageError: no unit has such a name, or several have.
    """
    from charrnn.interpret.names import address_of, best_units

    if names and shows and not (view.unit or view.what or view.surprisal or view.diagram):
        best = best_units(names, view.top or 1)
        return replace(view, unit=tuple(reversed(best)), top=None)
    return replace(view, unit=tuple(address_of(unit, names) for unit in view.unit))


def select(network: "Architecture", view: ViewOptions, names: "Sequence[NamedUnit]" = ()) -> View:
    """Resolve the options for a network.

    Args:
        network: the network.
        view: the options, with addresses.
        names: the names of its units.

    Raises:
        UsageError: it has no such units, or an option has nothing to act on.
    """
    from charrnn.interpret.units import parse_units, require_array

    if view.what is not None:
        require_array(view.what, network)
    named = tuple((address, parse_units(address, network)) for address in view.unit)
    predictions, scale = view.predictions or 0, view.scale or "all"
    chosen = View(
        named,
        view.what,
        view.surprisal,
        predictions,
        view.percent,
        view.sort,
        scale,
        view.top,
        tuple(names),
    )
    for name in ("sort", "scale"):
        if getattr(view, name) and not chosen.maps:
            raise SettingError.naming(
                f"{{{name}}} only applies to heat maps", "name several units: {unit} 'L0.c.*'"
            )
    if predictions and chosen.maps and not (chosen.units or chosen.surprisal):
        raise SettingError.naming(
            "{predictions} only applies to a text colored by one unit", "add {unit} L0.h.0"
        )
    return chosen


def filled(chosen: View, asked: ViewOptions) -> View:
    """A selection with the most interesting units beside those with names, if more are asked for than have names."""
    if asked.top is None:
        return chosen
    return replace(chosen, top=max(0, asked.top - len(chosen.units)) or None)


def available(view: ViewOptions, dump: "Dump") -> ViewOptions:
    """The options for a dump: if they name nothing, something that the dump has."""
    header = dump.header
    if view.unit or view.what or view.surprisal or not header.arrays:
        return view
    if header.units is not None:
        shown = header.units[: view.top or INTERESTING]
        return replace(view, unit=tuple(map(str, shown)), top=None)
    return replace(view, what=header.memory)


def has_unit(dump: "Dump", address: str) -> bool:
    """Whether a dump has the values of the unit at an address."""
    header = dump.header
    if header.units is not None:
        return address in map(str, header.units)
    return address.split(".")[1] in header.arrays


def is_range(address: str) -> bool:
    """Whether an address may mean several units, which are shown as a heat map."""
    return "*" in address or "-" in address


# --- heat maps ------------------------------------------------------------------------------------


def heat_maps(recording: "Recording", chosen: View, where: str = "") -> "list[HeatMap]":
    """The heat maps of a selection, in the order of their addresses.

    Args:
        recording: the recording of a text.
        chosen: what is shown.
        where: what part of the text the recording is of; empty if it is all.
    """
    from charrnn.render.views.heatmap import heat_map

    note = f", sorted by {chosen.sort}" if chosen.sort else ""
    return [
        heat_map(
            recording,
            address,
            _sorted(recording, units, chosen.sort),
            note,
            where,
            chosen.scale,
            _called(units, chosen.names),
        )
        for address, units in chosen.maps
    ]


def _called(units: "Sequence[Unit]", names: "Sequence[NamedUnit]") -> list[str]:
    """The addresses of the units that have names, with these, the best first."""
    own = {*map(str, units)}
    return [f"{named.unit}: {named}" for named in names if named.unit in own]


def _sorted(recording: "Recording", units: "Sequence[Unit]", sort: Sort | None) -> "list[Unit]":
    """The units of a heat map in their order."""
    import numpy as np

    from charrnn.interpret.ordering import similarity_order
    from charrnn.interpret.units import interest

    if sort in (None, "address"):
        return list(units)
    values = np.stack([recording.arrays[u.what][:, u.layer, u.index] for u in units], axis=1)
    if sort == "similarity":
        return [units[k] for k in similarity_order(values)]
    scores = interest(values[:, None])[0]
    return [units[k] for k in np.argsort(-scores, kind="stable")]
