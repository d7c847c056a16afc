"""Encoders whose sequence becomes shorter from layer to layer."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers import examples
from hypothesis import given
from hypothesis import strategies as st
from pair_models import config_of, corpus_of, in_torch, twins
from trainers import run_to_end, tensors_in

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.config import ModelConfig, TrainingConfig, TrainingRequest
from charrnn.errors import SettingError
from charrnn.interpret.pairs import record_pair
from charrnn.network.encoder import shortened, source_places
from charrnn.numerics import log_softmax
from charrnn.pairs.converting import convert
from charrnn.pairs.views import attention_of, path_of
from charrnn.training.messages import packed, unpacked
from charrnn.training.pairs.batches import laid_out
from charrnn.training.trainer import Trainer

LETTERS = [
    ("aabbbccc", "abc"),
    ("ddd", "d"),
    ("aaacaa", "aca"),
    ("ccccccc", "c"),
    ("ddaabbcc", "dabc"),
]
SENTENCES = [
    ("the cat, sat", "nv"),
    ("a dog", "n"),
    ("it ran and ran", "vv"),
    ("b", ""),
    ("so it", "n"),
]
CLOSE = {"atol": 2e-5, "rtol": 0}
KINDS = [("ctc", "2"), ("attention", "3"), ("attention", "words"), ("none", "2"), ("label", "2")]
every_kind = pytest.mark.parametrize(("align", "subsample"), KINDS)


def corpus_for(align):
    if align == "label":
        return corpus_of([(s, str(len(t) % 2)) for s, t in LETTERS], align=align)
    return corpus_of(LETTERS if align == "ctc" else SENTENCES, align=align)


def made(align, subsample, **shape):
    """A corpus, a network in torch and the same in NumPy."""
    corpus = corpus_for(align)
    config = config_of(corpus, subsample=subsample, **({"num_layers": 3} | shape))
    return corpus, *twins(corpus, config)


@examples(40)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(2, 5))
def test_each_layer_reads_every_nth_output_and_the_last(lengths, factor):
    config = ModelConfig(vocab_size=3, num_layers=3, subsample=str(factor))
    source = np.zeros((max(lengths), len(lengths)), np.int64)
    above = shortened(config, source, np.array(lengths))
    for row, length in enumerate(lengths):
        read = list(range(length))
        for layer, places in zip(above, source_places(above), strict=True):
            read = sorted({*read[factor - 1 :: factor], read[-1]})
            assert places[: layer.lengths[row], row].tolist() == read
    assert [len(layer.kept) for layer in above] == [max(layer.lengths) for layer in above]


def test_with_words_the_layers_above_the_lowest_read_at_their_ends():
    _, _, model = made("attention", "words")
    for text, seen in [("the cat, sat", [3, 7, 11]), ("so it", [2, 4]), ("b", [0])]:
        (ids,) = model.ids_of([text])
        lowest, *above = (places.tolist() for places in model.places(ids))
        assert lowest == list(range(len(text)))
        assert above == [seen, seen]


@every_kind
@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru"])
def test_numpy_and_torch_compute_the_same(align, subsample, cell):
    corpus, network, model = made(align, subsample, cell=cell, layer_norm=True)
    rows = np.arange(5)
    inputs, targets = laid_out(corpus, rows, model.config.stretch or 1, model.config)
    with torch.no_grad():
        encoded, _ = network.encoder(in_torch(inputs))
        logits = network(in_torch(inputs), None)[0].numpy()
    ours = model.encode([model.ids_of([source])[0] for source, _ in corpus.pairs(rows)])
    lengths = inputs.top[0]
    assert ours.lengths.tolist() == lengths.tolist()
    assert encoded.shape[0] == max(lengths) < len(inputs.source) / 2 + 1
    for row, length in enumerate(lengths):
        theirs = encoded[:length, row].numpy()
        np.testing.assert_allclose(ours.outputs[row, :length], theirs, **CLOSE)
        alone = model.encode(model.ids_of([corpus.pairs(rows)[row][0]]))
        np.testing.assert_allclose(alone.outputs[0], theirs, **CLOSE)
    if align == "ctc":
        assert targets.places.tolist() == lengths.tolist()
        found = model.class_logits(ours).swapaxes(0, 1)
        real = (np.arange(len(found))[:, None] < lengths)[..., None]
        np.testing.assert_allclose(found * real, logits * real, **CLOSE)
    if align == "attention":
        for row, (source, target) in enumerate(corpus.pairs(rows)):
            read = record_pair(model, source, target).target
            log_p = log_softmax(logits[: len(read.ids), row])
            costs = -log_p[np.arange(len(read.ids)), read.ids] / np.log(2)
            np.testing.assert_allclose(read.surprisal, costs, atol=1e-4)


@pytest.mark.parametrize(
    ("align", "subsample"), [("ctc", "2"), ("attention", "2"), ("attention", "words")]
)
def test_it_learns_and_resumes_bit_for_bit(align, subsample, tmp_path):
    corpus = corpus_for(align)
    network = config_of(corpus, num_layers=2, subsample=subsample, hidden_size=12)
    config = TrainingConfig(
        steps=60, batch_size=8, learning_rate=0.02, warmup_steps=5, eval_every=20
    )

    def trainer(name, **more):
        (tmp_path / name).mkdir(exist_ok=True)
        return Trainer(corpus, network, config, tmp_path / name, **more)

    run_to_end(trainer("whole"))
    run_to_end(trainer("parts"), stop_at=7)
    run_to_end(trainer("parts", resume=load_checkpoint(tmp_path / "parts" / "last.safetensors")))
    assert tensors_in(tmp_path / "parts") == tensors_in(tmp_path / "whole")
    model = load_checkpoint(tmp_path / "whole" / "last.safetensors").model
    pairs = corpus.pairs(corpus.train)
    found = [one[0].text for one in convert(model, [source for source, _ in pairs])]
    assert sum(f == t for f, (_, t) in zip(found, pairs, strict=True)) >= len(pairs) - 1


def test_a_target_needs_the_places_that_are_left():
    """aca needs 3; factor 2 in three layers leaves 2 of 6, so each is read twice."""
    corpus = corpus_of(LETTERS, align="ctc")
    assert [config_of(corpus, num_layers=n, subsample="2").stretch for n in (2, 3)] == [1, 2]
    with pytest.raises(SettingError, match="too few"):
        config_of(corpus_of([("ab", "abab")] * 3, align="ctc"), num_layers=4, subsample="4")


def test_attention_and_path_stand_at_the_places_that_are_read():
    _, _, model = made("attention", "words", hidden_size=5)
    seen = attention_of(model, "the cat, sat", "nv")
    assert seen.values.shape == (3, 12)
    np.testing.assert_allclose(seen.values.sum(1), 1, atol=1e-6)
    assert np.flatnonzero(seen.values.any(0)).tolist() == [3, 7, 11]
    _, _, model = made("ctc", "2", num_layers=2)
    assert path_of(model, "aabbbcc").source == "abcc"


@every_kind
def test_a_state_of_the_encoder_is_held_until_its_layer_reads_again(align, subsample):
    corpus, _, model = made(align, subsample)
    source = corpus.pairs(np.arange(1))[0][0]
    recorded = record_pair(model, source).source
    (ids,) = model.ids_of([source])
    own = {}
    model.encode(
        [ids], lambda layer, way, t, values: own.setdefault((layer, way), []).append(values[0][0])
    )
    for layer, places in enumerate(model.places(ids)):
        for way, mark in (("", ">"), ("_reverse", "<")):
            if (layer, way) not in own:
                continue
            values = np.array(own[layer, way])
            for place in range(len(ids)):
                if way:
                    index = len(places) - 1 - np.searchsorted(places, place)
                else:
                    index = np.searchsorted(places, place, side="right") - 1
                expected = values[index] if index >= 0 else np.zeros_like(values[0])
                np.testing.assert_array_equal(recorded.arrays[f"h{mark}"][place, layer], expected)


def test_a_checkpoint_gives_the_same_model(tmp_path):
    _, _, model = made("attention", "words")
    save_checkpoint(tmp_path / "m.safetensors", Checkpoint(model))
    again = load_checkpoint(tmp_path / "m.safetensors").model
    assert again.config == model.config
    texts = [source for source, _ in SENTENCES]
    assert [one[0] for one in convert(again, texts)] == [one[0] for one in convert(model, texts)]


def test_rows_are_cut_and_sent_to_other_processes():
    corpus, _, model = made("ctc", "2")
    inputs, _ = laid_out(corpus, np.arange(5), model.config.stretch or 1, model.config)
    again = unpacked(packed("step", {"inputs": inputs}))[1]["inputs"]
    assert isinstance(again, type(inputs))
    for one, other in zip(again.shorter, inputs.shorter, strict=True):
        assert type(one) is type(other)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    part = inputs.cut(slice(1, 3))
    assert part.top[0].tolist() == inputs.top[0][1:3].tolist()
    assert part.shorter[0].kept.shape[1] == 2


@pytest.mark.parametrize(
    ("change", "align"),
    [({"subsample": "words"}, "ctc"), ({"subsample": "2"}, "each"), ({"subsample": "2"}, "lm")],
    ids=str,
)
def test_what_needs_every_place_is_refused(change, align, wording):
    pairs = [("ab", "xy"), ("ba", "yx")] if align == "each" else LETTERS
    with wording.raises(SettingError):
        config_of(corpus_of(pairs, align=align), num_layers=2, **change)


def test_labels_and_vectors_have_no_words_to_end(wording):
    config = ModelConfig(vocab_size=3, num_layers=2)
    with wording.raises(SettingError):
        dataclasses.replace(config, align="none", source_size=2, source_labels=True, subsample="2")
    with wording.raises(SettingError):
        dataclasses.replace(
            config, align="none", source_size=2, source_vectors=True, subsample="words"
        )


def test_a_request_for_pairs_may_have_it():
    assert TrainingRequest(given={"subsample": "2"}).network(3).num_layers == 2
