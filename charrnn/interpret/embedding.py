"""Texts as vectors: a model's states while it reads them, or of pairs what its encoder hands on.

Texts that mean the same to a model have vectors in about the same direction, as the cosine of their angle says.

Legend for shapes: N texts, D numbers of a vector, L layers, H units.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from charrnn.model import CharRNN
from charrnn.numerics import Float
from charrnn.pairs.model import PairNetwork
from charrnn.text.vocabulary import Vocabulary

Of = Literal["mean", "last"]
"""Whether a vector is the mean of the states after each character of a text, or the state after the last."""
ROWS = 256
"""Texts that are read side by side."""


def vectors_of(
    model: CharRNN | PairNetwork,
    texts: Sequence[str],
    *,
    of: Of = "mean",
    item_end: str | None = None,
    all_states: bool = False,
) -> Float:
    """The vector of each text, (N, D), zeros for a text without a character that the model knows.

    Of a language model, D is L·H: the outputs h of all layers. With `all_states` they are followed by those of its other
    states, all layers of each, in the order of `Cell.states`. Of a model of pairs it is the encoder's final vector:
    the output of the top layer at the last character, and in the other direction at the first; `of` does not matter.

    Args:
        model: the model.
        texts: the texts; characters that the model does not know are left out.
        of: "mean" or "last".
        item_end: the character before each text, for a model whose texts end with it; None: there is none.
        all_states: whether a language model's vectors have all its states.
    """
    num_states = 1
    if isinstance(model, PairNetwork):
        ids: list[npt.NDArray[Any]] = list(model.ids_of(texts))
        width = model.config.source_width
    else:
        ids = [_known(model.vocabulary, text) for text in texts]
        num_states = len(model.cell.states) if all_states else 1
        width = num_states * model.config.num_layers * model.config.hidden_size
    vectors = np.zeros((len(texts), width), np.float32)
    order = sorted((k for k in range(len(ids)) if len(ids[k])), key=lambda k: len(ids[k]))
    for begin in range(0, len(order), ROWS):
        rows = order[begin : begin + ROWS]
        some = [ids[k] for k in rows]
        if isinstance(model, PairNetwork):
            vectors[rows] = model.encode(some).final
        else:
            vectors[rows] = _states(model, some, of, item_end, num_states)
    return vectors


def _known(vocabulary: Vocabulary, text: str) -> npt.NDArray[Any]:
    """The symbols of a text that a vocabulary has."""
    missing = {*vocabulary.missing(text)}
    return vocabulary.encode("".join(c for c in text if c not in missing))


def _states(
    model: CharRNN,
    texts: Sequence[npt.NDArray[Any]],
    of: Of,
    item_end: str | None,
    num_states: int,
) -> Float:
    """The first states of a language model over texts of one symbol at least, (N, num_states·L·H)."""
    lengths = np.array([len(ids) for ids in texts])
    padded = np.zeros((int(lengths.max()), len(texts)), np.int64)
    for row, ids in enumerate(texts):
        padded[: len(ids), row] = ids
    state = model.initial_state(len(texts))
    if item_end is not None:
        end = int(model.vocabulary.encode(item_end)[0])
        state, _ = model.advance(np.full(len(texts), end), state)
    size = num_states * model.config.num_layers * model.config.hidden_size
    total, last = np.zeros((len(texts), size), np.float64), np.zeros((len(texts), size), np.float32)
    for t, symbols in enumerate(padded):
        state, _ = model.advance(symbols, state)
        outputs = np.concatenate([layer[k] for k in range(num_states) for layer in state], -1)
        is_inside = t < lengths
        total[is_inside] += outputs[is_inside]
        is_last = t == lengths - 1
        last[is_last] = outputs[is_last]
    if of == "last":
        return last
    mean: Float = (total / lengths[:, None]).astype(np.float32)
    return mean


def cosines(vectors: Float, one: Float) -> Float:
    """The cosine of the angle between each vector (N, D) and another one (D,); 0 with a vector of zeros."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(one)
    found: Float = np.divide(vectors @ one, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return found
