"""Learning from the texts of a live page, in copies of the model that are never saved and depend on the texts alone.

Of the last text, which is still being typed, only whole chunks are learned from, so that more of it can be added later.
The newest copy is kept in memory, and one without the last text, so that nothing is learned twice.
"""

import copy
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from charrnn.adapting.learner import Learner
from charrnn.config import AdaptingConfig

if TYPE_CHECKING:
    from charrnn.model import CharRNN

CONFIG = AdaptingConfig()
"""The settings of learning on a page."""


class Learning:
    """The copies of one model that have learned from texts.

    Args:
        model: the model, which keeps its weights.
        item_end: what ends the items that it reads one by one; None: it reads running text.
    """

    def __init__(self, model: "CharRNN", item_end: str | None) -> None:
        self._model, self._item_end = model, item_end
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        end = None
        if self._item_end is not None:
            end = int(self._model.vocabulary.encode(self._item_end)[0])
        self._texts: list[str] = []
        self._base, self._num_finished = Learner(self._model, CONFIG, end), 0
        self._begin()

    def _begin(self) -> None:
        """Start another last text, with what was learned from the finished ones."""
        self._learner = copy.copy(self._base)
        self._learner.begin()
        self._read = self._ids("")[:0]
        self._copy: CharRNN | None = None

    def learned(self, texts: Sequence[str]) -> "tuple[CharRNN, int]":
        """A copy that has learned from texts, and the number of symbols that it has learned from.

        Args:
            texts: texts of known characters, one after another; the last is still being written.
        """
        *finished, last = texts
        with self._lock:
            if self._texts != finished[: len(self._texts)]:
                self._forget()
            for text in finished[len(self._texts) :]:
                self._finish(text)
            self._go_on(self._ids(last))
            if self._copy is None:
                self._copy = self._learner.adapted()
            return self._copy, self._num_finished + max(0, len(self._read) - 1)

    def _finish(self, text: str) -> None:
        """Learn from a whole text."""
        ids = self._ids(text)
        self._base.begin()
        self._base.learn(ids)
        self._num_finished += max(0, len(ids) - 1)
        self._texts.append(text)
        self._begin()

    def _go_on(self, ids: Any) -> None:
        """Learn from the chunks of the last text that are complete and new."""
        if (ids[: len(self._read)] != self._read[: len(ids)]).any() or len(ids) < len(self._read):
            self._begin()
        done = max(0, len(self._read) - 1)
        end = max(0, len(ids) - 1) // CONFIG.adapt_chunk * CONFIG.adapt_chunk
        if end > done:
            self._learner.learn(ids[done : end + 1])
            self._read, self._copy = ids[: end + 1], None

    def _ids(self, text: str) -> Any:
        """The symbols of a text as the model reads them."""
        return self._model.vocabulary.encode((self._item_end or "") + text)
