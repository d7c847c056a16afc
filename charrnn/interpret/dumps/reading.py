"""Reading a dump back into a Recording, without the model.

Nothing in the file is trusted: it may be damaged, or come from another program.
"""

import contextlib
import errno
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from charrnn.errors import DataError, UsageError
from charrnn.interpret.dumps.arrays import SAFETENSORS_TYPES
from charrnn.interpret.dumps.header import Array, Header, Spec, headers_in
from charrnn.interpret.recording import Recording
from charrnn.interpret.units import Unit
from charrnn.schema import strict_json
from charrnn.text.pairs import END

DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, OverflowError),
)
"""The errors that NumPy, zipfile and safetensors raise when a file is not what it seems."""
READABLE = (".npz", ".safetensors")
"""The endings of the files that can be read back."""
MOST_SYMBOLS = 16
"""Symbols of a character, at most: four bytes, or as often as an encoder reads it."""
NOUNS = {"": "one text", "source": "sources", "target": "targets"}
"""What the sides of a dump are called."""
LONGEST_HEADER = 1 << 28
"""Maximum size of a header in bytes."""
BLOCK = 1 << 24
"""The bytes of an array that are compared with its checksum at a time."""
NAMES_1 = {"surprisal": "bits", "header": "facts"}
"""The names of version 1 of the format, where they differ."""


class _Arrays(Protocol):
    """A file of arrays."""

    def header(self) -> str:
        """The header as JSON."""

    def first(self, name: str, spec: Spec, count: int) -> Array:
        """The first `count` rows of an array, which must have the type and shape of `spec`."""


def sides_in(path: Path) -> tuple[str, ...]:
    """The texts of a dump: "source" and "target", or one of them, of a model of pairs; else "" alone.

    Raises:
        DataError: the file is not a dump, or is damaged.
    """
    with _opened(path) as file:
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
        with _opened(path) as file:
            headers = headers_in(file.header())
        if side not in headers:
            has = " and ".join(NOUNS[own] for own in headers)
            raise UsageError(f"{path} has {has}, not {NOUNS.get(side, side)}")
        self.header = headers[side]
        self.network = self.header.network

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
        with _opened(self.path) as file:
            rows = _Rows(file, header, self._prefix)
            offsets, num_characters = rows.extent(characters)
            count = len(offsets)
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
            has = f"{addresses[0]} to {addresses[-1]}"
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


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Arrays]:
    """The open file; whatever is wrong with it is a DataError of one line."""
    from safetensors import SafetensorError

    try:
        _require_end(path)
        if path.suffix == ".safetensors":
            yield _Safetensors(path)
        else:
            with zipfile.ZipFile(path) as archive:
                yield _Npz(archive)
    except DataError as error:
        raise DataError(f"cannot show {path}: {error.message}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (*DAMAGE, SafetensorError) as error:
        raise DataError(
            f"cannot show {path}: it is damaged, or not a dump that charrnn made"
        ) from error


def _require_end(path: Path) -> None:
    """Raise OSError if a path is a device or a pipe: it may never end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is not a regular file")


class _Rows:
    """The first rows of the arrays of an open dump."""

    def __init__(self, file: _Arrays, header: Header, prefix: str) -> None:
        self._file, self._header, self._specs = file, header, header.specs()
        self._prefix = prefix
        self._names = NAMES_1 if header.version == 1 else {}

    def first(self, name: str, count: int) -> Array:
        """The first `count` rows of an array."""
        named = self._prefix + self._names.get(name, name)
        return self._file.first(named, self._specs[name], count)

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


class _Npz:
    """The arrays of an open .npz file."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def header(self) -> str:
        """See `_Arrays`."""
        members = self._archive.namelist()
        name = "header" if "header.npy" in members else NAMES_1["header"]
        return self._member(name, None, ()).tobytes().decode("utf-32-le")

    def first(self, name: str, spec: Spec, count: int) -> Array:
        """See `_Arrays`."""
        if not name.endswith("text"):
            return self._member(name, spec, (count, *spec.shape[1:]))
        string = Spec(np.dtype(f"<U{spec.shape[0]}"), ())
        return self._member(name, string, (count,), spec.dtype)

    def _member(
        self, name: str, spec: Spec | None, shape: tuple[int, ...], dtype: Any = None
    ) -> Array:
        """The beginning of a member as an array of `shape`. The member must be as `spec` says; None means a string."""
        with self._archive.open(f"{name}.npy") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("a NumPy header of another version")
            actual_shape, is_fortran, actual_dtype = np.lib.format.read_array_header_1_0(file)
            if spec is None:
                is_text = actual_dtype.kind == "U" and not actual_shape
                if not is_text or actual_dtype.itemsize > LONGEST_HEADER:
                    raise ValueError("no header")
            elif is_fortran or (actual_dtype, actual_shape) != spec:
                raise ValueError("another type or shape")
            dtype = actual_dtype if dtype is None else dtype
            size = int(np.prod(shape)) * dtype.itemsize
            data = file.read(size)
            while file.read(1 << 20):  # zipfile compares the checksum at the end
                pass
        if len(data) != size:
            raise ValueError("too short")
        return np.frombuffer(data, dtype).reshape(shape)


class _Safetensors:
    """The arrays of a .safetensors file."""

    def __init__(self, path: Path) -> None:
        from safetensors import safe_open

        path.open("rb").close()  # safetensors' own error has no reason
        opened: Any = safe_open
        self._file = opened(path, framework="numpy")
        self._metadata: dict[str, str] = dict(self._file.metadata() or {})
        self._checksums: dict[str, str] | None = None
        if "crc32" in self._metadata:  # earlier dumps have none
            self._checksums = strict_json(self._metadata["crc32"])

    def header(self) -> str:
        """See `_Arrays`."""
        name = "header" if "header" in self._metadata else NAMES_1["header"]
        text = self._metadata[name]
        self._compare("header", [text.encode()])
        if self._checksums is None and '"has_checksums": true' in text:
            raise ValueError("its checksums are missing")
        return text

    def _compare(self, name: str, parts: Iterable[Any]) -> None:
        """Raise ValueError unless the checksum of something is that of its parts."""
        if self._checksums is None:
            return
        crc = 0
        for part in parts:
            crc = zlib.crc32(part, crc)
        if self._checksums[name] != f"{crc:08x}":
            raise ValueError("another checksum")

    def first(self, name: str, spec: Spec, count: int) -> Array:
        """See `_Arrays`."""
        rows = self._file.get_slice(name)
        if (rows.get_dtype(), tuple(rows.get_shape())) != (
            SAFETENSORS_TYPES[spec.dtype.str],
            spec.shape,
        ):
            raise ValueError("another type or shape")
        num_rows = spec.shape[0]
        step = max(1, BLOCK * num_rows // max(1, spec.num_bytes))
        blocks = (rows[k : min(k + step, num_rows)] for k in range(0, num_rows, step))
        self._compare(name, map(np.ascontiguousarray, blocks))
        array: Array = rows[:count]
        return array


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
