"""One update of a network: truncated backpropagation through time on one batch."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.config import TrainingConfig
from charrnn.training.machine import autocast
from charrnn.training.network import Network, TorchState


def make_optimizer(network: Network, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) that decays matrices and leaves biases, peepholes and first states alone."""
    named = list(network.named_parameters())
    matrices = [p for n, p in named if p.dim() > 1 and not n.startswith("start.")]
    others = [p for n, p in named if p.dim() <= 1 or n.startswith("start.")]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        groups,
        config.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=config.weight_decay,
        fused=True,
    )


def train_step(
    network: Network,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    state: TorchState,
    config: TrainingConfig,
) -> tuple[float, TorchState]:
    """One update on a batch (T, N): forward, backward through T steps, clip, update.

    Returns:
        The loss in nats per character, and the state to carry on, cut off from this step's gradient.
    """
    with autocast(inputs.device, config.precision):
        logits, state = network(inputs, state)
    loss = cross_entropy(logits.float().flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if config.clip:
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
    optimizer.step()
    return loss.item(), tuple(s.detach() for s in state or ())
