"""The mixture of two predictions of the next symbol, the network's and that of counts.

    p       =  (1 - weight) network  +  weight counts
    weight  =  1 / (1 + exp(-w · features))

The features are known before the symbol is: a constant; the length of the longest context that the counts have; and how
confident each of the two is, by the logarithms of its largest probability and of 1 minus that. The coefficients w are
those with the least cross-entropy on held-out text.

Legend: V symbols, P predictions, K contexts at a place, F features.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from charrnn.counts.table import CountTable, Nodes
from charrnn.errors import CheckpointError
from charrnn.numerics import Float, Float64, softmax
from charrnn.schema import CountsRecord, check_record, tuples
from charrnn.settings import settings_of

if TYPE_CHECKING:
    from charrnn.counts.exact_mixture import ExactMixture

F = 6
"""Number of features."""
LEAST = 1e-6
"""Lower bound of the probabilities whose logarithms are features."""
FEWEST = 200
"""Minimum predictions for a fit; with fewer, the coefficients are USUAL."""
USUAL = (-1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Coefficients of a constant weight of 0.27."""
ROUNDS = 100
"""Maximum rounds of a fit."""
SETTLED = 1e-7
"""The gain in nats per prediction below which a fit ends."""
RIDGE = 1e-4
"""L2 penalty (ridge) on the coefficients, so that features which never vary do no harm."""


