"""A recording as one small picture, for a notebook: its text, colored by the unit that is most interesting in it."""

import dataclasses
import itertools

from charrnn.interpret.recording import Recording
from charrnn.interpret.units import most_interesting
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode
from charrnn.render.svg import svg_of
from charrnn.render.views.scale import described, legend_rows
from charrnn.render.views.text import HERE, text_parts, text_rows, unit_scale, unit_values

WIDTH = 80
"""Columns in a line."""
FITTING = 'style="max-width:100%;height:auto"'
"""The attribute of a picture that is no wider than its place."""
MAX_LINES = 100
"""Maximum lines of the text."""


def picture_of_best_unit(recording: Recording, most: int) -> str:
    """The text of a recording in the colors of its best unit, as an SVG element that a page can hold.

    It is on white paper, whatever is around it, and becomes narrower where there is less room.

    Args:
        recording: a recording with the cell's memory.
        most: maximum number of symbols, from the beginning; of many short lines there are fewer.
    """
    ends = (t + 1 for t, piece in enumerate(recording.pieces) if piece.endswith("\n"))
    most = min(most, next(itertools.islice(ends, MAX_LINES - 1, None), most))
    part = _beginning(recording, most)
    letter = part.source.memory
    ((unit, score),) = most_interesting(part.arrays[letter], letter, 1)
    total = len(recording.ids)
    where = f"in the first {most:,} of {total:,}" if total > most else HERE
    note = f", interest {score:.2f}"
    scale = unit_scale(part, unit.layer, unit.what, unit.index, note, where)
    look = Look(ColorMode.truecolor, is_picture=True)
    parts = text_parts([part], unit_values(unit.layer, unit.what, unit.index))
    rows = [*legend_rows(scale, look), *text_rows(parts, scale, look, WIDTH)]
    return svg_of(described(rows, [scale])).decode().replace("<svg ", f"<svg {FITTING} ", 1)


def _beginning(recording: Recording, most: int) -> Recording:
    """The first symbols of a recording, without guesses."""
    if len(recording.ids) <= most:
        return dataclasses.replace(recording, next_ids=recording.next_ids[:, :0])
    pieces = recording.pieces[:most]
    return dataclasses.replace(
        recording,
        text="".join(pieces),
        ids=recording.ids[:most],
        pieces=pieces,
        surprisal=recording.surprisal[:most],
        arrays={name: array[:most] for name, array in recording.arrays.items()},
        next_ids=recording.next_ids[:most, :0],
        next_probabilities=recording.next_probabilities[:most, :0],
        following=int(recording.ids[most]),
    )
