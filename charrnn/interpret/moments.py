"""How the values of units lie and how long they last: moments, two shapes, and the autocorrelation.

Legend: T characters, U units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.numerics import Float, Float64

BLOCK = 1 << 19
"""Numbers that are raised to powers together, to bound memory."""
FFT, TOGETHER = 2048, 64
"""Values and units that are transformed together, to bound memory."""
LONGEST_LAG = 500
"""Characters up to which the time scale is measured."""


@dataclass(frozen=True)
class Moments:
    """How the values of U units lie, as arrays (U,)."""

    mean: Float64
    deviation: Float64
    skew: Float64
    kurtosis: Float64
    """3 for a normal distribution; 0 for a unit that never moves."""
    sparsity: Float64
    """1 - mean(|v|)² / mean(v²): 0 if it is always equally far from zero, near 1 if it is nearly always close to it."""

    @property
    def bimodality(self) -> Float64:
        """Sarle's coefficient, (skew² + 1) / kurtosis: 0.33 for a normal distribution, 1 for two values."""
        return _divided(self.skew**2 + 1, self.kurtosis)


def moments(values: Float) -> Moments:
    """The moments of values (T, U)."""
    T, U = values.shape
    mean = values.mean(0, dtype=np.float64)
    sums = np.zeros((4, U))
    size = max(1, BLOCK // U)
    for start in range(0, T, size):
        block = values[start : start + size].astype(np.float64)
        sums[3] += np.abs(block).sum(0)
        block -= mean
        squares = block**2
        sums[0] += squares.sum(0)
        sums[1] += (squares * block).sum(0)
        sums[2] += (squares**2).sum(0)
    variance, third, fourth, size_of = sums / T
    return Moments(
        mean,
        np.sqrt(variance),
        _divided(third, variance**1.5),
        _divided(fourth, variance**2),
        np.where(variance + mean**2 > 0, 1 - _divided(size_of**2, variance + mean**2), 0.0),
    )


def autocorrelation(runs: Sequence[Float], longest: int = LONGEST_LAG) -> Float64:
    """The correlation of the values of units with those some characters later, (longest, U), from lag 0 on.

    Args:
        runs: values of the same units at consecutive characters, (T, U) each; together they have one mean.
        longest: the number of lags; those that no run is long enough for, and all of a unit that never moves, are 0.
    """
    count = sum(map(len, runs))
    total = sum(run.sum(0, dtype=np.float64) for run in runs)
    products = np.zeros((longest, runs[0].shape[1]))
    for start in range(0, products.shape[1], TOGETHER):
        some = slice(start, start + TOGETHER)
        for run in runs:
            products[:, some] += _lag_products(run[:, some] - (total / count)[some], longest)
    pairs = sum(np.maximum(len(run) - np.arange(longest), 0) for run in runs)
    means = _divided(products, np.asarray(pairs, np.float64)[:, None])
    return _divided(means, means[:1])


def _lag_products(run: Float64, longest: int) -> Float64:
    """The sums of the products of values (T, U) with those each number of places later, (longest, U)."""
    size = FFT - longest
    found = np.zeros((longest, run.shape[1]))
    for start in range(0, len(run), size):
        first = np.fft.rfft(run[start : start + size], FFT, axis=0)
        later = np.fft.rfft(run[start : start + size + longest - 1], FFT, axis=0)
        found += np.fft.irfft(first.conj() * later, FFT, axis=0)[:longest]
    return found


def time_scales(correlation: Float64) -> np.ndarray:
    """The first lag at which each autocorrelation (lags, U) is below 1/e, (U,); the number of lags where none is."""
    below = correlation < 1 / np.e
    return np.where(below.any(0), below.argmax(0), len(correlation))


def _divided(a: Float64, b: Float64) -> Float64:
    """A quotient, 0 where the divisor is 0."""
    b = np.broadcast_to(b, np.broadcast_shapes(a.shape, b.shape))
    return np.divide(a, b, out=np.zeros(b.shape), where=b != 0)
