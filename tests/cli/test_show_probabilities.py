"""`charrnn sample --show-probabilities`: colors and digits show the surprisal, and the text stays the text."""

import io
import json
import math
import re
import sys

import pytest
from helpers import call_charrnn, run_charrnn, run_on_terminal
from hypothesis import given
from hypothesis import strategies as st
from paints import code_of, codes_of
from rich.cells import cell_len

from charrnn.cli.sample.output import SurprisalOutput
from charrnn.render.ansi import RESET, lines_of, piece_of
from charrnn.render.glyphs import glyph
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode, Palette, one_sided
from charrnn.render.views.live import LiveSurprisal, surprisal_legend
from charrnn.render.views.scale import FULL_SURPRISAL
from charrnn.sampling.stream import Piece

COLORFUL = [ColorMode.ansi16, ColorMode.ansi256, ColorMode.truecolor]
PAINTED = re.compile(r"(\x1b\[[\d;]+m)|([^\x1b])", re.DOTALL)


def characters_of(painted):
    """(shown, code) for each character of a row's text; the code is empty where it is plain."""
    color = ""
    for code, character in PAINTED.findall(painted):
        if character:
            yield character, color
        else:
            color = "" if code == RESET else code


def level(bits, mode):
    return code_of(one_sided(mode), bits, FULL_SURPRISAL)


class Written:
    """What a terminal is sent while text comes."""

    def __init__(self, mode, width):
        self._live = LiveSurprisal(Look(mode), width)

    def plain(self, text):
        return piece_of(self._live.plain(text))

    def scored(self, text, surprisal):
        return piece_of(self._live.scored(text, surprisal))

    def end(self):
        return piece_of(self._live.end())


TEXTS = st.text(st.sampled_from("ab \n\té漢\x1b"), max_size=30)


@st.composite
def judged(draw):
    """Parts of a text, each with the bits of its characters."""
    parts = draw(st.lists(TEXTS, max_size=5))
    bits = st.floats(0, 30)
    return [(p, draw(st.lists(bits, min_size=len(p), max_size=len(p)))) for p in parts]


@pytest.mark.parametrize("mode", COLORFUL)
@given(parts=judged(), width=st.integers(2, 20), prime=TEXTS)
def test_each_character_has_the_colour_of_its_bits_in_rows_no_wider_than_asked(
    mode, parts, width, prime
):
    rows = Written(mode, width)
    out = rows.plain(prime) + "".join(rows.scored(*part) for part in parts) + rows.end()
    found = list(characters_of(out))
    shown = [pair for pair in found if pair[0] != "\n"]
    expected = [(glyph(c), "") for c in prime if c != "\n"]
    expected += [(glyph(c), level(b, mode)) for text, bits in parts for c, b in zip(text, bits)]  # noqa: B905
    assert shown == expected
    assert all(code == "" for c, code in found if c == "\n")
    plain = "".join(c for c, _ in found)
    assert all(cell_len(row) <= width for row in plain.split("\n"))
    assert plain == "" or plain.endswith("\n")


@given(parts=judged(), width=st.integers(2, 20))
def test_without_colour_a_digit_stands_under_each_character(parts, width):
    rows = Written(ColorMode.none, width)
    out = "".join(rows.scored(*part) for part in parts) + rows.end()
    lines = out.split("\n")
    assert lines.pop() == ""
    texts, digits, gaps = lines[::3], lines[1::3], lines[2::3]
    assert set(gaps) <= {""}
    assert "".join(texts) == "".join(glyph(c) for text, _ in parts for c in text)
    below = []
    for text, row in zip(texts, digits, strict=True):
        assert len(row) <= cell_len(text)
        places = [cell_len(text[:k]) for k in range(len(text))]
        below += [int(row[place]) for place in places]
    expected = [round(9 * min(b / FULL_SURPRISAL, 1)) for _, bits in parts for b in bits]
    assert below == expected


@given(parts=judged(), width=st.integers(2, 20), mode=st.sampled_from(list(ColorMode)))
def test_how_the_text_is_cut_into_parts_changes_nothing_that_is_seen(parts, width, mode):
    def seen(parts):
        rows = Written(mode, width)
        return list(
            characters_of("".join(rows.scored(text, bits) for text, bits in parts) + rows.end())
        )

    whole = "".join(text for text, _ in parts), [b for _, bits in parts for b in bits]
    assert seen(parts) == seen([whole])


def test_no_colour_is_left_on_after_any_part():
    rows = Written(ColorMode.truecolor, 10)
    for character in "ab\nc":
        out = rows.scored(character, [3.0])
        assert out.removesuffix("\n").endswith(RESET)


def test_the_prime_has_neither_colour_nor_digits_and_its_newlines_are_obeyed():
    rows = Written(ColorMode.none, 10)
    out = rows.plain("ab\nc\t") + rows.scored("d\n", [8, 4]) + rows.plain("x") + rows.end()
    assert out == "ab\nc→d↵\n  94\n\nx\n"


def legend(mode, *palette, in_color):
    return list(lines_of(surprisal_legend(Look(mode, *palette), in_color=in_color)))


def test_the_legend_has_the_ends_of_the_scale():
    assert "9 is 8.00" in legend(ColorMode.none, in_color=False)[-1]
    (line,) = legend(ColorMode.ansi256, in_color=False)
    assert "no color at 0, red at 8 or more" in line
    bar = legend(ColorMode.ansi256, in_color=True)[-1]
    assert level(0, ColorMode.ansi256) in bar
    assert level(8, ColorMode.ansi256) in bar
    (line,) = legend(ColorMode.ansi256, Palette.vik, in_color=False)
    assert "brown at 8" in line
    bar = legend(ColorMode.truecolor, Palette.vik, in_color=True)[-1]
    assert code_of(one_sided(ColorMode.truecolor, Palette.vik), 8, FULL_SURPRISAL) in bar


