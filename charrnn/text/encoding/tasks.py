"""What one process reads of a large text: a range of a large file, a large file, or many small ones."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from charrnn.config import CorpusConfig
from charrnn.text.decoding import encoding_of
from charrnn.text.encoding.shards import SHARD
from charrnn.text.kinds import LINES, items_of
from charrnn.text.sources import COMPRESSED, Part, TextSource
from charrnn.text.tables import table_kind

MOST_FILES = 2000
"""Files of a task, at most."""
SEARCHED = 1 << 12
"""Bytes in which the end of a line is looked for, to cut a file there."""
CONTINUES = range(0x80, 0xC0)
"""Bytes inside a character of UTF-8."""


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
    if not _is_divisible(source, config):
        yield Task(source.part, (path,), folder, size=size)
        return
    begin = 0
    with Path(path).open("rb") as file:
        while begin < size:
            end = _place_to_cut(file, begin + SHARD, size)
            yield Task(source.part, (path,), folder, begin, end, end == size, end - begin)
            begin = end


def _is_divisible(source: TextSource, config: CorpusConfig) -> bool:
    """Whether ranges of a file are texts of their own: plain text in which lines and characters can be told."""
    if items_of(config) not in (None, LINES) or config.normalize:
        return False
    if config.field is not None and table_kind(source):
        return False
    assert source.path
    with Path(source.path).open("rb") as file:
        start = file.read(SEARCHED)
    if any(start.startswith(sign) for sign, _, _ in COMPRESSED):
        return False
    return config.level == "byte" or encoding_of(start, config.encoding)[0] in (
        "utf-8",
        "utf-8-sig",
    )


def _place_to_cut(file: Any, at: int, size: int) -> int:
    """Where to end a range that has about this end: behind a line, or else between two characters."""
    if at + SEARCHED >= size:
        return size
    file.seek(at - 1)
    near = file.read(SEARCHED)
    if (newline := near.find(b"\n")) >= 0:
        return int(at + newline)
    for k in range(1, 8):
        if near[k] not in CONTINUES and near[k - 1] != ord("\r"):
            return at - 1 + k
    return at


def num_processes(tasks: Sequence[object]) -> int:
    """How many processes do some tasks: as many as there are cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, len(tasks)))
