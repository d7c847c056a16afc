"""`charrnn context`: its table, its picture, and what it refuses."""

import csv
import sys
import xml.etree.ElementTree as ET
from importlib.util import find_spec

import numpy as np
import pytest
from helpers import call_charrnn, run_charrnn
from paints import line_colors

from charrnn.config import CorpusConfig
from charrnn.interpret.context import context_curve


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn context ARGUMENTS` beside the corpus and its two runs."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(workplace)

    def run(*arguments, status=0):
        return call_charrnn(capsys, "context", *arguments, status=status)

    return run


def test_the_table_and_the_file_say_what_was_measured(see, tmp_path, tiny_model, workplace):
    arguments = ("tiny", "corpus.txt", "--windows", 60, "--csv", tmp_path / "h.csv")
    result = see(*arguments)
    text = (workplace / "corpus.txt").read_text()
    found = context_curve(tiny_model, tiny_model.vocabulary.encode(text), windows=60)
    rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert [int(row["context"]) for row in rows] == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]
    np.testing.assert_allclose([float(row["surprisal"]) for row in rows], found.mean, rtol=1e-4)
    np.testing.assert_allclose([float(r["standard_error"]) for r in rows], found.error, rtol=1e-3)
    assert {row["windows"] for row in rows} == {"60"}
    table = [line.split() for line in result.out.splitlines() if line[:7].strip().isdigit()]
    assert [line[1] for line in table] == [f"{m:.3f}" for m in found.mean]
    assert f"context length {found.effective_length}: within" in result.out
    assert "wrote" in result.err


def test_a_short_text_has_short_contexts(see, wording):
    out = see("tiny", "def wrap(text):").out
    assert [line.split()[0] for line in out.splitlines()[3:-1]] == ["0", "1", "2", "4"]
    assert "on the same 11 characters" in out.replace("\n", " ")
    wording(see("tiny", "d", status=3))
    assert "per byte" in see("bytes", "é").out


def test_a_run_of_lines_is_said_to_start_at_each(see, monkeypatch, wording):
    monkeypatch.setattr("charrnn.cli.reading.reading_of", lambda _: CorpusConfig(lines=True))
    result = see("tiny", "def a\nf")
    wording(result)
    assert "on the same 8 characters" in result.out.replace("\n", " ")


@pytest.mark.parametrize(
    "options",
    [
        ("--color", "none"),
        ("--svg", "h.svg", "--width", 60),
        ("--svg", "h.svg", "--color", "16"),
        ("--svg", "h.png"),
        ("--windows", 0),
        ("--csv", "h"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(see, options, wording):
    result = see("tiny", "def", *options, "-q", status=2)
    wording(result)
    assert result.out == ""


# --- the picture ----------------------------------------------------------------------------------

needs_matplotlib = pytest.mark.skipif(
    not find_spec("matplotlib"), reason="matplotlib is not installed"
)
SVG = "{http://www.w3.org/2000/svg}"


def texts_in(svg):
    return ["".join(t.itertext()) for t in ET.fromstring(svg).iter(f"{SVG}text")]


@needs_matplotlib
def test_a_picture_is_written_instead_of_the_table_and_is_the_same_each_time(see, tmp_path):
    names = ("a.svg", "b.svg", "a.png", "c.svg")
    a, b, png, black = (tmp_path / name for name in names)
    arguments = ("tiny", "corpus.txt", "--windows", 20)
    result = see(*arguments, "--svg", a, "--png", png, "--csv", tmp_path / "h.csv")
    assert result.out == ""
    assert result.err.count("wrote") == 3
    see(*arguments, "--svg", b)
    see(*arguments, "--svg", black, "--color", "none")
    assert a.read_bytes() == b.read_bytes()
    assert png.read_bytes().startswith(b"\x89PNG")
    blue = "#{:02x}{:02x}{:02x}".format(*line_colors()[0])
    assert blue in a.read_text(encoding="utf-8")
    assert blue not in black.read_text(encoding="utf-8")


@needs_matplotlib
def test_a_single_place_has_no_error_and_is_drawn_all_the_same(see, tmp_path):
    see("tiny", "de", "--svg", tmp_path / "h.svg")
    words = texts_in((tmp_path / "h.svg").read_bytes())
    assert "k, each time from the initial state; the same 1 character for every k" in words


def test_a_picture_needs_matplotlib(see, tmp_path, monkeypatch, wording):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    wording(see("tiny", "def", "--svg", tmp_path / "h.svg", status=6))
    assert not list(tmp_path.iterdir())


@needs_matplotlib
def test_a_setting_that_matplotlib_refuses_is_told_in_a_line(workplace, wording):
    arguments = ("context", "tiny", "def", "--svg", "h.svg", "-q")
    result = run_charrnn(*arguments, cwd=workplace, env={"MPLBACKEND": "foo"}, status=6)
    wording(result, "(?<=does not work: ).*")
    assert "'foo'" in result.err
    assert len(result.err.splitlines()) == 1
    assert not (workplace / "h.svg").exists()
