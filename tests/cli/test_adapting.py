"""`evaluate --adapt` and `sample --adapt`: what they learn from, what they say, and what they refuse."""

import json
import math

import pytest
from helpers import BEST, call_charrnn

from charrnn.adapting.rates import choose_rate
from charrnn.checkpoint import load_checkpoint
from charrnn.config import AdaptingConfig, SamplingConfig
from charrnn.evaluation.evaluate import evaluate
from charrnn.evaluation.learning import learn
from charrnn.sampling.sampler import sample

FAST = ("--adapt-rule", "sgd", "--adapt-rate", 0.5, "--adapt-decay", 0.01, "--adapt-chunk", 16)
CONFIG = AdaptingConfig(adapt_rule="sgd", adapt_rate=0.5, adapt_decay=0.01, adapt_chunk=16)


@pytest.fixture
def text(workplace):
    """A file of the workplace, and what is in it."""
    path = workplace / "adapted.txt"
    path.write_text((workplace / "corpus.txt").read_text()[:700])
    return path.read_text()


@pytest.fixture
def ran(capsys, monkeypatch, workplace):
    """A command in the workplace."""
    monkeypatch.chdir(workplace)
    return lambda *arguments: call_charrnn(capsys, *arguments)


def test_the_figure_is_the_library_s_with_its_settings(ran, workplace, text):
    loaded = load_checkpoint(workplace / BEST)
    for options, model in (((), loaded.mixed), (("--no-counts",), loaded.model)):
        found = json.loads(ran("evaluate", "adapted.txt", "--adapt", *FAST, "--json", *options).out)
        expected = evaluate(model, text, adapt=CONFIG)
        assert found["nats_per_char"] == expected.nats_per_char
        assert found["adapting"] == {"rule": "sgd", "rate": 0.5, "decay": 0.01, "chunk": 16}
        assert found["protocol"] == expected.protocol
    plain = json.loads(ran("evaluate", "adapted.txt", "--json").out)
    assert plain["adapting"] is None
    assert "learned" not in plain["protocol"]
    shown = " ".join(ran("evaluate", "adapted.txt", "--adapt", *FAST, "--no-counts").out.split())
    assert expected.protocol in shown


def test_a_rate_is_chosen_on_validation_text_for_another_text(ran, workplace):
    """Of the corpus, 6,000 characters, the 10th part before the test text validates."""
    model = load_checkpoint(workplace / BEST).model
    usual = ("evaluate", "--split", "test", "--adapt", "--adapt-rule", "sgd", "--no-counts")
    result = ran(*usual, "--adapt-search", "--json")
    found = json.loads(result.out)["adapting"]
    corpus = model.vocabulary.encode((workplace / "corpus.txt").read_text())
    config, tried = choose_rate(model, corpus[5100:5700], None, AdaptingConfig(adapt_rule="sgd"))
    assert found["rate"] == config.rate
    bits = {float(rate): cost for rate, cost in found["bits_by_rate"].items()}
    assert bits == pytest.approx({rate: nats / math.log(2) for rate, nats in tried.items()})
    expected = evaluate(model, corpus[5700:], adapt=config)
    assert json.loads(result.out)["nats_per_char"] == pytest.approx(expected.nats_per_char)


@pytest.mark.parametrize("counts", [False, True])
def test_a_sample_is_of_the_copy_that_has_learned(ran, workplace, text, counts, wording):
    loaded = load_checkpoint(workplace / BEST)
    before = (workplace / BEST).read_bytes()
    model = loaded.mixed if counts else loaded.model
    learned = learn(model, model.vocabulary.encode(text), CONFIG)
    option = ["--counts"] if counts else []
    how = ("--prompt", "def ", "--length", 80, "--seed", 3)
    result = ran("sample", *how, "--adapt", "adapted.txt", *FAST, *option)
    expected = "".join(sample(learned.model, "def ", SamplingConfig(length=80, seed=3)))
    assert result.out == f"def {expected}"
    if not counts:  # which are of this very text, and weigh most
        assert result.out != ran("sample", *how).out
    wording(ran("sample", *how, "--adapt", "adapted.txt", *FAST, *option).err)
    assert f"{learned.nats / math.log(2) / 699:.3f}" in result.err
    assert (workplace / BEST).read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "adapted.txt", "--adapt-rate", 0.1),
        ("evaluate", "adapted.txt", "--adapt", "--window", 9),
        ("evaluate", "adapted.txt", "--adapt", "--streams", 2),
        ("evaluate", "adapted.txt", "--adapt", "--clamp", "L0.c.1=1"),
        ("evaluate", "adapted.txt", "--adapt", "--adapt-search", "--adapt-rate", 1),
        ("evaluate", "--split", "val", "--adapt", "--adapt-search"),
        ("sample", "--adapt", "adapted.txt", "--adapt-rate", 0),
        ("sample", "--adapt", "adapted.txt", "--steer", "L0.c.1=1"),
        ("sample", "--adapt-chunk", 9),
    ],
    ids=lambda arguments: " ".join(map(str, arguments)),
)
def test_what_cannot_be_learned_from_is_refused(refused, text, arguments, wording):
    wording(refused(2, *arguments))
