"""The gradient of a network on a chunk of one text, in NumPy: backpropagation through time, truncated at the chunk.

The state that the chunk begins with is carried from before, and is a constant. Products that do not depend on the state
are made for the whole chunk at once, and so are the gradients of the matrices, which are sums over time: only the
recurrence is a loop.

There are two orders of the loops. Where a layer's own h comes back, each layer goes through the whole chunk before the
next one; where the output comes back (the Jordan network), all layers take each time step together.

Legend: T time steps, V symbols, E embedding size, H hidden units, B blocks, L layers, P weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.network.cells import cell_of
from charrnn.network.cells.base import EPSILON, Cell, State, StepTrace, Weights
from charrnn.network.numpy_ops import NumpyGradientOps as Ops
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import Layer, layer_names, norm_names
from charrnn.numerics import Ids, Mask, softmax

Real = npt.NDArray[Any]
"""An array of the weights' precision: float32, or float64."""
EMBEDDING, HEAD, HEAD_BIAS = "embedding.weight", "head.weight", "head.bias"


class Parameters:
    """The weights of a network that learn, or their gradient: one vector (P,), and its parts by name.

    The matrices of the layers are transposed, as a step wants them. Where a cell adds both biases at once, their sum
    stands under the name of the first. The learned initial state is not among them: a chunk's state is a constant.

    Args:
        config: the network.
        dtype: float32 or float64.
    """

    def __init__(self, config: ModelConfig, dtype: npt.DTypeLike = np.float32) -> None:
        self.cell = cell_of(config)
        shapes = {n: s for n, s in weight_shapes(config).items() if not n.startswith("start.")}
        self._folded = {}
        if self.cell.folds_bias and self.cell.has_recurrent_matrix:
            names = [layer_names(self.cell, k) for k in range(config.num_layers)]
            self._folded = {own["bias_ih"]: own["bias_hh"] for own in names}
        shapes = {n: s for n, s in shapes.items() if n not in self._folded.values()}
        self._config, self._shapes = config, shapes
        self.vector = np.zeros(sum(int(np.prod(s)) for s in shapes.values()), dtype)
        self.parts: dict[str, Real] = {}
        begin = 0
        for name, shape in shapes.items():
            end = begin + int(np.prod(shape))
            order = shape[::-1] if _is_transposed(name) else shape
            self.parts[name] = self.vector[begin:end].reshape(order)
            begin = end
        self.layers = [self._layer(k) for k in range(config.num_layers)]

    def _layer(self, number: int) -> Layer:
        own, parts = layer_names(self.cell, number), self.parts
        recurrent = {n: parts[full] for n, full in own.items() if full in parts}
        del recurrent["weight_ih"], recurrent["bias_ih"]
        gain, shift = (parts.get(name) for name in norm_names(number))
        norm = None if gain is None else (gain, shift)
        return Layer(parts[own["weight_ih"]], parts[own["bias_ih"]], recurrent, norm)

    def copy(self) -> Self:
        """The same, to be changed by itself."""
        other = type(self)(self._config, self.vector.dtype)
        other.vector[:] = self.vector
        return other

    def copy_from(self, weights: Weights) -> None:
        """Take the weights of a network, by their names in a checkpoint."""
        for name, part in self.parts.items():
            array = weights[name]
            if name in self._folded:
                array = array + weights[self._folded[name]]
            part[...] = array.T if _is_transposed(name) else array

    def to_weights(self, before: Weights) -> dict[str, Real]:
        """Copies of them as the weights of a network, whose other weights are those from before."""
        made = {name: array.copy() for name, array in before.items() if name not in self.parts}
        for name, part in self.parts.items():
            made[name] = np.array(part.T if _is_transposed(name) else part, order="C")
            if name in self._folded:
                made[name] -= before[self._folded[name]]
        return {name: made[name] for name in before}


def _is_transposed(name: str) -> bool:
    return name.startswith(("rnn.weight_ih", "rnn.weight_hh"))


@dataclass(frozen=True)
class Reading:
    """What a network had while it read a chunk of T symbols: all that its gradient needs."""

    ids: Ids
    """The symbols, (T,)."""
    logits: Real
    """Those of the next symbols, (T, V)."""
    state: tuple[State, ...]
    """Each layer's state after the chunk, (H,) each."""
    resets: Mask
    """The symbols before which the state was reset, (T,)."""
    fed_back: list[Real]
    """For each layer what came back before each symbol: h, (T, H), or the output, (T, V)."""
    inputs: list[Real]
    """For each layer what it was given from below, (T, E or H), and last what the head was: the T outputs, then those
    from before the steps in `first`."""
    normal: list[tuple[Real, Real] | None]
    """For each layer its normalized outputs (T, H) and what they were divided by (T, 1); None without normalization."""
    traces: list[list[StepTrace]]
    """For each layer the trace of each step."""
    first: tuple[int, ...] = ()
    """The steps before which an output came back that is not one of the chunk's."""


