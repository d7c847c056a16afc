"""Lanes, schedule, plan and the trainer; resuming bit for bit."""

import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest
import torch
from helpers import precisions
from hypothesis import given
from hypothesis import strategies as st
from trainers import CONFIG, make_corpus, make_trainer, run_to_end

import charrnn
from charrnn.checkpoint import load_checkpoint
from charrnn.config import CorpusConfig, ModelConfig, SamplingConfig, SavingConfig, TrainingConfig
from charrnn.errors import DivergedError, EnvironmentFault, UsageError
from charrnn.evaluation.evaluate import evaluate
from charrnn.numerics import log_softmax
from charrnn.sampling.sampler import sample
from charrnn.training import replica as replica_module
from charrnn.training import validation
from charrnn.training.data import StreamBatches
from charrnn.training.events import Evaluated, Saved, SaveFailed, Stopped
from charrnn.training.item_order import BatchShape
from charrnn.training.machine import choose_device
from charrnn.training.metrics import load_rows
from charrnn.training.network import make_network
from charrnn.training.parameters import LockedDropout
from charrnn.training.record import resume_point
from charrnn.training.schedule import learning_rate
from charrnn.training.trainer import Trainer

# --- batches -----------------------------------------------------------------------------------------------------------


@given(st.integers(2, 300), st.integers(1, 9), st.integers(1, 11))
def test_an_epoch_reads_each_stream_once_and_targets_are_the_next_symbols(
    num_symbols, streams, length
):
    ids = np.arange(num_symbols, dtype=np.uint16)
    shape = BatchShape.fitting(num_symbols, streams, length)
    made = StreamBatches(ids, shape)
    batches = [made.batch(step) for step in range(2 * made.steps_per_epoch)]
    inputs = np.concatenate([x for x, _ in batches])
    targets = np.concatenate([y for _, y in batches])
    assert inputs.shape == (2 * made.stream_length, shape.batch_size)
    assert (targets == inputs + 1).all()
    for epoch in np.split(inputs, 2):
        read = epoch.T.flatten().tolist()
        assert read == list(range(read[0], read[0] + made.stream_length * shape.batch_size))
    fallow = num_symbols - 1 - made.stream_length * shape.batch_size
    assert inputs[0, 0] == 0
    assert inputs[made.stream_length, 0] <= fallow < shape.batch_size + num_symbols / 100


def test_each_epoch_cuts_a_long_text_elsewhere_but_a_short_one_alike():
    long, short = (StreamBatches(np.arange(n), BatchShape(4, 8)) for n in (10_001, 41))
    starts = [long.batch(epoch * long.steps_per_epoch)[0][0, 0].item() for epoch in range(12)]
    assert len(set(starts)) == 12
    assert 60 < max(starts) <= 100
    assert {short.batch(e * short.steps_per_epoch)[0][0, 0].item() for e in range(12)} == {0}


def test_the_drawing_in_the_docstring_is_what_happens():
    made = StreamBatches(np.frombuffer(b"abcdefghijklm", np.uint8), BatchShape(3, 2))
    inputs, targets = made.batch(1)
    assert [bytes(row).decode() for row in inputs.T.astype(np.uint8)] == ["cd", "gh", "kl"]
    assert [bytes(row).decode() for row in targets.T.astype(np.uint8)] == [
        "de",
        "hi",
        "lm",
    ]


@pytest.mark.parametrize(
    ("num_symbols", "expected"), [(2, (1, 1)), (4, (1, 3)), (30, (5, 5)), (1000, (7, 5))]
)
def test_fault_43_a_short_text_gets_fewer_rows_then_shorter_ones(num_symbols, expected):
    shape = BatchShape.fitting(num_symbols, 7, 5 if num_symbols > 5 else 9)
    assert (shape.batch_size, shape.sequence_length) == expected


# --- schedule ----------------------------------------------------------------------------------------------------------


def test_the_learning_rate_warms_up_then_falls_to_its_end():
    config = TrainingConfig(steps=100, warmup_steps=10, final_rate_fraction=0.1)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[0] == pytest.approx(0.1, rel=1e-3)
    assert max(rates) == pytest.approx(1, rel=0.05)
    assert rates.index(max(rates)) == 9
    assert all(a > b for a, b in itertools.pairwise(rates[9:]))
    assert rates[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "name", ["tpu", "mps:0", "cuda:", "cuda:256", "cuda:-1", "CUDA", "", "cpu:0"]
)
def test_a_device_that_is_none_is_refused(name, wording):
    with wording.raises(UsageError):
        TrainingConfig(device=name)


