"""The mixture of two predictions of the next symbol, the network's and that of counts.

    p       =  (1 - weight) network  +  weight counts
    weight  =  1 / (1 + exp(-w · features))

The features are known before the symbol is: how sure each of the two is, by the logarithms of its largest probability
and of what that leaves to the others, and how many symbols the longest context of the counts has. The numbers w are
those of the least cross-entropy on held-out text.

Legend: V symbols, P predictions, K contexts at a place, F features.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from charrnn.counts.table import CountTable, Nodes
from charrnn.errors import CheckpointError
from charrnn.numerics import Float, Float64, softmax
from charrnn.schema import CountsRecord, check_record

F = 6
"""The number of features."""
LEAST = 1e-6
"""The smallest probability whose logarithm is a feature."""
FEWEST = 200
"""Predictions that a fit needs; with fewer the weight is USUAL everywhere."""
USUAL = (-1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Numbers of a weight of 0.27."""
ROUNDS = 100
"""Rounds of a fit, at most."""
SETTLED = 1e-7
"""The gain in nats per prediction below which a fit ends."""
RIDGE = 1e-4
"""What draws the numbers to zero, so that features which are always the same do no harm."""


@dataclass(frozen=True)
class Counts:
    """The counts of a training text, and how much they weigh beside a network."""

    source: CountTable | Callable[[], CountTable]
    """The table, or what reads it when it is first used."""
    w: tuple[float, ...]
    """The numbers of the weight, (F,)."""
    network_nats: float | None = None
    """Nats per character of the network alone, on held-out text; None: there was none."""
    nats: float | None = None
    """Nats per character of both there, each half with the weight of the other."""
    characters: int = 0
    """Characters of that text that were predicted."""

    @cached_property
    def table(self) -> CountTable:
        """How likely each symbol is after the last few.

        Raises:
            CheckpointError: it is read now, and damaged.
        """
        return self.source if isinstance(self.source, CountTable) else self.source()

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays that a checkpoint has of counts."""
        table = self.table
        return {"symbols": table.symbols, "codes": table.codes, "sizes": table.sizes}

    @property
    def record(self) -> dict[str, Any]:
        """What its header has of them."""
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
            record: what its header has of them.
            read: makes the table of an order; called when it is first used.

        Raises:
            SchemaError: the record is not one of counts.
            CheckpointError: the weight is not one of counts.
        """
        check_record(CountsRecord, record, required=("order", "w"))
        found = CountsRecord(**{**record, "w": tuple(record["w"])})
        if len(found.w) != F or not np.isfinite(found.w).all():
            raise CheckpointError("the counts have numbers of another kind than they should")
        table = partial(read, found.order)
        return cls(table, found.w, found.network_nats, found.nats, found.characters)

    def mix(self, logits: Float, nodes: Nodes) -> tuple[Float64, Float64]:
        """The distribution of the next symbol, and what comes from the counts in each probability.

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
    """What the weight depends on, (P, F), from the probabilities of both, (P, V)."""
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
    """`weights` of one prediction, in a third of the time."""
    numbers = nodes.tolist()
    depth = max(k for k, node in enumerate(numbers) if node >= 0) / max(1, len(numbers) - 1)
    a, b = float(network.max()), float(counted.max())
    sure = (math.log(max(x, LEAST)) for x in (a, b, 1 - a, 1 - b))
    z = math.fsum(map(operator.mul, w, (1.0, depth, *sure)))
    return 1 / (1 + math.exp(min(max(-z, -30.0), 30.0)))


def fit(network: Float64, counted: Float64, known: Float64) -> tuple[float, ...]:
    """The numbers of the weight with the least cross-entropy.

    Each round, an EM step with one Newton step inside, asks how likely it is that each symbol came from the counts, and
    moves the weights towards that.

    Args:
        network: the network's probability of each symbol that came, (P,).
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
    """How the mean log-probability of the symbols that came rises with each number of the weight, (F,).

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
    """The cost of the symbols that came under the mixture, in nats, summed. The arguments are those of `fit`."""
    weight = weights(np.array(w), known)
    return -float(np.log((1 - weight) * network + weight * counted).sum())
