"""Checkpoints: a .safetensors file with a model and, for resuming a run, its training state.

The file's metadata has the keys `format` ("charrnn"), `format_version`, `header` (JSON: config, vocabulary, figures,
run) and `sha256` (over the header and all tensors but those of counts). Loading runs no code, and checks everything
against the header before a network is built: a file that is damaged or inconsistent is refused.

Counts are read when they are first used, and then checked: a model alone is opened as fast as without them.
"""

import contextlib
import dataclasses
import hashlib
import io
import itertools
import json
import math
import shlex
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from charrnn.config import ModelConfig
from charrnn.errors import (
    HOW_TO_TRAIN,
    CharrnnError,
    CheckpointError,
    SettingError,
    Typed,
    UsageError,
)
from charrnn.files import write_atomically
from charrnn.model import CharRNN
from charrnn.network.cells import cell_of
from charrnn.network.heads import LINEAR, Head
from charrnn.network.pairs import alignment_of
from charrnn.network.shapes import weight_shapes
from charrnn.schema import SchemaError, check_run, strict_json
from charrnn.settings import require_known, settings_of
from charrnn.text.vocabulary import Vocabulary
from charrnn.wording import counted, escape

if TYPE_CHECKING:  # these rooms are imported with the first model that needs them
    from charrnn.counts.mixture import Counts
    from charrnn.text.pairs import Symbols
    from charrnn.text.vectors import Features

FORMAT = "charrnn"
FORMAT_VERSION = 5
"""The last version of the format."""
LABELS = "labels"
"""What a header calls the level of symbols that are whole texts."""
LARGEST_HEADER = 1 << 24
MOST_TENSORS = 1 << 14
"""More than the largest network has, with its training state and the point that it goes back to."""
COUNTS_PREFIX = "counts."
"""Prefix of the names of the arrays of counts."""
TRAINING_PREFIX = "training."
"""Prefix of the names of tensors that only a resumed run needs."""

_VERSIONS_WITH = {"counts": (3, 5), "exact": (4, 5)}
"""The versions of files that have a part, by what the header calls it. Models of pairs are of version 2, others of 1."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file."""

    model: Any
    """A CharRNN, or of pairs a PairNetwork."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Step, epoch, nats per character on validation text ...; the file calls them figures."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the run, the corpus's fingerprint, versions."""
    training: Arrays = field(default_factory=dict)
    """Optimizer moments and carried state, empty in a file that is only a model."""
    path: Path | None = None
    num_bytes: int = 0
    sha256: str = ""
    counts: "Counts | None" = None
    """The counts of the training text; None: the file has none."""

    @property
    def mixed(self) -> Any:
        """The model with its counts, a MixedModel; without counts the network alone."""
        if self.counts is None:
            return self.model
        from charrnn.counts.mixed_model import MixedModel

        return MixedModel(self.model, self.counts)

    @property
    def in_floats(self) -> "Checkpoint":
        """The checkpoint with its network in floating point, where that is exact."""
        if not self.model.is_exact:
            return self
        return dataclasses.replace(self, model=self.model.in_floats())

    def require_counts(self) -> "Counts":
        """The counts of the training text.

        Raises:
            SettingError: the file has none.
        """
        if self.counts is None:
            raise SettingError.naming(
                "{counts}: {path} has no counts of its training text",
                "train again, or leave it out",
                path=self.path or "the model",
            )
        return self.counts


# --- writing -----------------------------------------------------------------------------------------------------------


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> int:
    """Write a checkpoint atomically and return its size in bytes.

    Raises:
        EnvironmentFault: the file cannot be written; an old file at `path` is intact.
        UsageError: the model's units are edited.
    """
    checkpoint.model.require_unedited("a checkpoint")
    tensors = _stored(checkpoint.model)
    tensors |= {TRAINING_PREFIX + name: array for name, array in checkpoint.training.items()}
    tensors = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    counts = _named_counts(checkpoint.counts)
    header = json.dumps(_header(checkpoint, counts), ensure_ascii=True, allow_nan=False)
    metadata = {
        "format": FORMAT,
        "format_version": _format_version(checkpoint),
        "header": header,
        "sha256": _checksum(header, tensors),
    }
    parts = _parts(tensors | counts, metadata)
    write_atomically(path, *parts)
    return sum(map(len, parts))


