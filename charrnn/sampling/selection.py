"""Which samples are kept: the likeliest of several, only new ones, each only once."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from charrnn.errors import DataError
from charrnn.sampling.sampler import Sample
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.sampling.novelty import Novelty

MOST_DROPPED = 200
"""Samples that are dropped one after another before the search is given up."""


@dataclass(frozen=True)
class Selection:
    """What is kept of a stream of samples."""

    count: int = 1
    best_of: int = 1
    """Each is the one of so many, one after another, with the highest mean log-probability."""
    unique: bool = False
    """Those that were there before are dropped."""
    novelty: "Novelty | None" = None
    """Those that stand in its text are dropped."""

    @property
    def drops(self) -> bool:
        """Whether more samples may be needed than are kept."""
        return self.unique or self.novelty is not None

    @property
    def is_plain(self) -> bool:
        """Whether every sample is kept, so that it can be shown before it is whole."""
        return self.best_of == 1 and not self.drops


def select(samples: Iterable[Sample], selection: Selection) -> Iterator[Sample]:
    """The samples that a selection keeps, out of as many as it takes.

    Raises:
        DataError: MOST_DROPPED in a row had to be dropped.
    """
    seen: set[str] = set()
    stream = iter(samples)
    kept = dropped = 0
    reasons = {"repeats": 0, "copies": 0}
    while kept < selection.count:
        best = max(islice(stream, selection.best_of), key=_rank, default=None)
        if best is None:
            return
        if selection.unique and best.text in seen:
            reason = "repeats"
        elif selection.novelty and _stands_in(best, selection.novelty):
            reason = "copies"
        else:
            seen.add(best.text)
            kept, dropped = kept + 1, 0
            yield best
            continue
        reasons[reason] += 1
        dropped += 1
        if dropped >= MOST_DROPPED:
            why = " and ".join(f"{number:,} {name}" for name, number in reasons.items() if number)
            raise DataError(
                f"found only {kept:,} of {counted(selection.count, 'sample')}; {dropped:,} in a row were dropped, "
                f"and {why} in all",
                "try fewer, longer ones, or a higher --temp",
            )


def _rank(sample: Sample) -> float:
    """The mean log-probability; an empty sample has none, and is taken only if there is no other."""
    return sample.mean_log_probability if sample.log_probabilities else -math.inf


def _stands_in(sample: Sample, novelty: "Novelty") -> bool:
    """Whether a corpus has the sample line by line, prime text and all, or a long run of what was written."""
    return novelty.is_copied(sample.prime + sample.text) or novelty.shares_run(sample.text)
