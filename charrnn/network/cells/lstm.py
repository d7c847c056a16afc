"""The long short-term memory cell.

    i = σ(W_ii x + b_ii + W_hi h + b_hi)        input gate: how much of g is written
    f = σ(W_if x + b_if + W_hf h + b_hf)        forget gate: how much of c is kept
    g = tanh(W_ig x + b_ig + W_hg h + b_hg)     candidate: what is written
    o = σ(W_io x + b_io + W_ho h + b_ho)        output gate: how much of c is shown
    c' = f ⊙ c + i ⊙ g                          the cell: the memory itself
    h' = o ⊙ tanh(c')                           the hidden state: what others see

States: h, c. Gates: i, f, g, o, stacked in the matrices in this order, as in torch (char-rnn and torch-rnn use i, f, o,
g). 4H(E + H) + 8H weights a layer.

Backwards, with dh' and dc' the gradients of h' and c' from all that comes after, and a_i the expression in brackets:

    dc' += dh' ⊙ o ⊙ (1 - tanh²(c'))
    da_i = dc' ⊙ g ⊙ i ⊙ (1 - i)        da_f = dc' ⊙ c ⊙ f ⊙ (1 - f)
    da_g = dc' ⊙ i ⊙ (1 - g²)           da_o = dh' ⊙ tanh(c') ⊙ o ⊙ (1 - o)
    dc = dc' ⊙ f                        dh = W_hᵀ da

The gradient of c passes from step to step through f alone: where f is 1, it is passed on undiminished.

Source: S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997, with the forget gate
of F. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual Prediction with LSTM", Neural Computation
12(10), 2000. A forget gate whose bias starts at 1 keeps its memory from the first step on (R. Jozefowicz, W. Zaremba and
I. Sutskever, ICML 2015).
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


def step(x: Array, state: State, weights: Weights, ops: Ops) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: W_ih · input plus both biases, (N, 4H).
        state: h and c, each (N, H).
        weights: `weight_hh`, transposed, (H, 4H).
        ops: the functions for these arrays.

    Returns:
        The next h and c, and the gates i, f, g, o, each (N, H); behind them tanh(c').
    """
    h, c = state
    size = c.shape[-1]
    a = x + ops.product(h, weights["weight_hh"])  # (N, 4H)
    squashed = ops.sigmoid(a)  # i, f and o in one call; of g it is not used
    i, f, o = squashed[..., :size], squashed[..., size : 2 * size], squashed[..., 3 * size :]
    g = ops.tanh(a[..., 2 * size : 3 * size])
    c = ops.state("c", f * c + i * g)
    shown = ops.tanh(c)
    h = ops.state("h", o * shown)
    return (h, c), (i, f, g, o, shown)


def backward(d_after: State, trace: StepTrace, weights: Weights, ops: GradientOps) -> Gradient:
    """The step backwards; see `Cell.backward`."""
    (dh, dc), ((_, c), _, (i, f, g, o, shown)) = d_after, trace
    dc = dc + ops.dtanh(dh * o, shown)
    di, df = ops.dsigmoid(dc * g, i), ops.dsigmoid(dc * c, f)
    dg, do = ops.dtanh(dc * i, g), ops.dsigmoid(dh * shown, o)
    return Gradient(x=(di, df, dg, do), state=(None, dc * f))


CELL = Cell(
    name="lstm",
    states=("h", "c"),
    gates=("i", "f", "g", "o"),
    sigmoids=("i", "f", "o"),
    meanings={
        "h": "what a layer passes on after each character: to the layer above, to the prediction, and to itself",
        "c": "the memory of a layer, carried on from character to character; only the gates change it",
        "i": "input gate: how much of the proposal g is added to the memory c (0: nothing, 1: all)",
        "f": "forget gate: how much of the memory c stays (0: it is erased, 1: it is kept)",
        "g": "proposal: the value, from −1 to 1, that may be added to the memory",
        "o": "output gate: how much of the memory c is passed on as h (0: nothing, 1: all)",
    },
    memory_gate="f",
    num_blocks=4,
    forget_block=1,
    is_exact=True,
    step=step,
    backward=backward,
    torch_class="LSTM",
)
