"""Which unit of a model follows a concept, and whether that is more than chance.

The text is cut into halves. In the first the unit is chosen, with its sign and its threshold: the one with the
largest |r| (Pearson's), and for a truth value, of the SHORTLIST best of these, the one with the largest area under the
ROC curve. All scores are those of the second half, which the choice did not see. At most SAMPLED characters of each half
are looked at, evenly spread; all are read.

A find must be proven twice:

-  Against chance. The labels of the first half are moved along the text, around its end, by SHIFTS distances, and each
   time the largest |r| is taken anew. `p` is the part of these, the true one counted too, that are at least as large.
   Moved labels are as slow and as frequent as true ones, and the best of many units has to beat the best of many.
-  Against echoes. A network that has learnt nothing still holds the characters that it has just read, and a concept such
   as a digit is one of these. So copies of the model with the numbers of each weight array shuffled are searched alike,
   and the find must score better than the best unit of each of them, and lie MARGIN standard deviations of these best
   scores above their mean, areas by the logarithm of their odds, correlations by Fisher's z.

Sources: circular shifts keep the autocorrelation of both series, as in G. Lancaster and others, "Surrogate data for
hypothesis testing of physical systems", Physics Reports 748, 2018. Networks without their training as a baseline:
K. Zhang and S. Bowman, "Language Modeling Teaches You More than Translation Does", 2018 (arXiv:1809.10040).
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.errors import DataError
from charrnn.evaluation.streams import MAX_STREAMS, WARM_UP, Streams, stretches
from charrnn.interpret.echoes import best_and_needed, shuffled
from charrnn.interpret.halves import (
    Half,
    Places,
    around,
    chosen,
    excerpts_of,
    joined,
    means,
    own_places,
    ranked,
    score_of,
    sign_of,
    spread,
)
from charrnn.interpret.labeling import FEWEST, Labeling, is_common
from charrnn.interpret.scores import average_precision, best_threshold, overlap
from charrnn.interpret.states import Positions, states_at
from charrnn.interpret.traits import Trait, consecutive, standing_out
from charrnn.interpret.units import Unit, units_of
from charrnn.model import CharRNN
from charrnn.numerics import Float, Float64, Ids

SHIFTS = 199
"""Distances by which labels are moved; in a very short text fewer, and then nothing is proven."""
NEAREST_SHIFT = 0.05
"""The smallest of these distances, as a part of the half."""
NETWORKS = 20
"""Networks with shuffled weights that are searched."""
LARGEST_P = 0.01
"""The largest p of a find."""


@dataclass(frozen=True)
class Find:
    """The unit that follows a concept best, and how well."""

    concept: str
    unit: Unit
    is_number: bool
    score: float
    """The area under the ROC curve; of a number r, or 0 if its sign is another than in the first half."""
    sign: int
    """1 if the unit is larger where the concept holds or is larger, or else -1."""
    share: float
    """The part of the characters for which the concept holds; of a number its mean."""
    average_precision: float | None
    """None for a number."""
    overlap: float | None
    """Intersection over union at `threshold`; None for a number."""
    threshold: float | None
    """The value, times the sign, from which on the concept is taken to hold; None for a number."""
    p: float
    """The part of choices for moved labels that are at least as good."""
    means: tuple[float, float] = (0.0, 0.0)
    """The unit's mean where the concept holds, or is above its mean, and elsewhere."""
    echo: float = 0.0
    """The best score of a unit of a network with shuffled weights."""
    needed: float = 0.0
    """The score above which a find is more than an echo."""

    @property
    def is_proven(self) -> bool:
        """Whether it is more than chance and more than an echo."""
        return self.p <= LARGEST_P and self.score > self.needed

    @property
    def measure(self) -> str:
        """The name of the score."""
        return "|r|" if self.is_number else "AUC"


