"""The networks of pairs in torch, for training; see `charrnn.network.pairs` for what each alignment has."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from charrnn.config import Kernel, ModelConfig
from charrnn.network.alignments.attention import NOWHERE
from charrnn.network.cells import cell_of
from charrnn.network.encoder import (
    PREFIX,
    direction_names,
    directions,
    encoder_shapes,
    final_vectors,
    read_both_ways,
)
from charrnn.network.pairs import alignment_of, head_of
from charrnn.network.untrained import start_forget_gates
from charrnn.training.inputs import Inputs
from charrnn.training.network import Network, NumpyModule
from charrnn.training.ops import TorchOps
from charrnn.training.pairs.inputs import PairInputs
from charrnn.training.parameters import (
    HeadModule,
    LockedDropout,
    Parameters,
    drawn,
)
from charrnn.training.stack import Stack, States

NOTHING: States = ()
"""The state that a network of pairs carries on."""


class _Direction:
    """The weights of one direction of a layer, as the only layer of a stack.

    Args:
        encoder: has the weights.
        names: their names there, by those of such a stack.
    """

    def __init__(self, encoder: "Encoder", names: Mapping[str, str]) -> None:
        self._encoder = [encoder]  # in a list: it is not a part of this
        own = {n.removeprefix("rnn."): full for n, full in names.items() if n.startswith("rnn.")}
        self._names = {n: full.removeprefix(f"{PREFIX}rnn.") for n, full in own.items()}
        cell = encoder.cell
        self.mode = str(cell.torch_class)
        if cell.activations:
            self.mode = f"{self.mode}_{encoder.config.activation}".upper()

    @property
    def training(self) -> bool:
        """Whether the encoder is being trained."""
        return self._encoder[0].training

    def get_parameter(self, name: str) -> Tensor:
        """A weight by its name in a stack of one layer."""
        return self._encoder[0].rnn.get_parameter(self._names[name])


class _Norms(Mapping[str, Tensor]):
    """The gains and shifts of one direction of a layer; looked up at each use, as they may move to another device.

    Args:
        encoder: has them.
        names: see `_Direction`.
    """

    def __init__(self, encoder: "Encoder", names: Mapping[str, str]) -> None:
        self._encoder = encoder
        own = {n.removeprefix("norm."): full for n, full in names.items() if n.startswith("norm.")}
        self._names = {n: full.removeprefix(f"{PREFIX}norm.") for n, full in own.items()}

    def __getitem__(self, name: str) -> Tensor:
        vector: Tensor = self._encoder.norm[self._names[name]]
        return vector

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Encoder(nn.Module):
    """Sources in, outputs at each place and a vector for each source out; see `charrnn.network.encoder`."""

    def __init__(self, config: ModelConfig, kernel: Kernel, weight_drop: float) -> None:
        super().__init__()
        assert config.source_size
        self.config = config
        self.cell = cell_of(config)
        self.embedding = nn.Embedding(config.source_size, config.embedding_size)
        if config.source_vectors:  # a projection, whose results vary as much as their numbers
            with torch.no_grad():
                self.embedding.weight *= config.source_size**-0.5
        shapes = encoder_shapes(config)
        bound = config.hidden_size**-0.5
        self.rnn = Parameters(
            {
                name.removeprefix(f"{PREFIX}rnn."): torch.empty(shape).uniform_(-bound, bound)
                for name, shape in shapes.items()
                if name.startswith(f"{PREFIX}rnn.")
            }
        )
        with torch.no_grad():
            start_forget_gates(self.cell, config.hidden_size, dict(self.rnn.named_parameters()))
        self.norm = nn.ParameterDict(
            {
                short: torch.ones(shape) if short.startswith("weight") else torch.zeros(shape)
                for name, shape in shapes.items()
                if (short := name.removeprefix(f"{PREFIX}norm.")) != name
            }
        )
        self._stacks = {} if config.source_labels else self._made_stacks(kernel, weight_drop)

    def _made_stacks(self, kernel: Kernel, weight_drop: float) -> dict[tuple[int, str], Stack]:
        def made(layer: int, direction: str) -> Stack:
            """The stack of one layer and direction."""
            names = direction_names(self.config, layer, direction)
            rnn: Any = _Direction(self, names)
            norms: Any = _Norms(self, names)
            return Stack(self.cell, rnn, norms, 1, kernel, weight_drop)

        layers = range(self.config.num_layers)
        return {(k, way): made(k, way) for k in layers for way in directions(self.config)}

    def forward(self, inputs: PairInputs) -> tuple[Tensor | None, Tensor]:
        """The outputs (T, N, K), None for labels, and the final vectors (N, K)."""
        source: Any = inputs.source
        if self.config.source_labels:
            return None, self.embedding(source[0])
        index: Any = inputs.reversal
        outputs = read_both_ways(self.config, source, index, self._read, _join, inputs.shorter)
        return outputs, final_vectors(self.config, outputs, inputs.top[1], _join)

    def _read(self, layer: int, direction: str, read: Tensor) -> Tensor:
        shape = (1, read.shape[1], self.config.hidden_size)
        zeros = tuple(self.embedding.weight.new_zeros(shape) for _ in self.cell.carried)
        if layer:
            inputs = Inputs(read)
        elif self.config.source_vectors:
            inputs = Inputs(read @ self.embedding.weight)
        else:
            inputs = Inputs(self.embedding.weight, read)
        outputs, _ = self._stacks[layer, direction].through(inputs, zeros)
        return outputs


def _join(outputs: list[Tensor]) -> Tensor:
    return torch.cat(outputs, -1)


class EncodedNetwork(NumpyModule):
    """A network without a decoder: logits from the encoder's outputs, or from its final vector."""

    def __init__(
        self,
        config: ModelConfig,
        dropout: float = 0.0,
        kernel: Kernel = "fused",
        *,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = config
        self.cell = cell_of(config)
        self.encoder = Encoder(config, kernel, weight_drop)
        self.head = HeadModule(head_of(config), config)
        self.dropout = LockedDropout(dropout)

    def forward(self, inputs: PairInputs, state: States | None = None) -> tuple[Tensor, States]:  # noqa: ARG002 (as a language model's)
        """Logits (T, N, C) at each place, of which a label has one; no state is carried on."""
        outputs, final = self.encoder(inputs)
        read = final[None] if alignment_of(self.config).is_label else outputs
        logits: Tensor = self.head(self.dropout(read))
        return logits, NOTHING


class DecoderNetwork(Network):
    """An encoder, and a language model of the targets that is given what the encoder has read."""

    def __init__(
        self,
        config: ModelConfig,
        dropout: float = 0.0,
        kernel: Kernel = "fused",
        *,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__(config, dropout, kernel, weight_drop=weight_drop, head=head_of(config))
        size, K = config.num_layers * config.hidden_size, config.source_width
        self.encoder = Encoder(config, kernel, weight_drop)
        self.bridge = nn.ModuleDict({k: nn.Linear(K, size) for k in self.cell.carried})
        self.alignment = alignment_of(config)
        self.add_module(self.alignment.part, Parameters(drawn(self.alignment.shapes(config))))

    def forward(self, inputs: Any, state: States | None = None) -> tuple[Tensor, States]:  # noqa: ARG002
        """Logits (U, N, V) after each symbol of the targets before; no state is carried on."""
        logits, _ = self.attended(inputs)
        return logits, NOTHING

    def attended(self, inputs: PairInputs) -> tuple[Tensor, Tensor | None]:
        """The logits (U, N, V), and the weights of attention (N, U, T); None without attention."""
        encoded, final = self.encoder(inputs)
        previous: Any = inputs.previous
        x, state = self.inputs(previous), self._start_of(final)
        memory = None
        if self.alignment.adds:
            x = Inputs(x.vectors() + self.alignment.added(self.dropout(final[None]), self._own))
        if self.alignment.looks:
            memory = self._remembered(self.dropout(encoded), inputs)
        if self.cell.feeds_back == "output":
            return self._fed_back(x, state, memory)
        outputs, _ = self.stack.through(x, state)
        return self._logits(outputs, memory)

    @property
    def _own(self) -> dict[str, Tensor]:
        """The weights of the alignment, by their short names."""
        return dict(self.get_submodule(self.alignment.part).named_parameters())

    def _start_of(self, final: Tensor) -> States:
        shape = (len(final), self.config.num_layers, self.config.hidden_size)
        made = (self.bridge[k](final).view(shape) for k in self.cell.carried)
        return tuple(state.transpose(0, 1).to(final.dtype) for state in made)

    def _remembered(self, outputs: Tensor, inputs: PairInputs) -> Any:
        lengths: Any = inputs.top[0]
        values = outputs.transpose(0, 1)  # (N, T, K)
        behind = torch.arange(values.shape[1], device=values.device) >= lengths[:, None]
        barred = torch.zeros(behind.shape, device=values.device).masked_fill(behind, NOWHERE)
        return self.alignment.remember(values, barred[:, None], self._own)

    def _logits(
        self, outputs: Tensor, memory: Any, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The logits after outputs (U, N, H)."""
        alpha = None
        if memory:
            read = outputs.transpose(0, 1)
            seen, alpha = self.alignment.attend(read, memory, self._own, TorchOps())
            outputs = seen.transpose(0, 1)
        dropped = self.dropout(outputs) if mask is None else outputs * mask
        logits: Tensor = self.head(dropped)
        return logits, alpha

    def _fed_back(self, x: Inputs, state: States, memory: Any) -> tuple[Tensor, Tensor | None]:
        """The logits of a cell whose output comes back: attention and head take part in every step."""
        mask = self.dropout(torch.ones_like(state[0][-1:]))
        steps: list[tuple[Tensor, Tensor | None]] = []

        def feedback(output: Tensor) -> Tensor:
            steps.append(self._logits(output[None], memory, mask))
            return torch.softmax(steps[-1][0][0].float(), -1)

        self.stack.step_by_step(x, state, feedback)
        logits = torch.cat([logits for logits, _ in steps[1:]])
        alphas = [alpha for _, alpha in steps[1:] if alpha is not None]
        return logits, torch.cat(alphas, 1) if alphas else None
