"""A text read by a model, with everything that happened on the way kept in arrays.

Column t of every array holds what was true after character t was read. A long text is read in parts, one Recording
after the other; together they say what a single one would.

A model of lines reads each from its first state on, and begins it by reading a newline. So the column of a newline
shows the state in which the next line begins, and the guesses for its first character; what the newline cost is what it
cost to end the line before it. A newline is read before the text: its first character costs something too, and `start`
is 1.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from charrnn.errors import DataError
from charrnn.numerics import log_softmax
from charrnn.text.vocabulary import blocks

if TYPE_CHECKING:
    from charrnn.model import CharRNN, Float

Ids = npt.NDArray[np.integer]

PART = 1024
"""Symbols whose logits are kept until all of them are looked at together; and of a part."""


@dataclass(frozen=True)
class RecordedModel:
    """The model that was recorded."""

    fingerprint: str
    """See CharRNN.fingerprint."""
    cell: str
    states: tuple[str, ...]
    """The letters of the cell's states; the first is its output, the last its memory."""
    gates: tuple[str, ...]
    edits: tuple[str, ...] = ()
    """The units that were held or steered, each as "clamp L0.c.37=+1.0"."""
    level: str = "char"
    """What the symbols are: `char` or `byte`."""

    @property
    def output(self) -> str:
        """The state that others see; see `Cell.output`."""
        return self.states[0]

    @property
    def memory(self) -> str:
        """The state in which the cell remembers; see `Cell.memory`."""
        return self.states[-1]


@dataclass(frozen=True)
class Recording:
    """What a model did while it read T symbols of a text, all or a part of them."""

    text: str
    ids: npt.NDArray[np.int32]
    """(T,) the symbols read."""
    pieces: tuple[str, ...]
    """(T,) what each symbol adds to the text; at level byte empty until a character is whole."""
    surprisal: "Float"
    """(T,) what each symbol cost in bits, given those before it; 0 for a first symbol before which nothing was read."""
    arrays: Mapping[str, "Float"]
    """(T, L, H) for each state and gate of the cell, by its letter."""
    next_ids: npt.NDArray[np.int32]
    """(T, K) the likeliest symbols for position t + 1, best first."""
    next_probabilities: "Float"
    """(T, K) their probabilities."""
    next_text: tuple[str, ...]
    """(V,) how each symbol is shown."""
    source: RecordedModel
    start: int = 0
    """The symbols of the text that were read before these."""
    start_char: int = 0
    """The same in characters."""
    following: int | None = None
    """The symbol of the text that comes after these, if there is one."""

    @property
    def mean_surprisal(self) -> float:
        """The mean surprisal in bits per symbol, without a first symbol before which nothing was read."""
        costs = self.surprisal[int(self.start == 0) :]
        return float(costs.mean()) if len(costs) else 0.0

    @property
    def symbol_noun(self) -> str:
        """What a symbol of this text is: a character, or a byte if some are parts of characters."""
        return "character" if all(self.pieces) else "byte"

    def save(self, path: Path) -> None:
        """Write a file whose ending says its format; see `charrnn.interpret.dumps.writing.write`.

        Raises:
            UsageError: there is no such format.
            EnvironmentFault: the file cannot be written, or what writes the format is not installed.
        """
        from charrnn.interpret.dumps.writing import write

        write(path, [self], length=len(self.ids), characters=len(self.text))


def record(
    model: "CharRNN",
    text: str,
    *,
    top: int = 0,
    keep: Collection[str] | None = None,
    lines: bool = False,
) -> Recording:
    """Read `text` symbol by symbol; see CharRNN.read.

    Args:
        model: reads.
        text: what it reads.
        top: how many guesses to record at each position.
        keep: the states and gates to record; None records all.
        lines: whether the model was trained on lines.

    Raises:
        DataError: the text is empty or has characters that the model does not know.
    """
    reader = _Reader(model, top, keep, lines=lines)
    return reader.read(_ids(model, text).astype(np.int32), None)


def record_parts(
    model: "CharRNN",
    text: str,
    *,
    top: int = 0,
    keep: Collection[str] | None = None,
    lines: bool = False,
    length: int = PART,
) -> Iterator[Recording]:
    """Read `text` in parts of `length` symbols, the last one shorter, so that memory does not grow with the text.

    Args:
        model: reads.
        text: what it reads.
        top: how many guesses to record at each position.
        keep: the states and gates to record; None records all.
        lines: whether the model was trained on lines.
        length: the symbols of a part.

    Raises:
        DataError: as `record`, at once.
    """
    ids = _ids(model, text)
    return _parts(_Reader(model, top, keep, lines=lines), ids, length)


def record_live(
    model: "CharRNN",
    texts: Iterable[str],
    *,
    before: str = "",
    keep: Collection[str] | None = None,
) -> Iterator[Recording]:
    """Read a text that is still being written: for each part of it that has come a Recording.

    Args:
        model: reads.
        texts: the parts; empty ones are passed over. What follows each is not known yet.
        before: is read first, and not recorded.
        keep: the states and gates to record; None records all.

    Raises:
        DataError: a part has characters that the model does not know.
    """
    reader = _Reader(model, 0, keep)
    if before:
        reader.read(model.vocabulary.encode(before), None)
    for text in texts:
        if text:
            yield reader.read(model.vocabulary.encode(text), None)


