"""The recurrent layers of a network through all time steps of a chunk: the twin of `charrnn.network.stack` in torch.

There are four ways through time, which compute the same: torch's fused kernel, for the cells that torch has; all time
steps at once, for a cell that has a `parallel`; our own loop over a cell's `step` and `backward`
(`charrnn.training.unroll`); and the plain loop over `step`, which torch differentiates, for a cell that has none of
them. Where layers are held (`charrnn.training.subsampling`), each goes one of these ways by itself, through its ticks.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from charrnn.config import Kernel
from charrnn.network.cells.base import Cell, State
from charrnn.network.stack import (
    Layer,
    advance,
    entering,
    layer_names,
    make_layer,
    norm_names,
    upwards,
)
from charrnn.training.inputs import Inputs
from charrnn.training.machine import product_dtype, without_autocast
from charrnn.training.ops import TorchOps, TorchTimeOps
from charrnn.training.packing import packed
from charrnn.training.subsampling import Packing, always, phase_after, ticks_of
from charrnn.training.unroll import unroll

States = tuple[Tensor, ...]
"""(L, N, H) for each state of the cell."""
Feedback = Callable[[Tensor], Tensor]
"""A function from the top layer's output (N, H) to the distribution that is fed back, (N, V)."""
_Enter = Callable[[int, Inputs], Inputs]
"""enter(layer, inputs) -> what the layer's steps are given."""
_RunLayer = Callable[[int, Inputs, State], tuple[Tensor, State]]
"""run(layer, what `enter` gave, state) -> outputs (T, N, H), and the state after, (N, H) each."""


