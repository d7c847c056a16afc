"""What a text and the curve of a finished run teach, in a sentence each; nothing where nothing is to be said.

The learning rate falls to almost zero by the end of a run, which flattens every curve there: what counts is how far it
fell in the whole second half.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

FEWEST_EVALUATIONS = 8
"""Of a run that can be judged: its second half then has four."""
RISE = 0.01
"""Of validation over its best, as a part of it; neighbouring evaluations near a run's end differ by less."""
LEARNT_BY_HEART = 0.1
"""How far training goes on to fall, as a part, while validation hardly moves."""
FALL, FLAT = 0.03, 0.01
"""In the second half, as a part. Runs in which validation fell by 3.5 to 6 % there were 6 to 12 % better with twice the
steps; one in which it fell by 1.7 %, 2.5 %."""
NOTHING_LEFT = 0.1
"""Bits per character, below which there is little to be gained by anything."""
ONCE_ONLY = 50
"""Characters that occur once; each has a row in the embedding and one in the output, which fewer do not fill."""
ONCE_ONLY_PART = 0.05
"""Of all distinct characters."""

Row = Mapping[str, Any]


def vocabulary_lessons(distinct: int, seldom: int) -> list[str]:
    """What to say of a text with so many distinct characters, `seldom` of which occur only once."""
    if seldom < max(ONCE_ONLY, ONCE_ONLY_PART * distinct):
        return []
    text = f"{seldom:,} of {distinct:,} characters occur only once"
    return [f"{text}: --min-count 2 would make them one unknown symbol"]


def run_lessons(rows: Sequence[Row], dropouts: tuple[float, float]) -> list[str]:
    """What the evaluations of a finished run teach.

    Args:
        rows: of its record: step, train_nats_per_char (the mean since the row before), val_nats_per_char.
        dropouts: of outputs and of recurrent weights, that it was trained with.
    """
    rows = [row for row in rows if row.get("step") != 0]  # a model that the run started from
    figures = [
        row.get(name) for row in rows for name in ("val_nats_per_char", "train_nats_per_char")
    ]
    judged = all(isinstance(nats, float) and 0 < nats < math.inf for nats in figures)
    if len(rows) < FEWEST_EVALUATIONS or not judged:  # a resumed run's old rows come from a file
        return []
    val = [row["val_nats_per_char"] / math.log(2) for row in rows]
    train = [row["train_nats_per_char"] / math.log(2) for row in rows]
    if val[-1] < NOTHING_LEFT:
        return []
    lesson = _by_heart(rows, val, train, dropouts) or _unfinished(rows, val, train)
    return [lesson] if lesson else []


def _by_heart(
    rows: Sequence[Row],
    val: Sequence[float],
    train: Sequence[float],
    dropouts: tuple[float, float],
) -> str:
    """What to say if the network learnt its text by heart instead of the language."""
    best = val.index(min(val))
    risen = val[-1] > val[best] * (1 + RISE) and best < len(val) - 2 and train[-1] < train[best]
    near = next(k for k, bits in enumerate(val) if bits <= val[best] * (1 + RISE))
    since = best if risen else near
    early = rows[since]["step"] <= 0.75 * rows[-1]["step"]
    if not risen and not (early and train[-1] < train[since] * (1 - LEARNT_BY_HEART)):
        return ""
    return (
        f"validation has {'risen' if risen else 'hardly fallen'} since step {rows[since]['step']:,} "
        f"({val[since]:.2f} to {val[-1]:.2f} bits) while training fell ({train[since]:.2f} to {train[-1]:.2f}): "
        f"more dropout (it was {dropouts[0]:g} and {dropouts[1]:g} recurrent), a smaller network or more text"
    )


def _unfinished(rows: Sequence[Row], val: Sequence[float], train: Sequence[float]) -> str:
    """What to say if both were on their way down, or neither moved."""
    half = max((k for k, row in enumerate(rows) if row["step"] <= rows[-1]["step"] / 2), default=0)
    falls = [1 - bits[-1] / bits[half] for bits in (val, train)]
    where = f"from step {rows[half]['step']:,} to the end (validation {val[half]:.2f} to {val[-1]:.2f} bits)"
    if min(falls) >= FALL:
        return f"both curves still fell {where}: train longer"
    if max(map(abs, falls)) <= FLAT:
        return f"both curves were flat {where}: a larger network, or train longer"
    return ""
