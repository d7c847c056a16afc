"""The data of a page, as JSON: a recording with its numbers rounded and packed, and its text as harmless labels.

Arrays are packed by `charrnn.web.packing`. Values of units are whole numbers from -`levels` to `levels`, and 0 means
exactly zero: see `quantized`.

The values are most of a page, so there are only as many levels as keep it at a few megabytes. The page shows the middle
of a level for each value in it, which is approximate. Which units are at or above a border between levels is exact, and
so are the strongest units of each symbol, which are stored separately.
"""

import collections
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from charrnn.errors import CheckpointError
from charrnn.interpret.gates import saturation
from charrnn.interpret.names import NamedUnit, best_units, names_of
from charrnn.interpret.recording import PART
from charrnn.interpret.units import Unit, interest, letter_of
from charrnn.numerics import Float, Float64
from charrnn.render.glyphs import glyph
from charrnn.render.views.scale import FULL_SURPRISAL
from charrnn.web.packing import pack, pack_values

if TYPE_CHECKING:
    from charrnn.interpret.recording import RecordedModel, Recording

LEVELS = (112, 64, 32, 16)
"""Levels on each side of zero, most first: multiples of the terminal's 16, so that the page has the same colors."""
GUESSES = 5
"""Guesses at each character, if no other number is given."""
MAX_VALUE_CHARS = 4_000_000
"""Characters of a page that the values may take; if they take more, fewer levels are tried."""
NUM_FINE = 8
"""Number of units of each symbol whose values are stored finely: those farthest from zero, relative to their scales."""
FULL_SCALE = 2000
"""The number that stands for a full scale in these values."""
MAX_SCORED = 64
"""Units whose interest is computed together, to bound memory."""
LONGEST_TIME_SCALE = 1e9
"""The number that replaces longer time scales and infinity."""
MAX_MILLIBITS = 65535
"""Maximum surprisal in thousandths of a bit: what two bytes hold."""
CERTAIN = 4000
"""The number that stands for a probability of 1, and for all of a probability."""


@dataclass(frozen=True)
class Origin:
    """Which text a page shows, and how much of it."""

    name: str
    """What the text is: the name of its file, for example."""
    read: int
    """Characters that the model was given."""
    whole: int | None = None
    """Characters of the whole text, of which these are the first; None: it is not known."""


@dataclass
class _Collected:
    """What a page needs of the parts of a recording, for some units."""

    units: tuple[Unit, ...]
    source: "RecordedModel | None" = None
    names: tuple[str, ...] = ()
    start: int = 0
    """The symbols read before the first part."""
    size: int = 0
    """The units of each state or gate in all layers."""
    ids: list[npt.NDArray[np.int32]] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    surprisal: list[Float] = field(default_factory=list)
    from_counts: list[Float] = field(default_factory=list)
    """Empty for a network alone."""
    next_ids: list[npt.NDArray[np.int32]] = field(default_factory=list)
    next_probabilities: list[Float] = field(default_factory=list)
    values: list[Float] = field(default_factory=list)
    """(T, U) for each part."""

    def collecting(self, parts: "Iterable[Recording]") -> "Iterator[Recording]":
        """Yield the parts of a recording unchanged, after collecting each."""
        for part in parts:
            self.add(part)
            yield part

    def add(self, part: "Recording") -> None:
        """Collect what a page needs of a part."""
        if not self.ids:
            self.source, self.names, self.start = part.source, part.next_text, part.start
            self.size = part.arrays[self.units[0].what][0].size
        self.ids.append(part.ids)
        self.pieces += part.pieces
        self.surprisal.append(part.surprisal)
        if part.from_counts is not None:
            self.from_counts.append(part.from_counts)
        self.next_ids.append(part.next_ids)
        self.next_probabilities.append(part.next_probabilities)
        values = np.empty((len(part.ids), len(self.units)), np.float32)
        for what in {unit.what for unit in self.units}:
            places = [k for k, unit in enumerate(self.units) if unit.what == what]
            layers, indices = zip(
                *((u.layer, u.index) for u in map(self.units.__getitem__, places)), strict=True
            )
            values[:, places] = part.arrays[what][:, layers, indices]
        self.values.append(values)


