"""Matrices of which label was taken for which."""

import numpy as np
import pytest
from rich.cells import cell_len

from charrnn.render.grid import GAP
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode
from charrnn.render.views.confusion import Confusion, confusion_rows

PLAIN, COLORED = Look(ColorMode.none, line=60), Look(ColorMode.truecolor, line=60)


def made(labels, seed=1):
    counts = np.random.default_rng(seed).integers(0, 40, (len(labels), len(labels)))
    return Confusion(labels, counts + np.diag([1000] * len(labels)))


def body(confusion, look=PLAIN, width=60):
    rows = [*confusion_rows(confusion, look, width)]
    return rows[rows.index(GAP) + 1 :]


def text_of(row):
    return "".join(t.ljust(w) for t, w in zip(row.texts, row.widths, strict=True))


def test_counts_stand_under_the_label_that_was_given():
    found = Confusion(["fr", "italian"], np.array([[12, 0], [3, 1500]]))
    assert [text_of(row) for row in body(found)] == [
        "              fr italian",
        "fr            12       .",
        "italian        3   1,500",
    ]


def test_right_and_wrong_have_colors_of_their_own_by_their_part_of_the_row():
    rows = body(Confusion(["a", "b"], np.array([[10, 0], [5, 5]])), COLORED)[1:]
    (all_right, none), (wrong, half) = (row.paints[2::2] for row in rows)
    assert len({all_right, none, wrong, half}) == 4
    again = body(Confusion(["a", "b"], np.array([[100, 0], [1, 1]])), COLORED)[2]
    assert again.paints[2::2] == [wrong, half]


@pytest.mark.parametrize("width", [20, 40, 100])
@pytest.mark.parametrize(
    "labels",
    [
        [f"label {k}" for k in range(60)],
        ["日本語", "中文", "한국어", "e\u0301", "x" * 99, "a\nb\x1b[31m"],
    ],
)
def test_whatever_the_labels_columns_are_aligned_and_lines_fit(labels, width):
    rows = body(made(labels), PLAIN, width)
    assert len({tuple(row.widths) for row in rows[1:]}) == 1
    for row in rows:
        assert all(cell_len(t) <= w for t, w in zip(row.texts, row.widths, strict=True))
        assert row.width <= max(width, 35)  # two columns at least
        assert "\x1b" not in text_of(row)


def test_labels_that_do_not_fit_are_put_together_and_nothing_is_lost():
    labels = [f"label {k}" for k in range(60)]
    confusion = made(labels)
    confusion.counts[7, 9] = 900
    rows = body(confusion, PLAIN, 60)
    shown = [text_of(row) for row in rows[1:]]
    assert shown[-1].startswith("others")
    assert {"label 7", "label 9"} <= {line[:8].strip() for line in shown}
    numbers = [int(n.replace(",", "")) for line in shown for n in line[8:].split() if n != "."]
    assert sum(numbers) == confusion.counts.sum()
    (note,) = [r for r in confusion_rows(confusion, PLAIN, 60) if "60 labels" in text_of(r)]
    assert f"{len(shown) - 1} of 60" in text_of(note)
