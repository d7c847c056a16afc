"""Narrow lines: words are wrapped, columns left out, and no figure is cut."""

import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import call_charrnn
from hypothesis import given
from hypothesis import strategies as st
from paints import codes_of
from rich.cells import cell_len

from charrnn.cli.compare.report import Trained, bar_cells, table
from charrnn.config import ModelConfig, TrainingConfig
from charrnn.errors import DivergedError
from charrnn.interpret.context import ContextCurve
from charrnn.interpret.gates import GateUse, Saturation
from charrnn.render.ansi import lines_of
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode, diverging
from charrnn.render.tables import NARROWEST, tight_lines, wrapped
from charrnn.render.views.context import context_rows
from charrnn.render.views.gates import gate_rows
from charrnn.render.views.saliency import saliency_rows, saliency_text, strongest_rows
from charrnn.render.views.scale import Scale, legend_rows

SGR = re.compile(r"\x1b\[[0-9;]*m")


# --- the two ways ---------------------------------------------------------------------------------


@given(st.lists(st.text("ab-1.,", min_size=1, max_size=30)), st.integers(1, 60))
def test_words_are_wrapped_whole(words, width):
    lines = wrapped(" ".join(words), width, "  ")
    assert " ".join(lines).split() == words
    for number, line in enumerate(lines):
        assert line.startswith("  ") or not number
        assert cell_len(line) <= max(width, NARROWEST) or len(line.split()) == 1


def test_what_fits_is_left_as_it_is():
    assert wrapped("L0.h.3   +0.00  ", 16) == ["L0.h.3   +0.00  "]
    assert wrapped("", 9) == [""]
    assert wrapped("L0.h.3   +0.00 to +1.23", 9) == ["L0.h.3   +0.00 to +1.23"]
    assert wrapped("bits per character, given 2", 24, " ") == ["bits per character,", " given 2"]


def test_columns_that_do_not_fit_are_left_out_whole():
    columns = [["k", "256"], ["bits", "1.5"], ["error", "0.123"]]
    assert list(tight_lines(columns, 16)) == ["  k  bits  error", "256   1.5  0.123"]
    assert list(tight_lines(columns, 15)) == ["  k  bits", "256   1.5"]
    assert list(tight_lines(columns, 8)) == ["  k", "256"]
    assert list(tight_lines(columns, 1, least=2)) == ["  k  bits", "256   1.5"]


# --- the tables -----------------------------------------------------------------------------------


def a_horizon():
    contexts = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
    means = np.linspace(12.5, 1.5, len(contexts))[:, None]
    return ContextCurve(contexts, np.random.default_rng(1).normal(means, 1, (len(contexts), 50)))


def horizon_at(width):
    return list(lines_of(context_rows(a_horizon(), "character", width)))


def gates_at(width):
    rng = np.random.default_rng(0)
    uses = [
        GateUse(name, *(rng.random((3, 256)) / 2 for _ in range(3)), is_memory_gate=name == "f")
        for name in "ifo"
    ]
    saturation = Saturation(1_234_567, tuple(uses))
    return list(lines_of(gate_rows(saturation, "character", width, ColorMode.none)))


def saliency_at(width):
    norms = np.arange(1.0, 30.0)
    part, scale = saliency_text("at 29, p 0.5", [(0, "a")] * 29, (3, "d"), norms)
    look = Look(ColorMode.truecolor, line=width)
    rows = [*saliency_rows(part, scale, look, width), *strongest_rows(part, 29, norms, width)]
    return [SGR.sub("", line) for line in lines_of(rows)]


def compare_at(width):
    return table(ROWS, "char", width, blocks=True)


def a_row(cell, nats, **numbers):
    config = ModelConfig(cell=cell, vocab_size=50, hidden_size=1096)
    known = {"run": Path(cell), "config": config, "training": TrainingConfig(), "parameters": 54321}
    progress = {"steps": 1040, "epochs": 1.5, "characters_seen": 123_456_789, "seconds": 2.0}
    return Trained(**(known | progress | numbers), nats=nats)


ROWS = [a_row("peephole", 2 * math.log(2)), a_row("gru", None, diverged=DivergedError("nan"))]


def numbers_in(lines):
    """The words with digits; points that are drawn as digits are none."""
    words = " ".join(lines).split()
    return {word for word in words if re.search("[0-9]", word) and not re.search("[│┤·]", word)}


