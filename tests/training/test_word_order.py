"""The small cases of the textbooks: what a word means depends on the words before it, and on their order."""

import itertools

import numpy as np
import pytest
from pair_models import config_of, corpus_of
from trainers import run_to_end

from charrnn.checkpoint import load_checkpoint
from charrnn.config import TrainingConfig
from charrnn.pairs.converting import convert
from charrnn.text.generated import GENERATORS
from charrnn.training.trainer import Trainer


def trained(corpus, folder, steps, hidden_size, batch_size=16, **rates):
    """The best model of a run."""
    folder.mkdir(exist_ok=True)
    config = TrainingConfig(
        steps=steps,
        batch_size=batch_size,
        sequence_length=32,
        eval_every=max(1, steps // 4),
        warmup_steps=steps // 20,
        **rates,
    )
    shape = config_of(corpus, hidden_size=hidden_size, embedding_size=16)
    run_to_end(Trainer(corpus, shape, config, folder))
    return load_checkpoint(folder / "best.safetensors").model


def targets(model, sources):
    return [found[0].text for found in convert(model, sources)]


FAST = {"learning_rate": 0.02, "muon_learning_rate": 0.05}


def test_the_same_words_in_another_order_have_another_label(tmp_path):
    def lines(good, bad):
        """The good one wins, or is beaten, in the active and the passive voice."""
        for verb, first in itertools.product(("stops", "beats", "loses to"), (good, bad)):
            other = bad if first == good else good
            wins = (first == good) != (verb == "loses to")
            yield f"{first} {verb} {other}", "good" if wins else "bad"

    helpful, harmful = ("nurse", "hero", "doctor", "knight"), ("virus", "fire", "thief", "flood")
    *known, held_out = itertools.product(helpful, harmful)
    pairs = [pair for two in known for pair in lines(*two)]
    model = trained(corpus_of(pairs, align="label"), tmp_path, 120, 24, **FAST)
    new = [*lines(*held_out)]
    assert targets(model, [source for source, _ in new]) == [label for _, label in new]
    one, other = "knight beats flood", "flood beats knight"
    assert sorted(one) == sorted(other)
    assert targets(model, [one, other]) == ["good", "bad"]


SLOTS = {"arrive in ": "d", "arrive at ": "d", "leave ": "p", "leave from ": "p"}


def test_the_same_word_after_arrive_and_leave_has_another_slot(tmp_path):
    def line(begin, verb, city):
        """The request; p stands under a place of departure, d under a destination."""
        before = begin + verb
        return before + city, "-" * len(before) + SLOTS[verb] * len(city)

    cities = ("Rome", "Oslo", "Lima", "Paris", "Kyoto", "Quito")
    all_parts = itertools.product(("", "please ", "we must "), SLOTS, cities)
    known = [parts for parts in all_parts if parts[1:] != ("leave ", "Kyoto")]
    corpus = corpus_of([line(*parts) for parts in known], align="each")
    model = trained(corpus, tmp_path, 100, 16, **FAST)
    for begin, verb in itertools.product(("", "please "), ("arrive in ", "leave ")):
        source, tags = line(begin, verb, "Kyoto")
        assert targets(model, [source]) == [tags]


@pytest.mark.long
def test_slots_of_travel_requests_are_tagged_as_they_are_meant(tmp_path):
    pairs = [*GENERATORS["travel"].pairs(1)]
    corpus = corpus_of(pairs, align="each")
    model = trained(corpus, tmp_path, 400, 48, 32)
    held_out = corpus.pairs(corpus.val)
    made = targets(model, [source for source, _ in held_out])
    right = [tags == target for tags, (_, target) in zip(made, held_out, strict=True)]
    symbols = [
        a == b
        for tags, (_, target) in zip(made, held_out, strict=True)
        for a, b in zip(tags, target, strict=True)
    ]
    assert np.mean(right) >= 0.99
    assert np.mean(symbols) >= 0.99
