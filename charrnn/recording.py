"""A text read by a model, with everything that happened on the way kept in arrays.

Column t of every array holds what was true after character t was read.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from charrnn.errors import DataError
from charrnn.files import replacing

if TYPE_CHECKING:
    from charrnn.model import CharRNN, Float


@dataclass(frozen=True)
class Recording:
    """What a model did while it read a text of T symbols."""

    text: str
    ids: npt.NDArray[np.int32]
    """(T,) the symbols read."""
    pieces: tuple[str, ...]
    """(T,) what each symbol adds to the text; at level byte empty until a character is whole."""
    bits: "Float"
    """(T,) the cost of each symbol given those before it. The first is given: it costs 0."""
    arrays: Mapping[str, "Float"]
    """(T, L, H) for each state and gate of the cell, by its letter."""
    next_ids: npt.NDArray[np.int32]
    """(T, K) the likeliest symbols for position t + 1, best first."""
    next_probabilities: "Float"
    """(T, K) their probabilities."""
    next_text: tuple[str, ...]
    """(V,) how each symbol is shown."""

    @property
    def symbol_noun(self) -> str:
        """What a symbol of this text is: a character, or a byte if some are parts of characters."""
        return "character" if all(self.pieces) else "byte"

    def save(self, path: Path) -> None:
        """Write an .npz file: `text`, `ids`, `bits`, an array (T, L, H) for each state and gate.

        numpy.load reads it with allow_pickle=False.

        Raises:
            EnvironmentFault: the file cannot be written.
        """
        arrays: dict[str, Any] = {
            "text": np.array(self.text),
            "ids": self.ids,
            "bits": self.bits,
            **self.arrays,
        }
        with replacing(path) as file:
            np.savez(file, **arrays)


def log_softmax(logits: "Float") -> npt.NDArray[np.float64]:
    """Log-probabilities in nats over the last axis, in float64."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def record(
    model: "CharRNN", text: str, *, top: int = 0, keep: Collection[str] | None = None
) -> Recording:
    """Read `text` symbol by symbol; see CharRNN.read.

    Args:
        model: reads.
        text: what it reads.
        top: how many guesses to record at each position.
        keep: the states and gates to record; None records all.
    """
    ids = model.vocabulary.encode(text)
    if not len(ids):
        raise DataError("there is no text to read")
    T, L, H = len(ids), model.config.num_layers, model.config.hidden_size
    top = min(top, len(model.vocabulary))
    names = (*model.cell.states, *model.cell.gates)
    arrays = {
        name: np.empty((T, L, H), np.float32) for name in names if keep is None or name in keep
    }
    bits = np.zeros(T, np.float32)
    next_ids = np.empty((T, top), np.int32)
    next_probabilities = np.empty((T, top), np.float32)
    state = model.initial_state()
    for t, symbol in enumerate(ids):
        logits, state, gates = model.step(symbol, state)
        for layer in range(L):
            for name, values in zip(names, (*state[layer], *gates[layer]), strict=True):
                if name in arrays:
                    arrays[name][t, layer] = values
        log_probabilities = log_softmax(logits)
        if t + 1 < T:
            bits[t + 1] = -log_probabilities[ids[t + 1]] / math.log(2)
        if top:
            best = np.argsort(-log_probabilities, kind="stable")[:top]
            next_ids[t], next_probabilities[t] = best, np.exp(log_probabilities[best])
    shown = tuple(_shown(model, symbol) for symbol in range(len(model.vocabulary)))
    pieces = _pieces(model, ids)
    read = "".join(pieces)
    return Recording(read, ids, pieces, bits, arrays, next_ids, next_probabilities, shown)


def _pieces(model: "CharRNN", ids: npt.NDArray[np.int32]) -> tuple[str, ...]:
    decode = model.vocabulary.decoder()
    return tuple(decode(int(symbol)) for symbol in ids)


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
