"""The network in torch, for training: an embedding, a stack of recurrent layers, a linear output.

Its weights have the names and layouts that the NumPy model reads, so that going from one to the other is a copy. The
layers are stepped through time by one of

- torch's fused kernel, where torch has one for the cell;
- `unrolled`, the cell's step and its step backwards, a layer at a time;
- `fed_back`, the same for a cell whose output comes back, all layers and the output together;
- the cell's step alone, which torch differentiates: for a cell that has no step backwards, and where what comes back
  is the output of normalised layers.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from charrnn.config import Kernel, ModelConfig
from charrnn.model import Weights
from charrnn.network.cells import get_cell
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import Layer, advance, layer_names, make_layer, norm_names
from charrnn.training.fed_back import unroll_fed_back
from charrnn.training.inputs import MOST_SYMBOLS
from charrnn.training.ops import TorchOps
from charrnn.training.unroll import unroll

FORGET_BIAS = 1.0

TorchState = tuple[Tensor, ...] | None
"""(L, N, H) for each state of the cell; None stands for the state before any character."""


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


class Layers(nn.Module):
    """The weights of recurrent layers of a cell that torch does not have, named and drawn as torch's own are.

    Args:
        shapes: of the weights, by their names.
        bound: each number is drawn from -bound to bound.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], bound: float) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))


