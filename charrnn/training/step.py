"""One optimizer step of a network: truncated backpropagation through time on one batch."""

from typing import Any

import torch
from torch import Tensor, nn

from charrnn.config import TrainingConfig
from charrnn.training.machine import autocast
from charrnn.training.network import TorchState
from charrnn.training.optimizer import Optimizer
from charrnn.training.task import NEXT_CHARACTER, Task


def train_step(
    network: nn.Module,
    optimizer: Optimizer,
    inputs: Any,
    targets: Any,
    state: TorchState,
    config: TrainingConfig,
    rate: float = 1.0,
    task: Task = NEXT_CHARACTER,
    part: float = 1.0,
) -> tuple[Tensor, TorchState]:
    """One update: forward, backward through T steps, clip the gradient, update the weights.

    Args:
        network: the network; its weights are updated in place.
        optimizer: the optimizer of its weights.
        inputs: (T, N) the characters read; of pairs what `charrnn.training.pairs.batches` lays out.
        targets: (T, N) the characters that follow them; of pairs the targets of their alignment.
        state: the state before, or None for that before any character.
        config: precision and clip count.
        rate: the part of the largest learning rates.
        task: the task, which defines the loss.
        part: what the loss is multiplied by before its gradient is taken, see `charrnn.training.replica`; 0: there are
            no targets.

    Returns:
        The loss, a tensor of one number that a GPU may still be computing, and the state to carry on; both cut off from
        this step's gradient.
    """
    device = next(network.parameters()).device
    with autocast(device, config.precision):
        logits, after = network(inputs, state)
    loss = task.loss(logits, targets) if part else 0 * logits.float().sum()
    optimizer.zero_grad()
    (loss if part == 1 else loss * part).backward()
    if config.clip:
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
    optimizer.step(rate)
    return loss.detach(), tuple(s.detach() for s in after)