# --- the command ----------------------------------------------------------------------------------

OPTIONS = ("--seed", 5, "-n", 60, "--prompt", "def")


@pytest.fixture
def sampled(capsys, monkeypatch, workplace):
    """Run `charrnn sample` in the workplace."""
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("COLUMNS", "40")

    def run(*options, status=0):
        return call_charrnn(capsys, "sample", *options, status=status)

    return run


@pytest.mark.parametrize(
    "more", [(), ("--count", 3), ("--best-of", 2), ("--stop", "e"), ("--temp", 2)]
)
@pytest.mark.parametrize("color", ["16", "256", "truecolor"])
@pytest.mark.parametrize("run", ["tiny", "bytes"])
def test_the_colours_are_the_bits_that_json_tells(sampled, run, color, more):
    told = sampled(run, *OPTIONS, *more, "--json", "--log-probabilities").out
    seen = sampled(run, *OPTIONS, *more, "--show-probabilities", "--color", color).out
    expected = [
        (shown, level(-nats / math.log(2), ColorMode(color)))
        for record in map(json.loads, told.splitlines())
        for c, nats in zip(record["text"], record["log_probabilities"], strict=True)
        for shown in glyph(c)  # an accent by itself is shown on a circle
    ]
    assert len(set(expected)) > 3
    assert [p for p in characters_of(seen) if p[1]] == [p for p in expected if p[1]]


@pytest.mark.parametrize("palette", list(Palette))
def test_the_colours_are_those_of_the_palette(sampled, palette):
    asked = ("--show-probabilities", "--color", "truecolor", "--palette", palette)
    seen = sampled(*OPTIONS, *asked).out
    codes = {code for _, code in characters_of(seen)} - {""}
    assert len(codes) > 3
    assert codes <= set(codes_of(one_sided(ColorMode.truecolor, palette)))


def test_a_pipe_gets_digits_and_the_talk_goes_to_stderr(sampled, wording):
    done = sampled(*OPTIONS, "--show-probabilities")
    assert "\x1b" not in done.out
    assert re.search(r"^   \d+$", done.out.splitlines()[1])
    text = "".join(done.out.splitlines()[::3]).replace("↵", "\n")
    assert text == sampled(*OPTIONS).out
    wording(done, only="under")
    assert re.search(r"mean surprisal [\d.]+ bits per character, highest [\d.]+", done.err)


def test_the_mean_is_that_of_the_bits(sampled):
    record = json.loads(sampled(*OPTIONS, "--json").out)
    said = sampled(*OPTIONS, "--show-probabilities").err
    mean = -record["mean_log_probability"] / math.log(2)
    assert f"mean surprisal {mean:.3f} bits per character" in said


def test_lines_stay_lines(sampled):
    out = sampled("--lines", "--seed", 1, "-n", 20, "--count", 4, "--show-probabilities", "-q").out
    rows = out.split("\n\n")
    assert len(rows) == 4
    assert all(len(row.strip("\n").split("\n")) == 2 for row in rows)


def test_quiet_says_nothing(sampled):
    assert sampled(*OPTIONS, "--show-probabilities", "-q").err == ""


def test_nothing_written_is_nothing_shown(sampled):
    assert sampled("-n", 0, "--show-probabilities", "-q").out == ""


TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "40"}


@pytest.mark.parametrize(
    ("env", "mode"),
    [
        (TERMINAL, ColorMode.ansi256),
        (TERMINAL | {"COLORTERM": "truecolor"}, ColorMode.truecolor),
        (TERMINAL | {"TERM": "xterm"}, ColorMode.ansi16),
        (TERMINAL | {"NO_COLOR": "1"}, ColorMode.none),
        (TERMINAL | {"TERM": "dumb"}, ColorMode.none),
    ],
)
def test_a_terminal_gets_the_colours_that_it_has(workplace, env, mode):
    options = ("sample", *OPTIONS, "-q", "--show-probabilities")
    seen = run_on_terminal(*options, cwd=workplace, env=env)
    wanted = run_charrnn(*options, "--color", mode, cwd=workplace, env=TERMINAL).out
    assert (
        "".join(c for c, _ in characters_of(seen)).rstrip()
        == "".join(c for c, _ in characters_of(wanted)).rstrip()
    )
    assert {code for _, code in characters_of(seen)} == {code for _, code in characters_of(wanted)}
    assert ("\x1b" in seen) == (mode != ColorMode.none)


class Terminal(io.StringIO):
    """A terminal that notes what had come at each flush."""

    def __init__(self):
        super().__init__()
        self.flushed = []

    def isatty(self):
        return True

    def flush(self):
        self.flushed.append(self.getvalue())


def test_a_terminal_gets_each_character_as_it_comes(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    output = SurprisalOutput("", "", item_end=None, color=ColorMode.ansi256)
    come = []

    def pieces():
        for number, character in enumerate("abc"):
            come.append(sum(c in terminal.flushed[-1] for c in "abc") if terminal.flushed else 0)
            yield Piece(0, character, (-1.0,), "length" if number == 2 else None)

    output.stream(pieces())
    assert come == [0, 1, 2]