def _named_counts(counts: "Counts | None") -> dict[str, npt.NDArray[Any]]:
    """The arrays of counts, by the names that they have in a file."""
    arrays = counts.arrays if counts else {}
    return {COUNTS_PREFIX + name: np.asarray(array, order="C") for name, array in arrays.items()}


def _stored(model: Any) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a model, by the names that they have in a file."""
    if not model.is_exact:
        return dict(model.weights)
    from charrnn.exact.file import tensors_of

    return tensors_of(model)


def _format_version(checkpoint: Checkpoint) -> str:
    if checkpoint.model.is_exact:
        return "5" if checkpoint.counts else "4"
    if checkpoint.counts:
        return "3"
    return "2" if checkpoint.model.config.align else "1"


def _parts(tensors: Arrays, metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """The content of a file: its table, and the bytes of each tensor where they are, so that none is copied.

    The largest types come first, so that each number lies at a multiple of its size; otherwise names decide.
    """
    table: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    parts, end = list[memoryview](), 0
    for name in sorted(tensors, key=lambda name: (-tensors[name].itemsize, name)):
        array = tensors[name]
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        begin, end = end, end + array.nbytes
        table[name] = {
            "dtype": _type_name(array.dtype),
            "shape": array.shape,
            "data_offsets": [begin, end],
        }
        parts.append(array.reshape(-1).view(np.uint8).data)
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [struct.pack("<Q", len(text)), text, *parts]


def _type_name(dtype: np.dtype[Any]) -> str:
    """What safetensors calls a type: float32 -> "F32"."""
    return "BOOL" if dtype.kind == "b" else f"{dtype.kind.upper()}{8 * dtype.itemsize}"


def _header(checkpoint: Checkpoint, arrays: Arrays) -> dict[str, Any]:
    """The header of a file; the arrays are those of the counts."""
    model = checkpoint.model
    config = dataclasses.asdict(model.config)
    pairs = {"source": _recorded(model.source_symbols)} if model.config.align else {}
    exact, counts = {}, {}
    if model.is_exact:
        from charrnn.exact.file import record_of

        exact = {"exact": record_of(model)}
    if checkpoint.counts:
        counts = {"counts": checkpoint.counts.record | {"sha256": _checksum("", arrays)}}
    return {
        "config": {name: value for name, value in config.items() if value is not None},
        "vocabulary": _recorded(model.vocabulary),
        **pairs,
        **exact,
        **counts,
        "figures": dict(checkpoint.metrics),
        "run": dict(checkpoint.run),
    }


def _recorded(symbols: "Symbols") -> dict[str, Any]:
    """Symbols as a header has them."""
    if isinstance(symbols, Vocabulary):
        return {
            "level": symbols.level,
            "symbols": symbols.symbols.tolist() if symbols.level == "char" else [],
            "has_unknown": symbols.has_unknown,
        }
    from charrnn.text.pairs import Labels

    if isinstance(symbols, Labels):
        return {"level": LABELS, "labels": list(symbols.labels)}
    mean, deviation = symbols.mean.tolist(), symbols.deviation.tolist()
    return {"level": symbols.level, "mean": mean, "deviation": deviation}


def _checksum(header: str, tensors: Arrays) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


# --- reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """What the header of a checkpoint says."""

    config: ModelConfig
    level: str
    """What the model's symbols are: `char` or `byte`."""
    metrics: Mapping[str, Any]
    run: Mapping[str, Any]


