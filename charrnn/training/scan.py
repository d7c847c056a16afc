"""A linear recurrence over all time steps, h_t = keep_t ⊙ h_(t-1) + add_t, and its gradient.

There are two ways, which compute the same. One step after another: T multiplications of (N, H), nothing else. Or a
parallel scan: two steps in a row are again such a step, of keep_2 ⊙ keep_1 and keep_2 ⊙ add_1 + add_2; so in round r
each place takes in what stands 2^r places before it, and after log2 T rounds every place has all (W. D. Hillis and
G. L. Steele, "Data Parallel Algorithms", 1986). That is log2 T times the work, in log2 T large operations instead of T
small ones: a gain where starting an operation costs more than its numbers, which is on a GPU.

The gradient is the same recurrence, backwards in time: d_t = keep_(t+1) ⊙ d_(t+1) + the gradient of h_t from elsewhere.
"""

from typing import Any

import torch
from torch import Tensor


def scan(keep: Tensor, add: Tensor, first: Tensor) -> Tensor:
    """h_t = keep_t ⊙ h_(t-1) + add_t for each time step.

    Args:
        keep: (T, N, H).
        add: (T, N, H).
        first: the h before, (N, H).

    Returns:
        h after each step, (T, N, H).
    """
    made: Tensor = _Scan.apply(keep, add, first)  # type: ignore[no-untyped-call]
    return made


def in_turn(keep: Tensor, add: Tensor, first: Tensor) -> Tensor:
    """The recurrence by one step after another."""
    made = torch.empty_like(add)
    h = first
    for keep_t, add_t, slot in zip(keep.unbind(), add.unbind(), made.unbind(), strict=True):
        h = torch.addcmul(add_t, keep_t, h, out=slot)
    return made


def in_rounds(keep: Tensor, add: Tensor, first: Tensor) -> Tensor:
    """The recurrence by a parallel scan."""
    made = torch.cat((torch.addcmul(add[:1], keep[:1], first), add[1:]))
    reach = 1
    while reach < len(made):
        joined = torch.addcmul(made[reach:], keep[reach:], made[:-reach])
        made = torch.cat((made[:reach], joined))
        keep = torch.cat((keep[:reach], keep[reach:] * keep[:-reach]))
        reach *= 2
    return made


def _backwards_in_turn(keep: Tensor, gradient: Tensor) -> Tensor:
    """d_t = keep_(t+1) ⊙ d_(t+1) + gradient_t, by one step after another."""
    made = torch.empty_like(gradient)
    made[-1] = gradient[-1]
    for t in reversed(range(len(made) - 1)):
        torch.addcmul(gradient[t], keep[t + 1], made[t + 1], out=made[t])
    return made


def _backwards_in_rounds(keep: Tensor, gradient: Tensor) -> Tensor:
    """The same by a parallel scan."""
    later = torch.cat((torch.zeros_like(keep[:1]), keep[1:].flip(0)))
    return in_rounds(later, gradient.flip(0), torch.zeros_like(keep[0])).flip(0)


def _is_in_turn(x: Tensor) -> bool:
    """Whether one step after another is faster."""
    return x.device.type == "cpu"


class _Scan(torch.autograd.Function):
    """The recurrence as one operation for torch, with its own gradient."""

    @staticmethod
    def forward(ctx: Any, keep: Tensor, add: Tensor, first: Tensor) -> Tensor:
        """H after each step."""
        made: Tensor = (in_turn if _is_in_turn(add) else in_rounds)(keep, add, first)
        ctx.save_for_backward(keep, made, first)
        return made

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """The gradients of keep, add and first."""
        keep, made, first = ctx.saved_tensors
        backwards = _backwards_in_turn if _is_in_turn(made) else _backwards_in_rounds
        d_add = backwards(keep, gradient)
        d_keep = torch.empty_like(keep)
        torch.mul(d_add[0], first, out=d_keep[0])
        torch.mul(d_add[1:], made[:-1], out=d_keep[1:])
        return d_keep, d_add, keep[0] * d_add[0]
