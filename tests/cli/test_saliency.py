"""`charrnn saliency`: its colors, its picture, its table, and what it refuses."""

import csv
import subprocess
import sys
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from helpers import CLEAN, call_charrnn, make_text
from paints import codes_of, diverging_colors

from charrnn.config import CorpusConfig
from charrnn.render.palette import ColorMode, Palette, diverging
from charrnn.training.saliency import saliency

SVG = "{http://www.w3.org/2000/svg}"
TEXT = "def wrap(text):"


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn saliency ARGUMENTS` beside the corpus and its two runs."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(workplace)

    def run(*arguments, status=0):
        return call_charrnn(capsys, "saliency", *arguments, status=status)

    return run


@pytest.mark.parametrize(("given", "place"), [(9, 9), (-1, 14), (-14, 1), (15, 15)])
def test_a_position_is_counted_from_0_or_from_the_end(see, tmp_path, tiny_model, given, place):
    out = see("tiny", TEXT, "--at", given, "--csv", tmp_path / "s.csv", "-q").out
    found = saliency(tiny_model, tiny_model.vocabulary.encode(TEXT), place)
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert "".join(row["text"] for row in rows) == TEXT[:place]
    assert [int(row["position"]) for row in rows] == list(range(place))
    assert [int(row["back"]) for row in rows] == list(range(place, 0, -1))
    np.testing.assert_array_equal([float(row["norm"]) for row in rows], found.norms)
    predicted = TEXT[place] if place < len(TEXT) else tiny_model.vocabulary.decode([found.target])
    where = f"at {place}" if place < len(TEXT) else "after the text"
    title, _, text, digits, *_ = out.split("\n")
    shown = f"[{predicted}]".replace("\n", "↵")
    assert title.startswith(f"saliency for {shown} {where}, p {found.probability:.3g} ")
    assert text == TEXT[:place] + shown
    expected = [str(round(9 * n / found.norms.max())) for n in found.norms]
    assert digits == "".join(expected) + "0"
    assert f"the last {found.half} of {place} character" in out


def test_another_character_s_probability(see, tiny_model):
    out = see("tiny", TEXT, "--at", 9, "--target", r"\n").out
    ids = tiny_model.vocabulary.encode(TEXT + "\n")
    found = saliency(tiny_model, ids, 9, target=int(ids[-1]))
    assert out.startswith(f"saliency for [↵] at 9, p {found.probability:.3g} ")
    assert out != see("tiny", TEXT, "--at", 9).out


def test_a_byte_model_counts_bytes(see, wording):
    out = see("bytes", "aé中b", "--at", 5, "--width", 40).out
    assert out.startswith("saliency for [ad] at 5")
    assert out.split("\n")[2] == "ac3ée4b8[ad]"
    assert "of 5 bytes" in out
    wording(see("bytes", "ab", "--at", 1, "--target", "é", status=2))


def test_a_long_text_is_looked_at_near_the_place_only(see, tmp_path):
    (tmp_path / "long.txt").write_text(make_text(2500), encoding="utf-8")
    out = see("tiny", tmp_path / "long.txt", "--at", -1, "--csv", tmp_path / "s.csv").out
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()[:2]))
    assert rows[0]["position"] == "1499"
    assert "of 1,000 characters" in out
    assert "[" + make_text(2500)[-1].replace("\n", "↵") + "]" in out


@pytest.mark.parametrize("color", ["16", "256", "truecolor"])
def test_in_colours_the_largest_is_darkest(see, color):
    out = see("tiny", TEXT, "--at", 9, "--color", color).out
    ramp = diverging(ColorMode(color))
    codes = codes_of(ramp)
    assert codes[-1] in out.split("\n")[2]
    assert not any(code in out for code in codes[: ramp.neutral])  # nothing is below zero


def test_palettes_and_digits_are_obeyed(see):
    shown = ("--at", 9, "--color", "truecolor")
    for palette in Palette:
        out = see("tiny", TEXT, *shown, "--palette", palette).out
        assert codes_of(diverging(ColorMode.truecolor, palette))[-1] in out.split("\n")[2]
    plain = see("tiny", TEXT, "--at", 9).out.split("\n")
    digits = see("tiny", TEXT, *shown, "--digits").out.split("\n")
    assert digits[2] == plain[1]
    assert digits[4].rstrip() == plain[3]


def test_a_picture_has_the_text_and_its_colours(see, tmp_path):
    svg = tmp_path / "s.svg"
    for options in ((), ("--digits",), ("--color", "none"), ("--palette", "vik")):
        result = see("tiny", TEXT, "--at", 9, "--svg", svg, *options)
        assert result.out == ""
        lines = see("tiny", TEXT, "--at", 9).out.split("\n")
        rows = ["".join(row.itertext()) for row in ET.parse(svg).iter(f"{SVG}text")]
        assert rows[0] == lines[0]
        numbered = bool(options) and options[0] != "--palette"
        assert rows[-2 if numbered else -1] == lines[2]
        assert (rows[-1].rstrip() == lines[3]) == numbered
        darkest = diverging_colors(Palette.vik if "vik" in options else Palette.rdbu)[-1]
        fills = [rect.get("fill") for rect in ET.parse(svg).iter(f"{SVG}rect")]
        dark = "#{:02x}{:02x}{:02x}".format(*darkest)
        in_color = options != ("--color", "none")
        assert (fills.count(dark) >= 2) == in_color  # in the legend and in the text


@pytest.mark.parametrize(
    "options",
    [
        ("--at", 0),
        ("--at", 16),
        ("--at", -15),
        ("--at", "x"),
        ("--at", 3, "--target", "de"),
        ("--at", 3, "--target", ""),
    ],
)
def test_what_cannot_be_obeyed_is_refused(see, options, wording):
    result = see("tiny", TEXT, *options, "-q", status=2)
    wording(result)
    assert result.out == ""


def test_saliency_in_a_run_of_lines_is_that_within_the_line(see, monkeypatch):
    monkeypatch.setattr("charrnn.cli.reading.reading_of", lambda _: CorpusConfig(lines=True))

    def norms(text, place):
        out = see("tiny", text, "--at", place).out
        rows = [line.split() for line in out.split("norm\n")[1].splitlines()]
        return {tuple(row[1:3]) for row in rows if row and row[0].isdigit()}

    text = "def a\n  b\nreturn\n"
    assert norms(text, 8) == norms("xyz\n  b\n", 6)
    assert len(norms(text, 8)) == 3
    first = norms(text, 3), norms("\n" + text, 4)  # the newline before a text is not shown
    assert first[0] < first[1]
    assert [len(rows) for rows in first] == [3, 4]


def test_the_last_character_is_explained_if_no_position_is_given(see):
    assert see("tiny", TEXT).out == see("tiny", TEXT, "--at", -1).out


def test_a_single_character_has_nothing_before_it(see, wording):
    wording(see("tiny", "d", "-q", status=3))
    assert see("tiny", "d", "--at", 1, "-q").out


def test_a_target_that_the_model_does_not_know_is_refused(see, wording):
    wording(see("tiny", TEXT, "--at", 3, "--target", "中", status=3))


def test_gates_and_context_import_no_torch(workplace):
    script = "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
    script += "from charrnn.cli.app import main; main()"
    for verb in ("gates", "context"):
        done = subprocess.run(
            [sys.executable, "-c", script, verb, "tiny", TEXT, "-q"],
            cwd=workplace,
            env=CLEAN,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.split() == ["False"]
