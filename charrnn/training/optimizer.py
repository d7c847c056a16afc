"""The optimizers: Muon for the matrices of the recurrent layers, AdamW for everything else.

    Muon    B ← μ B + (1-μ) G,   W ← W - η √max(1, rows/columns) · O((1-μ) G + μ B)

O makes all singular values of a matrix about 1: the update turns every direction of the layer alike, where the gradient
itself, or AdamW's, is ruled by a few (K. Jordan and others, "Muon: An optimizer for hidden layers in neural networks",
2024). torch.optim.Muon computes the same, but always in bfloat16, which is slow on processors that lack it.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from charrnn.config import TrainingConfig
from charrnn.network.shapes import is_recurrent_matrix
from charrnn.training.ranks import Alone

FUSED = ("cpu", "cuda")
"""Types of devices on which AdamW updates all weights in one kernel; on others torch may have none."""
MOMENTUM = 0.95
ITERATIONS = 3
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""a, b and c of X ← a X + (b A + c A²) X with A = X Xᵀ: Jordan's, steep at zero, so that few iterations are enough."""


def orthogonalized(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """The matrix with its singular values near 1 (between 0.7 and 1.2), by a Newton-Schulz iteration.

    Args:
        matrix: (rows, columns).
        dtype: the dtype of the products.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrix.to(dtype)
    tall = len(x) > x.shape[1]
    x = x.t() if tall else x
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.t()
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.t() if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalized, for matrices.

    Args:
        params: matrices.
        lr: how far an update turns them.
        weight_decay: decoupled, as AdamW's.
        dtype: the dtype of the iteration's products.
        ranks: the processes that train together: each computes its share of the matrices for all.
    """

    def __init__(
        self,
        params: Sequence[Tensor],
        lr: float,
        weight_decay: float,
        dtype: torch.dtype,
        ranks: Alone | None = None,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.dtype, self.ranks = dtype, ranks or Alone()

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update from the gradients."""
        assert closure is None
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            directions = [self._direction(weight) for weight in weights]
            updates = self.ranks.divided(partial(orthogonalized, dtype=self.dtype), directions)
            for weight, update in zip(weights, updates, strict=True):
                scale = math.sqrt(max(1, weight.shape[0] / weight.shape[1]))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update, alpha=-group["lr"] * scale)

    def _direction(self, weight: Tensor) -> Tensor:
        """The gradient with its momentum, which is updated."""
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
        return weight.grad.lerp(momentum, MOMENTUM)


class Optimizer:
    """Updates all weights of a network.

    Args:
        network: its recurrent layers' weights are named rnn.*, its learned initial states start.*.
        config: the learning rates, at their largest, the decay, and the precision of Muon's products.
        ranks: the processes that train together.
    """

    def __init__(
        self, network: torch.nn.Module, config: TrainingConfig, ranks: Alone | None = None
    ) -> None:
        matrices, others, recurrent = [], [], []
        for name, parameter in network.named_parameters():
            if parameter.dim() < 2 or name.startswith("start."):
                others.append(parameter)
            elif config.optimizer == "muon" and is_recurrent_matrix(name, parameter.dim()):
                recurrent.append(parameter)
            else:
                matrices.append(parameter)
        decay = config.weight_decay
        groups: list[dict[str, Any]] = [
            {"params": matrices},
            {"params": others, "weight_decay": 0.0},  # biases, peepholes, norms, initial states
        ]
        self._fused = (matrices or others)[0].device.type in FUSED
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                groups,
                config.learning_rate,
                betas=(0.9, 0.99),
                weight_decay=decay,
                fused=self._fused,
            )
        ]
        if recurrent:
            dtype = getattr(torch, config.precision)
            self.parts.append(Muon(recurrent, config.muon_learning_rate, decay, dtype, ranks))
        self._groups = [(part, group) for part in self.parts for group in part.param_groups]
        self._peaks = [group["lr"] for _, group in self._groups]
        self._part_of = {p: part for part, group in self._groups for p in group["params"]}

    def step(self, rate: float) -> None:
        """One update from the gradients, at this part of the largest learning rates."""
        for (_, group), peak in zip(self._groups, self._peaks, strict=True):
            group["lr"] = rate * peak
        for part in self.parts:
            part.step()

    def zero_grad(self) -> None:
        """Clear the gradients."""
        for part in self.parts:
            part.zero_grad()

    def state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        """The moments that are kept for a weight; nothing before the first update."""
        return dict(self._part_of[parameter].state.get(parameter, {}))

    def restore(self, parameter: Tensor, state: dict[str, Tensor]) -> None:
        """Take over the moments that `state_of` gave, on whichever device."""
        self._part_of[parameter].state[parameter] = {
            # only the fused kernel counts its steps on the device
            key: value if key == "step" and not self._fused else value.to(parameter.device)
            for key, value in state.items()
        }
