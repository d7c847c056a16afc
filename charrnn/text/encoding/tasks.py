"""What one process reads of a large text: a range of a large file, a large file, or many small ones."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from charrnn.config import CorpusConfig
from charrnn.text.decoding import encoding_of
from charrnn.text.encoding.shards import SHARD
from charrnn.text.kinds import LINES, RECORDS, items_of
from charrnn.text.sources import COMPRESSED, Part, TextSource
from charrnn.text.tables import table_kind

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
    """The range of bytes in a single file; None: the files are read as a whole."""
    is_last: bool = True
    """Whether the file ends with it."""
    size: int = 0
    """The bytes of all its files, or of the range."""

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Task":
        """A task from its record."""
        return cls(**(record | {"paths": tuple(record["paths"])}))


def tasks_of(
    sources: Sequence[TextSource], sizes: Sequence[int], config: CorpusConfig
) -> list[Task]:
    """The tasks that read a text, in the order of the text; each source has a path.

    Args:
        sources: the sources.
        sizes: the size of each in bytes.
        config: how they are read.
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
                tasks += _of_large(source, size, config, folder)
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


def _of_large(
    source: TextSource, size: int, config: CorpusConfig, folder: str | None
) -> Iterator[Task]:
    """The tasks of a large file."""
    path = str(source.path)
    cut = _cut_for(source, config)
    if cut is None:
        yield Task(source.part, (path,), folder, size=size)
        return
    begin = 0
    with Path(path).open("rb") as file:
        while begin < size:
            end = cut(file, begin + SHARD, size)
            yield Task(source.part, (path,), folder, begin, end, end == size, end - begin)
            begin = end


def _cut_for(source: TextSource, config: CorpusConfig) -> Cut | None:
    """How to cut a file into ranges whose texts, one after another, are its text; None: it is read as a whole."""
    if not _is_plain(source, config):
        return None
    if config.field is not None:
        return _behind_line if table_kind(source) == "jsonl" else None
    kind, separator = items_of(config), config.separator
    if config.normalize or kind not in (None, LINES, RECORDS):
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
