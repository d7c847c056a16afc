"""The training text as parallel lanes for truncated backpropagation through time.

    text     a b c d e f g h i j k l m            N = 3 lanes, T = 2

             step 0   step 1
    lane 0   a b   |  c d          targets  b c  |  d e
    lane 1   e f   |  g h                   f g  |  h i
    lane 2   i j   |  k l                   j k  |  l m

Lane n goes on where it stopped, so its state is carried from step to step; when all have reached their ends an epoch is
over and the state starts afresh. Each epoch cuts the text elsewhere: all lanes begin some characters later, up to a
hundredth of a long text, which lies fallow in turn. Where a step reads is a function of its number alone: resuming needs
no more.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from charrnn.text.vocabulary import Ids

FALLOW = 100
"""One part in so many of a text is left over for the lanes of an epoch to begin at different places."""
GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, less their whole parts, spread over 0 to 1 as evenly as can be, however many there are."""


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

    def lane_length(self, num_symbols: int) -> int:
        """The characters of a text that each lane reads in an epoch."""
        targets = num_symbols - 1
        most = targets - self.batch_size * self.sequence_length
        assert most >= 0
        return (targets - min(targets // FALLOW, most)) // self.batch_size


class Lanes:
    """The batches of a text.

    Args:
        ids: (characters,) the text; a mapped file will do.
        shape: N and T; the text must have N·T + 1 symbols at least.
    """

    def __init__(self, ids: Ids, shape: LaneShape) -> None:
        self.shape = shape
        self.lane_length = shape.lane_length(len(ids))
        self._ids = ids
        self._first = np.arange(shape.batch_size) * self.lane_length  # (N,)
        self._most_offset = len(ids) - 1 - shape.batch_size * self.lane_length

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
        epoch, number = divmod(step, self.steps_per_epoch)
        start = number * self.shape.sequence_length
        stop = min(start + self.shape.sequence_length, self.lane_length)
        offset = int(epoch * GOLDEN % 1 * (self._most_offset + 1))
        at = offset + np.arange(start, stop + 1)[:, None] + self._first  # (T + 1, N)
        read = torch.from_numpy(self._ids[at].astype(np.int64))
        return read[:-1], read[1:]
