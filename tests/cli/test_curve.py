"""`charrnn curve`: axes that are round, curves that can be told apart, metrics that are the run's own."""

import json
import math
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest
from helpers import CLEAN, call_charrnn, run_charrnn
from paints import escape, line_colors

from charrnn.errors import CheckpointError
from charrnn.render.ansi import lines_of
from charrnn.render.palette import CUBE_STEPS, ColorMode, line_paints
from charrnn.render.plot.axes import bits_axis, step_axis, time_axis
from charrnn.render.plot.curves import Level, Line, Plot, plot_rows, seconds_at
from charrnn.runs import BASELINES
from charrnn.training.metrics import load_rows

needs_matplotlib = pytest.mark.skipif(
    not find_spec("matplotlib"), reason="matplotlib is not installed"
)
LOG2 = math.log(2)


def labels(axis):
    return [label for _, label in axis.ticks]


# --- axes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "most", "name", "expected"),
    [
        (0.04, 5, "s", ["0", "0.01", "0.02", "0.03", "0.04"]),
        (7, 5, "s", ["0", "2", "4", "6"]),
        (45, 6, "s", ["0", "10", "20", "30", "40"]),
        (130, 6, "s", ["0", "30", "60", "90", "120"]),
        (130, 3, "min", ["0", "1", "2"]),
        (3600, 8, "min", ["0", "10", "20", "30", "40", "50", "60"]),
        (20_000, 7, "h", ["0", "1", "2", "3", "4", "5"]),
        (300_000, 5, "d", ["0", "1", "2", "3"]),
    ],
)
def test_time_has_round_ticks_in_the_unit_that_suits_them(seconds, most, name, expected):
    axis = time_axis(seconds, most)
    assert (axis.name, labels(axis)) == (name, expected)


@pytest.mark.parametrize("seconds", [0.001, 0.9, 3, 9.99, 10, 59, 61, 599, 3599, 86_399, 1e6, 1e8])
@pytest.mark.parametrize("most", [2, 3, 9])
def test_no_time_has_more_ticks_than_fit_and_all_are_within(seconds, most):
    axis = time_axis(seconds, most)
    assert 1 <= len(axis.ticks) <= most
    assert all(0 <= axis.part(value) <= 1 + 1e-9 for value, _ in axis.ticks)
    assert len(set(labels(axis))) == len(axis.ticks)


@pytest.mark.parametrize(
    ("values", "most", "expected"),
    [
        ([2.19, 3.2], 6, ["2.2", "2.4", "2.6", "2.8", "3.0", "3.2"]),
        ([2.19, 3.2], 5, ["2.5", "3.0"]),
        ([1.5], 5, ["1.496", "1.498", "1.500", "1.502", "1.504"]),
        ([0.0], 5, ["0.000", "0.005", "0.010"]),
        ([1, 14], 5, ["5", "10"]),
    ],
)
def test_bits_have_round_ticks(values, most, expected):
    assert labels(bits_axis(values, most)) == expected


def test_steps_are_whole_numbers():
    assert labels(step_axis(3, 9)) == ["0", "1", "2", "3"]
    assert labels(step_axis(7155, 5)) == ["0", "2,000", "4,000", "6,000"]


def test_a_step_between_two_evaluations_is_placed_in_proportion():
    steps = [(10, 4.0), (30, 6.0)]
    assert [seconds_at(k, steps) for k in (0, 5, 10, 20, 30)] == [0, 2.0, 4.0, 5.0, 6.0]


# --- the drawing ----------------------------------------------------------------------------------

FALLING = [(10.0 * k, 2 + 2 / k) for k in range(1, 9)]
RISING = [(10.0 * k, 2 + k / 4) for k in range(1, 9)]
TWO = Plot("bits per character", [Line("v", "down", FALLING, "best"), Line("t", "up", RISING)])


def drawn(plot, width=60, mode=ColorMode.none, **options):
    return list(lines_of(plot_rows(plot, width, mode, **options)))


def body(lines):
    """What stands between the axes, row by row."""
    rows = (re.match(r" *[\d.]* [┤│|+](?![+-])(.*)", line) for line in lines)
    return [row[1] for row in rows if row]


