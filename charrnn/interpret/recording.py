"""A text read by a model, with every state, gate and prediction on the way kept in arrays.

Column t of every array belongs to the moment after character t was read. A long text is read in parts, one Recording
after the other; together they hold what a single one would.

A model trained on lines, records or documents is reset to its initial state before each, and then reads the symbol that
ends one. So the column of that symbol, a newline for lines, has the state in which the next line begins and the guesses
for its first character, while its surprisal is the cost of ending the line before it. It is read before the text too:
the first character of the text then has a surprisal, and `start` is 1.
"""

import copy
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from charrnn.errors import DataError
from charrnn.interpret.units import letter_of, mark_of
from charrnn.network.cells import recorded_cell
from charrnn.network.cells.base import Cell
from charrnn.numerics import Float, Float64, Ids
from charrnn.text.vocabulary import blocks

if TYPE_CHECKING:
    from charrnn.model import CharRNN


PART = 1024
"""Symbols in a part, and symbols whose logits are held in memory together."""


@dataclass(frozen=True)
class RecordedModel:
    """What a recording says of its model."""

    fingerprint: str
    """The model's CharRNN.fingerprint."""
    cell: str
    """The name of the cell."""
    states: tuple[str, ...]
    """The letters of the cell's states; the first is its output, the last its memory. In an encoder each has the sign
    of its direction: h> h< c> c<."""
    gates: tuple[str, ...]
    """The letters of the cell's gates, likewise."""
    edits: tuple[str, ...] = ()
    """The edits of the model's units, each as "clamp L0.c.37=+1.0"."""
    level: str = "char"
    """The kind of the symbols: `char` or `byte`."""

    @property
    def output(self) -> str:
        """The state that the next layer and the head see; see `Cell.output`."""
        return self.states[0]

    @property
    def kind(self) -> Cell:
        """The cell.

        Raises:
            UsageError: there is none of this name.
        """
        return recorded_cell(self.cell, len({*map(letter_of, self.gates)}))

    @property
    def memory(self) -> str:
        """The state in which the cell remembers; see `Cell.memory`. Of an encoder it is the forward direction's."""
        memory = self.kind.memory
        return next(name for name in self.states if letter_of(name) == memory)

    @property
    def is_encoder(self) -> bool:
        """Whether an encoder of pairs was recorded, which predicts nothing."""
        return any(map(mark_of, self.states))


@dataclass(frozen=True)
class Recording:
    """The states, gates and predictions of a model while it read T symbols: a text, or a part of one."""

    text: str
    """The text of the symbols."""
    ids: npt.NDArray[np.int32]
    """(T,) the symbols read."""
    pieces: tuple[str, ...]
    """(T,) the characters that each symbol adds to the text; at level byte none until a character is complete."""
    surprisal: Float
    """(T,) the surprisal of each symbol in bits, given those before it; 0 for a symbol before which none was read; NaN
    in an encoder, which predicts nothing."""
    arrays: Mapping[str, Float]
    """The values (T, L, H) of each recorded state and gate, by its letter."""
    next_ids: npt.NDArray[np.int32]
    """(T, K) the most likely symbols for position t + 1, best first."""
    next_probabilities: Float
    """(T, K) the probabilities of `next_ids`."""
    next_text: tuple[str, ...]
    """(V,) how each symbol is shown."""
    source: RecordedModel
    """The model that read the text."""
    start: int = 0
    """The symbols read before this part."""
    start_char: int = 0
    """The characters of the text that were read before this part."""
    following: int | None = None
    """The symbol that follows this part in the text; None at its end, or if it is not known yet."""
    from_counts: Float | None = None
    """The share of each symbol's probability that came from the counts of the training text, (T,); 0 for a first symbol,
    which is not predicted; None if the model has no counts."""
    attention: Float | None = None
    """(T, S) how much of the attention lay at each place of the source when each symbol of a target was written."""

    @property
    def mean_surprisal(self) -> float:
        """Mean surprisal in bits per symbol; a first symbol with nothing before it does not count."""
        costs = self.surprisal[int(self.start == 0) :]
        return float(costs.mean()) if len(costs) else 0.0

    @property
    def symbol_noun(self) -> str:
        """The noun for a symbol: "character", or "byte" if some symbols are parts of characters."""
        return "character" if all(self.pieces) else "byte"


def record(
    model: "CharRNN",
    text: str,
    *,
    top: int = 0,
    keep: Collection[str] | None = None,
    item_end: str | None = None,
) -> Recording:
    """The recording of a text that a model reads.

    Args:
        model: the model that reads.
        text: the text to read.
        top: how many guesses to record at each position.
        keep: the states and gates to record; None records all.
        item_end: the character at which the state is reset, in a model of lines, records or documents.

    Raises:
        DataError: the text is empty or has characters that the model does not know.
    """
    reader = Reader(model, top, keep, item_end=item_end)
    return reader.read(ids_of(model, text).astype(np.int32), None)


