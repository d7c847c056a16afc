"""Rows under the text, long texts in parts, palettes, the pager, and the conflicts of `charrnn visualize`."""

import itertools
import os
import re

import numpy as np
import pytest
from helpers import call_charrnn, make_text, run_charrnn
from paints import code_of

import charrnn
from charrnn.api import LanguageModel
from charrnn.cli.layout import ColoringOptions
from charrnn.cli.reading import Reader
from charrnn.cli.visualize import show
from charrnn.cli.visualize.pager import page
from charrnn.cli.visualize.selection import View
from charrnn.cli.visualize.show import ModelReadings, shown_lines
from charrnn.config import CorpusConfig, ModelConfig
from charrnn.errors import DataError
from charrnn.interpret.units import Unit, most_interesting, parse_units
from charrnn.network.shapes import weight_shapes
from charrnn.render.palette import ColorMode, Palette, diverging, one_sided
from charrnn.render.views.scale import FULL_SURPRISAL
from charrnn.text.vocabulary import Vocabulary

TEXT = "def wrap(text):"
SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn visualize ARGUMENTS` beside the corpus and its two runs."""
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("COLUMNS", "60")

    def run(*arguments, status=0):
        return call_charrnn(capsys, "visualize", *arguments, "-q", status=status)

    return run


def painted_cells(line):
    """(text, code) for each cell of a line."""
    code, found = "", []
    for match in re.finditer(r"(\x1b\[[0-9;]*m)|(.)", line):
        code = match[1] or code
        if match[2]:
            found.append((match[2], code))
    return found


def readings_of(model, text):
    """A text that a model reads."""
    return ModelReadings(Reader(model, None, CorpusConfig(), title=""), text)


# --- rows under the text --------------------------------------------------------------------------


@pytest.mark.parametrize("color", ["16", "256", "truecolor"])
def test_digits_stand_under_a_coloured_text_as_they_do_without_colour(see, color):
    bare = see("tiny", TEXT, "--unit", "L0.h.3", "--color", "none").out.split("\n")
    seen = see("tiny", TEXT, "--unit", "L0.h.3", "--color", color, "--digits").out.split("\n")
    assert bare[0] == seen[0]
    assert bare[1:] == [SGR.sub("", line) for line in seen[2:]]
    assert seen[4:] == bare[3:]
    assert "\x1b" in seen[3]


def test_bits_stand_under_the_text_and_are_those_of_the_reading(see, tiny_model):
    bits = tiny_model.read(TEXT).surprisal
    expected = "".join("+" if b >= 9.5 else str(round(float(b))) for b in bits)
    assert see("tiny", TEXT, "--surprisal").out.split("\n")[-2] == expected
    assert see("tiny", TEXT, "--unit", "L0.h.3", "--surprisal").out.split("\n")[-2] == expected
    seen = see("tiny", TEXT, "--surprisal", "--color", "256").out.split("\n")
    ramp = one_sided(ColorMode.ansi256)
    assert painted_cells(seen[-2]) == [
        (digit, code_of(ramp, b, FULL_SURPRISAL)) for digit, b in zip(expected, bits, strict=True)
    ]
    assert "its surprisal in bits" in seen[2]
    cost = charrnn.evaluate(tiny_model, tiny_model.vocabulary.encode(TEXT), streams=1)
    assert bits.sum(dtype=np.float64) == pytest.approx(
        cost.bits_per_char * (len(TEXT) - 1), abs=1e-4
    )


def test_all_rows_stand_in_their_order(see):
    out = see("tiny", TEXT, "--unit", "L0.g.3", "--surprisal", "--predictions", 2, "--digits").out
    lines = out.rstrip("\n").split("\n\n")[1].split("\n")
    assert [line.split(" ")[0] for line in lines[1:4]] == ["under", "then", "then"]
    text, signs, digits, bits, *guesses = lines[4:]
    assert re.sub(" +", "", text) == TEXT.replace(" ", "")
    assert set(signs) <= set("+- ")
    assert re.fullmatch(r"[\d ]+", digits)
    assert re.fullmatch(r"[\d+ ]+", bits)
    assert sum(row.count("*") for row in guesses) > 0


def successor_model():
    """A model of order 1, made by hand: each letter of a to g is followed by the next, g by a."""
    V = 7
    config = ModelConfig(vocab_size=V, embedding_size=V, hidden_size=V, num_layers=1)
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(config).items()}
    eye = np.eye(V, dtype=np.float32)
    weights["embedding.weight"] = eye
    weights["rnn.weight_ih_l0"][2 * V : 3 * V] = 9 * eye
    weights["rnn.bias_ih_l0"][:] = np.repeat([9, -9, 0, 9], V)  # remember the last letter only
    weights["head.weight"] = 20 * np.roll(eye, 1, axis=0)
    return LanguageModel(config, Vocabulary("char", range(97, 97 + V)), weights)


def test_the_guess_under_a_column_is_for_the_next_one():
    chosen = View(surprisal=True, predictions=1)
    lines = list(
        shown_lines(
            readings_of(successor_model(), "abcdefga"),
            chosen,
            ColoringOptions(color=ColorMode.none),
        )
    )
    text, _, _, guesses = lines[-4:]
    assert text.replace(" ", "") == "abcdefga"
    assert guesses.replace(" ", "") == "b*c*d*e*f*g*a*b"


# --- colours --------------------------------------------------------------------------------------


@pytest.mark.parametrize("palette", Palette)
@pytest.mark.parametrize("color", ["16", "256", "truecolor"])
def test_a_palette_colours_the_values(see, tiny_model, color, palette):
    out = see("tiny", TEXT, "--unit", "L0.h.3", "--color", color, "--palette", palette).out
    ramp = diverging(ColorMode(color), palette)
    values = tiny_model.read(TEXT).arrays["h"][:, 0, 3]
    assert [code for _, code in painted_cells(out.split("\n")[2])] == [
        code_of(ramp, value, 1.0) for value in values
    ]


def test_the_help_says_which_palette_is_the_other_way_round(see):
    shown = re.sub(r"[\s│]+", " ", see("-h").out)
    assert "karpathy is the reverse" in shown


# --- long texts -----------------------------------------------------------------------------------


@pytest.fixture
def short_look(monkeypatch):
    """The first look takes in 500 characters only."""
    monkeypatch.setattr(show, "FIRST_LOOK", 500)


def without_legends(text):
    """The blocks of an output without their titles and legends."""
    lines = text.split("\n")
    return [
        k for k in lines if not re.match(r"L\d\.|surprisal|under|then|-1.00|0 ", SGR.sub("", k))
    ]


@pytest.mark.parametrize("mode", [ColorMode.none, ColorMode.truecolor])
@pytest.mark.parametrize(
    ("letters", "more"),
    [
        ("", {"surprisal": True}),
        ("hg", {"surprisal": True}),
        ("h", {"predictions": 2}),
    ],
)
def test_a_text_longer_than_the_first_look_is_shown_as_if_it_were_not(
    tiny_model, monkeypatch, letters, more, mode
):
    text, style = make_text(2600), ColoringOptions(color=mode, width=70)
    arrays = tiny_model.read(text).arrays
    both = [int(arrays[letter][:, 1].min(axis=0).argmin()) for letter in letters]  # both signs
    units = tuple(Unit(1, letter, k) for letter, k in zip(letters, both, strict=True))
    chosen = View(named=tuple((str(u), (u,)) for u in units), **more)
    whole = "\n".join(shown_lines(readings_of(tiny_model, text), chosen, style))
    assert "in the first" not in whole
    monkeypatch.setattr(show, "FIRST_LOOK", 500)
    long = "\n".join(shown_lines(readings_of(tiny_model, text), chosen, style))
    assert long.split("\n")[0].count("in the first 500 characters") == 1
    assert len(without_legends(whole)) > 37
    assert without_legends(long) == without_legends(whole)


def test_a_heat_map_of_a_long_text_comes_in_parts(tiny_model, monkeypatch):
    named = (("L0.h.0-3", parse_units("L0.h.0-3", tiny_model)),)
    text, style = make_text(2600), ColoringOptions(color=ColorMode.none, width=70)
    whole = list(shown_lines(readings_of(tiny_model, text), View(named=named), style))
    monkeypatch.setattr(show, "FIRST_LOOK", 500)
    monkeypatch.setattr(ModelReadings, "whole", None)
    long = list(shown_lines(readings_of(tiny_model, text), View(named=named), style))
    assert "in the first 500 characters" in long[0]
    assert long[2:] == whole[2:]


def test_interesting_units_are_chosen_by_the_first_look(tiny_model, short_look):
    text = make_text(2600)
    lines = shown_lines(
        readings_of(tiny_model, text), View(what="c", top=3), ColoringOptions(color=ColorMode.none)
    )
    found = [line.split()[0] for line in lines if line.startswith("L")]
    best = most_interesting(tiny_model.read(text[:500]).arrays["c"], "c", 3)
    assert found == [str(unit) for unit, _ in reversed(best)]


def test_the_first_lines_come_before_the_text_is_read(tiny_model, monkeypatch, short_look):
    read = itertools.count()
    advance = tiny_model.advance

    def counted(*arguments):
        next(read)
        return advance(*arguments)

    monkeypatch.setattr(tiny_model, "advance", counted)
    lines = shown_lines(
        readings_of(tiny_model, make_text(6000)),
        View(what="h"),
        ColoringOptions(color=ColorMode.none),
    )
    for _ in range(10):
        next(lines)
    assert next(read) <= 500 + charrnn.interpret.recording.PART
    lines.close()


def test_a_cell_s_scale_is_that_of_the_first_look_and_values_may_lie_beyond(tiny_model, short_look):
    text = make_text(2600)
    values = np.abs(tiny_model.read(text[:500]).arrays["c"])
    unit = Unit(1, "c", 20)
    lines = shown_lines(
        readings_of(tiny_model, text),
        View(named=((str(unit), (unit,)),)),
        ColoringOptions(color=ColorMode.none, width=70),
    )
    assert f"9 is {values[:, 1, 20].max():.2f} or more" in list(lines)[1]


def test_with_a_pager_all_of_a_text_is_shown_and_without_2000_characters(workplace, tmp_path):
    long = tmp_path / "long.txt"
    long.write_text(make_text(2500), encoding="utf-8")
    see = ("visualize", "tiny", long, "--surprisal", "--width", 2000, "-q")
    env = {"PAGER": "cat"}
    lengths = [
        sum(map(len, run_charrnn(*see, *more, cwd=workplace, env=env).out.split("\n")[3::4]))
        for more in ((), ("--pager",), ("--pager", "--max-chars", 700))
    ]
    assert lengths == [2000, 2500, 700]


# --- the pager ------------------------------------------------------------------------------------


SEE = ("visualize", "tiny", TEXT * 20, "--unit", "L0.h.3", "-q")


def test_a_pager_gets_what_the_screen_would_get(workplace):
    direct = run_charrnn(*SEE, "--color", "256", cwd=workplace).out
    env = {"PAGER": "cat -"}
    assert run_charrnn(*SEE, "--color", "256", "--pager", cwd=workplace, env=env).out == direct


def test_without_pager_less_is_taken_and_lets_colours_through(workplace, tmp_path):
    fake = tmp_path / "less"
    fake.write_text('#!/bin/sh\necho "less $* LESS=$LESS"\ncat > /dev/null\n', encoding="utf-8")
    fake.chmod(0o755)
    env = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PAGER": ""}
    assert run_charrnn(*SEE, "--pager", cwd=workplace, env=env).out == "less -R LESS=R\n"
    own = run_charrnn(*SEE, "--pager", cwd=workplace, env=env | {"LESS": "FX"}).out
    assert own == "less -R LESS=FX\n"


def test_a_pager_that_is_left_early_ends_it_silently(workplace):
    see = ("visualize", "tiny", "corpus.txt", "--unit", "L0.h.3", "--pager", "-q")
    done = run_charrnn(*see, cwd=workplace, env={"PAGER": "head -n 3"})
    assert done.out.count("\n") == 3
    assert done.err == ""


@pytest.mark.parametrize(
    "pager",
    [
        "no-such-pager",
        "less '",
        "false",
    ],
)
def test_a_pager_that_does_not_work_is_named(workplace, pager, wording):
    done = run_charrnn(*SEE, "--pager", cwd=workplace, env={"PAGER": pager}, status=6)
    wording(done)
    assert "--pager" in done.err
    assert done.err.count("\n") == 2


def test_an_error_waits_for_the_pager_to_be_left(tmp_path, wording):
    left = tmp_path / "left"
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\ncat > /dev/null\nsleep 0.3\ntouch {left}\n", encoding="utf-8")
    pager.chmod(0o755)

    def lines():
        yield "one"
        raise DataError("no more")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAGER", str(pager))
        with wording.raises(DataError):
            page(lines())
    assert left.exists()


# --- mistakes -------------------------------------------------------------------------------------


def test_a_single_character_has_no_surprisal_to_show(see, wording):
    wording(see("tiny", "d", "--surprisal", status=3))
    wording(see("tiny", "d", "--surprisal", "--png", "d.png", status=3))


@pytest.mark.parametrize(
    "options",
    [
        ("--palette", "viridis"),
        ("--palette", "vik", "--color", "none"),
        ("--diagram", "--surprisal"),
        ("--diagram", "--pager"),
        ("--length", 5),
        ("--temp", 1),
        ("--seed", 1),
    ],
)
def test_what_cannot_be_obeyed_is_refused(see, options, wording):
    wording(see("tiny", TEXT, *options, status=2))
