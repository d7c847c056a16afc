"""A large text as a whole: read once by several processes, kept in the cache, and known again when it is read again."""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import CorpusConfig
from charrnn.errors import CharrnnError, EnvironmentFault
from charrnn.files import environment_fault
from charrnn.numerics import Ids
from charrnn.text.encoding.items import shuffle_items
from charrnn.text.encoding.joining import Joined, changed
from charrnn.text.encoding.numbering import table_of
from charrnn.text.encoding.processes import answers
from charrnn.text.encoding.reading import Reading, notes_from, notes_record
from charrnn.text.encoding.shards import has_size
from charrnn.text.encoding.stored import (
    CHECKED,
    StoredIds,
    folder_for,
    read_record,
    remove_older,
    require_room,
    state_of,
    wait_until_settled,
    with_checksum,
    write_record,
)
from charrnn.text.encoding.tasks import num_processes, tasks_of
from charrnn.text.encoding.worker import FAULT, REFUSED
from charrnn.text.items import Positions
from charrnn.text.numbering import CODE_POINTS
from charrnn.text.remarks import source_remarks
from charrnn.text.sources import Notes, TextSource
from charrnn.text.vocabulary import Vocabulary
from charrnn.wording import counted, size

MOST_NAMED = 3
"""Sources of a text that are named beside it."""
INDEX, READ, LOCK = "index.json", "read", ".lock"


@dataclasses.dataclass(frozen=True)
class Watch:
    """How the encoding of a text is shown."""

    say: Callable[[str], object] = lambda _: None
    """Receives a sentence: what is encoded, and what disk it takes."""
    progress: Callable[[str], Any] | None = None
    """Makes a bar for a name, an object with tqdm's `total`, `update` and `close`."""

    @contextlib.contextmanager
    def bar(self, name: str, total: int) -> Iterator[Callable[[int], object]]:
        """A bar for so many bytes; what moves it on by some."""
        bar = self.progress(name) if self.progress else None
        if bar is None:
            yield lambda _: None
            return
        bar.total = total
        try:
            yield bar.update
        finally:
            bar.close()


SILENT = Watch()


