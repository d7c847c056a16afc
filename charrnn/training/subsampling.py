"""Layers that are held at some of the time steps, in torch: they run on the time steps at which they tick, packed.

The rows of a batch tick at different times and differently often. A layer's inputs at its ticks are gathered, first the
first tick of each row that has one, then the second, and so on, with the rows that tick most often in front:

    ticks of row 0    . x . . x . x           gathered    0 1 2 | 0 2 | 0           packed, as torch's PackedSequence
            row 1    . . . x . . .
            row 2    x . . . . x .                        3 rows, 2 rows, 1 row

Each stretch of ticks with the same number of rows is one run of the layer, so that nothing is computed for a row that
does not tick.

Legend for shapes: T time steps, N rows, P ticks of all rows together, H units.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

from charrnn.network.cells.base import State
from charrnn.network.cells.subsampling import AT_WORDS
from charrnn.training.inputs import Inputs

Run = Callable[[Inputs, State], tuple[Tensor, State]]
"""run(inputs, state) -> outputs (S, A, H) and the state after, (A, H) each: a layer through S ticks of A rows."""


def ticks_of(period: int, phase: Tensor, in_word: Tensor | None, shape: torch.Size) -> Tensor:
    """At which time steps of a chunk a layer ticks, (T, N); the twin of `charrnn.network.cells.subsampling.ticked`.

    Args:
        period: see there.
        phase: the layer's phase before, (N,).
        in_word: whether each symbol is part of a word, (T, N); for AT_WORDS.
        shape: T, N.
    """
    if period == AT_WORDS:
        assert in_word is not None
        before = torch.cat([phase[None] > 0, in_word[:-1]])
        return before & ~in_word
    number = torch.arange(1, shape[0] + 1, device=phase.device)[:, None]
    return (phase + number) % period == 0


def phase_after(period: int, phase: Tensor, in_word: Tensor | None, length: int) -> Tensor:
    """A layer's phase after a chunk of some length, (N,); see `ticks_of`."""
    if period == AT_WORDS:
        assert in_word is not None
        return in_word[-1].to(phase.dtype)
    return (phase + length) % period


class Held(NamedTuple):
    """The outputs of a layer in a chunk."""

    values: Tensor
    """(N + P, H): those before it, and those of its ticks. Of a layer that ticks always (T·N, H)."""
    at: Tensor
    """(T, N): the row of `values` that is its output after each time step."""

    def spread(self) -> Tensor:
        """The output after each time step, (T, N, H)."""
        return embedding(self.at, self.values)


def always(outputs: Tensor) -> Held:
    """The outputs (T, N, H) of a layer that ticks at every time step."""
    T, N = outputs.shape[:2]
    return Held(outputs.flatten(0, 1), torch.arange(T * N, device=outputs.device).view(T, N))


class Packing:
    """The ticks of a layer, packed.

    Args:
        ticks: (T, N), of bools.
    """

    def __init__(self, ticks: Tensor) -> None:
        T, N = ticks.shape
        counts, self.order = ticks.sum(0).sort(descending=True, stable=True)  # (N,) each
        self._counts: list[int] = counts.tolist()
        self.place = self.order.argsort()
        """(N,) where each row stands in that order."""
        most = self._counts[0]
        number = torch.arange(most, device=ticks.device)[:, None]
        is_real = number < counts  # (most, N)
        times = torch.arange(T, device=ticks.device)[:, None].where(ticks, T).sort(0).values
        times = times[:most, self.order]
        self._ticks = torch.stack([times[is_real], self.order.expand(most, N)[is_real]])
        """(2, P): time step and row of each."""
        begin = is_real.sum(1).cumsum(0) - is_real.sum(1)  # (most,)
        rank = ticks.cumsum(0)  # (T, N)
        after = N + self.place + torch.cat([begin.new_zeros(1), begin])[rank]
        self.at = after.where(rank > 0, torch.arange(N, device=ticks.device))
        """(T, N): see `Held`."""

    def gathered(self, below: Held) -> Tensor:
        """What the layer below has at each tick, (P, H)."""
        return embedding(below.at[self._ticks[0], self._ticks[1]], below.values)

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """The ticks and the rows of each stretch."""
        before = 0
        for count in sorted({*self._counts}):
            if count:
                yield count - before, sum(own >= count for own in self._counts)
                before = count

    def through(self, run: Run, x: Tensor, state: State) -> tuple[Held, State]:
        """A layer through all of its ticks.

        Args:
            run: runs it.
            x: its input at each tick, (P, ...).
            state: its state before, (N, H) each.

        Returns:
            Its outputs, and its state after.
        """
        now, first, parts = tuple(s[self.order] for s in state), 0, []
        for length, rows in self._stretches():
            end = first + length * rows
            read = x[first:end].view(length, rows, *x.shape[1:])
            outputs, after = run(Inputs(read), tuple(s[:rows] for s in now))
            now = tuple(
                torch.cat([new.to(old.dtype), old[rows:]])
                for new, old in zip(after, now, strict=True)
            )
            parts.append(outputs.flatten(0, 1))
            first = end
        dtype = parts[0].dtype if parts else state[0].dtype
        values = torch.cat([state[0].to(dtype), *parts])
        return Held(values, self.at), tuple(s[self.place] for s in now)
