"""A sixth cell: what it needs is its step, its names and a place among the others."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from helpers import call_charrnn, make_text, names_in_dump
from trainers import CONFIG, make_corpus, make_trainer, run_to_end, tensors_in
from variants import N, T, close, make_model, random_ids

import charrnn
from charrnn.checkpoint import load_checkpoint
from charrnn.network.cells import CELLS
from charrnn.network.cells.base import Cell
from charrnn.network.shapes import count_parameters


def toy_step(x, state, weights, ops):
    """A minimal gated unit: u = σ(...), v = tanh(...), s' = s + u ⊙ (v - s), and m, the mean of all s so far, fading."""
    s, m = state
    u, v = ops.split(x + s @ weights["weight_hh"], 2)
    u, v = ops.sigmoid(u), ops.tanh(v)
    s = ops.state("s", s + u * (v - s) + weights["weight_mh"] * m)
    return (s, ops.state("m", 0.5 * m + 0.5 * s)), (u, v)


TOY = Cell(
    name="toy",
    states=("s", "m"),
    gates=("u", "v"),
    num_blocks=2,
    step=toy_step,
    vectors=("weight_mh",),
)


@pytest.fixture
def toy(monkeypatch):
    """All that a cell needs: its step, its names, and a place among the others."""
    monkeypatch.setitem(CELLS, "toy", TOY)


def test_a_toy_cell_agrees_with_itself_in_torch(toy):
    model, network = make_model(3, "toy", learn_start=True)
    ids, state = random_ids(T, N), model.initial_state(N)
    with torch.no_grad():
        logits, last = network(torch.from_numpy(ids), None)
    for t, row in enumerate(ids):
        ours, state, _ = model.step(row, state)
        close(ours, logits[t])
    for layer in range(3):
        for ours, theirs in zip(state[layer], last, strict=True):
            close(ours, theirs[layer])


def test_a_toy_cell_trains_and_resumes_bit_for_bit(toy, tmp_path):
    whole, parts, corpus = tmp_path / "whole", tmp_path / "parts", make_corpus(tmp_path, 300)
    config = dataclasses.replace(CONFIG, steps=14, sequence_length=7, reset_every=3)
    shape = {"cell": "toy", "learn_start": True, "layer_norm": True}
    run_to_end(make_trainer(corpus, whole, config, shape=shape))
    run_to_end(make_trainer(corpus, parts, config, shape=shape), stop_at=9)
    last = load_checkpoint(parts / "last.safetensors")
    run_to_end(make_trainer(corpus, parts, config, shape=shape, resume=last))
    assert tensors_in(parts) == tensors_in(whole)


def test_a_toy_cell_can_do_all_that_the_others_can(toy, tmp_path, monkeypatch, capsys, wording):
    """Trained, sampled, judged, inspected and looked at from the command line, with its own names everywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")  # this process is not the command's to prepare
    monkeypatch.setattr("charrnn.training.machine.keep_freed_memory", lambda: None)
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.001)
    (tmp_path / "corpus.txt").write_text(make_text(1500), encoding="utf-8")
    shape = ("--cell", "toy", "--layers", 2, "--hidden-size", 8, "--embedding-size", 3)
    size = ("--batch-size", 4, "--sequence-length", 8, "--precision", "float32", "--threads", 1)
    out = call_charrnn(
        capsys, "train", "corpus.txt", *shape, *size, "--steps", 40, "--name", "t", "--learn-start"
    ).err
    assert "toy, 2 layers of 8 units, embedding 3, learned initial state" in " ".join(out.split())

    model = charrnn.load(tmp_path / "checkpoints" / "t" / "best.safetensors")
    assert model.cell is TOY
    assert model.weights["rnn.weight_mh_l1"].shape == (8,)
    assert list(model.read("def ").arrays) == ["s", "m", "u", "v"]
    assert len(call_charrnn(capsys, "sample", "t", "--length", 30, "-q").out.rstrip("\n")) <= 30
    judged = json.loads(call_charrnn(capsys, "evaluate", "t", "corpus.txt", "--json", "-q").out)
    assert 0 < judged["nats_per_char"] < 1.1 * math.log(len(model.vocabulary))

    facts = json.loads(call_charrnn(capsys, "inspect", "t", "--json", "-q").out)
    assert (facts["states"], facts["gates"]) == (["s", "m"], ["u", "v"])
    assert facts["config"]["cell"] == "toy"
    assert facts["parameters"] == count_parameters(model.config)
    for letter in "smuv":
        out = call_charrnn(capsys, "visualize", "t", "import", "--what", letter, "-q").out
        assert f".{letter}." in out
    assert ".m." in call_charrnn(capsys, "visualize", "t", "import", "-q").out  # the memory
    assert "surprisal" in call_charrnn(capsys, "visualize", "t", "import", "--surprisal", "-q").out
    assert "toy" in call_charrnn(capsys, "gradients", "t", "corpus.txt", "-q").out
    call_charrnn(capsys, "visualize", "t", "import", "--dump", "out.npz", "-q")
    with np.load("out.npz", allow_pickle=False) as dump:
        assert set(dump) == names_in_dump("smuv")
    held = ("visualize", "t", "import", "--unit", "L1.m.5", "--clamp", "L1.m.5=0.25", "-q")
    assert "+0.25 to +0.25 here" in call_charrnn(capsys, *held).out
    result = call_charrnn(capsys, "visualize", "t", "import", "--what", "i", "-q", status=2)
    wording(result)

    monkeypatch.delitem(CELLS, "toy")
    result = call_charrnn(capsys, "sample", "t", "-q", status=4)
    wording(result)
