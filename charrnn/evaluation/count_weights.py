"""Counting a training text for a network, and fitting the mixture of both on held-out text.

No figure comes from text that its weight was fitted on: each half of the held-out text is scored with the coefficients
fitted on the other half. The coefficients that are kept are fitted on all of it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.counts.counting import count
from charrnn.counts.mixed_model import MixedModel
from charrnn.counts.mixture import USUAL, Counts, cross_entropy, features, fit
from charrnn.counts.table import CountTable
from charrnn.evaluation.predictions import Predictions, Predictor
from charrnn.evaluation.streams import MAX_ITEMS, MAX_STREAMS, Streams
from charrnn.model import CharRNN, States
from charrnn.numerics import Float64, Ids, softmax
from charrnn.threads import threads_for


def count_and_fit(
    network: CharRNN,
    train: Ids,
    held_out: Ids,
    layout: Streams,
    *,
    order: int,
    most: int,
    end: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Counts:
    """Count a training text, and fit the weight of the counts in a mixture with the network.

    Args:
        network: the trained network.
        train: the symbols that it was trained on, (n,).
        held_out: other symbols, (m,).
        layout: the streams in which the held-out symbols are read.
        order: the length of the longest n-grams.
        most: maximum n-grams that are kept; see `charrnn.counts.counting.count`.
        end: the symbol that ends an item, if the network reads items; None: running text.
        progress: called with the number of held-out symbols that were just predicted.
    """
    table = count(train, len(network.vocabulary), order=order, most=most, end=end)
    return fitted(network, table, held_out, layout, by_items=end is not None, progress=progress)


def fitted(
    network: CharRNN,
    table: CountTable,
    held_out: Ids,
    layout: Streams,
    *,
    by_items: bool,
    progress: Callable[[int], object] = lambda _: None,
) -> Counts:
    """Fit the weight of a table of counts in a mixture with a network.

    Args:
        network: the trained network.
        table: the counts of the text that it was trained on.
        held_out: other symbols, (m,).
        layout: the streams in which the held-out symbols are read.
        by_items: whether each stream is an item.
        progress: called with the number of held-out symbols that were just predicted.
    """
    counts = Counts(table, USUAL)
    collected = [np.zeros((0, 3))], [np.zeros((0, len(USUAL)))]
    model = MixedModel(network, counts)
    for group in layout.groups(MAX_ITEMS if by_items else MAX_STREAMS):
        collector = _Collector(model, model.initial_state(len(group)))
        with threads_for(len(group)):
            for made in collector.predict(held_out, group):
                progress(len(made.nats))
        collected[0].extend(collector.scored)
        collected[1].extend(collector.known)
    scored, known = (np.concatenate(parts) for parts in collected)
    if not len(scored):
        return counts
    order_of_text = np.argsort(scored[:, 0], kind="stable")
    _, own, others = scored[order_of_text].T
    return _weighted(counts, own, others, known[order_of_text])


def _weighted(counts: Counts, network: Float64, counted: Float64, known: Float64) -> Counts:
    """The counts with the fitted weight; the arguments are those of `fit`, in the order of the text."""
    middle = len(network) // 2
    halves = slice(0, middle), slice(middle, None)
    nats = 0.0
    for one, other in (halves, halves[::-1]):
        w = fit(network[one], counted[one], known[one])
        nats += cross_entropy(w, network[other], counted[other], known[other])
    return replace(
        counts,
        w=fit(network, counted, known),
        network_nats=-float(np.log(network).mean()),
        nats=nats / len(network),
        characters=len(network),
    )


class _Collector(Predictor):
    """Reads streams, and collects what a fit needs of each prediction."""

    def __init__(self, model: MixedModel, state: States) -> None:
        super().__init__(model, state)
        self.scored: list[Float64] = []
        """The place of each symbol, and its probability under the network and under the counts, (P, 3) each."""
        self.known: list[Float64] = []
        """The features there, (P, F) each."""
        self._mixed = model

    def _of_outputs(self, outputs: Any, targets: Ids, places: npt.NDArray[np.int64]) -> Predictions:
        network = softmax(self._mixed.network.head(outputs.outputs).astype(np.float64))
        counted = self._mixed.counts.table.predict(outputs.nodes)
        rows = np.arange(len(targets))
        own, others = network[rows, targets], counted[rows, targets]
        self.scored.append(np.stack([places, own, others], axis=1))
        self.known.append(features(network, counted, outputs.nodes))
        best = network.argmax(axis=1)
        return Predictions(places, -np.log(own), best, -np.log(network[rows, best]))
