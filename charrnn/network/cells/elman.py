"""The simple recurrent network, or Elman network: the hidden layer sees its own last state.

    h' = φ(W_ih x + b_ih + W_hh h + b_hh)       φ = tanh, or relu

State: h. No gates. H(E + H) + 2H weights a layer.

Backwards: da = dh' ⊙ φ'(a), and dh = W_hhᵀ da. A gradient that goes back k steps is multiplied k times by W_hhᵀ and by
φ', which is at most 1: it fades, or explodes, exponentially.

Source: J. Elman, "Finding Structure in Time", Cognitive Science 14, 1990. (He copied the hidden layer to "context
units" and trained them as inputs, without a gradient through time.)
"""

from functools import partial

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


def step(
    x: Array, state: State, weights: Weights, ops: Ops, *, activation: str = "tanh"
) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: W_ih · input plus both biases, (N, H).
        state: h, (N, H).
        weights: `weight_hh`, transposed, (H, H).
        ops: the functions for these arrays.
        activation: φ, the name of one of them.

    Returns:
        The next h (N, H), and no gates.
    """
    (h,) = state
    h = ops.state("h", getattr(ops, activation)(x + ops.product(h, weights["weight_hh"])))
    return (h,), ()


def backward(
    d_after: State,
    trace: StepTrace,
    weights: Weights,
    ops: GradientOps,
    *,
    activation: str = "tanh",
) -> Gradient:
    """The step backwards; see `Cell.backward`."""
    (dh,), (_, (h,), _) = d_after, trace
    return Gradient(x=(getattr(ops, "d" + activation)(dh, h),), state=(None,))


CELL = Cell(
    name="elman",
    states=("h",),
    gates=(),
    meanings={
        "h": "the state of a layer, computed from what it reads and from its own last state, and passed on",
    },
    num_blocks=1,
    step=step,
    is_exact=True,
    backward=backward,
    torch_class="RNN",
    activations={
        "tanh": (step, backward),
        "relu": (partial(step, activation="relu"), partial(backward, activation="relu")),
    },
)
