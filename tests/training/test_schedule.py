"""Changes of plan: the learning rate, the time that is kept, and the same bits again."""

import dataclasses
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainers import CONFIG, make_corpus, make_trainer, run_to_end, tensors_in

from charrnn.checkpoint import load_checkpoint
from charrnn.config import SavingConfig, TrainingConfig
from charrnn.errors import SettingError
from charrnn.training.events import Evaluated, Replanned, Step
from charrnn.training.pace import BEHIND, Timekeeper
from charrnn.training.schedule import ends_of, extensions_of, learning_rate, replanned

NEVER = SavingConfig(save_every=1e9)
LAST = "last.safetensors"


@pytest.fixture
def corpus(tmp_path):
    return make_corpus(tmp_path)


class Clock:
    """Seconds that pass only where a test lets them."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


# --- the learning rate ------------------------------------------------------------------------------------------------


@given(st.integers(2, 400), st.data())
def test_a_shorter_run_goes_through_the_rest_of_its_cosine_and_ends_at_its_end(steps, data):
    config = TrainingConfig(steps=steps, warmup_steps=0, final_rate_fraction=0.1)
    at = data.draw(st.integers(1, steps - 1))
    total = data.draw(st.integers(at + 1, steps))
    shorter = replanned(config, at, total)
    assert [learning_rate(k, shorter) for k in range(at)] == [
        learning_rate(k, config) for k in range(at)
    ]
    rates = [learning_rate(k, shorter) for k in range(total)]
    assert rates == sorted(rates, reverse=True)
    assert rates[at] == pytest.approx(learning_rate(at, config))
    if total > at + 1:
        assert rates[-1] == pytest.approx(0.1)


def test_a_longer_run_rises_to_the_cosine_of_its_new_total():
    config = TrainingConfig(steps=100, warmup_steps=10)
    longer = replanned(config, 100, 300)
    as_one = dataclasses.replace(config, steps=300)
    rates = [learning_rate(k, longer) for k in range(300)]
    assert rates[:100] == [learning_rate(k, config) for k in range(100)]
    assert rates[110:] == [learning_rate(k, as_one) for k in range(110, 300)]
    assert rates[99:110] == sorted(rates[99:110])
    assert max(b - a for a, b in pairwise(rates[99:])) < 0.1


def test_a_change_of_plan_replaces_those_from_its_step_on():
    first = replanned(CONFIG, 8, 12)
    assert (first.steps, first.replanned) == (12, ((8, 24),))
    assert replanned(first, 8, 15).replanned == ((8, 24),)
    second = replanned(first, 12, 30)
    assert second.replanned == ((8, 24), (12, 12))
    assert ends_of(second) == {12, 30}
    assert extensions_of(second) == {12}
    assert replanned(CONFIG, 0, 30) == dataclasses.replace(CONFIG, steps=30)


@pytest.mark.parametrize(
    "changes", [((0, 9),), ((9, 8),), ((5, 9), (5, 9)), ((5,),), (5, 9)], ids=str
)
def test_changes_that_cannot_have_been_are_refused(changes, wording):
    with pytest.raises(SettingError) as error:
        TrainingConfig(replanned=changes)
    wording(error.value)


# --- the time that is kept --------------------------------------------------------------------------------------------


def looks(paces, *, seconds, steps=100, every=10):
    """The forecasts for a run whose steps take these seconds, one a step, and which keeps its plan."""
    clock = Clock()
    keeper = Timekeeper(seconds, clock)
    config, found = TrainingConfig(steps=steps, eval_every=every), []
    keeper.start()
    for step, pace in enumerate(paces, 1):
        clock.now += pace
        if forecast := keeper.forecast(step, config):
            found.append((step, forecast))
    return found


@given(st.floats(0.01, 1.19))
def test_a_run_that_is_less_than_a_fifth_late_is_left_alone(pace):
    assert looks([pace] * 100, seconds=100) == []


@given(st.floats(1.21, 50), st.integers(1, 8))
def test_a_run_that_falls_behind_gets_the_steps_that_its_time_allows(pace, tenths):
    since = 10 * tenths
    late = looks([1.0] * since + [pace] * (100 - since), seconds=100)
    took = since
    for step, forecast in late[:1]:
        took += pace * (step - since)
        assert forecast.seconds > BEHIND * 100
        assert step < forecast.steps < 100
        assert took + pace * (forecast.steps - step) <= max(100, took) + pace


def test_the_first_step_of_a_process_does_not_count():
    assert looks([30.0] + [0.5] * 99, seconds=100) == []


def run_at(trainer, pace):
    """All events of a run, with the seconds that each step takes."""
    events = []
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Step):
            trainer.progress.seconds += pace(event.step)
    return events


def test_a_late_run_ends_on_time_and_exact_steps_makes_them_all(corpus, tmp_path):
    for exact, expected in ((False, 12), (True, 24)):
        clock, config = Clock(), dataclasses.replace(CONFIG, exact_steps=exact, eval_every=4)
        folder = tmp_path / f"{exact}"
        trainer = make_trainer(corpus, folder, config, minutes=0.4, clock=clock, saving=NEVER)
        events = run_at(trainer, lambda _: 2.0)
        changes = [event for event in events if isinstance(event, Replanned)]
        assert trainer.progress.step == expected
        assert len(changes) == (not exact)
        assert trainer.progress.seconds == 2 * expected


def test_a_run_that_was_late_gets_its_steps_back_when_the_machine_is_free_again(corpus, tmp_path):
    config, clock = dataclasses.replace(CONFIG, steps=48, eval_every=4), Clock()
    trainer = make_trainer(corpus, tmp_path / "run", config, minutes=0.8, clock=clock, saving=NEVER)
    events = run_at(trainer, lambda step: 3.0 if step <= 8 else 0.5)
    changes = [event for event in events if isinstance(event, Replanned)]
    assert [(change.step, change.steps_before) for change in changes] == [(4, 48), (12, 16)]
    assert [change.steps for change in changes] == [16, 48]
    assert trainer.progress.step == 48
    again = make_trainer(corpus, tmp_path / "again", trainer.config, saving=NEVER)
    run_to_end(again)
    assert everything(tmp_path / "again") == everything(tmp_path / "run")


@given(st.floats(0.01, 0.5))
def test_a_run_that_is_early_gets_no_more_steps_than_were_planned(pace):
    assert looks([pace] * 100, seconds=100) == []


def everything(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return tensors_in(folder), [json.loads(line) | {"seconds": None} for line in lines]


@pytest.mark.parametrize("kill_at", [2, 4, 5, 9])
def test_a_late_run_that_is_killed_and_resumed_or_repeated_gives_the_same_bits(
    corpus, tmp_path, kill_at
):
    """The change of plan is decided once, by the clock, and kept; a repetition needs no clock."""
    config = dataclasses.replace(CONFIG, eval_every=4)
    clock = Clock()
    whole = make_trainer(corpus, tmp_path / "whole", config, minutes=0.4, clock=clock, saving=NEVER)
    run_at(whole, lambda _: 2.0)
    assert whole.config.replanned == ((4, 24),)
    again = make_trainer(corpus, tmp_path / "again", whole.config, saving=NEVER)
    run_to_end(again)
    assert everything(tmp_path / "again") == everything(tmp_path / "whole")

    folder, clock = tmp_path / "parts", Clock()
    saving = SavingConfig(save_every=0)
    killed = make_trainer(corpus, folder, config, minutes=0.4, clock=clock, saving=saving)
    for event in killed.run():
        if isinstance(event, Step):
            killed.progress.seconds += 2.0
            if event.step == kill_at:
                break
    last = load_checkpoint(folder / LAST)
    recorded = last.run.get("training", {})
    changes = tuple(map(tuple, recorded.get("replanned", ())))
    kept = dataclasses.replace(config, steps=recorded.get("steps", 24), replanned=changes)
    resumed = make_trainer(
        corpus, folder, kept, minutes=0.4, clock=clock, saving=NEVER, resume=last, metadata=last.run
    )
    run_at(resumed, lambda step: 2.0 if changes or step <= 4 else 1.0)
    if changes:
        assert everything(folder) == everything(tmp_path / "whole")
    else:
        repeated = make_trainer(corpus, tmp_path / "repeated", resumed.config, saving=NEVER)
        run_to_end(repeated)
        assert everything(tmp_path / "repeated") == everything(folder)


# --- longer -----------------------------------------------------------------------------------------------------------


def extended(corpus, folder, steps, **more):
    """The trainer of a run in this folder, planned for another total."""
    last = load_checkpoint(folder / LAST)
    recorded = last.run.get("training", dataclasses.asdict(more.pop("config", CONFIG)))
    config = TrainingConfig(**{**recorded, "replanned": tuple(map(tuple, recorded["replanned"]))})
    trainer = make_trainer(corpus, folder, config, resume=last, metadata=last.run, saving=NEVER)
    if steps:
        trainer.replan(steps)
    return trainer


@pytest.mark.parametrize("first", [None, 10])
@pytest.mark.parametrize("stop", [None, 30])
def test_a_run_that_was_made_longer_can_be_stopped_and_repeated_bit_for_bit(
    corpus, tmp_path, first, stop
):
    """A finished run, and one that was stopped before its end."""
    run_to_end(make_trainer(corpus, tmp_path / "run", saving=NEVER), stop_at=first)
    longer = extended(corpus, tmp_path / "run", 40)
    run_to_end(longer, stop_at=stop)
    if stop:
        run_to_end(extended(corpus, tmp_path / "run", None))
    at = first or 24
    assert longer.config.replanned == ((at, 24),)
    again = make_trainer(corpus, tmp_path / "again", longer.config, saving=NEVER)
    steps = [event.step for event in run_to_end(again) if isinstance(event, Evaluated)]
    assert steps == [7, 14, 21, *([] if first else [24]), 28, 35, 40]
    assert everything(tmp_path / "again") == everything(tmp_path / "run")


def test_a_new_plan_is_kept_before_its_first_step(corpus, tmp_path):
    run_to_end(make_trainer(corpus, tmp_path / "run", saving=NEVER))
    for event in extended(corpus, tmp_path / "run", 40).run():
        if isinstance(event, Step):
            break
    last = load_checkpoint(tmp_path / "run" / LAST)
    assert (last.metrics["step"], last.run["training"]["steps"]) == (24, 40)


def test_a_run_that_stopped_early_has_its_patience_again(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "charrnn.training.trainer.Trainer.validate", lambda self: float(self.progress.step)
    )
    config = dataclasses.replace(CONFIG, patience=2, eval_every=4)
    first = make_trainer(corpus, tmp_path / "run", config, saving=NEVER)
    run_to_end(first)
    assert (first.progress.step, first.stopped_early) == (12, True)
    longer = extended(corpus, tmp_path / "run", 48, config=config)
    run_to_end(longer)
    assert (longer.progress.step, longer.stopped_early) == (20, True)
    again = make_trainer(corpus, tmp_path / "again", longer.config, saving=NEVER)
    run_to_end(again)
    assert again.progress.step == 20
    assert everything(tmp_path / "again") == everything(tmp_path / "run")


def test_a_run_that_stopped_early_may_be_planned_shorter_and_goes_on(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "charrnn.training.trainer.Trainer.validate", lambda self: float(self.progress.step)
    )
    config = dataclasses.replace(CONFIG, patience=2, eval_every=4)
    first = make_trainer(corpus, tmp_path / "run", config, saving=NEVER)
    run_to_end(first)
    assert (first.progress.step, first.config.steps) == (12, 24)
    shorter = extended(corpus, tmp_path / "run", 18, config=config)
    run_to_end(shorter)
    assert shorter.progress.step == 18
    again = make_trainer(corpus, tmp_path / "again", shorter.config, saving=NEVER)
    run_to_end(again)
    assert everything(tmp_path / "again") == everything(tmp_path / "run")


def test_a_pause_between_events_makes_no_run_late(corpus, tmp_path):
    clock, config = Clock(), dataclasses.replace(CONFIG, eval_every=4)
    trainer = make_trainer(corpus, tmp_path / "run", config, minutes=0.4, clock=clock, saving=NEVER)
    for event in trainer.run():
        assert not isinstance(event, Replanned)
        clock.now += 3600
    assert trainer.progress.step == 24
