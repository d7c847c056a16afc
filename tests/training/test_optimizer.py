"""AdamW and Muon against torch's own, the weights that each optimizer takes, and DropConnect."""

import dataclasses
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from variants import TEXTBOOK

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.errors import UsageError
from charrnn.network.cells import CELLS
from charrnn.training import optimizer as optimizer_module
from charrnn.training.network import make_network
from charrnn.training.optimizer import BETAS, AdamW, Muon, Optimizer, orthogonalized

CPU = torch.device("cpu")


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_an_orthogonalized_matrix_keeps_its_directions_and_evens_them_out(rows, columns, seed):
    matrix = draw(rows, columns, seed=seed)
    found = orthogonalized(matrix, torch.float32)
    assert found.shape == matrix.shape
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    in_its_directions = u.T @ found @ v.T
    off_diagonal = in_its_directions - torch.diag(in_its_directions.diagonal())
    assert off_diagonal.abs().max() < 1e-3
    assert in_its_directions.diagonal().max() < 1.3


def test_large_singular_values_come_out_near_one(monkeypatch):
    monkeypatch.setattr(optimizer_module, "ITERATIONS", 5)
    values = torch.linalg.svdvals(orthogonalized(draw(30, 60), torch.float32))
    assert values.min() > 0.6
    assert values.max() < 1.25


@pytest.mark.parametrize("shape", [(24, 7), (7, 24), (16, 16)])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_muon_is_torch_s_muon(shape, decay, monkeypatch):
    monkeypatch.setattr(optimizer_module, "ITERATIONS", 5)
    ours, theirs = (torch.nn.Parameter(draw(*shape)) for _ in range(2))
    pair = (
        (ours, Muon([ours], 0.02, decay, torch.bfloat16)),
        (theirs, torch.optim.Muon([theirs], 0.02, decay)),
    )
    for step in range(5):
        for weight, optimizer in pair:
            weight.grad = draw(*shape, seed=step + 1)
            optimizer.step()
    assert not torch.equal(ours, draw(*shape))
    assert (ours - theirs).abs().max() < 1e-3


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adamw_is_torch_s_adamw(decay):
    shapes = (24, 7), (7,), ()
    ours, theirs = ([torch.nn.Parameter(draw(*shape)) for shape in shapes] for _ in range(2))
    last = torch.nn.Parameter(draw(3))  # has no gradient
    rule = AdamW([*ours, last], 0.02, decay)
    other = torch.optim.AdamW(theirs, 0.02, BETAS, weight_decay=decay, fused=True)
    for step in range(5):
        for weight in (*ours, *theirs):
            weight.grad = draw(*weight.shape, seed=step + 1)
        rule.step()
        other.step()
    assert all(map(torch.equal, ours, theirs))
    assert not torch.equal(ours[0], draw(24, 7))
    assert torch.equal(last, draw(3))


def test_no_training_imports_the_compiler():
    """It takes as long as torch itself, and nothing here is compiled."""
    code = (
        "import sys, torch\n"
        "from charrnn.config import TrainingConfig\n"
        "from charrnn.training.optimizer import Optimizer\n"
        "network = torch.nn.ModuleDict({'rnn': torch.nn.RNN(3, 3), 'head': torch.nn.Linear(3, 5)})\n"
        "updates = Optimizer(network, TrainingConfig())\n"
        "network['head'](network['rnn'](torch.ones(4, 1, 3))[0]).sum().backward()\n"
        "torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)\n"
        "updates.step(1.0)\n"
        "updates.zero_grad()\n"
        "print([type(rule).__name__ for rule in updates.rules], 'torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['AdamW', 'AdamW', 'Muon'] False\n"


def named_parts(network, config):
    names = {parameter: name for name, parameter in network.named_parameters()}
    made = Optimizer(network, config)
    return {
        kind.__name__: {names[p] for rule in made.rules if type(rule) is kind for p in rule.weights}
        for kind in {type(rule) for rule in made.rules}
    }


@pytest.mark.parametrize("cell", CELLS)
def test_muon_takes_the_matrices_of_the_layers_and_adamw_the_rest(cell):
    config = ModelConfig(cell=cell, vocab_size=7, hidden_size=5, embedding_size=3, num_layers=2)
    network = make_network(
        dataclasses.replace(config, learn_start=CELLS[cell].reads_state), 0.0, 1, CPU
    )
    names = {name for name, _ in network.named_parameters()}
    parts = named_parts(network, TrainingConfig())
    own = [n for n, shape in CELLS[cell].shapes(3, 5, 7).items() if len(shape) > 1]
    assert parts["Muon"] == {f"rnn.{name}_l{n}" for name in own for n in (0, 1)}
    assert parts["AdamW"] == names - parts["Muon"]
    assert named_parts(network, TrainingConfig(optimizer="adamw")) == {"AdamW": names}


def test_a_rate_for_muon_is_refused_where_there_is_none(wording):
    with wording.raises(UsageError):
        TrainingConfig(optimizer="adamw", muon_learning_rate=0.1)


def test_a_rate_scales_both_learning_rates():
    network = make_network(ModelConfig(vocab_size=5, hidden_size=4), 0.0, 1, CPU)
    made = Optimizer(network, TrainingConfig(learning_rate=0.5, muon_learning_rate=0.25))
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    made.step(0.1)
    assert [rule.rate for rule in made.rules] == pytest.approx([0.05, 0.05, 0.025])
    made.step(1.0)
    assert made.rules[0].rate == 0.5


# --- DropConnect -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", TEXTBOOK)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_holes_in_the_recurrent_weights_are_the_network_with_those_weights(
    cell, num_layers, monkeypatch
):
    """In training the network computes what a network without holes does whose recurrent weights have them."""
    config = ModelConfig(
        cell=cell, vocab_size=6, hidden_size=5, embedding_size=3, num_layers=num_layers
    )
    network = make_network(config, 0.0, 1, CPU, weight_drop=0.4)
    ids = torch.randint(6, (9, 4), generator=torch.Generator().manual_seed(1))
    torch.manual_seed(5)
    with_holes, _ = network(ids, None)
    torch.manual_seed(5)
    whole = make_network(config, 0.0, 1, CPU)
    with torch.no_grad():
        for layer in range(num_layers):
            weight = whole.rnn.get_parameter(f"weight_hh_l{layer}")
            kept = torch.empty_like(weight).bernoulli_(0.6)
            assert 0 < kept.mean() < 1
            weight.mul_(kept / 0.6)
    expected, _ = whole(ids, None)
    assert (with_holes - expected).abs().max() < 1e-6
    again, _ = network(ids, None)
    assert not torch.equal(again, with_holes)


@pytest.mark.parametrize("cell", TEXTBOOK)
def test_only_weights_that_were_there_learn_and_nothing_is_missing_when_judged(cell):
    config = ModelConfig(cell=cell, vocab_size=6, hidden_size=5, embedding_size=3)
    network = make_network(config, 0.0, 1, CPU, weight_drop=0.4)
    ids = torch.randint(6, (9, 4), generator=torch.Generator().manual_seed(1))
    torch.manual_seed(5)
    logits, _ = network(ids, None)
    logits.sum().backward()
    torch.manual_seed(5)
    weight = network.rnn.get_parameter("weight_hh_l0")
    kept = torch.empty_like(weight).bernoulli_(0.6)
    assert (weight.grad[kept == 0] == 0).all()
    assert (weight.grad[kept == 1] != 0).any()
    network.eval()
    plain = make_network(config, 0.0, 1, CPU).eval()
    with torch.no_grad():
        assert torch.equal(network(ids, None)[0], plain(ids, None)[0])
