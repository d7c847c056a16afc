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
        self._recording: Recording | None = None

    def read(self, text: str) -> Recording:
        """The recording of a text.

        Raises:
            DataError: the text is empty or has characters that the model does not know.
        """
        ids = ids_of(self._model, text).astype(np.int32)
        with self._lock:
            common = self._common(ids)
            self._marks = [mark for mark in self._marks if mark[0] <= common]
            start, reader = self._marks[-1]
            parts = [first(self._recording, start)] if start and self._recording else []
            reader = reader.copy()
            for begin in range(start, len(ids), PART):
                part = ids[begin : begin + PART]
                parts.append(reader.read(part, None))
                if _is_whole(parts[-1]):
                    self._marks.append((begin + len(part), reader.copy()))
            self._recording = joined(parts)
            return self._recording

    def _common(self, ids: "Ids") -> int:
        """The number of symbols with which these begin and the last text began."""
        if self._recording is None:
            return 0
        length = min(len(ids), len(self._recording.ids))
        differs = np.flatnonzero(self._recording.ids[:length] != ids[:length])
        return int(differs[0]) if len(differs) else length


def first(recording: Recording, count: int) -> Recording:
    """The recording of the first symbols of a text."""
    shares = recording.from_counts
    return replace(
        recording,
        text="".join(recording.pieces[:count]),
        pieces=recording.pieces[:count],
        arrays={name: array[:count] for name, array in recording.arrays.items()},
        from_counts=None if shares is None else shares[:count],
        ids=recording.ids[:count],
        surprisal=recording.surprisal[:count],
        next_ids=recording.next_ids[:count],
        next_probabilities=recording.next_probabilities[:count],
    )


def _is_whole(part: Recording) -> bool:
    """Whether a part ends with a whole character, so that another decoder can go on."""
    return bool(part.pieces[-1]) and NOT_UTF8 not in part.pieces[-1]