def load_summary(path: Path) -> Summary:
    """Read the header of a checkpoint. Its tensors are not read, and so not checked.

    Raises:
        CheckpointError: the file is missing, truncated, not a charrnn checkpoint, or from a later version.
    """
    with _opened(path) as file, _as_one_error(path):
        header = _inner_header(path, _outer_header(path, file).metadata)
        config, level = _model_config(path, header["config"]), header["vocabulary"]["level"]
        level = "char" if level == LABELS else level
        if level not in ("char", "byte"):
            raise CheckpointError(f"{path}: {level!r:.60} is no level of a vocabulary")
        return Summary(config, level, *_metrics_and_run(path, header))


def load_checkpoint(path: Path, head: Head | None = None) -> Checkpoint:
    """Read and check a checkpoint.

    Args:
        path: the .safetensors file.
        head: the head that the network was trained with, which the file does not name; None: the usual one.

    Raises:
        CheckpointError: the file is missing, damaged, inconsistent, not a charrnn checkpoint, or from a later version.
    """
    with _opened(path) as file, _as_one_error(path):
        return _parse(path, file, head)


def require_language_model(loaded: Checkpoint) -> Checkpoint:
    """The checkpoint, if it has a language model.

    Raises:
        CheckpointError: it has a model of pairs.
    """
    if loaded.model.config.align is not None:
        raise CheckpointError.naming(
            "{path} is a model of pairs, and this needs a language model",
            "{convert} gives a target for each line",
            path=loaded.path,
            convert=Typed(f"charrnn convert {loaded.path} FILE", "charrnn.PairModel"),
        )
    return loaded


@contextlib.contextmanager
def _as_one_error(path: Path) -> Iterator[None]:
    """Turn any error while a file is parsed into a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except (
        SafetensorError,
        CharrnnError,
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise CheckpointError(
            f"{path} is not a readable checkpoint: {_one_line(error)}", _DAMAGED
        ) from error


_DAMAGED = "the file may be damaged or still being copied; copy it again, or take another"


def _one_line(error: Exception) -> str:
    return escape(" ".join(str(error).split()) or type(error).__name__)[:200]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        if not path.exists():
            raise CheckpointError.naming(
                "there is no checkpoint at {path}", "{train}", path=path, train=HOW_TO_TRAIN
            )
        if not path.is_file():
            raise CheckpointError(
                f"{path} is not a regular file", "name a .safetensors file or a run"
            )
        with path.open("rb") as file:
            yield file
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}"
        ) from error


def _parse(path: Path, file: IO[bytes], head: Head | None) -> Checkpoint:
    content = _outer_header(path, file)
    metadata, entries = content.metadata, content.entries
    header = _inner_header(path, metadata)
    config = _model_config(path, header["config"])
    vocabulary, source = _symbols(header["vocabulary"]), None
    if len(vocabulary) != config.vocab_size:
        raise CheckpointError(
            f"{path}: the vocabulary has {len(vocabulary):,} symbols, the network {config.vocab_size:,}"
        )
    if config.align:
        source = _symbols(header["source"])
        _require_alike(path, config, source, vocabulary)
    elif not isinstance(vocabulary, Vocabulary):
        raise CheckpointError(f"{path}: a language model has no labels")
    with _naming(path):
        expected = _expected_tensors(header, config, head)
    _require_tensors(path, entries, expected)
    tensors = content.tensors(file, entries.keys() - _read_later(header, entries))
    if _checksum(metadata["header"], tensors) != metadata.get("sha256"):
        raise CheckpointError(f"{path}: checksum mismatch, the file is damaged", _DAMAGED)
    weights = {name: tensors[name] for name in expected}
    _require_finite(path, weights)
    counts = _counts(path, header, config, content, tensors)
    metrics, run = _metrics_and_run(path, header)
    model: Any
    if source is not None:
        from charrnn.pairs.model import PairNetwork

        model = PairNetwork(config, source, vocabulary, weights)
    elif "exact" in header:
        from charrnn.exact.file import restored

        with _naming(path):
            model = restored(config, vocabulary, header["exact"], weights)
    else:
        assert isinstance(vocabulary, Vocabulary)
        model = CharRNN(config, vocabulary, weights, head or LINEAR)
    training = _after(TRAINING_PREFIX, tensors)
    sha256 = metadata["sha256"]
    return Checkpoint(model, metrics, run, training, path, content.num_bytes, sha256, counts)


def _read_later(header: Mapping[str, Any], entries: Mapping[str, Any]) -> set[str]:
    """The tensors that are read when they are used: those of counts, if they have a checksum of their own."""
    if "sha256" not in header.get("counts", ()):
        return set()
    return {name for name in entries if name.startswith(COUNTS_PREFIX)}


def _after(prefix: str, tensors: Arrays) -> dict[str, npt.NDArray[Any]]:
    """The tensors whose names begin with a prefix, without it."""
    return {n.removeprefix(prefix): a for n, a in tensors.items() if n.startswith(prefix)}


def _counts(
    path: Path, header: Mapping[str, Any], config: ModelConfig, content: "_Content", read: Arrays
) -> "Counts | None":
    """The counts of a file, of which the record is checked; None if it has none.

    Args:
        path: the file.
        header: its header.
        config: the network.
        content: what the file holds.
        read: the tensors that have been read.
    """
    if "counts" not in header:
        return None
    from charrnn.counts.mixture import Counts
    from charrnn.counts.table import CountTable

    def table(order: int) -> CountTable:
        arrays = read
        if names := _read_later(header, content.entries):
            with _opened(path) as file, _as_one_error(path):
                arrays = content.tensors(file, names)
            if _checksum("", arrays) != header["counts"]["sha256"]:
                raise CheckpointError(
                    f"{path}: checksum mismatch, its counts are damaged", _DAMAGED
                )
        with _naming(path):
            return CountTable.restored(config.vocab_size, order, _after(COUNTS_PREFIX, arrays))

    with _naming(path):
        return Counts.restored(header["counts"], table)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the name of the file before the messages of what is in it."""
    try:
        yield
    except (CheckpointError, SchemaError) as error:
        raise CheckpointError(f"{path}: {_one_line(error)}", _DAMAGED) from error


