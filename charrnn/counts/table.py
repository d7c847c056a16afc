"""Counts of a training text: how likely each symbol is after the last few, as a tree of contexts.

A node is a context, and its children are the symbols that followed it. For a context h, the same context h' without its
first symbol, and a symbol w,

    p(w | h)  =  value(hw) + rest(h) p(w | h')
    rest(h)   =  1 - sum over the children w of value(hw)

and p(w | h) = p(w | h') if h has no node. Below the empty context p is 1 / V. The values are those of a Kneser-Ney model
(`charrnn.counts.counting`); whatever they are, and however many are left out, the distribution sums to 1.

The tree lies in three arrays, in the order of a breadth-first walk:

    symbols   the symbol of each node but the root
    codes     the value of each node but the root, as -SCALE ln(value), rounded up
    sizes     how many children the root has, and each node that is short enough to be a context

The children of a node are next to each other, in the order of their symbols, and begin where those of the node before it
end. So a context is remembered by the number of its node alone.

Legend: V symbols, N streams, D the length of the longest n-gram, K contexts at a place: of 0, 1, ..., D - 1 symbols.
"""

import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import accumulate
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from charrnn.errors import CheckpointError
from charrnn.numerics import Float64, Ids

SCALE = 2978.0
"""Codes per factor of e: the smallest value is exp(-65535 / SCALE), 2.8e-10."""
NONE = -1
"""The node of a context that did not occur, or was not kept."""
SHORT = 3
"""Number of context lengths (0, 1 and 2 symbols) whose predictions are always cached in memory."""
MOST_IN_MEMORY = 1 << 20
"""Maximum numbers in cached predictions."""
ROUNDING = 1e-9
"""How far above 1 the sum of values may be."""

Nodes = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint16]
_VALUES = np.exp(-np.arange(1 << 16) / SCALE)


def as_codes(values: Float64) -> Codes:
    """The codes of values from 0 to 1, each rounded down to a value that has a code; the tiniest are rounded up."""
    codes = np.ceil(-np.log(np.maximum(values, _VALUES[-1])) * SCALE)
    made: Codes = np.clip(codes, 1, len(_VALUES) - 1).astype(np.uint16)
    return made


