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

A text of lines is read by items instead, those of about the same length together (`Items`).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from charrnn.config import TrainingConfig
from charrnn.text.corpus import Corpus
from charrnn.text.lines import Positions, item_bounds, random_numbers, shuffled
from charrnn.text.vocabulary import Ids

FALLOW = 100
"""One part in so many of a text is left over for the lanes of an epoch to begin at different places."""
GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, less their whole parts, spread over 0 to 1 as evenly as can be, however many there are."""
IGNORED = -100
"""The target of a position that is padding; torch's loss leaves it out."""
MEASURED_STEPS = 256
"""Of an epoch, at most, for its mean shape."""
BLUR = 0.5
"""Items are sorted by their lengths times random numbers from 1 to 1 + BLUR. With 0 a step would read items of one
length only, and its gradient say little of where lines end; the larger, the more padding."""


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

    def starts_afresh(self, step: int) -> bool:
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


class Items:
    """The batches of a text of lines, each of which starts afresh.

        ↵ava↵emma↵leo↵theodore↵         N·T = 16: as many items as have about 16 symbols

        step 0            step 1
        ↵ a v a           ↵ t h e o d o r e      targets  a v a ↵ .  |  t h e o d o r e ↵
        ↵ l e o                                           l e o ↵ .  |
        ↵ e m m a                                         e m m a ↵  |     the dots are IGNORED

    In each epoch the items are sorted by length, but not strictly, so that they meet others than before; cut into groups
    of about N·T symbols, always after the same numbers of items; and the groups shuffled. Items longer than T go on in
    the next step, with their state.

    Args:
        ids: (characters,) the text, from a newline to a newline.
        newline: its id.
        shape: N and T.
        seed: of the shuffling, which depends on it and the number of the epoch.
    """

    def __init__(self, ids: Ids, newline: int, shape: LaneShape, seed: int) -> None:
        bounds = item_bounds(ids, newline)
        self._ids, self._first = ids, bounds[:-1]
        self.order = ItemOrder(np.diff(bounds), shape, seed)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every item is read once."""
        return self.order.steps_per_epoch

    def starts_afresh(self, step: int) -> bool:
        """Whether the step reads its items from their start."""
        return self.order.part(step)[1] == 0

    def characters_in(self, steps: int) -> int:
        """The characters trained on in the first steps of a run, as often as they were read."""
        return self.order.characters_in(steps)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a step, each (T, N), of which T and N differ from step to step."""
        items, offset = self.order.part(step)
        begin = self._first[items] + offset
        end = self._first[items] + self.order.lengths[items]
        at = begin + np.arange(self.order.num_times(items, offset))[:, None]  # (T, N)
        real = at < end
        at = np.minimum(at, end - 1)
        inputs = self._ids[at].astype(np.int64)
        targets = np.where(real, self._ids[at + 1].astype(np.int64), IGNORED)
        return torch.from_numpy(inputs), torch.from_numpy(targets)


@dataclass(frozen=True)
class Epoch:
    """What it takes to read a text once."""

    steps: int
    characters: float
    """Of a step, on average; padding is not counted."""
    shape: LaneShape
    """Of a step, on average, padding and all."""
    items: int | None
    """In a step, on average, in a text of lines."""


def one_epoch(num_symbols: int, shape: LaneShape, lengths: Positions | None = None) -> Epoch:
    """What it takes to read a text once in batches of this shape.

    Args:
        num_symbols: of the text.
        shape: N and T as they were asked for, and fit the text.
        lengths: in a text of lines those of its items, the end of the line counted.
    """
    N, T = shape.batch_size, shape.sequence_length
    if lengths is None:
        return Epoch(-(-shape.lane_length(num_symbols) // T), N * T, shape, None)
    order = ItemOrder(lengths, shape, 0)
    steps = order.steps_per_epoch
    parts = [order.part(step) for step in range(0, steps, -(-steps // MEASURED_STEPS))]
    num_items = np.mean([len(items) for items, _ in parts])
    num_cells = np.mean([len(items) * order.num_times(items, offset) for items, offset in parts])
    mean = LaneShape(round(num_items), max(1, round(num_cells / num_items)))
    return Epoch(steps, int(lengths.sum()) / steps, mean, mean.batch_size)


def make_batches(corpus: Corpus, config: TrainingConfig) -> "Lanes | Items":
    """The batches of a corpus's training text."""
    shape = LaneShape(config.batch_size, config.sequence_length)
    if corpus.newline is None:
        return Lanes(corpus.train, shape)
    return Items(corpus.train, corpus.newline, shape, config.seed)


class ItemOrder:
    """Which items are read by which step.

    Args:
        lengths: (items,) the targets of each: its characters and the end of its line.
        shape: N·T symbols are read by a step, or a little fewer, and T of an item.
        seed: of the shuffling.
    """

    def __init__(self, lengths: Positions, shape: LaneShape, seed: int) -> None:
        self.lengths, self._T, self._seed = lengths, shape.sequence_length, seed
        by_length = np.sort(lengths)
        read = np.minimum(by_length, self._T)  # by the first step
        num_groups = -(-int(read.sum()) // (shape.batch_size * self._T))
        wanted = np.arange(num_groups + 1) / num_groups * read.sum()
        self._bounds = np.unique(np.searchsorted(np.cumsum(read) - read, wanted))
        self._steps = self._num_parts(by_length[self._bounds[1:] - 1])  # (groups,)
        self.steps_per_epoch = int(self._steps.sum())
        self._epoch = lru_cache(1)(self._shuffle)

    def _num_parts(self, lengths: Positions) -> Positions:
        return -(-lengths // self._T)

    def _shuffle(self, epoch: int) -> tuple[Positions, Positions, Positions]:
        """The items in the order of an epoch's groups, these groups shuffled, and the step after each of them."""
        noise = random_numbers(len(self.lengths), self._seed, epoch) / 2.0**64
        blurred = self.lengths * (1 + BLUR * noise)
        items = np.lexsort((blurred, self._num_parts(self.lengths)))
        groups = shuffled(len(self._steps), self._seed, epoch, 1)
        return items, groups, np.cumsum(self._steps[groups])

    def _place(self, step: int) -> tuple[int, int]:
        """How many groups of its epoch are read before the step's own, and the steps that have read in that."""
        at = step % self.steps_per_epoch
        _, groups, ends = self._epoch(step // self.steps_per_epoch)
        place = int(np.searchsorted(ends, at, side="right"))
        return place, at - int(ends[place] - self._steps[groups[place]])

    def _group(self, epoch: int, place: int) -> Positions:
        items, groups, _ = self._epoch(epoch)
        return items[self._bounds[groups[place]] : self._bounds[groups[place] + 1]]

    def part(self, step: int) -> tuple[Positions, int]:
        """The items that a step reads, and from which of their symbols on."""
        place, steps = self._place(step)
        return self._group(step // self.steps_per_epoch, place), steps * self._T

    def num_times(self, items: Positions, offset: int) -> int:
        """The time steps in which all these items are read on from there, or T of them."""
        return min(self._T, int(self.lengths[items].max()) - offset)

    def characters_in(self, steps: int) -> int:
        """The targets of the first steps of a run."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        seen = epochs * int(self.lengths.sum())
        if rest:
            place, done = self._place(steps)
            seen += sum(int(self.lengths[self._group(epochs, k)].sum()) for k in range(place))
            seen += int(np.minimum(self.lengths[self._group(epochs, place)], done * self._T).sum())
        return seen
