"""Which label was taken for which, as a matrix of counts: a row for each right label, a column for each that was given.

                 fr    it    es
           fr   212     3     .
           it     5   198    21
           es     .    17   240

What is right stands on the diagonal. Labels that do not fit the width are put together, those that are confused least.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len

from charrnn.render.grid import GAP, GridRow, row_of, words
from charrnn.render.look import Look
from charrnn.render.palette import HUES, PLAIN, Paint
from charrnn.render.views.matrix import short_label
from charrnn.render.views.scale import note_rows, title_rows
from charrnn.wording import counted

NARROWEST = 3
"""Cells of a column at least."""
MOST_LABELS = 40
"""Labels that have rows of their own, at most."""
OTHERS = "others"
NEVER = "."
"""How 0 is shown, so that mistakes stand out."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Confusion:
    """How often labels were taken for each other."""

    labels: Sequence[str]
    counts: Counts
    """(labels, labels): how often a label, a row, was taken for another, a column."""


def confusion_rows(confusion: Confusion, look: Look, width: int) -> Iterator[GridRow]:
    """The rows of a confusion matrix: a legend, the labels that were given, and a row for each right one.

    Args:
        confusion: the counts.
        look: how it is drawn.
        width: columns in a line.
    """
    shown = _fitting(confusion, width)
    yield from title_rows("labels   the right one down, the one that was given across", look)
    if look.has_color:
        right, wrong = HUES[look.palette]
        yield from note_rows(f"{right}: right; {wrong}: mistakes, by their part of the row", look)
    if len(shown.labels) < len(confusion.labels):
        own, all_labels = len(shown.labels) - 1, counted(len(confusion.labels), "label")
        note = (
            f"{own} of {all_labels} are shown, those with the most mistakes; the rest is {OTHERS}"
        )
        yield from note_rows(note, look)
    yield GAP
    labels, margin, column = _layout(shown, width)
    yield words("", width=margin) + _row([_cut(label, column) for label in labels], column, look)
    for k, label in enumerate(labels):
        texts = [f"{count:,}" if count else NEVER for count in shown.counts[k].tolist()]
        name = words(label + " " * (margin - cell_len(label)), PLAIN, margin)
        yield name + _row(texts, column, look, _paints(shown.counts[k], k, look))


def _fitting(confusion: Confusion, width: int) -> Confusion:
    """The labels that fit, in their order; the others as one."""
    counts, num = confusion.counts, len(confusion.labels)
    _, margin, _ = _layout(confusion, width)

    def room(largest: int) -> int:
        """The columns of such counts that fit."""
        return min(MOST_LABELS + 1, (width - margin) // (_cells(largest) + 1))

    if num <= room(int(counts.max(initial=0))):
        return confusion
    most = max(2, room(int(counts.sum())))
    if num <= most:
        return confusion
    mistakes = counts.sum(0) + counts.sum(1) - 2 * np.diag(counts)
    kept = np.sort(np.argsort(-mistakes, kind="stable")[: most - 1])
    place = np.full(num, len(kept))  # of the others
    place[kept] = np.arange(len(kept))
    folded = np.zeros((len(kept) + 1, len(kept) + 1), np.int64)
    np.add.at(folded, (place[:, None], place[None]), counts)
    return Confusion([*(confusion.labels[k] for k in kept.tolist()), OTHERS], folded)


def _layout(confusion: Confusion, width: int) -> tuple[list[str], int, int]:
    """The labels as short lines, the cells before the counts, and those of each count."""
    labels = [short_label(label) for label in confusion.labels]
    widest = max(map(cell_len, labels), default=0)
    numbers = _cells(int(confusion.counts.max(initial=0)))
    room = (width - widest - 1) // max(1, len(labels)) - 1
    return labels, widest + 1, max(numbers, min(widest, room))


def _cells(largest: int) -> int:
    """The cells of a column of counts up to this one."""
    return max(NARROWEST, len(f"{largest:,}"))


def _row(
    texts: Sequence[str], column: int, look: Look, paints: Sequence[Paint] | None = None
) -> GridRow:
    """Texts in columns, each at the right side of its own."""
    paints = paints or [look.note] * len(texts)
    cells = []
    for text, paint in zip(texts, paints, strict=True):
        cells += [("", 1, PLAIN), (" " * (column - cell_len(text)) + text, column, paint)]
    return row_of(cells)


def _cut(label: str, column: int) -> str:
    """The beginning of a label that fits a column; its row has all of it."""
    while cell_len(label) > column:
        label = label[:-1]
    return label


def _paints(counts: Counts, own: int, look: Look) -> list[Paint]:
    """The colors of a row: its own label on one side of neutral, the mistakes on the other."""
    parts = counts / max(1, int(counts.sum()))
    parts[own] *= -1
    return look.diverging.of(parts, 1.0)