def page_data(
    parts: "Iterable[Recording]",
    units: Sequence[Unit],
    *,
    title: str,
    first: str | None = None,
    names: Sequence[NamedUnit] = (),
    origin: Origin | None = None,
) -> dict[str, Any]:
    """The data of a page.

    Args:
        parts: the consecutive recordings of the text, with guesses, and with the arrays of `units`; if they have those
            of the cell's sigmoid gates too, the page shows how the gates are used.
        units: one or more units whose values are in the page.
        title: the title of the page.
        first: what the text is colored by at first: the address of a unit, or "surprisal"; by default the unit with
            the highest interest, among those of the cell's memory if there are any.
        names: the names of the model's units.
        origin: which text it is; None: the page does not say.

    Raises:
        CheckpointError: a prediction is not finite, as happens when a model's weights are enormous.
    """
    collected = _Collected(tuple(dict.fromkeys(units)))
    gates = gates_data(collected.collecting(parts))
    source = collected.source
    assert source, "a text has at least one symbol"
    ids = np.concatenate(collected.ids)
    described, values = _values(collected, ids, names)
    return {
        "title": "".join(map(glyph, title)),
        "source": {
            "cell": source.cell,
            "fingerprint": source.fingerprint,
            "edits": list(source.edits),
            "states": list(source.states),
            "size": collected.size,
            "sigmoids": list(source.kind.sigmoids),
            "meanings": dict(source.kind.meanings),
        },
        "origin": origin and {**asdict(origin), "name": "".join(map(glyph, origin.name))},
        **_text(collected, ids),
        **_predictions(collected),
        **_from_counts(collected),
        **values,
        "units": described,
        "first": first or _most_interesting(described, source.memory)["name"],
        "gates": gates,
    }


def _text(collected: _Collected, ids: npt.NDArray[np.int32]) -> dict[str, Any]:
    """The symbols of the text, how they are shown, and what each adds to a copy of it."""
    table, columns = _labels(collected.pieces, ids)
    return {
        "noun": "character" if all(collected.pieces) else "byte",
        "length": len(ids),
        "start": collected.start,
        "labels": [label for label, _ in table],
        "pieces": [piece for _, piece in table],
        "breaks": [k for k, (_, piece) in enumerate(table) if piece.endswith("\n")],
        "columns": pack(columns),
        "ids": pack(ids),
        "names": ["".join(map(glyph, name)) for name in collected.names],
    }


def _predictions(collected: _Collected) -> dict[str, Any]:
    """The surprisal of each symbol, and the guesses for the next.

    Raises:
        CheckpointError: a prediction is not finite.
    """
    surprisal = np.concatenate(collected.surprisal)
    assert collected.source
    predicts = not collected.source.is_encoder
    if not predicts:
        surprisal = np.zeros_like(surprisal)
    require_finite(surprisal)
    costs = surprisal[int(collected.start == 0) :]  # the first symbol of all is not predicted
    probabilities = np.concatenate(collected.next_probabilities)
    return {
        "predicts": predicts,
        "surprisal": pack(np.minimum(np.rint(surprisal * 1000), MAX_MILLIBITS).astype("<u2")),
        "meanSurprisal": round(float(costs.mean()), 4) if len(costs) else None,
        "mostSurprisal": FULL_SURPRISAL,
        "guesses": pack(np.concatenate(collected.next_ids)),
        "chances": pack(np.rint(probabilities * CERTAIN).astype("<u2")),
        "certain": CERTAIN,
    }


def require_finite(surprisal: Float) -> None:
    """Raise CheckpointError if a prediction is not finite, as happens when a model's weights are enormous."""
    if not np.isfinite(surprisal).all():
        raise CheckpointError("the model's probabilities are not finite: its weights are too large")


def _from_counts(collected: _Collected) -> dict[str, Any]:
    """The share of each symbol's probability that came from the counts; nothing for a network alone."""
    if not collected.from_counts:
        return {}
    parts = np.concatenate(collected.from_counts)
    predicted = parts[int(collected.start == 0) :]
    return {
        "fromCounts": pack(np.rint(parts * CERTAIN).astype("<u2")),
        "meanFromCounts": round(float(predicted.mean()), 4) if len(predicted) else 0.0,
    }


