"""`train --gradient rtrl`: weights that move at every character, runs that resume, settings that it needs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import call_charrnn
from torch.nn.functional import cross_entropy
from trainers import make_corpus, make_trainer, run_to_end, tensors_in

from charrnn.checkpoint import load_checkpoint
from charrnn.config import RTRL, RTRL_CELLS, ModelConfig, TrainingConfig, TrainingRequest
from charrnn.errors import SettingError
from charrnn.training.network import make_network
from charrnn.training.rtrl import make_replica

SHAPE = {"embedding_size": 4, "hidden_size": 6, "num_layers": 1}
CONFIG = TrainingConfig(
    gradient="rtrl",
    steps=8,
    batch_size=1,
    sequence_length=9,
    optimizer="adamw",
    kernel="loop",
    learning_rate=0.01,
    warmup_steps=2,
    eval_every=3,
    reset_every=4,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"), 700)


def test_the_first_update_is_that_of_torch():
    """Later ones depend on how the state depended on weights that have moved since."""
    network = ModelConfig(vocab_size=5, cell="gru", **SHAPE)
    config = replace(CONFIG, clip=0.3)
    replica = make_replica(network, config)
    replica.read([(1, 2)], [0.5])
    torchs = make_network(network, 0.0, config.seed)
    optimizer = torch.optim.AdamW(torchs.parameters(), 0.005, betas=(0.9, 0.99), weight_decay=0)
    logits, _ = torchs(torch.tensor([[1]]), None)
    cross_entropy(logits[0], torch.tensor([2])).backward()
    torch.nn.utils.clip_grad_norm_(torchs.parameters(), 0.3)
    optimizer.step()
    before = make_network(network, 0.0, config.seed).state_dict()
    for name, theirs in torchs.named_parameters():
        mine = replica.network.state_dict()[name]
        assert torch.allclose(mine, theirs, atol=2e-4), name  # but for weight decay
        assert not torch.equal(mine, before[name]), name


def test_every_character_is_predicted_before_it_is_learned():
    network = ModelConfig(vocab_size=5, cell="elman", **SHAPE)
    replica = make_replica(network, CONFIG)
    first = replica.read([(1, 2)], [1.0])
    again = make_replica(network, CONFIG)
    loss = float(again.step(0, (np.array([[1], [3]]), np.array([[2], [1]])), 1.0))
    rest = replica.read([(3, 1)], [1.0])
    assert loss == pytest.approx((first + rest) / 2, rel=1e-6)


@pytest.mark.parametrize("cell", RTRL_CELLS)
def test_a_run_learns_and_resumes_bit_for_bit(corpus, tmp_path, cell):
    shape = SHAPE | {"cell": cell}
    whole = make_trainer(corpus, tmp_path / "whole", CONFIG, shape=shape)
    events = run_to_end(whole)
    losses = [e.val_nats for e in events if hasattr(e, "val_nats")]
    assert losses[-1] < losses[0]
    run_to_end(make_trainer(corpus, tmp_path / "halves", CONFIG, shape=shape), stop_at=5)
    last = load_checkpoint(tmp_path / "halves" / "last.safetensors")
    assert last.training["rtrl.sensitivities"].any()
    run_to_end(make_trainer(corpus, tmp_path / "halves", CONFIG, shape=shape, resume=last))
    assert tensors_in(tmp_path / "halves") == tensors_in(tmp_path / "whole")


def test_what_is_left_open_is_as_the_gradient_needs_it():
    settled = TrainingRequest(given={"gradient": "rtrl", "learning_rate": 0.1}).settled.given
    assert RTRL.items() <= settled.items()
    assert settled["learning_rate"] == 0.1
    assert settled["hidden_size"] <= 64
    plain = TrainingRequest(given={"gradient": "bptt"})
    assert plain.settled is plain


@pytest.mark.parametrize(
    "given",
    [
        {"num_layers": 2},
        {"hidden_size": 65},
        {"batch_size": 3},
        {"optimizer": "muon"},
        {"layer_norm": True},
        {"dropout": 0.1},
        {"device": "cuda"},
        {"cell": "jordan"},
    ],
)
def test_settings_that_do_not_go_with_it_are_refused(given, wording):
    with pytest.raises(SettingError) as refused:
        TrainingRequest(given={"gradient": "rtrl", **given})
    wording(refused.value)


def test_the_command_trains_so_and_refuses_lines(capsys, monkeypatch, tmp_path, wording):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.txt").write_text("abcab cabca\n" * 30)
    begin = ("train", "t.txt", "--gradient", "rtrl", "--hidden-size", 5, "--steps", 3, "-q")
    call_charrnn(capsys, *begin, "--name", "r", "--cell", "elman", "--no-counts")
    last = load_checkpoint(tmp_path / "checkpoints/r/last.safetensors")
    assert last.run["training"]["gradient"] == "rtrl"
    assert last.model.config.num_layers == 1
    call_charrnn(capsys, "train", "--resume", "--name", "r", "--steps", 4, "-q")
    wording(call_charrnn(capsys, *begin, "--lines", "--name", "l", status=2))
