"""A layer unrolled over time, forwards by a cell's `step` and backwards by its `back`: backpropagation through time.

torch can differentiate a loop over `step` by itself. Written out, it is about twice as fast on a processor, because

- the gradient of weight_hh is a sum over time of products, d = Σ_t h_tᵀ da_t, and this sum is one large product;
- what went into the steps is kept as it is, and nothing is recorded for each operation.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from charrnn.cells.base import Cell, Taken, Weights
from charrnn.training.ops import TorchGradientOps


def unroll(
    cell: Cell, x: Tensor, state: Sequence[Tensor], weights: Weights, dtype: torch.dtype
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """All time steps of one layer.

    Args:
        cell: it must have a `back`.
        x: W_ih · input + bias, (T, N, B·H).
        state: the state before, (N, H) each.
        weights: those that the step is given.
        dtype: of the matrix products; everything else is computed in float32.

    Returns:
        h after each step, (T, N, H), of this dtype, and the state after the last.
    """
    outputs, *after = _Unrolled.apply(  # type: ignore[no-untyped-call]
        cell, dtype, tuple(weights), x, *weights.values(), *state
    )
    return outputs, tuple(after)


class _Unrolled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, cell: Cell, dtype: torch.dtype, names: Any, x: Tensor, *rest: Tensor
    ) -> Any:
        weights = dict(zip(names, rest, strict=False))
        weights["weight_hh"] = weights["weight_hh"].to(dtype)
        state = tuple(rest[len(names) :])
        keep = any(ctx.needs_input_grad)
        T, N, H = len(x), *state[0].shape
        fed = torch.empty(
            T + 1, N, H, dtype=dtype, device=x.device
        )  # h before each step, and after the last
        slots = fed.unbind()
        slots[0].copy_(state[0])
        steps = []
        with torch.autocast(x.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            for x_t, slot in zip(x.unbind(), slots[1:], strict=True):
                after, gates = cell.step(x_t, state, weights, TorchGradientOps)
                if keep:
                    steps.append(Taken(state, after, gates))
                state = after
                slot.copy_(state[0])
        ctx.cell, ctx.names, ctx.weights, ctx.steps, ctx.fed = cell, names, weights, steps, fed
        return fed[1:], *(
            s.clone() for s in state
        )  # copies: the steps must not hold on to what holds on to them

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        cell, weights, fed = ctx.cell, ctx.weights, ctx.fed
        outputs = gradients[0].float().unbind()
        weight = weights["weight_hh"].t().contiguous()  # (B·H, H)
        shape = (len(outputs), fed.shape[1], len(weight))
        dx = torch.empty(shape, dtype=fed.dtype, device=fed.device)
        slots, product_slots, products = dx.unbind(), dx.unbind(), dx
        vectors: dict[str, Any] = {}
        dh, *others = gradients[1:]
        with torch.autocast(fed.device.type, enabled=False):
            for t in reversed(range(len(outputs))):
                found = cell.back(
                    (dh + outputs[t], *others), ctx.steps.pop(), weights, TorchGradientOps
                )
                slots[t].copy_(_side_by_side(found.x))
                if found.product is not None:
                    if products is dx:
                        products = torch.empty_like(dx)
                        product_slots = products.unbind()
                    product_slots[t].copy_(_side_by_side(found.product))
                for name, blocks in found.vectors.items():
                    _add(vectors, name, blocks)
                own, *others = found.state
                through = product_slots[t] @ weight
                dh = through.float() if own is None else own + through
            flat = products.flatten(0, 1)
            found_weights = {"weight_hh": (fed[:-1].flatten(0, 1).t() @ flat).float()}
        if not cell.folds_bias:
            found_weights["bias_hh"] = flat.sum(0, dtype=torch.float32)
        found_weights |= {
            name: torch.cat([b.sum(0) for b in total]) for name, total in vectors.items()
        }
        ctx.fed = ctx.weights = None
        return None, None, None, dx, *(found_weights[name] for name in ctx.names), dh, *others


def _side_by_side(blocks: Sequence[Tensor]) -> Tensor:
    return blocks[0] if len(blocks) == 1 else torch.cat(tuple(blocks), -1)


def _add(totals: dict[str, Any], name: str, blocks: Sequence[Tensor]) -> None:
    if name not in totals:
        totals[name] = blocks
        return
    for total, block in zip(totals[name], blocks, strict=True):
        total.add_(block)
