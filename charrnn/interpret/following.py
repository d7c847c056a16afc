"""How well a unit follows each of some concepts, scored on the half of a text that did not choose its sign."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from charrnn.interpret.halves import score_of, spread
from charrnn.interpret.labeling import Labeling, is_common
from charrnn.interpret.scores import standardized
from charrnn.numerics import Float


@dataclass(frozen=True)
class Followed:
    """A concept, and how well a unit follows it."""

    concept: str
    measure: str
    """The name of the score: "AUC", or "|r|" of a number."""
    score: float
    sign: int
    """1 if the unit is larger where the concept holds or is larger, or else -1."""

    @property
    def strength(self) -> float:
        """The score from 0 for chance to 1, on which areas and correlations can be compared."""
        return self.score if self.measure == "|r|" else 2 * self.score - 1


def followed_by(
    values: Sequence[Float], labelings: Iterable[Labeling]
) -> list[tuple[Followed, ...]]:
    """The concepts that each of some units follows, the best first; those too rare in a half of the text are left out.

    These are scores of single units, not finds: nothing here compares them with chance or with other networks.

    Args:
        values: (T,) of each unit.
        labelings: the concepts, (T,) each.
    """
    found: list[list[Followed]] = [[] for _ in values]
    for one in labelings:
        first, second = spread(len(one.values))
        seen, held = one.values[first], one.values[second]
        if not (is_common(one, seen) and is_common(one, held)):
            continue
        for own, concepts in zip(values, found, strict=True):
            products = standardized(own[first][:, None]) * standardized(seen[:, None])
            sign = 1 if float(products.mean()) >= 0 else -1
            score = score_of(sign * own[second], held, is_number=one.is_number)
            concepts.append(Followed(one.name, one.measure, score, sign))
    return [tuple(sorted(concepts, key=lambda one: -one.strength)) for concepts in found]
