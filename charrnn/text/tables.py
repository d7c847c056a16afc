"""Tables of texts: one column of a .csv or .tsv file, one key of a .jsonl or .json file, each value a text of its own.

Columns of .parquet and .arrow files are read by `charrnn.text.columns`.

A key of a nested object is written with a dot: message.text. Lists on the way are read through, so that messages.text
reads each of {"messages": [{"text": ...}, ...]}. A dot alone means the strings of a list that has no keys: ["...", ...].
"""

import csv
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault
from charrnn.text.columns import BINARY, column_names, rows
from charrnn.text.decoding import text_pieces
from charrnn.text.sources import Notes, TextSource, byte_pieces
from charrnn.wording import did_you_mean, escape, listed

DELIMITERS = ",;\t|"
"""What may stand between two columns, the usual one first."""
TAB_SUFFIXES = (".tsv", ".tab")
LONGEST_VALUE = 1 << 30
"""Characters of a value of a .csv file, of a line, and of a .json file, at most."""
LONGEST_HEADER = 1 << 16
"""Bytes of the header of a .csv file that is read in parts, at most."""
ITSELF = "."
"""The field of values that are plain strings, without a key."""
SEEN_PIECES = 16
"""Pieces of a file that are read to list its keys; of a longer .json file they are not listed."""
SEEN_RECORDS = 100
"""Records at the start of a file whose keys are listed."""
COMPRESSED = (".gz", ".xz", ".bz2", ".zst")
KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    **BINARY,
}


class NoFieldError(DataError):
    """A table has no such field."""


class TornRowError(DataError):
    """A part of a table ends inside a row."""


def _suffix(source: TextSource) -> str:
    """The ending of a source's name, below that of its compression."""
    stem, suffix = os.path.splitext(source.name)  # noqa: PTH122 (quicker, for many files)
    if suffix.lower() in COMPRESSED:
        suffix = os.path.splitext(stem)[1]  # noqa: PTH122
    return suffix.lower()