def _ids(model: "CharRNN", text: str) -> Ids:
    """The symbols of a text, (T,), in the smallest type that holds them, for a text may be long."""
    if not text:
        raise DataError("there is no text to read")
    vocabulary = model.vocabulary
    return np.concatenate([vocabulary.encode(b).astype(vocabulary.dtype) for b in blocks(text)])


def _parts(reader: "_Reader", ids: Ids, length: int) -> Iterator[Recording]:
    for start in range(0, len(ids), length):
        end = start + length
        part = ids[start:end].astype(np.int32)
        yield reader.read(part, int(ids[end]) if end < len(ids) else None)


class _Reader:
    """A model in the midst of a text."""

    def __init__(
        self, model: "CharRNN", top: int, keep: Collection[str] | None, *, lines: bool = False
    ) -> None:
        self.model = model
        self.place = self.chars = 0
        """Symbols and characters read so far."""
        self._top = min(top, len(model.vocabulary))
        self._names = (*model.cell.states, *model.cell.gates)
        self._kept = [name for name in self._names if keep is None or name in keep]
        self._state = model.initial_state()
        self._last: npt.NDArray[np.float64] | None = None
        """Log-probabilities (V,) after the symbol before this place."""
        self._decode = model.vocabulary.decoder()
        self._shown = tuple(_shown(model, symbol) for symbol in range(len(model.vocabulary)))
        self._source = source_of(model)
        self._newline: int | None = None
        """What a line begins with, if the model starts afresh there."""
        if lines:
            newline = model.vocabulary.encode("\n")
            self._newline = int(newline[0])
            self.read(newline, None)

    def read(self, ids: npt.NDArray[np.int32], following: int | None) -> Recording:
        """Read the next symbols (T,), after which `following` comes."""
        first = self.place
        T, config = len(ids), self.model.config
        shape = (T, config.num_layers, config.hidden_size)
        arrays = {name: np.empty(shape, np.float32) for name in self._kept}
        surprisal = np.zeros(T, np.float32)
        next_ids = np.empty((T, self._top), np.int32)
        next_probabilities = np.empty((T, self._top), np.float32)
        for start in range(0, T, PART):
            part = slice(start, min(start + PART, T))
            log_p = log_softmax(
                self._step_through(ids[part], {k: a[part] for k, a in arrays.items()})
            )
            before = log_p[:-1] if self._last is None else np.vstack([self._last, log_p[:-1]])
            given = len(log_p) - len(before)
            costs = before[np.arange(len(before)), ids[part][given:]]
            surprisal[part][given:] = -costs / math.log(2)
            self._last = log_p[-1]
            if self._top:
                best = np.argsort(-log_p, axis=-1, kind="stable")[:, : self._top]
                next_ids[part] = best
                next_probabilities[part] = np.exp(np.take_along_axis(log_p, best, axis=-1))
        pieces = tuple(self._decode(symbol) for symbol in ids.tolist())
        read, start_char = "".join(pieces), self.chars
        self.place += T
        self.chars += len(read)
        return Recording(
            read,
            ids,
            pieces,
            surprisal,
            arrays,
            next_ids,
            next_probabilities,
            self._shown,
            self._source,
            first,
            start_char,
            following,
        )

    def _step_through(self, ids: npt.NDArray[np.int32], arrays: Mapping[str, "Float"]) -> "Float":
        """Read symbols (T,), write down states and gates, and give the logits (T, V) after each."""
        outputs = np.empty((len(ids), self.model.config.hidden_size), np.float32)
        wanted = [(k, arrays[name]) for k, name in enumerate(self._names) if name in arrays]
        advance, state = self.model.advance, self._state
        for t, symbol in enumerate(ids.tolist()):
            if symbol == self._newline:
                state = self.model.initial_state()
            state, gates = advance(symbol, state)
            for layer, own in enumerate(state):
                values = (*own, *gates[layer])
                for k, array in wanted:
                    array[t, layer] = values[k]
            outputs[t] = state[-1][0]
        self._state = state
        return self.model.head(outputs)


def source_of(model: "CharRNN") -> RecordedModel:
    """What a recording says of its model."""
    cell, edits = model.cell, tuple(map(str, model.edits))
    level = model.vocabulary.level
    return RecordedModel(model.fingerprint, cell.name, cell.states, cell.gates, edits, level)


def _shown(model: "CharRNN", symbol: int) -> str:
    text = model.vocabulary.decode([symbol])
    if model.vocabulary.level == "byte" and symbol >= 128:
        return f"{symbol:02x}"
    return text


def num_bytes(model: "CharRNN", text: str, keep: Collection[str] | None = None) -> int:
    """The memory that the arrays of a Recording of a text take."""
    arrays = len(model.cell.states) + len(model.cell.gates) if keep is None else len(keep)
    config = model.config
    return len(model.vocabulary.points(text)) * arrays * config.num_layers * config.hidden_size * 4
