"""The trained numbers of a network as torch modules, named as in a checkpoint and drawn as torch draws its own."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from charrnn.config import ModelConfig
from charrnn.network.cells.base import Cell
from charrnn.network.heads import Head
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import norm_names
from charrnn.network.untrained import start_forget_gates
from charrnn.training.ops import TorchOps


class Parameters(nn.Module):
    """Parameters by their names."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_parameter(name, nn.Parameter(tensor))


def drawn(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Numbers as large as those of torch.nn.Linear, of which a vector belongs to the matrix before it."""
    tensors, bound = {}, 0.0
    for name, shape in shapes.items():
        tensors[name] = torch.empty(shape)
        if len(shape) > 1:
            nn.init.kaiming_uniform_(tensors[name], a=math.sqrt(5))  # as torch.nn.Linear
            bound = 1 / math.sqrt(shape[1])
        else:
            tensors[name].uniform_(-bound, bound)
    return tensors


class HeadModule(Parameters):
    """A head with its parameters.

    Args:
        head: what is computed.
        config: the network that it belongs to.
    """

    def __init__(self, head: Head, config: ModelConfig) -> None:
        super().__init__(drawn(head.shapes(config)))
        self._logits = head.logits

    def forward(self, outputs: Tensor) -> Tensor:
        """Logits (..., V) after outputs (..., H)."""
        logits: Tensor = self._logits(outputs, dict(self.named_parameters()), TorchOps)
        return logits


def recurrent_layers(cell: Cell, config: ModelConfig) -> nn.Module:
    """The weights of the recurrent layers: torch's own module, or for a cell that torch lacks one with such names."""
    E, H, L = config.embedding_size, config.hidden_size, config.num_layers
    if cell.torch_class is None:
        bound = 1 / math.sqrt(H)
        layers: nn.Module = Parameters(
            {
                name.removeprefix("rnn."): torch.empty(shape).uniform_(-bound, bound)
                for name, shape in weight_shapes(config).items()
                if name.startswith("rnn.")
            }
        )
    else:
        settings: dict[str, Any] = {}
        if cell.activations:
            settings["nonlinearity"] = config.activation
        layers = getattr(nn, cell.torch_class)(E, H, L, **settings)
    with torch.no_grad():
        start_forget_gates(cell, H, dict(layers.named_parameters()))
    return layers


def layer_norms(config: ModelConfig) -> nn.ParameterDict:
    """The gains and shifts of all layers, `weight_l0` and `bias_l0`; empty without layer normalization."""
    norms = nn.ParameterDict()
    for layer in range(config.num_layers) if config.layer_norm else ():
        gain, shift = (name.removeprefix("norm.") for name in norm_names(layer))
        norms[gain] = torch.ones(config.hidden_size)
        norms[shift] = torch.zeros(config.hidden_size)
    return norms


def initial_states(cell: Cell, config: ModelConfig) -> nn.ParameterDict:
    """The learned initial states, (L, H) each; empty if none are learned."""
    shape = config.num_layers, config.hidden_size
    return nn.ParameterDict({k: torch.zeros(shape) for k in cell.states if config.learn_start})


class LockedDropout(nn.Module):
    """Dropout with one mask for all time steps of a chunk: a unit is dropped for the entire chunk, or kept.

    Such a mask keeps the noise of one unit from averaging out over time (Y. Gal and Z. Ghahramani, "A Theoretically
    Grounded Application of Dropout in Recurrent Neural Networks", 2016), and it takes T times fewer random numbers,
    whose making would be a good part of a processor's time.

    Args:
        p: the part of the units that is zeroed.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.rows: tuple[int, slice] | None = None
        """The rows of the batches of all ranks, and which of them x has; None: all."""

    def forward(self, x: Tensor) -> Tensor:
        """Zero units of x (T, N, H) in training, and scale the others up so that the mean stays."""
        if not self.training or self.p == 0:
            return x
        num_rows, own = self.rows or (x.shape[1], slice(None))  # every rank draws for all rows
        mask = torch.empty((1, num_rows, *x.shape[2:]), dtype=x.dtype, device=x.device)  # (1, N, H)
        return x * mask.bernoulli_(1 - self.p).div_(1 - self.p)[:, own]
