"""What one process reads of a large text: a range of a large file, a large file, or many small ones."""

import contextlib
import dataclasses
import json
import os
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import IO, Any

from charrnn.config import CorpusConfig
from charrnn.errors import CharrnnError
from charrnn.text.columns import group_sizes
from charrnn.text.decoding import encoding_of
from charrnn.text.encoding.shards import SHARD
from charrnn.text.kinds import LINES, RECORDS, items_of
from charrnn.text.sources import COMPRESSED, Part, TextSource
from charrnn.text.tables import divisible_header, table_kind

MOST_FILES = 2000
"""Files of a task, at most."""
SEARCHED = 1 << 12
"""Bytes in which the end of a line is looked for, to cut a running text there."""
PIECE = 1 << 20
"""Bytes in which the end of a record is looked for at once."""
CONTINUES = range(0x80, 0xC0)
"""Bytes inside a character of UTF-8."""

Cut = Callable[[IO[bytes], int, int], int]
"""Where to end a range of a file, given the file, about this end, and the file's size."""


@dataclass(frozen=True)
class Task:
    """Some files, or a range of one, which one process reads."""

    part: Part
    paths: tuple[str, ...]
    folder: str | None = None
    """The folder that a file is left out of if it is no text; None: it was named, and must be one."""
    begin: int = 0
    end: int | None = None
    """The range in a single file: of bytes, or of row groups of a Parquet file; None: the files are read as a whole."""
    head: int = 0
    """The bytes at the file's start, before the range, that are read with it: the header of a table."""
    is_last: bool = True
    """Whether the file ends with it."""
    size: int = 0
    """The bytes of all its files, or of the range."""

    @property
    def name(self) -> str:
        """A name that no other task has."""
        return f"{zlib.crc32(json.dumps(dataclasses.astuple(self)).encode()):08x}"

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Task":
        """A task from its record."""
        return cls(**(record | {"paths": tuple(record["paths"])}))


def tasks_of(
    sources: Sequence[TextSource],
    sizes: Sequence[int],
    config: CorpusConfig,
    undivided: Container[str] = (),
) -> list[Task]:
    """The tasks that read a text, in the order of the text; each source has a path.

    Args:
        sources: the sources.
        sizes: the size of each in bytes.
        config: how they are read.
        undivided: paths of large files that are not to be divided.
    """
    tasks: list[Task] = []
    for (part, folder), some in groupby(
        zip(sources, sizes, strict=True), lambda pair: (pair[0].part, pair[0].folder)
    ):
        held: list[tuple[str, int]] = []
        is_bounded = part == "train" and config.max_chars is not None  # counted file after file
        for source, size in some:
            held.append((str(source.path), size))
            if is_bounded:
                continue
            if size > SHARD:
                tasks += _several(held[:-1], part, folder)
                whole = Task(part, (str(source.path),), folder, size=size)
                divided = str(source.path) not in undivided and _divided(whole, source, config)
                tasks += divided or [whole]
                held = []
            elif _is_full(held):
                tasks += _several(held, part, folder)
                held = []
        tasks += _several(held, part, folder)
    return tasks


def _is_full(held: Sequence[tuple[str, int]]) -> bool:
    return len(held) >= MOST_FILES or sum(size for _, size in held) >= SHARD


def _several(held: Sequence[tuple[str, int]], part: Part, folder: str | None) -> list[Task]:
    if not held:
        return []
    paths = tuple(path for path, _ in held)
    return [Task(part, paths, folder, size=sum(size for _, size in held))]


def _divided(whole: Task, source: TextSource, config: CorpusConfig) -> list[Task]:
    """The tasks of a large file, given the one that reads all of it; empty if it is to be read as a whole."""
    if not _is_plain(source, config):
        return []
    kind = table_kind(source) if config.field is not None else None
    if kind == "parquet":
        return _by_groups(whole, source)
    head = divisible_header(source) if kind == "csv" else 0
    cut = _cut_for(kind, config, head)
    return [*_by_bytes(whole, cut, head)] if cut else []


def _by_bytes(whole: Task, cut: Cut, head: int) -> Iterator[Task]:
    begin, size = 0, whole.size
    with Path(whole.paths[0]).open("rb") as file:
        while begin < size:
            end = cut(file, begin + SHARD, size)
            yield dataclasses.replace(
                whole,
                begin=begin,
                end=end,
                head=head if begin else 0,
                is_last=end == size,
                size=end - begin,
            )
            begin = end


