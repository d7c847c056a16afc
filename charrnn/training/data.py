"""The training text as batches for truncated backpropagation through time: which characters each step reads.

    text      a b c d e f g h i j k l m            N = 3 streams, T = 2

              step 0   step 1
    stream 0  a b   |  c d          targets  b c  |  d e
    stream 1  e f   |  g h                   f g  |  h i
    stream 2  i j   |  k l                   j k  |  l m

A stream continues where it stopped, so its state is carried from step to step; when all have reached their ends an epoch
is over and the states are reset. Each epoch cuts the text elsewhere: all streams begin some characters later, up to a
hundredth of a long text, which is skipped in turn; and the pieces of the text are shuffled anew
(`charrnn.training.shuffling`). Where a step reads is a function of its number alone: resuming needs no more.

A text of lines is read line by line instead, lines of about the same length together (`ItemBatches`).

The module knows no torch: a plan counts steps before anything is trained.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.config import TrainingConfig
from charrnn.errors import SettingError
from charrnn.numerics import Ids
from charrnn.text.corpus import Corpus
from charrnn.text.items import Positions, item_bounds
from charrnn.training.blocks import BlockOrder
from charrnn.training.item_order import BatchShape, ItemOrder
from charrnn.training.shuffling import PieceOrder

GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, less their whole parts, spread over 0 to 1 as evenly as can be, however many there are."""
IGNORED = -100
"""The target of a position that is padding; torch's losses leave it out."""
MEASURED_STEPS = 256
"""Maximum steps sampled to estimate an epoch's average batch shape."""
MOST_SORTED = 1 << 22
"""Lines of a text that are sorted at once, at most; of more, blocks are."""

