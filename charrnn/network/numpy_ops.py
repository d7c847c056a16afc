"""The functions that a cell's step needs, for NumPy."""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.network.cells.base import EPSILON, Blocks
from charrnn.numerics import Float, softmax

HALF = np.array(0.5, np.float32)
"""As an array, which NumPy need not convert at each call."""


class NumpyOps:
    """The functions of a step; see `charrnn.network.cells.base.Ops`."""

    tanh = staticmethod(np.tanh)

    @staticmethod
    def sigmoid(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """σ(x) = (1 + tanh(x/2)) / 2, which cannot overflow."""
        y: npt.NDArray[Any] = x * HALF
        np.tanh(y, y)
        y *= HALF
        y += HALF
        return y

    @staticmethod
    def product(x: npt.NDArray[Any], weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The matrix product; for a vector `dot` is faster than @."""
        y: npt.NDArray[Any] = x.dot(weight)
        return y

    @staticmethod
    def linear(
        x: npt.NDArray[Any], weight: npt.NDArray[Any], bias: npt.NDArray[Any]
    ) -> npt.NDArray[Any]:
        """W x + b; fastest for a matrix in Fortran's order, whose transpose is contiguous."""
        y: npt.NDArray[Any] = x.dot(weight.T)
        y += bias
        return y

    @staticmethod
    def relu(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The larger of x and 0."""
        y: npt.NDArray[Any] = np.maximum(x, 0)
        return y

    @staticmethod
    def joined(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Arrays (N, H) side by side."""
        y: npt.NDArray[Any] = np.concatenate((a, b), -1)
        return y

    @staticmethod
    def addcmul(a: npt.NDArray[Any], b: npt.NDArray[Any], c: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The sum of a and b ⊙ c."""
        y: npt.NDArray[Any] = b * c
        y += a
        return y

    @staticmethod
    def split(x: npt.NDArray[Any], parts: int) -> Blocks:
        """Views of the blocks."""
        size = x.shape[-1] // parts
        return tuple([x[..., k * size : (k + 1) * size] for k in range(parts)])

    @staticmethod
    def layer_norm(
        x: npt.NDArray[Any], gain: npt.NDArray[Any], shift: npt.NDArray[Any]
    ) -> npt.NDArray[Any]:
        """(x - mean) / √(variance + EPSILON) over the units, ⊙ gain + shift."""
        y: npt.NDArray[Any]
        if x.ndim == 1:  # a single stream, for which `dot` takes half the time of sums
            y = x - x.dot(_ones(x.size)) / x.size
            y *= 1 / math.sqrt(y.dot(y) / x.size + EPSILON)
        else:
            size = x.shape[-1]  # the sums of `mean`, without what it does around them
            y = x - np.add.reduce(x, -1, keepdims=True) / size
            y /= np.sqrt(np.add.reduce(y * y, -1, keepdims=True) / size + EPSILON)
        y *= gain
        y += shift
        return y

    @staticmethod
    def state(name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:  # noqa: ARG004 (for editors)
        """Identity."""
        return x

    @staticmethod
    def start(name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:  # noqa: ARG004 (for editors)
        """Identity."""
        return x

    @staticmethod
    def additive_scores(
        queries: npt.NDArray[Any], keys: npt.NDArray[Any], weight: npt.NDArray[Any]
    ) -> npt.NDArray[Any]:
        """Weight · tanh(q + k)."""
        sums = queries[:, :, None] + keys[:, None]  # (N, T, S, A)
        np.tanh(sums, sums)
        scores: npt.NDArray[Any] = sums.reshape(-1, weight.size).dot(weight)
        return scores.reshape(sums.shape[:-1])

    softmax = staticmethod(softmax)

    @staticmethod
    def softplus(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Log(1 + exp(x)), which cannot overflow."""
        y: npt.NDArray[Any] = np.logaddexp(x, x.dtype.type(0))
        return y


class NumpyGradientOps(NumpyOps):
    """The additional functions for a backward step; see `charrnn.network.cells.base.GradientOps`."""

    @staticmethod
    def dsigmoid(d: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """D · y · (1 - y)."""
        made: npt.NDArray[Any] = 1 - y
        made *= y
        made *= d
        return made

    @staticmethod
    def dtanh(d: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """D · (1 - y²)."""
        made: npt.NDArray[Any] = y * y
        np.subtract(1, made, out=made)
        made *= d
        return made

    @staticmethod
    def drelu(d: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """D where y is above 0."""
        made: npt.NDArray[Any] = d * (y > 0)
        return made


@cache
def _ones(size: int) -> Float:
    return np.ones(size, np.float32)
