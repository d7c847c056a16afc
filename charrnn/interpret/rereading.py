"""The recording of a text that is being edited: it is read only from where it differs from what was read before."""

import threading
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from charrnn.interpret.recording import PART, Reader, Recording, ids_of, joined

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.numerics import Ids

NOT_UTF8 = "\N{REPLACEMENT CHARACTER}"


class Rereader:
    """Reads one version of a text after another.

    The model's state is kept after each version and after each PART symbols, as far as the next version begins with the
    same symbols. Numbers are those of `record` up to rounding: products of matrices are rounded by their size.

    Args:
        model: the model that reads.
        top: how many guesses to record at each position.
        keep: the states and gates to record.
        item_end: the character at which the state is reset, in a model of lines, records or documents.
    """

    def __init__(
        self, model: "CharRNN", *, top: int, keep: Collection[str], item_end: str | None = None
    ) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._marks = [(0, Reader(model, top, keep, item_end=item_end))]
        """Numbers of symbols, rising, and what has read so many."""
        self._ids: Ids = np.zeros(0, np.int32)
        """The symbols of the last version."""
        self._parts: list[Recording] = []
        """The recordings of its parts, each longer than all after it together, so that a key copies few of them."""

    def read(self, text: str, since: int = 0) -> Recording:
        """The recording of a text from a symbol on, of which at least one is left.

        Raises:
            DataError: the text is empty or has characters that the model does not know.
        """
        ids = ids_of(self._model, text).astype(np.int32)
        with self._lock:
            same = num_common(ids, self._ids)
            self._marks = [mark for mark in self._marks if mark[0] <= same]
            start, reader = self._marks[-1]
            self._parts = _within(self._parts, 0, start)
            self._ids = ids[:start]  # as far as it is read, if an error comes
            reader = reader.copy()
            for begin in range(start, len(ids), PART):
                part = reader.read(ids[begin : begin + PART], None)
                self._add(part)
                self._ids = ids[: begin + len(part.ids)]
                if _is_whole(part):
                    self._marks.append((len(self._ids), reader.copy()))
            return joined(_within(self._parts, since, len(ids)))

    def _add(self, part: Recording) -> None:
        """Add the recording of a part, joined with those before it that are not longer."""
        parts = [part]
        while self._parts and len(self._parts[-1].ids) <= sum(len(one.ids) for one in parts):
            parts.insert(0, self._parts.pop())
        self._parts.append(joined(parts))


def num_common(a: "Ids", b: "Ids") -> int:
    """The number of symbols with which both begin."""
    length = min(len(a), len(b))
    differs = np.flatnonzero(a[:length] != b[:length])
    return int(differs[0]) if len(differs) else length


def _within(parts: list[Recording], start: int, stop: int) -> list[Recording]:
    """The recordings of the symbols from `start` to `stop`, of parts that come one after the other."""
    found, begin = [], 0
    for part in parts:
        end = begin + len(part.ids)
        if begin < stop and end > start:
            some = slice(max(0, start - begin), min(stop, end) - begin)
            found.append(part if some == slice(0, len(part.ids)) else _cut(part, some))
        begin = end
    return found


def _cut(recording: Recording, some: slice) -> Recording:
    """The recording of some symbols of a text."""
    shares, pieces = recording.from_counts, recording.pieces[some]
    return replace(
        recording,
        text="".join(pieces),
        pieces=pieces,
        arrays={name: array[some] for name, array in recording.arrays.items()},
        from_counts=None if shares is None else shares[some],
        ids=recording.ids[some],
        surprisal=recording.surprisal[some],
        next_ids=recording.next_ids[some],
        next_probabilities=recording.next_probabilities[some],
        start=recording.start + some.start,
        start_char=recording.start_char + sum(map(len, recording.pieces[: some.start])),
    )


def _is_whole(part: Recording) -> bool:
    """Whether a part ends with a whole character, so that another decoder can go on."""
    return bool(part.pieces[-1]) and NOT_UTF8 not in part.pieces[-1]
