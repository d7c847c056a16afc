"""Dumps that are tables: a row a symbol, a column a unit, as .csv, .jsonl or .parquet.

Numbers of a text table have nine significant digits, which give the same float32 back.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import numpy as np

from charrnn.errors import EnvironmentFault
from charrnn.interpret.dumps.header import VERSION, Facts, offsets
from charrnn.interpret.recording import Recording, Source

NUMBER = "%.9g"
HEAD = {"position": "%d", "offset": "%d", "id": "%d", "text": "%s", "surprisal": NUMBER}
ROW_GROUP = 1 << 26
"""Bytes of a row group of .parquet, about: each group takes memory until the file is closed."""


def write_csv(file: IO[bytes], facts: Facts, parts: Iterable[Recording]) -> None:
    """Write a .csv file in UTF-8; what is no number stands in double quotes, and rows end with a newline."""
    columns = _columns(facts)
    source = _csv_text(source_line(facts.source)).replace("%", "%%")
    file.write((",".join((*columns, "source")) + "\n").encode())
    template = ",".join((*columns.values(), source)) + "\n"
    _write_rows(file, facts, parts, template, _csv_text, None)


def write_jsonl(file: IO[bytes], facts: Facts, parts: Iterable[Recording]) -> None:
    """Write a .jsonl file: an object a line, with a key a column. What is no finite number is null."""
    pairs = [f"{json.dumps(name)}: {field}" for name, field in _columns(facts).items()]
    pairs.append('"source": ' + json.dumps(source_line(facts.source)).replace("%", "%%"))
    _write_rows(file, facts, parts, "{" + ", ".join(pairs) + "}\n", json.dumps, "null")


def write_parquet(file: IO[bytes], facts: Facts, parts: Iterable[Recording]) -> None:
    """Write a .parquet file; its schema has the facts as metadata under `charrnn`.

    Raises:
        EnvironmentFault: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            "a .parquet file needs pyarrow, which is not installed",
            "pip install 'charrnn[parquet]'",
        ) from error

    types = {"position": pa.int64(), "offset": pa.int64(), "text": pa.string()}
    fields = [
        (name, types.get(name, pa.int32() if field == "%d" else pa.float32()))
        for name, field in _columns(facts).items()
    ]
    schema = pa.schema(fields, metadata={"charrnn": facts.to_json()})
    options = {"use_dictionary": ["text"], "write_statistics": False}
    tables = (pa.table(_arrays(facts, part), schema=schema) for part in parts)
    with parquet.ParquetWriter(file, schema, **options) as writer:
        for group in _groups(tables, ROW_GROUP // (4 * len(fields))):
            writer.write_table(pa.concat_tables(group))


def source_line(source: Source) -> str:
    """The format's version and the model in a line: "charrnn/1 lstm char 0123456789abcdef", and its edits."""
    model = (source.cell, source.level, source.fingerprint)
    return " ".join((f"charrnn/{VERSION}", *model, *source.edits))


def _columns(facts: Facts) -> dict[str, str]:
    """The columns and how their values are formatted."""
    ranks = range(1, facts.predictions + 1)
    guesses = [(f"next_id_{k}", f"next_probability_{k}") for k in ranks]
    fields = dict(HEAD) | dict.fromkeys(facts.addresses, NUMBER)
    for symbol, probability in guesses:
        fields |= {symbol: "%d", probability: NUMBER}
    return fields


def _write_rows(
    file: IO[bytes],
    facts: Facts,
    parts: Iterable[Recording],
    template: str,
    quoted: Callable[[str], str],
    missing: str | None,
) -> None:
    """Write a line of text for each symbol.

    Args:
        file: where they go.
        facts: what the columns are.
        parts: what the rows are.
        template: a line, with a place for each value.
        quoted: how text is written.
        missing: what stands for numbers that are not finite, if they cannot be written.
    """
    for part in parts:
        numbers = np.column_stack([part.surprisal, facts.table(part)])
        rows: Iterable[list[Any]] = numbers.tolist()
        line = template
        if missing is not None and not np.isfinite(numbers).all():
            line = template.replace(NUMBER, "%s")
            rows = [[NUMBER % x if math.isfinite(x) else missing for x in row] for row in rows]
        texts = map(quoted, part.pieces)
        columns = zip(_heads(part), texts, rows, _guesses(part), strict=True)
        lines = [line % (*head, text, *row, *guess) for head, text, row, guess in columns]
        file.write("".join(lines).encode())


def _heads(part: Recording) -> Iterator[tuple[int, int, int]]:
    """Position, offset and id of each symbol."""
    first = part.start
    positions = range(first, first + len(part.ids))
    return zip(positions, offsets(part).tolist(), part.ids.tolist(), strict=True)


def _guesses(part: Recording) -> Iterator[list[float]]:
    """The guesses after each symbol: id and probability in turn."""
    for ids, chances in zip(part.next_ids.tolist(), part.next_probabilities.tolist(), strict=True):
        yield [value for pair in zip(ids, chances, strict=True) for value in pair]


def _csv_text(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _groups(tables: Iterable[Any], rows: int) -> Iterator[list[Any]]:
    """Tables that have so many rows together, or a few more."""
    group: list[Any] = []
    for table in tables:
        group.append(table)
        if sum(t.num_rows for t in group) >= rows:
            yield group
            group = []
    if group:
        yield group


def _arrays(facts: Facts, part: Recording) -> list[Any]:
    """The columns of a part."""
    first = part.start
    head = [np.arange(first, first + len(part.ids)), offsets(part), part.ids, list(part.pieces)]
    guesses = zip(part.next_ids.T, part.next_probabilities.T, strict=True)
    pairs = [column for pair in guesses for column in pair]
    return [*head, part.surprisal, *np.ascontiguousarray(facts.table(part).T), *pairs]
