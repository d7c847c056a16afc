"""The NARX network, nonlinear autoregressive with exogenous inputs: the last P outputs and the last Q inputs come back.

    y_t = softmax(W_y h_t + b_y)                    the output: the distribution over symbols that h gave
    h_t = tanh(W_0 x_t + ... + W_(Q-1) x_(t-Q+1) + U_1 y_(t-1) + ... + U_P y_(t-P) + b)

State: h, of which y is a function; and the window. P,Q is `--delays`. No gates. W_0 ... are stacked in `weight_ih`
(QH, E), U_1 ... in `weight_hh` (PH, V). H(QE + PV) + H weights a layer. With P = Q = 1 it is the Jordan network.

The window is kept as what earlier inputs and outputs will add to the sums to come (see tdnn.py):

    w_j = W_j x_t + U_(j+1) y_(t-1) + what came before them        j = 1 ... max(P, Q) - 1

    h' = tanh(W_0 x + U_1 y + b + w_1)          w_j' = w_(j+1) + W_j x + U_(j+1) y

Before the first character the window is zero: only the output of the initial state comes back, none from before it.

A gradient goes back through P outputs at once, so that it takes fewer steps, and fewer softmaxes, to reach what lies t
characters back: about t / P. That is why such networks keep somewhat longer dependencies than Elman's (T. Lin, B. Horne,
P. Tiňo and C. L. Giles, "Learning Long-Term Dependencies in NARX Recurrent Neural Networks", 1996).

With several layers y enters every one of them, and each keeps a window of its own inputs. Training takes each step by
itself, as the head takes part in it.

Source: S. Chen, S. Billings and P. Grant, "Non-linear System Identification Using Neural Networks", International
Journal of Control 51(6), 1990. There the output that comes back is a measured value; here it is the network's own
prediction.
"""

from functools import cache, partial
from typing import Any

from charrnn.network.cells.base import Array, Blocks, Cell, Ops, Shapes, State, Weights
from charrnn.network.cells.tdnn import moved

DELAYS = 4, 4
"""P and Q, where none are given."""


def own_shapes(E: int, H: int, V: int, *, outputs: int, inputs: int) -> Shapes:
    """The weights of a layer."""
    return {"weight_ih": (inputs * H, E), "weight_hh": (outputs * H, V), "bias_ih": (H,)}


def step(
    x: Array, state: State, weights: Weights, ops: Ops, *, outputs: int, inputs: int
) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: the input, (N, E).
        state: y, the distribution that the step before gave, (N, V), and the window, (N, H) each.
        weights: `weight_ih`, transposed, (E, QH), `weight_hh`, transposed, (V, PH), and `bias_ih` (H,).
        ops: the functions for these arrays.
        outputs: P.
        inputs: Q.

    Returns:
        The next h and window, and no gates.
    """
    y, *window = state
    of_input = ops.split(ops.product(x, weights["weight_ih"]), inputs)
    of_output = ops.split(ops.product(y, weights["weight_hh"]), outputs)
    both = [a + b for a, b in zip(of_input, of_output, strict=False)]
    both += [*of_input[len(both) :], *of_output[len(both) :]]
    now, *later = both
    total = now + weights["bias_ih"]
    if window:
        total = total + window[0]
    h = ops.state("h", ops.tanh(total))
    return (h, *moved(window, later)), ()


@cache
def with_delays(outputs: int, inputs: int) -> Cell:
    """The cell with numbers of delays."""
    return Cell(
        name="narx",
        states=("h",),
        window=tuple(f"w{j}" for j in range(1, max(outputs, inputs))),
        gates=(),
        meanings={
            "h": "the state of a layer, computed from the last inputs and the last predictions, and passed on"
        },
        num_blocks=inputs,
        step=partial(step, outputs=outputs, inputs=inputs),
        reads_input=True,
        own_shapes=partial(own_shapes, outputs=outputs, inputs=inputs),
        feeds_back="output",
        for_settings=for_settings,
    )


def for_settings(settings: Any) -> Cell:
    """The cell of a network with these settings; see `Cell.for_settings`."""
    return with_delays(*(map(int, settings.delays.split(",")) if settings.delays else DELAYS))


CELL = with_delays(*DELAYS)