def read(
    weights: Parameters, ids: Ids, state: Sequence[State], start: Sequence[State], resets: Mask
) -> Reading:
    """Read a chunk.

    Args:
        weights: the network.
        ids: the symbols, (T,).
        state: each layer's state before them, (H,) each.
        start: the state before any symbol.
        resets: the symbols before which the state is that, (T,).
    """
    begins = _Begins(tuple(state), tuple(start), resets)
    through = _by_steps if weights.cell.feeds_back == "output" else _by_layers
    return through(weights, ids, begins)


@dataclass(frozen=True)
class _Begins:
    """Where the states of a chunk come from."""

    state: tuple[State, ...]
    start: tuple[State, ...]
    resets: Mask


def _by_layers(weights: Parameters, ids: Ids, begins: _Begins) -> Reading:
    """Read with one layer after another."""
    cell, T = weights.cell, len(ids)
    inputs, fed_back, normal, traces, after = [weights.parts[EMBEDDING][ids]], [], [], [], []
    resets = begins.resets.tolist()
    for k, layer in enumerate(weights.layers):
        x = inputs[-1] @ layer.weight_ih + layer.bias  # (T, B·H)
        now, own = begins.state[k], []
        back, h = (np.empty((T, len(now[0])), x.dtype) for _ in range(2))
        for t, (x_t, anew) in enumerate(zip(x, resets, strict=True)):
            before = begins.start[k] if anew else now
            back[t] = before[0]
            now, blocks = cell.step(x_t, before, layer.recurrent, Ops)
            own.append(StepTrace(before, now, blocks))
            h[t] = now[0]
        up, scaled = _upwards(layer, h)
        inputs.append(up)
        fed_back.append(back)
        normal.append(scaled)
        traces.append(own)
        after.append(now)
    logits = _logits(weights, inputs[-1])
    return Reading(ids, logits, tuple(after), begins.resets, fed_back, inputs, normal, traces)


def _by_steps(weights: Parameters, ids: Ids, begins: _Begins) -> Reading:
    """Read with one time step after another, for a network whose output comes back."""
    cell, layers, state = weights.cell, weights.layers, begins.state
    x = weights.parts[EMBEDDING][ids] @ layers[0].weight_ih + layers[0].bias
    first, y = (softmax(_of_state(weights, s)) for s in (begins.start, state))
    outputs: list[Real] = []
    traces: list[list[StepTrace]] = [[] for _ in layers]
    resets = begins.resets.tolist()
    for x_t, anew in zip(x, resets, strict=True):
        if anew:
            y = first
        outputs.append(y)
        below = x_t
        states: list[State] = []
        for layer, own in zip(layers, traces, strict=True):
            if states:
                below = _upwards(layers[len(states) - 1], states[-1][0])[0] @ layer.weight_ih
                below = below + layer.bias
            after, blocks = cell.step(below, (y,), layer.recurrent, Ops)
            own.append(StepTrace((y,), after, blocks))
            states.append(after)
        state = tuple(states)
        y = softmax(_of_state(weights, state))
    inputs, normal = [weights.parts[EMBEDDING][ids]], []
    new = tuple(t for t, anew in enumerate(resets) if anew or not t)
    tops = [(begins.start if resets[t] else begins.state)[-1][0] for t in new]
    for layer, own in zip(layers, traces, strict=True):
        h = [step.after[0] for step in own]
        up, scaled = _upwards(layer, np.stack(h + tops * (layer is layers[-1])))
        inputs.append(up)
        normal.append(scaled)
    logits = _logits(weights, inputs[-1][: len(ids)])
    back = [np.stack(outputs)] * len(layers)
    return Reading(ids, logits, state, begins.resets, back, inputs, normal, traces, new)


def _upwards(layer: Layer, h: Real) -> tuple[Real, tuple[Real, Real] | None]:
    """A layer's outputs (..., H) for what is above, and what the gradient of their normalization needs."""
    if layer.norm is None:
        return h, None
    gain, shift = layer.norm
    y = h - h.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((y * y).mean(axis=-1, keepdims=True) + EPSILON)
    y /= deviation
    return y * gain + shift, (y, deviation)


def _logits(weights: Parameters, up: Real) -> Real:
    logits: Real = up @ weights.parts[HEAD].T + weights.parts[HEAD_BIAS]
    return logits


def _of_state(weights: Parameters, state: Sequence[State]) -> Real:
    """The logits after a state, (V,)."""
    return _logits(weights, _upwards(weights.layers[-1], state[-1][0])[0])


# --- backwards ---------------------------------------------------------------------------------------------------------


