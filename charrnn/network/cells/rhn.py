"""The recurrent highway network: several layers in a row within each time step, with a gate around each.

    s_0 = h
    z_1 = σ(W_iz x + b_iz + R_z1 s_0)               the part of s that passes by
    n_1 = tanh(W_in x + b_in + R_n1 s_0)            the new value
    s_1 = (1 - z_1) ⊙ n_1 + z_1 ⊙ s_0
    z_d = σ(R_zd s_(d-1) + b_zd)                    d = 2 ... D: the input is seen by the first alone
    n_d = tanh(R_nd s_(d-1) + b_nd)
    s_d = (1 - z_d) ⊙ n_d + z_d ⊙ s_(d-1)
    h' = s_D
    z = z_1 ⊙ z_2 ⊙ ... ⊙ z_D                       the part of h that passes all of them by

State: h. Gates: z, and z1, n1 ... zD, nD. D is `--depth`. The matrices are `weight_ih` and `weight_hh`, those of the
first highway layer, and `weight_hh2` ...; each has z and n stacked in this order. 2H(E + DH) + 2HD weights a layer.

Of one step of an Elman network the next state is one layer's function of the last; here it is a function D layers deep,
which can be computed since each has a way around it. With D = 1 the network is a GRU without a reset gate.

z is named as in the GRU, it keeps: in the paper it is the carry gate c, coupled to the transform gate t = 1 - c. The
biases of all z start at FORGET_BIAS, so that at first most of h passes by (the paper starts those of t from -2 to -4).

Torch has no such kernel: training takes each step by itself, and torch differentiates it.

Source: J. Zilly, R. K. Srivastava, J. Koutník and J. Schmidhuber, "Recurrent Highway Networks", ICML 2017.
"""

from functools import cache, partial
from typing import Any

from charrnn.network.cells.base import Array, Blocks, Cell, Ops, Shapes, State, Weights

DEPTH = 3
"""Highway layers, where none are given."""
FORGET_BIAS = 2.0
"""The initial bias of each z."""


def own_shapes(E: int, H: int, V: int, *, depth: int) -> Shapes:
    """The weights of a layer."""
    shapes: dict[str, tuple[int, ...]] = {
        "weight_ih": (2 * H, E),
        "weight_hh": (2 * H, H),
        "bias_ih": (2 * H,),
    }
    for d in range(2, depth + 1):
        shapes |= {f"weight_hh{d}": (2 * H, H), f"bias_hh{d}": (2 * H,)}
    return shapes


def step(x: Array, state: State, weights: Weights, ops: Ops, *, depth: int) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: W_ih · input + b_ih, (N, 2H).
        state: h, (N, H).
        weights: `weight_hh`, `weight_hh2` ..., transposed, (H, 2H), and `bias_hh2` ..., (2H,).
        ops: the functions for these arrays.
        depth: D.

    Returns:
        The next h, and the gates z, z1, n1, z2, n2 ..., each (N, H).
    """
    (s,) = state
    a = x + ops.product(s, weights["weight_hh"])
    gates: list[Array] = []
    for d in range(1, depth + 1):
        if d > 1:
            a = ops.product(s, weights[f"weight_hh{d}"]) + weights[f"bias_hh{d}"]
        z, n = ops.split(a, 2)
        z, n = ops.sigmoid(z), ops.tanh(n)
        s = ops.addcmul(n, z, s - n)
        gates += [z, n]
    kept = gates[0]
    for z in gates[2::2]:
        kept = kept * z
    return (ops.state("h", s),), (kept, *gates)


@cache
def with_depth(depth: int) -> Cell:
    """The cell with a number of highway layers."""
    layers = range(1, depth + 1)
    return Cell(
        name="rhn",
        states=("h",),
        gates=("z", *(f"{letter}{d}" for d in layers for letter in "zn")),
        sigmoids=("z", *(f"z{d}" for d in layers)),
        meanings={
            "h": "the memory of a layer, which it also passes on: to the layer above it and to the prediction",
            "z": "how much of the last h passes by all highway layers (0: nothing, 1: all)",
        }
        | {
            f"z{d}": f"how much passes by highway layer {d} of the step (0: nothing, 1: all)"
            for d in layers
        }
        | {f"n{d}": f"proposal of highway layer {d}: the new value, from −1 to 1" for d in layers},
        memory_gate="z",
        num_blocks=2,
        forget_block=0,
        forget_bias=FORGET_BIAS,
        step=partial(step, depth=depth),
        own_shapes=partial(own_shapes, depth=depth),
        for_settings=for_settings,
        settings_from=settings_from,
    )


def for_settings(settings: Any) -> Cell:
    """The cell of a network with these settings; see `Cell.for_settings`."""
    return with_depth(settings.depth or DEPTH)


def settings_from(num_gates: int) -> dict[str, Any]:
    """The settings of a recorded network, from the number of its gates: z, and two of each highway layer."""
    return {"depth": num_gates // 2}


CELL = with_depth(DEPTH)