class Stack:
    """The recurrent layers of a network. Its modules hold the parameters, and belong to the network.

    Args:
        cell: computes each layer.
        rnn: the weights of the layers, see `charrnn.training.parameters.recurrent_layers`.
        norms: the gains and shifts of layer normalization, or empty.
        num_layers: L.
        kernel: `fused`: torch's kernel, where it has one for the cell; `loop`: charrnn's own loop.
        weight_drop: the part of the recurrent weights that is zeroed in training, one mask for all batch rows and time
            steps of a chunk: DropConnect (S. Merity, N. S. Keskar and R. Socher, "Regularizing and Optimizing LSTM
            Language Models", 2018).
        periods: for each layer when it ticks, see `charrnn.network.cells.subsampling.periods`; empty: at every step.
        word_table: whether each symbol is part of a word, (V,), where layers tick at the ends of words.
    """

    def __init__(
        self,
        cell: Cell,
        rnn: nn.Module,
        norms: nn.ParameterDict,
        num_layers: int,
        kernel: Kernel,
        weight_drop: float,
        periods: Sequence[int] = (),
        word_table: Tensor | None = None,
    ) -> None:
        self.cell, self.rnn, self.norms, self.num_layers = cell, rnn, norms, num_layers
        self._periods, self._word_table = periods, word_table
        self.kernel = kernel if cell.torch_class else "loop"
        self.weight_drop = weight_drop
        self.packs = False
        """Whether the processor too computes as a GPU does, with weights in one buffer; tests compare both."""

    def through(self, inputs: Inputs, state: States) -> tuple[Tensor, States]:
        """All time steps of a chunk.

        Args:
            inputs: a vector for each symbol.
            state: the state before.

        Returns:
            The outputs of the top layer, (T, N, H), as the head is given them, and the state after.
        """
        if self._periods:
            outputs, state = self._subsampled(inputs, state)
        elif self.kernel != "loop":
            outputs, state = self._fused(inputs, state)
        elif self.cell.parallel:
            outputs, state = self._parallel(inputs, state)
        elif self.cell.backward:
            outputs, state = self._unrolled(inputs, state)
        else:
            return self.step_by_step(inputs, state)
        return self._upwards(outputs, self.num_layers - 1), state

    def _upwards(self, outputs: Tensor, layer: int) -> Tensor:
        """A layer's outputs (T, N, H) as the next layer, or the head, is given them."""
        if not len(self.norms):
            return outputs
        gain, shift = (self.norms[name.removeprefix("norm.")] for name in norm_names(layer))
        return TorchOps.layer_norm(outputs, gain, shift)

    # --- by torch's kernel -------------------------------------------------------------------------------------------

    def _fused(self, inputs: Inputs, state: States) -> tuple[Tensor, States]:
        x, L = inputs.vectors(), self.num_layers  # (T, N, E)
        if not len(self.norms):
            return self._kernel(x, state, range(L))
        after = []
        for k in range(L):
            x = self._upwards(x, k - 1) if k else x
            x, last = self._kernel(x, tuple(s[k : k + 1] for s in state), range(k, k + 1))
            after.append(last)
        return x, tuple(torch.cat(layers) for layers in zip(*after, strict=True))

    def _kernel(self, x: Tensor, state: States, layers: range) -> tuple[Tensor, States]:
        """Some of the layers, by the function behind torch's module, which takes the weights as arguments."""
        return self._run_kernel(x, state, self._kernel_weights(x, layers))

    def _kernel_weights(self, x: Tensor, layers: range) -> list[Tensor]:
        """The weights of some layers, as the function wants them for inputs like x."""
        if self.packs or x.device.type != "cpu":
            return self._packed_weights(layers, product_dtype(x))
        return [self._weight(name) for name in _names(layers)]

    def _run_kernel(self, x: Tensor, state: States, weights: list[Tensor]) -> tuple[Tensor, States]:
        """The layers that have these weights."""
        function = getattr(torch, str(self.rnn.mode).lower())  # torch.lstm, gru, rnn_tanh, rnn_relu
        context: Any = nullcontext()
        if self.packs or x.device.type != "cpu":
            # under CUDA's autocast cuDNN would compute in float16, whatever dtype was asked for
            dtype, context = product_dtype(x), without_autocast(x.device)
            x, state = x.to(dtype), tuple(s.to(dtype) for s in state)
        state = tuple(s.contiguous() for s in state)
        with context:
            outputs, *after = function(
                x,
                state if len(state) > 1 else state[0],
                weights,
                True,  # with biases
                len(state[0]),
                0.0,  # dropout between layers
                self.rnn.training,
                False,  # one direction
                False,  # time first
            )
        return outputs, tuple(after)

    def _packed_weights(self, layers: range, dtype: torch.dtype) -> list[Tensor]:
        """The weights of some layers in one buffer, as cuDNN wants them."""
        names = _names(layers)
        weights: list[Tensor] = [self.rnn.get_parameter(name) for name in names]
        masks = [self._mask(name, weight) for name, weight in zip(names, weights, strict=True)]
        is_module = isinstance(self.rnn, nn.RNNBase) and len(layers) == self.num_layers
        if is_module and dtype == weights[0].dtype and not any(m is not None for m in masks):
            return weights  # in one buffer already
        return packed(weights, masks, dtype)

    # --- at the ticks of each layer ----------------------------------------------------------------------------------

    def _subsampled(self, inputs: Inputs, state: States) -> tuple[Tensor, States]:
        """The sum of all layers' outputs, (T, N, H), and the state after; see `charrnn.training.subsampling`."""
        *own, phase = state
        in_word = self._in_word(inputs)
        enter, run = self._by_layer()
        outputs, last = run(0, enter(0, inputs), tuple(s[0] for s in own))
        held, after, phases = always(outputs), [last], [phase[0]]
        for k, period in enumerate(self._periods[1:], 1):
            now = phase[k, :, 0]
            packing = Packing(ticks_of(period, now, in_word, outputs.shape[:2]))
            x = enter(k, Inputs(self._upwards(packing.gathered(held), k - 1))).x
            held, last = packing.through(partial(run, k), x, tuple(s[k] for s in own))
            outputs = outputs + held.spread()
            if not len(x):
                outputs = outputs + self._nothing(k)
            after.append(last)
            now = phase_after(period, now, in_word, len(outputs))
            phases.append(now[:, None].expand_as(phase[k]))
        made = (torch.stack(layers) for layers in zip(*after, strict=True))
        return outputs, (*made, torch.stack(phases))

    def _nothing(self, layer: int) -> Tensor:
        """Zero, with a gradient for each weight of a layer that has no tick."""
        names = (name.removeprefix("rnn.") for name in layer_names(self.cell, layer).values())
        return 0 * torch.stack([self.rnn.get_parameter(name).sum() for name in names]).sum()

    def _in_word(self, inputs: Inputs) -> Tensor | None:
        """Whether each symbol is part of a word, (T, N), where layers tick at the ends of words."""
        if self._word_table is None:
            return None
        assert inputs.rows is not None
        self._word_table = self._word_table.to(inputs.rows.device)
        return self._word_table[inputs.rows]

    def _by_layer(self) -> tuple[_Enter, _RunLayer]:
        """What makes the input of a layer's steps, and what runs these: both with the same weights in a whole chunk."""
        if self.kernel != "loop":
            return self._by_kernel()
        layers, cell = self._layers(), self.cell

        def enter(k: int, inputs: Inputs) -> Inputs:
            """W_ih · input + bias."""
            layer = layers[k]
            if cell.backward and not cell.parallel:
                return inputs.projected(layer.weight_ih, layer.bias)
            return Inputs(entering(layer, inputs.vectors(), TorchTimeOps))

        def run(k: int, inputs: Inputs, state: State) -> tuple[Tensor, State]:
            """The steps."""
            weights, (x, rows) = layers[k].recurrent, inputs
            dtype = product_dtype(x)
            full = torch.promote_types(dtype, torch.float32)
            if cell.parallel:
                return cell.parallel(x.to(full), state, weights, TorchTimeOps)
            if cell.backward:
                return unroll(cell, x, rows, state, weights, dtype)
            outputs = []
            for x_t in x.unbind():
                state, _ = cell.step(x_t, state, weights, TorchOps)
                outputs.append(state[0])
            return torch.stack(outputs), tuple(s.to(full) for s in state)

        return enter, run

    def _by_kernel(self) -> tuple[_Enter, _RunLayer]:
        """The same by torch's kernel."""
        weights: list[list[Tensor]] = []

        def enter(_: int, inputs: Inputs) -> Inputs:
            """The input itself."""
            return Inputs(inputs.vectors())

        def run(k: int, inputs: Inputs, state: State) -> tuple[Tensor, State]:
            """All of it."""
            if not weights:  # of all layers, so that the same is drawn whichever of them tick
                layers = range(self.num_layers)
                weights.extend(self._kernel_weights(inputs.x, range(j, j + 1)) for j in layers)
            outputs, after = self._run_kernel(inputs.x, tuple(s[None] for s in state), weights[k])
            return outputs, tuple(s[0] for s in after)

        return enter, run

    # --- all time steps at once --------------------------------------------------------------------------------------

    def _parallel(self, inputs: Inputs, state: States) -> tuple[Tensor, States]:
        assert self.cell.parallel is not None
        layers, after = self._layers(), []
        x = inputs.vectors()  # (T, N, E)
        full = torch.promote_types(product_dtype(x), torch.float32)
        for k, layer in enumerate(layers):
            x = entering(layer, self._upwards(x, k - 1) if k else x, TorchTimeOps)
            before = tuple(s[k] for s in state)
            x, last = self.cell.parallel(x.to(full), before, layer.recurrent, TorchTimeOps)
            after.append(last)
        return x, tuple(torch.stack(layers) for layers in zip(*after, strict=True))

    # --- by a loop ---------------------------------------------------------------------------------------------------

    def _unrolled(self, inputs: Inputs, state: States) -> tuple[Tensor, States]:
        layers, after = self._layers(), []
        x, rows = inputs.projected(layers[0].weight_ih, layers[0].bias)
        dtype = product_dtype(x)
        for k, layer in enumerate(layers):
            if k:
                x, rows = linear(self._upwards(x, k - 1), layer.weight_ih.t(), layer.bias), None
            before = [s[k] for s in state]
            x, last = unroll(self.cell, x, rows, before, layer.recurrent, dtype)
            after.append(last)
        return x, tuple(torch.stack(layers) for layers in zip(*after, strict=True))

    def step_by_step(
        self, inputs: Inputs, state: States, feedback: Feedback | None = None
    ) -> tuple[Tensor, States]:
        """All time steps by the cell's own `step`, which torch differentiates; see `through`.

        Args:
            inputs: a vector for each symbol.
            state: the state before.
            feedback: for a cell whose output comes back: called once for the state before, and after each step.
        """
        layers, outputs = self._layers(), []
        states = tuple(tuple(s[k] for s in state) for k in range(self.num_layers))
        x = entering(layers[0], inputs.vectors(), TorchOps)  # (T, N, B·H)
        y = feedback(upwards(layers[-1], states[-1][0], TorchOps)) if feedback else None
        for x_t in x.unbind():
            states, _ = advance(self.cell, layers, x_t, states, TorchOps, output=y)
            outputs.append(upwards(layers[-1], states[-1][0], TorchOps))
            y = feedback(outputs[-1]) if feedback else None
        full = torch.promote_types(product_dtype(x), torch.float32)  # as a run is saved
        after = (torch.stack(s).to(full) for s in zip(*states, strict=True))
        return torch.stack(outputs), tuple(after)

    # --- the weights -------------------------------------------------------------------------------------------------

    def _weight(self, name: str) -> Tensor:
        """A weight of the layers, with holes in training if it is a recurrent matrix."""
        weight = self.rnn.get_parameter(name)
        mask = self._mask(name, weight)
        return weight if mask is None else weight * mask

    def _mask(self, name: str, weight: Tensor) -> Tensor | None:
        """The mask of a recurrent matrix in training: holes, and the other weights scaled up; of others None."""
        if not (self.rnn.training and self.weight_drop and name.startswith("weight_hh")):
            return None
        keep = 1 - self.weight_drop
        return torch.empty_like(weight).bernoulli_(keep).div_(keep)

    def _layers(self) -> list[Layer]:
        names = [n for k in range(self.num_layers) for n in layer_names(self.cell, k).values()]
        weights = {name: self._weight(name.removeprefix("rnn.")) for name in names}
        weights |= {f"norm.{name}": vector for name, vector in self.norms.items()}
        return [make_layer(self.cell, weights, k, Tensor.t) for k in range(self.num_layers)]


def _names(layers: range) -> list[str]:
    """The names of the weights of some layers, in the order of torch's kernels."""
    return [
        f"{name}_l{k}" for k in layers for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
