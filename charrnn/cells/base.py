"""What a recurrent cell is: names for its states and gates, and one step in time as a function over arrays.

A cell knows one time step and nothing of text, layers or training. The same step runs on NumPy arrays and on torch
tensors: whoever calls it hands in the functions that the two spell differently (`Ops`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

Array = Any
"""A NumPy array or a torch tensor."""

State = tuple[Array, ...]
"""One layer's state: an array (N, H), or (H,) for one lane, for each name in `Cell.states`."""


class Ops(Protocol):
    """The elementwise functions that a step needs; torch itself has them."""

    def sigmoid(self, x: Array, /) -> Array:
        """1 / (1 + exp(-x))."""

    def tanh(self, x: Array, /) -> Array:
        """The hyperbolic tangent."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A recurrent cell.

    Weights carry torch's names and layouts: `weight_ih` (B·H, E), `weight_hh` (B·H, H), `bias_ih` and `bias_hh` (B·H,),
    where B is `num_blocks`: the number of gates that are stacked in a matrix.
    """

    name: str
    states: tuple[str, ...]
    """What the cell carries from one time step to the next; the first is its output."""
    gates: tuple[str, ...]
    """What it computes on the way, each of shape (N, H)."""
    num_blocks: int
    torch_class: str
    """The class of torch.nn that computes the same, fused over time."""
    step: Callable[[Array, State, Array, Ops], tuple[State, tuple[Array, ...]]]
    """step(x, state, weight_hh, ops) -> (next state, gates).

    `x` (N, B·H) is all that does not depend on the state: W_ih · input + b_ih + b_hh.
    `weight_hh` comes transposed, (H, B·H).
    """
