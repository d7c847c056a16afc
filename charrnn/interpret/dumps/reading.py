"""Reading a dump back into a Recording, without the model.

Nothing in the file is trusted: it may be damaged, or come from another program.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from charrnn.errors import DataError, UsageError
from charrnn.interpret.dumps.files import NAMES_1, Arrays, opened
from charrnn.interpret.dumps.header import Array, Header, headers_in
from charrnn.interpret.recording import Recording
from charrnn.interpret.units import Unit
from charrnn.text.pairs import END
from charrnn.text.sources import expansion_limit

READABLE = (".npz", ".safetensors")
"""The endings of the files that can be read back."""
MOST_SYMBOLS = 16
"""Symbols of a character, at most: four bytes, or as often as an encoder reads it."""
NOUNS = {"": "one text", "source": "sources", "target": "targets"}
"""What the sides of a dump are called."""


def sides_in(path: Path) -> tuple[str, ...]:
    """The texts of a dump: "source" and "target", or one of them, of a model of pairs; else "" alone.

    Raises:
        DataError: the file is not a dump, or is damaged.
    """
    with opened(path) as file:
        return tuple(headers_in(file.header()))


class Dump:
    """A dump that can be shown without its model.

    Args:
        path: a .npz or .safetensors file that `charrnn.interpret.dumps.writing` wrote.
        side: which text, of a dump of pairs: "source" or "target".

    Raises:
        DataError: the file is not a dump, or is damaged.
        UsageError: it has no such text.
    """

    def __init__(self, path: Path, side: str = "") -> None:
        self.path, self._prefix = path, f"{side}_" if side else ""
        with opened(path) as file:
            headers = headers_in(file.header())
            if side in headers:
                _Rows(file, headers[side], self._prefix).require()
        if side not in headers:
            has = " and ".join(NOUNS[own] for own in headers)
            raise UsageError(f"{path} has {has}, not {NOUNS.get(side, side)}")
        self.header = headers[side]
        self.network = self.header.network

    def states_size(self, keep: Collection[str], count: int) -> int:
        """The bytes that states and gates take in memory at the first `count` positions.

        Args:
            keep: their letters.
            count: the positions.

        Raises:
            DataError: chosen units lie in a network so large that these are far more than the file.
        """
        header = self.header
        letters = [letter for letter in header.arrays if letter in keep]
        need = 4 * count * len(letters) * header.layers * header.hidden_size
        limit = expansion_limit(self.path.stat().st_size)
        if header.units is not None and need > limit:
            raise DataError(
                f"cannot show {self.path}: its units are some of {header.layers:,} x {header.hidden_size:,}, "
                f"whose states would take more than {limit:,} bytes",
                "read fewer characters",
            )
        return need

    def read(
        self, *, keep: Collection[str] = (), top: int = 0, characters: int | None = None
    ) -> Recording:
        """The recording, or its beginning.

        Args:
            keep: the states and gates to read. Units of these that were not dumped are NaN.
            top: how many guesses to read at each position, at most as many as were dumped.
            characters: read the symbols that begin before this many characters; None reads all.

        Raises:
            DataError: the file is damaged.
        """
        header = self.header
        with opened(self.path) as file:
            offsets, num_characters = _Rows(file, header, self._prefix).extent(characters)
        count = len(offsets)
        self.states_size(keep, count)
        with opened(self.path) as file:
            rows = _Rows(file, header, self._prefix)
            text = rows.first("text", num_characters).tobytes().decode("utf-32-le")
            ends = header.source.is_encoder  # the end of a source is no symbol, but ends its line
            pieces = tuple(_pieces(text, offsets.tolist(), header.source.level, with_ends=ends))
            next_ids, next_probabilities = rows.guesses(count)
            return Recording(
                text="".join(pieces),
                ids=_within(rows.first("ids", count), len(header.symbols)),
                pieces=pieces,
                surprisal=rows.first("surprisal", count),
                arrays=rows.arrays(keep, count),
                next_ids=next_ids[:, :top],
                next_probabilities=next_probabilities[:, :top],
                next_text=header.symbols,
                source=header.source,
                start=header.start,
                start_char=header.start_char,
                following=header.following if count == header.length else None,
                attention=rows.first("attention", count) if header.places else None,
            )

    def require(self, what: str, units: Sequence[Unit] = (), top: int = 0) -> None:
        """Raise UsageError unless the dump has these arrays, units and guesses.

        Args:
            what: a state or gate of which all units are needed, or an empty string.
            units: single units.
            top: guesses at each position; more than there are symbols stand for all of them.
        """
        header = self.header
        top = min(top, len(header.symbols))
        addresses = header.addresses
        if header.units is not None:
            has = " to ".join(dict.fromkeys((str(addresses[0]), str(addresses[-1]))))
            missing = [unit for unit in units if unit not in header.units]
            if what:
                raise UsageError(f"{self.path} has only the chosen units: {has}")
        else:
            has = " ".join(header.arrays)
            missing = [unit for unit in units if unit.what not in header.arrays]
            if what and what not in header.arrays:
                raise UsageError(f"{self.path} has no {what}; it has {has}")
        if missing:
            raise UsageError(f"{self.path} has no unit {missing[0]}; it has {has}")
        if top > header.predictions:
            count = header.predictions
            known = "1 prediction" if count == 1 else f"{count or 'no'} predictions"
            raise UsageError(
                f"{self.path} has {known} per position, not {top}",
                "write the dump again with that many predictions",
            )


class _Rows:
    """The first rows of the arrays of an open dump."""

    def __init__(self, file: Arrays, header: Header, prefix: str) -> None:
        self._file, self._header, self._specs = file, header, header.specs()
        self._prefix = prefix
        self._names = NAMES_1 if header.version == 1 else {}

    def require(self) -> None:
        """Raise one of DAMAGE unless the arrays are those of the header."""
        for name, spec in self._specs.items():
            self._file.require(self._named(name), spec)

    def first(self, name: str, count: int) -> Array:
        """The first `count` rows of an array."""
        return self._file.first(self._named(name), self._specs[name], count)

    def _named(self, name: str) -> str:
        return self._prefix + self._names.get(name, name)

    def extent(self, characters: int | None) -> tuple[Array, int]:
        """The offset of each symbol to read, and the number of characters up to the end of the last."""
        header = self._header
        if characters is None or characters >= header.characters:
            return self.first("offsets", header.length) - header.start_char, header.characters
        few = min(header.length, MOST_SYMBOLS * characters + 1)
        offsets = self.first("offsets", few) - header.start_char
        count = int(np.searchsorted(offsets, characters))
        return offsets[:count], int(offsets[count]) if count < few else header.characters

    def guesses(self, count: int) -> tuple[Array, Array]:
        """The ids and probabilities of the guesses at the first `count` positions, (T, K) each."""
        if not self._header.predictions:
            return np.empty((count, 0), np.int32), np.empty((count, 0), np.float32)
        ids = _within(self.first("next_ids", count), len(self._header.symbols))
        return ids, self.first("next_probabilities", count)

    def arrays(self, keep: Collection[str], count: int) -> dict[str, Array]:
        """The states and gates at the first `count` positions, (T, L, H) each; NaN where a unit was not dumped."""
        header = self._header
        letters = [letter for letter in header.arrays if letter in keep]
        if header.units is None:
            return {letter: self.first(letter, count) for letter in letters}
        shape = (count, header.layers, header.hidden_size)
        arrays = {letter: np.full(shape, np.nan, np.float32) for letter in letters}
        if letters:
            for unit, column in zip(header.units, self.first("values", count).T, strict=True):
                if unit.what in arrays:
                    arrays[unit.what][:, unit.layer, unit.index] = column
        return arrays


def _within(ids: Array, count: int) -> Array:
    """The ids, if all are from 0 to `count` - 1."""
    if ids.size and not 0 <= ids.min() <= ids.max() < count:
        raise ValueError("an id that no symbol has")
    return ids


def _pieces(
    text: str, offsets: Sequence[int], level: str, *, with_ends: bool = False
) -> Iterator[str]:
    """The characters that each symbol adds to a text, from the offset of each symbol.

    At level char it is one for each; between them are those that the model does not know.

    Args:
        text: the text.
        offsets: (T,) the characters before each symbol; those of an encoder that reads each several times are equal.
        level: the kind of the symbols.
        with_ends: whether the last symbol of a line has its end too, of which the model knows nothing.
    """
    ends = (*offsets[1:], len(text))
    for start, end in zip(offsets, ends, strict=True):
        if not 0 <= start <= end or (
            level == "char" and start == (len(text) if with_ends else end)
        ):
            raise ValueError("offsets that fall")
        if level == "byte":
            yield text[start:end]
        else:
            yield text[start] + (END if with_ends and END in text[start + 1 : end] else "")
