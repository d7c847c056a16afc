"""`charrnn embed`: vectors of lines."""

import json

import numpy as np
import pytest
from helpers import call_charrnn

from charrnn.interpret.embedding import vectors_of


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn embed ARGUMENTS` in the workplace."""
    monkeypatch.chdir(workplace)
    return lambda *arguments, **options: call_charrnn(capsys, "embed", *arguments, **options)


LINES = ["import re", "", "def f():", "    return 1", "import os"]


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


@pytest.mark.parametrize("of", ["mean", "last"])
def test_the_file_has_a_vector_for_each_line(see, lines, tmp_path, tiny_model, of):
    see("tiny", lines, "--of", of, "--out", tmp_path / "v.npz")
    with np.load(tmp_path / "v.npz", allow_pickle=False) as found:
        assert found["texts"].tolist() == [line for line in LINES if line]
        expected = vectors_of(tiny_model, found["texts"].tolist(), of=of)
        np.testing.assert_array_equal(found["vectors"], expected)
        assert found["vectors"].dtype == np.float32


def test_the_nearest_line_is_the_same_one(see, lines):
    rows = [
        json.loads(line)
        for line in see("tiny", lines, "--nearest", "import re", "--json").out.splitlines()
    ]
    assert (rows[0]["text"], rows[0]["line"]) == ("import re", 1)
    assert rows[0]["cosine"] == pytest.approx(1)
    assert [row["cosine"] for row in rows] == sorted((row["cosine"] for row in rows), reverse=True)
    assert len(rows) == 4
    shown = see("tiny", lines, "--nearest", "import re", "--top", 2).out.splitlines()
    assert shown[0] == " 1.0000  import re"
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("lines.txt",), 2),
        ((), 2),
        (("lines.txt", "--out", "v.csv"), 2),
        (("lines.txt", "--json", "--out", "v.npz"), 2),
        (("lines.txt", "--nearest", "☃"), 2),
        (("empty.txt", "--nearest", "a"), 3),
        (("missing.txt", "--nearest", "a"), 3),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_in_a_line(
    see, lines, monkeypatch, arguments, status, wording
):
    run = lines.parents[0]
    (run / "empty.txt").write_text("\n\n")
    asked = [run / a if str(a).endswith(".txt") and a != "missing.txt" else a for a in arguments]
    wording(see("tiny", *asked, status=status))


def test_lines_that_the_model_does_not_know_are_said_to_be_zero(see, tmp_path, wording):
    (tmp_path / "odd.txt").write_text("☃☃\nimport\n")
    wording(see("tiny", tmp_path / "odd.txt", "--out", tmp_path / "v.npz"))
    with np.load(tmp_path / "v.npz") as found:
        assert found["vectors"].any(1).tolist() == [False, True]
