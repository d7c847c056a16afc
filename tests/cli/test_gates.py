"""`charrnn gates`: its tables, its pictures, and what it refuses."""

import csv
import re
import sys
from importlib.util import find_spec
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from helpers import call_charrnn, make_text

from charrnn.api import LanguageModel
from charrnn.cli.gates import _of_text
from charrnn.cli.reading import Reader, ReadingOptions
from charrnn.config import CorpusConfig, ModelConfig
from charrnn.errors import UsageError
from charrnn.interpret import recording as recording_module
from charrnn.interpret.gates import saturation
from charrnn.network.shapes import weight_shapes
from charrnn.text.vocabulary import Vocabulary

SVG = "{http://www.w3.org/2000/svg}"
needs_matplotlib = pytest.mark.skipif(
    not find_spec("matplotlib"), reason="matplotlib is not installed"
)


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn gates ARGUMENTS` beside the corpus and its two runs."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(workplace)

    def run(*arguments, status=0):
        return call_charrnn(capsys, "gates", *arguments, status=status)

    return run


def test_the_tables_and_the_file_say_what_was_measured(see, tmp_path, tiny_model):
    text = make_text(3000)
    result = see("tiny", "corpus.txt", "--max-chars", 3000, "--csv", tmp_path / "g.csv")
    found = saturation([tiny_model.read(text)])
    assert result.out.startswith("gates in 3,000 characters, 48 units.")
    assert re.search(r"wrote .*g\.csv \(\d.* kB\)", result.err)
    rows = list(csv.DictReader((tmp_path / "g.csv").read_text().splitlines()))
    assert list(rows[0]) == [
        "address",
        "layer",
        "gate",
        "unit",
        *["left", "right", "mean"],
        "time_scale",
    ]
    assert len(rows) == 3 * 2 * 24
    gates = {gate.name: gate for gate in found.gates}
    for row in rows:
        gate, at = gates[row["gate"]], (int(row["layer"]), int(row["unit"]))
        assert row["address"] == f"L{at[0]}.{gate.name}.{at[1]}"
        assert (float(row["left"]), float(row["right"])) == (gate.left[at], gate.right[at])
        assert float(row["mean"]) == pytest.approx(gate.mean[at])
        assert (row["time_scale"] == "") == (gate.name != "f")
    longest = max((r for r in rows if r["gate"] == "f"), key=lambda r: float(r["time_scale"]))
    assert f"{longest['address']:<10} {float(longest['time_scale']):.1f} characters" in result.out
    most_open = max((r for r in rows if r["gate"] == "o"), key=lambda r: float(r["right"]))
    assert f"{100 * float(most_open['right']):.1f} %" in result.out
    layer = gates["f"].left[1].mean()
    assert re.search(rf"^ +1 +{100 * layer:.1f} %", result.out, re.MULTILINE)


def test_the_whole_text_is_read_in_parts(see, workplace, monkeypatch):
    longest = 0
    read = recording_module.Reader.read

    def watched(self, ids, following):
        nonlocal longest
        part = read(self, ids, following)
        longest = max(longest, len(part.ids))
        assert set(part.arrays) == set("ifo")
        return part

    monkeypatch.setattr(recording_module.Reader, "read", watched)
    assert "gates in 6,000 characters" in see("tiny", "corpus.txt").out
    assert longest == recording_module.PART


def test_held_units_show_in_the_gates(see):
    plain = see("tiny", "def wrap").out
    assert see("tiny", "def wrap", "--clamp", "L0.h.*=0.9").out != plain


def test_width_and_colour_are_obeyed(see):
    wide, narrow = (see("tiny", "def wrap", "--width", w).out for w in (100, 50))
    assert len(narrow.splitlines()[0]) <= 50 < len(wide.splitlines()[0])
    assert "\x1b[" in see("tiny", "def wrap", "--color", "256").out
    assert "\x1b[" not in wide


def test_a_byte_model_counts_bytes_and_one_is_one(see):
    assert "gates in 4 bytes" in see("bytes", "aé\n").out
    assert "gates in 1 character, 48" in see("tiny", "d").out


@pytest.mark.parametrize(
    "options",
    [
        ("--unit", "L0.f.1"),
        ("--palette", "vik"),
        ("--widht", "9"),
        ("--svg", "g.svg", "--width", 9),
        ("--svg", "g.svg", "--color", "16"),
        ("--csv", "g.txt"),
        ("--csv", "nowhere/g.csv"),
        ("--csv", "."),
    ],
)
def test_what_cannot_be_obeyed_is_refused(see, options, wording):
    result = see("tiny", "def", *options, "-q", status=2)
    wording(result)
    assert result.out == ""


def test_a_run_without_gates_is_refused_in_a_line(wording):
    config = ModelConfig(cell="elman", vocab_size=2, embedding_size=3, hidden_size=4)
    weights = {n: np.zeros(s, np.float32) for n, s in weight_shapes(config).items()}
    model = LanguageModel(config, Vocabulary("char", [97, 98]), weights)
    reader = Reader(model, "ab", CorpusConfig(), title="")
    with wording.raises(UsageError):
        _of_text(reader, ReadingOptions())


# --- pictures -------------------------------------------------------------------------------------


def points_in(svg):
    """The points of each collection of an SVG in their order, (n, 2) from the upper left, and how each looks."""
    root = ET.fromstring(svg)
    found = {}
    for group in root.iter(f"{SVG}g"):
        if group.get("id", "").startswith("PathCollection"):
            uses = list(group.iter(f"{SVG}use"))
            places = [[float(use.get("x")), float(use.get("y"))] for use in uses]
            found[group.get("id")] = np.array(places), uses[0].get("style")
    return list(found.values())


def texts_in(path):
    return re.findall(r">([^<\n]+)</text>", path.read_text(encoding="utf-8"))


@needs_matplotlib
def test_a_picture_is_drawn_instead_of_lines_with_a_point_for_each_unit(see, tmp_path):
    files = ("--svg", tmp_path / "g.svg", "--csv", tmp_path / "g.csv")
    result = see("tiny", "def wrap(text):", *files)
    assert result.out == ""
    assert result.err.count("wrote") == 2
    drawn = points_in((tmp_path / "g.svg").read_bytes())
    assert [len(points) for points, _ in drawn[:6]] == [24] * 6
    said = texts_in(tmp_path / "g.svg")
    assert {"gate i", "gate f", "gate o", "layer 0", "layer 1"} <= set(said)
    assert "right-saturated (fraction of steps above 0.9)" in said


@needs_matplotlib
def test_without_colours_marks_tell_the_layers_and_both_kinds_are_the_same_each_time(see, tmp_path):
    names = ("a.svg", "b.svg", "a.png", "b.png")
    for svg, png in (("a.svg", "a.png"), ("b.svg", "b.png")):
        files = ("--svg", tmp_path / svg, "--png", tmp_path / png)
        see("tiny", "def wrap", "--color", "none", *files, "-q")
    a, b, c, d = ((tmp_path / name).read_bytes() for name in names)
    assert (a, c) == (b, d)
    assert c.startswith(b"\x89PNG")
    groups = [g for g in ET.fromstring(a).iter(f"{SVG}g") if "PathC" in g.get("id", "")]
    outlines = [next(group.iter(f"{SVG}path")).get("d") for group in groups]
    assert ["C" in outline for outline in outlines] == [True, False] * 4  # circles and squares
    assert all("fill: none" in list(group.iter())[-1].get("style") for group in groups)


def test_a_picture_of_gates_needs_matplotlib(see, tmp_path, monkeypatch, wording):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for kind in ("svg", "png"):
        wording(see("tiny", "def", f"--{kind}", tmp_path / f"g.{kind}", status=6))
    assert not list(tmp_path.iterdir())
