"""The network in torch, for training: embedding, stack and head, whose parameters carry the names of a checkpoint."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from charrnn.config import Kernel, ModelConfig
from charrnn.network.cells import cell_of
from charrnn.network.cells.base import Weights
from charrnn.network.cells.subsampling import WORDS, periods, word_table
from charrnn.network.heads import LINEAR, Head
from charrnn.training.inputs import Inputs
from charrnn.training.machine import seeded
from charrnn.training.parameters import (
    HeadModule,
    LockedDropout,
    initial_states,
    layer_norms,
    recurrent_layers,
)
from charrnn.training.stack import Stack, States

TorchState = States | None
"""(L, N, H) for each state of the cell; None stands for the state before any character."""


class NumpyModule(nn.Module):
    """A network whose weights come from NumPy, and go there."""

    def to_numpy(self) -> Weights:
        """Copies of the weights, float32, by their names in a checkpoint."""
        return {
            name: tensor.detach().to("cpu", torch.float32, copy=True).numpy()
            for name, tensor in self.state_dict().items()
        }

    @torch.no_grad()
    def load_numpy(self, weights: Weights) -> None:
        """Load weights by their names in a checkpoint."""
        self.load_state_dict(
            {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
        )


class Network(NumpyModule):
    """Symbols in, logits for the next symbols out.

    Args:
        config: the shape.
        dropout: the part of the top layer's outputs that is zeroed in training, with one mask for a chunk's time steps.
            Not between layers, as W. Zaremba, I. Sutskever and O. Vinyals have it ("Recurrent Neural Network
            Regularization", 2014): two layers of 256 units then learned tinyshakespeare less well, 1.452 instead of
            1.438 nats after 1,892 steps with 0.09 of it.
        kernel: see `charrnn.training.stack.Stack`.
        weight_drop: the part of the recurrent weights that is zeroed in training; see there.
        head: turns the outputs of the top layer into logits.
    """

    def __init__(
        self,
        config: ModelConfig,
        dropout: float = 0.0,
        kernel: Kernel = "fused",
        *,
        weight_drop: float = 0.0,
        head: Head = LINEAR,
    ) -> None:
        super().__init__()
        self.config = config
        self.cell = cell_of(config)
        # weights are drawn, and their gradients' norms added, in this order
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        self.rnn = recurrent_layers(self.cell, config)
        self.head = HeadModule(head, config)
        self.norm = layer_norms(config)
        self.dropout = LockedDropout(dropout)
        self.start = initial_states(self.cell, config)
        self.stack = self._made_stack(kernel, weight_drop)

    def _made_stack(self, kernel: Kernel, weight_drop: float) -> Stack:
        config = self.config
        ticks = [period for period in periods(config) if period is not None]
        at_words = ticks and config.subsample == WORDS
        table = torch.from_numpy(word_table(config) > 0) if at_words else None
        layers = config.num_layers
        return Stack(self.cell, self.rnn, self.norm, layers, kernel, weight_drop, ticks, table)

    # --- the state ---------------------------------------------------------------------------------------------------

    def first_state(self, num_rows: int) -> States:
        """The state before any character, (L, N, H) for each state of the cell: zeros, or what has been learned."""
        if not len(self.start):
            shape = (self.config.num_layers, num_rows, self.config.hidden_size)
            return tuple(self.embedding.weight.new_zeros(shape) for _ in self.cell.carried)
        none = self.embedding.weight.new_zeros(self.config.num_layers, self.config.hidden_size)
        starts = (self.start.get(k, none) for k in self.cell.carried)
        return tuple(start[:, None].expand(-1, num_rows, -1) for start in starts)

    def reset(self, state: States, rows: slice) -> States:
        """The state with some batch rows reset to the initial state."""
        changed = tuple(s.clone() for s in state)
        for tensor, first in zip(changed, self.first_state(state[0].shape[1]), strict=True):
            tensor[:, rows] = first[:, rows].to(tensor.dtype)
        return changed

    # --- through time ------------------------------------------------------------------------------------------------

    def inputs(self, ids: Tensor) -> Inputs:
        """The vectors that the stack reads for symbols (T, N): rows of the embedding.

        A network that reads something beside the symbol adds it here; its twin in NumPy is `CharRNN.inputs`.
        """
        return Inputs(self.embedding.weight, ids)

    def forward(self, ids: Tensor, state: TorchState) -> tuple[Tensor, States]:
        """Logits (T, N, V) for symbols (T, N), and the state after them."""
        inputs, state = self.inputs(ids), state or self.first_state(ids.shape[1])
        if self.cell.feeds_back == "output":
            return self._with_feedback(inputs, state)
        outputs, state = self.stack.through(inputs, state)
        return self.head(self.dropout(outputs)), state

    def _with_feedback(self, inputs: Inputs, state: States) -> tuple[Tensor, States]:
        """The logits of a cell whose output comes back: the head takes part in every step."""
        mask = cache(
            lambda: self.dropout(torch.ones_like(state[0][-1:]))[0]
        )  # drawn after weight drop
        all_logits: list[Tensor] = []

        def feedback(output: Tensor) -> Tensor:
            logits: Tensor = self.head(output * mask() if all_logits else output)
            all_logits.append(logits)
            full = torch.promote_types(logits.dtype, torch.float32)
            return torch.softmax(logits.to(full), -1)

        _, state = self.stack.step_by_step(inputs, state, feedback)
        return torch.stack(all_logits[1:]), state  # the first are those of the state before


def make_network(
    config: ModelConfig,
    dropout: float,
    seed: int,
    device: torch.device | None = None,
    kernel: Kernel = "fused",
    *,
    weight_drop: float = 0.0,
    head: Head = LINEAR,
) -> Network:
    """A network whose initial weights depend on the seed alone, on the CPU or a device; for the others see `Network`."""
    with seeded(seed):
        network = Network(config, dropout, kernel, weight_drop=weight_drop, head=head)
        return network.to(device) if device else network