def test_a_plot_is_drawn_with_dots():
    assert drawn(Plot("plays", [Line("v", "val", FALLING, "best 2.250")], [(800, 80.0)]), 40) == [
        "plays",
        " 4.0 ┤    ⢣",
        "     │     ⢇",
        "     │     ⠈⡆",
        " 3.5 ┤      ⠘⡄",
        "     │       ⠸⡀",
        " 3.0 ┤        ⠱⡀",
        "     │         ⠈⠢⡀",
        "     │           ⠈⠢⢄⣀",
        " 2.5 ┤               ⠉⠑⠒⠤⢄⡀",
        "     │                    ⠈⠉⠉⠑⠒⠒⠒⠢⠤⠤⠤⠤⣀⣀",
        "     └┬───────────┬────────────┬────────",
        "   s  0          30           60",
        "step  0                   500",
        "⠒⠒ val: best 2.250",
    ]


def test_the_best_point_is_marked_where_it_is():
    line = Line("v", "val", FALLING, best=FALLING[3])
    for options in ({}, {"braille": False}):
        rows = body(drawn(Plot("", [line], [(800, 80.0)]), 40, **options))
        (row,) = (k for k, cells in enumerate(rows) if "*" in cells)
        without = body(drawn(Plot("", [Line("v", "val", FALLING)], [(800, 80.0)]), 40, **options))
        column = rows[row].index("*")
        assert without[row][column] != " "
        assert column == round((FALLING[3][0] / 80) * (40 - 4 - 2 - 1))


@pytest.mark.parametrize("braille", [False, True])
def test_baselines_are_level_lines_the_first_always_the_others_where_the_curves_are(braille):
    line = Line("v", "val", FALLING)  # from 4 to 2.25
    levels = [Level("9-gram", 1.5), Level("gzip", 3.0), Level("uniform", 6.5)]
    plot = Plot("", [line], [(800, 80.0)], levels)
    lines = drawn(plot, 50, braille=braille)
    dash, rows = ("╌" if braille else "-"), body(lines)
    low, high = plot.bits[-1], max(plot.bits)
    assert (low, high) == (1.5, 4.0)
    for name, bits in (("9-gram", 1.5), ("gzip", 3.0)):
        (row,) = (k for k, cells in enumerate(rows) if cells.endswith(f" {name}"))
        assert row == round((len(rows) - 1) * (high - bits) / (high - low))
        assert rows[row].count(dash) > 20
    assert "uniform" not in "".join(rows)
    legend = " ".join(lines[-2:]).split("baselines: ")[1]
    assert " ".join(legend.split()) == "9-gram 1.500, gzip 3.000, uniform 6.500"


def test_a_plot_is_drawn_in_ascii_where_there_are_no_dots():
    lines = drawn(TWO, 40, braille=False)
    assert lines == [
        "bits per character",
        " 4.0 +    v                          ttt",
        "     |     v                       tt",
        "     |      v                   ttt",
        " 3.5 +      v                 tt",
        "     |       v           ttttt",
        " 3.0 +        v      tttt",
        "     |         vvvttt",
        "     |          t vv",
        " 2.5 +      tttt    vvvvvvvvvv",
        "     |    tt                  vvvvvvvvvv",
        "     ++-----------+------------+--------",
        "   s  0          30           60",
        "v down: best",
        "t up",
    ]


@pytest.mark.parametrize("width", [24, 40, 80, 133])
@pytest.mark.parametrize("braille", [True, False])
def test_no_line_is_wider_than_the_terminal(width, braille):
    long = Plot("a" * 200, [Line("v", "name " * 30, FALLING, "note " * 30)], [(7_000_000, 80.0)])
    assert max(map(len, drawn(long, width, braille=braille))) <= width


def test_without_colour_letters_tell_curves_apart_and_one_curve_needs_none():
    rows = "".join(body(drawn(TWO)))
    assert set(rows) & {"v", "t"} == {"v", "t"}
    alone = "".join(body(drawn(Plot("", [Line("v", "down", FALLING)]))))
    assert not alone.isascii()
    assert "v" not in alone


@pytest.mark.parametrize("mode", [ColorMode.ansi16, ColorMode.ansi256, ColorMode.truecolor])
def test_with_colour_each_curve_has_its_own_and_no_letters(mode):
    text = "\n".join(drawn(TWO, mode=mode))
    first, second, *_ = map(escape, line_paints(mode))
    for code, name in ((first, "down"), (second, "up")):
        assert text.count(code) > 4
        assert f"{code}⠒⠒\x1b[0m {name}" in text
    assert not re.search("[vt]", "".join(body(drawn(TWO, mode=mode))).replace("\x1b", ""))


