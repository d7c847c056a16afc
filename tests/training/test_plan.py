"""The plan of a run: a pure function of the corpus, the machine and the request; and how the machine is measured."""

import dataclasses
import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.cli.train.report import plan_lines
from charrnn.config import ModelConfig, TrainingConfig, TrainingRequest
from charrnn.network.shapes import count_parameters
from charrnn.training import plan as plan_module
from charrnn.training.allowed import (
    CHARS_PER_PARAMETER,
    ENOUGH_STEPS,
    MOST_EPOCHS,
    CorpusSize,
    overfitting_risk,
)
from charrnn.training.measure import plan_here, seconds_per_step, try_machine
from charrnn.training.plan import (
    DROPOUTS,
    FEW_STEPS,
    FEWEST_STEPS,
    LEAST_STEPS,
    MOST_NORMALIZED,
    SIZES,
    WEIGHTS_PER_CHAR,
    dropouts,
    make_plan,
)
from charrnn.training.speed import Machine, Trial

PLAYS = CorpusSize(1_003_854, 111_540)
NETWORK = ModelConfig(vocab_size=65)


def machine(work=1.0, sizes=(256, 512)):
    """A machine whose time is `work` picoseconds for a weight and character."""
    networks = [dataclasses.replace(NETWORK, hidden_size=size) for size in sizes]
    trials = [
        Trial.of(n, TrainingConfig(), work * 1e-12 * count_parameters(n) * 64 * 64)
        for n in networks
    ]
    return Machine("cpu", 2, "float32", "fused", tuple(trials))


def limits(**given):
    """Limits of a request."""
    return given


def plan(limits, size=PLAYS, *, work=15.0, network=None, **given):
    request = TrainingRequest(**limits, given=given)
    return make_plan(size, machine(work), network or request.network(65), request)


# --- from a limit to steps  --------------------------------------------------------------------------------------------


def test_minutes_become_steps_less_the_time_of_evaluations():
    made = plan(limits(minutes=2), hidden_size=256)
    per_step = 15e-12 * count_parameters(NETWORK) * 64 * 64
    assert 0.8 * 120 / per_step < made.config.steps < 120 / per_step
    assert made.seconds == pytest.approx(120, rel=0.02)


@pytest.mark.parametrize(
    ("limit", "steps"),
    [
        (limits(steps=321), 321),
        (limits(epochs=2), 2 * math.ceil(1_003_853 * 0.99 / 64 / 64)),
        (limits(epochs=2, steps=321), 321),
        (limits(minutes=1, steps=10**9), plan(limits(minutes=1), batch_size=64).config.steps),
        (limits(), plan(limits(minutes=5), batch_size=64).config.steps),
        (limits(epochs=1e-9), 1),
    ],
)
def test_the_first_limit_to_be_reached_ends_the_run(limit, steps):
    assert plan(limit, batch_size=64).config.steps == steps


@pytest.mark.parametrize("limit", [{"steps": 321}, {"epochs": 0.5}, {"epochs": 1}], ids=str)
def test_a_time_that_does_not_end_the_run_decides_nothing_and_is_not_said_to(limit):
    text = CorpusSize(20_000, 2000) if limit == {"epochs": 1} else PLAYS
    alone, timed = (plan(limits(**limit, minutes=m), text) for m in (None, 1000))
    assert timed.model_config == alone.model_config
    assert timed.config.batch_size == alone.config.batch_size
    assert timed.reasons[:2] == alone.reasons[:2]
    assert any(f"{timed.config.steps:,} steps read" in reason for reason in timed.reasons)


def test_one_is_singular():
    once = plan(limits(minutes=1, epochs=1), hidden_size=64)
    assert any(reason.startswith("1 epoch, ") for reason in once.reasons)
    assert any("1 minute allows" in reason for reason in plan(limits(minutes=1)).reasons)
    assert any("1 step reads" in reason for reason in plan(limits(steps=1)).reasons)
    assert any(
        line.startswith("plan        1 step of ") for line in plan_lines(plan(limits(steps=1)))
    )


def test_a_plan_is_said_in_three_lines():
    lines = plan_lines(plan(limits(minutes=2)))
    assert [line[:12].rstrip() for line in lines] == ["plan", "plan", "plan", "network", ""]
    first, second, third, _, machine = (line[12:] for line in lines)
    assert re.fullmatch(
        r"2 minutes allow about [\d.]+ M characters at [\d,]+/s: enough for .*", first
    )
    assert re.match(r"[\d.]+ epochs, [\d.]+ parameters per training character: ", second)
    assert re.fullmatch(r"[\d,]+ steps of .*, learning rate 0.004 \(Muon 0.02\): about 2:00", third)
    assert machine == "on cpu (2 threads, float32, fused kernel)"