def find(
    model: CharRNN,
    ids: Ids,
    labelings: Sequence[Labeling],
    *,
    networks: int = NETWORKS,
    seed: int = 0,
    item_end: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> list[Find]:
    """The unit that follows each concept best, best proven first; concepts too rare in a half are left out.

    Args:
        model: the model.
        ids: (T,) the symbols of a text.
        labelings: the concepts.
        networks: networks with shuffled weights that are searched too; 0: a find need not be more than an echo.
        seed: the seed of the shifts and of the shuffling.
        item_end: the symbol at which the state is reset, in a model of lines, records or documents.
        progress: called with the number of symbols that were just read, by the model or by a shuffled one.

    Raises:
        DataError: the text is too short.
    """
    return survey(
        model, ids, labelings, 0, networks=networks, seed=seed, item_end=item_end, progress=progress
    )[0]


def survey(
    model: CharRNN,
    ids: Ids,
    labelings: Iterable[Labeling],
    count: int,
    *,
    networks: int = NETWORKS,
    seed: int = 0,
    item_end: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[list[Find], list[Trait]]:
    """What `find` finds, and the `count` units of each kind that stand out without a concept, from the same reading.

    The labelings of a long text may come from an iterator: only those labels are kept that are looked at.
    """
    _require_long(ids)
    text = _Text(ids, item_end, progress)
    whole = _Search(text, None, count)
    searches = [whole]
    for labeling in labelings:
        search = whole if labeling.places is None else _Search(text, labeling.places)
        search.add(labeling)
        if search is not whole:
            searches.append(search)
    made = [found for search in searches for found in search.finds(model, networks, seed)]
    return sorted(made, key=lambda one: (not one.is_proven, -one.score, one.p)), whole.traits


@dataclass(frozen=True)
class Follower:
    """A unit that follows a concept, with its score on the second half of a text."""

    unit: Unit
    sign: int
    """1 if the unit is larger where the concept holds or is larger, or else -1."""
    score: float
    """As for a `Find`."""
    is_number: bool
    """Whether the concept has degrees, so that the score is |r| and not an area."""


def followers(
    model: CharRNN,
    ids: Ids,
    labeling: Labeling,
    count: int,
    *,
    item_end: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> list[Follower]:
    """The units that follow a concept best by the first half of a text, the best first; nothing proves them.

    Args:
        model: the model.
        ids: (T,) the symbols of the text.
        labeling: the concept.
        count: the units to list.
        item_end: the symbol at which the state is reset, in a model of lines, records or documents.
        progress: called with the number of symbols that were just read.

    Raises:
        DataError: the text is too short, or has too little of the concept.
    """
    _require_long(ids)
    search = _Search(_Text(ids, item_end, progress), labeling.places)
    search.add(labeling)
    return search.followers(model, count)


def _require_long(ids: Ids) -> None:
    if len(ids) < 4 * FEWEST:
        needed = 4 * FEWEST
        raise DataError(f"a text needs at least {needed} characters to find units, not {len(ids)}")


# --- what is looked at ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Text:
    """A text, and how it is read."""

    ids: Ids
    item_end: int | None
    progress: Callable[[int], object]

    def states(self, model: CharRNN, places: Positions, streams: Streams) -> Float:
        """The values of all units at some places, (K, U)."""
        states = states_at(
            model, self.ids, places, streams, item_end=self.item_end, progress=self.progress
        )
        return states.reshape(len(states), -1)


class _Search:
    """A search for the units that follow some concepts at the same places.

    Args:
        text: the text.
        places: where they are looked at; None: in both halves of the text.
        count: the units of each kind that are listed without a concept.
    """

    def __init__(self, text: _Text, places: Places | None, count: int = 0) -> None:
        T = len(text.ids)
        self._text, self._count = text, count
        self._places = places or spread(T)
        parts = [excerpts_of(0, T // 2), excerpts_of(T // 2, T)]
        if places is not None:
            parts = [around(np.unique(np.concatenate(places)))]
        self._excerpts = joined(parts)
        self._places_in_excerpts = places or (own_places(parts[0]), own_places(parts[1]))
        self._every = np.unique(np.concatenate([*self._places, *self._places_in_excerpts]))
        self._labelings: list[Labeling] = []
        """The concepts, with their labels at `_every` only."""
        self.traits: list[Trait] = []
        """The units that stand out without a concept, once the model has read the text."""

    def add(self, labeling: Labeling) -> None:
        """Search for a unit that follows this concept too."""
        self._labelings.append(dataclasses.replace(labeling, values=labeling.values[self._every]))

    def finds(self, model: CharRNN, networks: int, seed: int) -> Iterator[Find]:
        """The best unit for each concept that is common enough."""
        if not (self._labelings or self._count):
            return iter(())
        first, second = self._own_halves(model)
        scored = [one for one in self._labelings if _is_common(one, first, second)]
        random = np.random.default_rng(seed)
        found = [_best(model, one, first, second, random) for one in scored]
        echoes = np.zeros((networks, len(scored)))
        for k in range(networks if scored else 0):
            echoes[k] = self._echoes(shuffled(model, seed + k), scored)
        return (_beside(one, echoes[:, k]) for k, one in enumerate(found))

    def followers(self, model: CharRNN, count: int) -> list[Follower]:
        """The best units for the only concept; see `charrnn.interpret.finding.followers`."""
        (labeling,) = self._labelings
        first, second = self._own_halves(model)
        if not _is_common(labeling, first, second):
            raise DataError(f"the text has too little of {labeling.name!r}", "take a longer text")
        is_number = labeling.is_number
        labels, held = first.labels[labeling.name], second.labels[labeling.name]
        r = first.correlations(labels[:, None])[:, 0]
        units = units_of(model)
        return [
            Follower(
                units[u],
                sign := sign_of(r[u]),
                score_of(sign * second.states[:, u], held, is_number=is_number),
                is_number,
            )
            for u in ranked(first, labels, r, count, is_number=is_number)
        ]

    def _own_halves(self, model: CharRNN) -> tuple[Half, Half]:
        T = len(self._text.ids)
        streams = stretches(T + 1, min(MAX_STREAMS, max(1, T // (2 * WARM_UP))), WARM_UP)
        runs = consecutive(T) if self._count else []
        return self._halves(model, self._places, streams, runs)

    def _halves(
        self, model: CharRNN, places: Places, streams: Streams, runs: Sequence[Positions] = ()
    ) -> tuple[Half, Half]:
        every = np.unique(np.concatenate([*places, *runs]))
        states = self._text.states(model, every, streams)
        if runs:
            values = [states[np.searchsorted(every, run)] for run in runs]
            self.traits = standing_out(units_of(model), states, values, self._count)
        first, second = (self._half(states[np.searchsorted(every, part)], part) for part in places)
        return first, second

    def _half(self, states: Float, places: Positions) -> Half:
        rows = np.searchsorted(self._every, places)
        return Half(states, {one.name: one.values[rows] for one in self._labelings})

    def _echoes(self, network: CharRNN, scored: Sequence[Labeling]) -> list[float]:
        """The scores of a network's units, chosen for each concept as those of the model are."""
        first, second = self._halves(network, self._places_in_excerpts, self._excerpts)
        found = []
        for one in scored:
            u, sign, _ = chosen(first, first.labels[one.name], is_number=one.is_number)
            held = second.labels[one.name]
            found.append(score_of(sign * second.states[:, u], held, is_number=one.is_number))
        return found


def _is_common(labeling: Labeling, *halves: Half) -> bool:
    """Whether a concept is common enough in each half."""
    return all(is_common(labeling, half.labels[labeling.name]) for half in halves)


def _beside(found: Find, echoes: Float64) -> Find:
    """A find beside the scores of networks with shuffled weights."""
    echo, needed = best_and_needed(echoes, is_number=found.is_number)
    return dataclasses.replace(found, echo=echo, needed=needed)


# --- the best unit ----------------------------------------------------------------------------------------------------


def _best(
    model: CharRNN, labeling: Labeling, first: Half, second: Half, random: np.random.Generator
) -> Find:
    """The best unit for a concept, not yet compared with shuffled networks."""
    labels, held = first.labels[labeling.name], second.labels[labeling.name]
    u, sign, best = chosen(first, labels, is_number=labeling.is_number)
    chance = np.abs(first.correlations(_moved(labels, random))).max(0)
    seen, own = sign * first.states[:, u], sign * second.states[:, u]
    precision = union = threshold = None
    if not labeling.is_number:
        threshold = best_threshold(seen, labels > 0)
        precision = average_precision(own, held > 0)
        union = overlap(own, held > 0, threshold)
    return Find(
        labeling.name,
        units_of(model)[u],
        labeling.is_number,
        score_of(own, held, is_number=labeling.is_number),
        sign,
        float(held.mean()),
        precision,
        union,
        threshold,
        (1 + int((chance >= best - 1e-6).sum())) / (1 + len(chance)),
        means(second.states[:, u], held, is_number=labeling.is_number),
    )


def _moved(labels: Float, random: np.random.Generator) -> Float:
    """Labels (K,) moved around by SHIFTS different distances, or by as many as there are, (K, distances)."""
    K = len(labels)
    nearest = max(1, int(NEAREST_SHIFT * K))
    possible = np.arange(nearest, K - nearest)
    distances = random.permutation(possible)[:SHIFTS]
    return np.stack([np.roll(labels, distance) for distance in distances], axis=1)