def test_more_curves_than_colours_have_letters_too():
    lines = [Line(chr(97 + k), f"run {k}", [(x, y + k) for x, y in FALLING]) for k in range(7)]
    text = "\n".join(drawn(Plot("", lines), mode=ColorMode.ansi256))
    rows = re.sub("\x1b[^m]*m", "", "".join(body(text.splitlines())))
    assert set("abcdefg") <= set(rows)


def test_high_values_are_above_low_ones_and_early_ones_left_of_late_ones():
    rows = body(drawn(Plot("", [Line("v", "", FALLING)]), braille=False))
    places = [(row, line.index("v")) for row, line in enumerate(rows) if "v" in line]
    assert places[0][0] == 0
    assert places[-1][0] == len(rows) - 1
    assert [column for _, column in places] == sorted(column for _, column in places)


@pytest.mark.parametrize("points", [[(0.0, 2.0)], [(5.0, 0.0)], [(1.0, 3.0), (1.0, 3.0)]])
def test_a_single_point_is_drawn_too(points):
    assert "v" in "".join(body(drawn(Plot("", [Line("v", "x", points)]), braille=False)))


def test_names_cannot_act_on_the_terminal():
    text = "\n".join(drawn(Plot("a\x1b[2J", [Line("v", "b\nc\x07", FALLING, "d\x1b")])))
    assert not set(text) & set("\x1b\x07")


def test_colours_of_curves_can_be_seen_on_black_and_on_white():
    def linear(part):
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    assert set(sum(line_colors(), ())) <= set(CUBE_STEPS)
    for color in line_colors():
        red, green, blue = (linear(v / 255) for v in color)
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        assert 1.05 / (luminance + 0.05) > 3
        assert (luminance + 0.05) / 0.05 > 3
    assert len(set(line_colors())) == len(line_colors())


# --- the record -----------------------------------------------------------------------------------


def row(step, val=2.0, train=2.0, **others):
    metrics = {"epoch": step / 100, "learning_rate": 0.001, "seconds": step / 10}
    nats = {"train_nats_per_char": train, "val_nats_per_char": val}
    return {"step": step, **metrics, **nats, **others}