def joined(recordings: Sequence[Recording]) -> Recording:
    """The recording of several texts, one after another, by the same model."""
    if len(recordings) == 1:
        return recordings[0]
    first, last = recordings[0], recordings[-1]

    def side_by_side(name: str) -> Any:
        return np.concatenate([getattr(one, name) for one in recordings])

    return replace(
        first,
        text="".join(one.text for one in recordings),
        pieces=tuple(piece for one in recordings for piece in one.pieces),
        arrays={n: np.concatenate([one.arrays[n] for one in recordings]) for n in first.arrays},
        following=last.following,
        from_counts=None if first.from_counts is None else side_by_side("from_counts"),
        attention=None,
        **{n: side_by_side(n) for n in ("ids", "surprisal", "next_ids", "next_probabilities")},
    )


def record_parts(
    model: "CharRNN",
    text: str,
    *,
    top: int = 0,
    keep: Collection[str] | None = None,
    item_end: str | None = None,
    length: int = PART,
) -> Iterator[Recording]:
    """The recordings of a text in parts of `length` symbols, so that memory does not grow with the text.

    Args:
        model: the model that reads.
        text: the text to read.
        top: how many guesses to record at each position.
        keep: the states and gates to record; None records all.
        item_end: the character at which the state is reset, in a model of lines, records or documents.
        length: the symbols of a part; the last may have fewer.

    Raises:
        DataError: the text is empty or has unknown characters; raised before the first part is asked for.
    """
    ids = ids_of(model, text)
    return _parts(Reader(model, top, keep, item_end=item_end), ids, length)


def record_live(
    model: "CharRNN",
    texts: Iterable[str],
    *,
    before: str = "",
    keep: Collection[str] | None = None,
) -> Iterator[Recording]:
    """The recordings of a text that is still being generated, one for each part as soon as it arrives.

    Args:
        model: the model that reads.
        texts: the parts; empty ones are skipped. `Recording.following` is None for each.
        before: text to read first, without recording it.
        keep: the states and gates to record; None records all.

    Raises:
        DataError: a part has characters that the model does not know.
    """
    reader = Reader(model, 0, keep)
    if before:
        reader.read(model.vocabulary.encode(before), None)
    for text in texts:
        if text:
            yield reader.read(model.vocabulary.encode(text), None)


def ids_of(model: "CharRNN", text: str) -> Ids:
    """The symbols of a text, (T,), in the smallest type that holds them, because a text may be long."""
    if not text:
        raise DataError("there is no text to read")
    vocabulary = model.vocabulary
    return np.concatenate([vocabulary.encode(b).astype(vocabulary.dtype) for b in blocks(text)])


def _parts(reader: "Reader", ids: Ids, length: int) -> Iterator[Recording]:
    """The recordings of symbols (T,), read `length` at a time."""
    for start in range(0, len(ids), length):
        end = start + length
        part = ids[start:end].astype(np.int32)
        yield reader.read(part, int(ids[end]) if end < len(ids) else None)


