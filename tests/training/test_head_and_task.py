"""Another head, another loss, an input beside the character: each is a value or a class of its own, defined here."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from helpers import make_text
from torch.nn.functional import cross_entropy
from trainers import make_trainer
from variants import TEXTBOOK

from charrnn.checkpoint import load_checkpoint
from charrnn.config import CorpusConfig, ModelConfig, TrainingConfig
from charrnn.errors import CheckpointError
from charrnn.model import CharRNN
from charrnn.network.heads import Head
from charrnn.text.corpus import read_corpus
from charrnn.text.sources import file_source
from charrnn.training.data import IGNORED
from charrnn.training.events import Evaluated
from charrnn.training.inputs import Inputs
from charrnn.training.network import Network
from charrnn.training.optimizer import Optimizer
from charrnn.training.step import train_step
from charrnn.training.task import NextCharacter
from charrnn.training.validation import validate

B, LABELS = 3, 2  # the width of the bottleneck


def bottleneck_shapes(config):
    """H units are squeezed through B, and name one of two labels."""
    return {"down": (B, config.hidden_size), "weight": (LABELS, B), "bias": (LABELS,)}


def bottleneck_logits(outputs, weights, ops):
    narrow = ops.tanh(ops.product(outputs, weights["down"].T))
    return ops.linear(narrow, weights["weight"], weights["bias"])


BOTTLENECK = Head(shapes=bottleneck_shapes, logits=bottleneck_logits)


class NextIsSpace(NextCharacter):
    """The task of telling whether the next character is a space or a newline; of a padded place nothing is asked."""

    def __init__(self, vocabulary):
        self.spaces = torch.from_numpy(vocabulary.encode(" \n").astype(np.int64))

    def costs(self, logits, targets):
        labels = torch.isin(targets, self.spaces).long().masked_fill(targets == IGNORED, IGNORED)
        flat = logits.float().flatten(0, 1)
        return cross_entropy(flat, labels.flatten(), reduction="none").view_as(targets)

    def loss(self, logits, targets):
        return self.costs(logits, targets).sum() / (targets != IGNORED).sum()

    def validate(self, network, corpus, precision):
        return validate(network, corpus, precision, self.costs)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "text.txt").write_text(make_text(4000), encoding="utf-8")
    source = file_source(folder / "text.txt")
    return read_corpus([source], CorpusConfig(), cache=folder / "cache")


CONFIG = TrainingConfig(
    steps=60,
    batch_size=8,
    sequence_length=16,
    eval_every=20,
    warmup_steps=5,
    learning_rate=0.05,
    muon_learning_rate=0.1,
    threads=1,
)


def toy_trainer(corpus, folder, cell="lstm", resume=None):
    shape, task = {"cell": cell, "embedding_size": 5}, NextIsSpace(corpus.vocabulary)
    return make_trainer(
        corpus, folder, CONFIG, shape=shape, head=BOTTLENECK, task=task, resume=resume
    )


def logits_of(model, ids):
    """By the primitive, one symbol after another."""
    state, found = model.initial_state(), []
    for symbol in ids:
        logits, state, _ = model.step(int(symbol), state)
        found.append(logits)
    return np.stack(found)


@pytest.mark.parametrize("cell", ["lstm", "peephole"])
def test_a_toy_head_learns_its_own_task_and_runs_in_numpy(corpus, tmp_path, cell):
    trainer = toy_trainer(corpus, tmp_path / "run", cell)
    before = trainer.validate()
    found = [event for event in trainer.run() if isinstance(event, Evaluated)]
    losses = [event.train_nats for event in found]
    assert losses[0] > losses[1] > losses[2]
    assert losses[-1] < 0.9 * entropy_of(
        np.isin(corpus.train, corpus.vocabulary.encode(" \n"))
    )  # the best guess without reading
    assert found[-1].val_nats < before
    ids = corpus.val[:200].astype(np.int64)
    with torch.no_grad():
        theirs, _ = trainer.network.eval()(torch.from_numpy(ids)[:, None], None)
    loaded = load_checkpoint(tmp_path / "run" / "last.safetensors", head=BOTTLENECK).model
    for model in (trainer.snapshot(), loaded):
        np.testing.assert_allclose(logits_of(model, ids), theirs[:, 0].numpy(), atol=1e-5, rtol=0)


def entropy_of(labels):
    p = labels.mean()
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


def test_a_run_with_a_toy_head_resumes_bit_for_bit(corpus, tmp_path):
    whole, parts = (toy_trainer(corpus, tmp_path / name) for name in ("whole", "parts"))
    list(whole.run())
    for event in parts.run():
        parts.stop_requested |= isinstance(event, Evaluated)
    last = load_checkpoint(tmp_path / "parts" / "last.safetensors", head=BOTTLENECK)
    assert last.metrics["step"] == 20
    resumed = toy_trainer(corpus, tmp_path / "parts", resume=last)
    list(resumed.run())
    ours, theirs = (t.network.to_numpy() for t in (resumed, whole))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_a_file_is_not_opened_with_a_head_that_it_does_not_have(corpus, tmp_path, wording):
    trainer = toy_trainer(corpus, tmp_path / "run")
    next(trainer.run())
    with wording.raises(CheckpointError):
        load_checkpoint(tmp_path / "run" / "last.safetensors")


# --- an input beside the character -------------------------------------------------------------------------------------

CONTEXT = np.linspace(-1, 1, 5, dtype=np.float32)


class NetworkInContext(Network):
    """It reads a vector beside each character, here the same one everywhere."""

    context = torch.from_numpy(CONTEXT)

    def inputs(self, ids):
        return Inputs(self.embedding(ids) + self.context)


class ModelInContext(CharRNN):
    def inputs(self, ids):
        first = self._layers[0]
        return (self.weights["embedding.weight"][ids] + CONTEXT) @ first.weight_ih + first.bias


@pytest.mark.parametrize("cell", TEXTBOOK)
def test_an_input_beside_the_character_trains_and_runs_in_numpy(corpus, cell):
    V = len(corpus.vocabulary)
    config = ModelConfig(
        cell=cell, vocab_size=V, embedding_size=5, hidden_size=7, layer_norm=True, num_layers=2
    )
    torch.manual_seed(1)
    network = NetworkInContext(config)
    plain = Network(config)
    plain.load_numpy(network.to_numpy())
    settings = dataclasses.replace(CONFIG, warmup_steps=0)
    ids = torch.from_numpy(corpus.train[: 17 * 8].astype(np.int64).reshape(17, 8))
    step = partial(train_step, network, Optimizer(network, settings), ids[:-1], ids[1:], None)
    losses = [step(settings)[0] for _ in range(20)]
    assert losses[-1] < 0.9 * losses[0]
    model = ModelInContext(config, corpus.vocabulary, network.to_numpy())
    with torch.no_grad():
        theirs, _ = network(ids, None)
        assert (plain(ids, None)[0] - theirs).abs().max() > 0.01
    np.testing.assert_allclose(logits_of(model, ids[:, 3]), theirs[:, 3].numpy(), atol=1e-5, rtol=0)
