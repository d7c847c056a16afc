"""Layers stacked on each other: the step of a whole network, for any cell, on NumPy arrays and torch tensors alike.

With layer normalization (J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization", 2016) a layer's output h is
normalized on its way up, to the next layer and from the top one to the head:

    up(h) = (h - mean(h)) / √(variance(h) + EPSILON) ⊙ gain + shift        over the units of the layer

The h that the layer itself is given at the next time step is not normalized, and the cell's step is unchanged.

A layer may be held at some of the time steps (`charrnn.network.cells.subsampling`). The head is then given the sum of
all layers' outputs, normalized as the top layer's are.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from charrnn.network.cells.base import Array, Blocks, Cell, Ops, State, Weights
from charrnn.network.cells.subsampling import ticked


@dataclass(frozen=True)
class Layer:
    """A layer's weights, laid out for a step."""

    weight_ih: Array
    """(E or H, B·H): transposed. None for a cell that reads its input itself."""
    bias: Array
    """(B·H,) added to W_ih · input; None alike."""
    recurrent: Weights
    """The weights that a step is given, matrices transposed: `weight_hh`, the cell's own, and `bias_hh` if not in x."""
    norm: tuple[Array, Array] | None = None
    """The gain and shift of layer normalization, (H,) each; None: no normalization."""
    period: int | None = None
    """The time steps from tick to tick; None where no layer is held. See `charrnn.network.cells.subsampling.periods`."""
    ops: Ops | None = None
    """Functions for this layer alone, which edit its states; None: the functions of the whole stack."""


def layer_names(cell: Cell, layer: int) -> dict[str, str]:
    """The names of a layer's weights in a network, by their short names: `weight_ih` -> `rnn.weight_ih_l0`."""
    return {name: f"rnn.{name}_l{layer}" for name in cell.weights}


def norm_names(layer: int) -> tuple[str, str]:
    """The names of the gain and the shift of a layer's normalization in a network."""
    return f"norm.weight_l{layer}", f"norm.bias_l{layer}"


def make_layer(
    cell: Cell,
    weights: Mapping[str, Array],
    layer: int,
    transpose: Callable[[Array], Array],
    period: int | None = None,
) -> Layer:
    """The weights of a layer, out of those of the network.

    Args:
        cell: the cell whose weights they are.
        weights: arrays by their full names.
        layer: its number.
        transpose: swaps the two axes of a matrix.
        period: see `Layer`.
    """
    own = {name: weights[full] for name, full in layer_names(cell, layer).items()}
    own |= {name: transpose(array) for name, array in own.items() if array.ndim > 1}
    gain, shift = (weights.get(name) for name in norm_names(layer))
    norm = None if gain is None else (gain, shift)
    if cell.reads_input:
        return Layer(None, None, own, norm, period)
    weight, bias = own.pop("weight_ih"), own.pop("bias_ih")
    if cell.folds_bias and "bias_hh" in own:
        bias = bias + own.pop("bias_hh")
    return Layer(weight, bias, own, norm, period)


def entering(layer: Layer, x: Array, ops: Ops) -> Array:
    """What a layer's step is given for its input (..., E): W_ih · input + bias, or the input itself."""
    return x if layer.weight_ih is None else ops.product(x, layer.weight_ih) + layer.bias


def upwards(layer: Layer, h: Array, ops: Ops) -> Array:
    """A layer's output (N, H), normalized if the layer says so, for the next layer or the head."""
    return h if layer.norm is None else ops.layer_norm(h, *layer.norm)


def top_output(layers: Sequence[Layer], state: Sequence[State]) -> Array:
    """What the head is given after a state, (N, H), before it is normalized: the top layer's output, or the sum."""
    if layers[-1].period is None:
        return state[-1][0]
    return reduce(add, (own[0] for own in state))


def advance(
    cell: Cell,
    layers: Sequence[Layer],
    x: Array,
    state: Sequence[State],
    ops: Ops,
    *,
    output: Array | None = None,
    in_word: Array | None = None,
) -> tuple[tuple[State, ...], tuple[Blocks, ...]]:
    """One time step of all layers.

    Args:
        cell: the cell that computes each of them.
        layers: the weights.
        x: layer 0's W_ih · input + bias, (N, B·H), or its input, (N, E); see `entering`.
        state: each layer's state before.
        ops: the functions for these arrays.
        output: the distribution over symbols that comes back, (N, V), for a cell that feeds it back.
        in_word: whether the symbol is part of a word, as a number, (N,), for layers that tick at the ends of words.

    Returns:
        Each layer's state after, and its gates; where a layer is held, these are NaN.
    """
    states: list[State] = []
    gates: list[Blocks] = []
    below: Layer | None = None
    for layer, before in zip(layers, state, strict=True):
        if layer.period is not None:
            read = x if below is None else states[-1][0]
            after, values = _at_tick(cell, layer, (below, read), before, ops, in_word)
        else:
            if below:
                x = entering(layer, upwards(below, states[-1][0], ops), ops)
            fed_back = before if output is None else (output, *before[len(cell.states) :])
            after, values = cell.step(x, fed_back, layer.recurrent, layer.ops or ops)
        states.append(after)
        gates.append(values[: len(cell.gates)])
        below = layer
    return tuple(states), tuple(gates)


def _at_tick(
    cell: Cell,
    layer: Layer,
    source: tuple[Layer | None, Array],
    before: State,
    ops: Ops,
    in_word: Array | None,
) -> tuple[State, Blocks]:
    """One time step of a layer that may be held.

    Args:
        cell: its cell.
        layer: its weights.
        source: the layer below and its output, or None and what the step is given.
        before: its state and its phase.
        ops: the functions for these arrays.
        in_word: see `advance`.
    """
    *own, phase = before

    def stepped(rows: Array) -> tuple[State, Blocks]:
        """The step of some rows."""
        (below, read), state = source, tuple(s[rows] for s in own)
        read = read[rows]
        x = read if below is None else entering(layer, upwards(below, read, ops), ops)
        after, values = cell.step(x, state, layer.recurrent, layer.ops or ops)
        return after, values[: len(cell.gates)]

    if layer.period == 1:
        after, gates = stepped(...)
        return (*after, phase), gates
    ticks, phase = ticked(layer.period or 0, phase, in_word)
    some, every = (ticks.any(), ticks.all()) if ticks.ndim else (ticks, ticks)
    if not some:
        return (*own, phase), (own[0] * math.nan,) * len(cell.gates)
    if every:
        after, gates = stepped(...)
        return (*after, phase), gates
    if layer.ops is None:
        after, gates = stepped(ticks)
    else:  # functions of its own may differ from row to row
        after, gates = (tuple(a[ticks] for a in arrays) for arrays in stepped(...))
    held = (_placed(a, ticks, new) for a, new in zip(own, after, strict=True))
    return (*held, phase), tuple(_placed(own[0] * math.nan, ticks, gate) for gate in gates)


def _placed(before: Array, ticks: Array, after: Array) -> Array:
    """An array with other values in some rows."""
    made = before * 1  # a copy, of NumPy and of torch alike
    made[ticks] = after
    return made
