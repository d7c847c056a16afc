"""Dumps that are tables: a row for each symbol, a column for each unit, as .csv, .jsonl or .parquet.

Numbers in .csv and .jsonl have nine significant digits, from which the same float32 can be read back.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import numpy as np

from charrnn.errors import EnvironmentFault
from charrnn.interpret.dumps.header import VERSION, Header
from charrnn.interpret.dumps.places import Part
from charrnn.interpret.recording import RecordedModel

NUMBER = "%.9g"
HEAD = {
    "position": "%d",
    "offset": "%d",
    "item": "%d",
    "id": "%d",
    "text": "%s",
    "surprisal": NUMBER,
}
ROW_GROUP = 1 << 26
"""The approximate size in bytes of a .parquet row group. Each group takes memory until the file is closed."""


def write_csv(file: IO[bytes], header: Header, parts: Iterable[Part]) -> None:
    """Write a .csv file in UTF-8; text is in double quotes, and rows end with a newline."""
    columns = _columns(header)
    source = _csv_text(source_line(header.source)).replace("%", "%%")
    file.write((",".join((*columns, "source")) + "\n").encode())
    template = ",".join((*columns.values(), source)) + "\n"
    _write_rows(file, header, parts, template, _csv_text, None)


def write_jsonl(file: IO[bytes], header: Header, parts: Iterable[Part]) -> None:
    """Write a .jsonl file: an object on each line, with a key for each column. Numbers that are not finite are null."""
    pairs = [f"{json.dumps(name)}: {field}" for name, field in _columns(header).items()]
    pairs.append('"source": ' + json.dumps(source_line(header.source)).replace("%", "%%"))
    _write_rows(file, header, parts, "{" + ", ".join(pairs) + "}\n", json.dumps, "null")


def write_parquet(file: IO[bytes], header: Header, parts: Iterable[Part]) -> None:
    """Write a .parquet file; its schema has the header in its metadata under `charrnn`.

    Raises:
        EnvironmentFault: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            "a .parquet file needs pyarrow, which is not installed",
            "pip install pyarrow",
        ) from error

    types = {"%d": pa.int32(), "%s": pa.string(), NUMBER: pa.float32()}
    long = {"position": pa.int64(), "offset": pa.int64()}
    fields = [(n, long.get(n, types[field])) for n, field in _columns(header).items()]
    schema = pa.schema(fields, metadata={"charrnn": header.to_json()})
    options = {"use_dictionary": ["text"], "write_statistics": False}
    tables = (pa.table(_arrays(header, part), schema=schema) for part in parts)
    with parquet.ParquetWriter(file, schema, **options) as writer:
        for group in _groups(tables, ROW_GROUP // (4 * len(fields))):
            writer.write_table(pa.concat_tables(group))


def source_line(source: RecordedModel) -> str:
    """The format and the model in a line, "charrnn/2 lstm char 0123456789abcdef", followed by its edits."""
    model = (source.cell, source.level, source.fingerprint)
    return " ".join((f"charrnn/{VERSION}", *model, *source.edits))


def _columns(header: Header) -> dict[str, str]:
    """The name of each column and the format of its values."""
    ranks = range(1, header.predictions + 1)
    fields = dict(HEAD) | dict.fromkeys(header.addresses, NUMBER)
    for k in ranks:
        fields |= {f"next_id_{k}": "%d", f"next_text_{k}": "%s", f"next_probability_{k}": NUMBER}
    return fields


def _write_rows(
    file: IO[bytes],
    header: Header,
    parts: Iterable[Part],
    template: str,
    quoted: Callable[[str], str],
    missing: str | None,
) -> None:
    """Write a line of text for each symbol.

    Args:
        file: the open file.
        header: says what the columns are.
        parts: the rows.
        template: a line with a placeholder for each value.
        quoted: writes a text as the format wants it.
        missing: replaces numbers that are not finite; None writes them as they are.
    """
    for part in parts:
        own = part.recording
        numbers = np.column_stack([own.surprisal, header.table(own)])
        rows: Iterable[list[Any]] = numbers.tolist()
        line = template
        if missing is not None and not np.isfinite(numbers).all():
            line = template.replace(NUMBER, "%s")
            rows = [[NUMBER % x if math.isfinite(x) else missing for x in row] for row in rows]
        texts = map(quoted, own.pieces)
        columns = zip(_heads(part), texts, rows, _guesses(part, quoted), strict=True)
        lines = [line % (*head, text, *row, *guess) for head, text, row, guess in columns]
        file.write("".join(lines).encode())


def _heads(part: Part) -> Iterator[tuple[int, ...]]:
    """The position, offset, item and id of each symbol of a part."""
    positions = range(part.recording.start, part.recording.start + len(part.offsets))
    columns = (part.offsets, part.items, part.recording.ids)
    return zip(positions, *(column.tolist() for column in columns), strict=True)


def _guesses(part: Part, quoted: Callable[[str], str]) -> Iterator[list[Any]]:
    """The guesses after each symbol of a part: id, text and probability in turn."""
    own = part.recording
    texts = list(map(quoted, own.next_text))
    for ids, chances in zip(own.next_ids.tolist(), own.next_probabilities.tolist(), strict=True):
        yield [x for k, chance in zip(ids, chances, strict=True) for x in (k, texts[k], chance)]


def _csv_text(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _groups(tables: Iterable[Any], rows: int) -> Iterator[list[Any]]:
    """Tables in groups that have at least `rows` rows together, but for the last."""
    group: list[Any] = []
    for table in tables:
        group.append(table)
        if sum(t.num_rows for t in group) >= rows:
            yield group
            group = []
    if group:
        yield group


def _arrays(header: Header, part: Part) -> list[Any]:
    """The values of a part, an array for each column."""
    own = part.recording
    positions = np.arange(own.start, own.start + len(own.ids))
    head = [positions, part.offsets, part.items, own.ids, list(own.pieces), own.surprisal]
    guesses = [
        column
        for ids, chances in zip(own.next_ids.T, own.next_probabilities.T, strict=True)
        for column in (ids, [own.next_text[k] for k in ids.tolist()], chances)
    ]
    return [*head, *np.ascontiguousarray(header.table(own).T), *guesses]
