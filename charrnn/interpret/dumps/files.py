"""The files of dumps, opened to read their arrays: .npz and .safetensors.

Nothing in them is trusted: whatever is wrong with one is a DataError of one line.
"""

import contextlib
import errno
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from charrnn.errors import DataError
from charrnn.interpret.dumps.arrays import SAFETENSORS_TYPES
from charrnn.interpret.dumps.header import Array, Spec
from charrnn.schema import strict_json
from charrnn.text.sources import require_no_bomb

DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(ValueError, KeyError, TypeError, EOFError, NotImplementedError, RuntimeError, OverflowError),
)
"""The errors that NumPy, zipfile and safetensors raise when a file is not what it seems."""
LONGEST_HEADER = 1 << 28
"""Maximum size of a header in bytes."""
BLOCK = 1 << 24
"""The bytes of an array that are compared with its checksum at a time."""
NAMES_1 = {"surprisal": "bits", "header": "facts"}
"""The names of version 1 of the format, where they differ."""


class Arrays(Protocol):
    """A file of arrays."""

    def header(self) -> str:
        """The header as JSON."""

    def require(self, name: str, spec: Spec) -> None:
        """Raise one of DAMAGE unless there is an array of this type and shape."""

    def first(self, name: str, spec: Spec, count: int) -> Array:
        """The first `count` rows of an array, which must have the type and shape of `spec`."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Arrays]:
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


class _Npz:
    """The arrays of an open .npz file."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        require_no_bomb(archive, "it")
        self._archive = archive

    def header(self) -> str:
        """See `Arrays`."""
        members = self._archive.namelist()
        name = "header" if "header.npy" in members else NAMES_1["header"]
        return self._member(name, None, ()).tobytes().decode("utf-32-le")

    def require(self, name: str, spec: Spec) -> None:
        """See `Arrays`."""
        with self._archive.open(f"{name}.npy") as file:
            _require_spec(file, _in_npz(name, spec))

    def first(self, name: str, spec: Spec, count: int) -> Array:
        """See `Arrays`."""
        is_text = name.endswith("text")
        shape = (count,) if is_text else (count, *spec.shape[1:])
        return self._member(name, _in_npz(name, spec), shape, spec.dtype if is_text else None)

    def _member(
        self, name: str, spec: Spec | None, shape: tuple[int, ...], dtype: Any = None
    ) -> Array:
        """The beginning of a member as an array of `shape`. The member must be as `spec` says; None means a string."""
        with self._archive.open(f"{name}.npy") as file:
            actual_dtype = _require_spec(file, spec)
            dtype = actual_dtype if dtype is None else dtype
            size = int(np.prod(shape)) * dtype.itemsize
            data = file.read(size)
            while file.read(1 << 20):  # zipfile compares the checksum at the end
                pass
        if len(data) != size:
            raise ValueError("too short")
        return np.frombuffer(data, dtype).reshape(shape)


def _in_npz(name: str, spec: Spec) -> Spec:
    """How an array is stored in an .npz file: the text is a string there."""
    return Spec(np.dtype(f"<U{spec.shape[0]}"), ()) if name.endswith("text") else spec


def _require_spec(file: IO[bytes], spec: Spec | None) -> np.dtype[Any]:
    """Read NumPy's header of an array, which must be as `spec` says, or a short string for None; return the type."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("a NumPy header of another version")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if spec is None:
        if dtype.kind != "U" or shape or dtype.itemsize > LONGEST_HEADER:
            raise ValueError("no header")
    elif is_fortran or (dtype, shape) != spec:
        raise ValueError("another type or shape")
    return dtype


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
        """See `Arrays`."""
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

    def require(self, name: str, spec: Spec) -> None:
        """See `Arrays`."""
        rows = self._file.get_slice(name)
        expected = SAFETENSORS_TYPES[spec.dtype.str], spec.shape
        if (rows.get_dtype(), tuple(rows.get_shape())) != expected:
            raise ValueError("another type or shape")

    def first(self, name: str, spec: Spec, count: int) -> Array:
        """See `Arrays`."""
        self.require(name, spec)
        rows = self._file.get_slice(name)
        num_rows = spec.shape[0]
        step = max(1, BLOCK * num_rows // max(1, spec.num_bytes))
        blocks = (rows[k : min(k + step, num_rows)] for k in range(0, num_rows, step))
        self._compare(name, map(np.ascontiguousarray, blocks))
        array: Array = rows[:count]
        return array
