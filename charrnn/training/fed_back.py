"""A network whose output comes back, unrolled over time: forwards by the cell's `step`, backwards by its `back`.

What a step is given is the distribution y = softmax(W_y h + b_y) of the step before, so that all layers and the output
must go through time together. As in `unrolled`, the gradient of each matrix is one large product at the end.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from charrnn.network.cells.base import Cell, StepTrace
from charrnn.network.stack import Layer
from charrnn.training import inputs
from charrnn.training.machine import product_over_time
from charrnn.training.ops import TorchGradientOps
from charrnn.training.unroll import side_by_side


def unroll_fed_back(
    cell: Cell,
    layers: Sequence[Layer],
    head: tuple[Tensor, Tensor],
    x: Tensor,
    ids: Tensor | None,
    h: Tensor,
    masks: Sequence[Tensor | None],
    dtype: torch.dtype,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """All time steps of all layers.

    Args:
        cell: it must have a `back`, and feed its output back.
        layers: their weights.
        head: W_y transposed, (H, V), and b_y.
        x: layer 0's W_ih · input + bias, (T, N, B·H), or a table of it for every symbol, (V, B·H).
        ids: (T, N), the rows of the table to take; None if there is no table.
        h: the top layer's state before, (N, H): y is a function of it.
        masks: dropout of each layer's output, (N, H), or None.
        dtype: of the matrix products; everything else is computed in float32 at least.

    Returns:
        The logits (T, N, V), and each layer's h after the last step.
    """
    full = torch.promote_types(dtype, torch.float32)
    recurrent = [layer.recurrent["weight_hh"] for layer in layers]
    upper = [tensor for layer in layers[1:] for tensor in (layer.weight_ih, layer.bias)]
    logits, *after = _FedBack.apply(  # type: ignore[no-untyped-call]
        cell,
        dtype,
        torch.is_grad_enabled(),
        masks,
        x,
        ids,
        h.to(full),
        *head,
        *recurrent,
        *upper,
    )
    return logits, tuple(after)


class _FedBack(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cell: Cell,
        dtype: torch.dtype,
        keep: bool,
        masks: Any,
        x: Tensor,
        ids: Tensor | None,
        h: Tensor,
        *weights: Tensor,
    ) -> Any:
        T, N, L = len(x) if ids is None else len(ids), len(h), len(masks)
        H, V = weights[0].shape
        W_y, b_y = weights[0].to(dtype), weights[1]
        W_hh, upper = [w.to(dtype) for w in weights[2 : 2 + L]], weights[2 + L :]
        W_ih, bias = [w.to(dtype) for w in upper[::2]], upper[1::2]
        full = torch.promote_types(dtype, torch.float32)
        logits = x.new_empty(T, N, V, dtype=full)
        ys = x.new_empty(T, N, V, dtype=dtype)  # what every layer's step was given
        hs = [x.new_empty(T, N, H, dtype=dtype) for _ in masks]  # what each layer gave, masked
        taken, y_before, first = [], [], h.to(dtype)
        low = dtype == torch.bfloat16
        with torch.autocast(x.device.type, torch.bfloat16, enabled=low), torch.inference_mode():
            said = first @ W_y + b_y
            for t, x_t in enumerate(inputs.steps(x, ids, full)):
                y = torch.softmax(said, -1)
                ys[t].copy_(y)
                steps = []
                for k, mask in enumerate(masks):
                    into = hs[k - 1][t] @ W_ih[k - 1] + bias[k - 1] if k else x_t
                    after, gates = cell.step(into, (y,), {"weight_hh": W_hh[k]}, TorchGradientOps)
                    steps.append(StepTrace((y,), after, gates))
                    hs[k][t].copy_(after[0] if mask is None else after[0] * mask)
                if keep:
                    y_before.append(y)
                    taken.append(steps)
                said = torch.add(hs[-1][t] @ W_y, b_y, out=logits[t])
        ctx.cell, ctx.masks, ctx.taken, ctx.y_before = cell, masks, taken, y_before
        ctx.kept, ctx.weights = (ys, hs, first), (W_y, W_hh, W_ih)
        ctx.ids, ctx.num_inputs = ids, len(x)
        return logits, *(step.after[0].clone() for step in steps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (ys, hs, first), (W_y, W_hh, W_ih), masks = ctx.kept, ctx.weights, ctx.masks
        d_logits, d_last = gradients[0], gradients[1:]
        T, L = len(d_logits), len(masks)
        d_said = torch.empty_like(ys)  # the gradient of all logits
        d_into = [
            torch.empty(*h.shape[:2], w.shape[1], dtype=h.dtype, device=h.device)
            for h, w in zip(hs, W_hh, strict=True)
        ]
        with torch.autocast(d_logits.device.type, enabled=False), torch.inference_mode():
            y = dy = torch.zeros_like(d_logits[0])  # (N, V); nothing comes after the last step
            for t in reversed(range(T)):
                d = d_logits[t] + _through_softmax(dy, y)  # from the loss, and from the next step
                dh = d_said[t].copy_(d) @ W_y.t()  # (N, H)
                y, dy, steps = ctx.y_before.pop(), torch.zeros_like(y), ctx.taken.pop()
                for k in reversed(range(L)):
                    dh = dh.to(d.dtype) if masks[k] is None else dh * masks[k]
                    if t == T - 1:
                        dh = dh + d_last[k]
                    found = ctx.cell.backward((dh,), steps[k], {}, TorchGradientOps)
                    d_k = d_into[k][t].copy_(side_by_side(found.x))  # (N, B·H)
                    dy += d_k @ W_hh[k].t()  # y entered every layer
                    if k:
                        dh = d_k @ W_ih[k - 1].t()
            d_first = _through_softmax(dy, y).to(first.dtype)
            dh = d_first @ W_y.t()
        found_weights = [
            product_over_time(hs[-1], d_said) + first.t() @ d_first,
            d_said.sum((0, 1), dtype=d_logits.dtype) + d_first.sum(0),
            *(product_over_time(ys, d) for d in d_into),
        ]
        for below, d in zip(hs, d_into[1:], strict=False):
            found_weights += [product_over_time(below, d), d.sum((0, 1), dtype=d_logits.dtype)]
        ctx.kept = ctx.weights = None
        dx = inputs.gradient(d_into[0], ctx.ids, ctx.num_inputs)
        return None, None, None, None, dx, None, dh.clone(), *found_weights


def _through_softmax(dy: Tensor, y: Tensor) -> Tensor:
    """The gradient of the logits, y ⊙ (dy - Σ dy ⊙ y), for y = softmax(logits)."""
    found: Tensor = torch.ops.aten._softmax_backward_data.default(dy, y, -1, y.dtype)  # noqa: SLF001
    return found
