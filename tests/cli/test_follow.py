"""`charrnn visualize --follow`: the text is that of `charrnn sample`, the colours are those of a reading of it."""

import io
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from helpers import CLEAN, call_charrnn, make_text, own_signals, program
from paints import code_of

from charrnn.cli import reading
from charrnn.cli.sample import command as sample_command
from charrnn.config import CorpusConfig
from charrnn.interpret.recording import record
from charrnn.render.ansi import RESET
from charrnn.render.palette import ColorMode, Palette, diverging, one_sided
from charrnn.render.views.scale import FULL_SURPRISAL
from charrnn.render.views.symbols import columns_of

SGR = re.compile(r"(\x1b\[[\d;]+m)|(.)")


@pytest.fixture
def call(workplace, monkeypatch, capsys):
    """`charrnn ARGUMENTS` beside the corpus and its two runs."""
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("COLUMNS", "40")

    def run(*arguments, status=0, **options):
        return call_charrnn(capsys, *arguments, status=status, **options)

    return run


def body_of(out, legend=2):
    """What stands under the legend."""
    return out.split("\n", legend)[legend]


def painted(body):
    """(label, code) for each character; the code is empty where there is no colour."""
    found, color = [], ""
    for code, label in SGR.findall(body):
        if label:
            found.append((label, color))
        else:
            color = "" if code == RESET else code
    return found


MODELS = {"tiny": "tiny_model", "bytes": "byte_model"}
OPTIONS = [("--seed", 5, "-n", 60), ("--seed", 6, "-n", 90, "--temp", 1.5), ("-n", 9, "--temp", 0)]


@pytest.mark.parametrize("prime", ["", "def f(x):\n    ", make_text(1100)])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("run", MODELS)
def test_it_shows_what_sample_writes_in_the_colours_of_a_reading(
    call, request, run, options, prime
):
    model = request.getfixturevalue(MODELS[run])
    typed = prime.replace("\\", "\\\\")
    text = call("sample", run, *options, *(("--prompt", typed) if prime else ())).out
    assert text.startswith(prime)
    start = () if prime else ("\n",)  # what sample lets a model read before it writes
    reading = model.read("".join(start) + text)
    labels = [c.label for c in columns_of(reading)][len(start) :]
    given = (typed,) if prime else ()
    see = ("visualize", run, *given, "--follow", *options, "--color", "256", "-q")

    seen = painted(body_of(call(*see, "--unit", "L1.h.7").out))
    assert "".join(label for label, _ in seen) == "".join(labels)
    values = reading.arrays["h"][len(start) :, 1, 7]
    ramp = diverging(ColorMode.ansi256)
    expected = [(x, code_of(ramp, v, 1.0)) for k, v in zip(labels, values, strict=True) for x in k]
    assert seen == expected

    lines = body_of(call(*see, "--surprisal").out, 3).split("\n")
    seen = painted("\n".join(lines[0::3]))
    bits, ramp = reading.surprisal[len(start) :], one_sided(ColorMode.ansi256)
    near = [
        {code_of(ramp, b + d, FULL_SURPRISAL) for d in (-1e-4, 0, 1e-4)}
        for k, b in zip(labels, bits, strict=True)
        for _ in k
    ]
    assert all(code in found for (_, code), found in zip(seen, near, strict=True))


def test_single_lines_are_those_of_sample(call, monkeypatch, wording):
    for place in (sample_command, reading):
        monkeypatch.setattr(place, "reading_of", lambda _: CorpusConfig(lines=True))
    options = ("--seed", 3, "-n", 200)
    line = call("sample", "tiny", *options).out
    see = ("visualize", "tiny", "--follow", *options, "--color", "16", "-q")
    assert "".join(k for k, _ in painted(body_of(call(*see).out))) == line.replace("\n", "↵")
    assert line.count("\n") == 1
    refused = call("visualize", "tiny", "a\nb", *see[2:], status=2)
    wording(refused)


@pytest.mark.parametrize("palette", Palette)
def test_rows_stand_under_each_line_without_colour_or_if_asked(call, tiny_model, palette):
    see = ("visualize", "tiny", "def f", "--follow", "--seed", 2, "-n", 70, "--unit", "L1.h.7")
    see += ("-q",)
    bare = body_of(call(*see).out)
    colored = call(*see, "--digits", "--color", "truecolor", "--palette", palette).out
    rows = re.sub(r"\x1b\[[\d;]*m", "", body_of(colored, 3))
    assert rows == bare
    assert "\x1b" not in bare
    lines = bare.split("\n")
    values = tiny_model.read("".join(lines[0::4]).replace("↵", "\n")).arrays["h"][:, 1, 7]
    assert "".join(lines[1::4]) == "".join("- +"[int(np.sign(v)) + 1] for v in values)
    assert "".join(lines[2::4]) == "".join(str(round(9 * abs(float(v)))) for v in values)
    assert set(lines[3::4]) == {""}


