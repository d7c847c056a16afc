"""The reach of the gradient: the norm of d loss(t) / d h(t-k), for every distance k.

loss(t) is what predicting character t+1 costs, in nats, from the state after character t; h(t-k) is a layer's hidden
state after character t-k. The gradient is what passes through h(t-k), all its ways onward counted: by the next step, by
the layer above, by the output. (An LSTM's c has a way of its own, which does not lead through the h of the same step.)

One backward pass gives all distances at once, because on its way to h(t-K) the gradient passes every h in between. So
the text is cut into windows, which are read side by side:

    text      a b c d e f g h i j k l
    window 0 (a b)c d e f                the loss is that of g, after f; distances 0 to 3 are f e d c
    window 1     (c d)e f g h            that of i, after h
    window 2         (e f)g h i j        that of k, after j      (a b) warm the state up, without a gradient

It is computed in float64: what has faded to 1e-40 is still a number.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.errors import CheckpointError, DataError
from charrnn.model import CharRNN
from charrnn.network.cells.subsampling import periods
from charrnn.network.heads import head_weights
from charrnn.network.stack import advance, entering, make_layer, top_output, upwards
from charrnn.numerics import Ids
from charrnn.training.ops import TorchOps

WINDOWS = 64
"""Windows in a text, at most."""
WINDOW_WARM_UP = 128
"""Characters that a window reads before those that have a gradient, if the text is that long."""
REACHED = 0.01
"""The part of the norm at distance 0 that still counts as reached."""
TAPE = 1 << 25
"""Approximate limit of numbers that torch keeps for one backward pass; with more, windows are read in groups."""
ARRAYS_PER_STEP = 16
"""Arrays (N, H) that torch keeps of a layer's step, roughly."""

States = tuple[tuple[Tensor, ...], ...]
"""Each layer's state, (N, H) each."""


@dataclass(frozen=True)
class GradientReach:
    """How the gradient of the loss fades with distance."""

    norms: npt.NDArray[np.float64]
    """(L, K+1) the norm of d loss(t) / d h(t-k) over the units of a layer, the mean over the windows."""
    windows: int
    """The windows that were measured."""
    warm_up: int
    """Characters read in each window before those that have a gradient, at most."""

    @property
    def distance(self) -> int:
        """The farthest distance, K."""
        return len(self.norms[0]) - 1

    @property
    def relative(self) -> npt.NDArray[np.float64]:
        """(L, K+1) the norms as parts of that at distance 0; zeros if that is zero."""
        first = self.norms[:, :1]
        return np.divide(self.norms, first, out=np.zeros_like(self.norms), where=first > 0)

    @property
    def reach(self) -> list[int]:
        """For each layer the farthest distance at which at least REACHED of the norm at distance 0 is left."""
        return [int(np.flatnonzero(row >= REACHED).max(initial=0)) for row in self.relative]

    @property
    def per_step(self) -> list[float]:
        """For each layer the factor that, once for each step back, makes the first norm the last: (n_K / n_0)^(1/K)."""
        return [float(row[-1] ** (1 / self.distance)) for row in self.relative]


def gradient_reach(
    model: CharRNN,
    ids: Ids,
    distance: int,
    *,
    windows: int = WINDOWS,
    warm_up: int = WINDOW_WARM_UP,
) -> GradientReach:
    """Measure how far back the gradient reaches in a text.

    Args:
        model: the model, of any cell, trained or not.
        ids: (T,) the text.
        distance: K, how far back to look, 1 or more.
        windows: places in the text where to look, evenly spread; fewer in a short text.
        warm_up: characters that a window reads before those that have a gradient. Near the text's beginning there are
            fewer, but the state is then what the whole text before gives.

    Raises:
        DataError: the text is too short for this distance.
        CheckpointError: the gradient overflows, as it does when a model's weights are enormous.
    """
    if len(ids) < distance + 2:
        short = f"a distance of {distance} needs at least {distance + 2} characters of text"
        hint = f"{{distance:{len(ids) - 2}}} or less fits" if len(ids) > 2 else ""
        raise DataError.naming(f"{short}, not {len(ids)}", hint)
    reader = TorchModel(model)
    ends = _spread(distance, len(ids) - 2, windows)
    warm_up = min(warm_up, int(ends[-1]) - distance)
    total = np.zeros((model.config.num_layers, distance + 1))
    for group in np.array_split(ends, _num_groups(model, len(ends), distance)):
        total += _norms(reader, ids, group, distance, warm_up).sum(axis=-1)
    if not np.isfinite(total).all():
        raise CheckpointError("the model's gradient is not finite: its weights are too large")
    return GradientReach(total / len(ends), len(ends), warm_up)


