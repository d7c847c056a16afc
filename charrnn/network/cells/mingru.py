"""The minimal gated recurrent unit, minGRU: a GRU whose gate and candidate see the input alone, never the state.

    z = σ(W_iz x + b_iz)                update gate: how much of the old state is kept
    n = g(W_in x + b_in)                candidate: the new state
    h' = (1 - z) ⊙ n + z ⊙ h            the hidden state

    g(a) = a + 1/2 where a ≥ 0, else σ(a)        always positive, so that the paper can compute in logarithms

State: h. Gates: z, n, stacked in the matrix in this order. There is no W_hh. 2HE + 2H weights a layer.

As z and n do not depend on h, all of a text's are computed at once, and h' is a weighted sum of h and n: a linear
recurrence, h_t = z_t ⊙ h_(t-1) + (1 - z_t) ⊙ n_t, which needs no waiting. Two steps in a row are one of the same kind,
(z_2 z_1, z_2 b_1 + b_2) with b = (1 - z) ⊙ n, so the steps can be joined in pairs, the pairs in fours, and so on: a
parallel scan (see `charrnn.training.scan`). Step by step, as text is generated, it is the same function.

The price: within a layer a unit cannot look at what it or another one holds. In layer 0 a gate knows nothing but the
last character; only the layers above decide by what came before. So it wants several layers.

z is named as in this package's GRU and in torch's: it keeps. In the paper it replaces, h' = (1 - z) ⊙ h + z ⊙ n. The
biases of z start at 1, as those of an LSTM's forget gate do.

Backwards: da_n = dh' ⊙ (1 - z) ⊙ g'(a_n), da_z = dh' ⊙ (h - n) ⊙ z ⊙ (1 - z), dh = dh' ⊙ z, with g' = 1 where n > 1/2,
else n ⊙ (1 - n).

Source: L. Feng, F. Tung, M. O. Ahmed, Y. Bengio and H. Hajimirsadeghi, "Were RNNs All We Needed?", 2024, sections 3.1
and B. Their language models put a convolution over four characters and a small network between the layers, with
shortcuts around them; here the layers stand on each other as those of the other cells do.
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


def own_shapes(E: int, H: int, V: int) -> Shapes:
    """The weights of a layer: there is no recurrent matrix."""
    return {"weight_ih": (2 * H, E), "bias_ih": (2 * H,)}


def positive(a: Array, ops: Ops) -> Array:
    """The function g: a + 1/2 where a is at least 0, else σ(a)."""
    above = ops.relu(a)
    return above + ops.sigmoid(a - above)


def gates_of(x: Array, ops: Ops) -> Blocks:
    """The gates z and n, (..., H) each, of x (..., 2H)."""
    z, n = ops.split(x, 2)
    return ops.sigmoid(z), positive(n, ops)


def step(x: Array, state: State, weights: Weights, ops: Ops) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: W_ih · input + b_ih, (N, 2H).
        state: h, (N, H).
        weights: none.
        ops: the functions for these arrays.

    Returns:
        The next h, and the gates z, n, each (N, H).
    """
    (h,) = state
    z, n = gates_of(x, ops)
    h = ops.state("h", ops.addcmul(n, z, h - n))
    return (h,), (z, n)


def parallel(x: Array, state: State, weights: Weights, ops: TimeOps) -> tuple[Array, State]:
    """All time steps of a chunk; see `Cell.parallel`."""
    z, n = gates_of(x, ops)
    h = ops.scan(z, n - z * n, state[0])
    return h, (h[-1],)


def d_positive(d: Array, n: Array, ops: GradientOps) -> Array:
    """The gradient of a from that of n = g(a): itself where n is above 1/2, else times n ⊙ (1 - n)."""
    passed = ops.drelu(d, n - 0.5)
    return passed + ops.dsigmoid(d - passed, n)


def backward(d_after: State, trace: StepTrace, weights: Weights, ops: GradientOps) -> Gradient:
    """The step backwards; see `Cell.backward`."""
    (dh,), ((h,), _, (z, n)) = d_after, trace
    kept = dh * z
    return Gradient(x=(ops.dsigmoid(dh * (h - n), z), d_positive(dh - kept, n, ops)), state=(kept,))


CELL = Cell(
    name="mingru",
    states=("h",),
    gates=("z", "n"),
    sigmoids=("z",),
    meanings={
        "h": "the memory of a layer, which it also passes on: to the layer above it and to the prediction",
        "z": "update gate, decided by what the layer reads alone: how much of the last h stays (0: none, 1: all)",
        "n": "proposal: the new value, above 0, for what z does not keep",
    },
    memory_gate="z",
    num_blocks=2,
    forget_block=0,
    step=step,
    backward=backward,
    parallel=parallel,
    own_shapes=own_shapes,
)
