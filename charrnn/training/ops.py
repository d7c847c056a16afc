"""The functions that a cell's step and its backward step need, for torch."""

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from charrnn.network.cells.base import EPSILON
from charrnn.training.delays import delayed
from charrnn.training.scan import scan


class TorchOps:
    """The functions of a step that torch can differentiate; see `charrnn.network.cells.base.Ops`."""

    sigmoid = staticmethod(torch.sigmoid)
    relu = staticmethod(torch.relu)

    @staticmethod
    def tanh(x: Tensor) -> Tensor:
        """2σ(2x) - 1: torch's sigmoid is several times faster on a processor than its tanh."""
        return torch.rsub(torch.sigmoid(x + x), -1, alpha=-2)

    product = staticmethod(torch.matmul)
    linear = staticmethod(functional.linear)

    @staticmethod
    def joined(a: Tensor, b: Tensor) -> Tensor:
        """Arrays (N, H) side by side."""
        return torch.cat((a, b), -1)

    @staticmethod
    def addcmul(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """The sum of a and b ⊙ c."""
        return torch.addcmul(a, b, c)

    @staticmethod
    def split(x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """Views of the blocks."""
        return x.chunk(parts, -1)

    @staticmethod
    def layer_norm(x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        """(x - mean) / √(variance + EPSILON) over the units, ⊙ gain + shift."""
        return functional.layer_norm(x, gain.shape, gain, shift, EPSILON)

    @staticmethod
    def additive_scores(queries: Tensor, keys: Tensor, weight: Tensor) -> Tensor:
        """2 weight · σ(2q + 2k), in which the widest arrays are passed once less than for `tanh`."""
        sums = (queries + queries)[:, :, None] + (keys + keys)[:, None]  # (N, T, S, A)
        return torch.sigmoid(sums) @ (weight + weight)

    @staticmethod
    def softmax(x: Tensor) -> Tensor:
        """Exp(x) / Σ exp(x) over the last axis, in float32."""
        return torch.softmax(x.float(), -1)

    @staticmethod
    def softplus(x: Tensor) -> Tensor:
        """Log(1 + exp(x)), up to where float64 has no place for the 1."""
        return functional.softplus(x, threshold=40)

    @staticmethod
    def state(name: str, x: Tensor) -> Tensor:  # noqa: ARG004 (for editors)
        """Identity."""
        return x

    @staticmethod
    def start(name: str, x: Tensor) -> Tensor:  # noqa: ARG004 (for editors)
        """Identity."""
        return x


class TorchTimeOps(TorchOps):
    """The additional functions for all time steps at once; see `charrnn.network.cells.base.TimeOps`."""

    scan = staticmethod(scan)

    delayed = staticmethod(delayed)

    @staticmethod
    def padded(x: Tensor, behind: int) -> Tensor:
        """(T, N, H) with a number of time steps of zeros behind it."""
        return functional.pad(x, (0, 0, 0, 0, 0, behind))

    @staticmethod
    def stack(arrays: tuple[Tensor, ...]) -> Tensor:
        """Arrays (N, H), one for each time step, as one, (T, N, H)."""
        return torch.stack(arrays)


class TorchGradientOps(TorchOps):
    """The additional functions for a backward step; see `charrnn.network.cells.base.GradientOps`."""

    @staticmethod
    def dsigmoid(d: Tensor, y: Tensor) -> Tensor:
        """D · y · (1 - y)."""
        return cast("Tensor", torch.ops.aten.sigmoid_backward.default(d, y))

    @staticmethod
    def dtanh(d: Tensor, y: Tensor) -> Tensor:
        """D · (1 - y²)."""
        return cast("Tensor", torch.ops.aten.tanh_backward.default(d, y))

    @staticmethod
    def drelu(d: Tensor, y: Tensor) -> Tensor:
        """D where y is above 0."""
        return cast("Tensor", torch.ops.aten.threshold_backward.default(d, y, 0))