def _metrics_and_run(
    path: Path, header: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    metrics, run = header["figures"], header["run"]
    with _naming(path):
        check_run(metrics, run)
    return metrics, run


@dataclass(frozen=True)
class _Content:
    """What the table at the beginning of a file says."""

    metadata: dict[str, str]
    entries: dict[str, Any]
    """Type, shape and place of each tensor."""
    start: int
    """Where the tensors begin."""
    num_bytes: int
    """The size of the file."""

    def require_complete(self, path: Path) -> None:
        """Raise CheckpointError unless the tensors lie one after another and fill the file."""
        end = 0
        for begin, after in sorted(entry["data_offsets"] for entry in self.entries.values()):
            end = after if (type(begin), type(after)) == (int, int) and begin == end else -1
        if self.start + end != self.num_bytes:
            raise CheckpointError(f"{path} is truncated or damaged", _DAMAGED)

    def tensors(self, file: IO[bytes], names: Collection[str]) -> Arrays:
        """Some tensors of the file, read as those of a file that has no others."""
        table, parts, end = {}, [], 0
        for name in sorted(names, key=lambda name: self.entries[name]["data_offsets"]):
            begin, after = self.entries[name]["data_offsets"]
            file.seek(self.start + begin)
            parts.append(file.read(after - begin))
            table[name] = self.entries[name] | {"data_offsets": [end, end + after - begin]}
            end += after - begin
        text = json.dumps(table).encode()
        return load_tensors(b"".join((struct.pack("<Q", len(text)), text, *parts)))


def _outer_header(path: Path, file: IO[bytes]) -> _Content:
    """The metadata of a file and its table of tensors."""
    num_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    content = file.read(8)
    length = int.from_bytes(content, "little")
    content += file.read(min(length, LARGEST_HEADER, num_bytes))
    _refuse_other_formats(path, content)
    if content[8:9] not in (b"{", b""):
        train = Typed(f"charrnn train {shlex.quote(str(path))}", f"charrnn.train({str(path)!r})")
        hint = "if it is a text, train on it first: {train}"
        hint = "" if path.suffix == ".safetensors" else hint
        raise CheckpointError.naming(
            "{path} is not a charrnn checkpoint", hint, path=path, train=train
        )
    if length > min(len(content) - 8, LARGEST_HEADER):
        raise CheckpointError(
            f"{path} is truncated or damaged: its header does not fit in the file", _DAMAGED
        )
    table = content[8 : 8 + length]
    # the format pads with spaces, and with nothing else
    if not (table.startswith(b"{") and table.rstrip(b" ").endswith(b"}")):
        raise CheckpointError(f"{path} is damaged: its header is not a JSON object", _DAMAGED)
    entries = strict_json(table)
    metadata = entries.pop("__metadata__", None) if isinstance(entries, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} is a safetensors file, but not a charrnn checkpoint")
    if not all(isinstance(value, str) for value in metadata.values()):
        raise CheckpointError(f"{path} is damaged: its metadata are not all strings", _DAMAGED)
    if len(entries) > MOST_TENSORS:
        raise CheckpointError(
            f"{path} is not a charrnn checkpoint: it lists {len(entries):,} tensors, more than {MOST_TENSORS:,}"
        )
    found = _Content(metadata, entries, 8 + length, num_bytes)
    found.require_complete(path)
    return found


def _refuse_other_formats(path: Path, content: bytes) -> None:
    if not content:
        raise CheckpointError(f"{path} is empty (0 bytes)", _DAMAGED)
    pickled = content[:1] == b"\x80" and content[8:9] != b"{"  # safetensors may begin with 0x80 too
    if content.startswith(b"PK\x03\x04") or pickled:
        raise CheckpointError(
            f"{path} is a pickle or zip file: charrnn does not open pickles, they can run code"
        )
    if content.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path} is a Git LFS pointer, not the file itself", "git lfs pull")
    if len(content) < 8:
        raise CheckpointError(f"{path} is truncated: {counted(len(content), 'byte')}", _DAMAGED)


