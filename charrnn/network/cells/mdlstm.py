"""The LSTM in two dimensions: where all lines are equally long, a character sees the one before it and the one above it.

    h, c        the state after the character before (to the left)
    h^, c^      the state after the character above the one that comes next, R - 1 before: a row has R with its newline

    i = σ(W_i x + U_i h + V_i h^ + b_i)         input gate
    f = σ(W_f x + U_f h + V_f h^ + b_f)         forget gate of what comes from the left
    e = σ(W_e x + U_e h + V_e h^ + b_e)         forget gate of what comes from above
    g = tanh(W_g x + U_g h + V_g h^ + b_g)      candidate
    o = σ(W_o x + U_o h + V_o h^ + b_o)         output gate
    c' = f ⊙ c + e ⊙ c^ + i ⊙ g
    h' = o ⊙ tanh(c')

States: h, c; and the window: h and c of the R - 2 characters before the last, newest first. R is `--row-length`. Gates:
i, f, e, g, o, stacked in the matrices in this order: `weight_ih` (5H, E), and `weight_hh` (5H, 2H), in which U stands
left of V. 5H(E + 2H) + 5H weights a layer.

In a board, a level or a table what stands above is as near as what stands before; to an LSTM it is a whole row away.
Here a column is remembered through e as a line is through f. What stands above the character that is to be predicted
counts, not what stands above the one that was read. Above the first row of a text there is zero. A blank line between
two boards moves all that follows it by one: the first row below it looks at what is not above.

Many ways lead from one character to another, some steps to the right and some rows down, and c sums over all of them: f
and e start near 1/2, so that their shares add up to about 1. (With an LSTM's forget bias they would grow.)

A gradient goes up one row where truncated backpropagation reaches so far: `--sequence-length` of several rows.

Backwards as in the LSTM (lstm.py), with one more way: da_e = dc' ⊙ c^ ⊙ e ⊙ (1 - e), dc^ = dc' ⊙ e, dh^ = Vᵀ da.

Source: A. Graves, S. Fernández and J. Schmidhuber, "Multi-dimensional Recurrent Neural Networks", ICANN 2007. Their
layers read an image from all four corners; a text that is being written has but one. Their peepholes are left out.
"""

from functools import cache
from typing import Any

from charrnn.network.cells.base import (
    Array,
    Blocks,
    Cell,
    Gradient,
    GradientOps,
    Ops,
    Shapes,
    State,
    StepTrace,
    Weights,
)
from charrnn.network.cells.lstm import CELL as LSTM

ROW_LENGTH = 80
"""R, where none is given and there is no text to take it from."""


def own_shapes(E: int, H: int, V: int) -> Shapes:
    """The weights of a layer."""
    return {"weight_ih": (5 * H, E), "weight_hh": (5 * H, 2 * H), "bias_ih": (5 * H,)}


def step(x: Array, state: State, weights: Weights, ops: Ops) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: W · input + b, (N, 5H).
        state: h and c, and those of the characters before, (N, H) each; the last two are from above.
        weights: `weight_hh`, transposed, (2H, 5H).
        ops: the functions for these arrays.

    Returns:
        The next h and c, and the window moved on; and the gates i, f, e, g, o, each (N, H); behind them tanh(c').
    """
    h, c, above, c_above = *state[:2], *state[-2:]
    a = x + ops.product(ops.joined(h, above), weights["weight_hh"])
    i, f, e, g, o = ops.split(a, 5)
    i, f, e, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.sigmoid(e), ops.tanh(g), ops.sigmoid(o)
    c = ops.state("c", ops.addcmul(ops.addcmul(f * c, e, c_above), i, g))
    shown = ops.tanh(c)
    h = ops.state("h", o * shown)
    return (h, c, *state[:-2]), (i, f, e, g, o, shown)


def backward(d_after: State, trace: StepTrace, weights: Weights, ops: GradientOps) -> Gradient:
    """The step backwards; see `Cell.backward`. What was moved on in the window moves back."""
    (dh, dc, *window), (before, _, (i, f, e, g, o, shown)) = d_after, trace
    dc = dc + ops.dtanh(dh * o, shown)
    di, dg, do = ops.dsigmoid(dc * g, i), ops.dtanh(dc * i, g), ops.dsigmoid(dh * shown, o)
    df, de = ops.dsigmoid(dc * before[1], f), ops.dsigmoid(dc * before[-1], e)
    d_left, d_c, *further = window
    state = (d_left, d_c + dc * f, *further, None, dc * e)
    return Gradient(x=(di, df, de, dg, do), state=state)


@cache
def with_row_length(row_length: int) -> Cell:
    """The cell for rows of this many characters, with their newline."""
    places = range(2, row_length)
    return Cell(
        name="mdlstm",
        states=("h", "c"),
        window=tuple(f"{letter}{k}" for k in places for letter in "hc"),
        gates=("i", "f", "e", "g", "o"),
        sigmoids=("i", "f", "e", "o"),
        meanings=dict(LSTM.meanings)
        | {
            "f": "forget gate: how much of the memory of the character before stays (0: none, 1: all)",
            "e": "forget gate: how much of the memory of the character above stays (0: none, 1: all)",
        },
        memory_gate="f",
        num_blocks=5,
        step=step,
        backward=backward,
        fed=(0, -2),
        own_shapes=own_shapes,
        for_settings=for_settings,
    )


def for_settings(settings: Any) -> Cell:
    """The cell of a network with these settings; see `Cell.for_settings`."""
    length = settings.row_length
    return with_row_length(int(length) if length and length.isdecimal() else ROW_LENGTH)


CELL = with_row_length(ROW_LENGTH)
