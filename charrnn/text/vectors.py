"""Vectors as sources: a row of numbers, or a sequence of rows, for each line of a file of targets.

    .npy    (N, D): one vector for each line; or (N, T, D): T vectors for each
    .npz    `vectors`, either of these; or with `lengths` (N,), the vectors of each line one after another, (sum, D)

A network reads each number less its mean over the vectors of the training part, divided by their standard deviation.
"""

import dataclasses
import hashlib
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.network.alignments import ALIGNMENTS
from charrnn.numerics import Float, Float64
from charrnn.text.items import Positions
from charrnn.text.pairs import PairCorpus, is_labels, lines_of
from charrnn.text.sources import Notes, TextSource, require_no_bomb
from charrnn.wording import counted

VECTORS, LENGTHS = "vectors", "lengths"
"""The arrays of a .npz file."""
MOST_NUMBERS = 65_536
"""Numbers of a vector, at most."""
DAMAGE = (
    *(OSError, ValueError, TypeError, EOFError, KeyError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error, SyntaxError, TokenError),
)
"""What reading a damaged file may raise."""


class Frames(Sequence[Any]):
    """The vectors of one source, (T, D) float32; it is equal to itself alone.

    Args:
        array: the vectors.
        number: the number of its line.
    """

    def __init__(self, array: Float, number: int) -> None:
        self.array, self.number = array, number

    def __len__(self) -> int:
        """The number of vectors."""
        return len(self.array)

    def __getitem__(self, index: Any) -> Any:
        """A vector, or the source cut to a slice."""
        part = self.array[index]
        return Frames(part, self.number) if isinstance(index, slice) else part

    def __str__(self) -> str:
        """The line that it belongs to."""
        return f"line {self.number:,}"

    def __repr__(self) -> str:
        """The line and the number of vectors."""
        return f"{counted(len(self), 'vector')} of line {self.number:,}"

    def __hash__(self) -> int:
        """That of the object."""
        return id(self)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same object."""
        return self is other


@dataclass(frozen=True)
class FrameColumn:
    """Vectors of sources, one source after another, as `charrnn.text.pairs.Column` has their ids."""

    ids: Float
    """(vectors, D)"""
    bounds: Positions
    """(sources + 1,) where each begins, and the end of the last."""

    @cached_property
    def lengths(self) -> Positions:
        """The vectors of each source, (sources,)."""
        return np.diff(self.bounds)

    def padded(self, rows: Positions, fill: int = 0) -> Float:  # noqa: ARG002 (vectors of zeros)
        """The sources of these rows side by side, (T, N, D), with zeros behind their ends."""
        lengths = self.lengths[rows]
        t = np.arange(int(lengths.max(initial=0)))[:, None]
        real = t < lengths
        at = np.where(real, self.bounds[rows] + t, 0)
        return np.where(real[..., None], self.ids[at], np.float32(0))


class Features:
    """The numbers of a vector, in place of a vocabulary of sources.

    Args:
        mean: of each number, (D,).
        deviation: the standard deviation of each, (D,), above 0.
    """

    level = "vector"
    has_unknown = False
    unknown_id = None

    def __init__(self, mean: npt.ArrayLike, deviation: npt.ArrayLike) -> None:
        self.mean: Float64 = np.asarray(mean, np.float64)
        self.deviation: Float64 = np.asarray(deviation, np.float64)

    @classmethod
    def of(cls, vectors: Float) -> "Features":
        """The mean and deviation of vectors (N, D); a number that never varies has the deviation 1."""
        deviation = vectors.std(0, dtype=np.float64)
        return cls(vectors.mean(0, dtype=np.float64), np.where(deviation > 0, deviation, 1.0))

    def __len__(self) -> int:
        """D."""
        return len(self.mean)

    def standardized(self, vectors: Float) -> Float:
        """Vectors (T, D) less the mean, divided by the deviation."""
        scaled: Float = ((vectors - self.mean) / self.deviation).astype(np.float32)
        return scaled

    def column(self, sources: Sequence[Frames]) -> FrameColumn:
        """The vectors of sources, standardized."""
        bounds = np.cumsum([0, *map(len, sources)])
        return FrameColumn(self.standardized(np.concatenate([s.array for s in sources])), bounds)


# --- reading ----------------------------------------------------------------------------------------------------------


def read_vectors(path: str | Path) -> list[Frames]:
    """The sources in a .npy or .npz file.

    Raises:
        DataError: it cannot be read, or its arrays are of another kind or shape.
    """
    path = Path(path)
    try:
        if not path.exists() or not path.is_file():
            raise DataError(f"{str(path)!r} is no file", "vectors are in a .npy or .npz file")
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                require_no_bomb(archive, str(path))
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            arrays = {n: loaded[n] for n in loaded.files} if hasattr(loaded, "files") else loaded
    except DAMAGE as error:
        raise _damaged(path) from error
    if not isinstance(arrays, dict):
        return _sources(path, arrays)
    if VECTORS not in arrays:
        known = ", ".join(sorted(arrays)[:8]) or "no array"
        raise DataError(f"{path} has no array {VECTORS!r}, but {known}")
    return _sources(path, arrays[VECTORS], arrays.get(LENGTHS))


def _damaged(path: Path) -> DataError:
    return DataError(
        f"{path} is damaged, or no array of numbers", "write it with numpy.save or numpy.savez"
    )


def _sources(path: Path, array: Any, lengths: Any = None) -> list[Frames]:
    """The sources of an array (N, D) or (N, T, D), or with lengths (sum, D)."""
    if not isinstance(array, np.ndarray):
        raise _damaged(path)
    kinds = "a (lines, numbers) or (lines, vectors, numbers) array"
    if array.dtype.kind not in "fiub":
        raise DataError(f"{path} has {array.dtype} in its array, not numbers")
    if array.ndim not in (2, 3) or (lengths is not None and array.ndim != 2) or not array.size:
        wanted = "a (vectors, numbers) array beside its lengths" if lengths is not None else kinds
        raise DataError(f"{path} must have {wanted}, not one of shape {array.shape}")
    if array.shape[-1] > MOST_NUMBERS:
        raise DataError(
            f"{path} has vectors of {array.shape[-1]:,} numbers; at most {MOST_NUMBERS:,} are read"
        )
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(array, np.float32)
    flat = numbers.reshape(-1, numbers.shape[-1])
    if not (finite := np.isfinite(flat).all(1)).all():
        first = int(np.argmin(finite)) + 1
        raise DataError(
            f"{path}: vector {first:,} of {len(flat):,} has a number that is not finite"
        )
    if lengths is None:
        parts = list(numbers if numbers.ndim == 3 else numbers[:, None])
    else:
        _require_lengths(path, lengths, len(numbers))
        parts = np.split(numbers, np.cumsum(lengths.astype(np.int64))[:-1])
    return [Frames(part, number) for number, part in enumerate(parts, 1)]


def _require_lengths(path: Path, lengths: Any, total: int) -> None:
    """Raise DataError unless these are the numbers of vectors of each line."""
    is_array = isinstance(lengths, np.ndarray)
    fits = is_array and lengths.dtype.kind in "iu" and lengths.ndim == 1 and len(lengths) > 0
    if not fits or (lengths < 1).any() or int(lengths.astype(object).sum()) != total:
        raise DataError(
            f"{path}: {LENGTHS!r} must have a whole number above 0 for each line, together {total:,}, "
            "the number of vectors"
        )


# --- the corpus -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VectorCorpus(PairCorpus):
    """Pairs whose sources are vectors."""

    @cached_property
    def distinct(self) -> int:
        """The different characters of the targets."""
        return len({*"".join(self.target_texts)})

    @property
    def num_characters(self) -> int:
        """The characters of the targets."""
        return sum(map(len, self.target_texts))

    @property
    def frames(self) -> Sequence[Any]:
        """The sources."""
        return self.source_texts

    def aligned(self, align: str | None = None) -> "VectorCorpus":
        """The pairs with this alignment, or with the one that suits them.

        Raises:
            DataError: the pairs do not allow it.
        """
        reason = ""
        if align is None:
            align, reason = _chosen(self.frames, self.target_texts)
        if not ALIGNMENTS[align].has_encoder:
            raise DataError.naming(
                f"{{vectors}} needs an encoder, and {{align:{align}}} has none", "leave out {align}"
            )
        made = dataclasses.replace(self, align=align, reason=reason)
        made.require_alignable()
        return made

    @cached_property
    def source_symbols(self) -> Any:
        """The numbers of a vector, standardized by the training part."""
        return Features.of(np.concatenate([self.frames[k].array for k in self.train.tolist()]))

    @cached_property
    def source_column(self) -> Any:
        """The sources, standardized."""
        return self.source_symbols.column(self.frames)


def _chosen(sources: Sequence[Any], targets: Sequence[str]) -> tuple[str, str]:
    """The alignment that suits vectors, and why."""
    if is_labels(targets) and all(targets):
        few = counted(len({*targets}), "different target")
        return "label", f"{counted(len(targets), 'target')} are {few}"
    if all(len(source) == 1 for source in sources):
        return "none", "each target has one vector"
    if all(len(s) == len(t) for s, t in zip(sources, targets, strict=True)):
        return "each", "each target has as many characters as vectors"
    return "attention", "targets and sequences of vectors differ in length"


def read_vector_pairs(
    texts: Sequence[TextSource], config: CorpusConfig, notes: Notes | None = None
) -> VectorCorpus:
    """Read targets, one a line, and the vectors that are their sources.

    Args:
        texts: the targets.
        config: how they are read; `vectors` names the file of vectors.
        notes: the notes made while the texts were found.

    Raises:
        DataError: a file cannot be read, a line has a tab, or there are more or fewer lines than sources.
    """
    notes, targets = notes or Notes(), list[str]()
    for text in texts:
        notes.num_read += 1
        targets += lines_of(text, config, notes)
    frames = read_vectors(config.vectors or "")
    if (tab := next((k for k, t in enumerate(targets, 1) if "\t" in t), None)) is not None:
        raise DataError.naming(
            "line {number:,} has a tab: with {vectors}, each line is a target alone", number=tab
        )
    if len(targets) != len(frames):
        name = texts[0].name if len(texts) == 1 else f"{len(texts)} files"
        raise DataError(
            f"{config.vectors} has vectors for {counted(len(frames), 'line')}, "
            f"but {name} has {counted(len(targets), 'line')}"
        )
    digest = hashlib.sha256("\n".join(targets).encode("utf-8", "surrogatepass"))
    digest.update(repr([len(frames[0].array[0]), *map(len, frames)]).encode())
    for one in frames:
        digest.update(np.ascontiguousarray(one.array).tobytes())
    sources: Any = frames
    return VectorCorpus(
        sources,
        targets,
        config,
        digest.hexdigest(),
        notes=tuple(notes.sentences(keep_newlines=False)),
        sources=tuple(text.name for text in texts),
        num_sources=notes.num_read,
    )