def _inner_header(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    version = metadata.get("format_version", "")
    if not (version.isdecimal() and len(version) < 9 and int(version) > 0):
        raise CheckpointError(f"{path}: {version[:20]!r} is not a format version")
    if int(version) > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} was written by a later charrnn (format {version}; this one reads up to {FORMAT_VERSION})",
            "read it with a charrnn as new as the one that wrote it",
        )
    header = strict_json(metadata["header"])
    missing = {"config", "vocabulary", "figures", "run"} - set(header)
    if missing:
        raise CheckpointError(f"{path}: the header lacks {', '.join(sorted(missing))}")
    if any((int(version) in own) != (part in header) for part, own in _VERSIONS_WITH.items()):
        raise CheckpointError(
            f"{path} is damaged: its version is not that of its content", _DAMAGED
        )
    return dict(header)


def _model_config(path: Path, fields: Any) -> ModelConfig:
    try:
        if isinstance(fields, dict):
            require_known(fields, settings_of(ModelConfig))
        config = ModelConfig(**fields)
        cell_of(config)
    except UsageError as error:
        hint = "the file may be damaged, or from a later charrnn: copy it again, or update charrnn"
        raise CheckpointError(f"{path}: {_one_line(error)}", hint) from error
    return config


def _require_alike(
    path: Path, config: ModelConfig, source: "Symbols", vocabulary: "Symbols"
) -> None:
    """Raise CheckpointError unless the symbols of pairs are those that the network's alignment needs."""
    from charrnn.text.pairs import END, Labels
    from charrnn.text.vectors import Features

    if len(source) != config.source_size:
        raise CheckpointError(
            f"{path}: the sources have {len(source):,} symbols, the network {config.source_size}"
        )
    ends = isinstance(vocabulary, Vocabulary) and not vocabulary.missing(END)
    found = (
        *(isinstance(source, Labels), isinstance(vocabulary, Labels), config.writes and not ends),
        *(config.attention in ("additive", "dot"), config.longest_target is not None),
        *(config.stretch is not None, isinstance(source, Features)),
    )
    alignment = alignment_of(config)
    labels = alignment.takes_labels and config.source_labels is True
    wanted = (
        *(labels, alignment.is_label, False),
        *(alignment.looks, alignment.writes, alignment.stretches),
        config.source_vectors is True,
    )
    if found != wanted:
        raise CheckpointError(f"{path}: the network and its symbols do not fit together")


