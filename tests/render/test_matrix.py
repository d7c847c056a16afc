"""Matrices of numbers from 0 to 1 between a text and other things."""

import numpy as np
import pytest
from rich.cells import cell_len

from charrnn.render.grid import GAP
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode
from charrnn.render.views.matrix import Matrix, matrix_rows

PLAIN, COLORED = Look(ColorMode.none, line=60), Look(ColorMode.truecolor, line=60)


def made(across, down, values=None, **more):
    if values is None:
        values = np.random.default_rng(1).dirichlet(np.ones(len(across)), len(down))
    options = {"title": "attention   of a test", "meaning": "the weight of a character"} | more
    return Matrix(across=across, down=down, values=np.asarray(values, np.float32), **options)


def lines(matrix, look=PLAIN, width=60):
    return [
        "".join(t.ljust(w) for t, w in zip(r.texts, r.widths, strict=True))
        for r in matrix_rows(matrix, look, width)
    ]


def test_each_row_has_a_digit_under_each_character():
    shown = lines(made("abc", "xy", [[0, 0.5, 1], [1, 0, 0.1]]))
    assert [line.rstrip() for line in shown[-3:]] == ["  abc", "x 049", "y 901"]


def test_without_digits_the_size_is_a_color_and_equal_sizes_are_equal():
    *_, first, second = matrix_rows(made("abc", "xy", [[0, 0.5, 1], [1, 0, 0.5]]), COLORED, 60)
    assert set(first.texts[1:]) == {""}
    nothing, half, full = first.paints[1:]
    assert [*second.paints[1:]] == [full, nothing, half]


@pytest.mark.parametrize("width", [8, 20, 60])
@pytest.mark.parametrize(
    "across", ["abcdefghijklmnopqrstuvwxyz" * 2, "日本語のテキスト" * 3, "e\u0301a" * 9, "\n\t\0"]
)
def test_every_character_has_its_column_and_no_line_is_too_wide(across, width):
    rows = [*matrix_rows(made(across, "xyz"), PLAIN, width)]
    rows = [row for row in rows[rows.index(GAP) :] if row != GAP]
    texts = rows[::4]  # one above the rows of x, y and z
    assert sum(len(row.texts) - 1 for row in texts) == len(across)
    assert all(row.width <= width for row in rows)
    for row in rows:
        assert all(cell_len(t) <= w for t, w in zip(row.texts, row.widths, strict=True))


def test_long_labels_are_cut_and_hostile_ones_are_one_line():
    shown = lines(made("ab", ["x" * 99, "a\nb\x1b[31m"]))
    assert shown[-2].startswith("x" * 19 + "…")
    assert "\x1b" not in shown[-1]
    assert "\n" not in shown[-1]