class _TornError(Exception):
    """A table cannot be divided."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclasses.dataclass(frozen=True)
class Items:
    """The shuffled items of a text."""

    ids: Ids
    """An end symbol, and the items, each with its end."""
    bounds: Positions
    """The place of the end symbol before each item, and of the one after the last, (items + 1,); mapped."""
    sizes: tuple[int, ...]
    """The items of each part."""
    num_empty: int
    """Empty items, which were left out."""
    is_cut: bool
    """Whether the last item of the training text had no end, and was left out."""

    @classmethod
    def of(cls, stored: StoredIds, end: int) -> "Items | None":
        """The items in a file; None if they are not there, or not where they are said to be."""
        about = stored.about()
        path = stored.path.with_suffix(".bounds")
        if about is None or not has_size(path, 8 * (1 + sum(about["sizes"]))):
            return None
        ids = stored.opened()
        bounds = np.memmap(path, np.int64, "r")
        some = bounds[:: max(1, len(bounds) // CHECKED)]
        if (some < 0).any() or (some >= len(ids)).any() or (ids[some] != end).any():
            return None
        return cls(ids, bounds, tuple(about["sizes"]), about["num_empty"], about["is_cut"])


class LargeText:
    """A text that is encoded in the cache.

    Args:
        sources: its sources, each with a path.
        config: how they are read.
        cache: the folder of encoded texts.
        notes: what was noted when the sources were found; gets what is noted of the reading.
        watch: how the encoding is shown.

    Raises:
        DataError: a source is no text, or cannot be read.
        EnvironmentFault: the cache cannot be written.
    """

    def __init__(
        self,
        sources: Sequence[TextSource],
        config: CorpusConfig,
        cache: Path,
        notes: Notes,
        watch: Watch = SILENT,
    ) -> None:
        self._sources, self._config, self._watch = sources, config, watch
        self._found = notes_record(notes)
        self._state = state_of(sources)
        self._size = sum(file[0] for file in self._state)
        self.folder = folder_for(sources, self._state, config, cache)
        self.notes = notes
        self._joined: Joined | None = None
        index = read_record(self.folder / INDEX)
        if index is None:
            with self._locked():
                index = read_record(self.folder / INDEX) or self._read_index()
        self.fingerprint: str = index["fingerprint"]
        self.counts = np.zeros(CODE_POINTS, np.int64)
        """How often each code point, or byte, occurs, (CODE_POINTS,)."""
        self.counts[index["points"]] = index["counts"]
        self.remarks: list[str] = index["remarks"]
        """What a user should know of the sources, in sentences."""
        vars(notes).update(vars(notes_from(index["notes"])))

    @property
    def total(self) -> int:
        """The characters of the text."""
        return int(self.counts.sum())

    def ids(self, vocabulary: Vocabulary) -> Ids:
        """The ids of the text, mapped from the cache."""
        stored = self._stored(vocabulary, self.total)
        if not stored.are_whole():
            with self._locked():
                if not stored.are_whole():
                    self._note_damage(stored)
                    self._number(vocabulary, stored)
        return stored.opened()

    def items(
        self, vocabulary: Vocabulary, end: int, ends: Positions, seed: int, noun: str
    ) -> Items:
        """The items of the text, shuffled; the text in its own order is then no longer kept.

        Args:
            vocabulary: numbers the characters.
            end: the id of the symbol that ends an item.
            ends: where each part of the text ends.
            seed: the seed of the order.
            noun: the noun for an item.
        """
        stored = self._ordered(vocabulary, f"-{noun}s-{seed}")
        if not (stored.are_whole() and Items.of(stored, end)):
            with self._locked():
                stored = self._ordered(vocabulary, f"-{noun}s-{seed}")
                if not (stored.are_whole() and Items.of(stored, end)):
                    self._note_damage(stored)
                    stored = self._shuffle(vocabulary, stored, end, ends, seed, noun)
        items = Items.of(stored, end)
        assert items
        return items

    def _ordered(self, vocabulary: Vocabulary, order: str) -> StoredIds:
        stored = self._stored(vocabulary, 0, order)
        about = read_record(stored.record) or {"total": 0}
        return dataclasses.replace(stored, total=about["total"])

    def _shuffle(
        self,
        vocabulary: Vocabulary,
        stored: StoredIds,
        end: int,
        ends: Positions,
        seed: int,
        noun: str,
    ) -> StoredIds:
        running = self._stored(vocabulary, self.total)
        if not running.are_whole():
            self._note_damage(running)
            self._number(vocabulary, running)
        ids = running.opened(in_order=True)
        free = require_room(self.folder, 2 * running.size)
        self._watch.say(
            f"shuffling the {noun}s: {size(2 * running.size)} in {self.folder} for a while, "
            f"where {size(free)} are free"
        )
        try:
            with self._watch.bar("shuffling", 2 * running.size) as move:
                done = shuffle_items(ids, end, ends, seed, stored.path, move)
        except OSError as error:
            raise _without_room(environment_fault("write", stored.path, error)) from error
        stored = dataclasses.replace(stored, total=done.total)
        is_cut = int(ids[ends[0] - 1]) != end
        about = {"sizes": done.sizes, "num_empty": done.num_empty, "is_cut": is_cut}
        stored.finish([(done.total, done.checksums)], **about)
        del ids
        running.remove()
        return stored

    def _stored(self, vocabulary: Vocabulary, total: int, order: str = "") -> StoredIds:
        """Where ids lie, by vocabulary and the order of items."""
        symbols = vocabulary.symbols.tobytes() + bytes([vocabulary.has_unknown])
        name = f"ids-{hashlib.sha256(symbols).hexdigest()[:16]}{order}.{vocabulary.dtype.name}"
        return StoredIds(self.folder / name, vocabulary.dtype, total)

    def _note_damage(self, stored: StoredIds) -> None:
        """Remove ids that were complete once; those of an interrupted encoding stay."""
        if stored.record.exists():
            self.notes.cache_damaged = True
            stored.remove()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder, so that one process encodes and the others wait for it."""
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / LOCK, timeout=0)
            try:
                lock.acquire()
            except Timeout:
                self._watch.say("another process is encoding this corpus: waiting for it")
                lock.acquire(timeout=-1)
        except OSError as error:
            raise environment_fault("write", self.folder, error) from error
        try:
            yield
        finally:
            lock.release()

    # --- the first pass ---------------------------------------------------------------------------------------------

    def _read_index(self) -> dict[str, Any]:
        remove_older(self.folder)
        wait_until_settled(self._state)
        joined = self._read()
        self._require_unchanged()
        counts = np.zeros(CODE_POINTS, np.int64)
        for shard in joined.shards:
            counts[shard.points] += np.array(shard.counts, np.int64)
        points = np.flatnonzero(counts)
        kept = self._kept(joined.notes)
        index = {
            "names": [source.name for source in kept[:MOST_NAMED]],
            "fingerprint": joined.fingerprint,
            "points": points.tolist(),
            "counts": counts[points].tolist(),
            "notes": notes_record(joined.notes),
            "remarks": source_remarks(kept, self._config, joined.notes, int(counts.sum())),
        }
        write_record(self.folder / INDEX, index)
        self._joined = joined
        return index

    def _kept(self, notes: Notes) -> list[TextSource]:
        """The sources that no folder has left out."""
        skipped = {name for names in notes.skipped.values() for name in names}
        if not skipped:
            return [*self._sources]
        return [s for s in self._sources if not (s.folder and _inside(s) in skipped)]

    @property
    def sources(self) -> list[TextSource]:
        """The sources that were read."""
        return self._kept(self.notes)

    def _read(self) -> Joined:
        """What all tasks have read; those that were done before an interruption are not done again."""
        undivided: list[str] = []
        while True:
            try:
                return self._read_tasks(undivided)
            except _TornError as torn:
                undivided.append(torn.path)

    def _read_tasks(self, undivided: Sequence[str]) -> Joined:
        config, place = self._config, self.folder / READ
        tasks = tasks_of(self._sources, [file[0] for file in self._state], config, undivided)
        place.mkdir(exist_ok=True)
        records = [place / f"{k:06}-{task.name}.json" for k, task in enumerate(tasks)]
        readings = list(map(_reading_at, records))
        how = dataclasses.asdict(config)
        requests = [
            {
                "do": "read",
                "with": {
                    "task": dataclasses.asdict(task),
                    "config": how,
                    "spool": str(record.with_suffix("")),
                },
            }
            for task, record, reading in zip(tasks, records, readings, strict=True)
            if reading is None
        ]
        joined = Joined(config, notes_from(self._found))
        number = num_processes(requests)
        several = f", in {number} processes" if number > 1 else ""
        left = sum(t.size for t, known in zip(tasks, readings, strict=True) if known is None)
        some = size(left)
        if left < self._size:
            some = f"the remaining {some} of {size(self._size)}"
        if requests:
            self._watch.say(f"counting {some}{several}")
        with (
            self._watch.bar("reading", self._size) as move,
            contextlib.closing(answers(requests, number)) as found,
        ):
            for task, record, known in zip(tasks, records, readings, strict=True):
                result = known.as_json() if known else _result(next(found), place)
                if result and not known:
                    _write(record, with_checksum(result))
                reading = known or (Reading.from_json(result) if result else None)
                if reading and reading.is_torn:
                    raise _TornError(task.paths[0])
                joined.add(task, reading)
                move(task.size)
        return joined

    def _require_unchanged(self) -> None:
        """Raise DataError if a file has changed since the text was opened."""
        if state_of(self._sources) != self._state:
            shutil.rmtree(self.folder / READ, ignore_errors=True)
            raise changed()

    # --- the second pass --------------------------------------------------------------------------------------------

    def _number(self, vocabulary: Vocabulary, stored: StoredIds) -> None:
        """Write the ids of the text."""
        joined = self._joined or self._read()
        if joined.fingerprint != self.fingerprint:
            raise changed()
        shards, width = joined.shards, stored.dtype.itemsize
        journal = stored.path.with_suffix(".done")
        done = _checksums_in(journal) if has_size(stored.path, stored.size) else {}
        need = stored.size - width * sum(shards[k].characters for k in done)
        free = require_room(self.folder, need)
        self._watch.say(
            f"encoding {counted(stored.total, 'symbol')}: {size(need)} in {self.folder}, "
            f"where {size(free)} are free"
        )
        table = stored.path.with_suffix(".npy")
        try:
            np.save(table, table_of(vocabulary))
            with stored.path.open("r+b" if done else "wb") as file:
                file.truncate(stored.size)
            with journal.open("a" if done else "w", encoding="utf-8") as log:
                for k, checksums in self._numbered(joined, done, stored.path, table, width):
                    done[k] = checksums
                    log.write(json.dumps([k, checksums]) + "\n")
                    log.flush()
        except OSError as error:
            raise _without_room(environment_fault("write", stored.path, error)) from error
        self._require_unchanged()
        stored.finish([(shard.characters, done[k]) for k, shard in enumerate(shards)])
        self._joined = None
        for path in (journal, table):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.folder / READ, ignore_errors=True)

    def _numbered(
        self, joined: Joined, done: Mapping[int, list[int]], path: Path, table: Path, width: int
    ) -> Iterator[tuple[int, list[int]]]:
        """The number of each shard that is written now, and the checksums of its ids."""
        lengths = [shard.characters for shard in joined.shards]
        begins = [0, *itertools.accumulate(lengths)]
        todo = [k for k in range(len(lengths)) if k not in done]
        requests = [
            {
                "do": "number",
                "with": {
                    "shard": vars(joined.shards[k]),
                    "table": str(table),
                    "path": str(path),
                    "begin": begins[k],
                    "as_bytes": self._config.level == "byte",
                },
            }
            for k in todo
        ]
        with (
            self._watch.bar("encoding", width * sum(lengths)) as move,
            contextlib.closing(answers(requests, num_processes(requests))) as found,
        ):
            move(width * sum(lengths[k] for k in done))
            for k, answer in zip(todo, found, strict=True):
                checksums = _result(answer, path)
                if checksums is None:
                    raise changed()
                yield k, checksums
                move(width * lengths[k])


