"""What a recurrent cell is: names for its states and gates, and one step in time as a function over arrays.

A cell knows one time step and nothing of text, layers or training. The same step runs on NumPy arrays and on torch
tensors: whoever calls it hands in the functions that the two spell differently (`Ops`).

Legend for shapes: N lanes, E inputs, H hidden units, B blocks of H rows in a weight matrix, V symbols.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

Array = Any
"""A NumPy array or a torch tensor."""

State = tuple[Array, ...]
"""One layer's state: an array (N, H), or (H,) for one lane, for each name in `Cell.states`."""

Blocks = tuple[Array, ...]
"""Arrays (N, H) side by side."""

Weights = Mapping[str, Array]
"""What a step needs of a layer's weights, by torch's names: `weight_hh`, transposed to (H, B·H), and a cell's own."""


EPSILON = 1e-5
"""What layer normalisation adds to the variance."""


class Ops(Protocol):
    """The functions that a step needs. NumPy's are in `charrnn.network.numpy_ops`, torch's in `charrnn.training.ops`."""

    def sigmoid(self, x: Array, /) -> Array:
        """1 / (1 + exp(-x))."""

    def tanh(self, x: Array, /) -> Array:
        """The hyperbolic tangent."""

    def relu(self, x: Array, /) -> Array:
        """The larger of x and 0."""

    def product(self, x: Array, weight: Array, /) -> Array:
        """The matrix product of (N, H) and (H, B·H)."""

    def addcmul(self, a: Array, b: Array, c: Array, /) -> Array:
        """The sum of a and b ⊙ c."""

    def split(self, x: Array, parts: int, /) -> Blocks:
        """The blocks of (N, parts·H), each (N, H)."""

    def layer_norm(self, x: Array, gain: Array, shift: Array, /) -> Array:
        """Layer normalisation of (N, H): (x - mean) / √(variance + EPSILON) over the units, ⊙ gain + shift."""

    def state(self, name: str, x: Array, /) -> Array:
        """What a state has become, (N, H): x itself, unless somebody edits it."""


class GradientOps(Ops, Protocol):
    """What the step backwards needs besides: derivatives, in terms of what the function gave."""

    def dsigmoid(self, d: Array, y: Array, /) -> Array:
        """D · y · (1 - y), for y = sigmoid(x)."""

    def dtanh(self, d: Array, y: Array, /) -> Array:
        """D · (1 - y²), for y = tanh(x)."""

    def drelu(self, d: Array, y: Array, /) -> Array:
        """D where y = relu(x) is above 0, else 0."""


class Taken(NamedTuple):
    """A step that was taken."""

    before: State
    after: State
    gates: Blocks


class Gradient(NamedTuple):
    """The gradient of a loss with respect to what went into one step."""

    x: Blocks
    """With respect to x, (N, H) a block."""
    state: tuple[Array | None, ...]
    """With respect to the state before, but for the way through h · weight_hh. None is zero."""
    product: Blocks | None = None
    """With respect to h · weight_hh, where that is not the same as x."""
    vectors: Mapping[str, tuple[Array, Array]] = {}
    """With respect to the cell's own vectors: two factors (N, H), to be multiplied and summed over the lanes."""


Step = Callable[[Array, State, Weights, Ops], tuple[State, Blocks]]
Back = Callable[[State, Taken, Weights, GradientOps], Gradient]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A recurrent cell.

    Weights carry torch's names and layouts: `weight_ih` (B·H, E), `weight_hh` (B·H, H), `bias_ih` and `bias_hh` (B·H,).
    """

    name: str
    states: tuple[str, ...]
    """What the cell carries from one time step to the next; the first is its output."""
    gates: tuple[str, ...]
    """What it computes on the way, each of shape (N, H). The step may give more behind them, for `back` alone."""
    sigmoids: tuple[str, ...] = ()
    """Those of the gates that open and shut, from 0 to 1; the others are candidates, from -1 to 1."""
    keeper: str | None = None
    """The gate whose value is the part of the memory that stays at each step."""
    num_blocks: int
    """B, the gates that are stacked in a matrix."""
    step: Step
    """step(x, state, weights, ops) -> (next state, gates).

    `x` (N, B·H) is all that does not depend on the state: W_ih · input + b_ih + b_hh. Each new state goes through
    `ops.state` as soon as it is there, and what comes out of that is used and returned.
    """
    back: Back | None = None
    """back(d_after, taken, weights, ops) -> Gradient: the step backwards, the chain rule written out.

    `d_after` is the gradient with respect to the state after the step. A cell without it learns all the same, through
    torch's automatic differentiation, which is slower.
    """
    open_block: int | None = None
    """The block whose bias starts at 1: a forget gate, so that the memory is kept from the first step on."""
    torch_class: str | None = None
    """The class of torch.nn that computes the same, fused over time."""
    vectors: tuple[str, ...] = ()
    """The names of weights of the cell's own, of shape (H,), that act unit by unit."""
    folds_bias: bool = True
    """Whether b_hh is part of x. If not, the step finds it in the weights as `bias_hh`."""
    feeds_back: Literal["hidden", "output"] = "hidden"
    """What comes back at the next time step: the layer's own h, or the distribution over symbols.

    In that case `weight_hh` is (B·H, V), and the state that the step is given is the one array y, (N, V).
    """
    activations: Mapping[str, tuple[Step, Back | None]] = field(default_factory=dict)
    """Steps for each function that the user may choose for this cell, by name."""

    @property
    def output(self) -> str:
        """The state that others see."""
        return self.states[0]

    @property
    def memory(self) -> str:
        """The state in which the cell remembers: its last, `c` where there is one, else `h`."""
        return self.states[-1]