def write(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")


def test_rows_are_read_as_they_are(tmp_path):
    rows = [row(10), row(20, val=None), row(35, more="text")]
    write(tmp_path / "m", rows)
    assert load_rows(tmp_path / "m") == rows


@pytest.mark.parametrize(
    "bad",
    [
        row(10),  # no later than the one before
        row(20, seconds=0.5),
        row(20, train=None),
        row(20, val="2"),
        row(20, val=math.nan),
        row(20, seconds=-1),
        row(20, more=math.inf),
        row(True),
        {"step": 20},
        [],
    ],
    ids=str,
)
def test_a_damaged_row_is_refused_by_its_line(tmp_path, bad, wording):
    write(tmp_path / "m", [row(10), bad])
    with wording.raises(CheckpointError):
        load_rows(tmp_path / "m")


def test_half_a_row_and_bytes_are_refused_too(tmp_path):
    for content in (b'{"step": 1\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"\n"):
        (tmp_path / "m").write_bytes(content)
        with pytest.raises(CheckpointError, match="line 1"):
            load_rows(tmp_path / "m")


# --- the command ----------------------------------------------------------------------------------

ONE = [row(10, 2.5, 2.6), row(20, 1.75, 1.8), row(30, 1.8, 1.5)]


@pytest.fixture
def ask(workplace, tmp_path, monkeypatch, capsys):
    """`charrnn curve` in a folder with the runs `one`, `two` and `bytes`."""
    runs = tmp_path / "checkpoints"
    for source, name in (("bytes", "bytes"), ("tiny", "two"), ("tiny", "one")):
        shutil.copytree(workplace / "checkpoints" / source, runs / name)
    write(runs / "one" / "metrics.jsonl", ONE)
    write(runs / "two" / "metrics.jsonl", [row(10, 2.25), row(50, 1.5)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments, **options):
        return call_charrnn(capsys, "curve", *arguments, **options)

    return call


def test_a_run_shows_training_and_validation_with_the_best_point_in_words(ask):
    result = ask("one")
    assert result.out.splitlines()[0] == "one: bits per character (step 30 of 60)"
    best = f"best (*) {1.75 / LOG2:.3f} at step 20 (0:02), at the end {1.8 / LOG2:.3f}"
    assert f"v validation: {best}" in result.out
    assert f"t train: {1.5 / LOG2:.3f} at the end" in result.out
    assert "\n   s  0 " in result.out
    assert "\nstep  0 " in result.out
    assert result.err == ""


def test_a_real_run_has_a_curve_whose_best_is_that_of_the_checkpoint(
    workplace, monkeypatch, capsys
):
    monkeypatch.chdir(workplace)
    (shown,) = json.loads(call_charrnn(capsys, "curve", "tiny", "--json").out)["runs"]
    metrics = json.loads(call_charrnn(capsys, "inspect", "tiny", "--json").out)["metrics"]
    assert shown["rows"][-1]["step"] == 60
    by_step = {r["step"]: r["val_nats_per_char"] for r in shown["rows"]}
    assert by_step[metrics["best_step"]] == metrics["best_val_nats_per_char"]
    assert shown["best_step"] == metrics["best_step"]


def test_a_run_without_validation_text_shows_training_alone(ask, tmp_path, wording):
    write(tmp_path / "checkpoints" / "one" / "metrics.jsonl", [row(10, None), row(60, None, 1.0)])
    result = ask("one")
    assert "validation" not in result.out
    assert f"train: {1 / LOG2:.3f}" in result.out
    wording(ask("two", "one", status=2))


def test_several_runs_are_named_with_their_best(ask):
    out = ask("one", "two", "one").out
    assert out.splitlines()[0] == "bits per character of validation text"
    assert out.splitlines()[-2:] == [
        f"a one: best (*) {1.75 / LOG2:.3f} at step 20 (0:02), at the end {1.8 / LOG2:.3f}",
        f"b two: best (*) {1.5 / LOG2:.3f} at step 50 (0:05), the last",
    ]
    assert {"a", "b"} <= set("".join(body(out.splitlines())))


def test_the_baselines_that_a_run_has_measured_are_drawn_and_those_of_no_other_text(ask, tmp_path):
    runs = tmp_path / "checkpoints"
    assert "baselines" not in ask("two").out  # measured for none
    own = {"uniform": 5.0, "unigram": 4.0, "gzip": 3.5, "xz": None, "ngram": 2.25, "ngram_order": 6}
    (runs / "two" / BASELINES).write_text(json.dumps(own))
    told = "baselines: 6-gram 2.250, gzip 3.500, unigram 4.000, uniform 5.000"
    assert told in ask("two").out
    assert told in ask("one", "two").out  # the same validation text
    shown = json.loads(ask("two", "--json").out)["runs"][0]["baselines"]
    assert shown == {"6-gram": 2.25, "gzip": 3.5, "unigram": 4.0, "uniform": 5.0}
    for damaged in ("{", "[]", "{}", json.dumps(own | {"gzip": "x"}), json.dumps(own | {"xz": -1})):
        (runs / "two" / BASELINES).write_text(damaged)
        assert "baselines" not in ask("two").out
    if find_spec("matplotlib"):
        (runs / "two" / BASELINES).write_text(json.dumps(own))
        ask("two", "--svg", "a.svg", "-q")
        assert told in (tmp_path / "a.svg").read_text()


def test_runs_of_the_same_name_are_told_apart_by_their_folders(ask, tmp_path):
    shutil.copytree(tmp_path / "checkpoints" / "one", tmp_path / "other" / "one")
    out = ask("one", "other/one").out
    assert "a checkpoints/one: best" in out
    assert "b other/one: best" in out


def test_json_has_the_rows_of_every_run(ask):
    runs = json.loads(ask("one", "checkpoints/two/last.safetensors", "--json").out)["runs"]
    assert [r["name"] for r in runs] == ["one", "two"]
    assert [r["best_step"] for r in runs] == [20, 50]
    assert runs[0]["rows"] == ONE
    assert runs[0]["unit"] == "character"


def test_the_newest_run_is_drawn_if_none_is_named(ask, wording):
    result = ask()
    wording(result)
    assert result.out.startswith("one: ")
    assert ask("-q").err == ""


def test_byte_models_count_bits_per_byte_and_do_not_mix_with_others(ask, wording):
    assert ask("bytes").out.startswith("bytes: bits per byte")
    wording(ask("bytes", "one", status=2))


def test_runs_on_different_texts_are_drawn_with_a_warning(ask, tmp_path, workplace, wording):
    import dataclasses

    from charrnn.checkpoint import load_checkpoint, save_checkpoint

    path = tmp_path / "checkpoints" / "two" / "best.safetensors"
    loaded = load_checkpoint(path)
    corpus = {**loaded.run["corpus"], "fingerprint": "another"}
    save_checkpoint(path, dataclasses.replace(loaded, run={**loaded.run, "corpus": corpus}))
    wording(ask("one", "two"))
    assert ask("one", "two", "-q").err == ""
    save_checkpoint(path, dataclasses.replace(loaded, run={"corpus": "damaged"}))
    wording(ask("two", status=4))


def test_what_is_missing_empty_or_damaged_is_said(ask, tmp_path, wording):
    metrics = tmp_path / "checkpoints" / "one" / "metrics.jsonl"
    for content in (b"", b'{"step": 3}\n', None):
        metrics.write_bytes(content) if content is not None else metrics.unlink()
        wording(ask("one", status=4))
    wording(ask("two", "three", status=4))


def test_more_runs_than_letters_are_refused(ask, wording):
    wording(ask(*["one"] * 27, status=2))


def test_a_pipe_gets_no_colours_and_a_terminal_without_dots_ascii(ask, tmp_path):
    assert "\x1b" not in run_charrnn("curve", "one", cwd=tmp_path).out
    forced = run_charrnn(
        "curve",
        "one",
        cwd=tmp_path,
        env={"FORCE_COLOR": "1", "TERM": "xterm-256color"},
    )
    assert escape(line_paints(ColorMode.ansi256)[0]) in forced.out
    script = """
import sys
sys.stdout.reconfigure(encoding="cp1252")
from charrnn.cli.app import obey
obey(["curve", "one"])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=True, env=CLEAN
    )
    assert done.stdout.isascii()
    assert b"tttt" in done.stdout


def test_a_curve_needs_no_torch(workplace):
    script = """
import sys
from charrnn.cli.app import obey
obey(["curve", "tiny"])
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=workplace, capture_output=True, check=True, env=CLEAN
    )
    assert done.stdout.endswith(b"False\n")


# --- pictures -------------------------------------------------------------------------------------


def test_without_matplotlib_a_picture_is_refused_with_what_to_install(
    ask, monkeypatch, tmp_path, wording
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for option in (("--png", "a.png"), ("--svg", "a.svg")):
        wording(ask("one", *option, status=6))
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.parametrize(
    "option",
    [
        ("--png", "a.svg"),
        ("--svg", "a"),
        ("--png", "nowhere/a.png"),
        ("--svg", "checkpoints"),
    ],
)
def test_a_picture_that_cannot_be_written_is_refused_first(ask, option, wording):
    wording(ask("missing", *option, status=2))


@needs_matplotlib
def test_pictures_are_written_and_say_what_the_drawing_says(ask, tmp_path, wording):
    shutil.move(tmp_path / "checkpoints" / "one", tmp_path / "checkpoints" / "_o$n$e")
    result = ask("_o$n$e", "two", "--png", "a.png", "--svg", "a.svg")
    assert result.out == ""
    wording(result)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "a.svg").read_text()
    assert "bits per character of validation text" in svg
    assert f"_o$n$e: best (*) {1.75 / LOG2:.3f} at step 20" in svg
    assert f"two: best (*) {1.5 / LOG2:.3f} at step 50" in svg
    assert "training time (s)" in svg
    ask("two", "--svg", "b.svg", "-q")
    assert ">step<" in (tmp_path / "b.svg").read_text().replace("\n", "")
    assert "pyplot" not in " ".join(sys.modules)


@needs_matplotlib
def test_the_same_runs_give_the_same_picture_and_json_goes_with_it(ask, tmp_path):
    out = ask("one", "--svg", "a.svg", "--json", "-q").out
    assert json.loads(out)["runs"][0]["rows"] == ONE
    ask("one", "--svg", "b.svg", "-q")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@needs_matplotlib
def test_a_picture_takes_a_name_that_no_font_has(ask, tmp_path):
    shutil.move(
        tmp_path / "checkpoints" / "one", tmp_path / "checkpoints" / "\u7d05\u6a13\U0001f600"
    )
    ask("\u7d05\u6a13\U0001f600", "two", "--png", "a.png", "-q")
    assert (tmp_path / "a.png").stat().st_size > 1000
