"""The states of a model at some characters of a text, read in parallel streams."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from charrnn.evaluation.streams import Streams
from charrnn.model import CharRNN, States
from charrnn.numerics import Float, Ids

Positions = npt.NDArray[np.int64]


def states_at(
    model: CharRNN,
    ids: Ids,
    places: Positions,
    streams: Streams,
    *,
    item_end: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Float:
    """The states after the symbols at some places, (places, states, L, H), in the order of `Cell.states`.

    Args:
        model: the model.
        ids: (T,) the symbols of a text.
        places: the places, in rising order, each among those that a stream scores.
        streams: the parts of the text that are read in parallel; what one scores are here the symbols that it reads as
            its own, from `begin` to before `end`.
        item_end: the symbol at which the state is reset, in a model of lines, records or documents.
        progress: called with the number of symbols that were just read.
    """
    config = model.config
    shape = len(places), len(model.cell.states), config.num_layers, config.hidden_size
    found = np.empty(shape, np.float32)
    row = np.full(len(ids), -1, np.int32)
    row[places] = np.arange(len(places))
    start = model.initial_state(len(streams))
    state = start
    if item_end is not None:  # the first item begins as the others do
        state, _ = model.advance(np.full(len(streams), item_end), start)
    for t in range(streams.num_steps):
        time = streams.first + t
        at = np.minimum(time, len(ids) - 1)
        symbols = ids[at]
        if item_end is not None:
            state = _reset(state, start, symbols == item_end)
        state, _ = model.advance(symbols, state)
        own = (time >= streams.begin) & (time < streams.end)
        wanted = np.flatnonzero(own & (row[at] >= 0))
        for layer, values in enumerate(state):
            for k, value in enumerate(values[: shape[1]]):
                found[row[at[wanted]], k, layer] = value[wanted]
        progress(int(own.sum()))
    return found


def _reset(state: States, start: States, rows: npt.NDArray[np.bool_]) -> States:
    """A state that is the initial one in some rows."""
    if not rows.any():
        return state
    return tuple(
        tuple(np.where(rows[:, None], first, own) for own, first in zip(layer, firsts, strict=True))
        for layer, firsts in zip(state, start, strict=True)
    )
