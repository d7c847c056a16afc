"""The mixture of an exact network and counts in integers: the same numbers on every machine.

It is that of `charrnn.counts.mixture`. Probabilities are integers, in units of 2^-ODDS_BITS; the values of the counts
come from a table, each level of contexts rounds down once, logarithms and σ are tables, and the coefficients of the
weight are on the grid FACTOR. Nothing depends on how many places are predicted at once.

Legend: V symbols, P predictions, K contexts at a place.
"""

import math
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.counts.table import SCALE, CountTable, Nodes
from charrnn.errors import CheckpointError
from charrnn.exact.arithmetic import (
    FACTOR,
    ODDS_BITS,
    ExactOps,
    integer_log,
    integer_odds,
    rounded,
)
from charrnn.numerics import Float64

ONE = 1 << ODDS_BITS
"""The probability 1."""
LEAST = math.ceil(1e-6 * ONE)
"""Lower bound of the probabilities whose logarithms are features."""
LARGEST = float(1 << 20)
"""The largest coefficient of the weight: beyond it, one of the two predictions counts alone."""
CODE_BITS = 30
"""Bits of the entries of the two tables whose products are the values of codes."""

Integers = npt.NDArray[np.int64]


@cache
def _values() -> Integers:
    """The value of each code, exp(-code / SCALE), rounded down, (65536,)."""
    with localcontext(prec=40):
        exponents = [Decimal(-k) / Decimal(SCALE) for k in range(256)]
        fine, coarse = (
            [int((e * step).exp() * (1 << CODE_BITS)) for e in exponents] for step in (1, 256)
        )
    products = np.array(coarse, np.int64)[:, None] * np.array(fine, np.int64)
    return (products >> (2 * CODE_BITS - ODDS_BITS)).reshape(-1)


class IntegerTable(CountTable):
    """Counts whose predictions are integers, which sum to at most ONE."""

    @classmethod
    def of(cls, table: CountTable) -> "IntegerTable":
        """The same counts."""
        return cls(table.num_symbols, table.order, table.symbols, table.codes, table.sizes)

    def predict(self, nodes: Nodes) -> Float64:
        """The probability of each symbol after contexts: (V,) for one stream, or (P, V)."""
        if nodes.ndim == 1:
            return self._after(nodes.tolist())
        _, first, where = np.unique(nodes.max(axis=1), return_index=True, return_inverse=True)
        made: Float64 = self._level_by_level(nodes[first])[where]
        return made

    def _after(self, nodes: list[int]) -> Float64:
        """One prediction. The longest context determines all shorter ones: what it predicts is kept."""
        p = self._kept.get(max(nodes))
        if p is None:
            p = self._keep(max(nodes), self._level_by_level(np.array([nodes]))[0])
        return p

    def _level_by_level(self, nodes: Nodes) -> Float64:
        """The predictions after contexts, (P, K): from the shortest on, each leaves a part to those before it."""
        p = np.full((len(nodes), self.num_symbols), ONE // self.num_symbols)
        for contexts in nodes.T:
            rows = np.flatnonzero(contexts >= 0)
            rows = rows[self.sizes[contexts[rows]] > 0]
            if not len(rows):
                continue
            sizes = self.sizes[contexts[rows]].astype(np.int64)
            ends = np.cumsum(sizes)
            children = np.arange(ends[-1]) + np.repeat(self._ends[contexts[rows]] - ends, sizes)
            values = _values()[self.codes[children]]
            rest = ONE - np.add.reduceat(values, ends - sizes)
            if rest.min() < 0:
                raise CheckpointError("the counts after a context sum to more than 1")
            p[rows] = p[rows] * rest[:, None] >> ODDS_BITS
            p[np.repeat(rows, sizes), self.symbols[children]] += values
        return p.astype(np.float64)


class ExactMixture:
    """The mixture of an exact network's predictions and those of counts.

    Args:
        table: the counts.
        w: the coefficients of their weight, (F,).
    """

    def __init__(self, table: CountTable, w: tuple[float, ...]) -> None:
        self._table = IntegerTable.of(table)
        self._w = rounded(np.clip(w, -LARGEST, LARGEST), FACTOR)[:, None]

    def mix(self, logits: npt.NDArray[Any], nodes: Nodes) -> tuple[Float64, Float64]:
        """How likely each symbol is, and how much of it comes from the counts.

        Args:
            logits: the network's, (V,) or (P, V).
            nodes: the contexts of the counts there, (K,) or (P, K).

        Returns:
            Both (V,) or (P, V): multiples of 2^-41, the first above 0, which sum to nearly 1.
        """
        odds = integer_odds(logits)
        network = np.floor(odds * float(ONE) / odds.sum(axis=-1, keepdims=True))
        counted = self._table.predict(nodes)
        weight = ExactOps.sigmoid(self._features(network, counted, nodes) @ self._w)
        added = counted * weight
        mixed = np.maximum(network * (1 - weight) + added, 1 / 2)
        return mixed / ONE, added / ONE

    @staticmethod
    def _features(network: Float64, counted: Float64, nodes: Nodes) -> Float64:
        """The features of the weight, (F,) or (P, F); see `charrnn.counts.mixture.features`."""
        num_contexts = nodes.shape[-1]
        depth = num_contexts - 1 - (nodes[..., ::-1] >= 0).argmax(axis=-1)
        sure = np.stack([network.max(axis=-1), counted.max(axis=-1)], axis=-1)
        chances = np.concatenate([sure, ONE - sure], axis=-1)
        logs = integer_log(np.maximum(chances, LEAST)) - integer_log(np.float64(ONE))
        known = np.stack(
            [np.ones(depth.shape), rounded(depth / max(1, num_contexts - 1), FACTOR)], axis=-1
        )
        return np.concatenate([known, logs], axis=-1)
