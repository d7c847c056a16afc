"""The optimizers: Muon for the matrices of the recurrent layers, AdamW for everything else.

    Muon    B ← μ B + (1-μ) G,   W ← W - η √max(1, rows/columns) · O((1-μ) G + μ B)

O makes all singular values of a matrix about 1: the update turns every direction of the layer alike, where the gradient
itself, or AdamW's, is ruled by a few (K. Jordan and others, "Muon: An optimizer for hidden layers in neural networks",
2024). torch.optim.Muon computes the same, but always in bfloat16, which is slow on processors that lack it.

Neither is a torch.optim.Optimizer: to make the first one of a process imports torch's compiler, which takes as long as
torch itself, at every start of a training.
"""

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from charrnn.config import TrainingConfig
from charrnn.network.shapes import is_recurrent_matrix
from charrnn.training.ranks import Alone

FUSED = ("cpu", "cuda")
"""Types of devices on which AdamW updates all weights in one kernel; on others torch may have none."""
BETAS = 0.9, 0.99
"""AdamW's."""
MOMENTUM = 0.95
"""Muon's μ."""
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


class Rule:
    """A rule by which weights are updated from their gradients.

    Args:
        weights: the weights that are updated by it.
        rate: the learning rate.
        decay: weight decay, decoupled from the gradient.
    """

    def __init__(self, weights: Sequence[Tensor], rate: float, decay: float) -> None:
        self.weights, self.rate, self.decay = list(weights), rate, decay
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        """What is kept for each weight from one update to the next."""

    @property
    def moved(self) -> list[Tensor]:
        """The weights that have a gradient."""
        return [weight for weight in self.weights if weight.grad is not None]

    def step(self) -> None:
        """One update from the gradients."""
        raise NotImplementedError


class AdamW(Rule):
    """torch's AdamW, all weights in one kernel where there is one (I. Loshchilov and F. Hutter, 2019)."""

    @torch.no_grad()
    def step(self) -> None:  # noqa: D102
        if not (weights := self.moved):
            return
        fused = weights[0].device.type in FUSED
        for weight in weights:
            if not self.state.get(weight):
                self.state[weight] = {
                    "step": torch.zeros((), device=weight.device if fused else None),
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                }
        kept = [self.state[weight] for weight in weights]
        adamw(
            weights,
            [weight.grad for weight in weights if weight.grad is not None],
            [state["exp_avg"] for state in kept],
            [state["exp_avg_sq"] for state in kept],
            [],
            [state["step"] for state in kept],
            fused=fused,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self.rate,
            weight_decay=self.decay,
            eps=1e-8,
            maximize=False,
        )


class Muon(Rule):
    """Momentum whose update is orthogonalized, for matrices.

    Args:
        weights: matrices.
        rate: how far an update turns them.
        decay: decoupled, as AdamW's.
        dtype: the dtype of the iteration's products.
        ranks: the processes that train together: each computes its share of the matrices for all.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        rate: float,
        decay: float,
        dtype: torch.dtype,
        ranks: Alone | None = None,
    ) -> None:
        super().__init__(weights, rate, decay)
        self.dtype, self.ranks = dtype, ranks or Alone()

    @torch.no_grad()
    def step(self) -> None:  # noqa: D102
        weights = self.moved
        directions = [self._direction(weight) for weight in weights]
        updates = self.ranks.divided(partial(orthogonalized, dtype=self.dtype), directions)
        for weight, update in zip(weights, updates, strict=True):
            scale = math.sqrt(max(1, weight.shape[0] / weight.shape[1]))
            weight.mul_(1 - self.rate * self.decay)
            weight.add_(update, alpha=-self.rate * scale)

    def _direction(self, weight: Tensor) -> Tensor:
        """The gradient with its momentum, which is updated."""
        assert weight.grad is not None
        state = self.state.setdefault(weight, {})
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
        self.rules: list[Rule] = [
            AdamW(matrices, config.learning_rate, decay),
            AdamW(others, config.learning_rate, 0.0),  # biases, peepholes, norms, initial states
        ]
        if recurrent:
            dtype = getattr(torch, config.precision)
            self.rules.append(Muon(recurrent, config.muon_learning_rate, decay, dtype, ranks))
        self._peaks = [rule.rate for rule in self.rules]
        self._rule_of = {weight: rule for rule in self.rules for weight in rule.weights}

    def step(self, rate: float) -> None:
        """One update from the gradients, at this part of the largest learning rates."""
        for rule, peak in zip(self.rules, self._peaks, strict=True):
            rule.rate = rate * peak
            rule.step()

    def zero_grad(self) -> None:
        """Clear the gradients."""
        for weight in self._rule_of:
            weight.grad = None

    def state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        """The moments that are kept for a weight; nothing before the first update."""
        return dict(self._rule_of[parameter].state.get(parameter, {}))

    def restore(self, parameter: Tensor, state: dict[str, Tensor]) -> None:
        """Take over the moments that `state_of` gave, on whichever device."""
        device = parameter.device
        self._rule_of[parameter].state[parameter] = {
            # only the fused kernel counts its steps on the device
            key: value if key == "step" and device.type not in FUSED else value.to(device)
            for key, value in state.items()
        }