@pytest.mark.parametrize("width", [30, 34, 40, 46, 60, 80, 100])
@pytest.mark.parametrize("at", [horizon_at, gates_at, saliency_at, compare_at])
def test_tables_keep_to_the_width_and_their_numbers_are_whole(at, width):
    lines = at(width)
    assert max(map(cell_len, lines)) <= width
    numbers, shown = numbers_in(at(200)), numbers_in(lines)
    assert shown <= numbers
    assert len(shown) > 1


def test_a_horizon_has_no_negative_zero():
    found = ContextCurve((0, 1), np.array([[1.0, 1.0], [1 + 1e-6, 1 + 1e-6]]))
    assert (found.excess < 0).any()
    assert "-0.000" not in "".join(lines_of(context_rows(found, "character", 80)))


def test_a_narrow_horizon_leaves_out_its_errors():
    heads = {
        width: next(line for line in horizon_at(width) if line.lstrip().startswith("k  "))
        for width in (24, 30, 40)
    }
    words = {width: re.split("  +", head.strip()) for width, head in heads.items()}
    assert words[40] == ["k", "bits", "± s.e.", "over 256", "± s.e."]
    assert words[30] == words[40][:4]
    assert words[24] == words[40][:3]


def test_narrow_gates_name_the_same_extreme_units_below_each_other():
    wide, narrow = gates_at(80), gates_at(40)
    units = re.compile(r"L\d\.[ifo]\.\d+ +[0-9.]+")
    assert any(len(units.findall(line)) == 3 for line in wide)
    assert max(len(units.findall(line)) for line in narrow) == 1
    assert sorted(units.findall("\n".join(wide))) == sorted(units.findall("\n".join(narrow)))
    assert [line for line in narrow if line.startswith(("most", "time"))] == [
        "most often shut",
        "most often open",
        "time scale, 1/(1 - mean f)",
    ]


def test_a_narrow_comparison_has_the_cells_and_their_bits():
    assert compare_at(31) == [
        "cell          char/s  bits/char",
        "peephole  61,728,394     2.0000",
        "gru  diverged at step 1,040",
    ]
    assert compare_at(30)[:2] == ["cell      bits/char", "peephole     2.0000"]
    assert bar_cells(ROWS, "char", 60) == 0 < bar_cells(ROWS, "char", 90)
    assert "nats" not in compare_at(70)[0]
    assert "nats" in compare_at(80)[0]


# --- legends and facts, on a terminal only --------------------------------------------------------


@pytest.mark.parametrize("mode", [ColorMode.ansi16, ColorMode.ansi256, ColorMode.truecolor])
@pytest.mark.parametrize("width", [30, 40, 80])
def test_a_narrow_legend_has_fewer_colours_but_both_ends_and_zero(mode, width):
    scale = Scale("L0.c.3   -6.36 to +2.17", 6.36, is_signed=True, is_exceeded=True)

    def legend(look):
        return list(lines_of(legend_rows(scale, look, has_surprisal=True, has_guesses=True)))

    lines = legend(Look(mode, line=width))
    assert all(cell_len(SGR.sub("", line)) <= width for line in lines)
    bar, codes = lines[1], codes_of(diverging(mode))
    assert all(code in bar for code in (codes[0], codes[-1]))
    assert re.search(r" 0 |\x1b\[[0-9;]*m0", bar)
    assert " ".join(lines[2:]) == " ".join(legend(Look(mode))[2:])


@pytest.fixture
def narrow(workplace, monkeypatch, capsys):
    """A command on a terminal, or in a pipe, of 40 columns."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.chdir(workplace)

    def run(*arguments, is_terminal):
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda: is_terminal)
            return call_charrnn(capsys, *arguments).out.splitlines()

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "tiny"),
        ("evaluate", "tiny", "corpus.txt", "--streams", 4, "-q"),
        ("evaluate", "tiny", "--split", "val", "--baselines", "-q"),
        ("gradients", "tiny", "def wrap(text):", "-q"),
    ],
)
def test_a_fact_is_one_line_in_a_pipe_and_wrapped_on_a_terminal(narrow, arguments):
    whole, lines = (narrow(*arguments, is_terminal=is_one) for is_one in (False, True))
    assert max(map(len, whole)) > 40
    assert " ".join(lines).split() == " ".join(whole).split()
    assert all(len(line) <= 40 or " " not in line.strip() for line in lines)
    assert len(lines) > len(whole)


def test_a_legend_is_wrapped_on_a_terminal(narrow):
    shown = ("visualize", "tiny", "def", "--surprisal", "--color", "none")
    whole, lines = (narrow(*shown, is_terminal=is_one) for is_one in (False, True))
    assert max(map(len, whole)) > 40 >= max(map(len, lines))
    assert " ".join(lines).split() == " ".join(whole).split()