def test_the_reasons_are_those_of_the_settings_that_are_used():
    """compare gives all its networks the lowest dropout after each was planned."""
    made = plan(limits(minutes=2))
    config = dataclasses.replace(made.config, dropout=0.33)
    assert "dropout 0.33" in dataclasses.replace(made, config=config).reasons[1]


def test_more_time_buys_a_larger_network():
    text = CorpusSize(10**8, 10**6)
    made = [plan(limits(minutes=m), text) for m in (0.02, 0.2, 2, 20, 200)]
    sizes = [one.model_config.hidden_size for one in made]
    assert sizes == sorted(set(sizes))
    assert set(sizes) <= set(SIZES)


def test_a_faster_machine_buys_a_larger_network():
    sizes = [plan(limits(minutes=2), work=w).model_config.hidden_size for w in (200, 20, 2)]
    assert sizes == sorted(set(sizes))


@given(st.floats(0.05, 500), st.floats(0.1, 200), st.integers(2000, 10**8))
def test_the_largest_network_that_pays_is_taken(minutes, work, train_chars):
    made = plan(limits(minutes=minutes), CorpusSize(train_chars, 1000), work=work)
    config = made.config
    read = config.steps * config.batch_size * config.sequence_length
    parameters = count_parameters(made.model_config)
    smallest = made.model_config.hidden_size == SIZES[0]
    assert smallest or read >= CHARS_PER_PARAMETER * parameters
    assert made.model_config.hidden_size <= 128 or parameters <= WEIGHTS_PER_CHAR * train_chars
    assert made.seconds <= minutes * 60 * 1.02 or config.steps == 1
    assert made.run.epochs <= MOST_EPOCHS * 1.001 or config.steps <= ENOUGH_STEPS


@pytest.mark.parametrize(
    "given",
    [
        {"hidden_size": 100},
        {"batch_size": 7},
        {"dropout": 0.0},
        {"weight_drop": 0.45},
        {"patience": None},
        {"warmup_steps": 7},
        {"eval_every": 3},
        {"layer_norm": False},
        {"precision": "bfloat16"},
        {"threads": 5},
    ],
)
def test_a_setting_that_was_given_is_kept(given):
    made = plan(limits(minutes=3), **given)
    (name, value), *_ = given.items()
    of = made.model_config if name in ("hidden_size", "layer_norm") else made.config
    assert getattr(of, name) == value
    assert plan(limits(minutes=3)).config.dropout != 0.0


def test_settings_that_are_not_planned_stay():
    given = {"learning_rate": 0.123, "clip": 7.0, "seed": 5, "sequence_length": 48}
    made = plan(limits(steps=50), **given).config
    kept = [getattr(made, n) for n in ("learning_rate", "clip", "seed", "sequence_length")]
    assert kept == [0.123, 7.0, 5, 48]


def test_without_a_time_the_size_follows_from_the_characters_alone():
    slow, fast = (plan(limits(steps=3000), work=work) for work in (1000, 1))
    assert slow.model_config == fast.model_config
    largest = plan(limits(steps=10**7), CorpusSize(10**8, 1000)).model_config.hidden_size
    assert largest == plan_module.LARGEST_UNTIMED


@pytest.mark.parametrize(
    ("cell", "given", "layers"),
    [
        ("lstm", {}, 2),
        ("gru", {}, 1),
        ("lstm", {"num_layers": 3}, 3),
        ("lstm", {"hidden_size": 64}, 1),
        ("gru", {"num_layers": 2, "hidden_size": 64}, 2),
    ],
)
def test_an_lstm_whose_size_is_planned_has_two_layers_unless_given_otherwise(cell, given, layers):
    request = TrainingRequest(given={"cell": cell, **given})
    assert plan_module.layered(request.network(65), request).num_layers == layers


@pytest.mark.parametrize(
    ("cell", "given", "few", "many"),
    [
        ("lstm", {}, True, False),
        ("gru", {}, False, False),
        ("gru", {"layer_norm": True}, True, True),
        ("lstm", {"num_layers": 3}, True, False),
        ("lstm", {"layer_norm": False}, False, False),
        ("lstm", {"layer_norm": True}, True, True),
        ("lstm", {"hidden_size": 64}, False, False),
        ("lstm", {"hidden_size": 64, "layer_norm": True}, True, True),
    ],
)
def test_an_lstm_whose_size_is_planned_is_normalized_if_the_text_is_read_a_few_times_only(
    cell, given, few, many
):
    for epochs, expected in ((1, few), (3, few), (40, many)):
        made = plan(limits(epochs=epochs), cell=cell, **given)
        assert made.model_config.layer_norm == expected
        assert any("layer normalization" in reason for reason in made.reasons) == expected