Batch = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Inputs and targets, (T, N) each."""


class StreamBatches:
    """The batches of a running text.

    Args:
        ids: (characters,) the text; a mapped file will do.
        shape: N and T; the text must have N·T + 1 symbols at least.
        order: the order in which the pieces of the text are read in each epoch; None: always that of the text.
    """

    def __init__(self, ids: Ids, shape: BatchShape, order: PieceOrder | None = None) -> None:
        self.shape, self._order = shape, order
        self.stream_length = shape.stream_length(len(ids))
        self._ids = ids
        self._first = np.arange(shape.batch_size) * self.stream_length  # (N,)
        self._most_offset = len(ids) - 1 - shape.batch_size * self.stream_length

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every stream is read once; the last may be shorter."""
        return -(-self.stream_length // self.shape.sequence_length)

    def resets_state(self, step: int) -> bool:
        """Whether all states are reset before this step."""
        return step % self.steps_per_epoch == 0

    def characters_in(self, steps: int) -> int:
        """The characters trained on in the first steps of a run, counted as often as they are read."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        stream = epochs * self.stream_length + rest * self.shape.sequence_length
        return stream * self.shape.batch_size

    def characters(self, batch: Batch) -> int:
        """The symbols that a step is trained on."""
        return num_targets(batch[1])

    def batch(self, step: int) -> Batch:
        """Inputs and targets of a step, each (T, N)."""
        epoch, number = divmod(step, self.steps_per_epoch)
        start = number * self.shape.sequence_length
        stop = min(start + self.shape.sequence_length, self.stream_length)
        offset = int(epoch * GOLDEN % 1 * (self._most_offset + 1))
        at = offset + np.arange(start, stop + 1)[:, None] + self._first  # (T + 1, N)
        if self._order:
            at = self._order.places(at, epoch)
        read = self._ids[at].astype(np.int64)
        return read[:-1], read[1:]


class ItemBatches:
    """The batches of a text of lines, at each of which the state is reset.

        ↵ava↵emma↵leo↵theodore↵         N·T = 16: as many lines as have about 16 symbols

        step 0            step 1
        ↵ a v a           ↵ t h e o d o r e      targets  a v a ↵ .  |  t h e o d o r e ↵
        ↵ l e o                                           l e o ↵ .  |
        ↵ e m m a                                         e m m a ↵  |     the dots are IGNORED

    In each epoch the lines are sorted by length, but not strictly, so that they meet others than before; cut into groups
    of about N·T symbols, always after the same numbers of lines; and the groups shuffled. Lines longer than T go on in
    the next step, with their state.

    Args:
        ids: (characters,) the text, from a newline to a newline.
        newline: its id.
        shape: N and T.
        seed: the seed of the shuffling, which depends on it and on the epoch's number.
        bounds: the place of the newline before each line, and of the one after the last; None: they are looked for.
    """

    def __init__(
        self,
        ids: Ids,
        newline: int,
        shape: BatchShape,
        seed: int,
        bounds: Positions | None = None,
    ) -> None:
        bounds = item_bounds(ids, newline) if bounds is None else bounds
        self._ids, self._first = ids, bounds[:-1]
        self.order = _item_order(bounds, shape, seed)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every line is read once."""
        return self.order.steps_per_epoch

    def resets_state(self, step: int) -> bool:
        """Whether the step reads its lines from their start."""
        return self.order.part(step)[1] == 0

    def characters_in(self, steps: int) -> int:
        """The characters trained on in the first steps of a run, counted as often as they are read."""
        return self.order.characters_in(steps)

    def characters(self, batch: Batch) -> int:
        """The symbols that a step is trained on."""
        return num_targets(batch[1])

    def batch(self, step: int) -> Batch:
        """Inputs and targets of a step, each (T, N), of which T and N differ from step to step."""
        lines, offset = self.order.part(step)
        begin = self._first[lines] + offset
        end = self._first[lines] + self.order.lengths_of(lines)
        at = begin + np.arange(self.order.num_times(lines, offset))[:, None]  # (T, N)
        real = at < end
        at = np.minimum(at, end - 1)
        targets = np.where(real, self._ids[at + 1].astype(np.int64), IGNORED)
        return self._ids[at].astype(np.int64), targets


@dataclass(frozen=True)
class Epoch:
    """The steps that read a text once, and the size of an average one."""

    steps: int
    characters: float
    """Characters of a step, on average; padding is not counted."""
    shape: BatchShape
    """The shape of a step's batch, on average, padding included."""
    lines: int | None
    """Lines of a step, on average; None for a running text."""


def one_epoch(
    num_symbols: int,
    shape: BatchShape,
    lengths: Positions | None = None,
    *,
    whole: bool = False,
    times: float = 1.0,
) -> Epoch:
    """The steps that read a text once in batches of a shape.

    Args:
        num_symbols: the symbols of the text.
        shape: N and T, which fit the text.
        lengths: in a text of lines the length of each, its newline included.
        whole: whether lines longer than T are read at once too.
        times: how many times as long the text is as those lines, which are then a sample.
    """
    N, T = shape.batch_size, shape.sequence_length
    if lengths is None:
        return Epoch(-(-shape.stream_length(num_symbols) // T), N * T, shape, None)
    order = ItemOrder(lengths, shape, 0, whole=whole)
    steps = order.steps_per_epoch
    parts = [order.part(step) for step in range(0, steps, -(-steps // MEASURED_STEPS))]
    num_items = np.mean([len(lines) for lines, _ in parts])
    num_cells = np.mean([len(lines) * order.num_times(lines, offset) for lines, offset in parts])
    mean = BatchShape(round(num_items), max(1, round(num_cells / num_items)))
    size = int(lengths.sum()) / steps
    return Epoch(max(1, round(steps * times)), size, mean, mean.batch_size)


def num_targets(targets: Any) -> int:
    """The targets of a batch that are not padding; of several arrays the first has the targets."""
    array = targets[0] if isinstance(targets, tuple) else targets
    return int((array != IGNORED).sum())


def make_batches(corpus: Corpus, config: TrainingConfig) -> StreamBatches | ItemBatches:
    """The batches of a corpus's training text."""
    shape = BatchShape(config.batch_size, config.sequence_length)
    if corpus.end_id is None:
        if math.prod(dataclasses.astuple(shape)) >= len(corpus.train):
            raise SettingError.naming(
                "{batch_size} times {sequence_length} must be below the {found:,} symbols of the training text",
                found=len(corpus.train),
            )
        return StreamBatches(corpus.train, shape, _piece_order(corpus, config))
    return ItemBatches(corpus.train, corpus.end_id, shape, config.seed, corpus.train_bounds)


def _piece_order(corpus: Corpus, config: TrainingConfig) -> PieceOrder | None:
    if config.shuffle_length is None:
        return None
    newline = corpus.vocabulary.id_of("\n")
    return PieceOrder(corpus.train, newline, config.shuffle_length, config.seed)


def _item_order(bounds: Positions, shape: BatchShape, seed: int) -> ItemOrder | BlockOrder:
    """The order of lines, given their bounds."""
    if len(bounds) <= MOST_SORTED:
        return ItemOrder(np.diff(bounds), shape, seed)
    return BlockOrder(bounds, shape, seed)
