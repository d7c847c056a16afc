"""What a dump holds and says of itself, whatever its format.

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
from charrnn.interpret.recording import Recording, Source
from charrnn.interpret.units import Unit, parse_unit
from charrnn.network.cells import get_cell
from charrnn.network.cells.base import Cell

FORMAT, VERSION = "charrnn recording", 2
READABLE = (1, VERSION)
"""The versions of the format that can be read. In version 1 the array `surprisal` was called `bits`."""
NONSENSE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What JSON that we did not write may raise."""
Array = npt.NDArray[Any]


class Network(NamedTuple):
    """The shape of the model that was recorded: what an address is checked against."""

    config: ModelConfig
    cell: Cell


class Spec(NamedTuple):
    """The type and shape of an array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """What it takes."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a dump holds."""

    source: Source
    symbols: tuple[str, ...]
    """(V,) how each symbol is shown."""
    length: int
    """T, the symbols of the text."""
    characters: int
    layers: int
    """L, or 0 where no array was recorded."""
    hidden_size: int
    arrays: tuple[str, ...]
    """The letters of the states and gates of which it has something."""
    units: tuple[Unit, ...] | None
    """The units that were chosen; None: all of `arrays`."""
    predictions: int
    """K, the guesses at each position."""
    start: int = 0
    start_char: int = 0
    following: int | None = None
    version: int = VERSION
    """The version of the format."""

    @classmethod
    def of(
        cls, first: Recording, length: int, characters: int, units: Sequence[Unit] | None
    ) -> "Facts":
        """The facts of a dump whose first part is there.

        Args:
            first: the part.
            length: the symbols of all parts.
            characters: their characters.
            units: those that are to be dumped; None: everything that was recorded.
        """
        _, layers, hidden_size = next((a.shape for a in first.arrays.values()), (0, 0, 0))
        return cls(
            source=first.source,
            symbols=first.next_text,
            length=length,
            characters=characters,
            layers=layers,
            hidden_size=hidden_size,
            arrays=tuple(first.arrays),
            units=None if units is None else tuple(units),
            predictions=first.next_ids.shape[1],
            start=first.start,
            start_char=first.start_char,
            following=first.following if len(first.ids) == length else None,
        )

    @property
    def memory(self) -> str:
        """The state or gate among which units are chosen: the cell's memory, or else one that was dumped."""
        preferred = (self.source.memory, *self.source.states, *self.arrays)
        return next((letter for letter in preferred if letter in self.arrays), self.source.memory)

    @property
    def network(self) -> Network:
        """The shape of the model.

        Raises:
            CharrnnError: there is no such cell, or no such shape.
        """
        config = ModelConfig(
            cell=self.source.cell,
            vocab_size=len(self.symbols),
            hidden_size=max(1, self.hidden_size),
            num_layers=max(1, self.layers),
        )
        return Network(config, get_cell(self.source.cell))

    @property
    def addresses(self) -> list[str]:
        """The names of the columns of `table`."""
        if self.units is not None:
            return [str(unit) for unit in self.units]
        layers, units = range(self.layers), range(self.hidden_size)
        return [f"L{layer}.{a}.{k}" for a in self.arrays for layer in layers for k in units]

    def table(self, part: Recording) -> npt.NDArray[np.float32]:
        """The units of a part, a column each: (T, n)."""
        length = len(part.ids)
        if self.units is None:
            columns = [part.arrays[a].reshape(length, -1) for a in self.arrays]
        else:
            columns = [part.arrays[u.what][:, u.layer, u.index, None] for u in self.units]
        return np.concatenate([np.empty((length, 0), np.float32), *columns], axis=1)

    def specs(self) -> dict[str, Spec]:
        """The arrays of a dump that consists of arrays; the text is one of code points."""
        T, K, number = self.length, self.predictions, np.dtype("<f4")
        found = {
            "offsets": Spec(np.dtype("<i8"), (T,)),
            "ids": Spec(np.dtype("<i4"), (T,)),
            "surprisal": Spec(number, (T,)),
        }
        if self.units is None:
            found |= {a: Spec(number, (T, self.layers, self.hidden_size)) for a in self.arrays}
        else:
            found["values"] = Spec(number, (T, len(self.units)))
        if K:
            found["next_ids"] = Spec(np.dtype("<i4"), (T, K))
            found["next_probabilities"] = Spec(number, (T, K))
        # NumPy has no string without characters
        return found | {"text": Spec(np.dtype("<u4"), (max(1, self.characters),))}

    def parts_of(self, part: Recording) -> dict[str, Array]:
        """What a part adds to each of these arrays."""
        is_blank = not self.characters and part.start == self.start
        text = "\0" if is_blank else part.text
        found: dict[str, Array] = {
            "offsets": offsets(part),
            "ids": part.ids,
            "surprisal": part.surprisal,
            **(part.arrays if self.units is None else {"values": self.table(part)}),
            "text": np.frombuffer(text.encode("utf-32-le"), "<u4"),
        }
        if self.predictions:
            found |= {"next_ids": part.next_ids, "next_probabilities": part.next_probabilities}
        return found

    def to_json(self) -> str:
        """The facts as text."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        own |= {"source": dataclasses.asdict(self.source)}
        own |= {"units": None if self.units is None else [str(unit) for unit in self.units]}
        return json.dumps({"format": FORMAT, **own})

    @classmethod
    def from_json(cls, text: str) -> "Facts":
        """The facts that `to_json` wrote.

        Raises:
            DataError: it did not write this.
        """
        try:
            record = json.loads(text)
            if record.pop("format") != FORMAT:
                raise DataError("it is no recording")
            version = record["version"]
            if version not in READABLE:
                known = " and ".join(map(str, READABLE))
                raise DataError(f"its format has version {version}; this charrnn reads {known}")
            return _facts(cls, record)
        except (CharrnnError, *NONSENSE) as error:
            own = error.message if isinstance(error, CharrnnError) else "its facts make no sense"
            raise DataError(own) from error


def _facts(cls: type[Facts], record: Mapping[str, Any]) -> Facts:
    """The facts in a record that may be anything."""
    own = record["source"]
    states, gates, edits = (tuple(map(str, own[k])) for k in ("states", "gates", "edits"))
    fingerprint, cell, level = (str(own[k]) for k in ("fingerprint", "cell", "level"))
    source = Source(fingerprint, cell, states, gates, edits, level)
    sizes = ("length", "characters", "layers", "hidden_size", "predictions", "start", "start_char")
    following = record["following"]
    facts = cls(
        source=source,
        symbols=tuple(map(str, record["symbols"])),
        arrays=tuple(map(str, record["arrays"])),
        units=None,
        version=int(record["version"]),
        following=None if following is None else int(following),
        **{name: int(record[name]) for name in sizes},
    )
    if min(getattr(facts, name) for name in sizes) < 0 or not facts.length:
        raise ValueError("a size below 0")
    network = facts.network
    if (states, gates) != (network.cell.states, network.cell.gates):
        raise ValueError("states or gates that the cell has not")
    if not {*facts.arrays} <= {*network.cell.states, *network.cell.gates}:
        raise ValueError("an array that the cell has not")
    addresses = record["units"]
    if addresses is None:
        return facts
    units = tuple(parse_unit(str(address), network) for address in addresses)
    return dataclasses.replace(facts, units=units)


def offsets(part: Recording) -> npt.NDArray[np.int64]:
    """(T,) the characters of the whole text before each symbol of a part."""
    lengths = np.fromiter(map(len, part.pieces), np.int64, len(part.pieces))
    return np.cumsum(lengths) - lengths + part.start_char