def table_kind(source: TextSource) -> str | None:
    """What kind of table a source is by its name's ending: csv, parquet, ... or None; of a pipe, by how it begins."""
    if source.name != "standard input":
        return KINDS.get(_suffix(source))
    start = next(byte_pieces(source), b"")[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        return "jsonl"
    return "json" if start.startswith(b"[") else "csv"


def values(source: TextSource, config: CorpusConfig, notes: Notes) -> Iterator[str]:
    """The values of `config.field` in a table, in order, without the empty ones.

    Raises:
        NoFieldError: the source has no such field.
        TornRowError: it does not end its file, and ends inside a row.
        DataError: it is damaged.
    """
    assert config.field is not None
    kind, pieces = table_kind(source), _text_pieces(source, config, notes)
    if is_binary(source):
        found = _values_of(source, _rows(source, str(kind), config.field), config.field)
    elif kind == "csv":
        found = _column(source, pieces, config.field)
    else:
        objects = _objects(source, pieces) if kind == "jsonl" else [_whole(source, pieces)]
        found = _values_of(source, objects, config.field)
    return (value for value in found if value)


def is_binary(source: TextSource) -> bool:
    """Whether a source is a table that is no text."""
    return table_kind(source) in BINARY.values()


def _rows(source: TextSource, kind: str, field: str) -> Iterator[Any]:
    """The rows of a table, with the column that has a field: a column of its own, or a key inside one."""
    names = column_names(source, kind)
    own = [name for name in names if field == name or field.startswith(f"{name}.")]
    if not own:
        raise _lacks(source, field, names, "column")
    return rows(source, kind, max(own, key=len))


def field_names(source: TextSource, config: CorpusConfig) -> list[str]:
    """The columns or keys of a table whose values are texts or numbers; empty if it is none, or cannot be read."""
    kind = table_kind(source)
    if kind is None or source.name == "standard input":
        return []
    pieces = itertools.islice(_text_pieces(source, config, Notes()), SEEN_PIECES)
    try:
        if is_binary(source):
            return column_names(source, kind)
        if kind == "csv":
            return _header(source, _lines(source, pieces))[0]
        objects = _objects(source, pieces) if kind == "jsonl" else [_whole(source, pieces)]
        return _fields(objects)
    except (DataError, EnvironmentFault, RecursionError):
        return []


def _text_pieces(source: TextSource, config: CorpusConfig, notes: Notes) -> Iterator[str]:
    """The characters of a table, also in a model of bytes."""
    characters = CorpusConfig(encoding=config.encoding, keep_newlines=config.keep_newlines)
    return text_pieces(source, characters, notes)


def _lines(source: TextSource, pieces: Iterable[str]) -> Iterator[str]:
    """A text's lines, with their ends."""
    rest: list[str] = []
    for piece in _bounded(source, pieces, "line", "\n"):
        first, *others = piece.split("\n")
        rest.append(first)
        if others:
            yield "".join(rest) + "\n"
            yield from (line + "\n" for line in others[:-1])
            rest = others[-1:]
    if last := "".join(rest):
        yield last


def _bounded(source: TextSource, pieces: Iterable[str], noun: str, end: str) -> Iterator[str]:
    """The pieces of a text of which one part is held in memory at a time.

    Args:
        source: the text.
        pieces: its pieces.
        noun: what a part is.
        end: the character that ends a part; "": the text is one part.

    Raises:
        DataError: a part has more than LONGEST_VALUE characters.
    """
    length = 0
    for piece in pieces:
        is_end = bool(end) and end in piece
        length = len(piece) - piece.rindex(end) if is_end else length + len(piece)
        if length > LONGEST_VALUE:
            raise DataError(f"{source.name} has a {noun} of more than {LONGEST_VALUE:,} characters")
        yield piece


# --- CSV --------------------------------------------------------------------------------------------------------------


def _header(source: TextSource, lines: Iterator[str]) -> tuple[list[str], Iterator[list[str]]]:
    """The names of the columns, and the other rows; the delimiter is the one that makes most columns of the header."""
    csv.field_size_limit(LONGEST_VALUE)
    first = next(lines, "")
    delimiter = _delimiter(source, first)
    if delimiter == "\t":
        names = _tab_row([first]) or _plain_row(first)
        return [name.strip() for name in names], _tab_rows(lines, len(names))
    rows = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
    return [name.strip() for name in next(rows, [])], rows


def divisible_header(source: TextSource) -> int:
    """The bytes of the header of a .csv file in UTF-8 whose rows can be told by their quotes; 0 if they cannot.

    A quote that is not one of a pair, as between two inches, is seen when the rows are read (`TornRowError`).
    """
    with source.open() as file:
        start = file.read(LONGEST_HEADER)
    first, newline, _ = start.partition(b"\n")
    try:
        line = first.removesuffix(b"\r").decode("utf-8-sig")
        delimiter = _delimiter(source, line)
        header = [*csv.reader([line, ""], delimiter=delimiter)]
    except (UnicodeDecodeError, csv.Error):
        return 0
    is_whole = newline and "\r" not in line and header[1:] == [[]]
    return len(first) + 1 if is_whole and delimiter != "\t" else 0


def _tab_rows(lines: Iterator[str], num_columns: int) -> Iterator[list[str]]:
    """The rows of a table with tabs, of which some programs quote values and others do not.

    An opening quote that is not closed before a tab or the end of the row is a character of its value. A row of several
    columns extends over more lines only as long as a quote is open and there are no more tabs than columns need.
    """
    following: str | None = next(lines, None)
    while following is not None:
        held, num_quotes, num_tabs = [following], following.count('"'), following.count("\t")
        following = next(lines, None)
        while num_quotes % 2 and num_columns > 1 and following is not None:
            num_tabs += following.count("\t")
            if num_tabs >= num_columns:
                break
            held.append(following)
            num_quotes += following.count('"')
            following = next(lines, None)
        if row := _tab_row(held):
            yield row
        else:
            yield from (_tab_row([line]) or _plain_row(line) for line in held)


def _delimiter(source: TextSource, first: str) -> str:
    """What stands between two columns, given the first line."""
    usual = "\t" if _suffix(source) in TAB_SUFFIXES else ""
    return max(
        usual + DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), []))
    )


def _tab_row(lines: Sequence[str]) -> list[str]:
    """The values of a row with its quotes read; empty if they are not paired."""
    try:
        return next(csv.reader(lines, delimiter="\t", strict=True), [])
    except csv.Error:
        return []


def _plain_row(line: str) -> list[str]:
    return line.rstrip("\r\n").split("\t")


