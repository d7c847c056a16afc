"""The weights of a fused kernel in one buffer, with their holes and in the dtype of the products.

cuDNN wants all weights of its layers in one buffer, matrices first and biases after them; torch copies them into one at
every call where they are not. `nn.LSTM` keeps its parameters so, but a weight with holes (weight drop), one in bfloat16
and a part of the layers (layer normalization) stand elsewhere. Here each weight is multiplied by its mask, rounded and
put into its place in one pass; and torch, which compares the addresses, copies nothing.

    buffer    W_ih W_hh (layer 0)   W_ih W_hh (layer 1)   b_ih b_hh (layer 0)   b_ih b_hh (layer 1)

Where cuDNN wanted another order, torch would copy as before: the result does not depend on it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

PER_LAYER = 4
"""Weights of a layer: W_ih, W_hh, b_ih, b_hh."""


def packed(
    weights: Sequence[Tensor], masks: Sequence[Tensor | None], dtype: torch.dtype
) -> list[Tensor]:
    """The weights as views of one new buffer, which torch can differentiate.

    Args:
        weights: PER_LAYER of each layer.
        masks: what each is multiplied by; None: 1.
        dtype: the dtype of the buffer.
    """
    return list(_Packed.apply(tuple(masks), dtype, *weights))  # type: ignore[no-untyped-call]


class _Packed(torch.autograd.Function):
    """Mask, rounding and copy as one operation for torch."""

    @staticmethod
    def forward(ctx: Any, masks: Any, dtype: torch.dtype, *weights: Tensor) -> Any:
        """The weights in one buffer."""
        ctx.masks, ctx.dtypes = masks, [w.dtype for w in weights]
        buffer = torch.empty(sum(w.numel() for w in weights), dtype=dtype, device=weights[0].device)
        slots, begin = {}, 0
        for k in _in_order(len(weights)):
            end = begin + weights[k].numel()
            slots[k], begin = buffer[begin:end].view(weights[k].shape), end
        for k, (weight, mask) in enumerate(zip(weights, masks, strict=True)):
            if mask is None:
                slots[k].copy_(weight)
            else:
                torch.mul(weight, mask, out=slots[k])
        return tuple(slots[k] for k in range(len(weights)))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradients of the weights."""
        made = (g.to(dtype) for g, dtype in zip(gradients, ctx.dtypes, strict=True))
        own = (g if m is None else g * m for g, m in zip(made, ctx.masks, strict=True))
        return None, None, *own


def _in_order(count: int) -> list[int]:
    """The numbers of the weights in the order of the buffer: the matrices of all layers, then their biases."""
    return sorted(range(count), key=lambda k: (k % PER_LAYER >= PER_LAYER // 2, k))
