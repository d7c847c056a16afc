"""The Jordan network: the hidden layer sees the network's last output, not its own last state.

    y = softmax(W_y h + b_y)                      the output: the distribution over symbols that h gave
    h' = tanh(W_ih x + b_ih + W_hh y + b_hh)

With layer normalization it is W_y up(h) + b_y: see `charrnn.network.stack`.

State: h, of which y is a function; nothing else comes back. (`visualize --predictions` shows y.) No gates. W_hh is
(H, V). H(E + V) + 2H weights a layer.

All that such a network remembers must pass through its output: V probabilities that are trained to say what comes next.
Backwards: da = dh' ⊙ (1 - h'²), and dy = W_hhᵀ da, which goes on through the softmax and W_y to the h before. In
training torch works that out; in NumPy `charrnn.network.backward` does.

With several layers y enters every one of them; each has a W_hh of its own. Before the first character h is zero (or
learned), so y is what the network expects without having read anything: softmax(b_y).

Source: M. Jordan, "Serial Order: A Parallel Distributed Processing Approach", ICS Report 8604, University of California,
San Diego, 1986. His state units also kept a fading trace of earlier outputs; here, as usual in comparisons with Elman's
network, they hold the last output.
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
        x: W_ih · input plus both biases, (N, H).
        state: y, the distribution that the step before gave, (N, V).
        weights: `weight_hh`, transposed, (V, H).
        ops: the functions for these arrays.

    Returns:
        The next h (N, H), and no gates.
    """
    (y,) = state
    h = ops.state("h", ops.tanh(x + ops.product(y, weights["weight_hh"])))
    return (h,), ()


def backward(d_after: State, trace: StepTrace, weights: Weights, ops: GradientOps) -> Gradient:
    """The step backwards; see `Cell.backward`."""
    (dh,), (_, (h,), _) = d_after, trace
    return Gradient(x=(ops.dtanh(dh, h),), state=(None,))


CELL = Cell(
    name="jordan",
    states=("h",),
    gates=(),
    meanings={
        "h": "the state of a layer, computed from what it reads and from the last prediction, and passed on",
    },
    num_blocks=1,
    is_exact=True,
    step=step,
    backward=backward,
    feeds_back="output",
)
