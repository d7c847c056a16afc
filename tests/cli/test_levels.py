"""A network in two dimensions learns boards, writes whole ones, and is shown as a picture of the grid."""

import itertools
import random
import re

import pytest
from helpers import call_charrnn, random_model

from charrnn.checkpoint import Checkpoint, save_checkpoint

ROWS, WIDTH = 3, 5


def board(draw):
    """Columns of different heights."""
    tops = [draw.randint(1, ROWS) for _ in range(WIDTH)]
    return "\n".join("".join(".#"[row >= top] for top in tops) for row in range(ROWS))


@pytest.fixture
def ask(capsys, monkeypatch, tmp_path):
    """Run a command beside a text of boards, and one board."""
    monkeypatch.chdir(tmp_path)
    draw = random.Random(1)
    boards = [board(draw) for _ in range(300)]
    (tmp_path / "boards.txt").write_text("\n\n".join(boards) + "\n")
    (tmp_path / "one.txt").write_text(boards[0] + "\n")
    return lambda *arguments: call_charrnn(capsys, *arguments, "-q").out


@pytest.mark.long
def test_whole_boards_are_written(ask):
    shape = ("--hidden-size", 16, "--embedding-size", 4, "--layers", 1, "--dropout", 0)
    how = ("--separator", r"\n\n", "--batch-size", 8, "--sequence-length", 36, "--no-counts")
    run = ("--steps", 350, "--eval-every", 350, "--lr", 0.02, "--precision", "float32")
    ask("train", "boards.txt", "--cell", "mdlstm", *how, *shape, *run, "--threads", 1)
    asked = ("--count", 20, "--seed", 1, "--temp", 0.7, "--separator", r"\0")
    written = [one.strip("\n").split("\n") for one in ask("sample", "boards", *asked).split("\0")]
    whole = [rows for rows in written if [*map(len, rows)] == [WIDTH] * ROWS]
    assert len(whole) >= 18
    below = [
        lower[place]
        for rows in whole
        for upper, lower in itertools.pairwise(rows)
        for place in range(WIDTH)
        if upper[place] == "#"
    ]
    assert below.count("#") > 0.8 * len(below)


def test_a_unit_is_a_picture_of_the_grid(ask, tmp_path):
    model = random_model(".#\n", cell="mdlstm", row_length=str(WIDTH + 1))
    save_checkpoint(tmp_path / "boards.safetensors", Checkpoint(model))
    ask("visualize", "boards.safetensors", "one.txt", "--unit", "L0.c.3", "--svg", "one.svg")
    drawn = re.findall(
        r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"',
        (tmp_path / "one.svg").read_text(),
    )
    lines = {}
    for x, y, width, height in [tuple(map(int, of)) for of in drawn]:
        lines.setdefault((y, height), []).append((x, x + width))
    _, *grid = sorted(lines)  # below the scale
    assert len(grid) == ROWS
    assert all(upper[0] + upper[1] == lower[0] for upper, lower in itertools.pairwise(grid))
    ends = {(min(lines[row])[0], max(lines[row])[1]) for row in grid}
    assert len(ends) == 1  # each row is as wide as the others
