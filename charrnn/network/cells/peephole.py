"""The LSTM with peepholes: its gates see the cell itself, not only what the output gate shows of it.

    i = σ(W_ii x + b_ii + W_hi h + b_hi + p_i ⊙ c)       input gate
    f = σ(W_if x + b_if + W_hf h + b_hf + p_f ⊙ c)       forget gate
    g = tanh(W_ig x + b_ig + W_hg h + b_hg)              candidate
    c' = f ⊙ c + i ⊙ g                                   the cell
    o = σ(W_io x + b_io + W_ho h + b_ho + p_o ⊙ c')      output gate: it sees the new cell
    h' = o ⊙ tanh(c')                                    the hidden state

States: h, c. Gates: i, f, g, o, stacked in the matrices in this order. The peepholes act unit by unit: three vectors,
`weight_ci`, `weight_cf` and `weight_co`; 3H weights a layer more than the LSTM has.

Backwards as in the LSTM (see lstm.py), with three more ways for dc:

    da_o = dh' ⊙ tanh(c') ⊙ o ⊙ (1 - o)
    dc' += dh' ⊙ o ⊙ (1 - tanh²(c')) + da_o ⊙ p_o
    dc = dc' ⊙ f + da_i ⊙ p_i + da_f ⊙ p_f

(The paper cuts the gradient at the peepholes, and trained by a mixture of methods; this is the full gradient.)

Source: F. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count", IJCNN 2000. They feed h back to the gates too,
as here.
"""

from charrnn.network.cells.base import (
    Array,
    Blocks,
    Cell,
    Gradient,
    GradientOps,
    Ops,
    State,
    StepTrace,
    Weights,
)
from charrnn.network.cells.lstm import CELL as LSTM

PEEPHOLES = ("weight_ci", "weight_cf", "weight_co")


def step(x: Array, state: State, weights: Weights, ops: Ops) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: W_ih · input plus both biases, (N, 4H).
        state: h and c, each (N, H).
        weights: `weight_hh`, transposed, (H, 4H), and the peepholes, (H,) each.
        ops: the functions for these arrays.

    Returns:
        The next h and c, and the gates i, f, g, o, each (N, H); behind them tanh(c').
    """
    h, c = state
    p_i, p_f, p_o = (weights[name] for name in PEEPHOLES)
    i, f, g, o = ops.split(x + ops.product(h, weights["weight_hh"]), 4)
    i, f = ops.sigmoid(ops.addcmul(i, p_i, c)), ops.sigmoid(ops.addcmul(f, p_f, c))
    g = ops.tanh(g)
    c = ops.state("c", ops.addcmul(f * c, i, g))
    o = ops.sigmoid(ops.addcmul(o, p_o, c))
    shown = ops.tanh(c)
    h = ops.state("h", o * shown)
    return (h, c), (i, f, g, o, shown)


def backward(d_after: State, trace: StepTrace, weights: Weights, ops: GradientOps) -> Gradient:
    """The step backwards; see `Cell.backward`."""
    (dh, dc), ((_, c), (_, c_after), (i, f, g, o, shown)) = d_after, trace
    p_i, p_f, p_o = (weights[name] for name in PEEPHOLES)
    do = ops.dsigmoid(dh * shown, o)
    dc = ops.addcmul(dc + ops.dtanh(dh * o, shown), do, p_o)
    di, df, dg = ops.dsigmoid(dc * g, i), ops.dsigmoid(dc * c, f), ops.dtanh(dc * i, g)
    return Gradient(
        x=(di, df, dg, do),
        state=(None, ops.addcmul(ops.addcmul(dc * f, di, p_i), df, p_f)),
        vectors={"weight_ci": (di, c), "weight_cf": (df, c), "weight_co": (do, c_after)},
    )


CELL = Cell(
    name="peephole",
    states=("h", "c"),
    gates=("i", "f", "g", "o"),
    sigmoids=("i", "f", "o"),
    meanings=LSTM.meanings,
    memory_gate="f",
    num_blocks=4,
    forget_block=1,
    is_exact=True,
    step=step,
    backward=backward,
    vectors=PEEPHOLES,
)