@pytest.mark.parametrize("steps", [FEW_STEPS + 50, FEWEST_STEPS - 200])
def test_a_normalized_network_needs_fewer_steps_before_its_batch_is_halved(steps):
    minutes = steps * 15e-12 * count_parameters(NETWORK) * 64 * 64 * 1.1 / 60
    for layer_norm, batch_size in ((True, 64), (False, 32)):
        network = dataclasses.replace(NETWORK, layer_norm=layer_norm)
        made = plan(limits(minutes=minutes), network=network, hidden_size=256)
        assert made.config.batch_size == batch_size


def test_layers_are_normalized_up_to_an_overfitting_risk():
    text = CorpusSize(10**6, 10**5)
    for factor in (0.5, 0.99, 1.01, 2):
        made = plan(limits(epochs=factor * MOST_NORMALIZED), text, network=NETWORK, batch_size=64)
        parameters = count_parameters(made.model_config)
        risk = overfitting_risk(made.run.epochs, parameters, text.train_chars)
        assert made.model_config.layer_norm == (risk <= MOST_NORMALIZED)


@pytest.mark.parametrize("minutes", [0.3, 0.8, 2, 3.7, 11, 30])
def test_a_network_is_chosen_by_the_speed_of_what_will_be_trained(minutes):
    """Where normalization costs a tenth."""
    tried = []

    def measure(network, config):
        tried.append(network)
        slower = 1.1 if network.layer_norm else 1.0
        per_char = slower * 15e-12 * count_parameters(network)
        return per_char * config.batch_size * config.sequence_length

    text = CorpusSize(3 * 10**6, 10**5)
    request = TrainingRequest(minutes=minutes, given=PLAIN)
    made = plan_here(text, NETWORK, request, "cpu", measure)
    assert made.model_config in tried
    assert made.seconds == pytest.approx(60 * minutes, rel=0.03)
    read = made.config.steps * made.config.batch_size * made.config.sequence_length
    assert read >= CHARS_PER_PARAMETER * count_parameters(made.model_config)
    without = dataclasses.replace(NETWORK, num_layers=2)
    assert made.model_config.layer_norm or made.run.epochs > 5 or without in tried


def test_it_is_said_where_even_the_smallest_network_does_not_pay():
    for steps, told in ((20, True), (3000, False)):
        made = plan(limits(steps=steps))
        each = made.config.steps * made.config.batch_size * 64 / count_parameters(made.model_config)
        assert (each < CHARS_PER_PARAMETER) == told
        assert any("even with the smallest network" in reason for reason in made.reasons) == told


def test_a_short_run_has_fewer_rows_and_so_more_steps():
    assert plan(limits(minutes=30)).config.batch_size == 64
    assert plan(limits(minutes=0.02)).config.batch_size < 64


@pytest.mark.parametrize(("layer_norm", "least"), [(True, FEW_STEPS), (False, LEAST_STEPS)])
def test_a_network_that_would_learn_in_too_few_steps_is_not_taken(layer_norm, least):
    text = CorpusSize(10**8, 10**6)
    for minutes in (0.05, 0.1, 0.15, 0.3, 1):
        made = plan(limits(minutes=minutes), text, work=60, layer_norm=layer_norm)
        place, batch_size = SIZES.index(made.model_config.hidden_size), made.config.batch_size
        larger = plan(
            limits(minutes=minutes),
            text,
            work=60,
            network=made.model_config,
            hidden_size=SIZES[place + 1],
            batch_size=batch_size,
        )
        each = larger.config.steps * batch_size * 64 / count_parameters(larger.model_config)
        assert place == 0 or made.config.steps >= least
        assert each < CHARS_PER_PARAMETER or larger.config.steps < least
    assert plan(limits(minutes=0.02), text, work=60).model_config.hidden_size == SIZES[0]


def test_a_small_text_is_not_read_for_ever():
    made = plan(limits(minutes=60), CorpusSize(200_000, 5_000), work=1)
    assert made.run.epochs == pytest.approx(MOST_EPOCHS, rel=0.01)
    assert made.seconds < 3600
    assert plan(limits(minutes=60), CorpusSize(2_000, 200), work=1).config.steps == ENOUGH_STEPS
    assert any("enough" in reason for reason in made.reasons)
    assert plan(limits(epochs=1000), CorpusSize(50_000, 5_000)).run.epochs == pytest.approx(
        1000, rel=0.01
    )


