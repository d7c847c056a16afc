"""The end of a run: what its figures mean, what to type next, one object an event, several seeds."""

import json
import shlex
import statistics

import pytest
import torch
from helpers import call_charrnn, make_text

from charrnn.checkpoint import load_checkpoint
from charrnn.cli.train.result import Spread, verdict

SHAPE = ("--hidden-size", 12, "--embedding-size", 4, "--batch-size", 6, "--sequence-length", 10)
SMALL = (*SHAPE, "--precision", "float32", "--threads", 1)
NGRAMS = (4.5, 3.5, 2.5, 2.75)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`call_charrnn` in the test's own folder, where corpus.txt is."""
    (tmp_path / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("bits", "longer"),
    [(2.25, "x"), (2.5, ""), (3.0, "charrnn train"), (4.0, ""), (5.0, ""), (2.4999, "")],
)
def test_a_figure_is_put_into_words(bits, longer, wording):
    wording(verdict(bits, NGRAMS, longer))


def test_what_is_printed_last_can_be_typed(here, tmp_path):
    (tmp_path / "one").mkdir()  # is no run, and so not in the way
    ended = here("train", "corpus.txt", *SMALL, "--steps", 40, "--name", "one")
    after = ended.out[ended.out.index("next: ") + len("next: ") :].splitlines()
    commands = [shlex.split(line, comments=True) for line in after]
    assert [command[1] for command in commands] == ["sample", "visualize", "serve"]
    assert {command[2] for command in commands} == {"one"}
    here(*commands[0][1:], "--length", 5, "-q")


def test_each_event_is_one_object_and_nothing_else_is_printed(here, tmp_path):
    lines = here("train", "corpus.txt", *SMALL, "--steps", 6, "--json").out.splitlines()
    events = [json.loads(line) for line in lines]
    names = [event["event"] for event in events]
    assert names[0] == "plan"
    assert names[-4:] == ["saved", "counted", "stopped", "result"]
    counted = events[-3]
    assert counted["nats"] == events[-1]["counts"]["nats"] < counted["network_nats"]
    assert names.count("step") == 6
    best = load_checkpoint(tmp_path / "checkpoints" / "corpus" / "best.safetensors")
    result = events[-1]
    assert result["validation"]["nats_per_char"] == pytest.approx(
        best.metrics["best_val_nats_per_char"], abs=1e-3
    )
    assert result["baselines"]["ngram_order"] in range(1, 10)
    assert events[0]["training"]["steps"] == 6
    assert set(names) == {
        *("plan", "step", "evaluated", "saved", "counted", "stopped", "result"),
    }


def test_a_plan_is_one_object_too(here):
    plan = json.loads(
        here("train", "corpus.txt", *SMALL, "--steps", 6, "--plan-only", "--json").out
    )
    assert (plan["event"], plan["run"], plan["training"]["steps"]) == ("plan", None, 6)


def test_runs_with_several_seeds_differ_in_that_alone_and_their_mean_is_reported(here, tmp_path):
    options = ("train", "corpus.txt", *SMALL, "--steps", 4, "--dropout", 0.1)
    lines = here(*options, "--seeds", "3, 1", "--json", "-q").out.splitlines()
    records = [json.loads(line) for line in lines]
    results = [record for record in records if record["event"] == "result"]
    bits = [result["validation"]["bits_per_char"] for result in results]
    assert [result["seed"] for result in results] == [3, 1]
    assert records[-1]["bits_per_char"] == pytest.approx(statistics.fmean(bits))
    assert records[-1]["standard_error"] == pytest.approx(statistics.stdev(bits) / 2**0.5)
    here(*options, "--seed", 3, "--name", "alone", "-q")
    alone, seeded = (
        load_checkpoint(tmp_path / "checkpoints" / name / "best.safetensors")
        for name in ("alone", "corpus-seed3")
    )
    for name, array in alone.model.weights.items():
        assert (array == seeded.model.weights[name]).all()
    printed = here(*options, "--seeds", "3,1", "--name", "b", "-q").out.splitlines()[-1]
    assert printed.startswith(f"2 seeds: {statistics.fmean(bits):.4f} ± ")


@pytest.mark.parametrize("seeds", ["", "1,1", "1,x", "-3", "1;2"])
def test_seeds_that_are_none_are_refused(here, seeds, wording):
    wording(here("train", "corpus.txt", "--steps", 1, f"--seeds={seeds}", status=2))


def test_seeds_exclude_a_seed_and_a_run_to_resume(here, wording):
    line = ("train", "corpus.txt", "--steps", 1, "--seeds", "1,2")
    wording(here(*line, "--seed", 3, status=2))
    wording(here(*line, "--resume", status=2))


def test_one_value_has_no_error():
    assert Spread.of([2.0]) == Spread(2.0, None)
    assert str(Spread.of([1.0, 3.0])) == "2.0000 ± 1.0000"


def test_a_note_blames_no_option_that_was_not_given(here):
    said = here("train", "python", *SMALL, "--steps", 1, "--no-baselines").err
    note = next(line for line in said.splitlines() if "--max-chars" in line)
    assert "stopped" not in note


@pytest.mark.parametrize("line", [("train", "--plan-only"), ("train",), ("compare",)], ids=str)
def test_ctrl_c_while_the_machine_is_measured_ends_with_a_line(here, monkeypatch, line, wording):
    from charrnn.training import measure

    real, calls = measure.seconds_per_step, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return real(*arguments)

    def die(number):
        raise SystemExit(128 + number)

    monkeypatch.setattr(measure, "seconds_per_step", interrupted)
    monkeypatch.setattr("charrnn.cli.work.die_by_signal", die)
    verb, *options = line
    wording(here(verb, "corpus.txt", *SMALL, "--minutes", 1, *options, status=130))
