"""What needs no network: the most frequent target, and the source itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PairBaselines:
    """The part of some targets that simple rules give without a mistake."""

    most_frequent: float
    """The most frequent target of the training pairs, always."""
    copy: float
    """The source itself."""

    def as_dict(self) -> dict[str, float]:
        """The figures for JSON."""
        return asdict(self)


def measure_baselines(train: Pairs, held_out: Pairs) -> PairBaselines:
    """The baselines of held-out pairs, of which there is one at least."""
    ((best, _),) = Counter(target for _, target in train).most_common(1)
    total = len(held_out)
    return PairBaselines(
        sum(target == best for _, target in held_out) / total,
        sum(source == target for source, target in held_out) / total,
    )
