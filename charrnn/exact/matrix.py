"""Matrices with weights of 8 bits: an integer from -127 to 127 for each weight, and a scale for each row.

weight = integer · scale · 2^-bits        scale: an integer of 12 bits, one a row; bits: one number a matrix
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Float, Float64

MOST = 127
"""The largest integer of a weight."""
SCALE_BITS = 12
"""Bits of the largest scale of a matrix."""
CANDIDATES = np.linspace(0.75, 1.0, 26)
"""The parts of a row's largest weight that are tried as the weight of the integer MOST; larger weights are cut off."""
LEAST_BITS, MOST_BITS = -23, 39
"""The range of a matrix's bits: no number is shifted by more than 62 places."""


@dataclass(frozen=True)
class Matrix:
    """A matrix of 8-bit weights."""

    integers: npt.NDArray[np.int8]
    """(A, B)"""
    scales: npt.NDArray[np.uint16]
    """(A,)"""
    bits: int

    @classmethod
    def of(cls, weight: Float) -> Self:
        """The matrix nearest to another: for each row the scale with the smallest sum of squared errors."""
        exact = weight.astype(np.float64)
        largest = np.abs(exact).max(axis=1)
        unit = largest[:, None] * CANDIDATES / MOST  # (A, candidates)
        unit[largest == 0] = 1.0
        errors = np.stack(
            [((_integers(exact, u[:, None]) * u[:, None] - exact) ** 2).sum(axis=1) for u in unit.T]
        )
        best = unit[np.arange(len(unit)), errors.argmin(axis=0)]
        bits = SCALE_BITS - 1 - int(np.floor(np.log2(best[largest > 0].max(initial=2.0**-40))))
        bits = min(bits, MOST_BITS)
        scales = np.clip(np.ceil(best * 2.0**bits), 1, (1 << SCALE_BITS) - 1)
        return cls(
            _integers(exact, scales[:, None] * 2.0**-bits).astype(np.int8),
            scales.astype(np.uint16),
            bits,
        )

    @property
    def weight(self) -> Float64:
        """The weights, exact."""
        made: Float64 = self.integers * (self.scales[:, None] * 2.0**-self.bits)
        return made


def _integers(weight: Float64, unit: Any) -> Float64:
    made: Float64 = np.clip(np.rint(weight / unit), -MOST, MOST)
    return made
