"""The end of a run: what its figures mean, what to type next, one object an event, several seeds."""

import json
import shlex
import signal
import statistics

import pytest
import torch
from helpers import call_charrnn, make_text

from charrnn.checkpoint import load_checkpoint
from charrnn.cli.train.result import Spread, verdict
from charrnn.errors import REQUEUE

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


def test_seeds_exclude_a_seed(here, wording):
    wording(here("train", "corpus.txt", "--steps", 1, "--seeds", "1,2", "--seed", 3, status=2))


def test_seeds_are_resumed_by_name(here, wording):
    wording(here("train", "corpus.txt", "--steps", 1, "--seeds", "1,2", "--resume", status=2))


def test_seeds_that_a_cluster_interrupts_are_run_again_to_their_end(here, tmp_path, monkeypatch):
    """The first ends as usual, the second is stopped by a warning, the third comes with the next piece."""
    from charrnn.training.trainer import Trainer

    line = ("train", "corpus.txt", *SMALL, "--steps", 6, "--resume", "-q", "--no-counts")
    with monkeypatch.context() as patch:
        real = Trainer._step

        def step(self):
            if (self.config.seed, self.progress.step) == (2, 3):
                signal.raise_signal(signal.SIGUSR1)
            return real(self)

        patch.setattr(Trainer, "_step", step)
        here(*line, "--seeds", "1,2", "--name", "a", status=REQUEUE)
    assert last_of(tmp_path, "a-seed2").metrics["step"] == 4
    again = here(*line, "--seeds", "1,2,3", "--name", "a").out.splitlines()
    assert again[-1].startswith("3 seeds: ")
    assert here(*line, "--seeds", "1,2,3", "--name", "a").out.splitlines()[-1] == again[-1]
    here(*line, "--seeds", "2", "--name", "b")
    alone, resumed = (last_of(tmp_path, name) for name in ("b-seed2", "a-seed2"))
    for name, array in alone.model.weights.items():
        assert (array == resumed.model.weights[name]).all()


def test_a_warning_after_the_first_seed_leaves_the_others_for_the_next_piece(
    here, tmp_path, monkeypatch
):
    from charrnn.training.trainer import Trainer

    line = ("train", "corpus.txt", *SMALL, "--steps", 2, "--resume", "-q", "--no-counts")
    real = Trainer._step

    def step(self):
        if self.progress.step == 1:  # it is the last
            signal.raise_signal(signal.SIGUSR1)
        return real(self)

    monkeypatch.setattr(Trainer, "_step", step)
    here(*line, "--seeds", "1,2", "--name", "a", status=REQUEUE)
    assert not (tmp_path / "checkpoints" / "a-seed2" / "last.safetensors").exists()
    here(*line, "--seeds", "1,2", "--name", "a")  # the last one is finished


def test_a_seed_that_comes_later_has_the_plan_of_the_first(here, tmp_path):
    line = ("train", "corpus.txt", *SMALL[2:], "--name", "a", "-q", "--no-counts")
    planned = ("--hidden-size", 13, "--weight-drop", 0.2, "--patience", 3)
    here(*line, *planned, "--steps", 4, "--seeds", "1")
    here(*line, "--seeds", "1,2", "--resume")
    first, second = (last_of(tmp_path, f"a-seed{seed}") for seed in (1, 2))
    assert first.model.config == second.model.config
    assert {**first.run["training"], "seed": 2} == second.run["training"]


def last_of(folder, name):
    """The last checkpoint of a run."""
    return load_checkpoint(folder / "checkpoints" / name / "last.safetensors")


def test_one_value_has_no_error():
    assert Spread.of([2.0]) == Spread(2.0, None)
    assert str(Spread.of([1.0, 3.0])) == "2.0000 ± 1.0000"


def test_a_note_blames_no_option_that_was_not_given(here, monkeypatch):
    monkeypatch.setattr("charrnn.text.opening.PYTHON_CHARS", 20_000)
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


def test_a_run_without_counts_says_why(here, tmp_path, wording):
    (tmp_path / "short.txt").write_text(make_text(1500), encoding="utf-8")
    quickly = (*SMALL, "--steps", 2, "--overwrite", "--no-baselines")
    wording(here("train", "short.txt", *quickly), only="no counts")
    wording(here("train", "short.txt", *quickly, "--no-counts"), only="no counts")