def _spread(first: int, last: int, most: int) -> npt.NDArray[np.int64]:
    """Up to `most` distinct positions from `first` to `last`, evenly spread: (10, 20, 3) -> [10, 15, 20]."""
    return np.linspace(first, last, min(most, last - first + 1)).astype(np.int64)


def _num_groups(model: CharRNN, num_windows: int, distance: int) -> int:
    """The groups in which the windows are read, so that torch keeps no more numbers than TAPE."""
    V, H, L = model.config.vocab_size, model.config.hidden_size, model.config.num_layers
    kept = num_windows * (distance + 1) * (ARRAYS_PER_STEP * H * L + V)
    return min(num_windows, 1 + kept // TAPE)


def _norms(
    reader: "TorchModel", ids: Ids, ends: npt.NDArray[np.int64], distance: int, warm_up: int
) -> npt.NDArray[np.float64]:
    """The norms of some windows.

    Args:
        reader: the model in torch.
        ids: (T,) the text.
        ends: (N,) for each window the position t of the last character that it reads.
        distance: K.
        warm_up: characters before those that have a gradient.

    Returns:
        (L, K+1, N)
    """
    state = warm(reader, ids, ends - distance, warm_up)
    state = tuple(tuple(s.requires_grad_() for s in layer) for layer in state)
    hidden: list[Tensor] = []
    for k in reversed(range(distance + 1)):
        # without recurrence nothing but the inputs would make a state a function of anything
        read = ids[ends - k]
        state = reader.step_on(reader.embedded(read).requires_grad_(), read, state)
        hidden += [layer[0] for layer in state]
    targets = torch.from_numpy(ids[ends + 1].astype(np.int64))
    # windows are independent: the gradient of the sum holds the gradient of each
    loss = cross_entropy(reader.logits(state), targets, reduction="sum")
    found = torch.autograd.grad(loss, hidden, allow_unused=True, materialize_grads=True)
    gradients = torch.stack(found)  # ((K+1)·L, N, H), farthest first
    norms = torch.linalg.vector_norm(gradients, dim=-1).numpy()  # ((K+1)·L, N)
    by_layer = norms.reshape(distance + 1, len(state), -1).swapaxes(0, 1)  # (L, K+1, N)
    return np.asarray(by_layer[:, ::-1])  # nearest first


@torch.no_grad()
def warm(reader: "TorchModel", ids: Ids, begin: npt.NDArray[np.int64], length: int) -> States:
    """The state of each window before position `begin`, after reading the `length` characters before it.

    A window that would start before the text waits in its initial state until the text begins.
    """
    state = reader.first_state(len(begin))
    for back in range(length, 0, -1):
        at = begin - back
        after = reader.step(ids[np.maximum(at, 0)], state)
        reads = torch.from_numpy(at >= 0)[:, None]  # (N, 1)
        state = tuple(
            tuple(torch.where(reads, new, old) for new, old in zip(*pair, strict=True))
            for pair in zip(after, state, strict=True)
        )
    return state


class TorchModel:
    """A model's step in float64, as torch can differentiate it. The weights themselves get no gradient."""

    def __init__(self, model: CharRNN) -> None:
        model.require_unedited("the gradient")
        weights = {name: _tensor(array) for name, array in model.weights.items()}
        self.model = model
        self.layers = [
            make_layer(model.cell, weights, k, Tensor.t, period)
            for k, period in enumerate(periods(model.config))
        ]
        self.embedding = weights["embedding.weight"]
        self._head = head_weights(weights)

    def first_state(self, num_windows: int) -> States:
        """The state before any character."""
        return tuple(tuple(map(_tensor, layer)) for layer in self.model.initial_state(num_windows))

    def logits(self, state: States) -> Tensor:
        """The logits of the next symbol after a state, (N, V)."""
        outputs = upwards(self.layers[-1], top_output(self.layers, state), TorchOps)
        logits: Tensor = self.model.head_kind.logits(outputs, self._head, TorchOps)
        return logits

    def step(self, symbols: Ids, state: States) -> States:
        """The state after reading one symbol in each window, (N,)."""
        return self.step_on(self.embedded(symbols), symbols, state)

    def embedded(self, symbols: Ids) -> Tensor:
        """The vectors of symbols (N,), (N, E)."""
        return self.embedding[torch.from_numpy(symbols.astype(np.int64))]

    def step_on(self, embedded: Tensor, symbols: Ids, state: States) -> States:
        """The state after reading one symbol in each window, (N,), whose vector is given, (N, E)."""
        cell, first = self.model.cell, self.layers[0]
        x = entering(first, embedded, TorchOps)
        output = torch.softmax(self.logits(state), -1) if cell.feeds_back == "output" else None
        part = self.model.in_word(symbols)
        in_word = None if part is None else _tensor(part)
        return advance(cell, self.layers, x, state, TorchOps, output=output, in_word=in_word)[0]


def _tensor(array: npt.NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(array.astype(np.float64))
