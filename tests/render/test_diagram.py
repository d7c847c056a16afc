"""The small diagram of `charrnn visualize --diagram`."""

import re

import pytest
from helpers import call_charrnn, run_charrnn
from recordings import small_model

from charrnn.render.ansi import lines_of
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode
from charrnn.render.views.diagram import diagram_rows


def rows_of(model, text, mode=ColorMode.none, width=200, top=99):
    return list(lines_of(diagram_rows(model.read(text, top=top), "h", Look(mode), width)))


def test_every_number_of_the_diagram_is_the_network_s():
    model = small_model(num_layers=2)
    recording = model.read("hello", top=4)
    lines = rows_of(model, "hello")
    assert lines[1].split() == list("hello")
    one_hot = {line.split()[0]: line.split()[1:] for line in lines[3:7]}
    assert one_hot == {
        "e": [".", "1", ".", ".", "."],
        "h": ["1", ".", ".", ".", "."],
        "l": [".", ".", "1", "1", "."],
        "o": [".", ".", ".", ".", "1"],
    }
    hidden = lines[8:14]
    expected = [
        [f"L{layer}.h.{k}", *(f"{recording.arrays['h'][t, layer, k]:+.2f}" for t in range(5))]
        for layer in range(2)
        for k in range(3)
    ]
    assert [line.split() for line in hidden] == expected
    outputs = [re.findall(r"(\d+)(\*?)", line[3:]) for line in lines[15:19]]
    for k in range(4):
        for t, (percent, mark) in enumerate(outputs[k]):
            rank = recording.next_ids[t].tolist().index(k)
            assert int(percent) == round(100 * float(recording.next_probabilities[t, rank]))
            assert bool(mark) == (t < 4 and recording.ids[t + 1] == k)


def test_the_columns_of_all_rows_stand_under_each_other():
    lines = [line for line in rows_of(small_model(), "hello") if line.startswith("  ")]
    ends = {tuple(m.end() for m in re.finditer(r"[^\s*]+", line))[-5:] for line in lines}
    assert len(ends) == 1


def test_what_does_not_fit_goes_below():
    model = small_model()
    wide, narrow = rows_of(model, "hello"), rows_of(model, "hello", width=9 + 2 * 7)
    assert narrow.count("hidden") == 3
    assert max(len(line) for line in narrow if line.startswith("  ")) <= 9 + 2 * 7
    cells = [line.split()[1:] for line in narrow if line.strip().startswith("L0.h.1")]
    assert [cell for part in cells for cell in part] == next(
        line.split()[1:] for line in wide if "L0.h.1" in line
    )


def test_fewer_predictions_leave_the_others_blank():
    lines = rows_of(small_model(), "hello", top=2)[-4:]
    assert sum(len(re.findall(r"\d+", line)) for line in lines) == 2 * 5


@pytest.mark.parametrize("mode", [ColorMode.truecolor, ColorMode.ansi256, ColorMode.ansi16])
def test_colours_change_nothing_but_the_mark(mode):
    model = small_model()
    plain = [line.replace("*", " ").rstrip() for line in rows_of(model, "hello")]
    coloured = rows_of(model, "hello", mode)
    bare = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in coloured]
    assert bare[:-5] == plain[:-5]
    assert bare[-4:] == plain[-4:]
    assert sum("[4m" in line or "[1;4m" in line for line in coloured[-4:]) == 3  # e, l and o came


def test_the_diagram_of_a_run_and_the_networks_that_are_too_large_for_it(
    tmp_path, capsys, workplace, wording
):
    (tmp_path / "hello.txt").write_text("hello")
    run_charrnn(
        *("train", "hello.txt", "--cell", "elman", "--hidden-size", 3, "--embedding-size", 4),
        *(
            "--val-fraction",
            0,
            "--dropout",
            0,
            "--weight-drop",
            0,
            "--lr",
            0.03,
            "--steps",
            300,
            "-q",
        ),
        cwd=tmp_path,
    )
    best = tmp_path / "checkpoints" / "hello" / "best.safetensors"
    found = call_charrnn(
        *(capsys, "visualize", best, "hello", "--diagram", "--predictions", 4, "--color", "none")
    )
    marked = [line.split()[0] for line in found.out.splitlines()[-4:] if "*" in line]
    assert marked == ["e", "l", "o"]
    for line in found.out.splitlines()[-4:]:  # the right one is the surest everywhere
        for percent in re.findall(r"(\d+)\*", line):
            assert int(percent) > 80
    tiny = workplace / "checkpoints" / "tiny" / "best.safetensors"
    refused = call_charrnn(capsys, "visualize", tiny, "def", "--diagram", status=2)
    wording(refused)
    other = call_charrnn(capsys, "visualize", best, "h", "--diagram", "--surprisal", status=2)
    assert "--diagram" in other.err
