"""The gated recurrent unit.

    r = σ(W_ir x + b_ir + W_hr h + b_hr)               reset gate: how much of the state the candidate sees
    z = σ(W_iz x + b_iz + W_hz h + b_hz)               update gate: how much of the old state is kept
    n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))      candidate: the new state
    h' = (1 - z) ⊙ n + z ⊙ h                           the hidden state

State: h. Gates: r, z, n, stacked in the matrices in this order. 3H(E + H) + 6H weights a layer.

Where the reset gate acts: this is the variant of torch and cuDNN, r after the product, so that one product serves all
gates. In the paper's main text r acts before it, tanh(W x + U (r ⊙ h)), and z has the other sense in some texts, h' =
z ⊙ n + (1 - z) ⊙ h. Because r multiplies b_hn, the step adds b_hh itself; it is not part of x.

Backwards, with q = W_hn h + b_hn and a the expression in the brackets:

    da_n = dh' ⊙ (1 - z) ⊙ (1 - n²)        da_z = dh' ⊙ (h - n) ⊙ z ⊙ (1 - z)
    da_r = da_n ⊙ q ⊙ r ⊙ (1 - r)          dh = dh' ⊙ z + W_hᵀ (da_r, da_z, da_n ⊙ r)

Source: K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation",
EMNLP 2014.
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
        x: W_ih · input + b_ih, (N, 3H).
        state: h, (N, H).
        weights: `weight_hh`, transposed, (H, 3H), and `bias_hh` (3H,).
        ops: the functions for these arrays.

    Returns:
        The next h, and the gates r, z, n, each (N, H); behind them q.
    """
    (h,) = state
    x_r, x_z, x_n = ops.split(x, 3)
    h_r, h_z, q = ops.split(ops.product(h, weights["weight_hh"]) + weights["bias_hh"], 3)
    r, z = ops.sigmoid(x_r + h_r), ops.sigmoid(x_z + h_z)
    n = ops.tanh(ops.addcmul(x_n, r, q))
    h = ops.state("h", ops.addcmul(n, z, h - n))
    return (h,), (r, z, n, q)


def backward(d_after: State, trace: StepTrace, weights: Weights, ops: GradientOps) -> Gradient:
    """The step backwards; see `Cell.backward`."""
    (dh,), ((h,), _, (r, z, n, q)) = d_after, trace
    kept = dh * z
    dn, dz = ops.dtanh(dh - kept, n), ops.dsigmoid(dh * (h - n), z)
    dr = ops.dsigmoid(dn * q, r)
    return Gradient(x=(dr, dz, dn), product=(dr, dz, dn * r), state=(kept,))


CELL = Cell(
    name="gru",
    states=("h",),
    gates=("r", "z", "n"),
    sigmoids=("r", "z"),
    meanings={
        "h": "the memory of a layer, which it also passes on: to the layer above it and to the prediction",
        "r": "reset gate: how much of the last h the proposal n may see (0: nothing, 1: all)",
        "z": "update gate: how much of the last h stays (0: it is replaced by n, 1: it is kept)",
        "n": "proposal: the new value, from −1 to 1, for what z does not keep",
    },
    memory_gate="z",
    num_blocks=3,
    is_exact=True,
    step=step,
    backward=backward,
    torch_class="GRU",
    folds_bias=False,
)
