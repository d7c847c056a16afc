"""Runs of every cell: resumed bit for bit."""

import dataclasses

import pytest
from helpers import precisions
from trainers import make_corpus, make_trainer, run_to_end, tensors_in
from variants import VARIANTS, seldom

from charrnn.checkpoint import load_checkpoint
from charrnn.config import TrainingConfig
from charrnn.network.cells import CELLS
from charrnn.training.events import Stopped

CONFIG = TrainingConfig(
    steps=14,
    batch_size=5,
    sequence_length=7,
    dropout=0.2,
    learning_rate=0.02,
    warmup_steps=3,
    reset_every=3,
    eval_every=5,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"), 300)


def shape_of(name, activation="tanh"):
    learns = CELLS[name].reads_state
    shape = {"cell": name, "activation": activation, "hidden_size": 6, "learn_start": learns}
    shape |= {"row_length": "3"} if name == "mdlstm" else {}
    return {
        **shape,
        "layer_norm": name != "jordan",
    }  # which has a way of its own through time without it


@pytest.mark.parametrize(
    ("name", "activation", "kernel", "precision"),
    [
        (pytest.param if precision == "float32" or name == "gru" else seldom)(
            name, how, kernel, precision
        )
        for name, how in VARIANTS
        for kernel in ("fused", "loop")
        if kernel == "loop" or CELLS[name].torch_class
        for precision in precisions()
    ],
)
def test_every_cell_resumes_bit_for_bit(corpus, tmp_path, name, activation, kernel, precision):
    """With dropout, two layers, a learnt start and restarting streams; stopped twice, once at the end of an epoch."""
    config = dataclasses.replace(CONFIG, kernel=kernel, precision=precision)
    shape = shape_of(name, activation)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trainer = make_trainer(corpus, whole, config, shape=shape)
    assert trainer.batches.steps_per_epoch == 8
    assert run_to_end(trainer)[-1] == Stopped(14, finished=True)
    run_to_end(make_trainer(corpus, parts, config, shape=shape), stop_at=3)
    for stop_at in (8, None):
        last = load_checkpoint(parts / "last.safetensors")
        trainer = make_trainer(corpus, parts, config, shape=shape, resume=last)
        run_to_end(trainer, stop_at=stop_at)
    expected = tensors_in(whole)
    assert tensors_in(parts) == expected
    for letter in CELLS[name].states:
        assert f"training.state.{letter}" in expected
        learnt = f"training.optimizer.exp_avg.start.{letter}" in expected
        assert learnt == CELLS[name].reads_state


@pytest.mark.parametrize(("name", "activation"), VARIANTS)
def test_dropout_and_restarting_streams_matter_to_every_cell(corpus, tmp_path, name, activation):
    """Otherwise the test above would compare what does not depend on them."""
    results, shape = [], shape_of(name, activation)
    for change in ({}, {"dropout": 0.0}, {"reset_every": None}, {"seed": 2}):
        config = dataclasses.replace(CONFIG, steps=5, **change)
        trainer = make_trainer(corpus, tmp_path / "run", config, shape=shape)
        run_to_end(trainer)
        results.append(trainer.network.to_numpy()["head.weight"].tobytes())
    assert len(set(results)) == 4
