"""The network in torch, for training: an embedding, a stack of fused recurrent layers, a linear output.

Its weights have the names and layouts that the NumPy model reads, so that going from one to the other is a copy.
"""

import numpy as np
import torch
from torch import Tensor, nn

from charrnn.cells import CELLS
from charrnn.config import ModelConfig
from charrnn.model import Weights

FORGET_BIAS = 1.0

TorchState = tuple[Tensor, ...] | None
"""(L, N, H) for each state of the cell; None stands for zeros."""


class LockedDropout(nn.Module):
    """Dropout with one mask for all time steps of a chunk: a unit is gone for the whole of it, or stays.

    Such a mask keeps the noise of one unit from averaging out over time (Y. Gal and Z. Ghahramani, "A Theoretically
    Grounded Application of Dropout in Recurrent Neural Networks", 2016), and it takes T times fewer random numbers,
    whose making would be a good part of a processor's time.

    Args:
        p: the part of the units that is zeroed.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Zero units of x (T, N, H) in training, and scale the others up so that the mean stays."""
        if not self.training or self.p == 0:
            return x
        mask = torch.empty((1, *x.shape[1:]), dtype=x.dtype, device=x.device)  # (1, N, H)
        return x * mask.bernoulli_(1 - self.p).div_(1 - self.p)


class Network(nn.Module):
    """Symbols in, logits for the next symbols out.

    Args:
        config: the shape.
        dropout: the part of each layer's outputs that is zeroed in training. Between layers every time step has a mask
            of its own, inside torch's fused kernel (W. Zaremba, I. Sutskever and O. Vinyals, "Recurrent Neural Network
            Regularization", 2014); before the output the mask is locked.
    """

    def __init__(self, config: ModelConfig, dropout: float = 0.0) -> None:
        super().__init__()
        V, E, H, L = config.vocab_size, config.embedding_size, config.hidden_size, config.num_layers
        fused = getattr(nn, CELLS[config.cell].torch_class)
        self.embedding = nn.Embedding(V, E)
        self.rnn = fused(E, H, L, dropout=dropout if L > 1 else 0.0)
        self.head = nn.Linear(H, V)
        self.dropout = LockedDropout(dropout)
        self._open_forget_gates(config)

    @torch.no_grad()
    def _open_forget_gates(self, config: ModelConfig) -> None:
        """Start every forget gate's bias at 1: the two biases add up to it."""
        gates = CELLS[config.cell].gates
        if "f" not in gates:
            return
        H, f = config.hidden_size, gates.index("f")
        for layer in range(config.num_layers):
            getattr(self.rnn, f"bias_ih_l{layer}")[f * H : (f + 1) * H] = FORGET_BIAS
            getattr(self.rnn, f"bias_hh_l{layer}")[f * H : (f + 1) * H] = 0.0

    def forward(self, ids: Tensor, state: TorchState) -> tuple[Tensor, TorchState]:
        """Logits (T, N, V) for symbols (T, N), and the state after them."""
        x = self.embedding(ids)  # (T, N, E)
        outputs, state = self.rnn(x, state)  # (T, N, H)
        return self.head(self.dropout(outputs)), state

    def to_numpy(self) -> Weights:
        """Copies of the weights, float32, by their torch names."""
        return {
            name: tensor.detach().to("cpu", torch.float32, copy=True).numpy()
            for name, tensor in self.state_dict().items()
        }

    @torch.no_grad()
    def load_numpy(self, weights: Weights) -> None:
        """Take over weights by their names."""
        self.load_state_dict(
            {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
        )


def make_network(config: ModelConfig, dropout: float, seed: int, device: torch.device) -> Network:
    """A network whose initial weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(config, dropout).to(device)
