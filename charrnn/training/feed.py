"""What a run hands to its device and reads back, so that a GPU never waits for the program.

A GPU is told what to compute, and computes it later. While it does, the next batch is laid out, and losses stay where
they are until several can be read at once: reading one waits for all work before it. On a processor nothing is prepared,
and each loss is read at once.
"""

import math
from typing import Any

import torch
from torch import Tensor

from charrnn.training.machine import is_asynchronous

LOSSES_AT_ONCE = 16
"""Steps whose losses are read together from a GPU. Reading is due at multiples of it, so that divergence is noticed at
the same step in each run."""


class Feed:
    """The batches of a run.

    Args:
        batches: the batches by the number of their step; see `charrnn.training.data`.
        device: the device of the network.
    """

    def __init__(self, batches: Any, device: torch.device) -> None:
        self._batches, self._ahead = batches, is_asynchronous(device)
        self._next: tuple[int, Any] | None = None

    def take(self, step: int) -> Any:
        """The batch of a step."""
        ready, self._next = self._next, None
        return ready[1] if ready and ready[0] == step else self._batches.batch(step)

    def prepare(self, step: int) -> None:
        """Lay out the batch of the next step while a GPU computes this one."""
        if self._ahead:
            self._next = step, self.take(step)


class Losses:
    """The losses of steps, which the device may still be computing.

    Args:
        device: the device of the network.
        at_once: the steps whose losses are read together; None: LOSSES_AT_ONCE on a GPU, otherwise 1.
    """

    def __init__(self, device: torch.device, *, at_once: int | None = None) -> None:
        self.at_once = at_once or (LOSSES_AT_ONCE if is_asynchronous(device) else 1)
        self._unread: list[tuple[Tensor, int]] = []
        self.last = math.nan
        """The loss of the last step that was read."""

    def add(self, loss: Tensor, characters: int) -> None:
        """Keep the loss of a step, the mean over its characters."""
        self._unread.append((loss, characters))

    def is_due(self, step: int) -> bool:
        """Whether losses are to be read after this step."""
        return math.isnan(self.last) or step % self.at_once == 0

    def read(self) -> list[tuple[float, int]]:
        """All losses that have not been read yet, with the characters of their steps."""
        unread, self._unread = self._unread, []
        if not unread:
            return []
        found = torch.stack([loss for loss, _ in unread]).tolist()
        self.last = found[-1]
        return [(loss, characters) for loss, (_, characters) in zip(found, unread, strict=True)]