def _by_groups(whole: Task, source: TextSource) -> list[Task]:
    """The tasks of a Parquet file, each of some row groups; empty if it cannot be read, which is then said as usual."""
    sizes: list[int] = []
    with contextlib.suppress(CharrnnError):
        sizes = group_sizes(source)
    ends = [0, *accumulate(sizes)]
    cuts = [0]
    for k in range(1, len(ends)):
        if ends[k] - ends[cuts[-1]] >= SHARD or k == len(sizes):
            cuts.append(k)
    places = [whole.size * end // max(1, ends[-1]) for end in ends]
    return [
        dataclasses.replace(
            whole, begin=a, end=b, is_last=b == len(sizes), size=places[b] - places[a]
        )
        for a, b in pairwise(cuts)
    ]


def _cut_for(kind: str | None, config: CorpusConfig, head: int) -> Cut | None:
    """How to cut a file into ranges whose texts, one after another, are its text; None: it is read as a whole.

    Args:
        kind: the kind of table whose field is read; None: it is read as a text.
        config: how it is read.
        head: the bytes of the header of a .csv file; 0: its rows cannot be told.
    """
    if config.field is not None:
        return _behind_line if kind == "jsonl" else _behind_row if head else None
    items, separator = items_of(config), config.separator
    if config.normalize or items not in (None, LINES, RECORDS):
        return None
    if separator is None:
        return _behind_line_or_character
    is_converted = config.level == "char" and not config.keep_newlines
    if is_converted and "\r" in separator:
        return None
    sign = separator.encode("utf-8", "surrogateescape")
    foreign = b"\r" if is_converted and "\n" in separator else b""
    return partial(_behind_separator, sign, foreign)


def _is_plain(source: TextSource, config: CorpusConfig) -> bool:
    """Whether a file is not compressed, and is UTF-8 if it is decoded."""
    assert source.path
    with Path(source.path).open("rb") as file:
        start = file.read(SEARCHED)
    if any(start.startswith(sign) for sign, _, _ in COMPRESSED):
        return False
    is_decoded = config.level == "char" or config.field is not None
    return not is_decoded or encoding_of(start, config.encoding)[0] in ("utf-8", "utf-8-sig")


def _behind_line_or_character(file: IO[bytes], at: int, size: int) -> int:
    """Behind a line, or else between two characters."""
    if at + SEARCHED >= size:
        return size
    file.seek(at - 1)
    near = file.read(SEARCHED)
    if (newline := near.find(b"\n")) >= 0:
        return at + newline
    for k in range(1, 8):
        if near[k] not in CONTINUES and near[k - 1] != ord("\r"):
            return at - 1 + k
    return at


def _behind_line(file: IO[bytes], at: int, size: int) -> int:
    return min(size, _found(file, b"\n", at - 1, size) + 1)


def _behind_row(file: IO[bytes], at: int, size: int) -> int:
    """Behind a row of a .csv file: a line before whose end the quotes are paired, from the last place on."""
    file.seek(at - SHARD)
    is_quoted, left = False, SHARD
    while left and (piece := file.read(min(PIECE, left))):
        left -= len(piece)
        is_quoted ^= piece.count(b'"') % 2 == 1
    while line := file.readline(PIECE):
        at += len(line)
        is_quoted ^= line.count(b'"') % 2 == 1
        if not is_quoted and line.endswith(b"\n"):
            return at
    return size


def _behind_separator(separator: bytes, foreign: bytes, file: IO[bytes], at: int, size: int) -> int:
    """Behind a separator that is one however the text is divided: none begins shortly before it and overlaps it.

    Args:
        separator: what stands between two records.
        foreign: a line end that is converted, so that there may be a separator where none is seen.
        file: the file.
        at: where the range is to end at the earliest.
        size: the size of the file.
    """
    reach = len(separator) - 1
    while (found := _found(file, separator, at, size)) < size:
        first = max(0, found - reach)
        file.seek(first)
        near = file.read(found - first + reach)
        if separator not in near and not (foreign and foreign in near):
            return found + len(separator)
        at = found + PIECE
    return size


def _found(file: IO[bytes], sign: bytes, at: int, size: int) -> int:
    """Where some bytes first stand in a file from a place on; its size if they do not."""
    held = b""
    file.seek(at)
    while piece := file.read(PIECE):
        near = held + piece
        if (found := near.find(sign)) >= 0:
            return at - len(held) + found
        at += len(piece)
        held = near[len(near) - len(sign) + 1 :]
    return size


def num_processes(tasks: Sequence[object]) -> int:
    """How many processes do some tasks: as many as there are cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, len(tasks)))
