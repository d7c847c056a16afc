"""The order of so many lines that no array may have a number for each of them.

the lines     |  block 0  |  block 1  |  block 2  |      in random order already, since they were encoded
epoch 0       |  block 2  |  block 0  |  block 1  |      the lines of each sorted and grouped by length
epoch 1       |  block 0  |  block 2  |  block 1  |      (`charrnn.training.item_order.ItemOrder`)
"""

from functools import lru_cache

import numpy as np

from charrnn.text.items import Positions, shuffled
from charrnn.training.item_order import BatchShape, ItemOrder

BLOCK = 1 << 20
"""Lines of a block: some 60 MB of memory while they are sorted."""


class BlockOrder:
    """The lines that each step reads, block by block; see `ItemOrder`, of which it has the methods.

    Args:
        bounds: the place of the newline before each line, and of the one after the last, (lines + 1,); a mapped file.
        shape: N and T.
        seed: the seed of the shuffling.
    """

    def __init__(self, bounds: Positions, shape: BatchShape, seed: int) -> None:
        self._bounds, self._shape, self._seed = bounds, shape, seed
        self._first = np.append(np.arange(0, len(bounds) - 1, BLOCK), len(bounds) - 1)
        blocks = range(len(self._first) - 1)
        self._steps = np.array([self._made(block).steps_per_epoch for block in blocks])
        self._sizes = np.diff(bounds[self._first])
        self.steps_per_epoch = int(self._steps.sum())
        self._block = lru_cache(2)(self._made)
        self._epoch = lru_cache(2)(self._laid)

    def _made(self, block: int) -> ItemOrder:
        begin, end = self._first[block : block + 2]
        lengths = np.diff(self._bounds[begin : end + 1])
        return ItemOrder(lengths, self._shape, self._seed, block=block)

    def _laid(self, epoch: int) -> tuple[Positions, Positions]:
        """The blocks in the order of an epoch, and the step after each of them."""
        order = shuffled(len(self._steps), self._seed, epoch, 3)
        return order, np.cumsum(self._steps[order])

    def _place(self, step: int) -> tuple[int, int, int]:
        """The block of a step, its step of the order of that block, and the blocks of its epoch before that."""
        epoch, at = divmod(step, self.steps_per_epoch)
        order, ends = self._epoch(epoch)
        place = int(np.searchsorted(ends, at, side="right"))
        block = int(order[place])
        steps = int(self._steps[block])
        return block, epoch * steps + at - int(ends[place]) + steps, place

    def part(self, step: int) -> tuple[Positions, int]:
        """The lines that a step reads, and the symbol of each at which it begins."""
        block, own, _ = self._place(step)
        lines, offset = self._block(block).part(own)
        return lines + self._first[block], offset

    def lengths_of(self, lines: Positions) -> Positions:
        """The targets of some lines."""
        lengths: Positions = self._bounds[lines + 1] - self._bounds[lines]
        return lengths

    def num_times(self, lines: Positions, offset: int) -> int:
        """The time steps in which all these lines are read on from there, at most T."""
        return min(self._shape.sequence_length, int(self.lengths_of(lines).max()) - offset)

    def characters_in(self, steps: int) -> int:
        """The targets of the first steps of a run."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        seen = epochs * int(self._sizes.sum())
        if rest:
            block, own, place = self._place(steps)
            before, _ = self._epoch(epochs)
            seen += int(self._sizes[before[:place]].sum())
            seen += self._block(block).characters_in(own) - epochs * int(self._sizes[block])
        return seen
