"""What the page shows of a reading, as JSON: numbers rounded and packed, text as labels that cannot act.

How arrays are packed: see `charrnn.web.packing`. Values of units are whole numbers from -`levels` to `levels`, of which
only zero is zero: see `quantised`.

The values are nearly all of a page. So there are only as many levels as leave the page at a few megabytes. What the page
says of them is about true (it has the middle of a level for each value in it), but which units are on from a border
between levels on is exact; and so are the strongest units of each symbol, which go in besides.
"""

import collections
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from charrnn.errors import CheckpointError
from charrnn.interpret.gates import saturation
from charrnn.interpret.recording import PART
from charrnn.interpret.units import Unit, interest
from charrnn.network.cells import get_cell
from charrnn.render.glyphs import glyph
from charrnn.render.views.scene import MOST_BITS
from charrnn.web.packing import pack, pack_values

if TYPE_CHECKING:
    from charrnn.interpret.recording import RecordedModel, Recording
    from charrnn.model import Float

LEVELS = (112, 64, 32, 16)
"""On each side of zero: multiples of the 16 of the terminal, so that the page has its colours."""
FEW_CHARS = 4_000_000
"""Of the page, for values; where they would take more, there are fewer levels."""
STRONGEST = 8
"""Units of each symbol whose values go in finely: those farthest from zero, as parts of their scales."""
FINE = 2000
"""What a full scale is written as for them."""
TOGETHER = 64
"""Units whose interest is computed together, in float64."""
LONGEST = 1e9
"""The longest time scale that is written."""
MOST_MILLIBITS = 65535
CHANCES = 4000
"""What a probability of 1 is written as."""


@dataclass
class Reading:
    """What was kept of the parts of a recording, for some units."""

    units: tuple[Unit, ...]
    source: "RecordedModel | None" = None
    names: tuple[str, ...] = ()
    start: int = 0
    """Symbols read before these."""
    ids: list[npt.NDArray[np.int32]] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    surprisal: list["Float"] = field(default_factory=list)
    next_ids: list[npt.NDArray[np.int32]] = field(default_factory=list)
    next_probabilities: list["Float"] = field(default_factory=list)
    values: list["Float"] = field(default_factory=list)
    """(part, U) each."""

    def keeping(self, parts: "Iterable[Recording]") -> "Iterator[Recording]":
        """The parts as they come, with what a page needs of them kept."""
        for part in parts:
            self.keep(part)
            yield part

    def keep(self, part: "Recording") -> None:
        """Keep what a page needs of a part."""
        if not self.ids:
            self.source, self.names, self.start = part.source, part.next_text, part.start
        self.ids.append(part.ids)
        self.pieces += part.pieces
        self.surprisal.append(part.surprisal)
        self.next_ids.append(part.next_ids)
        self.next_probabilities.append(part.next_probabilities)
        columns = [part.arrays[u.what][:, u.layer, u.index] for u in self.units]
        self.values.append(np.stack(columns, axis=1))


def page_data(
    parts: "Iterable[Recording]",
    units: Sequence[Unit],
    *,
    title: str,
    first: str | None = None,
) -> dict[str, Any]:
    """The data of a page.

    Args:
        parts: the recordings of the text, one after the other, with guesses, and with the arrays of `units`; if those
            of the cell's sigmoid gates are there too, the page shows how they are used. Of a short text it may be one:
            page_data([recording], ...).
        units: whose values go in, one or more.
        title: what was read by whom.
        first: what the text is coloured by at first: the address of a unit, or "surprisal"; by default the unit with
            the highest interest, among those of the cell's memory if there are any.

    Raises:
        CheckpointError: what the model says is not a number, as happens when its weights are enormous.
    """
    reading = Reading(tuple(dict.fromkeys(units)))
    gates = _gates(reading.keeping(parts))
    assert reading.source, "a text has at least one symbol"
    values = np.nan_to_num(np.concatenate(reading.values), copy=False)  # (T, U)
    surprisal = np.concatenate(reading.surprisal)
    if not np.isfinite(surprisal).all():
        raise CheckpointError("the model's probabilities are not finite: its weights are too large")
    costs = surprisal[int(reading.start == 0) :]  # a symbol that was given costs nothing
    ids = np.concatenate(reading.ids)
    table, columns = _labels(reading.pieces, ids)
    about, scales = _units(values, reading.units)
    order = sorted(range(len(about)), key=lambda u: -about[u]["interest"])
    shares = values[:, order] / scales[order]
    levels, packed = _values(shares, ids)
    strongest, strengths = _strongest(shares)
    return {
        "title": "".join(map(glyph, title)),
        "source": {
            "cell": reading.source.cell,
            "fingerprint": reading.source.fingerprint,
            "edits": list(reading.source.edits),
        },
        "noun": "character" if all(reading.pieces) else "byte",
        "length": len(ids),
        "start": reading.start,
        "labels": [label for label, _ in table],
        "breaks": [k for k, (_, ends) in enumerate(table) if ends],
        "columns": pack(columns),
        "ids": pack(ids),
        "names": ["".join(map(glyph, name)) for name in reading.names],
        "surprisal": pack(np.minimum(np.rint(surprisal * 1000), MOST_MILLIBITS).astype("<u2")),
        "meanSurprisal": round(float(costs.mean()) if len(costs) else 0.0, 4),
        "mostSurprisal": MOST_BITS,
        "guesses": pack(np.concatenate(reading.next_ids)),
        "chances": pack(
            np.rint(np.concatenate(reading.next_probabilities) * CHANCES).astype("<u2")
        ),
        "certain": CHANCES,
        "levels": levels,
        **packed,
        "fine": FINE,
        "strongest": pack(strongest),
        "strengths": pack(strengths),
        "units": [about[u] for u in order],
        "first": first or about[_most_interesting(about, order, reading.source.memory)]["name"],
        "gates": gates,
    }


