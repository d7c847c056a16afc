"""A layer unrolled over time by a cell's `step`, and back by its `backward`: backpropagation through time.

torch can differentiate a loop over `step` by itself. Written out, it is faster on a processor, because

- the gradient of weight_hh is a sum over time of products, Σ_t h_tᵀ da_t, and this sum is one large product;
- what went into the steps is kept as it is, and nothing is recorded for each operation.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from charrnn.network.cells.base import Cell, StepTrace, Weights
from charrnn.training import inputs
from charrnn.training.machine import autocast, product_over_time, without_autocast
from charrnn.training.ops import TorchGradientOps


def unroll(
    cell: Cell,
    x: Tensor,
    rows: Tensor | None,
    state: Sequence[Tensor],
    weights: Weights,
    dtype: torch.dtype,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """All time steps of one layer.

    Args:
        cell: it must have a `backward`.
        x: W_ih · input + bias, (T, N, B·H), or a table of it for every symbol, (V, B·H).
        rows: (T, N), the rows of the table to take; None if there is no table.
        state: the state before, (N, H) each.
        weights: see `Layer.recurrent`.
        dtype: of the matrix products; everything else is computed in float32 at least.

    Returns:
        h after each step, (T, N, H), of this dtype, and the state after the last.
    """
    full = torch.promote_types(dtype, torch.float32)
    outputs, *after = _Unrolled.apply(  # type: ignore[no-untyped-call]
        cell,
        dtype,
        torch.is_grad_enabled(),
        tuple(weights),
        x,
        rows,
        *weights.values(),
        *(s.to(full) for s in state),
    )
    return outputs, tuple(after)


class _Unrolled(torch.autograd.Function):
    """The loop over time as one operation for torch, with its own gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: Cell,
        dtype: torch.dtype,
        keep: bool,
        names: Any,
        x: Tensor,
        rows: Tensor | None,
        *rest: Tensor,
    ) -> Any:
        """The outputs and the last state; with `keep`, a trace of each step is kept for the gradient."""
        weights: dict[str, Any] = dict(zip(names, rest, strict=False))
        weight = weights["weight_hh"].to(dtype)  # (H, B·H)
        state = tuple(rest[len(names) :])
        full = torch.promote_types(dtype, torch.float32)
        # h before each step, and after the last; or all that the weight is multiplied by before each step
        T, alone = len(x) if rows is None else len(rows), cell.fed == (0,)
        kept = torch.empty(T + 1, *state[0].shape, dtype=dtype, device=x.device)
        fed = kept[:-1] if alone else kept.new_empty(T, len(state[0]), len(weight))
        traces = []
        weights["weight_hh"] = weight
        low = dtype == torch.bfloat16
        precision = autocast(x.device, "bfloat16") if low else without_autocast(x.device)
        with precision, torch.inference_mode():
            slots = kept.unbind()
            for t, x_t in enumerate(inputs.steps(x, rows, full)):
                slots[t].copy_(state[0])
                if not alone:
                    torch.cat([state[k].to(dtype) for k in cell.fed], -1, out=fed[t])
                after, gates = cell.step(x_t, state, weights, TorchGradientOps)
                if keep:
                    traces.append(StepTrace(state, after, gates))
                state = after
            kept[-1].copy_(state[0])
        ctx.cell, ctx.names, ctx.weights, ctx.traces = cell, names, weights, traces
        ctx.weight, ctx.fed, ctx.rows, ctx.num_inputs = weight, fed, rows, len(x)
        return kept[1:], *(s.clone() for s in state)  # what the traces hold must not be in it

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradients of all that `forward` was given, in its order."""
        cell, weights, fed = ctx.cell, ctx.weights, ctx.fed
        (T, N), width = fed.shape[:2], ctx.weight.shape[1]
        dx = torch.empty(T, N, width, dtype=fed.dtype, device=fed.device)
        products = (
            torch.empty_like(dx) if not cell.folds_bias else dx
        )  # the gradient of h · weight_hh
        outputs, (dh, *others) = gradients[0].unbind(), gradients[1:]
        totals = {name: torch.zeros_like(dh) for name in cell.vectors}
        weight = ctx.weight.t().contiguous()  # (B·H, H)
        with without_autocast(fed.device), torch.inference_mode():
            slots, product_slots = dx.unbind(), products.unbind()
            for t in reversed(range(T)):
                d_after = (dh + outputs[t], *others)
                step = cell.backward(d_after, ctx.traces.pop(), weights, TorchGradientOps)
                slots[t].copy_(_side_by_side(step.x))
                if step.product is not None:
                    product_slots[t].copy_(_side_by_side(step.product))
                for name, factors in step.vectors.items():
                    totals[name].addcmul_(*factors)
                before = list(step.state)
                parts = (product_slots[t] @ weight).chunk(len(cell.fed), -1)
                for k, through in zip(cell.fed, parts, strict=True):
                    own = before[k]
                    before[k] = through.to(dh.dtype) if own is None else own + through
                dh, *others = before
        d_weights = {"weight_hh": product_over_time(fed, products)}
        if not cell.folds_bias:
            d_weights["bias_hh"] = products.sum((0, 1), dtype=dh.dtype)
        d_weights |= {name: total.sum(0) for name, total in totals.items()}
        ctx.fed = ctx.weights = None
        states = (d.clone() for d in (dh, *others))
        dx = inputs.gradient(dx, ctx.rows, ctx.num_inputs)
        in_order = (d_weights[name] for name in ctx.names)
        return None, None, None, None, dx, None, *in_order, *states


def _side_by_side(blocks: Sequence[Tensor]) -> Tensor:
    """The blocks as one array, (N, B·H)."""
    return blocks[0] if len(blocks) == 1 else torch.cat(tuple(blocks), -1)
