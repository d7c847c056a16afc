"""The training text as parallel lanes for truncated backpropagation through time.

    text     a b c d e f g h i j k l m            N = 3 lanes, T = 2

             step 0   step 1
    lane 0   a b   |  c d          targets  b c  |  d e
    lane 1   e f   |  g h                   f g  |  h i
    lane 2   i j   |  k l                   j k  |  l m

Lane n goes on where it stopped, so its state is carried from step to step; when all have reached their ends an epoch is
over and the state starts afresh. Where a step reads is a function of its number alone: resuming needs no more.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from charrnn.text.vocabulary import Ids


@dataclass(frozen=True)
class LaneShape:
    """How many lanes, and how many symbols of each a step reads."""

    batch_size: int
    sequence_length: int

    @classmethod
    def fitting(cls, num_symbols: int, batch_size: int, sequence_length: int) -> "LaneShape":
        """The shape asked for, or the largest below it that a short text fills: first fewer lanes, then shorter ones."""
        targets = num_symbols - 1
        length = min(sequence_length, targets)
        return cls(min(batch_size, targets // length), length)


class Lanes:
    """The batches of a text.

    Args:
        ids: (characters,) the text; a mapped file will do.
        shape: N and T; the text must have N·T + 1 symbols at least.
    """

    def __init__(self, ids: Ids, shape: LaneShape) -> None:
        self.shape = shape
        self.lane_length = (len(ids) - 1) // shape.batch_size
        assert self.lane_length >= shape.sequence_length > 0
        used = self.lane_length * shape.batch_size
        self._inputs = ids[:used].reshape(shape.batch_size, self.lane_length)
        self._targets = ids[1 : used + 1].reshape(shape.batch_size, self.lane_length)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every lane is read once; the last may be shorter."""
        return -(-self.lane_length // self.shape.sequence_length)

    def starts_epoch(self, step: int) -> bool:
        """Whether the lanes start afresh before this step."""
        return step % self.steps_per_epoch == 0

    def characters_in(self, steps: int) -> int:
        """The characters trained on in the first steps of a run, as often as they were read."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        lane = epochs * self.lane_length + rest * self.shape.sequence_length
        return lane * self.shape.batch_size

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a step, each (T, N)."""
        start = step % self.steps_per_epoch * self.shape.sequence_length
        part = slice(start, start + self.shape.sequence_length)
        return _tensor(self._inputs[:, part]), _tensor(self._targets[:, part])


def _tensor(lanes: Ids) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(lanes.T, dtype=np.int64))  # (T, N)
