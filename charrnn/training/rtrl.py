"""A network that learns forward in time: a replica whose weights move at every character.

A step reads as many characters as one of backpropagation would, one after another; each is predicted, then learned from
by real-time recurrent learning (`charrnn.network.rtrl`), with an update of the same optimizer. So the loss of a step is
that of characters that no weight has seen yet. Everything else of a run, its plan, its evaluations and its checkpoints,
is as for any other.
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.network.backward import Parameters
from charrnn.network.cells.base import State
from charrnn.network.rtrl import Sensitivities
from charrnn.schema import SENSITIVITIES
from charrnn.threads import threads_of_products
from charrnn.training.replica import Replica
from charrnn.training.state import NumpyArrays

Arrays = Mapping[str, npt.NDArray[Any]]


def make_replica(model_config: ModelConfig, config: TrainingConfig, **others: Any) -> Replica:
    """The network of a run before its first step; see `Replica`."""
    kind = OnlineReplica if config.gradient == "rtrl" else Replica
    return kind(model_config, config, **others)


class OnlineReplica(Replica):
    """A network of one layer that reads one stream and learns at every character; see `Replica`."""

    def __init__(self, model_config: ModelConfig, config: TrainingConfig, **others: Any) -> None:
        super().__init__(model_config, config, **others)
        self._parameters = dict(self.network.named_parameters())
        self._shown = {name: p.detach().numpy() for name, p in self._parameters.items()}
        self._weights, self._gradient = Parameters(model_config), Parameters(model_config)
        self._weights.copy_from(self._shown)
        self._sensitivities = Sensitivities(model_config, self._weights)
        self._links = [self._link(name, p) for name, p in self._parameters.items()]

    def _link(self, name: str, parameter: Tensor) -> tuple[Tensor, Tensor]:
        """A parameter's gradient, and the view of what it is copied from; two biases that are added have one."""
        parts = self._gradient.parts
        part = parts[name if name in parts else name.replace("bias_hh", "bias_ih")]
        parameter.grad = torch.zeros_like(parameter)
        return parameter.grad, torch.from_numpy(part.T if name.startswith("rnn.weight_") else part)

    def step(
        self,
        number: int,
        batch: Any,
        rate: float,
        *,
        starts: bool = False,
        every: int | None = None,
    ) -> Tensor:
        """Read a batch, (T, 1), with an update at every character; returns the mean loss before each of them."""
        inputs, targets = (np.asarray(part)[:, 0].tolist() for part in batch)
        if starts or (every and number % every == 0):
            self.state = None
        nats = self.read(zip(inputs, targets, strict=True), itertools.repeat(rate))
        return torch.tensor(nats / max(1, len(inputs)))

    def read(self, symbols: Iterable[tuple[int, int]], rates: Iterable[float]) -> float:
        """Read symbols and learn from them.

        Args:
            symbols: each with the one that follows it.
            rates: the part of the largest learning rate at each of them.

        Returns:
            The cost of those that follow, in nats, each scored before it was learned from.
        """
        state, nats = self._taken_up(), 0.0
        with threads_of_products(self.config.threads):  # more would wait for each other
            for (symbol, target), rate in zip(symbols, rates, strict=False):
                state = self._sensitivities.advance(symbol, state)
                nats += self._sensitivities.learn(state, target, self._gradient)
                self._update(rate)
        self.state = tuple(torch.from_numpy(s.copy())[None, None] for s in state)
        self._num_rows = 1
        return nats

    def _taken_up(self) -> State:
        """The state that was carried, (H,) each; at the start zeros, which depend on no weight."""
        if self.state:
            return tuple(s[0, 0].numpy() for s in self.state)
        self._sensitivities.reset()
        return tuple(s[0, 0].detach().numpy() for s in self.network.first_state(1))  # type: ignore[operator]

    def _update(self, rate: float) -> None:
        """Move the weights against the gradient of one character."""
        for gradient, made in self._links:
            gradient.copy_(made)
        if self.config.clip:
            torch.nn.utils.clip_grad_norm_(self._parameters.values(), self.config.clip)
        self.optimizer.step(rate)
        self._weights.copy_from(self._shown)

    def arrays(self) -> NumpyArrays:
        """Copies of all arrays that resuming needs: how the state depends on the weights, too."""
        own = {SENSITIVITIES: self._sensitivities.array.copy()} if self.state else {}
        return super().arrays() | own

    def load(self, arrays: Arrays) -> None:
        """Load the arrays of `arrays`."""
        rest = dict(arrays)
        own = rest.pop(SENSITIVITIES, None)
        super().load(rest)
        self._weights.copy_from(self._shown)
        self._sensitivities.array[...] = 0 if own is None else own
