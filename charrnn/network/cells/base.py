"""Recurrent cells: the names of a cell's states and gates, and its time step as a function over arrays.

A cell knows one time step and nothing of text, layers or training. The same step runs on NumPy arrays and on torch
tensors: its caller hands in the functions that the two spell differently (`Ops`).

Legend for shapes: N batch rows, E inputs, H hidden units, B blocks of H rows in a weight matrix, V symbols.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

Array = Any
"""A NumPy array or a torch tensor."""

State = tuple[Array, ...]
"""One layer's state: an array (N, H), or (H,) for a single stream, for each name in `Cell.carried`."""

Blocks = tuple[Array, ...]
"""Arrays (N, H) side by side."""

Weights = Mapping[str, Array]
"""A layer's weights that its step needs, by torch's names: `weight_hh`, transposed to (H, B·H), and the cell's own."""


EPSILON = 1e-5
"""The number that layer normalization adds to the variance."""


class Ops(Protocol):
    """The functions that a step needs: for NumPy in `charrnn.network.numpy_ops`, for torch in `charrnn.training.ops`."""

    def sigmoid(self, x: Array, /) -> Array:
        """1 / (1 + exp(-x))."""

    def tanh(self, x: Array, /) -> Array:
        """The hyperbolic tangent."""

    def relu(self, x: Array, /) -> Array:
        """The larger of x and 0."""

    def product(self, x: Array, weight: Array, /) -> Array:
        """The matrix product of (N, H) and (H, B·H)."""

    def linear(self, x: Array, weight: Array, bias: Array, /) -> Array:
        """W x + b, (..., A), for x (..., H), a matrix in torch's layout, (A, H), and a vector (A,)."""

    def joined(self, a: Array, b: Array, /) -> Array:
        """Arrays (N, H) side by side, (N, 2H)."""

    def addcmul(self, a: Array, b: Array, c: Array, /) -> Array:
        """The sum of a and b ⊙ c."""

    def split(self, x: Array, parts: int, /) -> Blocks:
        """The blocks of (N, parts·H), each (N, H)."""

    def layer_norm(self, x: Array, gain: Array, shift: Array, /) -> Array:
        """Layer normalization of (N, H): (x - mean) / √(variance + EPSILON) over the units, ⊙ gain + shift."""

    def additive_scores(self, queries: Array, keys: Array, weight: Array, /) -> Array:
        """Weight · tanh(q + k), (N, T, S), less a constant, of queries (N, T, A) and keys (N, S, A)."""

    def softmax(self, x: Array, /) -> Array:
        """Exp(x) / Σ exp(x) over the last axis."""

    def softplus(self, x: Array, /) -> Array:
        """Log(1 + exp(x))."""

    def state(self, name: str, x: Array, /) -> Array:
        """A state that was just computed, (N, H): x itself, or what an edit makes of it."""

    def start(self, name: str, x: Array, /) -> Array:
        """An initial state, (N, H): x itself, or what an edit makes of it."""


class GradientOps(Ops, Protocol):
    """The additional functions for a backward step: derivatives, in terms of a function's value."""

    def dsigmoid(self, d: Array, y: Array, /) -> Array:
        """D · y · (1 - y), for y = sigmoid(x)."""

    def dtanh(self, d: Array, y: Array, /) -> Array:
        """D · (1 - y²), for y = tanh(x)."""

    def drelu(self, d: Array, y: Array, /) -> Array:
        """D where y = relu(x) is above 0, else 0."""


class TimeOps(Ops, Protocol):
    """The additional functions for all time steps of a chunk at once: for torch in `charrnn.training.ops`."""

    def scan(self, keep: Array, add: Array, first: Array, /) -> Array:
        """h_t = keep_t ⊙ h_(t-1) + add_t for each t, (T, N, H), of keep and add (T, N, H) and the h before, (N, H)."""

    def delayed(self, x: Array, weight: Array, parts: int, /) -> Array:
        """The products of (T, N, E) and the blocks of (E, parts·H), each added a step later: (T + parts - 1, N, H)."""

    def padded(self, x: Array, behind: int, /) -> Array:
        """(T, N, H) with a number of time steps of zeros behind it."""

    def stack(self, arrays: Blocks, /) -> Array:
        """Arrays (N, H), one for each time step, as one, (T, N, H)."""


class StepTrace(NamedTuple):
    """The values that a step leaves for its backward pass."""

    before: State
    after: State
    gates: Blocks
    """The gates, and what the step gives behind them for `backward` alone."""


class Gradient(NamedTuple):
    """The gradient of a loss with respect to what went into one step."""

    x: Blocks
    """With respect to x, (N, H) a block."""
    state: tuple[Array | None, ...]
    """With respect to the state before, but for the way through h · weight_hh. None is zero."""
    product: Blocks | None = None
    """With respect to h · weight_hh, where that is not the same as x."""
    vectors: Mapping[str, tuple[Array, Array]] = {}
    """With respect to the cell's own vectors: two factors (N, H), to be multiplied and summed over the batch rows."""


