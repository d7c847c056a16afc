"""`charrnn visualize` as people run it: what it reads, what it shows, and what a terminal gets."""

import io
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers import (
    CLEAN,
    call_charrnn,
    command,
    make_text,
    names_in_dump,
    own_signals,
    program,
    run_charrnn,
    run_on_terminal,
)
from variants import NAMES, H, every_cell, every_variant, make_model

import charrnn
from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.cli import reading
from charrnn.cli.own_text import OwnText
from charrnn.config import CorpusConfig
from charrnn.interpret.units import most_interesting
from charrnn.render.palette import ColorMode
from charrnn.render.views.symbols import columns_of

TEXT = "def wrap(text):"
SGR = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = "a\x1b[31mb\x1b]0;title\x07\x9b1m\u202ec\u2066d\r\x00\x7fe"
KINDS = {
    "truecolor": r"\x1b\[38;2;[0-9;]+;48;2;",
    "256": r"\x1b\[38;5;\d+;48;5;",
    "16": r"\x1b\[(30|97);(4|10)\dm",
}


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn visualize ARGUMENTS` beside the corpus and its two runs."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(workplace)

    def run(*arguments, stdin=b"", status=0):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        return call_charrnn(capsys, "visualize", *arguments, status=status)

    return run


def kinds_of(text):
    """Which kinds of colours a text has."""
    return {kind for kind, pattern in KINDS.items() if re.search(pattern, text)}


def titles(out):
    """The addresses of the units shown, and the other blocks."""
    return re.findall(r"^(L\d\.\w\.\d+|surprisal)(?=   )", out, re.MULTILINE)


def text_of(out):
    """The text that the first block of plain output shows."""
    first = out.split("\nL")[0].split("\n", 2)[2]
    return "".join(stretch.split("\n")[0] for stretch in first.split("\n\n"))


# --- what is shown --------------------------------------------------------------------------------


def test_each_unit_has_a_block_of_its_own_with_its_values(see, tiny_model):
    out = see("tiny", TEXT, "--unit", "L0.h.3", "--unit", "L1.c.20").out
    assert titles(out) == ["L0.h.3", "L1.c.20"]
    arrays = tiny_model.read(TEXT).arrays
    for block, values in zip(
        out.split("\n\n"), (arrays["h"][:, 0, 3], arrays["c"][:, 1, 20]), strict=True
    ):
        parts = values / (1 if block.startswith("L0") else np.abs(values).max())
        title, legend, text, *digits = block.rstrip("\n").split("\n")
        assert f"   {values.min():+.2f} to {values.max():+.2f} here" in title
        assert "9 is" in legend
        assert text == TEXT
        assert digits[-1] == "".join(str(round(9 * abs(float(p)))) for p in parts)
        signs = "".join("-" if p < 0 else "+" if p > 0 else " " for p in parts)
        assert digits[:-1] == ([signs.rstrip()] if values.min() < 0 else [])


@pytest.mark.parametrize("what", [None, *"hcifgo"])
@pytest.mark.parametrize("top", [None, 3])
def test_the_most_interesting_unit_is_chosen_or_several_the_best_last(see, tiny_model, what, top):
    options = (*(("--what", what) if what else ()), *(("--top", top) if top else ()))
    out = see("tiny", TEXT, *options, "--width", 200).out
    found = most_interesting(tiny_model.read(TEXT).arrays[what or "c"], what or "c", top or 1)
    found.reverse()
    assert titles(out) == [str(unit) for unit, _ in found]
    assert [f"{score:.2f}" for _, score in found] == re.findall(r"interest ([\d.]+)", out)
    assert out.count("chosen from 48 units: varies widely, holds its value long") == len(found)


def test_all_guesses_are_shown_with_their_probabilities_in_percent(see, tiny_model):
    out = see("tiny", "def", "--predictions", "ALL", "--percent").out
    V = len(tiny_model.vocabulary)
    assert "next characters with their probabilities in percent, * after" in out
    lines = out.rstrip("\n").split("\n")[-V:]
    recording = tiny_model.read("def", top=V + 5)
    assert recording.next_ids.shape == (3, V)
    shown = [name.replace("\n", "↵") for name in recording.next_text]
    coming = [*recording.ids[1:].tolist(), None]
    cells = [
        [
            f"{shown[k]}{100 * p:3.0f}" + "*" * (k == coming[t])
            for k, p in zip(row, chances, strict=True)
        ]
        for t, (row, chances) in enumerate(
            zip(recording.next_ids.tolist(), recording.next_probabilities.tolist(), strict=True)
        )
    ]
    rows = ["".join(cell.ljust(6) for cell in row).rstrip() for row in zip(*cells, strict=True)]
    assert [line.rstrip() for line in lines] == rows


@pytest.mark.parametrize("K", [1, 4])
def test_guesses_stand_under_one_block_and_those_that_came_are_starred(see, tiny_model, K):
    out = see("tiny", TEXT, "--predictions", K).out
    assert len(titles(out)) == 1
    lines = out.rstrip("\n").split("\n")
    recording = tiny_model.read(TEXT, top=K)
    rows = lines[-K:]
    came = recording.next_ids[:-1] == recording.ids[1:, None]
    assert [row.count("*") for row in rows] == came.sum(axis=0).tolist()
    assert came.sum() > 0
    assert lines[3][0] == TEXT[0]
    firsts = [recording.next_text[s] for s in recording.next_ids[0]]
    assert [row[0] for row in rows] == [name.replace("\n", "↵") for name in firsts]


def test_surprisal_says_what_evaluate_says(see, tiny_model):
    out = see("tiny", TEXT, "--surprisal").out
    cost = charrnn.evaluate(tiny_model, tiny_model.vocabulary.encode(TEXT), streams=1)
    assert out.startswith(f"surprisal   {cost.bits_per_char:.3f} bits per character on average")
    assert titles(out) == ["surprisal"]
    assert titles(see("tiny", TEXT, "--surprisal", "--what", "c").out)[0] == "surprisal"
    assert titles(see("tiny", TEXT, "--surprisal", "--unit", "L0.c.1").out) == [
        "surprisal",
        "L0.c.1",
    ]


@pytest.mark.parametrize("color", list(ColorMode))
def test_the_colours_that_are_asked_for_come(see, monkeypatch, color):
    monkeypatch.setenv("NO_COLOR", "1")  # an option outranks the environment
    out = see("tiny", TEXT, "--unit", "L0.h.3", "--color", color).out
    assert kinds_of(out) == {str(color)} - {"none"}
    assert TEXT in SGR.sub("", out)


def test_lines_are_as_wide_as_asked(see):
    out = see("tiny", TEXT, "--unit", "L0.h.3", "--width", 4, "--color", "16").out
    assert SGR.sub("", out).split("\n")[2:] == ["def ", "wrap", "(tex", "t):", ""]


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "stdin", "read"),
    [
        (("tiny", "return text"), b"", "return text"),
        (("tiny", "in.txt"), b"", "import re↵def f"),
        (("tiny", "-"), b"while\r\nTrue", "while↵True"),
        (("return",), b"", "return"),
        (("in.txt",), b"", "import re↵def f"),
        (("-",), b"while", "while"),
    ],
)
def test_a_text_a_file_or_standard_input_is_read(see, tmp_path, arguments, stdin, read):
    (tmp_path / "in.txt").write_text("import re\ndef f", encoding="utf-8")
    arguments = [str(tmp_path / a) if a == "in.txt" else a for a in arguments]
    result = see(*arguments, "--unit", "L0.h.3", stdin=stdin)
    assert text_of(result.out) == read
    assert ("newest checkpoint" in result.err) == (len(arguments) == 1)


@pytest.mark.parametrize("arguments", [(), ("tiny",), ("checkpoints/tiny",), ("bytes",)])
def test_without_a_text_the_model_reads_what_it_writes(
    see, arguments, tiny_model, byte_model, wording
):
    result = see(*arguments, "--unit", "L0.h.3", "--width", 1000, "--seed", 7)
    model = byte_model if arguments == ("bytes",) else tiny_model
    written = model.read("".join(model.sample(length=400, seed=7)))
    assert text_of(result.out) == "".join(c.label for c in columns_of(written))
    wording(result)


@pytest.mark.parametrize("run", ["tiny", "bytes"])
def test_without_a_text_the_model_reads_validation_text_of_its_corpus(
    see, workplace, tiny_model, byte_model, run, wording
):
    text, held_out = (workplace / "corpus.txt").read_text(), {"tiny": 0.05, "bytes": 0.0}[run]
    begin, end = round(len(text) * (0.9 - held_out)), round(len(text) * (1 - held_out))
    lines = text[begin:end].partition("\n")[2]
    reading = {"tiny": tiny_model, "bytes": byte_model}[run].read(lines)
    result = see(run, "--unit", "L0.h.3", "--width", 1000)
    assert text_of(result.out) == "".join(c.label for c in columns_of(reading))
    wording(result)


@pytest.mark.parametrize(("options", "count"), [((), 800), (("--max-chars", 1500), 1500)])
def test_as_much_validation_text_is_read_as_is_asked_for(see, monkeypatch, options, count):
    own = "charrnn.cli.own_text._held_out_text"
    monkeypatch.setattr(own, lambda _, most: OwnText(("ab\n" * 1000)[:most], "a text"))
    shown = see("tiny", "--unit", "L0.h.3", *options)
    assert f"{count:,}" in shown.err


def test_a_corpus_that_is_not_at_hand_is_no_reason_to_fail(tmp_path, workplace, wording):
    shutil.copytree(workplace / "checkpoints" / "bytes", tmp_path / "checkpoints" / "bytes")
    path = tmp_path / "checkpoints" / "bytes" / "best.safetensors"
    loaded = load_checkpoint(path)
    loaded.run["corpus"]["places"] = [[str(tmp_path / "gone.txt"), 6000]]
    save_checkpoint(path, loaded)
    wording(run_charrnn("visualize", "bytes", "--width", 80, cwd=tmp_path))


def test_a_first_look_ends_with_two_things_to_type(workplace):
    shown = run_on_terminal("visualize", "tiny", TEXT, cwd=workplace, columns=80, both=True)
    assert shown.splitlines()[-2:] == [
        "next: charrnn visualize tiny --top 3",
        "      charrnn visualize tiny --html page.html",
    ]
    for others in (("--unit", "L0.h.3"), ("--surprisal",), ("-q",)):
        assert "next:" not in run_on_terminal(
            "visualize", "tiny", TEXT, *others, cwd=workplace, columns=80, both=True
        )


def test_a_lone_name_that_is_no_run_is_a_text_but_a_missing_checkpoint_is_missed(see, wording):
    assert text_of(see("den", "--unit", "L0.h.3").out) == "den"
    missed = see("checkpoints/tin/best.safetensors", status=4)
    wording(missed)
    assert missed.out == ""


@pytest.mark.parametrize("most", [None, 7])
def test_a_long_text_is_shortened_and_this_is_said(see, tmp_path, most, wording):
    (tmp_path / "long.txt").write_text(make_text(2500) + "é", encoding="utf-8")
    options = ("--max-chars", most) if most else ()
    result = see("tiny", tmp_path / "long.txt", "--unit", "L0.h.3", *options)
    assert len(text_of(result.out)) == (most or 2000)
    assert f"the first {most or 2000:,} of 2,501 characters" in result.err
    wording(result)  # the rest is not read


def test_unknown_characters_are_left_out_and_named(see, wording):
    result = see("tiny", "d\x1b[e中f", "--unit", "L0.h.3")
    assert text_of(result.out) == "d[ef"
    assert "U+4E2D" in result.err
    assert "U+001B" in result.err
    assert "\x1b" not in result.out + result.err
    wording(see("tiny", "中\x1b", status=3))


def test_a_byte_model_reads_anything_and_shows_a_character_with_its_last_byte(see):
    out = see("bytes", "a中🙂\x1b\n", "--unit", "L0.h.3").out
    assert out.split("\n")[2] == "ae4b8中f09f99🙂␛↵"


@pytest.mark.parametrize("color", ["none", "16", "truecolor"])
def test_hostile_text_cannot_reach_the_terminal(see, color):
    result = see("bytes", HOSTILE, "--color", color, "--predictions", 50, "--surprisal")
    shown = SGR.sub("", result.out)
    assert shown.replace("\n", "").isprintable()
    assert "a␛[31mb␛]0;title␇" in re.sub(" +", "", shown)
    assert color != "none" or result.out == shown
    assert "\x1b" not in result.err


# --- dumps ----------------------------------------------------------------------------------------


def test_a_dump_has_the_text_as_it_was_given(see, tmp_path, tiny_model, wording):
    (tmp_path / "t").write_text("def é():\n☕\n    return\n", encoding="utf-8")
    result = see("tiny", tmp_path / "t", "--dump", tmp_path / "d.npz", "--max-chars", 17)
    wording(result)
    assert "15 characters)" in result.err
    with np.load(tmp_path / "d.npz", allow_pickle=False) as found:
        assert found["text"].item() == "def é():\n☕\n    re"
        assert found["offsets"].tolist() == [0, 1, 2, 3, *range(5, 9), *range(10, 17)]
        assert found["items"].tolist() == [0] * 8 + [1] + [2] * 6
        assert (found["h"] == tiny_model.read("def ():\n\n    re").arrays["h"]).all()
    shown = see("--from", tmp_path / "d.npz", "--unit", "L0.c.1")
    assert shown.out == see("tiny", "def ():\n\n    re", "--unit", "L0.c.1").out
    see("tiny", "☕", "--dump", tmp_path / "d.npz", status=3)


def test_a_dump_has_everything_and_the_screen_nothing(see, tmp_path, tiny_model):
    (tmp_path / "long.txt").write_text(make_text(2500), encoding="utf-8")
    result = see("tiny", tmp_path / "long.txt", "--dump", tmp_path / "d.npz", "--max-chars", 2100)
    assert result.out == ""
    assert re.search(r"wrote .*d\.npz \(\d.* MB, 2,100 characters\)", result.err)
    with np.load(tmp_path / "d.npz", allow_pickle=False) as found:
        assert set(found) == names_in_dump("hcifgo")
        assert found["text"].item() == make_text(2100)
        assert (found["f"] == tiny_model.read(make_text(2100)).arrays["f"]).all()
        lines = [f"{line}\n" for line in make_text(2100).split("\n")]
        assert (np.diff(np.flatnonzero(np.diff(found["items"], prepend=-1)))).tolist() == [
            len(line) for line in lines[:-1]
        ]
    see("tiny", tmp_path / "long.txt", "--dump", tmp_path / "all.npz")
    with np.load(tmp_path / "all.npz", allow_pickle=False) as found:
        assert found["h"].shape == (2500, 2, 24)


def test_a_dump_is_opened_by_the_command_alone(see, tmp_path, monkeypatch):
    """So that one which cannot be read is refused with its reason and status 3."""
    see("tiny", TEXT, "--dump", tmp_path / "d.npz", "-q")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert see("--from", tmp_path / "d.npz", "-q").out


@pytest.mark.parametrize(("place", "status"), [("nowhere/d.npz", 2), (".", 2), ("full.npz", 6)])
def test_a_dump_that_cannot_be_written_fails_in_a_line(see, tmp_path, place, status, wording):
    (tmp_path / "full.npz").symlink_to("/dev/full")
    result = see("tiny", TEXT, "--dump", tmp_path / place, "-q", status=status)
    assert result.err.count("\n") == 1
    wording(result)


def test_a_dump_takes_no_other_file_s_place(see, tmp_path, wording):
    book = tmp_path / "book.txt"
    book.write_text("precious")
    wording(see("tiny", TEXT, "--dump", book, "-q", status=2))
    assert book.read_text() == "precious"


def test_a_text_too_long_for_the_memory_is_refused(see, monkeypatch, wording):
    monkeypatch.setattr(reading, "free_memory", lambda: 1e3)
    result = see("tiny", TEXT, status=6)
    wording(result)
    assert "--max-chars" in result.err


def test_free_memory_is_a_number_of_bytes():
    assert reading.free_memory() > 1e6


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--unit", "37"),
        ("--unit", "L9.c.1"),
        ("--unit", "L0.c.1", "--unit", "L0.x.1"),
        ("--what", "cell"),
        ("--unit", "L0.c.1", "--what", "c"),
        ("--color", "8"),
        ("--predictions", 2_000_000),
        ("--predictions", "most"),
        ("--percent",),
        ("--predictions", -1),
        ("--width", 0),
        ("--max-chars", 0),
    ],
)
def test_a_mistake_is_told_with_what_there_is(see, options, wording):
    result = see("tiny", TEXT, *options, status=2)
    wording(result)
    assert result.out == ""


def test_quiet_says_nothing(see, tmp_path):
    assert see(TEXT, "-q", "--dump", tmp_path / "d.npz").err == ""
    assert see("-q", "--max-chars", 5, "--seed", 2).err == ""


# --- terminals ------------------------------------------------------------------------------------


def widest(out):
    """The width of the text's first line, below title and legend."""
    lines = SGR.sub("", out).split("\n")
    return len(next(line for line in lines if line and (TEXT * 4).startswith(line)))


@pytest.mark.parametrize(
    ("env", "kind", "width"),
    [
        ({"TERM": "xterm-256color"}, "256", 33),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor", 33),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit", "NO_COLOR": ""}, "truecolor", 33),
        ({"TERM": "xterm", "COLUMNS": "40"}, "16", 40),
        ({"TERM": "xterm", "COLUMNS": "1"}, "16", 1),
        ({"TERM": "xterm", "COLUMNS": "0"}, "16", 33),
        ({"TERM": "dumb", "COLUMNS": "abc"}, None, 33),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, None, 33),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", "FORCE_COLOR": "1"}, None, 33),
    ],
)
def test_a_terminal_gets_the_colours_and_the_width_that_it_has(workplace, env, kind, width):
    shown = ("visualize", "tiny", TEXT * 4, "--unit", "L0.h.3", "-q")
    out = run_on_terminal(*shown, cwd=workplace, env=env, columns=33)
    assert kinds_of(out) == {kind} - {None}
    assert ("\x1b" in out) == bool(kind)
    assert widest(out) == width


@pytest.mark.parametrize(
    ("env", "kind", "width"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, None, 60),
        ({"TERM": "xterm-256color", "FORCE_COLOR": "1", "COLUMNS": "40"}, "256", 40),
        ({"TERM": "xterm-256color", "FORCE_COLOR": "1", "NO_COLOR": "1"}, None, 60),
    ],
)
def test_a_pipe_gets_plain_text_unless_colours_are_forced(workplace, env, kind, width):
    out = run_charrnn("visualize", "tiny", TEXT * 4, "--unit", "L0.h.3", cwd=workplace, env=env).out
    assert kinds_of(out) == {kind} - {None}
    assert ("\x1b" in out) == bool(kind)
    assert widest(out) == width


def test_a_pipe_that_closes_ends_it_silently(workplace):
    with subprocess.Popen(
        program("visualize", "tiny", "corpus.txt", "--max-chars", 6000, "-q"),
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
        preexec_fn=own_signals,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_it_runs_without_torch(workplace):
    arguments = [sys.executable, "-X", "importtime", *command("visualize", "tiny")[3:]]
    done = subprocess.run(arguments, cwd=workplace, capture_output=True, env=CLEAN, check=True)
    imported = {line.split("|")[-1].strip() for line in done.stderr.decode().splitlines()}
    assert "numpy" in imported
    assert not {name for name in imported if name.split(".")[0] == "torch"}


def test_what_ends_like_a_file_s_name_is_no_text(see, wording):
    wording(see("tiny", "corpsu.txt", status=3))
    assert see("tiny", "what is corpsu.txt").out


def test_help_tells_the_defaults(see):
    shown = re.sub(r"[\s│]+", " ", see("-h").out)
    for default in (
        "otherwise h)",
        "--dump and --lstmvis)",
        "none in a pipe)",
        "(the terminal's; 80 in a picture)",
    ):
        assert f"{default}]" in shown


# --- a run of lines -------------------------------------------------------------------------------

LINED = "def a\n  b\nreturn\n"


@pytest.mark.parametrize(
    ("view", "file"),
    [
        (("--surprisal",), ""),
        (("--unit", "L0.h.3"), ""),
        (("--unit", "L0.h.3-5"), ""),
        (("--html",), "f.html"),
        (("--dump",), "f.csv"),
        (("--unit", "L0.h.3", "--dump"), "f.npz"),
    ],
)
def test_every_view_of_a_run_of_lines_starts_at_each(
    workplace, capsys, monkeypatch, tmp_path, view, file
):
    monkeypatch.chdir(workplace)
    path, shown = tmp_path / file, []
    for lines in (False, True):
        monkeypatch.setattr(
            "charrnn.cli.reading.reading_of", lambda _, lines=lines: CorpusConfig(lines=lines)
        )
        arguments = (*view, path) if file else view
        result = call_charrnn(capsys, "visualize", "tiny", LINED, *arguments)
        assert ("reset" in result.err) == lines
        shown.append(path.read_bytes() if file else result.out)
    assert shown[0] != shown[1]


def test_what_a_run_of_lines_costs_is_what_evaluate_says(
    workplace, capsys, monkeypatch, tiny_model
):
    monkeypatch.chdir(workplace)
    monkeypatch.setattr("charrnn.cli.reading.reading_of", lambda _: CorpusConfig(lines=True))
    found = charrnn.evaluate(tiny_model, tiny_model.vocabulary.encode(LINED), item_end="\n")
    out = call_charrnn(capsys, "visualize", "tiny", LINED, "--surprisal").out
    assert out.startswith(f"surprisal   {found.bits_per_char:.3f} bits per character on average")


# --- the letters of each cell ---


def save_run(name, activation="tanh", *, folder):
    """A network that has learnt nothing, under checkpoints/NAME; its letters are a to g."""
    model, _ = make_model(2, name, activation, learn_start=True)
    (folder / "checkpoints" / name).mkdir(parents=True)
    save_checkpoint(folder / "checkpoints" / name / "best.safetensors", Checkpoint(model))
    return model


@every_variant
def test_a_dump_has_the_cell_s_own_states_and_gates(
    name, activation, tmp_path, monkeypatch, capsys
):
    model, (states, gates) = save_run(name, activation, folder=tmp_path), NAMES[name]
    monkeypatch.chdir(tmp_path)
    call_charrnn(capsys, "visualize", name, "cabbage", "--dump", "out.npz", "-q")
    with np.load("out.npz", allow_pickle=False) as dump:
        assert set(dump) == names_in_dump([*states.split(), *gates.split()])
        recorded = model.read("cabbage").arrays
        assert list(recorded) == [*states.split(), *gates.split()]
        for letter, values in recorded.items():
            assert values.shape == (7, 2, H)
            assert (dump[letter] == values).all()
    if name == "gru":
        assert set(np.load("out.npz")) == names_in_dump("hrzn")


@every_cell
def test_visualize_and_inspect_call_things_what_the_cell_calls_them(
    name, tmp_path, monkeypatch, capsys
):
    save_run(name, folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    states, gates = (names.split() for names in NAMES[name])
    for letter in (*states, *gates):
        out = call_charrnn(capsys, "visualize", name, "cabbage", "--what", letter, "-q").out
        assert f".{letter}." in out
        out = call_charrnn(
            capsys, "visualize", name, "cabbage", "--unit", f"L1.{letter}.5", "-q"
        ).out
        assert out.startswith(f"L1.{letter}.5 ")
    facts = json.loads(call_charrnn(capsys, "inspect", name, "--json", "-q").out)
    assert (facts["states"], facts["gates"]) == (states, gates)
    assert facts["config"]["cell"] == name
    assert f"gates {' '.join(gates) or 'none'}" in call_charrnn(capsys, "inspect", name, "-q").out


@pytest.mark.parametrize("option", [("--what", "{}"), ("--unit", "L0.{}.1")])
@pytest.mark.parametrize(
    ("name", "wrong"),
    [("lstm", "z"), ("gru", "c"), ("elman", "i"), ("jordan", "y"), ("peephole", "n")],
)
def test_a_gate_that_a_cell_has_not_is_an_error_that_lists_those_it_has(
    name, wrong, option, tmp_path, monkeypatch, capsys, wording
):
    save_run(name, folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    asked = option[0], option[1].format(wrong)
    result = call_charrnn(capsys, "visualize", name, "cabbage", *asked, "-q", status=2)
    assert result.out == ""
    assert all(f" {letter}" in result.err for names in NAMES[name] for letter in names.split())
    wording(result)