def names_of(stored: StoredIds) -> list[str]:
    """The first sources of a text, given its ids."""
    index = read_record(stored.path.parent / INDEX) or {}
    return list(index.get("names", ()))


def _inside(source: TextSource) -> str:
    """The name of a file as a folder that leaves it out gives it."""
    return os.path.relpath(str(source.path), str(source.folder))


def _result(answer: dict[str, Any], place: Path) -> Any:
    """The result of an answer; None if the text was refused.

    Raises:
        EnvironmentFault: there is no room, or the like.
    """
    if FAULT in answer:
        number, reason, path = answer[FAULT]
        fault = environment_fault("write", Path(path or place), OSError(number, reason))
        raise _without_room(fault)
    return None if REFUSED in answer else answer["result"]


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _without_room(environment_fault("write", path, error)) from error


def _without_room(fault: EnvironmentFault) -> CharrnnError:
    return EnvironmentFault.naming(
        "{fault}", "make room, or choose another folder with {cache}", fault=fault.message
    )


def _reading_at(path: Path) -> Reading | None:
    """What a task has read before; None if it has not, or the text that it wrote down is no longer there."""
    record = read_record(path)
    if record is None:
        return None
    reading = Reading.from_json(record)
    places = (place for shard in reading.shards for place in shard.places)
    spooled = (place for place in places if place[0].parent == path.parent)
    return reading if all(has_size(*place) for place in spooled) else None


def _checksums_in(journal: Path) -> dict[int, list[int]]:
    """The checksums of the shards that are done, by their numbers."""
    found = {}
    with contextlib.suppress(OSError, ValueError, TypeError):  # the last line may be cut off
        for line in journal.read_text(encoding="utf-8").splitlines():
            number, checksums = json.loads(line)
            found[int(number)] = [*map(int, checksums)]
    return found
