"""Which samples are kept: the most likely of several, only novel ones, each only once."""

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

MAX_REJECTED = 200
"""Samples rejected in a row before the search is given up."""


@dataclass(frozen=True)
class Selection:
    """What to keep of a stream of samples."""

    count: int = 1
    """Samples to keep."""
    best_of: int = 1
    """Best-of-n: keep the most likely of every n samples, by mean log-probability per character."""
    unique: bool = False
    """Reject samples that were kept before."""
    novelty: "Novelty | None" = None
    """Reject samples copied from this corpus."""

    @property
    def rejects(self) -> bool:
        """Whether more samples may be needed than are kept."""
        return self.unique or self.novelty is not None

    @property
    def is_plain(self) -> bool:
        """Whether every sample is kept, so that it can be shown before it is complete."""
        return self.best_of == 1 and not self.rejects


def select(samples: Iterable[Sample], selection: Selection) -> Iterator[Sample]:
    """The samples that a selection keeps, out of as many as it takes.

    Raises:
        DataError: MAX_REJECTED samples in a row were rejected.
    """
    seen: set[str] = set()
    stream = iter(samples)
    kept = rejected = 0
    reasons = {"repeats": 0, "copies": 0}
    while kept < selection.count:
        best = max(islice(stream, selection.best_of), key=_rank, default=None)
        if best is None:
            return
        reason = _reason_to_reject(best, selection, seen)
        if reason is None:
            seen.add(best.text)
            kept, rejected = kept + 1, 0
            yield best
            continue
        reasons[reason] += 1
        rejected += 1
        if rejected >= MAX_REJECTED:
            why = " and ".join(f"{number:,} {name}" for name, number in reasons.items() if number)
            raise DataError(
                f"only {kept:,} of {counted(selection.count, 'sample')} could be kept; the last {rejected:,} were "
                f"rejected (in total {why})",
                "try fewer or longer samples, or a higher temperature",
            )


def _reason_to_reject(sample: Sample, selection: Selection, seen: set[str]) -> str | None:
    if selection.unique and sample.text in seen:
        return "repeats"
    if selection.novelty and _is_copied(sample, selection.novelty):
        return "copies"
    return None


def _rank(sample: Sample) -> float:
    """The mean log-probability; -inf for an empty sample, so that it is kept only if there is no other."""
    return sample.mean_log_probability if sample.log_probabilities else -math.inf


def _is_copied(sample: Sample, novelty: "Novelty") -> bool:
    """Whether a corpus has each line of the sample, prompt included, or shares a long run with what was generated."""
    return novelty.is_copied(sample.prompt + sample.text) or novelty.shares_run(sample.text)