def backward(weights: Parameters, reading: Reading, d_logits: Real, into: Parameters) -> None:
    """The gradient of a loss with respect to all weights.

    Args:
        weights: the network that read the chunk.
        reading: the chunk.
        d_logits: the gradient with respect to the logits, (T, V).
        into: the gradient; what it had before is overwritten.
    """
    by_steps = weights.cell.feeds_back == "output"
    if by_steps:
        d_logits, blocks = _with_feedback(weights, reading, d_logits)
    np.matmul(d_logits.T, reading.inputs[-1], out=into.parts[HEAD])
    d_logits.sum(axis=0, out=into.parts[HEAD_BIAS])
    d_up = d_logits @ weights.parts[HEAD]
    for k in reversed(range(len(weights.layers))):
        layer, own = weights.layers[k], into.layers[k]
        dh = _back_down(layer, own, d_up, reading.normal[k])
        if by_steps:
            dx = products = blocks[k]
        else:
            dx, products = _through_time(weights.cell, layer, own, dh, reading, k)
        if "weight_hh" in own.recurrent:
            np.matmul(reading.fed_back[k].T, products, out=own.recurrent["weight_hh"])
        if "bias_hh" in own.recurrent:
            products.sum(axis=0, out=own.recurrent["bias_hh"])
        np.matmul(reading.inputs[k].T, dx, out=own.weight_ih)
        dx.sum(axis=0, out=own.bias)
        d_up = dx @ layer.weight_ih.T
    embedding = into.parts[EMBEDDING]
    embedding[...] = 0
    np.add.at(embedding, reading.ids, d_up)


def _back_down(layer: Layer, own: Layer, d_up: Real, normal: tuple[Real, Real] | None) -> Real:
    """The gradient of a layer's h, (T, H), from that of its normalized outputs; and those of gain and shift."""
    if layer.norm is None or own.norm is None or normal is None:
        return d_up
    y, _ = normal
    (d_up * y).sum(axis=0, out=own.norm[0])
    d_up.sum(axis=0, out=own.norm[1])
    return _through_norm(layer, d_up, normal)


def _through_norm(layer: Layer, d_up: Real, normal: tuple[Real, Real] | None) -> Real:
    """The gradient of h, (..., H), from that of the normalized outputs."""
    if layer.norm is None or normal is None:
        return d_up
    y, deviation = normal
    dy = d_up * layer.norm[0]
    dh: Real = dy - dy.mean(axis=-1, keepdims=True)
    dh -= y * (dy * y).mean(axis=-1, keepdims=True)
    dh /= deviation
    return dh


def _through_time(
    cell: Cell, layer: Layer, own: Layer, outputs: Real, reading: Reading, number: int
) -> tuple[Real, Real]:
    """A layer backwards through all steps.

    Args:
        cell: its cell.
        layer: its weights.
        own: the gradients of its own vectors, which are set.
        outputs: the gradient of h after each step from above, (T, H).
        reading: the chunk.
        number: of the layer.

    Returns:
        The gradients of x and of h · weight_hh, (T, B·H) each: the same array, where these are the same.
    """
    assert cell.backward is not None
    weight = layer.recurrent.get("weight_hh")  # (H, B·H)
    dx = np.empty((len(outputs), layer.bias.size), outputs.dtype)
    products = dx if cell.folds_bias else np.empty_like(dx)
    for name in cell.vectors:
        own.recurrent[name][...] = 0
    nothing: State = (np.zeros_like(outputs[0]),) * len(cell.states)
    dh, *others = nothing
    traces, resets = reading.traces[number], reading.resets.tolist()
    for t in reversed(range(len(outputs))):
        step = cell.backward((dh + outputs[t], *others), traces[t], layer.recurrent, Ops)
        np.concatenate(step.x, out=dx[t])
        if step.product is not None:
            np.concatenate(step.product, out=products[t])
        for name, (one, other) in step.vectors.items():
            own.recurrent[name][...] += one * other
        if resets[t]:
            dh, *others = nothing
            continue
        before, *others = step.state
        dh = np.zeros_like(outputs[0]) if weight is None else weight.dot(products[t])
        if before is not None:
            dh += before
    return dx, products


def _with_feedback(
    weights: Parameters, reading: Reading, d_logits: Real
) -> tuple[Real, list[Real]]:
    """The gradient of the logits, what came back counted, and that of each layer's x, (T, B·H) each.

    The former has the rows of the head's inputs, (T + first, V).
    """
    cell, layers = weights.cell, weights.layers
    assert cell.backward is not None
    y, total = softmax(reading.logits), d_logits.copy()
    made_before = []
    blocks = [np.empty((len(y), layer.bias.size), y.dtype) for layer in layers]
    dy = np.zeros_like(y[0])
    for t in reversed(range(len(y))):
        total[t] += _through_softmax(dy, y[t])
        d_up, dy = total[t].dot(weights.parts[HEAD]), np.zeros_like(dy)
        for k in reversed(range(len(layers))):
            dh = _through_norm(layers[k], d_up, _at(reading.normal[k], t))
            step = cell.backward((dh,), reading.traces[k][t], layers[k].recurrent, Ops)
            da = np.concatenate(step.x, out=blocks[k][t])
            dy += layers[k].recurrent["weight_hh"].dot(da)
            d_up = layers[k].weight_ih.dot(da)
        if t in reading.first:
            made_before.append(_through_softmax(dy, reading.fed_back[0][t]))
            dy = np.zeros_like(dy)
    return np.concatenate([total, made_before[::-1]], dtype=y.dtype), blocks


def _through_softmax(dy: Real, y: Real) -> Real:
    """The gradient of logits, (V,), from that of their softmax y."""
    made: Real = y * (dy - dy.dot(y))
    return made


def _at(normal: tuple[Real, Real] | None, t: int) -> tuple[Real, Real] | None:
    return normal and (normal[0][t], normal[1][t])
