"""Softmax and related functions for NumPy arrays, and the names of the arrays' types.

All functions work over the last axis and subtract the maximum first, so that no exponential overflows.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.errors import CheckpointError

Float = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Ids = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]


def odds(logits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Each probability relative to the largest, (..., V): exp(logits - max), from 0 for -inf to 1."""
    if logits.ndim == 1:  # for one row, argmax is faster than max
        relative: npt.NDArray[Any] = logits - logits[logits.argmax()]
    else:
        relative = logits - logits.max(axis=-1, keepdims=True)
    np.exp(relative, out=relative)
    return relative


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Probabilities, (..., V), in the precision of the logits; 0 for a logit of -inf."""
    p = odds(logits)
    p /= p.sum(axis=-1, keepdims=True)
    return p


def log_softmax(logits: npt.NDArray[np.floating]) -> Float64:
    """Log-probabilities in nats, (..., V), always in float64."""
    log_p = logits.astype(np.float64)
    log_p -= log_p.max(axis=-1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=-1, keepdims=True))
    return log_p


def reverse_log_cumsum(log_x: Float64) -> Float64:
    """The log-sum-exp of each element and all that follow it, (N,) -> (N,)."""
    sums: Float64 = np.logaddexp.accumulate(log_x[::-1])[::-1]
    return sums


def require_finite_predictions(total: float) -> None:
    """Check that a sum over a model's predictions is finite.

    Raises:
        CheckpointError: it is infinite or NaN, as happens when a model's weights are enormous.
    """
    if not math.isfinite(total):
        raise CheckpointError("the model's predictions are not finite: its weights are too large")