class Reader:
    """Reads a text part by part: the model, its state, and the place in the text."""

    def __init__(
        self,
        model: "CharRNN",
        top: int,
        keep: Collection[str] | None,
        *,
        item_end: str | None = None,
    ) -> None:
        self._model = model
        self._num_symbols = self._num_chars = 0
        """The symbols and characters read so far."""
        self._top = min(top, len(model.vocabulary))
        self._names = (*model.cell.states, *model.cell.gates)
        self._kept = [name for name in self._names if keep is None or name in keep]
        self._state = model.initial_state()
        self._held: tuple[Any, ...] | None = None
        """Each layer's gates as they were computed last; None where all are computed at each symbol."""
        if model.config.subsample is not None:
            self._held = self._no_gates()
        self._last: tuple[Float64, Float64 | None] | None = None
        """The log-probabilities (V,) of the next symbol, and the shares of counts in them; None before the first one."""
        self._has_counts = getattr(model, "counts", None) is not None
        self.decode = model.vocabulary.decoder()
        self._shown = tuple(map(model.vocabulary.shown, range(len(model.vocabulary))))
        self._source = recorded_model(model)
        self._end: int | None = None
        """The symbol at which the state is reset, in a model of lines, records or documents."""
        if item_end is not None:
            end = model.vocabulary.encode(item_end)
            self._end = int(end[0])
            self.read(end, None)
            self._num_chars = 0  # it is not of the text

    def copy(self) -> "Reader":
        """Another reader at the same place, which must be between two characters."""
        other = copy.copy(self)
        other.decode = self._model.vocabulary.decoder()
        return other

    def read(self, ids: npt.NDArray[np.int32], following: int | None) -> Recording:
        """Read the next symbols (T,), after which `following` comes."""
        T, config = len(ids), self._model.config
        pieces = tuple(self.decode(symbol) for symbol in ids.tolist())
        shape = (T, config.num_layers, config.hidden_size)
        recording = Recording(
            text="".join(pieces),
            ids=ids,
            pieces=pieces,
            surprisal=np.zeros(T, np.float32),
            arrays={name: np.empty(shape, np.float32) for name in self._kept},
            next_ids=np.empty((T, self._top), np.int32),
            next_probabilities=np.empty((T, self._top), np.float32),
            next_text=self._shown,
            source=self._source,
            start=self._num_symbols,
            start_char=self._num_chars,
            following=following,
            from_counts=np.zeros(T, np.float32) if self._has_counts else None,
        )
        for start in range(0, T, PART):
            self._fill(recording, slice(start, min(start + PART, T)))
        self._num_symbols += T
        self._num_chars += len(recording.text)
        return recording

    def _fill(self, recording: Recording, part: slice) -> None:
        """Read a part of a recording's symbols, and fill its arrays there."""
        ids = recording.ids[part]
        log_p, parts = self._step_through(
            ids, {name: a[part] for name, a in recording.arrays.items()}
        )
        before, skipped = self._before(log_p, 0), int(self._last is None)
        read = np.arange(len(before)), ids[skipped:]  # the first symbol of all was not predicted
        recording.surprisal[part][skipped:] = -before[read] / math.log(2)
        if parts is not None and recording.from_counts is not None:
            recording.from_counts[part][skipped:] = self._before(parts, 1)[read]
        self._last = log_p[-1], None if parts is None else parts[-1]
        if self._top:
            best = np.argsort(-log_p, axis=-1, kind="stable")[:, : self._top]
            recording.next_ids[part] = best
            recording.next_probabilities[part] = np.exp(np.take_along_axis(log_p, best, axis=-1))

    def _before(self, after: Float64, which: int) -> Float64:
        """What was predicted before each symbol, from what was predicted after it, (T, V) each."""
        last = self._last and self._last[which]
        return after[:-1] if last is None else np.vstack([last, after[:-1]])

    def _step_through(
        self, ids: npt.NDArray[np.int32], arrays: Mapping[str, Float]
    ) -> tuple[Float64, Float64 | None]:
        """Read symbols (T,), fill the arrays of states and gates, and return what is predicted after each symbol."""
        outputs = []
        wanted = [(k, arrays[name]) for k, name in enumerate(self._names) if name in arrays]
        advance, state, num_states = self._model.advance, self._state, len(self._model.cell.states)
        for t, symbol in enumerate(ids.tolist()):
            if symbol == self._end:
                state = self._model.initial_state()
                self._held = self._held and self._no_gates()
            state, gates = advance(symbol, state)
            if self._held is not None:
                gates = self._held = tuple(map(_latest, gates, self._held))
            for layer, (own, opened) in enumerate(zip(state, gates, strict=False)):
                values = (*own[:num_states], *opened)
                for k, array in wanted:
                    array[t, layer] = values[k]
            outputs.append(self._model.outputs(state))
        self._state = state
        return self._model.predict(self._model.stacked(outputs))

    def _no_gates(self) -> tuple[Any, ...]:
        """Each layer's gates before any was computed: zeros."""
        config = self._model.config
        none = (np.zeros(config.hidden_size, np.float32),) * len(self._model.cell.gates)
        return (none,) * config.num_layers


def _latest(gates: Sequence[Float], before: Sequence[Float]) -> Sequence[Float]:
    """A layer's gates, or where it was held those from before."""
    return before if gates and np.isnan(gates[0]).all() else gates


def recorded_model(model: "CharRNN") -> RecordedModel:
    """What a recording says of a model."""
    cell, edits = model.cell, tuple(map(str, model.edits))
    level = model.vocabulary.level
    return RecordedModel(model.fingerprint, cell.name, cell.states, cell.gates, edits, level)


def num_bytes(model: "CharRNN", text: str, keep: Collection[str] | None = None) -> int:
    """The bytes that the arrays of a recording of `text` take; `keep` as for `record`."""
    arrays = len(model.cell.states) + len(model.cell.gates) if keep is None else len(keep)
    config = model.config
    return len(model.vocabulary.points(text)) * arrays * config.num_layers * config.hidden_size * 4
