"""The long short-term memory cell.

    i = σ(W_ii x + b_ii + W_hi h + b_hi)        input gate: how much of g is written
    f = σ(W_if x + b_if + W_hf h + b_hf)        forget gate: how much of c is kept
    g = tanh(W_ig x + b_ig + W_hg h + b_hg)     candidate: what is written
    o = σ(W_io x + b_io + W_ho h + b_ho)        output gate: how much of c is shown
    c' = f ⊙ c + i ⊙ g                          the cell: the memory itself
    h' = o ⊙ tanh(c')                           the hidden state: what others see

Gate order in the matrices: i, f, g, o, as in torch (char-rnn and torch-rnn use i, f, o, g). States: h, c.

Source: S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997, with the forget gate
of F. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual Prediction with LSTM", Neural Computation
12(10), 2000. A forget gate whose bias starts at 1 keeps its memory from the first step on (R. Jozefowicz, W. Zaremba and
I. Sutskever, ICML 2015).
"""

from charrnn.cells.base import Array, Cell, Ops, State


def step(x: Array, state: State, weight_hh: Array, ops: Ops) -> tuple[State, tuple[Array, ...]]:
    """One time step of N lanes.

    Args:
        x: W_ih · input plus both biases, (N, 4H).
        state: h and c, each (N, H).
        weight_hh: W_h transposed, (H, 4H).
        ops: sigmoid and tanh for these arrays.

    Returns:
        The next h and c, and the gates i, f, g, o, each (N, H).
    """
    h, c = state
    size = c.shape[-1]
    a = x + h @ weight_hh  # (N, 4H)
    write = ops.sigmoid(a[..., : 2 * size])  # (N, 2H): i and f in one call
    i, f = write[..., :size], write[..., size:]
    g = ops.tanh(a[..., 2 * size : 3 * size])
    o = ops.sigmoid(a[..., 3 * size :])
    c = f * c + i * g
    h = o * ops.tanh(c)
    return (h, c), (i, f, g, o)


CELL = Cell(
    name="lstm",
    states=("h", "c"),
    gates=("i", "f", "g", "o"),
    num_blocks=4,
    torch_class="LSTM",
    step=step,
)
