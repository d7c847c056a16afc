"""The header of a dump, in any format: its arrays and their sizes.

A dump has either whole states and gates, each an array (T, L, H) called by its letter, or chosen units, side by side in
one array (T, n) called `values`. In a table each unit is a column called by its address.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.errors import CharrnnError, DataError
from charrnn.interpret.dumps.places import Part, Size
from charrnn.interpret.recording import RecordedModel, Recording
from charrnn.interpret.units import Unit, parse_unit
from charrnn.network.cells import get_cell
from charrnn.network.cells.base import Cell
from charrnn.numerics import Float
from charrnn.schema import IN_EVERY_DUMP, DumpedModel, DumpRecord, check_record, strict_json, tuples
from charrnn.settings import settings_of

FORMAT, VERSION = "charrnn recording", 3
READABLE_VERSIONS = (1, 2, VERSION)
"""The versions of the format that can be read.

Version 1 called `surprisal` `bits`, and `header` `facts`. Up to version 2 there were no items, and the text lacked what
the model does not know.
"""
OF_ITEM = ("mean", "last")
"""What is dumped of the values of an item."""
Array = npt.NDArray[Any]


class DumpedNetwork(NamedTuple):
    """The shape of the model that was recorded, against which addresses of units are checked."""

    config: ModelConfig
    cell: Cell


class Spec(NamedTuple):
    """The type and shape of an array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """The size of the array in bytes."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


@dataclass(frozen=True, kw_only=True)
class Header:
    """The header of a dump: the model, the text's sizes, and the arrays."""

    source: RecordedModel
    symbols: tuple[str, ...]
    """(V,) how each symbol is shown."""
    length: int
    """T, the symbols of the text."""
    characters: int
    """The characters of the text as it was given."""
    layers: int
    """L, or 0 where no array was recorded."""
    hidden_size: int
    arrays: tuple[str, ...]
    """The letters of the states and gates that were dumped, whole or in part."""
    units: tuple[Unit, ...] | None
    """The units that were chosen; None means all units of `arrays`."""
    predictions: int
    """K, the guesses at each position."""
    items: int = 0
    """N, the items of the text; 0 if they were not recorded, as up to version 2."""
    start: int = 0
    """The symbols of the text before the dumped part."""
    start_char: int = 0
    """The characters of the text before the dumped part."""
    following: int | None = None
    """The symbol of the text that comes after the dumped part, if there is one."""
    version: int = VERSION
    """The version of the format."""

    @classmethod
    def of(cls, first: Recording, size: Size, units: Sequence[Unit] | None) -> "Header":
        """The header of a dump, from the first part of what it will hold.

        Args:
            first: the first part.
            size: the size of all parts.
            units: the units to dump; None dumps everything that was recorded.
        """
        _, layers, hidden_size = next((a.shape for a in first.arrays.values()), (0, 0, 0))
        return cls(
            source=first.source,
            symbols=first.next_text,
            length=size.length,
            characters=size.characters,
            items=size.items,
            layers=layers,
            hidden_size=hidden_size,
            arrays=tuple(first.arrays),
            units=None if units is None else tuple(units),
            predictions=first.next_ids.shape[1],
            start=first.start,
            start_char=first.start_char,
            following=first.following if len(first.ids) == size.length else None,
        )

    @property
    def memory(self) -> str:
        """The state or gate among which units are chosen: the cell's memory, or else one that was dumped."""
        preferred = (self.source.memory, *self.source.states, *self.arrays)
        return next((letter for letter in preferred if letter in self.arrays), self.source.memory)

    @property
    def network(self) -> DumpedNetwork:
        """The shape of the recorded model.

        Raises:
            CharrnnError: the cell is unknown, or the sizes are out of range.
        """
        config = ModelConfig(
            cell=self.source.cell,
            vocab_size=len(self.symbols),
            hidden_size=max(1, self.hidden_size),
            num_layers=max(1, self.layers),
        )
        return DumpedNetwork(config, get_cell(self.source.cell))

    @property
    def addresses(self) -> list[str]:
        """The addresses of the dumped units, in the order of the columns of `table`."""
        if self.units is not None:
            return [str(unit) for unit in self.units]
        layers, units = range(self.layers), range(self.hidden_size)
        return [f"L{layer}.{a}.{k}" for a in self.arrays for layer in layers for k in units]

    @property
    def value_arrays(self) -> tuple[str, ...]:
        """The names of the arrays of states and gates."""
        return self.arrays if self.units is None else ("values",)

    def table(self, part: Recording) -> Float:
        """The values of the dumped units in a part, (T, n), a column for each unit."""
        length = len(part.ids)
        if self.units is None:
            columns = [part.arrays[a].reshape(length, -1) for a in self.arrays]
        else:
            columns = [part.arrays[u.what][:, u.layer, u.index, None] for u in self.units]
        return np.concatenate([np.empty((length, 0), np.float32), *columns], axis=1)

    def specs(self) -> dict[str, Spec]:
        """The name, type and shape of each array of an array dump; the text is an array of code points."""
        T, K, number = self.length, self.predictions, np.dtype("<f4")
        arrays = {
            "offsets": Spec(np.dtype("<i8"), (T,)),
            "ids": Spec(np.dtype("<i4"), (T,)),
            "surprisal": Spec(number, (T,)),
        }
        whole, n = (self.layers, self.hidden_size), len(self.units or ())
        row = whole if self.units is None else (n,)
        arrays |= {name: Spec(number, (T, *row)) for name in self.value_arrays}
        if self.items:
            arrays["items"] = Spec(np.dtype("<i4"), (T,))
            for name in self.value_arrays:
                arrays |= {f"{what}_{name}": Spec(number, (self.items, *row)) for what in OF_ITEM}
        if K:
            arrays["next_ids"] = Spec(np.dtype("<i4"), (T, K))
            arrays["next_probabilities"] = Spec(number, (T, K))
        # NumPy has no string without characters
        return arrays | {"text": Spec(np.dtype("<u4"), (max(1, self.characters),))}

    def parts_of(self, part: Part) -> dict[str, Array]:
        """The rows that a part adds to each array of `specs`, but those of items."""
        own = part.recording
        is_blank = not self.characters and own.start == self.start
        rows: dict[str, Array] = {
            "offsets": part.offsets,
            "ids": own.ids,
            "surprisal": own.surprisal,
            "items": part.items,
            **(own.arrays if self.units is None else {"values": self.table(own)}),
            "text": np.zeros(1, "<u4") if is_blank else part.points,
        }
        if self.predictions:
            rows |= {"next_ids": own.next_ids, "next_probabilities": own.next_probabilities}
        return rows

    def to_json(self) -> str:
        """The header as JSON."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        own |= {"source": dataclasses.asdict(self.source)}
        own |= {"units": None if self.units is None else [str(unit) for unit in self.units]}
        return json.dumps({"format": FORMAT, "has_checksums": True, **own})

    @classmethod
    def from_json(cls, text: str) -> "Header":
        """The header in JSON that `to_json` wrote.

        Raises:
            DataError: the text is not a dump's header, or has an unknown version.
        """
        try:
            record = strict_json(text)
            if not isinstance(record, dict) or record.get("format") != FORMAT:
                raise DataError("it is not a recording")
            version = record.get("version")
            if type(version) is not int or version not in READABLE_VERSIONS:
                known = " and ".join(map(str, READABLE_VERSIONS))
                raise DataError(
                    f"its format has version {version!r:.40}; this charrnn reads {known}"
                )
            return _parsed(cls, record)
        except (CharrnnError, ValueError, RecursionError) as error:
            own = error.message if isinstance(error, CharrnnError) else "its header is malformed"
            raise DataError(own) from error


def _parsed(cls: type[Header], record: Mapping[str, Any]) -> Header:
    """The header in a JSON object of a version that can be read."""
    added = ("items",) if record["version"] >= 3 else ()
    check_record(DumpRecord, record, required=(*IN_EVERY_DUMP, *added))
    check_record(DumpedModel, record["source"], "source", required=settings_of(DumpedModel))
    source = RecordedModel(**{n: tuples(record["source"][n]) for n in settings_of(DumpedModel)})
    values: dict[str, Any] = {n: tuples(record[n]) for n in (*IN_EVERY_DUMP, *added, "version")}
    header = cls(**(values | {"source": source, "units": None}))
    if "items" in added and not header.items:
        raise DataError("its text has no items")
    network = header.network
    cell = network.cell
    if (source.states, source.gates) != (cell.states, cell.gates):
        raise DataError("it has states or gates that its cell does not have")
    if not {*header.arrays} <= {*cell.states, *cell.gates}:
        raise DataError("it has an array that its cell does not have")
    if header.arrays and not (header.layers and header.hidden_size):
        raise DataError("its arrays have no units")
    if values["units"] is None:
        return header
    units = tuple(parse_unit(address, network) for address in values["units"])
    if not units or {unit.what for unit in units} != {*header.arrays}:
        raise DataError("its units are not those of its arrays")
    return dataclasses.replace(header, units=units)
