"""A network that is being trained, with its optimizer and its carried state: what every rank has of a run.

Each method is called on all ranks: rank 0 announces its calls, and the others repeat them with their own batch rows.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import torch
from torch import Tensor

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.network.heads import LINEAR, Head
from charrnn.training.data import num_targets
from charrnn.training.machine import memory_faults, on_device, repeatable_draws
from charrnn.training.optimizer import Optimizer
from charrnn.training.parameters import LockedDropout
from charrnn.training.ranks import Alone, here
from charrnn.training.state import NumpyArrays, load_run, run_arrays
from charrnn.training.step import train_step
from charrnn.training.task import Task, task_of

if TYPE_CHECKING:
    from charrnn.training.network import NumpyModule, TorchState

Arrays = Mapping[str, npt.NDArray[Any]]


class Replica:
    """A network in training, on one rank of a run or in its only process.

    Args:
        model_config: the network.
        config: how it is trained.
        head: what the network makes of its stack's outputs.
        task: the task; None: that of the network.
        initial: the weights to start from; None: random ones.

    Raises:
        EnvironmentFault: the memory is full, or another rank has ended.
    """

    def __init__(
        self,
        model_config: ModelConfig,
        config: TrainingConfig,
        *,
        head: Head = LINEAR,
        task: Task | None = None,
        initial: Arrays | None = None,
    ) -> None:
        self.ranks: Alone = here()
        self.ranks.announce(
            "open", model=dataclasses.asdict(model_config), training=dataclasses.asdict(config)
        )
        self.number = self.ranks.numbered()
        """Its number among those of this process; on all ranks the same."""
        self.config, self.task = config, task or task_of(model_config, config)
        self.device = torch.device(config.device)
        with memory_faults(config.batch_size):
            self.network: NumpyModule = self.task.network(model_config, config, self.device, head)
            if initial:
                self.network.load_numpy(initial)
            all_used = not model_config.learn_start and model_config.align is None
            self._called: Any = self.ranks.wrapped(self.network, all_used=all_used)
        self.optimizer = Optimizer(self.network, config, self.ranks)
        self.state: TorchState = None
        """The state carried from step to step: the rows of this rank."""
        self._num_rows = 0
        """The rows of the latest batch, of all ranks."""

    def step(
        self,
        number: int,
        batch: Any,
        rate: float,
        *,
        starts: bool = False,
        every: int | None = None,
    ) -> Tensor:
        """One update from a batch, of which each rank reads its share of the rows.

        Returns the mean loss of all, a tensor of one number that a GPU may still be computing.

        Args:
            number: the steps made before, which decide what is drawn.
            batch: inputs and targets of all ranks.
            rate: the part of the largest learning rates.
            starts: whether all states are reset before.
            every: otherwise the states of one row in this many are reset, in turn.
        """
        self._announce("step", number=number, batch=batch, rate=rate, starts=starts, every=every)
        config, num_rows = self.config, rows_in(batch[0])
        rows = self.ranks.share(num_rows)
        if starts:
            self.state = None
        elif every and self.state:
            first = (-number - rows.start) % every
            self.state = self.network.reset(self.state, slice(first, None, every))  # type: ignore[operator]
        own, part = self._own(batch, rows, num_rows)
        inputs, targets = on_device(own, self.device)
        draws = config.dropout > 0 or config.weight_drop > 0
        with (
            self.ranks.guarded(),
            repeatable_draws(config.seed, number, self.device, needed=draws),
        ):
            loss, state = train_step(
                self._called,
                self.optimizer,
                inputs,
                targets,
                self.state,
                config,
                rate,
                self.task,
                part * self.ranks.size,
            )
            loss = self.ranks.total(loss, part)
        self.state, self._num_rows = (state if is_any(rows) else None), num_rows
        return loss

    def _own(self, batch: Any, rows: slice, num_rows: int) -> tuple[Any, float]:
        """The rows of this rank, and their part of all targets; a rank without any reads one that does not count."""
        if self.ranks.size == 1:
            return batch, 1.0
        read = rows if is_any(rows) else slice(0, 1)
        for module in self.network.modules():
            if isinstance(module, LockedDropout):
                module.rows = num_rows, read
        own = rows_of(batch, read)
        counts = [num_targets(targets) for _, targets in (own, batch)]
        is_scored = counts[0] > 0 or isinstance(own[1], tuple)  # CTC has a loss without targets too
        part = max(1, counts[0]) / max(1, counts[1])
        return own, part if is_any(rows) and is_scored else 0.0

    def arrays(self) -> NumpyArrays:
        """Copies of all arrays that resuming needs, with the state of all ranks; on rank 0 alone."""
        self._announce("arrays")
        state = self.state
        if self._num_rows and state:
            with self.ranks.guarded():
                state = self.ranks.joined(state, self._num_rows)
        return {} if self.ranks.rank else run_arrays(self.network, self.optimizer, state)

    def load(self, arrays: Arrays) -> None:
        """Load the arrays of `arrays`, of as many ranks as there were."""
        self._announce("load", arrays=dict(arrays))
        state = load_run(self.network, self.optimizer, arrays)
        self._num_rows = state[0].shape[1] if state else 0
        rows = self.ranks.share(self._num_rows)
        self.state = (
            tuple(s[:, rows].contiguous() for s in state) if state and is_any(rows) else None
        )

    def close(self) -> None:
        """Let the other ranks forget it."""
        self._announce("close")

    def _announce(self, call: str, **arguments: Any) -> None:
        self.ranks.announce(call, replica=self.number, **arguments)


def rows_in(part: Any) -> int:
    """The rows N of what a step reads: arrays (T, N), or what says so itself."""
    if hasattr(part, "num_rows"):
        return int(part.num_rows)
    return int(part.shape[1])


def rows_of(part: Any, rows: slice) -> Any:
    """Some rows of what a step reads: of arrays (T, N), tuples of them, and what cuts itself."""
    if hasattr(part, "cut"):
        return part.cut(rows)
    if isinstance(part, tuple):
        return tuple(rows_of(one, rows) for one in part)
    return part[:, rows]


def is_any(rows: slice) -> bool:
    """Whether there are any rows."""
    return bool(rows.stop > rows.start)
