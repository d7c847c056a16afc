"""Advice from a finished run's curve, one line each; none if the evidence is weak.

The learning rate falls to almost zero by the end of a run, which flattens every curve there: what counts is how far it
fell in the whole second half.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

ENOUGH_ROWS = 8
"""Minimum evaluations for advice on a run; with this many, its second half has four."""
RISE = 0.01
"""Relative rise of validation over its best that counts; neighboring evaluations near a run's end differ by less."""
OVERFITTING = 0.1
"""Relative fall of training loss, beside a level validation loss, that counts as overfitting."""
FALL, FLAT = 0.03, 0.01
"""Relative fall in the second half, from which on a curve is still falling, and up to which it is flat. Runs in which
validation fell by 3.5 to 6 % there were 6 to 12 % better with twice the steps; one in which it fell by 1.7 %, 2.5 %."""
NOTHING_LEFT = 0.1
"""Bits per character below which no advice is given: there is little left to gain."""

TRAIN_LONGER = "train longer"
"""The words with which advice to train longer ends."""

Row = Mapping[str, Any]


def run_advice(rows: Sequence[Row], dropouts: tuple[float, float]) -> list[str]:
    """Advice from the evaluations of a finished run.

    Args:
        rows: its metrics: step, train_nats_per_char (the mean since the row before), val_nats_per_char.
        dropouts: dropout and weight drop of the run.
    """
    rows = [row for row in rows if row.get("step") != 0]  # a model that the run started from
    losses = [
        row.get(name) for row in rows for name in ("val_nats_per_char", "train_nats_per_char")
    ]
    are_validated = all(isinstance(nats, float) and 0 < nats < math.inf for nats in losses)
    if len(rows) < ENOUGH_ROWS or not are_validated:  # a resumed run's old rows come from a file
        return []
    val = [row["val_nats_per_char"] / math.log(2) for row in rows]
    train = [row["train_nats_per_char"] / math.log(2) for row in rows]
    if val[-1] < NOTHING_LEFT:
        return []
    line = _if_overfitting(rows, val, train, dropouts) or _if_unfinished(rows, val, train)
    return [line] if line else []


def _if_overfitting(
    rows: Sequence[Row],
    val: Sequence[float],
    train: Sequence[float],
    dropouts: tuple[float, float],
) -> str:
    """Advice if training loss fell while validation loss rose or was flat; else empty."""
    best = val.index(min(val))
    risen = val[-1] > val[best] * (1 + RISE) and best < len(val) - 2 and train[-1] < train[best]
    near = next(k for k, bits in enumerate(val) if bits <= val[best] * (1 + RISE))
    since = best if risen else near
    early = rows[since]["step"] <= 0.75 * rows[-1]["step"]
    if not risen and not (early and train[-1] < train[since] * (1 - OVERFITTING)):
        return ""
    return (
        f"validation loss has {'risen' if risen else 'hardly fallen'} since step {rows[since]['step']:,} "
        f"({val[since]:.2f} to {val[-1]:.2f} bits) while training loss fell ({train[since]:.2f} to {train[-1]:.2f}): "
        f"try more dropout (it was {dropouts[0]:g}, weight drop {dropouts[1]:g}), a smaller network or more text"
    )


def _if_unfinished(rows: Sequence[Row], val: Sequence[float], train: Sequence[float]) -> str:
    """Advice if both curves were still falling, or both flat; else empty."""
    half = max((k for k, row in enumerate(rows) if row["step"] <= rows[-1]["step"] / 2), default=0)
    falls = [1 - bits[-1] / bits[half] for bits in (val, train)]
    where = f"from step {rows[half]['step']:,} to the end (validation {val[half]:.2f} to {val[-1]:.2f} bits)"
    if min(falls) >= FALL:
        return f"training and validation loss were still falling {where}: {TRAIN_LONGER}"
    if max(map(abs, falls)) <= FLAT:
        return f"training and validation loss were flat {where}: try a larger network, or {TRAIN_LONGER}"
    return ""