Step = Callable[[Array, State, Weights, Ops], tuple[State, Blocks]]
Backward = Callable[[State, StepTrace, Weights, GradientOps], Gradient]
Parallel = Callable[[Array, State, Weights, TimeOps], tuple[Array, State]]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A recurrent cell.

    Weights carry torch's names and layouts: `weight_ih` (B·H, E), `weight_hh` (B·H, H), `bias_ih` and `bias_hh` (B·H,).
    A cell with other weights has `own_shapes`.
    """

    name: str
    states: tuple[str, ...]
    """The values carried from one time step to the next; the first is its output. See `window`."""
    gates: tuple[str, ...]
    """The values computed on the way, each of shape (N, H). The step may give more behind them, for `backward` alone."""
    sigmoids: tuple[str, ...] = ()
    """The sigmoid gates, which open and shut, from 0 to 1; the rest are candidates."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What each state and gate is, in a few words for a reader who knows no equations."""
    memory_gate: str | None = None
    """The gate whose value is the part of the memory that stays at each step."""
    num_blocks: int
    """B, the gates that are stacked in a matrix."""
    step: Step
    """step(x, state, weights, ops) -> (next state, gates).

    `x` (N, B·H) is all that does not depend on the state: W_ih · input + b_ih + b_hh. Each new state goes through
    `ops.state` as soon as it is there, and what comes out of that is used and returned.
    """
    backward: Backward | None = None
    """backward(d_after, trace, weights, ops) -> Gradient: the step backwards, the chain rule written out.

    `d_after` is the gradient with respect to the state after the step. A cell without it learns all the same, through
    torch's automatic differentiation, which is slower.
    """
    forget_block: int | None = None
    """The block whose bias starts at 1: a forget gate, so that the memory is kept from the first step on."""
    forget_bias: float = 1.0
    """What it starts at, where that is not 1."""
    torch_class: str | None = None
    """The class of torch.nn that computes the same, fused over time."""
    parallel: Parallel | None = None
    """parallel(x, state, weights, ops) -> (outputs, next state): all time steps of a chunk at once.

    `x` is (T, N, ...), and the outputs are (T, N, H). A cell has it whose next state depends on the state linearly or
    not at all, so that no step must wait for the one before it.
    """
    reads_input: bool = False
    """Whether the step is given the layer's input itself, (N, E), with `weight_ih` and the biases among its weights."""
    reads_state: bool = True
    """Whether the step sees the states, and not the window alone."""
    own_shapes: Callable[[int, int, int], Shapes] | None = None
    """own_shapes(E, H, V) -> the shape of each weight of a layer by its name, where they are not the usual ones."""
    vectors: tuple[str, ...] = ()
    """The names of weights of the cell's own, of shape (H,), that act unit by unit."""
    is_exact: bool = False
    """Whether its step is written in integers too, in Python, C and the page's script (`charrnn.exact`)."""
    folds_bias: bool = True
    """Whether b_hh is part of x. If not, the step finds it in the weights as `bias_hh`."""
    feeds_back: Literal["hidden", "output"] = "hidden"
    """What comes back at the next time step: the layer's own h, or the distribution over symbols.

    In that case `weight_hh` is (B·H, V), and the state that the step is given is the one array y, (N, V).
    """
    fed: tuple[int, ...] = (0,)
    """The places, among all that is carried, of what `weight_hh` is multiplied by."""
    window: tuple[str, ...] = ()
    """What is carried on behind the states, to be seen later, and is neither recorded nor edited."""
    for_settings: Callable[[Any], "Cell"] | None = None
    """for_settings(config) -> the cell of a network with these settings, where its states, gates or weights depend on
    some: `delays` or `depth`, which are None where they are not given."""
    settings_from: Callable[[int], Mapping[str, Any]] | None = None
    """settings_from(number of gates) -> settings with which `for_settings` gives a cell with so many."""
    activations: Mapping[str, tuple[Step, Backward | None]] = field(default_factory=dict)
    """Steps for each function that the user may choose for this cell, by name."""

    def shapes(self, inputs: int, hidden: int, symbols: int) -> dict[str, tuple[int, ...]]:
        """The shape of each weight of a layer by its name.

        Args:
            inputs: E, the size of the layer's input.
            hidden: H.
            symbols: V, the size of the distribution that may come back.
        """
        if self.own_shapes:
            return dict(self.own_shapes(inputs, hidden, symbols))
        rows, fed_back = (
            self.num_blocks * hidden,
            symbols if self.feeds_back == "output" else hidden,
        )
        usual: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, fed_back),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }
        return usual | dict.fromkeys(self.vectors, (hidden,))

    @property
    def weights(self) -> tuple[str, ...]:
        """The names of a layer's weights."""
        return tuple(self.shapes(1, 1, 1))

    @property
    def has_recurrent_matrix(self) -> bool:
        """Whether a matrix leads from its own last state, or the last output, into the step."""
        return "weight_hh" in self.weights

    @property
    def carried(self) -> tuple[str, ...]:
        """The names of all that is carried from one time step to the next: the states, and the window."""
        return (*self.states, *self.window)

    @property
    def output(self) -> str:
        """The state that the layer above sees: the first."""
        return self.states[0]

    @property
    def memory(self) -> str:
        """The state in which the cell remembers: its last, `c` where there is one, else `h`."""
        return self.states[-1]