def _column(source: TextSource, pieces: Iterable[str], field: str) -> Iterator[str]:
    lines = _lines(source, pieces)
    if not source.is_end:  # a row of its own, unless the last row goes on with it
        lines = itertools.chain(lines, ["\n"])
    try:
        names, rows = _header(source, lines)
        if field not in names:
            raise _lacks(source, field, names, "column")
        at, row = names.index(field), []
        for row in rows:
            yield row[at] if at < len(row) else ""
        if row and not source.is_end:
            raise TornRowError(f"{source.name} ends inside a row")
    except csv.Error as error:
        raise DataError(f"{source.name} is not a readable table: {error}") from error


# --- JSON -------------------------------------------------------------------------------------------------------------


def _objects(source: TextSource, pieces: Iterable[str]) -> Iterator[Any]:
    """What each line of a .jsonl file holds."""
    for number, line in enumerate(_lines(source, pieces), 1):
        if line.strip():
            yield _parsed(source, line, f"line {number:,} of {source.name}")


def _whole(source: TextSource, pieces: Iterable[str]) -> Any:
    whole = "".join(_bounded(source, pieces, "value", ""))
    return _parsed(source, whole, source.name)


def _parsed(source: TextSource, text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        hint = "a file with one object a line is a .jsonl file" if where == source.name else ""
        raise DataError(f"{where} is not valid JSON: {error}", hint) from error


def _values_of(source: TextSource, objects: Iterable[Any], field: str) -> Iterator[str]:
    seen: list[Any] = []
    known = False
    try:
        for item in objects:
            if len(seen) < SEEN_RECORDS:
                seen.append(item)
            for value in _reached(item, field):
                known = True
                yield _as_text(source, field, value)
        if not known:
            raise _lacks(source, field, _fields(seen), "key")
    except RecursionError as error:
        raise DataError(f"{source.name} has lists or objects nested too deeply") from error


def _reached(item: Any, path: str) -> Iterator[Any]:
    """The values at a path of keys; lists are read through."""
    if isinstance(item, list):
        for part in item:
            yield from _reached(part, path)
    elif isinstance(item, str) and path == ITSELF:
        yield item
    elif isinstance(item, dict):
        if path in item:
            yield item[path]
            return
        key, dot, rest = path.partition(".")
        if dot and key in item:
            yield from _reached(item[key], rest)


def _as_text(source: TextSource, field: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "".join(value)
    if isinstance(value, (dict, list)):
        what = "an object" if isinstance(value, dict) else "a list"
        inner = [f"{field}.{name}" for name in _keys([value])]
        hint = f"give a key inside it: {listed(inner)}" if inner else ""
        raise DataError(f"{source.name}: {field} is {what}, not a text", hint)
    if isinstance(value, bytes):
        raise DataError(f"{source.name}: {field} is of bytes, not of text")
    return json.dumps(value, default=str)


def _fields(objects: Iterable[Any]) -> list[str]:
    """The keys of some objects, as `_keys` has them, or ITSELF for strings without a key."""
    seen = list(itertools.islice(_flat(objects), SEEN_RECORDS))
    return _keys(seen) or ([ITSELF] if any(isinstance(item, str) for item in seen) else [])


def _keys(objects: Iterable[Any]) -> list[str]:
    """The paths to the texts and numbers of some objects, in order of appearance."""
    found: dict[str, None] = {}
    seen = itertools.islice(_flat(objects), SEEN_RECORDS)
    for item in (item for item in seen if isinstance(item, dict)):
        for key, value in item.items():
            if isinstance(value, (dict, list)) and (inner := _keys([value])):
                found |= dict.fromkeys(f"{key}.{name}" for name in inner)
            elif not isinstance(value, (dict, list)) or all(isinstance(v, str) for v in value):
                found[key] = None
    return list(found)


def _flat(objects: Iterable[Any]) -> Iterator[Any]:
    """What lists hold, through lists of lists."""
    for item in objects:
        if isinstance(item, list):
            yield from _flat(item)
        else:
            yield item


def _lacks(source: TextSource, field: str, names: list[str], noun: str) -> NoFieldError:
    names = [escape(name) for name in names]
    if not names:
        return NoFieldError(f"{source.name} has no {noun} {field!r}, nor any other")
    if names == [ITSELF]:
        return NoFieldError.naming(
            "{name} has no keys: its values are plain strings",
            "{field:.} reads each as a separate text",
            name=source.name,
        )
    meant = did_you_mean(field, names)
    there = (
        f"its {noun}s are {listed(names)}" if len(names) > 1 else f"its only {noun} is {names[0]}"
    )
    return NoFieldError(f"{source.name} has no {noun} {field!r}; {there}", meant)
