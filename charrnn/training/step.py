"""One update of a network: truncated backpropagation through time on one batch."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.config import TrainingConfig
from charrnn.training.machine import autocast
from charrnn.training.network import Network, TorchState
from charrnn.training.optimizer import Optimizer


def train_step(
    network: Network,
    optimizer: Optimizer,
    inputs: Tensor,
    targets: Tensor,
    state: TorchState,
    config: TrainingConfig,
    rate: float = 1.0,
) -> tuple[float, TorchState]:
    """One update on a batch (T, N): forward, backward through T steps, clip, update at this part of the largest rates.

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
    optimizer.step(rate)
    return loss.item(), tuple(s.detach() for s in state or ())
