"""The header of a dump, in any format: its arrays and their sizes.

A dump has either whole states and gates, each an array (T, L, H) called by its letter, or chosen units, side by side in
one array (T, n) called `values`. In a table each unit is a column called by its address.

A dump of pairs has two texts, the sources and the targets, each with a header and arrays of its own: `source_ids`,
`target_ids` ...
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
from charrnn.interpret.units import Unit, array_names, mark_of, parse_unit
from charrnn.network.cells.base import Cell
from charrnn.numerics import Float
from charrnn.schema import IN_EVERY_DUMP, DumpedModel, DumpRecord, check_record, strict_json, tuples
from charrnn.settings import settings_of

FORMAT, VERSION = "charrnn recording", 3
PAIRS_VERSION = 4
"""The version of a dump of pairs, whose texts are each as in version 3."""
SIDES = ("source", "target")
"""The texts of a dump of pairs."""
READABLE_VERSIONS = (1, 2, VERSION)
"""The versions of the format that can be read, beside that of pairs.

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
    places: int = 0
    """S, the places of the longest source, for each of which `attention` has a weight; 0 without attention."""

    @classmethod
    def of(
        cls, first: Recording, size: Size, units: Sequence[Unit] | None, places: int = 0
    ) -> "Header":
        """The header of a dump, from the first part of what it will hold.

        Args:
            first: the first part.
            size: the size of all parts.
            units: the units to dump; None dumps everything that was recorded.
            places: see `places`.
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
            places=places,
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
            align="label" if self.source.is_encoder else None,
            bidirectional=len({*map(mark_of, self.source.states)}) > 1 or None,
        )
        return DumpedNetwork(config, self.source.kind)

    @property
    def addresses(self) -> list[str]:
        """The addresses of the dumped units, in the order of the columns of `table`."""
        if self.units is not None:
            return [str(unit) for unit in self.units]
        layers, units = range(self.layers), range(self.hidden_size)
        return [str(Unit(layer, a, k)) for a in self.arrays for layer in layers for k in units]

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
        if self.places:
            arrays["attention"] = Spec(number, (T, self.places))
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
        if self.places:
            assert own.attention is not None
            behind = self.places - own.attention.shape[1]
            rows["attention"] = np.pad(own.attention, ((0, 0), (0, behind)))
        return rows

    def to_json(self) -> str:
        """The header as JSON."""
        return json.dumps({"format": FORMAT, "has_checksums": True, **self.record()})

    def record(self) -> dict[str, Any]:
        """The header as it stands in JSON."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        own |= {"source": dataclasses.asdict(self.source)}
        own |= {"units": None if self.units is None else [str(unit) for unit in self.units]}
        if not self.places:
            del own["places"]
        return own

    @classmethod
    def from_json(cls, text: str) -> "Header":
        """The header in JSON that `to_json` wrote.

        Raises:
            DataError: the text is not a dump's header, or has an unknown version.
        """
        headers = headers_in(text)
        if "" not in headers:
            raise DataError("it is a dump of pairs, which has two texts")
        return headers[""]


def headers_json(headers: Mapping[str, Header]) -> str:
    """The header of a file in JSON.

    Args:
        headers: that of each text by its side, one of SIDES; of a language model that of "".
    """
    if "" in headers:
        return headers[""].to_json()
    sides = {side: header.record() for side, header in headers.items()}
    return json.dumps({"format": FORMAT, "has_checksums": True, "version": PAIRS_VERSION, **sides})


def headers_in(text: str) -> dict[str, Header]:
    """The header of each text of a file, by its side, from JSON that `headers_json` wrote.

    Raises:
        DataError: the text is not a dump's header, or has an unknown version.
    """
    try:
        record = strict_json(text)
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise DataError("it is not a recording")
        if record.get("version") != PAIRS_VERSION:
            return {"": _parsed(record)}
        return _sides(record)
    except (CharrnnError, ValueError, RecursionError) as error:
        own = error.message if isinstance(error, CharrnnError) else "its header is malformed"
        raise DataError(own) from error


def _sides(record: Mapping[str, Any]) -> dict[str, Header]:
    headers = {side: _parsed(record[side]) for side in SIDES if side in record}
    is_encoder = {side: header.source.is_encoder for side, header in headers.items()}
    if not headers or is_encoder != {side: side == "source" for side in headers}:
        raise DataError("its texts are not those of pairs")
    return headers


def _parsed(record: object) -> Header:
    """The header in a JSON object.

    Raises:
        CharrnnError: it is malformed, or of a version that cannot be read.
    """
    version = record.get("version") if isinstance(record, dict) else None
    if not isinstance(record, dict) or type(version) is not int or version not in READABLE_VERSIONS:
        known = " and ".join(map(str, (*READABLE_VERSIONS, PAIRS_VERSION)))
        raise DataError(f"its format has version {version!r:.40}; this charrnn reads {known}")
    added = ("items",) if version >= 3 else ()
    check_record(DumpRecord, record, required=(*IN_EVERY_DUMP, *added))
    check_record(DumpedModel, record["source"], "source", required=settings_of(DumpedModel))
    source = RecordedModel(**{n: tuples(record["source"][n]) for n in settings_of(DumpedModel)})
    has_places = ("places",) if "places" in record else ()
    named = (*IN_EVERY_DUMP, *added, *has_places, "version")
    values: dict[str, Any] = {name: tuples(record[name]) for name in named}
    header = Header(**(values | {"source": source, "units": None}))
    if "items" in added and not header.items:
        raise DataError("its text has no items")
    network = header.network
    cell, config = network.cell, network.config
    states, gates = (array_names(letters, config) for letters in (cell.states, cell.gates))
    if (source.states, source.gates) != (states, gates):
        raise DataError("it has states or gates that its cell does not have")
    if not {*header.arrays} <= {*states, *gates}:
        raise DataError("it has an array that its cell does not have")
    if header.arrays and not (header.layers and header.hidden_size):
        raise DataError("its arrays have no units")
    if values["units"] is None:
        return header
    units = tuple(parse_unit(address, network) for address in values["units"])
    if not units or {unit.what for unit in units} != {*header.arrays}:
        raise DataError("its units are not those of its arrays")
    return dataclasses.replace(header, units=units)
