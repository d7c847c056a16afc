"""Products with the blocks of a matrix, each of which is added some time steps later: a layer with delays.

    sums of      x_0 W_0
    time steps   x_0 W_1 + x_1 W_0
                 x_0 W_2 + x_1 W_1 + x_2 W_0
                           x_1 W_2 + x_2 W_1
                                     x_2 W_2

Each block is one product over all time steps, which is added in its place. The array of all products at once, as wide as
all blocks together, is never made: to write and read it would take longer than to compute it.
"""

from typing import Any

import torch
from torch import Tensor

from charrnn.training.machine import product_dtype, product_over_time, without_autocast


def delayed(x: Tensor, weight: Tensor, parts: int) -> Tensor:
    """The sum of x W_j, each j time steps later.

    Args:
        x: (T, N, E).
        weight: (E, parts·H), the blocks W_0, W_1 ... side by side.
        parts: the number of blocks.

    Returns:
        (T + parts - 1, N, H), in float32 at least.
    """
    made: Tensor = _Delayed.apply(x, weight, parts, product_dtype(x))  # type: ignore[no-untyped-call]
    return made


class _Delayed(torch.autograd.Function):
    """The sum as one operation for torch, with its own gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, parts: int, dtype: torch.dtype) -> Tensor:
        """The sums."""
        ctx.save_for_backward(x, weight)
        ctx.parts, ctx.dtype = parts, dtype
        T, N, _ = x.shape
        full = torch.promote_types(dtype, torch.float32)
        sums = torch.zeros(T + parts - 1, N, weight.shape[1] // parts, dtype=full, device=x.device)
        with without_autocast(x.device):
            for j, block in enumerate(weight.to(dtype).chunk(parts, -1)):
                _add_product(sums[j : j + T], x.to(dtype), block)
        return sums

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """The gradients of x and of the weight."""
        x, weight = ctx.saved_tensors
        T, given = len(x), gradient.to(ctx.dtype)
        dx = torch.zeros(x.shape, dtype=gradient.dtype, device=x.device)
        blocks = []
        with without_autocast(x.device):
            for j, block in enumerate(weight.to(ctx.dtype).chunk(ctx.parts, -1)):
                own = given[j : j + T]
                _add_product(dx, own, block.t())
                blocks.append(product_over_time(x.to(ctx.dtype), own))
        return dx.to(x.dtype), torch.cat(blocks, -1).to(weight.dtype), None, None


def _add_product(to: Tensor, x: Tensor, weight: Tensor) -> None:
    """Add x W to an array, (T, N, H), which is changed."""
    rows, flat = to.view(-1, to.shape[-1]), x.reshape(-1, x.shape[-1])
    if to.dtype == x.dtype:
        rows.addmm_(flat, weight)
    else:
        rows.add_(flat @ weight)