def _symbols(fields: Mapping[str, Any]) -> Any:
    if fields["level"] in ("char", "byte"):
        return _vocabulary(fields)
    from charrnn.text.pairs import Labels
    from charrnn.text.vectors import Features

    if fields["level"] == Features.level:
        return _features(fields)
    if fields["level"] != LABELS:
        return _vocabulary(fields)
    labels = fields["labels"]
    if not labels or type(labels) is not list or not all(isinstance(x, str) for x in labels):
        raise CheckpointError("the labels are not a list of strings")
    if len({*labels}) != len(labels):
        raise CheckpointError("a label occurs twice")
    return Labels(labels)


def _features(fields: Mapping[str, Any]) -> "Features":
    from charrnn.text.vectors import Features

    mean, deviation = fields["mean"], fields["deviation"]
    numbers = [*mean, *deviation]
    if not all(type(x) in (int, float) and math.isfinite(x) for x in numbers):
        raise CheckpointError("the mean and deviation of vectors are not all numbers")
    if not mean or len(mean) != len(deviation) or not all(x > 0 for x in deviation):
        raise CheckpointError("the deviations of vectors are not one above 0 for each mean")
    return Features(mean, deviation)


def _vocabulary(fields: Mapping[str, Any]) -> Vocabulary:
    if fields["level"] == "byte":
        return Vocabulary.of_bytes()
    symbols = fields["symbols"]
    if fields["level"] != "char" or not symbols:
        raise CheckpointError("the vocabulary's level is neither char nor byte, or it is empty")
    valid = all(type(p) is int and 0 <= p < 0x110000 and not 0xD800 <= p < 0xE000 for p in symbols)
    rising = all(a < b for a, b in itertools.pairwise(symbols))
    if not (valid and rising):
        raise CheckpointError(
            "the vocabulary is not a list of characters in code point order, each once"
        )
    return Vocabulary("char", symbols, has_unknown=fields["has_unknown"] is True)


def _expected_tensors(
    header: Mapping[str, Any], config: ModelConfig, head: Head | None
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The type and the shape of each tensor of the network that a header describes."""
    if "exact" not in header:
        return {name: ("F32", shape) for name, shape in weight_shapes(config, head).items()}
    from charrnn.exact.file import expected_tensors

    if config.align or not cell_of(config).is_exact:
        raise CheckpointError("a network of its kind has no exact form")
    return expected_tensors(config)


def _require_tensors(
    path: Path, entries: Mapping[str, Any], expected: Mapping[str, tuple[str, tuple[int, ...]]]
) -> None:
    """Check that the network's tensors are all there, with the types and shapes that its header asks for."""
    for name, (kind, shape) in expected.items():
        entry = entries.get(name)
        if entry is None:
            raise CheckpointError(f"{path} lacks the tensor {name}")
        if (entry["dtype"], tuple(entry["shape"])) != (kind, shape):
            found = f"{entry['dtype']} {entry['shape']}"[:60]
            raise CheckpointError(f"{path}: {name} is {found}, expected {kind} {list(shape)}")
    known = (TRAINING_PREFIX, COUNTS_PREFIX)
    other = [n for n in entries if n not in expected and not n.startswith(known)]
    if other:
        raise CheckpointError(
            f"{path} has a tensor that no part of the network uses: {other[0][:60]!r}"
        )


def _require_finite(path: Path, weights: Arrays) -> None:
    for name, array in weights.items():
        wrong = array.size - int(np.isfinite(array).sum())
        if wrong:
            raise CheckpointError(
                f"{path}: the weights contain {wrong:,} values that are not finite ({name})"
            )
