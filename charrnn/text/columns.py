"""Columns of tables in a binary form: Parquet files, and Arrow files as Hugging Face's `datasets` saves them on disk.

Both are read with pyarrow, which is imported when there is such a file, a few rows at a time.
"""

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from charrnn.errors import DataError, EnvironmentFault
from charrnn.text.sources import Notes, TextSource, file_source, in_memory

BINARY = {".parquet": "parquet", ".arrow": "arrow"}
"""The kinds of these tables, by the endings of their names."""
ROWS = 1 << 12
"""Rows that are read at once."""
BUFFER = 1 << 20
"""Bytes of a column that are read at once."""
ARROW_FILE = b"ARROW1"
"""The first bytes of an Arrow file; what has others is a stream of the same."""
STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
TRAIN = "train"


def column_names(source: TextSource, kind: str) -> list[str]:
    """The columns of a table.

    Raises:
        EnvironmentFault: pyarrow is not installed.
        DataError: the table is damaged.
    """
    with _reading(source, kind) as table:
        return list(table.names)


def rows(source: TextSource, kind: str, column: str) -> Iterator[dict[str, Any]]:
    """The rows of a table, each with one column only.

    Raises:
        EnvironmentFault: pyarrow is not installed.
        DataError: the table is damaged.
    """
    with _reading(source, kind) as table:
        for batch in table.batches(column):
            for value in batch.column(column).to_pylist():
                yield {column: value}


def group_sizes(source: TextSource) -> list[int]:
    """The bytes of each row group of a Parquet file, unpacked.

    Raises:
        EnvironmentFault: pyarrow is not installed.
        DataError: the table is damaged.
    """
    with _reading(source, "parquet") as table:
        sizes: list[int] = table.group_sizes
        return sizes


class _reading:  # noqa: N801 (a context manager, as `contextlib.closing` is one)
    """An open table, whose errors are those of charrnn."""

    def __init__(self, source: TextSource, kind: str) -> None:
        try:
            import pyarrow as pa
        except ImportError:
            raise EnvironmentFault(
                f"{source.name} needs pyarrow to be read, which is not installed",
                "pip install pyarrow",
            ) from None
        self._source, self._errors = source, (pa.ArrowException, OSError)
        self._open = partial(_Parquet, groups=source.groups) if kind == "parquet" else _Arrow

    def __enter__(self) -> Any:
        self._file: Any = in_memory(self._source).open()
        try:
            if not self._file.seekable():
                self._file = io.BytesIO(self._file.read())
            return self._open(self._file)
        except self._errors as error:
            self._file.close()
            raise self._fault(error) from error

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        self._file.close()
        if isinstance(error, self._errors):
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> DataError:
        reason = str(error).partition("\n")[0]
        return DataError(f"{self._source.name} is not a readable table: {reason}")


class _Parquet:
    def __init__(self, file: Any, groups: tuple[int, int] | None) -> None:
        from pyarrow.parquet import ParquetFile

        self._file = ParquetFile(file, pre_buffer=False, buffer_size=BUFFER)
        self.names = self._file.schema_arrow.names
        self._groups = range(*(groups or (0, self._file.num_row_groups)))

    @property
    def group_sizes(self) -> list[int]:
        """The bytes of each row group, unpacked."""
        metadata = self._file.metadata
        return [metadata.row_group(k).total_byte_size for k in self._groups]

    def batches(self, column: str) -> Iterator[Any]:
        """The rows, some at a time, with one column."""
        yield from self._file.iter_batches(
            ROWS, row_groups=self._groups, columns=[column], use_threads=False
        )


class _Arrow:
    def __init__(self, file: Any) -> None:
        from pyarrow import ipc

        is_file = file.read(len(ARROW_FILE)) == ARROW_FILE
        file.seek(0)
        self._reader = ipc.open_file(file) if is_file else ipc.open_stream(file)
        self._is_file, self.names = is_file, self._reader.schema.names

    def batches(self, _column: str) -> Iterator[Any]:
        """The rows, some at a time."""
        if self._is_file:
            yield from map(self._reader.get_batch, range(self._reader.num_record_batches))
        else:
            yield from self._reader


# --- datasets ---------------------------------------------------------------------------------------------------------


def dataset_sources(folder: Path, field: str | None, notes: Notes) -> list[TextSource] | None:
    """The tables of a dataset that `datasets` has saved in a folder; None if the folder has none.

    Of a dataset with several splits the one called `train` is read.

    Args:
        folder: the folder.
        field: the column that is to be read.
        notes: gets a note of other splits.

    Raises:
        DataError: there is no such split, or no column is asked for.
    """
    if (splits := _record(folder / SPLITS)) is not None:
        found = _names(folder / SPLITS, splits.get("splits"))
        if TRAIN not in found:
            raise DataError(
                f"{folder} is a dataset without the split {TRAIN!r}; it has {', '.join(found)}",
                f"name one: {folder / found[0]}" if found else "",
            )
        for other in found:
            if other != TRAIN:
                notes.skip(other, "another split of the dataset")
        return dataset_sources(folder / TRAIN, field, notes)
    state = _record(folder / STATE)
    if state is None or not (folder / INFO).is_file() or "_data_files" not in state:
        return None
    if state.get("_indices_data_files"):
        raise DataError(
            f"{folder} is a dataset whose rows are in another order than its files",
            "save it again: dataset.flatten_indices().save_to_disk(FOLDER)",
        )
    files = state["_data_files"]
    listed = files if isinstance(files, list) else [files]
    inside = [file.get("filename") if isinstance(file, dict) else None for file in listed]
    sources = [file_source(folder / name) for name in _names(folder / STATE, inside)]
    if field is None:
        names = ", ".join(column_names(sources[0], "arrow")) if sources else "none"
        raise DataError.naming(
            "{folder} is a dataset with the columns {names}",
            "{field:NAME} reads one of them, each value as a separate text",
            folder=folder,
            names=names,
        )
    return sources


def _names(path: Path, found: Any) -> list[str]:
    """Names of files or folders that a record has.

    Raises:
        DataError: they are no list of names, or one leads elsewhere.
    """
    names: list[Any] = found if isinstance(found, list) else [None]
    if not all(isinstance(n, str) and n == Path(n).name not in ("", "..") for n in names):
        raise DataError(f"{path} is damaged: it does not list files beside it")
    return names


def _record(path: Path) -> dict[str, Any] | None:
    if not path.is_file():  # a pipe or a device may never end
        return None
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
