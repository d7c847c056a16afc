"""The shape of a batch, and the order in which a text of lines is read in such batches."""

from dataclasses import dataclass

import numpy as np

from charrnn.text.items import Positions, random_numbers, shuffled

FALLOW = 100
"""The streams of an epoch leave out one part in this many of a text, to begin at different places in each epoch."""
BLUR = 0.5
"""Lines are sorted by their lengths times random numbers from 1 to 1 + BLUR. With 0 a step would read lines of one
length only, and its gradient say little of where lines end; the larger, the more padding."""

Laid = tuple[Positions, Positions, Positions]
"""The lines in the order of an epoch's groups, these groups shuffled, and the step after each of them."""


@dataclass(frozen=True)
class BatchShape:
    """The rows of a batch, N, and the symbols of each that a step reads, T."""

    batch_size: int
    sequence_length: int

    @classmethod
    def fitting(cls, num_symbols: int, batch_size: int, sequence_length: int) -> "BatchShape":
        """The wanted shape, or the largest below it that a short text fills: first fewer rows, then shorter ones."""
        targets = num_symbols - 1
        length = min(sequence_length, targets)
        return cls(min(batch_size, targets // length), length)

    def stream_length(self, num_symbols: int) -> int:
        """The characters of a text that each of N streams reads in an epoch."""
        targets = num_symbols - 1
        most = targets - self.batch_size * self.sequence_length
        assert most >= 0
        return (targets - min(targets // FALLOW, most)) // self.batch_size


class ItemOrder:
    """The lines that each step reads.

    Args:
        lengths: (lines,) the targets of each: its characters and its newline.
        shape: N·T symbols are read by a step, or a little fewer, and T of a line.
        seed: the seed of the shuffling.
        whole: whether lines longer than T are read at once too.
        block: the number of these lines among all blocks of a text; None: they are all lines of the text.
    """

    def __init__(
        self,
        lengths: Positions,
        shape: BatchShape,
        seed: int,
        *,
        whole: bool = False,
        block: int | None = None,
    ) -> None:
        at_once = shape.batch_size * shape.sequence_length
        self.lengths, self._seed = lengths, (seed,) if block is None else (seed, block)
        self._T = int(lengths.max()) if whole else shape.sequence_length
        small = np.min_scalar_type(int(lengths.max()))  # which is sorted without comparing
        by_length = np.sort(lengths.astype(small), kind="stable").astype(np.int64)
        read = np.minimum(by_length, self._T)  # by the first step
        num_groups = -(-int(read.sum()) // at_once)
        wanted = np.arange(num_groups + 1) / num_groups * read.sum()
        self._bounds = np.unique(np.searchsorted(np.cumsum(read) - read, wanted))
        self._steps = self._num_parts(by_length[self._bounds[1:] - 1])  # (groups,)
        self.steps_per_epoch = int(self._steps.sum())
        self._held: tuple[int, Laid] | None = None

    def _num_parts(self, lengths: Positions) -> Positions:
        return -(-lengths // self._T)

    def _epoch(self, epoch: int) -> Laid:
        if self._held is None or self._held[0] != epoch:
            self._held = epoch, self._shuffle(epoch)
        return self._held[1]

    def _shuffle(self, epoch: int) -> Laid:
        noise = random_numbers(len(self.lengths), *self._seed, epoch) / 2.0**64
        blurred = self.lengths * (1 + BLUR * noise)
        lines = np.lexsort((blurred, self._num_parts(self.lengths)))
        groups = shuffled(len(self._steps), *self._seed, epoch, 1)
        return lines, groups, np.cumsum(self._steps[groups])

    def _place(self, step: int) -> tuple[int, int]:
        """The groups of its epoch read before the step's own, and the steps that have read in that one."""
        at = step % self.steps_per_epoch
        _, groups, ends = self._epoch(step // self.steps_per_epoch)
        place = int(np.searchsorted(ends, at, side="right"))
        return place, at - int(ends[place] - self._steps[groups[place]])

    def _group(self, epoch: int, place: int) -> Positions:
        lines, groups, _ = self._epoch(epoch)
        return lines[self._bounds[groups[place]] : self._bounds[groups[place] + 1]]

    def part(self, step: int) -> tuple[Positions, int]:
        """The lines that a step reads, and the symbol of each at which it begins."""
        place, steps = self._place(step)
        return self._group(step // self.steps_per_epoch, place), steps * self._T

    def lengths_of(self, lines: Positions) -> Positions:
        """The targets of some lines."""
        return self.lengths[lines]

    def num_times(self, lines: Positions, offset: int) -> int:
        """The time steps in which all these lines are read on from there, at most T."""
        return min(self._T, int(self.lengths[lines].max()) - offset)

    def characters_in(self, steps: int) -> int:
        """The targets of the first steps of a run."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        seen = epochs * int(self.lengths.sum())
        if rest:
            place, done = self._place(steps)
            seen += sum(int(self.lengths[self._group(epochs, k)].sum()) for k in range(place))
            seen += int(np.minimum(self.lengths[self._group(epochs, place)], done * self._T).sum())
        return seen
