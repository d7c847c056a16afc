"""What a unit does, on a card: its values, where they are extreme, its concepts, its gates, and what it is worth.

The text is read once for all units; of each character four bytes are kept for each unit, and a few of the text.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from charrnn.errors import CheckpointError, DataError
from charrnn.interpret.ablation import Ablation, ablate_each
from charrnn.interpret.concepts import CONCEPTS
from charrnn.interpret.following import Followed, followed_by
from charrnn.interpret.gates import GateUse, saturation
from charrnn.interpret.labels import of_concept, per_symbol
from charrnn.interpret.moments import LONGEST_LAG, autocorrelation, moments, time_scales
from charrnn.interpret.recording import record_parts
from charrnn.interpret.unit_reading import (
    Context,
    Push,
    Reading,
    TextRead,
    UnitRead,
    at_quantiles,
    contexts,
    smallest,
)
from charrnn.interpret.units import Unit
from charrnn.numerics import Float

if TYPE_CHECKING:
    from charrnn.interpret.recording import Recording
    from charrnn.model import CharRNN

BINS = 24
ABLATED, ABLATED_SETS = 20_000, 10
"""Characters that are read without the unit, and random units beside it."""
LEAST_ABLATED = 200
"""Characters of the shortest text in which that is measured."""
MOST_SCORED = 200_000
"""Characters in which it is compared with concepts, at most."""


@dataclass(frozen=True)
class UnitGate:
    """How a gate of a unit was used."""

    name: str
    mean: float
    shut: float
    """The fraction of time below `charrnn.interpret.gates.SHUT` (left-saturated)."""
    open: float
    """The fraction of time above `charrnn.interpret.gates.OPEN` (right-saturated)."""
    time_scale: float | None
    """1 / (1 - mean) of the gate that keeps the memory; None for others, and if it was never below 1."""


@dataclass(frozen=True)
class Card:
    """What a unit does in a text."""

    unit: Unit
    characters: int
    """The symbols read: characters or bytes."""
    highest: tuple[Context, ...]
    lowest: tuple[Context, ...]
    samples: tuple[Context, ...]
    """A place at each of QUANTILES of the values."""
    mean: float
    deviation: float
    skew: float
    kurtosis: float
    """3 for a normal distribution."""
    histogram: tuple[int, ...]
    """The values in BINS bins of equal width, from the smallest to the largest."""
    smallest: float
    largest: float
    raised_by: tuple[Push, ...]
    lowered_by: tuple[Push, ...]
    time_scale: int | None
    """Characters after which its autocorrelation falls below 1/e; None if it does not within LONGEST_LAG."""
    bimodality: float
    """Sarle's coefficient, (skew² + 1) / kurtosis: 0.33 for a normal distribution, 1 for two values."""
    sparsity: float
    """1 - mean(|v|)² / mean(v²): 0 if it is always equally far from zero, near 1 if it is nearly always close to it."""
    gates: tuple[UnitGate, ...]
    """Its sigmoid gates, in the order of the cell; none if the cell has none."""
    concepts: tuple[Followed, ...]
    """The concepts of the catalog, the one that it follows best first."""
    cost: Ablation | None
    """What is lost without it in the beginning of the text, beside other units; None of a text below LEAST_ABLATED
    or of a model whose units are edited."""

    @property
    def followed(self) -> tuple[Followed, ...]:
        """The concepts that it follows better than chance would."""
        return tuple(one for one in self.concepts if one.strength > 0)


def make_cards(
    model: "CharRNN",
    text: str,
    units: Sequence[Unit],
    *,
    item_end: str | None = None,
    ablated: int = ABLATED,
    sets: int = ABLATED_SETS,
    progress: Callable[[int], object] = lambda _: None,
) -> list[Card]:
    """The cards of some units of states.

    Args:
        model: the model that reads.
        text: the text.
        units: the units.
        item_end: the character at which the state is reset, in a model of lines, records or documents.
        ablated: symbols of the text that are read without the unit.
        sets: random units of the same state and layer that are taken out for comparison.
        progress: called with the number of symbols that were just read.

    Raises:
        DataError: the text is too short, or has unknown characters.
        CheckpointError: a value is not a number, as happens when a model's weights are enormous.
    """
    keep = {unit.what for unit in units} | set(model.cell.sigmoids)
    read = Reading(units)
    parts = read.collecting(record_parts(model, text, keep=keep, item_end=item_end), progress)
    gates = _gates(parts, model)
    if read.length < 2:
        raise DataError("a text needs at least 2 characters for a card")
    values = [one.joined() for one in read.units]
    if not all(np.isfinite(own).all() for own in values):
        raise CheckpointError("the model's states are not finite: its weights are too large")
    beginning = text[:MOST_SCORED]
    labelings = (
        per_symbol(of_concept(concept, beginning), beginning, model.vocabulary)
        for concept in CONCEPTS.values()
    )
    concepts = followed_by(values, labelings)
    costs = _costs(model, text[:ablated], units, item_end, sets, progress)
    return [
        _card(one, own, read.text, _gates_of(one.unit, gates), follows, cost)
        for one, own, follows, cost in zip(read.units, values, concepts, costs, strict=True)
    ]


def _costs(
    model: "CharRNN",
    text: str,
    units: Sequence[Unit],
    item_end: str | None,
    sets: int,
    progress: Callable[[int], object],
) -> Sequence[Ablation | None]:
    """What is lost without each unit; None where it cannot be measured."""
    if model.edits:  # without a unit, they would be gone too
        return [None] * len(units)
    ids = model.vocabulary.encode(text)
    if len(ids) < LEAST_ABLATED or not text.strip(item_end or ""):
        return [None] * len(units)
    end = None if item_end is None else int(model.vocabulary.encode(item_end)[0])
    return ablate_each(model, ids, units, sets=sets, item_end=end, progress=progress)


def _card(
    read: UnitRead,
    values: Float,
    text: TextRead,
    gates: tuple[UnitGate, ...],
    concepts: tuple[Followed, ...],
    cost: Ablation | None,
) -> Card:
    lie = moments(values[:, None])
    counts, _ = np.histogram(values, BINS)
    raised, lowered = read.pushes()
    lasts = int(time_scales(autocorrelation([values[:, None]]))[0])
    return Card(
        read.unit,
        len(values),
        contexts(smallest(-values), values, text),
        contexts(smallest(values), values, text),
        tuple(text.context(place, values) for place in at_quantiles(values)),
        float(lie.mean[0]),
        float(lie.deviation[0]),
        float(lie.skew[0]),
        float(lie.kurtosis[0]),
        tuple(counts.tolist()),
        float(values.min()),
        float(values.max()),
        raised,
        lowered,
        lasts if 0 < lasts < LONGEST_LAG else None,
        float(lie.bimodality[0]),
        float(lie.sparsity[0]),
        gates,
        concepts,
        cost,
    )


# --- gates ------------------------------------------------------------------------------------------------------------


def _gates(parts: "Iterator[Recording]", model: "CharRNN") -> tuple[GateUse, ...]:
    """How the gates of all units were used; the parts are read to their end, even if there are no gates."""
    if model.cell.sigmoids:
        return saturation(parts).gates
    deque(parts, maxlen=0)
    return ()


def _gates_of(unit: Unit, gates: tuple[GateUse, ...]) -> tuple[UnitGate, ...]:
    at = unit.layer, unit.index
    return tuple(
        UnitGate(
            gate.name,
            float(gate.mean[at]),
            float(gate.left[at]),
            float(gate.right[at]),
            None if gate.time_scale is None else _finite(float(gate.time_scale[at])),
        )
        for gate in gates
    )


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None
