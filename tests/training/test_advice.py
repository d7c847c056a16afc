"""Advice at the end of a run: only what is true, in one line, and none where nothing is certain."""

import json
import math

import pytest
import torch
from helpers import call_charrnn

from charrnn.text.advice import vocabulary_advice
from charrnn.training.advice import run_advice


def rows(val, train):
    """Evaluations every 100 steps, in bits."""
    pairs = zip(val, train, strict=True)
    return [
        {
            "step": 100 * k,
            "val_nats_per_char": v * math.log(2),
            "train_nats_per_char": t * math.log(2),
        }
        for k, (v, t) in enumerate(pairs, 1)
    ]


LINE = {
    "risen": (
        "validation loss has risen since step 300 (2.10 to 2.40 bits) while training loss fell (2.00 to 1.40): "
        "try more dropout (it was 0.1, weight drop 0.1), a smaller network or more text"
    ),
    "hardly": (
        "validation loss has hardly fallen since step 400 (2.10 to 2.09 bits) while training loss fell (1.90 to 1.50): "
        "try more dropout (it was 0.1, weight drop 0.1), a smaller network or more text"
    ),
    "fell": "training and validation loss were still falling from step 400 to the end (validation 2.60 to 2.20 bits): "
    "train longer",
    "flat": (
        "training and validation loss were flat from step 400 to the end (validation 2.50 to 2.49 bits): "
        "try a larger network, or train longer"
    ),
}
FALLING = [3.2, 3.0, 2.8, 2.6, 2.5, 2.4, 2.3, 2.2]
LEVEL = [3.0, 2.7, 2.55, 2.50, 2.50, 2.495, 2.49, 2.49]


@pytest.mark.parametrize(
    ("val", "train", "line"),
    [
        (
            [2.5, 2.2, 2.1, 2.2, 2.25, 2.3, 2.35, 2.4],
            [2.4, 2.2, 2, 1.9, 1.8, 1.6, 1.5, 1.4],
            "risen",
        ),
        (
            [2.5, 2.3, 2.2, 2.1, 2.1, 2.1, 2.09, 2.09],
            [2.4, 2.2, 2, 1.9, 1.8, 1.7, 1.6, 1.5],
            "hardly",
        ),
        (FALLING, FALLING, "fell"),
        (LEVEL, LEVEL, "flat"),
    ],
)
def test_a_curve_that_teaches_something_has_a_line(val, train, line):
    assert run_advice(rows(val, train), (0.1, 0.1)) == [LINE[line]]


@pytest.mark.parametrize(
    ("val", "train"),
    [
        # one bad evaluation at the end may be noise
        ([2.8, 2.7, 2.6, 2.5, 2.45, 2.42, 2.4, 2.45], FALLING),
        # validation rose, and training with it
        ([2.5, 2.2, 2.1, 2.2, 2.2, 2.2, 2.2, 2.2], [2.4, 2.2, 2.0, 2.1, 2.2, 2.2, 2.2, 2.2]),
        # between flat and falling
        (
            [3.0, 2.8, 2.6, 2.5, 2.48, 2.47, 2.46, 2.46],
            [3.0, 2.8, 2.6, 2.5, 2.48, 2.47, 2.46, 2.46],
        ),
        # training falls a little beside a level validation
        (LEVEL, [3.0, 2.7, 2.55, 2.50, 2.48, 2.46, 2.44, 2.42]),
        # a text that has been learnt
        (
            [1.0, 0.5, 0.3, 0.1, 0.09, 0.08, 0.07, 0.06],
            [1.0, 0.5, 0.3, 0.1, 0.09, 0.08, 0.07, 0.06],
        ),
        # too few evaluations
        (FALLING[:7], FALLING[:7]),
    ],
)
def test_a_curve_that_teaches_nothing_certain_has_none(val, train):
    assert run_advice(rows(val, train), (0.1, 0.1)) == []


def test_a_run_without_validation_text_has_none():
    unjudged = [{**row, "val_nats_per_char": None} for row in rows(FALLING, FALLING)]
    assert run_advice(unjudged, (0.0, 0.0)) == []
    assert run_advice([], (0.0, 0.0)) == []


@pytest.mark.parametrize("damage", [{"train_nats_per_char": math.nan}, {"val_nats_per_char": "2"}])
def test_numbers_that_no_run_writes_teach_nothing_and_stop_nothing(damage):
    first, *others = rows(FALLING, FALLING)
    assert run_advice([first | damage, *others], (0.0, 0.0)) == []
    assert run_advice([{"step": 1}, *others], (0.0, 0.0)) == []
    assert run_advice([{**row, "step": 801 - row["step"]} for row in (first, *others)], (0.0, 0.0))


@pytest.mark.parametrize(
    ("distinct", "seldom", "said"),
    [(5325, 312, True), (5325, 200, False), (900, 50, True), (60, 49, False), (65, 3, False)],
)
def test_many_characters_that_occur_once_are_worth_a_line(distinct, seldom, said):
    rare = f"{seldom:,} of {distinct:,} characters occur only once"
    line = f"{rare}: {{min_count:2}} would replace them with one unknown symbol"
    assert vocabulary_advice(distinct, seldom) == [line] * said


# --- where they are said --------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`call_charrnn train` of a tiny network in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    shape = ("--embedding-size", 8, "--batch-size", 8, "--sequence-length", 16)
    yield lambda *arguments: call_charrnn(
        capsys, "train", *arguments, *shape, "--precision", "float32", "--threads", 1
    )
    torch.set_num_threads(before)


def test_a_text_with_many_characters_that_occur_once_says_so_and_bytes_do_not(
    here, tmp_path, wording
):
    text = "abc " * 200 + "".join(map(chr, range(0x4E00, 0x4E00 + 60)))
    (tmp_path / "text").write_text(text, encoding="utf-8")
    line = "note        60 of 64 characters occur only once: --min-count 2 would"
    assert line in here("text", "--steps", 1, "--hidden-size", 4).err
    wording(here("text", "--steps", 1, "--min-count", 2))
    wording(here("text", "--steps", 1, "--level", "byte"))


def test_a_run_that_learns_its_text_by_heart_says_so_at_its_end(here, tmp_path):
    draw = torch.Generator().manual_seed(1)
    letters = torch.randint(97, 105, (600,), generator=draw)  # there is nothing else to learn
    (tmp_path / "text").write_text("".join(map(chr, letters.tolist())), encoding="utf-8")
    options = ("text", "--hidden-size", 48, "--dropout", 0, "--lr", 0.02, "--steps", 120)
    options += ("--weight-drop", 0)
    result = here(*options, "--name", "a")
    (line,) = [line for line in result.err.splitlines() if "validation loss has risen" in line]
    assert line.startswith("note        validation loss has risen since step ")
    assert line.endswith(
        "try more dropout (it was 0, weight drop 0), a smaller network or more text"
    )
    record = (tmp_path / "checkpoints" / "a" / "metrics.jsonl").read_text().splitlines()
    assert [line[12:]] == run_advice([json.loads(row) for row in record], (0.0, 0.0))
    assert here(*options, "--name", "b", "-q").err == ""