def test_bits_stand_under_a_text_that_is_coloured_by_surprisal(call, tiny_model):
    see = ("visualize", "tiny", "def f", "--follow", "--seed", 2, "-n", 70, "--surprisal", "-q")
    lines = body_of(call(*see).out, 3).split("\n")
    bits = tiny_model.read("".join(lines[0::4]).replace("↵", "\n")).surprisal
    expected = "".join("+" if b >= 9.5 else str(round(float(b))) for b in bits)
    assert "".join(lines[2::4]) == expected
    assert set(lines[3::4]) == {""}


def test_with_counts_it_is_what_they_let_sample_write_and_their_part_stands_under_it(
    call, tiny_mixed
):
    how = ("--counts", "--seed", 2, "-n", 70, "-q")
    out = call("visualize", "tiny", "def f", "--follow", "--unit", "L1.h.7", *how).out
    lines = out[out.index("\ndef f") + 1 :].split("\n")
    text = "".join(lines[0::5]).replace("↵", "\n")
    assert text == call("sample", "tiny", "--prompt", "def f", *how).out
    parts = record(tiny_mixed, text).from_counts
    assert "".join(lines[3::5]) == "".join(str(round(9 * float(part))) for part in parts)


def test_without_a_unit_the_most_interesting_of_its_own_text_is_taken(call, tiny_model):
    own = "".join(tiny_model.sample(length=400, seed=1))
    from charrnn.interpret.units import most_interesting

    for what in "hc":
        array = tiny_model.read(own).arrays[what]
        ((unit, _),) = most_interesting(array, what, 1)
        out = call("visualize", "tiny", "--follow", "-n", 5, "--what", what, "-q").out
        title, legend, *_ = out.split("\n")
        assert title.startswith(f"{unit}   ")
        assert "in 400 characters generated before" in title
        reach = abs(array[:, unit.layer, unit.index]).max()
        assert f"9 is {reach:.2f} or more" in legend or what == "h"


def test_the_seed_and_the_temperature_are_said_and_a_fresh_seed_is_another(call):
    said = [call("visualize", "tiny", "--follow", "-n", 1).err for _ in range(2)]
    seeds = [re.search(r"temperature 0.8, seed (\d+)", text)[1] for text in said]
    assert seeds[0] != seeds[1]


@pytest.mark.parametrize(
    "options",
    [
        ("--predictions", 2),
        ("--max-chars", 2),
        ("--pager",),
        ("--dump", "d.npz"),
        ("--diagram",),
        ("--unit", "L0.h.1", "--unit", "L0.h.2"),
        ("--unit", "L0.h.1", "--surprisal"),
        ("--temp", -1),
        ("--length", -1),
        ("--unit", "L9.h.1"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(call, options, wording):
    result = call("visualize", "tiny", "--follow", *options, "-q", status=2)
    wording(result)
    assert result.out == ""


# --- live -----------------------------------------------------------------------------------------


class Watched(io.StringIO):
    """Notes what had come at each flush."""

    def __init__(self):
        super().__init__()
        self.flushed = []

    def flush(self):
        self.flushed.append(self.getvalue())


def test_each_character_comes_before_the_next_is_drawn(tiny_model, monkeypatch):
    from charrnn.cli.layout import ColoringOptions
    from charrnn.cli.reading import Reader
    from charrnn.cli.visualize.follow import follow
    from charrnn.cli.visualize.selection import View
    from charrnn.config import BasicSamplingConfig
    from charrnn.sampling import sampler

    out, seen = Watched(), []
    real = sampler.sample
    monkeypatch.setattr(sampler, "STRIDE", 1)

    def slow(*arguments):
        for piece in real(*arguments):
            come = out.flushed[-1].count(RESET) - 1 if out.flushed else 0  # one is the legend's
            seen.append(come)
            yield piece

    monkeypatch.setattr(sampler, "sample", slow)
    monkeypatch.setattr(sys, "stdout", out)
    layout = ColoringOptions(color=ColorMode.ansi256, width=1000)
    reader = Reader(tiny_model, None, CorpusConfig(), title="tiny")
    config = BasicSamplingConfig(length=8, seed=1)
    follow(reader, config, View(surprisal=True), layout)
    assert seen == list(range(8))


def test_ctrl_c_completes_the_row_and_ends_it(workplace):
    arguments = ("visualize", "tiny", "--follow", "-n", 10**6, "--color", "16", "--digits")
    with subprocess.Popen(
        program(*arguments),
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
        preexec_fn=own_signals,
    ) as process:
        out = os.read(process.stdout.fileno(), 1)
        while len(out) < 5000:
            out += os.read(process.stdout.fileno(), 5000)
        process.send_signal(signal.SIGINT)
        out += process.stdout.read()
        err = process.stderr.read().decode()
    assert process.returncode == -signal.SIGINT
    assert err.count("\n") == 1
    assert "seed" in err
    text = out.decode()
    assert text.endswith("\n")
    assert re.fullmatch(r"[\d]+", text.rstrip("\n").rsplit("\n", 1)[1])
    codes = re.findall(r"\x1b\[[\d;]*m", text)
    assert codes[-1] == RESET