def test_a_text_too_short_for_its_batches_is_reported():
    made = plan(limits(steps=5), CorpusSize(120, 10), batch_size=64)
    assert (made.config.batch_size, made.config.sequence_length) == (1, 64)
    assert "120 training characters" in made.reasons[-1]


# --- dropout -----------------------------------------------------------------------------------------------------------


def test_weights_that_a_text_has_no_characters_for_are_held_down_by_more_dropout():
    parts = [
        plan(limits(epochs=20), CorpusSize(chars, 1000), hidden_size=256).config.weight_drop
        for chars in (10**7, 10**6, 10**5, 10**4)
    ]
    assert parts[0] == parts[1] < parts[2] < parts[3]


def test_dropout_grows_with_epochs():
    epochs = [10**k for k in range(-2, 5)]
    for parts in zip(*map(dropouts, epochs), strict=True):
        assert all(a <= b for a, b in itertools.pairwise(parts))
        assert parts[0] < parts[-1]


@pytest.mark.parametrize("row", DROPOUTS)
def test_the_table_of_dropouts_is_met(row):
    assert dropouts(row[0]) == row[1:]


# --- the machine -------------------------------------------------------------------------------------------------------


def test_the_time_of_a_step_is_the_measured_one_or_lies_between():
    made = machine(10.0, (128, 256))
    times = [made.seconds_per_step(t.parameters, 64, 64) for t in made.trials]
    assert times == [t.seconds for t in made.trials]
    between = sum(t.parameters for t in made.trials) // 2
    assert made.seconds_per_step(between, 64, 64) == pytest.approx(sum(times) / 2, rel=1e-3)
    fewer_rows = made.seconds_per_step(between, 32, 64)
    assert sum(times) / 4 < fewer_rows < sum(times) / 3
    assert made.seconds_per_step(10 * between, 64, 64) == pytest.approx(
        10e-12 * 10 * between * 4096, rel=1e-3
    )


PLAIN = {"precision": "float32", "threads": 1}
"""Settings that leave nothing but the kernel to be measured."""


def measured(given, measure, limit=None):
    request = TrainingRequest(**(limit or {"steps": 9}), given=given)
    return plan_here(PLAYS, request.network(65), request, "cpu", measure)


@pytest.mark.parametrize(("gain", "expected"), [(2.0, "bfloat16"), (1.0, "float32")])
def test_bfloat16_is_chosen_only_if_it_is_faster(gain, expected, monkeypatch):
    monkeypatch.setattr("charrnn.training.measure.may_choose_bfloat16", lambda _: True)

    def measure(_, config):
        return 0.01 / (gain if config.precision == "bfloat16" else 1)

    assert measured({}, measure).config.precision == expected


@pytest.mark.parametrize(
    ("cell", "loop_takes", "expected"),
    [
        ("lstm", 0.5, "fused"),
        ("gru", 0.5, "loop"),
        ("gru", 2.0, "fused"),
        ("elman", 0.5, "loop"),
        ("elman", 2.0, "fused"),
        ("jordan", 2.0, "loop"),
        ("peephole", 2.0, "loop"),
    ],
)
def test_the_faster_of_torch_s_kernel_and_the_loop_steps_through_time(cell, loop_takes, expected):
    def measure(_, config):
        return 0.01 * (loop_takes if config.kernel == "loop" else 1)

    given = {**PLAIN, "cell": cell}
    assert measured(given, measure).config.kernel == expected
    assert measured({**given, "kernel": "loop"}, measure).config.kernel == "loop"


@pytest.mark.parametrize(("slower_beside_others", "expected"), [(1.0, 4), (20.0, 1)])
def test_one_thread_is_chosen_where_several_hinder_each_other(
    slower_beside_others, expected, monkeypatch
):
    monkeypatch.setattr("torch.get_num_threads", lambda: 4)

    def measure(_, config):
        return 0.01 * (slower_beside_others / 3 if config.threads == 4 else 1)

    given = {"precision": "float32"}
    assert measured(given, measure).config.threads == expected
    assert measured({**given, "threads": 3}, measure).config.threads == 3


