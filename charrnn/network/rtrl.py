"""The gradient forward in time: real-time recurrent learning, in NumPy.

Beside its state s a network keeps how each number of it depends on each weight θ, the sensitivities S = ds/dθ. A step s'
= f(s, x, θ) moves them on by the chain rule, and the gradient of a loss right after it needs nothing from the past:

    S' = ∂f/∂s · S + ∂f/∂θ              dL/dθ = dL/dh' · S'(h)

    memory of a step    states · H · P numbers, whatever the length of the text; P weights below the head, about H²
    time of a step      states · H · H · P: the fourth power of H

Backpropagation through time needs H² for each step, in time and in memory, but it must keep the steps. Where no weight
moves the sum of the gradients is the same; where weights move at every step, S depends on what they were before.

The derivatives of a cell's step are those of its own `backward`, which is asked for one state at a time: each unit of a
step depends on its own sums alone, so that a gradient of ones has all diagonals at once.

Source: R. Williams and D. Zipser, "A Learning Algorithm for Continually Running Fully Recurrent Neural Networks", Neural
Computation 1(2), 1989.

Legend: V symbols, E embedding size, H hidden units, B blocks, S states of the cell, P weights below the head.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from charrnn.config import ModelConfig
from charrnn.network.backward import EMBEDDING, HEAD, HEAD_BIAS, Parameters, Real
from charrnn.network.cells.base import Cell, State, StepTrace, Weights
from charrnn.network.numpy_ops import NumpyGradientOps as Ops
from charrnn.network.shapes import num_sensitive
from charrnn.network.stack import Layer, layer_names
from charrnn.numerics import softmax


class _Slopes(NamedTuple):
    """The derivatives of one state of all units, (H,) each."""

    x: Real
    """(B, H) with respect to x."""
    product: Real
    """(B, H) with respect to h · weight_hh."""
    state: Sequence[Real | None]
    """With respect to each state before, but for the way through h · weight_hh."""
    vectors: dict[str, Real]
    """With respect to the cell's own vectors."""


class Sensitivities:
    """The state of one stream of a network of one layer, and how it depends on the weights.

    Args:
        config: the network: one layer, whose own h comes back, without layer normalization.
        weights: its weights; they may change between two steps.
    """

    def __init__(self, config: ModelConfig, weights: Parameters) -> None:
        self._weights, self.cell = weights, weights.cell
        self._own = layer_names(self.cell, 0)
        self._shape = len(self.cell.states), config.hidden_size, num_sensitive(config)
        self.array = np.zeros(self._shape, weights.vector.dtype)
        """(S, H, P) the sensitivities, in the order of the weights in `Parameters`."""
        self._next = np.zeros_like(self.array)

    def reset(self) -> None:
        """Forget all dependence, as before any symbol."""
        self.array[...] = 0

    def advance(self, symbol: int, state: State) -> State:
        """Read a symbol, and move the sensitivities on.

        Args:
            symbol: its id.
            state: the layer's state before it, (H,) each.

        Returns:
            The state after it.
        """
        (layer,) = self._weights.layers
        vector = self._weights.parts[EMBEDDING][symbol]
        x = vector @ layer.weight_ih + layer.bias
        after, blocks = self.cell.step(x, state, layer.recurrent, Ops)
        slopes = _slopes(self.cell, StepTrace(state, after, blocks), layer)
        self._chain(slopes, layer)
        for number, slope in enumerate(slopes):
            self._add(self._next[number], slope, symbol, vector, state[0])
        self.array, self._next = self._next, self.array
        return after

    def _chain(self, slopes: Sequence[_Slopes], layer: Layer) -> None:
        """∂f/∂s · S, for all states: one product for the way through h, rows for the others."""
        S, H, P = self._shape
        blocks = layer.recurrent["weight_hh"].reshape(H, -1, H)  # (from, B, to)
        through = np.stack([np.einsum("bi,mbi->im", s.product, blocks) for s in slopes])
        np.matmul(through.reshape(S * H, H), self.array[0], out=self._next.reshape(S * H, P))
        for after, slope in enumerate(slopes):
            for before, own in zip(self.array, slope.state, strict=True):
                if own is not None:
                    self._next[after] += own[:, None] * before

    def _add(self, into: Real, slope: _Slopes, symbol: int, vector: Real, h: Real) -> None:
        """∂f/∂θ of one state, (H, P): each unit depends on its own rows of the matrices, and on the embedding."""
        weights, own = self._weights, self._own
        B, H = slope.x.shape
        unit = np.arange(H)
        parts = self._parts(into)
        matrices = parts[own["weight_ih"]].reshape(H, -1, B, H)
        matrices[unit, :, :, unit] += slope.x.T[:, None] * vector[:, None]
        matrices = parts[own["weight_hh"]].reshape(H, -1, B, H)
        matrices[unit, :, :, unit] += slope.product.T[:, None] * h[:, None]
        parts[own["bias_ih"]].reshape(H, B, H)[unit, :, unit] += slope.x.T
        if not self.cell.folds_bias:
            parts[own["bias_hh"]].reshape(H, B, H)[unit, :, unit] += slope.product.T
        for name, values in slope.vectors.items():
            parts[own[name]][unit, unit] += values
        blocks = weights.parts[own["weight_ih"]].reshape(-1, B, H)  # (E, B, H)
        embedding = parts[EMBEDDING].reshape(H, -1, len(vector))
        embedding[:, symbol] += np.einsum("bi,ebi->ie", slope.x, blocks)

    def _parts(self, rows: Real) -> dict[str, Real]:
        """Views of the columns (H, P) of each weight, by its name."""
        parts, begin = {}, 0
        for name, part in self._weights.parts.items():
            if name not in (HEAD, HEAD_BIAS):
                parts[name] = rows[:, begin : begin + part.size]
                begin += part.size
        return parts

    def learn(self, state: State, target: int, into: Parameters) -> float:
        """The cost of the symbol that follows a state, in nats, and its gradient with respect to all weights.

        Args:
            state: the state that `advance` returned last.
            target: the symbol.
            into: the gradient; what it had before is overwritten.
        """
        h, parts = state[0], self._weights.parts
        y = softmax(parts[HEAD] @ h + parts[HEAD_BIAS])
        cost = -np.log(y[target])
        y[target] -= 1
        np.multiply(y[:, None], h, out=into.parts[HEAD])
        into.parts[HEAD_BIAS][...] = y
        np.matmul(y @ parts[HEAD], self.array[0], out=into.vector[: self._shape[2]])
        return float(cost)


def _slopes(cell: Cell, trace: StepTrace, layer: Layer) -> list[_Slopes]:
    """The derivatives of each state after a step."""
    return [_slope(cell, trace, layer.recurrent, number) for number in range(len(cell.states))]


def _slope(cell: Cell, trace: StepTrace, weights: Weights, number: int) -> _Slopes:
    assert cell.backward is not None
    ones, zeros = np.ones_like(trace.before[0]), np.zeros_like(trace.before[0])
    d_after = tuple(ones if k == number else zeros for k in range(len(cell.states)))
    step = cell.backward(d_after, trace, weights, Ops)
    x = np.stack(step.x)
    product = x if step.product is None else np.stack(step.product)
    vectors = {name: one * other for name, (one, other) in step.vectors.items()}
    return _Slopes(x, product, step.state, vectors)
