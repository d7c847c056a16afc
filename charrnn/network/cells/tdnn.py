"""The time-delay network: no recurrence; each layer sees the last K outputs of the layer below.

    h_t = tanh(W_0 x_t + W_1 x_(t-1) + ... + W_(K-1) x_(t-K+1) + b)

State: h, the output; and the window. Nothing reads h at the next step: all that a layer remembers is its window, and
with L layers the network sees the last L(K - 1) + 1 characters and no other. K is `--delays`. No gates. W_0 ... W_(K-1)
are stacked in one matrix, `weight_ih` (KH, E). KHE + H weights a layer.

The window is kept as what its inputs will add to the sums to come, rather than as the inputs, so that all of it has the
size of a layer:

    w_j = W_j x_t + W_(j+1) x_(t-1) + ... + W_(K-1) x_(t-K+1+j)       j = 1 ... K - 1: known of the sum j steps ahead

    h' = tanh(W_0 x + b + w_1)          w_j' = w_(j+1) + W_j x          w_K = 0

Both are the same network: each input is multiplied by every W_j once, when it comes. Before the first character the
window is zero.

For a whole text this is a convolution over time: all time steps are computed at once.

Source: A. Waibel, T. Hanazawa, G. Hinton, K. Shikano and K. Lang, "Phoneme Recognition Using Time-Delay Neural
Networks", IEEE Transactions on Acoustics, Speech, and Signal Processing 37(3), 1989. Their units are sigmoids.
"""

from functools import cache, partial
from typing import Any

from charrnn.network.cells.base import (
    Array,
    Blocks,
    Cell,
    Ops,
    Shapes,
    State,
    TimeOps,
    Weights,
)

DELAYS = 8
"""K, where none is given."""


def own_shapes(E: int, H: int, V: int, *, delays: int) -> Shapes:
    """The weights of a layer."""
    return {"weight_ih": (delays * H, E), "bias_ih": (H,)}


def step(
    x: Array, state: State, weights: Weights, ops: Ops, *, delays: int
) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: the input, (N, E).
        state: h and the window w_1 ... w_(K-1), each (N, H).
        weights: `weight_ih`, transposed, (E, KH), and `bias_ih` (H,).
        ops: the functions for these arrays.
        delays: K.

    Returns:
        The next h and window, and no gates.
    """
    _, *window = state
    now, *later = ops.split(ops.product(x, weights["weight_ih"]), delays)
    total = now + weights["bias_ih"]
    if window:
        total = total + window[0]
    h = ops.state("h", ops.tanh(total))
    return (h, *moved(window, later)), ()


def moved(window: list[Array], later: list[Array]) -> list[Array]:
    """The window one step on: w_j' = w_(j+1) + what the new input adds to the sum j steps ahead."""
    sums = [a + b for a, b in zip(window[1:], later, strict=False)]
    return [*sums, *later[len(sums) :]]


def parallel(
    x: Array, state: State, weights: Weights, ops: TimeOps, *, delays: int
) -> tuple[Array, State]:
    """All time steps of a chunk; see `Cell.parallel`. The sums of K - 1 more steps are the window after it."""
    _, *window = state
    T = len(x)
    sums = ops.delayed(x, weights["weight_ih"], delays)  # (T + K - 1, N, H)
    if window:
        sums = sums + ops.padded(ops.stack(tuple(window)), T)
    h = ops.tanh(sums[:T] + weights["bias_ih"])
    return h, (h[-1], *sums[T:])


@cache
def with_delays(delays: int) -> Cell:
    """The cell with a number of delays."""
    return Cell(
        name="tdnn",
        states=("h",),
        window=tuple(f"w{j}" for j in range(1, delays)),
        gates=(),
        meanings={
            "h": "the output of a layer, computed from the last outputs of the layer below alone"
        },
        num_blocks=delays,
        step=partial(step, delays=delays),
        parallel=partial(parallel, delays=delays),
        reads_input=True,
        reads_state=False,
        own_shapes=partial(own_shapes, delays=delays),
        for_settings=for_settings,
    )


def for_settings(settings: Any) -> Cell:
    """The cell of a network with these settings; see `Cell.for_settings`."""
    return with_delays(int(settings.delays or DELAYS))


CELL = with_delays(DELAYS)
