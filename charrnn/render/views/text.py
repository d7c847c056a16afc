"""A text colored by one value for each of its symbols, with rows below: digits, surprisal, guesses."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len

from charrnn.interpret.recording import Recording
from charrnn.interpret.units import Unit
from charrnn.numerics import Float
from charrnn.render.graphemes import Graphemes
from charrnn.render.grid import GAP, Band, GridRow, folded
from charrnn.render.look import Look
from charrnn.render.palette import Paint
from charrnn.render.views.scale import (
    FULL_SURPRISAL,
    Scale,
    counts_paints,
    digit_rows,
    digits_of,
    surprisal_digits,
    surprisal_paints,
)
from charrnn.render.views.symbols import Column, columns_of, shown

HERE = "here"

ValuesOf = Callable[[Recording], Float]
"""The values that color a part of a text: one for each of its symbols, (T,)."""


class Guess(NamedTuple):
    """A symbol that may come next, as the model predicts after a column's symbol."""

    label: str
    probability: float
    is_true: bool


@dataclass(frozen=True)
class TextPart:
    """A part of a text, or all of it, with one value for each symbol."""

    columns: Sequence[Column]
    values: Sequence[float] | Float
    guesses: Sequence[Sequence[Guess]] = ()
    """K guesses under each column; empty if none are shown."""
    surprisal: Sequence[float] = ()
    """The bits of each column's symbol; empty if they are not shown."""
    from_counts: Sequence[float] = ()
    """The share of each symbol's probability that came from counts; empty if the model has none."""
    gap: int = 0
    """Blank cells after the widest guess of a column."""


def text_parts(
    recordings: Iterable[Recording],
    values: ValuesOf,
    *,
    surprisal: bool = False,
    percent: bool = False,
) -> Iterator[TextPart]:
    """The parts of a text; their guesses are those that were recorded.

    Args:
        recordings: the recordings of the parts, in order.
        values: the values that color each part.
        surprisal: whether to show the surprisal of each symbol.
        percent: whether to show the probability of each guess, in percent.
    """
    graphemes = Graphemes()
    for recording in recordings:
        columns = columns_of(recording, graphemes)
        bits = recording.surprisal.tolist() if surprisal else ()
        parts = () if recording.from_counts is None else recording.from_counts.tolist()
        guesses = _guesses(recording, percent=percent)
        yield TextPart(columns, values(recording), guesses, bits, parts, gap=int(percent))


def _guesses(recording: Recording, *, percent: bool) -> list[list[Guess]]:
    if not recording.next_ids.shape[1]:
        return []
    labels = list(map(shown, recording.next_text))
    coming = [*recording.ids[1:].tolist(), recording.following]
    symbols, chances = recording.next_ids.tolist(), recording.next_probabilities.tolist()
    return [
        [
            Guess(labels[s] + (f"{100 * p:3.0f}" if percent else ""), p, s == true)
            for s, p in zip(row, parts, strict=True)
        ]
        for row, parts, true in zip(symbols, chances, coming, strict=True)
    ]


# --- what colors it -------------------------------------------------------------------------------


def unit_values(layer: int, what: str, index: int) -> ValuesOf:
    """The values of a unit in a part of a text."""
    return lambda recording: recording.arrays[what][:, layer, index]


def surprisal_values(recording: Recording) -> Float:
    """The surprisal of the symbols of a part of a text, in bits."""
    return recording.surprisal


def unit_scale(
    recording: Recording, layer: int, what: str, index: int, note: str = "", where: str = HERE
) -> Scale:
    """The scale of a unit: 1, but for a cell state c, or values beyond 1, the largest absolute value.

    Args:
        recording: the recording of the text, or of its beginning.
        layer: the unit's layer.
        what: the state or gate.
        index: the unit's index within its layer.
        note: appended to the title.
        where: what the recording is of, if not of the whole text: "in the first 10,000 characters".
    """
    values = unit_values(layer, what, index)(recording)
    reach = float(abs(values).max())
    unit = Unit(layer, what, index)
    own_scale = unit.letter == "c" or reach > 1
    low, high = float(values.min()), float(values.max())
    is_part = where != HERE
    full = max(reach, 1e-6) if own_scale else 1.0
    return Scale(
        f"{unit}   {low:+.2f} to {high:+.2f} {where}{note}",
        full,
        is_signed=low < 0 or (is_part and unit.letter not in recording.source.kind.sigmoids),
        is_exceeded=(is_part and own_scale) or high > full,
    )


def surprisal_scale(recording: Recording, where: str = "") -> Scale:
    """The scale of a text's surprisal.

    Args:
        recording: the recording of the text, or of its beginning.
        where: what the recording is of, if not of the whole text.
    """
    place = f" {where}" if where else ""
    mean, most = recording.mean_surprisal, float(recording.surprisal.max())
    title = f"surprisal   {mean:.3f} bits per {recording.symbol_noun} on average{place}, {most:.1f} at most"
    is_exceeded = bool(place) or most > FULL_SURPRISAL
    return Scale(title, FULL_SURPRISAL, False, is_surprisal=True, is_exceeded=is_exceeded)


# --- its rows -------------------------------------------------------------------------------------


def text_rows(parts: Iterable[TextPart], scale: Scale, look: Look, width: int) -> Iterator[GridRow]:
    """The lines of a text, folded at `width` columns, with the rows under each; the legend is not there.

    Only the last line of a part is kept, because the next part may continue it.

    Args:
        parts: the parts of the text.
        scale: the scale of its values.
        look: how they are drawn.
        width: columns in a line.
    """
    bands = (_band(part, scale, look) for part in parts)
    for number, rows in enumerate(folded(bands, width)):
        if number and len(rows) > 1:
            yield GAP
        yield from rows


def _band(part: TextPart, scale: Scale, look: Look) -> Band:
    """The rows of a part before they are folded: the text, its values in digits, its surprisal, the guesses."""
    columns, widths = part.columns, _widths(part, look)
    notes = [look.note] * len(columns)
    rows = [([c.label for c in columns], scale.ramp(look).of(part.values, scale.full))]
    if look.has_digits:
        rows += [(texts, notes) for texts in digit_rows(part.values, scale)]
    if part.surprisal:
        bits = part.surprisal
        rows.append((surprisal_digits(bits), surprisal_paints(bits, look)))
    if part.from_counts:
        rows.append((digits_of(part.from_counts, 1.0), counts_paints(part.from_counts, look)))
    rows += [_guess_row(guesses, look) for guesses in zip(*part.guesses, strict=True)]
    return Band(
        [GridRow(texts, widths, paints) for texts, paints in rows],
        [c.begins for c in columns],
        [c.ends_line for c in columns],
    )


def _widths(part: TextPart, look: Look) -> list[int]:
    """The cells of each column: as many as its symbol takes, or its widest guess with the mark."""
    own = [c.width for c in part.columns]
    if not part.guesses:
        return own
    mark = len(look.mark)
    return [
        max(width, *[cell_len(g.label) + mark + part.gap for g in guesses])
        for width, guesses in zip(own, part.guesses, strict=True)
    ]


def _guess_row(guesses: Sequence[Guess], look: Look) -> tuple[list[str], list[Paint]]:
    """The guesses of one rank, the same for each column."""
    paints = look.rising.of([g.probability for g in guesses], 1.0)
    labels = [g.label + look.mark if g.is_true else g.label for g in guesses]
    marks = [
        look.marked(paint) if g.is_true else paint for g, paint in zip(guesses, paints, strict=True)
    ]
    return labels, marks
