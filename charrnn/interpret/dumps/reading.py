"""Reading a dump back: a Recording as it was when the model read, without the model.

Nothing in the file is trusted: it may be damaged, or made by somebody else.
"""

import contextlib
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from charrnn.errors import DataError, UsageError
from charrnn.interpret.dumps.arrays import SAFETENSORS_TYPES
from charrnn.interpret.dumps.header import Facts, Spec
from charrnn.interpret.recording import Recording
from charrnn.interpret.units import Unit

Array = npt.NDArray[Any]
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, OverflowError),
)
"""What NumPy, zipfile and safetensors raise when a file is not what it seems."""
SHOWN = (".npz", ".safetensors")
"""The endings of the files that it reads."""
LONGEST_FACTS = 1 << 28
"""Bytes."""


class _Arrays(Protocol):
    """A file of arrays."""

    def facts(self) -> str:
        """The text of the facts."""

    def first(self, name: str, spec: Spec, count: int) -> Array:
        """The first rows of an array, which must be as `spec` says."""


class Dump:
    """A dump that can be shown again.

    Args:
        path: a .npz or .safetensors file that `charrnn visualize --dump` or Recording.save wrote.

    Raises:
        DataError: it is another file, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as file:
            self.facts = Facts.from_json(file.facts())
        self.network = self.facts.network

    def read(
        self, *, keep: Collection[str] = (), top: int = 0, characters: int | None = None
    ) -> Recording:
        """The recording, or its beginning.

        Args:
            keep: the states and gates to read. Of one whose units were not all dumped the others are NaN.
            top: how many guesses to have at each position, at most as many as there are.
            characters: read the symbols that begin before this many; None: all.

        Raises:
            DataError: the file is damaged.
        """
        facts = self.facts
        with self._opened() as file:
            specs = facts.specs()

            def first(name: str, count: int) -> Array:
                called = "bits" if name == "surprisal" and facts.version == 1 else name
                return file.first(called, specs[name], count)

            offsets, chars = self._extent(first, characters)
            count = len(offsets)
            text = first("text", chars).tobytes().decode("utf-32-le")
            ids = _within(first("ids", count), len(facts.symbols))
            none = np.empty((count, 0))
            next_ids, next_p = none.astype(np.int32), none.astype(np.float32)
            if facts.predictions:
                next_ids = _within(first("next_ids", count), len(facts.symbols))
                next_p = first("next_probabilities", count)
            return Recording(
                text,
                ids,
                tuple(_pieces(text, offsets.tolist())),
                first("surprisal", count),
                self._states(first, keep, count),
                next_ids[:, :top],
                next_p[:, :top],
                facts.symbols,
                facts.source,
                facts.start,
                facts.start_char,
                facts.following if count == facts.length else None,
            )

    def require(self, what: str, units: Sequence[Unit] = (), top: int = 0) -> None:
        """Raise UsageError unless there is what is asked for.

        Args:
            what: a state or gate, of which all units are wanted; or an empty string.
            units: single units.
            top: guesses at each position.
        """
        facts = self.facts
        there = facts.addresses
        if facts.units is not None:
            has, missing = f"{there[0]} to {there[-1]}", [u for u in units if u not in facts.units]
            if what:
                raise UsageError(f"{self.path} has only the units that were chosen: {has}")
        else:
            has, missing = " ".join(facts.arrays), [u for u in units if u.what not in facts.arrays]
            if what and what not in facts.arrays:
                raise UsageError(f"{self.path} has no {what}; it has {has}")
        if missing:
            raise UsageError(f"{self.path} has no unit {missing[0]}; it has {has}")
        if top > facts.predictions:
            known = f"{facts.predictions} at each position" if facts.predictions else "none"
            raise UsageError(
                f"{self.path} has not so many guesses: {known}, not {top}",
                f"dump them: charrnn visualize ... --dump ... --predictions {top}",
            )

    def _extent(
        self, first: Callable[[str, int], Array], characters: int | None
    ) -> tuple[Array, int]:
        """Where each symbol begins that is to be read, and where the last one ends."""
        facts = self.facts
        if characters is None or characters >= facts.characters:
            return first("offsets", facts.length) - facts.start_char, facts.characters
        few = min(facts.length, 4 * characters + 1)  # no character has more than four bytes
        offsets = first("offsets", few) - facts.start_char
        count = int(np.searchsorted(offsets, characters))
        return offsets[:count], int(offsets[count]) if count < few else facts.characters

    def _states(
        self, first: Callable[[str, int], Array], keep: Collection[str], count: int
    ) -> dict[str, Array]:
        facts = self.facts
        letters = [letter for letter in facts.arrays if letter in keep]
        if facts.units is None:
            return {letter: first(letter, count) for letter in letters}
        shape = (count, facts.layers, facts.hidden_size)
        arrays = {letter: np.full(shape, np.nan, np.float32) for letter in letters}
        if letters:
            for unit, column in zip(facts.units, first("values", count).T, strict=True):
                if unit.what in arrays:
                    arrays[unit.what][:, unit.layer, unit.index] = column
        return arrays

    @contextlib.contextmanager
    def _opened(self) -> Iterator[_Arrays]:
        """The file; whatever is wrong with it is a DataError in one line."""
        from safetensors import SafetensorError

        try:
            if self.path.suffix == ".safetensors":
                yield _Safetensors(self.path)
            else:
                with zipfile.ZipFile(self.path) as archive:
                    yield _Npz(archive)
        except DataError as error:
            raise DataError(f"cannot show {self.path}: {error.message}") from error
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror or error}") from error
        except (*DAMAGE, SafetensorError) as error:
            raise DataError(
                f"cannot show {self.path}: it is damaged, or no dump that charrnn made"
            ) from error


class _Npz:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def facts(self) -> str:
        return self._member("facts", None, ()).tobytes().decode("utf-32-le")

    def first(self, name: str, spec: Spec, count: int) -> Array:
        if name != "text":
            return self._member(name, spec, (count, *spec.shape[1:]))
        string = Spec(np.dtype(f"<U{spec.shape[0]}"), ())
        return self._member(name, string, (count,), spec.dtype)

    def _member(
        self, name: str, spec: Spec | None, shape: tuple[int, ...], dtype: Any = None
    ) -> Array:
        """An array of this shape, from the beginning of a member that is as `spec` says; None: a string."""
        with self._archive.open(f"{name}.npy") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("a header of another version")
            found_shape, is_fortran, found_dtype = np.lib.format.read_array_header_1_0(file)
            if spec is None:
                if found_dtype.kind != "U" or found_shape or found_dtype.itemsize > LONGEST_FACTS:
                    raise ValueError("no facts")
            elif is_fortran or (found_dtype, found_shape) != spec:
                raise ValueError("another shape")
            dtype = found_dtype if dtype is None else dtype
            size = int(np.prod(shape)) * dtype.itemsize
            data = file.read(size)
        if len(data) != size:
            raise ValueError("too short")
        return np.frombuffer(data, dtype).reshape(shape)


class _Safetensors:
    def __init__(self, path: Path) -> None:
        from safetensors import safe_open

        path.open("rb").close()  # its own error has no reason
        self._file: Any = safe_open(path, framework="numpy")

    def facts(self) -> str:
        text: str = (self._file.metadata() or {})["facts"]
        return text

    def first(self, name: str, spec: Spec, count: int) -> Array:
        rows = self._file.get_slice(name)
        found = rows.get_dtype(), tuple(rows.get_shape())
        if found != (SAFETENSORS_TYPES[spec.dtype.str], spec.shape):
            raise ValueError("another shape")
        array: Array = rows[:count]
        return array


def _within(ids: Array, count: int) -> Array:
    """The ids, if all are from 0 up to, not including, `count`."""
    if ids.size and not 0 <= ids.min() <= ids.max() < count:
        raise ValueError("an id that no symbol has")
    return ids


def _pieces(text: str, offsets: Sequence[int]) -> Iterator[str]:
    """What each symbol adds to a text, from where each begins."""
    ends = (*offsets[1:], len(text))
    for start, end in zip(offsets, ends, strict=True):
        if not 0 <= start <= end:
            raise ValueError("offsets that fall")
        yield text[start:end]