def test_fault_70_a_device_that_is_not_there_is_refused_and_without_a_name_another_is_taken(
    monkeypatch,
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("cuda", "cuda:9"):
        with pytest.raises(EnvironmentFault) as caught:
            choose_device(name)
        assert caught.value.exit_status == 6
        assert torch.__version__ in caught.value.message
        assert "cpu" in caught.value.hint
    assert choose_device(None).type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(EnvironmentFault, match=r"cuda:9.* 2 "):
        choose_device("cuda:9")


def test_without_a_name_the_device_is_one_that_exists():
    assert choose_device(None).type in ("cpu", "cuda")


# --- the trainer -------------------------------------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path):
    return make_corpus(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run leaves that nothing interrupts, by its configuration."""

    @functools.cache
    def made(config=CONFIG):
        folder = tmp_path_factory.mktemp("whole")
        run_to_end(make_trainer(make_corpus(folder), folder / "run", config))
        return contents(folder / "run")

    return made


@pytest.mark.parametrize("characters", ["a", "ab"])
@pytest.mark.parametrize("length", [2, 3, 8, 13, 14, 15, 70])
def test_fault_42_a_text_of_any_length_trains_even_of_one_character(length, characters, tmp_path):
    """Around the length of a row, 13; the batch is planned for the text. Of one character nothing is to be learned."""
    path = tmp_path / "corpus.txt"
    path.write_text((characters * length)[:length], encoding="utf-8")
    settings = {"hidden_size": 3, "embedding_size": 2, "num_layers": 1, "sequence_length": 13}
    run = charrnn.train(path, out=tmp_path, name="run", steps=3, eval_every=1, **settings)
    events = list(run)
    assert events[-1] == Stopped(3, finished=True)
    losses = [event.train_nats for event in events if isinstance(event, Evaluated)]
    assert len(losses) == 3
    assert all(np.isfinite(loss) and (loss == 0 or len(characters) > 1) for loss in losses)
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").model.config.vocab_size == len(
        characters
    )


def test_training_lowers_the_loss_on_both_parts(corpus, tmp_path):
    config = dataclasses.replace(CONFIG, steps=300, dropout=0.0, eval_every=20)
    events = run_to_end(make_trainer(corpus, tmp_path / "run", config, shape={"num_layers": 1}))
    evaluations = [e for e in events if isinstance(e, Evaluated)]
    assert evaluations[-1].train_nats < 0.8 * math.log(len(corpus.vocabulary))
    assert evaluations[-1].val_nats < evaluations[0].val_nats < math.log(len(corpus.vocabulary))
    assert events[-1] == Stopped(300, finished=True)


def test_the_validation_figure_is_what_evaluate_finds(corpus, tmp_path):
    trainer = make_trainer(
        corpus, tmp_path / "run", dataclasses.replace(CONFIG, steps=5, eval_every=5)
    )
    events = run_to_end(trainer)
    judged = next(e for e in events if isinstance(e, Evaluated))
    model = load_checkpoint(tmp_path / "run" / "best.safetensors").model
    assert judged.val_nats == pytest.approx(evaluate(model, corpus.val).nats_per_char, abs=1e-5)


def test_of_a_long_validation_text_stretches_all_over_it_are_scored(corpus, tmp_path, monkeypatch):
    """With 100 characters to score among 600 in 2 streams: 50 from the start and 50 to the end, each warmed up."""
    monkeypatch.setattr(validation, "EVALUATED_CHARS", 100)
    monkeypatch.setattr(validation, "VALIDATION_STREAMS", 2)
    monkeypatch.setattr(validation, "EVALUATION_WARM_UP", 20)
    corpus = dataclasses.replace(corpus, config=CorpusConfig(val_fraction=0.4))
    trainer = make_trainer(
        corpus, tmp_path / "run", dataclasses.replace(CONFIG, steps=1, eval_every=1)
    )
    model, ids = trainer.snapshot(), corpus.val
    first = evaluate(model, ids[:51], streams=1)
    warm = model.initial_state()
    for symbol in ids[-71:-51]:
        warm, _ = model.advance(int(symbol), warm)
    nats = first.total_nats
    for symbol, following in itertools.pairwise(ids[-51:]):
        logits, warm, _ = model.step(int(symbol), warm)
        nats -= log_softmax(logits)[following]
    assert len(ids) == 600
    assert trainer.validate() == pytest.approx(nats / 100, abs=1e-5)


def test_a_hopeless_loss_counts_as_diverged(corpus, tmp_path):
    config = dataclasses.replace(CONFIG, learning_rate=1e4, clip=None, warmup_steps=0)
    with pytest.raises(DivergedError):
        run_to_end(make_trainer(corpus, tmp_path / "run", config))


def test_the_best_checkpoint_is_kept_when_later_ones_are_worse(corpus, tmp_path, monkeypatch):
    losses = iter([2.0, 1.0, 3.0, 4.0])
    monkeypatch.setattr(Trainer, "validate", lambda _self: next(losses))
    trainer = make_trainer(corpus, tmp_path / "run")
    run_to_end(trainer)
    best = load_checkpoint(tmp_path / "run" / "best.safetensors")
    assert best.metrics["step"] == best.metrics["best_step"] == 14
    assert best.metrics["best_val_nats_per_char"] == 1.0
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").metrics["step"] == 24
    assert not best.training


def test_without_validation_text_the_last_is_the_best(corpus, tmp_path):
    all_train = dataclasses.replace(corpus, config=CorpusConfig(val_fraction=0))
    events = run_to_end(make_trainer(all_train, tmp_path / "run"))
    assert {e.val_nats for e in events if isinstance(e, Evaluated)} == {None}
    assert load_checkpoint(tmp_path / "run" / "best.safetensors").metrics["step"] == 24


def contents(folder):
    """What must not differ: files' tensors, header metrics without times, rows without times."""
    last, best = (load_checkpoint(folder / f"{name}.safetensors") for name in ("last", "best"))
    rows = [
        {k: v for k, v in row.items() if k != "seconds"}
        for row in load_rows(folder / "metrics.jsonl")
    ]
    parts = []
    for each in (last, best):
        tensors = {**each.model.weights, **each.training}
        measures = {k: v for k, v in each.metrics.items() if k != "seconds"}
        parts.append(({k: (v.dtype.str, v.tobytes()) for k, v in tensors.items()}, measures))
    return parts, rows


@pytest.mark.parametrize(
    ("stops", "precision"),
    [
        *((stops, "float32") for stops in ((1,), (7,), (10,))),
        *(((3, 14, 20), precision) for precision in precisions()),
    ],
)
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(
    corpus, tmp_path, stops, precision, whole
):
    """Stops inside an epoch, at an evaluation, at the border of epochs (21 steps each), and several times."""
    config = dataclasses.replace(CONFIG, precision=precision)
    assert make_trainer(corpus, tmp_path / "x", config).batches.steps_per_epoch == 21
    run_to_end(make_trainer(corpus, tmp_path / "parts", config), stop_at=stops[0])
    for stop in (*stops[1:], None):
        last = load_checkpoint(tmp_path / "parts" / "last.safetensors")
        trainer = make_trainer(corpus, tmp_path / "parts", config, resume=last)
        run_to_end(trainer, stop_at=stop)
    assert contents(tmp_path / "parts") == whole(config)


def test_a_run_that_was_stopped_before_its_first_step_goes_on_all_the_same(corpus, tmp_path, whole):
    stopped = make_trainer(corpus, tmp_path / "parts")
    stopped.stop_requested = True
    run_to_end(stopped)
    last = load_checkpoint(tmp_path / "parts" / "last.safetensors")
    config = dataclasses.asdict(CorpusConfig())
    about = {"sources": ["a.txt"], "fingerprint": "", "characters": 9, "config": config}
    run = {"training": dataclasses.asdict(CONFIG), "corpus": about}
    assert resume_point(dataclasses.replace(last, run=run)) == (CONFIG, 0)
    run_to_end(make_trainer(corpus, tmp_path / "parts", resume=last))
    assert contents(tmp_path / "parts") == whole()


def test_stopping_at_the_border_of_epochs_resumes_bit_for_bit(corpus, tmp_path, whole):
    run_to_end(make_trainer(corpus, tmp_path / "parts"), stop_at=21)
    run_to_end(
        make_trainer(
            corpus,
            tmp_path / "parts",
            resume=load_checkpoint(tmp_path / "parts" / "last.safetensors"),
        )
    )
    assert contents(tmp_path / "parts") == whole()


def test_sampling_in_the_middle_of_training_does_not_disturb_it(corpus, tmp_path, whole):
    trainer = make_trainer(corpus, tmp_path / "watched")
    for event in trainer.run():
        if isinstance(event, Evaluated):
            torch.rand(3)
            assert len("".join(sample(trainer.snapshot(), "", SamplingConfig(length=9)))) == 9
    assert contents(tmp_path / "watched") == whole()


@pytest.mark.parametrize(
    "change",
    [
        {"dropout": 0.0},
        {"seed": 2},
        {"learning_rate": 0.01},
        {"clip": 0.1},
        {"clip": None},
        {"warmup_steps": 0},
        {"weight_decay": 5.0},
        {"reset_every": 2},
        {"batch_size": 4},
        {"sequence_length": 12},
        *({"precision": precision} for precision in precisions()[1:]),
    ],
    ids=str,
)
def test_every_setting_of_a_run_changes_its_result(whole, change):
    config = dataclasses.replace(CONFIG, steps=6, eval_every=6)
    results = []
    for each in (config, dataclasses.replace(config, **change)):
        ((tensors, _), _), _ = whole(each)
        results.append(tensors["head.weight"])
    assert results[0] != results[1]


def test_the_state_is_carried_from_step_to_step_and_starts_each_epoch_at_zero(
    corpus, tmp_path, monkeypatch
):
    seen = []
    real = replica_module.train_step

    def watched(network, optimizer, inputs, targets, state, *settings):
        seen.append(None if state is None else [s.clone() for s in state])
        result = real(network, optimizer, inputs, targets, state, *settings)
        after.append([s.clone() for s in result[1]])
        return result

    after = []
    monkeypatch.setattr(replica_module, "train_step", watched)
    trainer = make_trainer(corpus, tmp_path / "run", dataclasses.replace(CONFIG, reset_every=4))
    run_to_end(trainer)
    for step, state in enumerate(seen):
        if step % 21 == 0:
            assert state is None
            continue
        cold = (step + np.arange(5)) % 4 == 0
        for now, before in zip(state, after[step - 1], strict=True):
            assert (now[:, cold] == 0).all()
            assert torch.equal(now[:, ~cold], before[:, ~cold])


def test_fault_04_a_full_disk_does_not_stop_training_but_fails_at_its_end(
    corpus, tmp_path, monkeypatch, wording
):
    def full(path, *_content):
        raise EnvironmentFault(f"cannot write {path}: No space left on device")

    monkeypatch.setattr("charrnn.checkpoint.write_atomically", full)
    trainer, seen = make_trainer(corpus, tmp_path / "run", saving=SavingConfig(save_every=0)), []
    with wording.raises(EnvironmentFault):
        for event in trainer.run():
            seen.append(event)  # noqa: PERF402 (what was seen before the error counts)
    assert trainer.progress.step == 24
    assert sum(isinstance(e, SaveFailed) for e in seen) >= 24


def test_a_best_checkpoint_that_was_not_written_is_not_believed_in(corpus, tmp_path, monkeypatch):
    from charrnn import checkpoint

    real, losses = checkpoint.write_atomically, iter([3.0, 1.0, 2.0, 2.5])

    def full(path, *content):
        if path.name == "best.safetensors" and trainer.progress.step == 14:
            raise EnvironmentFault("cannot write: No space left on device")
        real(path, *content)

    monkeypatch.setattr("charrnn.checkpoint.write_atomically", full)
    monkeypatch.setattr(Trainer, "validate", lambda _self: next(losses))
    trainer = make_trainer(corpus, tmp_path / "run", saving=SavingConfig(save_every=0))
    events = run_to_end(trainer)
    assert events[-1].finished
    best = load_checkpoint(tmp_path / "run" / "best.safetensors").metrics
    assert (best["step"], best["best_step"], best["best_val_nats_per_char"]) == (21, 21, 2.0)


def test_fault_04_a_disk_that_is_full_once_is_forgiven(corpus, tmp_path, monkeypatch):
    from charrnn import checkpoint

    real, calls = checkpoint.write_atomically, []

    def full_once(path, *content):
        calls.append(path)
        if len(calls) == 2:
            raise EnvironmentFault("cannot write: No space left on device")
        real(path, *content)

    monkeypatch.setattr("charrnn.checkpoint.write_atomically", full_once)
    events = run_to_end(make_trainer(corpus, tmp_path / "run"))
    assert sum(isinstance(e, SaveFailed) for e in events) == 1
    assert isinstance(events[-2], Saved)
    assert events[-1].finished


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("can't allocate memory: you tried"),
    ],
)
def test_fault_68_a_full_memory_says_what_to_try(corpus, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(replica_module, "train_step", fail)
    with pytest.raises(EnvironmentFault) as caught:
        run_to_end(make_trainer(corpus, tmp_path / "run"))
    assert "batch_size=2" in caught.value.hint


def test_dropout_is_locked_over_time_and_keeps_the_mean():
    torch.manual_seed(1)
    x = torch.ones(4, 50, 60)
    dropout = LockedDropout(0.3)
    y = dropout(x)
    assert (y == y[:1]).all()
    assert sorted(y.unique().tolist()) == pytest.approx([0, 1 / 0.7])
    assert y.mean().item() == pytest.approx(1, abs=0.05)
    assert dropout.eval()(x) is x


def test_the_network_goes_to_numpy_and_back_unchanged():
    config = ModelConfig(vocab_size=5, hidden_size=6, num_layers=2, embedding_size=3)
    a, b = (make_network(config, 0.0, seed, torch.device("cpu")) for seed in (1, 2))
    assert not torch.equal(a.head.weight, b.head.weight)
    b.load_numpy(a.to_numpy())
    assert all(
        torch.equal(x, y)
        for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def test_making_a_network_leaves_torch_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    make_network(ModelConfig(vocab_size=5, hidden_size=6), 0.0, 1, torch.device("cpu"))
    assert torch.equal(torch.rand(2), expected)