class Network(nn.Module):
    """Symbols in, logits for the next symbols out.

    Args:
        config: the shape.
        dropout: the part of the top layer's outputs that is zeroed in training, with one mask for a chunk's time steps.
            Not between layers, as W. Zaremba, I. Sutskever and O. Vinyals have it ("Recurrent Neural Network
            Regularization", 2014): two layers of 256 units then learnt tinyshakespeare less well, 1.452 instead of
            1.438 nats after 1,892 steps with 0.09 of it.
        kernel: `fused`: torch's kernel, where it has one for the cell; `loop`: charrnn's own loop.
        weight_drop: the part of the recurrent weights that is zeroed in training, one mask for all lanes and time
            steps of a chunk: DropConnect (S. Merity, N. S. Keskar and R. Socher, "Regularizing and Optimizing LSTM
            Language Models", 2018).
    """

    def __init__(
        self,
        config: ModelConfig,
        dropout: float = 0.0,
        kernel: Kernel = "fused",
        *,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        V, E, H, L = config.vocab_size, config.embedding_size, config.hidden_size, config.num_layers
        self.cell = get_cell(config.cell, config.activation)
        self.num_layers = L
        self.kernel = kernel if self.cell.torch_class else "loop"
        self.embedding = nn.Embedding(V, E)
        self.rnn = self._make_layers(config)
        self.head = nn.Linear(H, V)
        self.norm = nn.ParameterDict()
        for layer in range(L) if config.layer_norm else ():
            gain, shift = norm_names(layer)
            self.norm[gain.removeprefix("norm.")] = torch.ones(H)
            self.norm[shift.removeprefix("norm.")] = torch.zeros(H)
        self.dropout = LockedDropout(dropout)
        self.weight_drop = weight_drop
        first = {k: torch.zeros(L, H) for k in self.cell.states} if config.learn_start else {}
        self.start = nn.ParameterDict(first)
        self._open_forget_gates()

    def _make_layers(self, config: ModelConfig) -> nn.Module:
        E, H, L = config.embedding_size, config.hidden_size, config.num_layers
        if self.cell.torch_class is None:
            shapes = {
                name.removeprefix("rnn."): shape
                for name, shape in weight_shapes(config).items()
                if name.startswith("rnn.")
            }
            return Layers(shapes, 1 / math.sqrt(H))
        settings: dict[str, Any] = {}
        if self.cell.activations:
            settings["nonlinearity"] = config.activation
        made: nn.Module = getattr(nn, self.cell.torch_class)(E, H, L, **settings)
        return made

    @torch.no_grad()
    def _open_forget_gates(self) -> None:
        """Start the biases of the cell's open block at 1: the two of them add up to it."""
        if self.cell.forget_block is None:
            return
        H, k = self.head.in_features, self.cell.forget_block
        for layer in range(self.num_layers):
            getattr(self.rnn, f"bias_ih_l{layer}")[k * H : (k + 1) * H] = FORGET_BIAS
            getattr(self.rnn, f"bias_hh_l{layer}")[k * H : (k + 1) * H] = 0.0

    # --- the state ---------------------------------------------------------------------------------------------------

    def first_state(self, num_lanes: int) -> tuple[Tensor, ...]:
        """The state before any character, (L, N, H) for each state of the cell: zeros, or what has been learnt."""
        if not len(self.start):
            shape = (self.num_layers, num_lanes, self.head.in_features)
            return tuple(self.head.weight.new_zeros(shape) for _ in self.cell.states)
        return tuple(self.start[k][:, None].expand(-1, num_lanes, -1) for k in self.cell.states)

    def restart(self, state: tuple[Tensor, ...], lanes: slice) -> tuple[Tensor, ...]:
        """The state with these lanes as they are before any character."""
        restarted = tuple(s.clone() for s in state)
        for tensor, first in zip(restarted, self.first_state(state[0].shape[1]), strict=True):
            tensor[:, lanes] = first[:, lanes].to(tensor.dtype)
        return restarted

    # --- through time ------------------------------------------------------------------------------------------------

    def forward(self, ids: Tensor, state: TorchState) -> tuple[Tensor, TorchState]:
        """Logits (T, N, V) for symbols (T, N), and the state after them."""
        if state is None:
            state = self.first_state(ids.shape[1])
        if self.kernel != "loop":
            outputs, state = self._fused(ids, state)
        elif self.cell.backward is None or (len(self.norm) and self.cell.feeds_back == "output"):
            return self._step_by_step(ids, state)
        elif self.cell.feeds_back == "output":
            return self._fed_back(ids, state)
        else:
            outputs, state = self._unrolled(ids, state)
        return self.head(self.dropout(self._upwards(outputs, self.num_layers - 1))), state

    def _upwards(self, outputs: Tensor, layer: int) -> Tensor:
        """A layer's outputs (T, N, H) as the next layer, or the output layer, is given them."""
        if not len(self.norm):
            return outputs
        gain, shift = (self.get_parameter(name) for name in norm_names(layer))
        return TorchOps.layer_norm(outputs, gain, shift)

    def _fused(self, ids: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        x, L = self.embedding(ids), self.num_layers  # (T, N, E)
        if not len(self.norm):
            return self._kernel(x, state, range(L))
        after = []
        for k in range(L):
            x = self._upwards(x, k - 1) if k else x
            x, last = self._kernel(x, tuple(s[k : k + 1] for s in state), range(k, k + 1))
            after.append(last)
        return x, tuple(torch.cat(layers) for layers in zip(*after, strict=True))

    def _kernel(
        self, x: Tensor, state: tuple[Tensor, ...], layers: range
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Some of the layers, by the function behind torch's module, which takes the weights as arguments."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = [self._recurrent(f"{n}_l{k}") for k in layers for n in names]
        state = tuple(s.contiguous() for s in state)
        function = getattr(torch, str(self.rnn.mode).lower())  # torch.lstm, gru, rnn_tanh, rnn_relu
        outputs, *after = function(
            x,
            state if len(state) > 1 else state[0],
            weights,
            True,  # with biases
            len(layers),
            0.0,  # dropout between layers
            self.training,
            False,  # one direction
            False,  # time first
        )
        return outputs, tuple(after)

    def _recurrent(self, name: str) -> Tensor:
        """A weight of the layers, with holes in training if it is a recurrent matrix."""
        weight = self.rnn.get_parameter(name)
        if not (self.training and self.weight_drop and name.startswith("weight_hh")):
            return weight
        keep = 1 - self.weight_drop
        return weight * torch.empty_like(weight).bernoulli_(keep).div_(keep)

    def _unrolled(
        self, ids: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        layers, after = self._layers(), []
        x, rows = self._first_input(layers[0], ids)
        dtype = _product_dtype(x)
        for k, layer in enumerate(layers):
            if k:
                x, rows = linear(self._upwards(x, k - 1), layer.weight_ih.t(), layer.bias), None
            before = [s[k] for s in state]
            x, last = unroll(self.cell, x, rows, before, layer.recurrent, dtype)
            after.append(last)
        return x, tuple(torch.stack(layers) for layers in zip(*after, strict=True))

    def _fed_back(
        self, ids: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        layers, (h,) = self._layers(), state
        dropping = self.training and self.dropout.p > 0
        masks: list[Tensor | None] = [None] * len(layers)
        masks[-1] = self.dropout(torch.ones_like(h[:1]))[0] if dropping else None
        x, rows = self._first_input(layers[0], ids)
        head, dtype = (self.head.weight.t(), self.head.bias), _product_dtype(x)
        logits, after = unroll_fed_back(self.cell, layers, head, x, rows, h[-1], masks, dtype)
        return logits, (torch.stack(after),)

    def _step_by_step(
        self, ids: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        layers, x = self._layers(), self.embedding(ids)
        states = tuple(tuple(s[k] for s in state) for k in range(self.num_layers))
        mask = self.dropout(torch.ones_like(states[-1][0])[None])[0]
        full = torch.promote_types(x.dtype, torch.float32)
        all_logits: list[Tensor] = []
        logits = self.head(self._upwards(states[-1][0], self.num_layers - 1))
        for x_t in (x @ layers[0].weight_ih + layers[0].bias).unbind():
            output = (
                torch.softmax(logits.to(full), -1) if self.cell.feeds_back == "output" else None
            )
            states, _ = advance(self.cell, layers, x_t, states, TorchOps, output=output)
            logits = self.head(self._upwards(states[-1][0], self.num_layers - 1) * mask)
            all_logits.append(logits)
        return torch.stack(all_logits), tuple(torch.stack(s) for s in zip(*states, strict=True))

    def _first_input(self, layer: Layer, ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """W_ih · input + bias of layer 0 for symbols (T, N), or a table of it and the rows to take."""
        if self.embedding.num_embeddings > MOST_SYMBOLS:
            return linear(self.embedding(ids), layer.weight_ih.t(), layer.bias), None
        return linear(self.embedding.weight, layer.weight_ih.t(), layer.bias), ids

    def _layers(self) -> list[Layer]:
        names = [n for k in range(self.num_layers) for n in layer_names(self.cell, k).values()]
        weights = {name: self._recurrent(name.removeprefix("rnn.")) for name in names}
        weights |= {f"norm.{name}": vector for name, vector in self.norm.items()}
        return [make_layer(self.cell, weights, k, Tensor.t) for k in range(self.num_layers)]

    # --- from and to NumPy -------------------------------------------------------------------------------------------

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


def _product_dtype(x: Tensor) -> torch.dtype:
    """What autocast computes matrix products in, or what x is."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def make_network(
    config: ModelConfig,
    dropout: float,
    seed: int,
    device: torch.device,
    kernel: Kernel = "fused",
    *,
    weight_drop: float = 0.0,
) -> Network:
    """A network whose initial weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(config, dropout, kernel, weight_drop=weight_drop)
        return network.to(device)
