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
        assert found["lines"].tolist() == [1, 3, 4, 5]
        assert found["files"].tolist() == [0] * 4
        assert found["names"].tolist() == [str(lines)]
        expected = vectors_of(tiny_model, [line for line in LINES if line], of=of)
        np.testing.assert_array_equal(found["vectors"], expected)
        assert found["vectors"].dtype == np.float32


def test_lines_of_several_files_are_numbered_in_each(see, lines, tmp_path):
    (tmp_path / "more.txt").write_text("\nimport re\n")
    see("tiny", lines, tmp_path / "more.txt", "--out", tmp_path / "v.npz")
    with np.load(tmp_path / "v.npz") as found:
        assert found["lines"].tolist() == [1, 3, 4, 5, 2]
        assert found["files"].tolist() == [0, 0, 0, 0, 1]
    ask = ("--nearest", "import re", "--top", 2, "--json")
    rows = map(json.loads, see("tiny", lines, tmp_path / "more.txt", *ask).out.splitlines())
    assert [(row["file"], row["number"]) for row in rows] == [
        (str(lines), 1),
        (str(tmp_path / "more.txt"), 2),
    ]


def test_a_long_line_does_not_make_the_others_long(see, tmp_path):
    (tmp_path / "long.txt").write_text("import re\n" * 500 + "x" * 5000 + "\n")
    see("tiny", tmp_path / "long.txt", "--out", tmp_path / "v.npz")
    assert (tmp_path / "v.npz").stat().st_size < 1_000_000


def test_the_nearest_line_is_the_same_one(see, lines):
    rows = [
        json.loads(line)
        for line in see("tiny", lines, "--nearest", "import re", "--json").out.splitlines()
    ]
    assert (rows[0]["text"], rows[0]["number"]) == ("import re", 1)
    assert {row["text"]: row["number"] for row in rows}["def f():"] == 3
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


def test_vectors_that_would_fill_the_memory_are_refused(see, lines, monkeypatch, wording):
    monkeypatch.setattr("charrnn.cli.embed.free_memory", lambda: 100)
    wording(see("tiny", lines, "--nearest", "import", status=6))
