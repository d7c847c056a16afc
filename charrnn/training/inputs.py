"""What the steps of a layer read: W_ih · input + bias.

It is computed for all time steps in one product; or, for layer 0 and a small vocabulary, once for each symbol: a table
of which each step then takes the rows of its symbols. That saves the largest arrays that a step would read and write.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from charrnn.training.machine import product_over_time

MOST_SYMBOLS = 256
"""Symbols above which the products with one-hot vectors would cost more than they save."""


def steps(x: Tensor, ids: Tensor | None, dtype: torch.dtype) -> Iterator[Tensor]:
    """x_t of each step, (N, B·H), of this dtype.

    Args:
        x: (T, N, B·H), or with ids the table (V, B·H).
        ids: (T, N), symbols as rows of the table.
        dtype: in which the steps compute.
    """
    if ids is None:
        for x_t in x.unbind():
            yield x_t.to(dtype)
        return
    table = x.to(dtype)
    for row in ids.unbind():
        yield table.index_select(0, row)


def gradient(dx: Tensor, ids: Tensor | None, num_symbols: int) -> Tensor:
    """The gradient with respect to what `steps` was given, from those of all x_t, dx (T, N, B·H)."""
    if ids is None:
        return dx
    return product_over_time(one_hot(ids, num_symbols).to(dx.dtype), dx)  # (V, B·H)
