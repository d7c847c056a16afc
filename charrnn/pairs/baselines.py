"""What a network of pairs is measured against: simple rules, and a language model of the lines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.pairs.classifier import NgramClassifier
from charrnn.pairs.scoring import PairScores

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Rules:
    """The part of some targets that simple rules give without a mistake."""

    most_frequent: float
    """The most frequent target of the training pairs, always."""
    copy: float
    """The source itself."""
    ngrams: float | None = None
    """A classifier by character n-grams; None: the targets are no labels."""


@dataclass(frozen=True)
class LineBaseline:
    """A language model of lines SOURCE, TARGET with as many units and layers as a network of pairs."""

    scores: PairScores
    """Its own targets for the pairs that the network is scored on; nats are for each symbol that the network writes."""
    parameters: int
    steps: int
    """The optimizer steps that it was trained for, each as large as those of the network."""
    seconds: float
    """The time that they took."""


@dataclass(frozen=True)
class PairBaselines:
    """The baselines of a network of pairs."""

    rules: Rules | None
    """None with labels as sources: what is written after one is no target to be met."""
    language_model: LineBaseline | None
    """None if the network is one itself."""

    def as_dict(self) -> dict[str, Any]:
        """The figures for JSON."""
        figures: dict[str, Any] = vars(self.rules).copy() if self.rules else {}
        if model := self.language_model:
            own = {n: value for n, value in vars(model).items() if n != "scores"}
            figures["language_model"] = model.scores.as_dict() | own
        return figures


def measure_rules(train: Pairs, held_out: Pairs, *, is_label: bool) -> Rules:
    """What simple rules make of held-out pairs, of which there is one at least.

    Args:
        train: the training pairs.
        held_out: the pairs to score.
        is_label: whether the targets are labels.
    """
    ((best, _),) = Counter(target for _, target in train).most_common(1)
    total = len(held_out)
    return Rules(
        sum(target == best for _, target in held_out) / total,
        sum(source == target for source, target in held_out) / total,
        _accuracy(train, held_out) if is_label else None,
    )


def _accuracy(train: Pairs, held_out: Pairs) -> float:
    """The part of the labels that counting n-grams gives."""
    made = NgramClassifier(*zip(*train, strict=True))
    return sum(made.classify(source) == label for source, label in held_out) / len(held_out)
