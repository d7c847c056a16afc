"""The inputs of a stack: a vector for each symbol, and for each step of a layer W_ih · input + bias.

The latter is computed for all time steps in one product; or, for layer 0 and a small vocabulary, once for each symbol: a
table of which each step then takes the rows of its symbols. That saves the largest arrays that a step would read and
write.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from charrnn.training.machine import product_over_time

MOST_SYMBOLS = 256
"""Symbols above which the products with one-hot vectors would cost more than they save."""


class Inputs(NamedTuple):
    """A vector for each symbol of a chunk, given directly or as the row of a table."""

    x: Tensor
    """(T, N, E), or with rows a table (V, E)."""
    rows: Tensor | None = None
    """(T, N), the row of the table for each place; None: there is no table."""

    def vectors(self) -> Tensor:
        """The vectors (T, N, E)."""
        return self.x if self.rows is None else functional.embedding(self.rows, self.x)

    def projected(self, weight: Tensor, bias: Tensor) -> "Inputs":
        """W · vector + b for every place, or for every row of a table that is small; W is (E, A)."""
        small = self.rows is not None and len(self.x) <= MOST_SYMBOLS
        x, rows = (self.x, self.rows) if small else (self.vectors(), None)
        return Inputs(functional.linear(x, weight.t(), bias), rows)


def steps(x: Tensor, rows: Tensor | None, dtype: torch.dtype) -> Iterator[Tensor]:
    """The vector of each step, (N, A), of this dtype.

    Args:
        x: (T, N, A), or with rows the table (V, A).
        rows: (T, N), see `Inputs`.
        dtype: the dtype of the steps.
    """
    if rows is None:
        for x_t in x.unbind():
            yield x_t.to(dtype)
        return
    table = x.to(dtype)
    for row in rows.unbind():
        yield table.index_select(0, row)


def gradient(dx: Tensor, rows: Tensor | None, num_rows: int) -> Tensor:
    """The gradient with respect to the x that `steps` was given, from those of all its vectors, dx (T, N, A)."""
    if rows is None:
        return dx
    return product_over_time(functional.one_hot(rows, num_rows).to(dx.dtype), dx)  # (V, A)
