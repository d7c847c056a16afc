"""What the tasks have read, joined to one text as a small text is joined of its files, and its fingerprint."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.text.encoding.reading import Reading
from charrnn.text.encoding.shards import Shard
from charrnn.text.encoding.tasks import Task
from charrnn.text.folders import text_file
from charrnn.text.kinds import item_end_of
from charrnn.text.numbering import texts_of
from charrnn.text.sources import Notes, Part, file_source

HASHED = 1 << 22
"""Bytes whose hashing is reported at once."""


def changed() -> DataError:
    """The error for a text that is not what it was a moment ago."""
    return DataError(
        "the corpus changed while it was being read",
        "try again when no other program is writing to it",
    )


class Joined:
    """A text that grows by one task after another.

    Args:
        config: how the text is read.
        notes: gets the notes of all tasks.
        hashed: called with the bytes whose fingerprint has been made.
    """

    def __init__(
        self, config: CorpusConfig, notes: Notes, hashed: Callable[[int], object] = lambda _: None
    ) -> None:
        self.shards: list[Shard] = []
        self.parts: list[Part] = []
        """The part of each shard."""
        self.notes = notes
        self._config, self._hashed = config, hashed
        self._end = item_end_of(config)
        self._digest, self._named = hashlib.sha256(), "train"
        self._part: Part = "train"
        self._is_open = self._is_broken_off = self._has_field = False
        self._last = ""
        self._held: list[tuple[Task, Reading | None]] = []

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the text so far."""
        return self._digest.hexdigest()

    def add(self, task: Task, reading: Reading | None) -> None:
        """Add what a task has read; None: it was refused.

        Raises:
            DataError: it was refused, and was to be read.
        """
        if task.folder is None or task.end is None:
            self._add(task, reading)
            return
        self._held.append((task, reading))  # a file of a folder is left out as a whole
        if task.is_last:
            held, self._held = self._held, []
            if all(reading for _, reading in held):
                for pair in held:
                    self._add(*pair)
            elif text_file(task.paths[0], task.folder, self._config, self.notes):
                self._add(task, None)

    def _add(self, task: Task, reading: Reading | None) -> None:
        if reading is None:
            _refuse(task, self._config)
            raise changed()
        if task.part != self._part:
            self._part, self._is_open, self._last = task.part, False, ""
        self._merge(reading.notes)
        shards = [shard for shard in reading.shards if shard.characters]
        self._has_field = bool(shards) or (self._has_field and task.begin > 0)
        if self._config.field and task.is_last and not self._has_field:
            _refuse(task, self._config)
        if shards and self._is_broken_off:
            self.notes.is_utf8 = False
        if reading.is_whole:
            self._bound(shards, is_start=True)
            self._is_open = reading.notes.is_open if shards else self._is_open
        else:
            self._continue(task, reading, shards)
        if shards:
            self._is_broken_off = reading.is_broken_off
        for shard in shards:
            self._take(shard)

    def _continue(self, task: Task, reading: Reading, shards: list[Shard]) -> None:
        """Bounds of a range of a file, where the file begins or ends."""
        if not task.begin:
            self._last = ""
        self._bound(shards, is_start=not self._last)
        self._last = reading.last or self._last
        if not task.is_last:
            return
        self.notes.num_read += 1
        if self._end and self._last not in ("", self._end):
            if not shards:
                shards.append(Shard([], 0))
            _extend(shards[-1], self._end, at_end=True)
        if self._last:
            self._is_open = self._end is None and self._config.tidied and self._last != "\n"

    def _bound(self, shards: Sequence[Shard], *, is_start: bool) -> None:
        """End the file before with a newline, if this is the start of another."""
        if shards and is_start and self._is_open:
            self.notes.num_ended += 1
            _extend(shards[0], "\n", at_end=False)

    def _take(self, shard: Shard) -> None:
        if self._part != self._named:
            self._digest.update(self._part.encode())
            self._named = self._part
        size = 0
        for piece in shard.pieces():
            self._digest.update(piece)
            size += len(piece)
        self._hashed(size)
        self.notes.lengths[self._part] += shard.characters
        self.shards.append(shard)
        self.parts.append(self._part)

    def _merge(self, new: Notes) -> None:
        notes = self.notes
        notes.newlines |= new.newlines
        notes.marks |= new.marks
        notes.num_marks += new.num_marks
        for reason, names in new.skipped.items():
            for name in names:
                notes.skip(name, reason, new.remedies.get(reason, ""))
        notes.truncated |= new.truncated
        notes.num_read += new.num_read
        notes.is_utf8 &= new.is_utf8
        notes.num_ended += new.num_ended


def _extend(shard: Shard, text: str, *, at_end: bool) -> None:
    """Add a character to a shard, before or behind all others."""
    shard.segments.insert(len(shard.segments) if at_end else 0, text)
    shard.characters += 1
    counts = dict(zip(shard.points, shard.counts, strict=True))
    counts[ord(text)] = counts.get(ord(text), 0) + 1
    shard.points = sorted(counts)
    shard.counts = [counts[point] for point in shard.points]


def _refuse(task: Task, config: CorpusConfig) -> None:
    """Read the files of a task from their starts, for the error with its line and place."""
    for path in task.paths:
        source = replace(file_source(Path(path)), part=task.part)
        for _ in texts_of([source], config, Notes()):
            pass