class CountTable:
    """The distribution of the next symbol after each context.

    Args:
        num_symbols: V.
        order: D.
        symbols: (nodes - 1,)
        codes: (nodes - 1,)
        sizes: (contexts,)

    Raises:
        CheckpointError: the arrays do not fit together. That the values after a context sum to more than 1 is found when
            it is first met; for the order of the symbols see `require_order`.
    """

    def __init__(
        self, num_symbols: int, order: int, symbols: Ids, codes: Codes, sizes: Ids
    ) -> None:
        self.num_symbols, self.order = num_symbols, order
        self.symbols, self.codes, self.sizes = symbols, codes, sizes
        self._require_sizes()
        self._kept: dict[int, Float64] = {}
        """Predictions for one stream, by the longest context."""

    @classmethod
    def restored(cls, num_symbols: int, order: int, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """The table of a checkpoint.

        Raises:
            CheckpointError: the arrays are not those of a table.
        """
        kinds = {name: (array.dtype.kind, array.ndim) for name, array in arrays.items()}
        if kinds != dict.fromkeys(("symbols", "codes", "sizes"), ("u", 1)):
            raise CheckpointError("the counts do not have the expected arrays")
        largest = max(array.dtype.itemsize for array in arrays.values())
        if arrays["codes"].dtype != np.uint16 or largest > 4:
            raise CheckpointError("the counts have arrays of an unexpected type")
        return cls(num_symbols, order, **arrays)

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def num_bytes(self) -> int:
        """The size of its arrays."""
        return self.symbols.nbytes + self.codes.nbytes + self.sizes.nbytes

    def _require_sizes(self) -> None:
        total = len(self.symbols)
        if self.order < 1 or not 0 < len(self.sizes) <= total + 1 or not total:
            raise CheckpointError("the counts have an impossible size")
        if int(self.symbols.max()) >= self.num_symbols:
            raise CheckpointError("the counts have symbols that the network does not know")
        too_many = int(self.sizes.max()) > self.num_symbols
        children = int(self.sizes.sum(dtype=np.int64))
        if too_many or len(self.codes) != total or children != total:
            raise CheckpointError("the counts have arrays of different lengths")
        if (self._ends[:-1] < np.arange(1, len(self.sizes))).any():
            raise CheckpointError("the counts have a context that no other leads to")

    def require_order(self) -> None:
        """Raise CheckpointError unless the symbols after each context ascend."""
        if not (self._keys[1:] > self._keys[:-1]).all():
            raise CheckpointError("the counts have symbols out of order")

    # --- reading ------------------------------------------------------------------------------------------------------

    def start(self, num_streams: int | None = None) -> Nodes:
        """The contexts before any symbol: (K,), or (N, K)."""
        shape = (self.order,) if num_streams is None else (num_streams, self.order)
        nodes = np.full(shape, NONE)
        nodes[..., 0] = 0
        return nodes

    def advance(self, ids: Any, nodes: Nodes) -> Nodes:
        """The contexts after one more symbol a stream.

        Args:
            ids: an id, or (N,).
            nodes: those before it, (K,) or (N, K); they are not changed.
        """
        if nodes.ndim == 1:
            symbol = int(ids)
            children = [self._child(node, symbol) for node in nodes[:-1].tolist()]
            return np.array([0, *children])
        after = np.zeros_like(nodes)
        after[:, 1:] = self._children(nodes[:, :-1], np.asarray(ids)[:, None])
        return after

    def read(self, ids: Ids, nodes: Nodes) -> Nodes:
        """The contexts after each of several symbols a stream, one length after another.

        Args:
            ids: (T,), or (T, N).
            nodes: those before them, (K,) or (N, K).

        Returns:
            (T, K), or (T, N, K)
        """
        after = np.zeros((*np.shape(ids), self.order), np.int64)
        for k in range(self.order - 1):
            before = np.concatenate([nodes[None, ..., k], after[:-1, ..., k]])
            after[..., k + 1] = self._children(before, ids)
        return after

    @cached_property
    def _ends(self) -> npt.NDArray[np.signedinteger]:
        """Where the children of each context end."""
        small = len(self) <= np.iinfo(np.int32).max
        return np.cumsum(self.sizes, dtype=np.int32 if small else np.int64)

    def _child(self, node: int, symbol: int) -> int:
        """The node of a context with one more symbol, if that is a context; else NONE."""
        if node < 0:
            return NONE
        place = self._find(symbol, *self._bounds(node))
        return place + 1 if 0 <= place < len(self.sizes) - 1 else NONE

    @cached_property
    def _bounds(self) -> Callable[[int], tuple[int, int]]:
        """Where the children of a context begin and end; one number is read faster from memory than from an array."""
        ends, sizes = self._ends.data, self.sizes.data

        def bounds(node: int) -> tuple[int, int]:
            end = ends[node]
            return end - sizes[node], end

        return bounds

    @cached_property
    def _find(self) -> Any:
        """Where a symbol is among the children from one place to another: a number, below 0 if it is not there."""
        if self.symbols.dtype == np.uint8:
            return self.symbols.tobytes().find
        symbols = self.symbols

        def find(symbol: int, begin: int, end: int) -> int:
            place = begin + int(symbols[begin:end].searchsorted(symbol))
            return place if place < end and symbols[place] == symbol else -1

        return find

    @cached_property
    def _keys(self) -> Nodes:
        """A number for each parent and symbol, ascending: where many children are found at once."""
        keys = np.repeat(np.arange(len(self.sizes)) * self.num_symbols, self.sizes)
        keys += self.symbols
        return keys

    def _children(self, nodes: Nodes, symbols: Ids) -> Nodes:
        """`_child` for many."""
        keys = np.where(nodes >= 0, nodes * self.num_symbols + symbols, NONE)
        places = np.minimum(self._keys.searchsorted(keys), len(self._keys) - 1)
        is_there = (self._keys[places] == keys) & (places < len(self.sizes) - 1)
        return np.where(is_there, places + 1, NONE)

    # --- predicting ---------------------------------------------------------------------------------------------------

    def predict(self, nodes: Nodes) -> Float64:
        """The probability of each symbol after contexts: (V,) for one stream, or (N, V). Each sums to 1."""
        if nodes.ndim == 1:
            return self._predict_one(nodes.tolist())
        length, after_short = self._after_short
        longest = nodes[:, :length].max(axis=1)  # nodes of longer contexts have larger numbers
        p: Float64 = after_short[longest]
        self._interpolate(p, nodes[:, length:])
        return p

    @cached_property
    def _after_short(self) -> tuple[int, Float64]:
        """How many lengths of contexts are short, and the predictions after each such context, for many streams."""
        nodes = [self.start(1)]
        first, end = 0, 1
        while len(nodes) < min(SHORT, self.order):
            longer = min(int(self._ends[end - 1]) + 1, len(self.sizes))
            if longer * self.num_symbols > MOST_IN_MEMORY:
                break
            before = np.repeat(nodes[-1], self.sizes[first:end], axis=0)[: longer - end]
            nodes.append(self.advance(self.symbols[end - 1 : longer - 1], before))
            first, end = end, longer
        p = np.full((end, self.num_symbols), 1 / self.num_symbols)
        self._interpolate(p, np.concatenate(nodes)[:, : len(nodes)])
        return len(nodes), p

    def _interpolate(self, p: Float64, nodes: Nodes) -> None:
        """Mix predictions after shorter contexts, (N, V), with those after longer ones, (N, lengths), in place."""
        places = np.flatnonzero(nodes >= 0)
        contexts = nodes.reshape(-1)[places]
        sizes = self.sizes[contexts].astype(np.int64)
        if not sizes.all():
            places, contexts, sizes = (x[sizes > 0] for x in (places, contexts, sizes))
        if not len(places):
            return
        ends = np.cumsum(sizes)
        children = np.arange(ends[-1]) + np.repeat(self._ends[contexts] - ends, sizes)
        values = _VALUES[self.codes[children]]
        rest = np.ones(nodes.shape)
        rest.reshape(-1)[places] = _rest(np.add.reduceat(values, ends - sizes))
        left = np.cumprod(rest[:, ::-1], axis=1)[:, ::-1]
        """What each context and all longer ones leave to shorter ones, (N, lengths)."""
        above = np.ones(nodes.shape)
        above[:, :-1] = left[:, 1:]
        values *= np.repeat(above.reshape(-1)[places], sizes)
        rows = places // nodes.shape[1]
        cells = np.repeat(rows * self.num_symbols, sizes) + self.symbols[children]
        p *= left[:, :1]
        p += np.bincount(cells, values, p.size).reshape(p.shape)

    def _predict_one(self, nodes: list[int]) -> Float64:
        """A prediction, which is kept with that after the short contexts: the longest context tells all shorter ones."""
        longest = max(nodes)
        p = self._kept.get(longest)
        if p is None:
            p = self._kept.get(max(nodes[:SHORT]))
            if p is None:
                p = np.full(self.num_symbols, 1 / self.num_symbols)
                p = self._keep(max(nodes[:SHORT]), self._mixed(p, nodes[:SHORT]))
            p = self._keep(longest, self._mixed(p, nodes[SHORT:]))
        return p

    def _keep(self, context: int, p: Float64) -> Float64:
        if len(self._kept) * self.num_symbols >= MOST_IN_MEMORY:
            self._kept.clear()
        p.flags.writeable = False
        self._kept[context] = p
        return p

    def _mixed(self, p: Float64, nodes: list[int]) -> Float64:
        """What `_interpolate` makes of one prediction, (V,), which it does not change."""
        bounds = [self._bounds(node) for node in nodes if node >= 0]
        bounds = [(begin, end) for begin, end in bounds if begin < end]
        if not bounds:
            return p
        values = _VALUES[np.concatenate([self.codes[begin:end] for begin, end in bounds])]
        symbols = np.concatenate([self.symbols[begin:end] for begin, end in bounds])
        sizes = [end - begin for begin, end in bounds]
        sums = np.add.reduceat(values, [0, *accumulate(sizes[:-1])])
        *above, left = accumulate(reversed(_rest(sums).tolist()), operator.mul, initial=1.0)
        values *= np.array(above[::-1]).repeat(sizes)
        return p * left + np.bincount(symbols, values, self.num_symbols)


def _rest(sums: Float64) -> Float64:
    """What values that sum to these leave to shorter contexts."""
    rest = 1 - sums
    if rest[rest.argmin()] < -ROUNDING:  # faster than min()
        raise CheckpointError("the counts after a context sum to more than 1")
    return rest
