"""A loss with a cliff, and gradient descent that meets it: as it is, with clipping, with weight decay.

One unit feeds on itself for STEPS steps, and its output is to be TARGET:

    x(t) = w · σ(x(t-1)) + b,  x(0) = START          loss = SCALE · (σ(x(STEPS)) - TARGET)²

Where w is large, x has two places to rest, and a line in the plane of w and b decides which it comes to. The loss
jumps there, and its gradient is thousands of times as large as beside it: one step of gradient descent ends far away, on
a plateau that it never leaves.

    clipping        the gradient is shortened to a norm of at most `clip`: the same direction, a step of bounded length
    weight decay    DECAY · (w, b) is added to the gradient: the weights become so small that there is no cliff

Source: R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
whose unit this is (section 2.3); STEPS and TARGET are theirs.
"""

import math
from dataclasses import dataclass

import numpy as np

from charrnn.numerics import Float64

STEPS, TARGET, START = 50, 0.7, 0.5
SCALE = 100.0
"""The loss is a square of tenths, so that the slope beside the cliff is about 10."""
FROM = (5.5, -2.2)
"""The weights w and b from which descent starts."""
RATE, UPDATES = 0.003, 400
DECAY = 1.0
W, B = (1.5, 7.0), (-3.2, 0.2)
"""The part of the plane that is drawn."""
FINE = 6
"""Points on each side of a cell of a surface, of which the largest value counts: the cliff is thin."""

FloatOrArray = float | Float64


def loss_and_gradient(w: Float64, b: Float64) -> tuple[Float64, Float64, Float64]:
    """The loss, and its derivatives with respect to w and b, by the chain rule forward in time.

    Args:
        w: weights, of any shape.
        b: biases, of the same shape.
    """
    x = np.full_like(w, START)
    dw, db = np.zeros_like(w), np.zeros_like(w)
    for _ in range(STEPS):
        s = _sigmoid(x)
        slope = w * s * (1 - s)
        dw, db = s + slope * dw, 1 + slope * db
        x = w * s + b
    s = _sigmoid(x)
    outer = 2 * SCALE * (s - TARGET) * s * (1 - s)
    return SCALE * (s - TARGET) ** 2, outer * dw, outer * db


def _sigmoid(x: Float64) -> Float64:
    made: Float64 = (1 + np.tanh(x / 2)) / 2
    return made


@dataclass(frozen=True)
class Descent:
    """Gradient descent from FROM."""

    name: str
    weights: Float64
    """(UPDATES + 1, 2) w and b before each update, and at the end."""
    losses: Float64
    """(UPDATES + 1,)"""
    norms: Float64
    """(UPDATES + 1,) the norm of the gradient there, before it is clipped."""

    @property
    def steepest(self) -> int:
        """The update with the largest gradient."""
        return int(np.argmax(self.norms))

    @property
    def longest_step(self) -> float:
        """How far an update moved the weights at most."""
        return float(np.hypot(*np.diff(self.weights, axis=0).T).max())


def descend(name: str, *, clip: float | None = None, decay: float = 0.0) -> Descent:
    """Gradient descent.

    Args:
        name: what it is called.
        clip: the largest norm of a gradient; None: not clipped.
        decay: how much of the weights is added to their gradient.
    """
    point, rows = np.array(FROM), []
    for _ in range(UPDATES + 1):
        loss, *slope = loss_and_gradient(*point)
        gradient = np.array(slope) + decay * point
        norm = math.hypot(*gradient)
        rows.append((*point, float(loss), norm))
        if clip is not None and norm > clip:
            gradient *= clip / norm
        point = point - RATE * gradient
    table = np.array(rows)
    return Descent(name, table[:, :2], table[:, 2], table[:, 3])


@dataclass(frozen=True)
class Surfaces:
    """The loss and the norm of its gradient over the plane, a row for each b from the top, a column for each w."""

    losses: Float64
    norms: Float64


def surfaces(rows: int, columns: int) -> Surfaces:
    """The largest values in each cell of the part of the plane that is drawn, (rows, columns) each."""
    w = np.linspace(*W, columns * FINE)
    b = np.linspace(*B, rows * FINE)[::-1]
    loss, dw, db = loss_and_gradient(*np.meshgrid(w, b))
    return Surfaces(_largest(loss), _largest(np.hypot(dw, db)))


def _largest(values: Float64) -> Float64:
    rows, columns = (size // FINE for size in values.shape)
    largest: Float64 = values.reshape(rows, FINE, columns, FINE).max(axis=(1, 3))
    return largest


def place(w: float, b: float, rows: int, columns: int) -> tuple[int, int] | None:
    """The row and column of the cell with these weights; None: they are not in the part that is drawn."""
    across, down = (w - W[0]) / (W[1] - W[0]), (B[1] - b) / (B[1] - B[0])
    if not (0 <= across < 1 and 0 <= down < 1):
        return None
    return int(down * rows), int(across * columns)