def _most_interesting(about: Sequence[Mapping[str, Any]], order: Sequence[int], memory: str) -> int:
    """The first unit in the order that is one of the memory's, or the first of all if none is."""
    return next((u for u in order if about[u]["what"] == memory), order[0])


def _labels(
    pieces: Sequence[str], ids: npt.NDArray[np.int32]
) -> tuple[list[tuple[str, bool]], npt.NDArray[np.int64]]:
    """How each symbol is shown and whether it ends a line: a table, and each position's row (T,)."""
    rows: dict[tuple[str, bool], int] = {}
    columns = [
        rows.setdefault(("".join(map(glyph, p)) or f"{s:02x}", p.endswith("\n")), len(rows))
        for p, s in zip(pieces, ids.tolist(), strict=True)
    ]
    return list(rows), np.array(columns, np.int64)


def _units(
    values: "Float", units: Sequence[Unit]
) -> tuple[list[dict[str, Any]], npt.NDArray[np.float32]]:
    """What is known of each unit, and the value (U,) of its full colour: see `charrnn.render.views.scene.unit_block`."""
    some = [values[:, None, k : k + TOGETHER] for k in range(0, len(units), TOGETHER)]
    scores = np.concatenate([interest(columns)[0] for columns in some])
    reach = np.abs(values).max(axis=0)
    is_cell = np.array([u.what == "c" for u in units], bool)
    scales = np.where(is_cell | (reach > 1), np.maximum(reach, 1e-6), 1.0).astype(np.float32)
    lows, highs = values.min(axis=0), values.max(axis=0)
    about = [
        {
            "name": str(unit),
            "layer": unit.layer,
            "what": unit.what,
            "index": unit.index,
            "scale": round(float(scales[k]), 6),
            "interest": round(float(scores[k]), 4),
            "low": round(float(lows[k]), 4),
            "high": round(float(highs[k]), 4),
            "reasons": [],
        }
        for k, unit in enumerate(units)
    ]
    return about, scales


def _gates(parts: "Iterator[Recording]") -> list[dict[str, Any]]:
    """Of each gate that can saturate: the part of the time that each unit's (L, H) is shut, open, and its time scale."""
    first = next(parts)
    gates = get_cell(first.source.cell).sigmoids
    if not gates or not first.arrays.keys() >= set(gates):
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


def _finite(scales: npt.NDArray[np.float64]) -> list[list[float]]:
    """Time scales (L, H) for JSON, which has no infinity."""
    return np.minimum(scales, LONGEST).round(2).tolist()  # type: ignore[no-any-return]


def _values(
    parts: npt.NDArray[np.floating[Any]], ids: npt.NDArray[np.int32]
) -> tuple[int, dict[str, Any]]:
    """How many levels there are, and parts of the scale (T, U) in them, packed."""
    for levels in LEVELS:
        packed = pack_values(quantised(parts.T, levels), ids, levels)
        if len(packed["differences"]["data"]) <= FEW_CHARS:
            break
    return levels, packed


def quantised(parts: npt.NDArray[np.floating[Any]], levels: int) -> npt.NDArray[np.int8]:
    """Parts (U, T) from -1 to 1 in levels, as many as they reach into: level k is from (k - 1)/levels on, 0 is zero.

    So at least m/levels is what has a level above m, exactly; and (k - 1/2)/levels is off by half a level at most.
    """
    whole = np.empty(parts.shape, np.int8)
    for row, numbers in zip(whole, parts, strict=True):
        reached = np.floor(np.abs(numbers.astype(np.float64)) * levels) + 1
        row[:] = np.sign(numbers) * np.minimum(reached, levels)
    return whole


def _strongest(
    parts: npt.NDArray[np.floating[Any]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int16]]:
    """The units that are farthest from zero, of equals the first, and their parts of the scale, both (T, K).

    Args:
        parts: of the scales, (T, U).
    """
    some = np.array_split(parts, -(-len(parts) // PART))
    units = [np.argsort(-np.abs(rows), axis=1, kind="stable")[:, :STRONGEST] for rows in some]
    chosen = np.concatenate(units)
    found = np.take_along_axis(parts, chosen, axis=1)
    return chosen, np.rint(found * FINE).astype("<i2")