def _values(
    collected: _Collected,
    ids: npt.NDArray[np.int32],
    names: Sequence[NamedUnit],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The units by interest, and their values, packed."""
    values = np.nan_to_num(np.concatenate(collected.values), copy=False)  # (T, U)
    described, scales = _units(values, collected.units, names)
    order = sorted(range(len(described)), key=lambda u: -described[u]["interest"])
    fractions = values[:, order] / scales[order]
    levels, packed = _in_levels(fractions, ids)
    strongest, strengths = _strongest(fractions)
    return [described[u] for u in order], {
        "levels": levels,
        **packed,
        "fine": FULL_SCALE,
        "strongest": pack(strongest),
        "strengths": pack(strengths),
    }


def _most_interesting(units: Sequence[Mapping[str, Any]], memory: str) -> Mapping[str, Any]:
    """The first of the units that belongs to the memory, or else the first of all."""
    return next((unit for unit in units if unit["what"] == memory), units[0])


def _labels(
    pieces: Sequence[str], ids: npt.NDArray[np.int32]
) -> tuple[list[tuple[str, str]], npt.NDArray[np.int64]]:
    """A table of how symbols are shown and of their characters, and the row of each position (T,)."""
    rows: dict[tuple[str, str], int] = {}
    columns = [
        rows.setdefault(("".join(map(glyph, p)) or f"{s:02x}", p), len(rows))
        for p, s in zip(pieces, ids.tolist(), strict=True)
    ]
    return list(rows), np.array(columns, np.int64)


def _units(
    values: Float,
    units: Sequence[Unit],
    names: Sequence[NamedUnit],
) -> tuple[list[dict[str, Any]], Float]:
    """A description of each unit, and the value (U,) of its full color; see `charrnn.render.views.text.unit_scale`."""
    some = [values[:, None, k : k + MAX_SCORED] for k in range(0, len(units), MAX_SCORED)]
    scores = np.concatenate([interest(columns)[0] for columns in some])
    reach = np.abs(values).max(axis=0)
    is_cell = np.array([u.letter == "c" for u in units], bool)
    scales = np.where(is_cell | (reach > 1), np.maximum(reach, 1e-6), 1.0).astype(np.float32)
    lows, highs = values.min(axis=0), values.max(axis=0)
    ranks = {address: rank for rank, address in enumerate(best_units(names, len(names)))}
    described = [
        {
            "name": str(unit),
            "layer": unit.layer,
            "what": unit.what,
            "index": unit.index,
            "scale": round(float(scales[k]), 6),
            "interest": round(float(scores[k]), 4),
            "low": round(float(lows[k]), 4),
            "high": round(float(highs[k]), 4),
            "reasons": ["".join(map(glyph, name)) for name in names_of(str(unit), names)],
            "rank": ranks.get(str(unit)),
        }
        for k, unit in enumerate(units)
    ]
    return described, scales


def gates_data(parts: "Iterator[Recording]") -> list[dict[str, Any]]:
    """For each sigmoid gate, and each unit (L, H): the fractions of time shut and open, and the time scale."""
    first = next(parts)
    sigmoids = first.source.kind.sigmoids
    gates = {name for name in first.source.gates if letter_of(name) in sigmoids}
    if not gates or not first.arrays.keys() >= gates:
        collections.deque(parts, maxlen=0)
        return []
    return [
        {
            "name": gate.name,
            "left": gate.left.round(4).tolist(),
            "right": gate.right.round(4).tolist(),
            "scale": None if gate.time_scale is None else _finite(gate.time_scale),
        }
        for gate in saturation(itertools.chain([first], parts)).gates
    ]


def _finite(scales: Float64) -> list[list[float]]:
    """Time scales (L, H) without infinity, which JSON does not have."""
    return np.minimum(scales, LONGEST_TIME_SCALE).round(2).tolist()  # type: ignore[no-any-return]


def _in_levels(
    fractions: npt.NDArray[np.floating[Any]], ids: npt.NDArray[np.int32]
) -> tuple[int, dict[str, Any]]:
    """The number of levels, and the values (T, U), as fractions of the scale, packed in these."""
    for levels in LEVELS:
        packed = pack_values(quantized(fractions.T, levels), ids, levels)
        if len(packed["differences"]["data"]) <= MAX_VALUE_CHARS:
            break
    return levels, packed


def quantized(fractions: npt.NDArray[np.floating[Any]], levels: int) -> npt.NDArray[np.int8]:
    """Fractions (U, T) from -1 to 1 as levels: level k > 0 holds those from (k - 1)/levels on, level 0 only zero.

    A fraction is at least m/levels exactly if its level is above m, and (k - 1/2)/levels is off by at most half a level.
    """
    whole = np.empty(fractions.shape, np.int8)
    for row, numbers in zip(whole, fractions, strict=True):
        reached = np.floor(np.abs(numbers.astype(np.float64)) * levels) + 1
        row[:] = np.sign(numbers) * np.minimum(reached, levels)
    return whole


def _strongest(
    fractions: npt.NDArray[np.floating[Any]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int16]]:
    """The units farthest from zero, the first of equal ones, and their values in FULL_SCALE, (T, K) each.

    Args:
        fractions: (T, U) the values as fractions of the scales.
    """
    some = np.array_split(fractions, -(-len(fractions) // PART))
    chosen = np.concatenate([_largest(np.abs(rows), NUM_FINE) for rows in some])
    values = np.take_along_axis(fractions, chosen, axis=1)
    return chosen, np.rint(values * FULL_SCALE).astype("<i2")


def _largest(sizes: npt.NDArray[np.floating[Any]], count: int) -> npt.NDArray[np.intp]:
    """The columns of the largest numbers in each row, (T, K), the first of equal ones; the numbers are changed."""
    rows = np.arange(len(sizes))
    chosen = np.empty((len(sizes), min(count, sizes.shape[1])), np.intp)
    for k in range(chosen.shape[1]):
        chosen[:, k] = sizes.argmax(axis=1)
        sizes[rows, chosen[:, k]] = -1
    return chosen
