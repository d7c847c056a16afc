"""The minimal long short-term memory, minLSTM: an LSTM whose gates see the input alone, and whose memory is its output.

    i = σ(W_ii x + b_ii)                input gate: how much of g is written
    f = σ(W_if x + b_if)                forget gate: how much of h is kept
    g = p(W_ig x + b_ig)                candidate: what is written
    k = f / (f + i)                     the part that is kept, so that both parts add up to 1
    h' = k ⊙ h + (1 - k) ⊙ g            the hidden state, and the memory itself

    p(a) = a + 1/2 where a ≥ 0, else σ(a)        (g in the paper)

State: h; there is no c and no output gate. Gates: i, f, g, stacked in the matrix in this order, and k, which is computed
from i and f. There is no W_hh. 3HE + 3H weights a layer.

All gates of a text are computed at once, and h' is a linear recurrence in h: a parallel scan, as for the minGRU
(mingru.py, where it is explained, and what it costs). k depends on i and f together, so that it is σ of a difference,
k = σ(log f - log i); computed so, it is right even where both gates are shut. The biases of f start at 1.

Backwards: da_g = dh' ⊙ (1 - k) ⊙ p'(a_g), dh = dh' ⊙ k, and with e = dh' ⊙ (h - g) ⊙ k ⊙ (1 - k), the gradient of
log f - log i: da_f = e ⊙ (1 - f), da_i = -e ⊙ (1 - i).

Source: L. Feng, F. Tung, M. O. Ahmed, Y. Bengio and H. Hajimirsadeghi, "Were RNNs All We Needed?", 2024, sections 3.2
and B.
"""

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
    TimeOps,
    Weights,
)
from charrnn.network.cells.mingru import d_positive, positive


def own_shapes(E: int, H: int, V: int) -> Shapes:
    """The weights of a layer: there is no recurrent matrix."""
    return {"weight_ih": (3 * H, E), "bias_ih": (3 * H,)}


def kept(i: Array, f: Array, ops: Ops) -> Array:
    """The gate k, of the sums of the gates i and f."""
    return ops.sigmoid(ops.softplus(-1 * i) - ops.softplus(-1 * f))


def step(x: Array, state: State, weights: Weights, ops: Ops) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: W_ih · input + b_ih, (N, 3H).
        state: h, (N, H).
        weights: none.
        ops: the functions for these arrays.

    Returns:
        The next h, and the gates i, f, g, k, each (N, H).
    """
    (h,) = state
    i, f, g = ops.split(x, 3)
    k = kept(i, f, ops)
    i, f, g = ops.sigmoid(i), ops.sigmoid(f), positive(g, ops)
    h = ops.state("h", ops.addcmul(g, k, h - g))
    return (h,), (i, f, g, k)


def parallel(x: Array, state: State, weights: Weights, ops: TimeOps) -> tuple[Array, State]:
    """All time steps of a chunk; see `Cell.parallel`."""
    i, f, g = ops.split(x, 3)
    k, g = kept(i, f, ops), positive(g, ops)
    h = ops.scan(k, g - k * g, state[0])
    return h, (h[-1],)


def backward(d_after: State, trace: StepTrace, weights: Weights, ops: GradientOps) -> Gradient:
    """The step backwards; see `Cell.backward`."""
    (dh,), ((h,), _, (i, f, g, k)) = d_after, trace
    stays = dh * k
    e = ops.dsigmoid(dh * (h - g), k)
    return Gradient(x=(e * (i - 1), e * (1 - f), d_positive(dh - stays, g, ops)), state=(stays,))


CELL = Cell(
    name="minlstm",
    states=("h",),
    gates=("i", "f", "g", "k"),
    sigmoids=("i", "f", "k"),
    meanings={
        "h": "the memory of a layer, which it also passes on: to the layer above it and to the prediction",
        "i": "input gate, decided by what the layer reads alone: the weight of the proposal g",
        "f": "forget gate, decided by what the layer reads alone: the weight of the last h",
        "g": "proposal: the new value, above 0",
        "k": "the part of the last h that stays, f of f + i; the rest comes from g",
    },
    memory_gate="k",
    num_blocks=3,
    forget_block=1,
    step=step,
    backward=backward,
    parallel=parallel,
    own_shapes=own_shapes,
)