@dataclass(frozen=True)
class Counts:
    """The counts of a training text, and how much they weigh beside a network."""

    source: CountTable | Callable[[], CountTable]
    """The table, or a function that reads it when it is first used."""
    w: tuple[float, ...]
    """The coefficients of the weight, (F,)."""
    network_nats: float | None = None
    """Nats per character of the network alone on held-out text; None: there was no such text."""
    nats: float | None = None
    """Nats per character of the mixture there, each half with coefficients fitted on the other."""
    characters: int = 0
    """Number of characters predicted there."""

    @cached_property
    def table(self) -> CountTable:
        """The counts: how likely each symbol is after the last few.

        Raises:
            CheckpointError: the table is read from the checkpoint now, and is damaged.
        """
        return self.source if isinstance(self.source, CountTable) else self.source()

    @cached_property
    def exact(self) -> "ExactMixture":
        """The mixture in integers, for an exact network."""
        from charrnn.counts.exact_mixture import ExactMixture

        return ExactMixture(self.table, self.w)

    @property
    def helps(self) -> bool:
        """Whether the mixture predicted the held-out text better than the network alone, as far as that is known."""
        return self.nats is None or self.network_nats is None or self.nats < self.network_nats

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of the counts in a checkpoint, by name."""
        table = self.table
        return {"symbols": table.symbols, "codes": table.codes, "sizes": table.sizes}

    @property
    def record(self) -> dict[str, Any]:
        """The record of the counts in the header of a checkpoint."""
        record = CountsRecord(
            order=self.table.order,
            w=self.w,
            network_nats=self.network_nats,
            nats=self.nats,
            characters=self.characters,
        )
        return {name: value for name, value in asdict(record).items() if value is not None}

    @classmethod
    def restored(cls, record: Any, read: Callable[[int], CountTable]) -> Self:
        """The counts of a checkpoint.

        Args:
            record: their record in the header.
            read: returns the table, given its order; called when it is first used.

        Raises:
            SchemaError: the record is not one of counts.
            CheckpointError: the weight is not one of counts.
        """
        check_record(CountsRecord, record, required=("order", "w"))
        known = {name: tuples(record[name]) for name in settings_of(CountsRecord) if name in record}
        found = CountsRecord(**known)
        if len(found.w) != F or not np.isfinite(found.w).all():
            raise CheckpointError("the coefficients of the weight of the counts are damaged")
        table = partial(read, found.order)
        return cls(table, found.w, found.network_nats, found.nats, found.characters)

    def mix(self, logits: Float, nodes: Nodes) -> tuple[Float64, Float64]:
        """The distribution of the next symbol, and how much of each probability comes from the counts.

        Args:
            logits: the network's, (V,) or (P, V).
            nodes: the contexts of the counts there, (K,) or (P, K).

        Returns:
            The probabilities of all symbols, which sum to 1, and what the counts add to each, both (V,) or (P, V).
        """
        network, counted = softmax(logits.astype(np.float64)), self.table.predict(nodes)
        if logits.ndim == 1:
            weight: float | Float64 = _weight(self.w, network, counted, nodes)
        else:
            weight = weights(np.array(self.w), features(network, counted, nodes))[:, None]
        counted = counted * weight
        network *= 1 - weight
        network += counted
        return network, counted


def features(network: Float64, counted: Float64, nodes: Nodes) -> Float64:
    """The features of the weight, (P, F), from the probabilities of the network and of the counts, (P, V) each."""
    num_contexts = nodes.shape[-1]
    not_there = (nodes[:, ::-1] >= 0).argmax(axis=-1)
    known = np.ones((len(nodes), F))
    known[:, 1] = (num_contexts - 1 - not_there) / max(1, num_contexts - 1)
    known[:, 2], known[:, 3] = network.max(axis=-1), counted.max(axis=-1)
    known[:, 4:] = 1 - known[:, 2:4]
    known[:, 2:] = np.log(np.maximum(known[:, 2:], LEAST))
    return known


def weights(w: Float64, known: Float64) -> Float64:
    """The weight of the counts, (...), from features (..., F)."""
    made: Float64 = 1 / (1 + np.exp(np.clip(-(known @ w), -30, 30)))
    return made


def _weight(w: tuple[float, ...], network: Float64, counted: Float64, nodes: Nodes) -> float:
    """`weights` for one prediction, in a third of the time."""
    depth = len(nodes) - 1
    while nodes[depth] < 0:
        depth -= 1
    a, b = (p.item(p.argmax()) for p in (network, counted))  # faster than max()
    sure = (math.log(max(x, LEAST)) for x in (a, b, 1 - a, 1 - b))
    z = math.fsum(map(operator.mul, w, (1.0, depth / max(1, len(nodes) - 1), *sure)))
    return 1 / (1 + math.exp(min(max(-z, -30.0), 30.0)))


def fit(network: Float64, counted: Float64, known: Float64) -> tuple[float, ...]:
    """The coefficients of the weight with the least cross-entropy.

    Each round is an EM step with one Newton step inside: it computes how likely it is that each symbol came from the
    counts, and moves the weights towards that.

    Args:
        network: the network's probability of each true symbol, (P,).
        counted: that of the counts, (P,).
        known: the features, (P, F).
    """
    if len(network) < FEWEST:
        return USUAL
    w, before = np.array(USUAL), np.inf
    for _ in range(ROUNDS):
        weight = weights(w, known)
        p = (1 - weight) * network + weight * counted
        cost = -float(np.log(p).mean())
        if before - cost < SETTLED:
            break
        before = cost
        gradient = _slope(weight, counted / p, known) - RIDGE * w
        curvature = (known.T * (weight * (1 - weight))) @ known / len(p) + RIDGE * np.eye(F)
        w = w + np.linalg.solve(curvature, gradient)
    return tuple(w.tolist())


def slope(w: Float64, network: Float64, counted: Float64, known: Float64) -> Float64:
    """The gradient of the mean log-probability of the true symbols by the coefficients of the weight, (F,).

    The arguments are those of `fit`.
    """
    weight = weights(w, known)
    return _slope(weight, counted / ((1 - weight) * network + weight * counted), known)


def _slope(weight: Float64, gain: Float64, known: Float64) -> Float64:
    """`slope` from the weights and how much likelier each symbol is by the counts than by the mixture, (P,)."""
    made: Float64 = known.T @ (weight * gain - weight) / len(weight)
    return made


def cross_entropy(
    w: tuple[float, ...], network: Float64, counted: Float64, known: Float64
) -> float:
    """The total cost of the true symbols under the mixture, in nats. The arguments are those of `fit`."""
    weight = weights(np.array(w), known)
    return -float(np.log((1 - weight) * network + weight * counted).sum())
