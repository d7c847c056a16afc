"""What needs no network: the most frequent target, the source itself, and labels by counting character n-grams."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from charrnn.pairs.classifier import NgramClassifier

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PairBaselines:
    """The part of some targets that simple rules give without a mistake."""

    most_frequent: float
    """The most frequent target of the training pairs, always."""
    copy: float
    """The source itself."""
    ngrams: float | None = None
    """A classifier by character n-grams; None: the targets are no labels."""

    def as_dict(self) -> dict[str, float | None]:
        """The figures for JSON."""
        return asdict(self)


def measure_baselines(train: Pairs, held_out: Pairs, *, is_label: bool) -> PairBaselines:
    """The baselines of held-out pairs, of which there is one at least.

    Args:
        train: the training pairs.
        held_out: the pairs to score.
        is_label: whether the targets are labels.
    """
    ((best, _),) = Counter(target for _, target in train).most_common(1)
    total = len(held_out)
    return PairBaselines(
        sum(target == best for _, target in held_out) / total,
        sum(source == target for source, target in held_out) / total,
        _accuracy(train, held_out) if is_label else None,
    )


def _accuracy(train: Pairs, held_out: Pairs) -> float:
    """The part of the labels that counting n-grams gives."""
    made = NgramClassifier(*zip(*train, strict=True))
    return sum(made.classify(source) == label for source, label in held_out) / len(held_out)