def test_with_time_for_a_budget_the_chosen_size_is_measured_too():
    tried = []

    def measure(network, config):
        tried.append(network.hidden_size)
        return 1e-11 * count_parameters(network) * config.batch_size * config.sequence_length

    made = measured(PLAIN, measure, limits(minutes=2))
    assert set(plan_module.PROBES) <= set(tried)
    assert made.model_config.hidden_size in tried
    tried.clear()
    made = measured(PLAIN, measure, limits(minutes=0.5))
    assert tried[-1] == made.model_config.hidden_size not in plan_module.PROBES
    assert made.seconds == pytest.approx(30, rel=0.05)
    tried.clear()
    made = measured(PLAIN, measure, limits(minutes=2))
    assert made.seconds == pytest.approx(120, rel=0.05)
    tried.clear()
    made = measured(PLAIN, measure, limits(steps=2000))
    assert set(tried) == {made.model_config.hidden_size}


@pytest.mark.parametrize("busy", range(4))
def test_what_else_runs_for_a_moment_does_not_count(busy):
    """One of the first trials takes three times as long as it should."""
    calls = itertools.count()

    def measure(network, config):
        slower = 3 if next(calls) == busy else 1
        return slower * 1e-11 * count_parameters(network) * 64 * 64

    config, sizes = TrainingConfig(precision="float32", threads=1), (512, 256)
    made = try_machine(ModelConfig(vocab_size=65), config, sizes, measure, choose=())
    assert [trial.hidden_size for trial in made.trials] == list(sizes)
    for trial in made.trials:
        assert trial.seconds == pytest.approx(1e-11 * trial.parameters * 64 * 64)


@pytest.mark.parametrize("busy", range(4))
def test_what_else_runs_for_a_moment_does_not_decide_the_arithmetic(busy, monkeypatch):
    monkeypatch.setattr("charrnn.training.measure.may_choose_bfloat16", lambda _: True)
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    calls = itertools.count()

    def measure(_, config):
        slower = 2.5 if next(calls) == busy else 1
        return 0.01 * slower * (2 if config.precision == "float32" else 1) / config.threads

    chosen = measured({}, measure).config
    assert (chosen.precision, chosen.threads) == ("bfloat16", 2)


def test_measuring_a_real_step_takes_some_time(monkeypatch):
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.01)
    config = TrainingConfig(batch_size=2, sequence_length=3)
    made = try_machine(ModelConfig(vocab_size=9), config, (8, 16))
    assert [t.hidden_size for t in made.trials] == [8, 16]
    assert all(t.seconds > 0 for t in made.trials)
    assert made.precision in ("float32", "bfloat16")


def test_slow_steps_are_measured_once(monkeypatch):
    monkeypatch.setattr("charrnn.training.measure.may_choose_bfloat16", lambda _: True)
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    tried = []

    def measure(network, config):
        tried.append((network.hidden_size, config.precision, config.threads))
        return 9.0

    for vocab_size, threads in ((65, (2, 1)), (100_000, (2,))):
        tried.clear()
        request = TrainingRequest(minutes=2)
        made = plan_here(PLAYS, request.network(vocab_size), request, "cpu", measure)
        ways = [(256, p, n) for p in ("float32", "bfloat16") for n in threads]
        assert tried == [*ways, (made.model_config.hidden_size, "float32", threads[-1])]


class Rows:
    """A network whose steps keep the shape of what they read."""

    def __init__(self, shapes):
        self.shapes = shapes

    def step(self, number, batch, rate):
        self.shapes.append(batch[0].shape)

    def close(self):
        pass


@pytest.mark.parametrize(("most", "rows"), [(1000, 8), (100, 3), (1, 1)])
def test_a_step_with_a_large_vocabulary_is_measured_on_few_rows(most, rows, monkeypatch):
    shapes, clock = [], itertools.count()
    monkeypatch.setattr("charrnn.training.measure.MOST_LOGITS", most)
    monkeypatch.setattr("charrnn.training.measure.make_replica", lambda *_: Rows(shapes))
    monkeypatch.setattr("charrnn.training.measure.synchronized_clock", lambda _: next(clock))
    config = TrainingConfig(batch_size=8, sequence_length=3)
    assert seconds_per_step(ModelConfig(vocab_size=10, hidden_size=8), config) == 8 / rows
    assert {*shapes} == {(3, rows)}


def test_a_slow_first_step_does_not_spoil_the_measurement(monkeypatch):
    clock = iter([0, 9, 9, 9.5, 10, 10.01, 11, 12])
    monkeypatch.setattr("charrnn.training.measure.synchronized_clock", lambda _: next(clock))
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.001)
    config = TrainingConfig(batch_size=2, sequence_length=3)
    seconds = seconds_per_step(ModelConfig(vocab_size=9, hidden_size=8), config)
    assert seconds == pytest.approx(0.01)
