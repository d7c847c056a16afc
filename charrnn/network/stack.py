"""Layers stacked on each other: the step of a whole network, for any cell, on NumPy arrays and torch tensors alike.

With layer normalization (J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization", 2016) a layer's output h is
normalized on its way up, to the next layer and from the top one to the head:

    up(h) = (h - mean(h)) / √(variance(h) + EPSILON) ⊙ gain + shift        over the units of the layer

The h that the layer itself is given at the next time step is not normalized, and the cell's step is unchanged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from charrnn.network.cells.base import Array, Blocks, Cell, Ops, State, Weights


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
    ops: Ops | None = None
    """Functions for this layer alone, which edit its states; None: the functions of the whole stack."""


def layer_names(cell: Cell, layer: int) -> dict[str, str]:
    """The names of a layer's weights in a network, by their short names: `weight_ih` -> `rnn.weight_ih_l0`."""
    return {name: f"rnn.{name}_l{layer}" for name in cell.weights}


def norm_names(layer: int) -> tuple[str, str]:
    """The names of the gain and the shift of a layer's normalization in a network."""
    return f"norm.weight_l{layer}", f"norm.bias_l{layer}"


def make_layer(
    cell: Cell, weights: Mapping[str, Array], layer: int, transpose: Callable[[Array], Array]
) -> Layer:
    """The weights of a layer, out of those of the network.

    Args:
        cell: the cell whose weights they are.
        weights: arrays by their full names.
        layer: its number.
        transpose: swaps the two axes of a matrix.
    """
    own = {name: weights[full] for name, full in layer_names(cell, layer).items()}
    own |= {name: transpose(array) for name, array in own.items() if array.ndim > 1}
    gain, shift = (weights.get(name) for name in norm_names(layer))
    norm = None if gain is None else (gain, shift)
    if cell.reads_input:
        return Layer(None, None, own, norm)
    weight, bias = own.pop("weight_ih"), own.pop("bias_ih")
    if cell.folds_bias and "bias_hh" in own:
        bias = bias + own.pop("bias_hh")
    return Layer(weight, bias, own, norm)


def entering(layer: Layer, x: Array, ops: Ops) -> Array:
    """What a layer's step is given for its input (..., E): W_ih · input + bias, or the input itself."""
    return x if layer.weight_ih is None else ops.product(x, layer.weight_ih) + layer.bias


def upwards(layer: Layer, h: Array, ops: Ops) -> Array:
    """A layer's output (N, H), normalized if the layer says so, for the next layer or the head."""
    return h if layer.norm is None else ops.layer_norm(h, *layer.norm)


def advance(
    cell: Cell,
    layers: Sequence[Layer],
    x: Array,
    state: Sequence[State],
    ops: Ops,
    *,
    output: Array | None = None,
) -> tuple[tuple[State, ...], tuple[Blocks, ...]]:
    """One time step of all layers.

    Args:
        cell: the cell that computes each of them.
        layers: the weights.
        x: layer 0's W_ih · input + bias, (N, B·H), or its input, (N, E); see `entering`.
        state: each layer's state before.
        ops: the functions for these arrays.
        output: the distribution over symbols that comes back, (N, V), for a cell that feeds it back.

    Returns:
        Each layer's state after, and its gates.
    """
    states: list[State] = []
    gates: list[Blocks] = []
    below: Layer | None = None
    for layer, before in zip(layers, state, strict=True):
        if below:
            x = entering(layer, upwards(below, states[-1][0], ops), ops)
        fed_back = before if output is None else (output, *before[len(cell.states) :])
        after, values = cell.step(x, fed_back, layer.recurrent, layer.ops or ops)
        states.append(after)
        gates.append(values[: len(cell.gates)])
        below = layer
    return tuple(states), tuple(gates)
