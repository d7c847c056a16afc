"""What a machine can train in: a precision that it lacks is refused, in the library and on the command line alike."""

import pytest
import torch
from helpers import call_charrnn, make_text, precisions

from charrnn.config import CorpusConfig, ModelConfig, TrainingConfig, TrainingRequest
from charrnn.errors import EnvironmentFault
from charrnn.text.corpus import read_corpus
from charrnn.text.sources import file_source
from charrnn.training.allowed import CorpusSize
from charrnn.training.machine import repeatable_draws, require_precision, supports_bfloat16
from charrnn.training.measure import plan_here, try_machine
from charrnn.training.trainer import Trainer

LOW = TrainingConfig(precision="bfloat16", batch_size=3, sequence_length=5, steps=2)
NETWORK = ModelConfig(vocab_size=9, hidden_size=4, embedding_size=2)
CPU = torch.device("cpu")


@pytest.fixture
def no_bfloat16(monkeypatch):
    """A processor without instructions for bfloat16."""
    monkeypatch.setattr("charrnn.training.machine.supports_bfloat16", lambda _: False)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(make_text(900), encoding="utf-8")
    return read_corpus([file_source(path)], CorpusConfig(), cache=tmp_path)


def test_float32_is_there_everywhere_and_bfloat16_where_the_processor_has_it():
    require_precision("float32", CPU)
    if supports_bfloat16(CPU):
        require_precision("bfloat16", CPU)
    else:
        with pytest.raises(EnvironmentFault):
            require_precision("bfloat16", CPU)
    assert ("bfloat16" in precisions()) == supports_bfloat16(CPU)


def test_bfloat16_where_there_is_none_is_refused_before_anything_is_made(
    no_bfloat16, corpus, tmp_path
):
    folder = tmp_path / "run"
    with pytest.raises(EnvironmentFault) as refusal:
        Trainer(corpus, NETWORK, LOW, folder)
    assert "bfloat16" in refusal.value.message
    assert "float32" in refusal.value.hint
    assert not folder.exists()


def test_bfloat16_where_there_is_none_is_refused_before_anything_is_measured(no_bfloat16):
    def measure(*_):
        raise AssertionError

    with pytest.raises(EnvironmentFault):
        try_machine(NETWORK, LOW, (4,), measure)
    with pytest.raises(EnvironmentFault):
        request = TrainingRequest(steps=2, given={"precision": "bfloat16"})
        plan_here(CorpusSize(900, 100), NETWORK, request, "cpu", measure)


def test_auto_does_not_try_bfloat16_where_there_is_none(no_bfloat16):
    def measure(_, config):
        return 0.1 if config.precision == "bfloat16" else 1.0

    config = TrainingConfig(threads=1)
    assert try_machine(NETWORK, config, (4,), measure).precision == "float32"


@pytest.mark.parametrize("command", ["train", "compare"])
def test_a_command_refuses_bfloat16_in_one_line(
    command, no_bfloat16, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt").write_text(make_text(900), encoding="utf-8")
    options = ("--steps", 2, "--precision", "bfloat16", "--hidden-size", 4, "-q")
    result = call_charrnn(capsys, command, "corpus.txt", *options, status=6)
    assert result.out == ""
    assert "bfloat16" in result.err
    assert "float32" in result.err
    assert len(result.err.splitlines()) <= 2  # what is wrong, and what to type
    assert not list(tmp_path.rglob("*.safetensors"))


def test_draws_depend_on_the_seed_and_the_step_alone_and_leave_the_generator_as_it_was():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    drawn = []
    for seed, step in ((1, 0), (1, 1), (2, 0), (1, 0)):
        with repeatable_draws(seed, step, CPU, needed=True):
            drawn.append(tuple(torch.rand(3).tolist()))
    assert drawn[0] == drawn[3]
    assert len(set(drawn)) == 3
    assert torch.equal(torch.rand(2), expected)
