"""Many samples: side by side as if each were alone, in order, and which of them are kept."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampling_models import make_model

from charrnn.config import SamplingConfig
from charrnn.errors import DataError
from charrnn.model import CharRNN
from charrnn.sampling.batch import STRIDE
from charrnn.sampling.novelty import Novelty
from charrnn.sampling.sampler import Sample, collect, generate, in_order
from charrnn.sampling.selection import MAX_REJECTED, Selection, select
from charrnn.sampling.stream import Piece
from charrnn.text.vocabulary import Vocabulary

LINES = Vocabulary("char", [10, *range(97, 103)])
BYTES = Vocabulary.of_bytes()


def samples_of(model, prime="", *, count=5, batch_size=1, **settings):
    config = SamplingConfig(**({"length": 50, "temperature": 1.0, "seed": 3} | settings))
    pieces = generate(model, prime, config, indices=range(count), batch_size=batch_size)
    return list(collect(in_order(pieces), prime, config))


SETTINGS = [
    {},
    {"length": 0},
    {"length": STRIDE + 1},
    {"stop": ("ab", "c")},
    {"stop": ("a",), "until_sentence": True, "max_chars": 60},
    {"temperature_to": 0.1},
    {"temperature": 0},
    {"repetition_penalty": 3.0, "repetition_window": 5, "no_repeat_ngram": 3},
    {"top_k": 4, "top_p": 0.9, "min_p": 0.01, "typical": 0.95, "ban": "b"},
    {"bias": (("a", 2.0),)},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("size", [2, 3, 64])
def test_side_by_side_each_sample_is_what_it_is_alone(settings, size):
    model = make_model()
    alone = samples_of(model, "abc", log_probabilities=True, **settings)
    together = samples_of(model, "abc", batch_size=size, log_probabilities=True, **settings)
    assert [s.text for s in together] == [s.text for s in alone]
    assert [s.stop for s in together] == [s.stop for s in alone]
    assert [s.index for s in together] == [0, 1, 2, 3, 4]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.log_probabilities, other.log_probabilities, rtol=1e-4)
    plain = samples_of(model, "abc", batch_size=size, **settings)
    assert [s.text for s in plain] == [s.text for s in alone]


@pytest.mark.parametrize("vocabulary", [LINES, BYTES], ids=["char", "byte"])
def test_lines_end_in_their_rows_and_others_begin_there(vocabulary):
    bias = np.zeros(len(vocabulary))
    bias[vocabulary.encode("\n")] = math.log(len(vocabulary) / 8)
    model = make_model(vocabulary, bias=bias)
    alone = samples_of(model, count=40, item_end="\n")
    together = samples_of(model, count=40, batch_size=7, item_end="\n")
    assert together == alone
    assert {s.stop for s in alone} <= {"line", "length"}
    assert all(s.text.count("\n") == (s.stop == "line") for s in alone)
    assert len({len(s.text) for s in alone}) > 3


def test_a_sample_does_not_depend_on_how_many_there_are():
    model = make_model()
    ten = samples_of(model, count=10, batch_size=10)
    for count, size in ((1, 1), (3, 2), (10, 1)):
        few = samples_of(model, count=count, batch_size=size)
        assert [s.text for s in few] == [s.text for s in ten[:count]]


@given(st.lists(st.integers(0, 3), max_size=30))
def test_pieces_come_out_sample_by_sample_and_none_is_lost(order):
    begun = [index for index, _ in itertools.groupby(sorted(order))]
    numbered = itertools.count()
    pieces = [Piece(index, "") for index in begun]
    pieces += [Piece(index, f"{next(numbered)} ") for index in order]
    pieces += [Piece(index, "", (), "length") for index in begun]
    out = list(in_order(pieces))
    assert sorted(out, key=str) == sorted(pieces, key=str)
    assert [piece.index for piece in out] == sorted(piece.index for piece in pieces)
    for index in begun:
        own = [p.text for p in out if p.index == index]
        assert own == [p.text for p in pieces if p.index == index]


def test_the_first_unfinished_sample_is_handed_out_as_it_comes():
    pieces = in_order(iter([Piece(0, "a"), Piece(1, "x"), Piece(0, "b")]))
    assert [next(pieces).text, next(pieces).text] == ["a", "b"]


class CountingModel(CharRNN):
    steps = 0

    def advance(self, ids, state):
        self.steps += 1
        return super().advance(ids, state)


@pytest.mark.parametrize("size", [1, 8])
def test_closing_the_generator_ends_the_writing_of_any_number_of_samples(size):
    plain = make_model()
    model = CountingModel(plain.config, plain.vocabulary, plain.weights)
    config = SamplingConfig(length=10**15, seed=1)
    pieces = generate(model, "ab", config, indices=itertools.count(), batch_size=size)
    for _ in range(20):
        next(pieces)
    steps = model.steps
    pieces.close()
    assert model.steps == steps <= 2 + 20 * STRIDE
    assert list(pieces) == []


def test_log_probabilities_are_those_of_the_model_whatever_the_rules():
    model = make_model()
    (sample,) = samples_of(
        model, "ab", count=1, temperature=3.0, top_k=3, ban="a", log_probabilities=True
    )
    ids = model.vocabulary.encode("ab" + sample.text)
    state, expected = model.initial_state(), []
    for number, symbol in enumerate(ids):
        if number >= 2:
            logits = model.logits(state).astype(float)
            expected.append(logits[symbol] - math.log(np.exp(logits).sum()))
        state, _ = model.advance(symbol, state)
    np.testing.assert_allclose(sample.log_probabilities, expected, rtol=1e-5)
    assert sample.mean_log_probability == pytest.approx(math.fsum(expected) / 50)


def test_of_a_character_of_several_bytes_the_log_probabilities_add_up():
    bias = np.full(256, -50.0)
    bias[list("é€".encode())] = [0.0, 1.0, 2.0, 3.0, 4.0]
    model = make_model(BYTES, bias=bias)
    (sample,) = samples_of(model, count=1, length=30, log_probabilities=True)
    own = bias - np.log(np.exp(bias).sum())
    assert len(sample.log_probabilities) == 30
    for character, found in zip(sample.text, sample.log_probabilities, strict=True):
        if character != "\N{REPLACEMENT CHARACTER}":
            assert found <= sum(own[b] for b in character.encode()) + 1e-5


# --- which are kept --------------------------------------------------------------------------------


def sample_of(text, *told, index=0, prime=""):
    return Sample(index, 1, prime, text, "length", told or (-1.0,))


def kept(samples, **wanted):
    return [s.text for s in select(iter(samples), Selection(**wanted))]


def test_best_of_takes_the_likeliest_by_the_character_of_each_group():
    samples = [
        sample_of("a", -2.0),
        sample_of("bb", -1.0, -1.0),
        sample_of("c", -1.5),
        sample_of("d", -9.0),
        sample_of("e", -3.0),
        sample_of("f", -4.0),
        sample_of("g", 0.0),
    ]
    assert kept(samples, count=2, best_of=3) == ["bb", "e"]


def test_of_several_an_empty_sample_is_taken_last_wherever_it_stands():
    empty = Sample(0, 1, "", "", "stop")
    others = [sample_of("a", -3.0), sample_of("b", -2.0)]
    for place in range(3):
        samples = [*others[:place], empty, *others[place:]]
        assert kept(samples, count=1, best_of=3) == ["b"]
    assert kept([empty, empty], count=1, best_of=2) == [""]


def test_unique_drops_what_was_there_and_goes_on():
    samples = [sample_of(t) for t in "abacab"]
    assert kept(samples, count=3, unique=True) == ["a", "b", "c"]
    assert kept(samples, count=3) == ["a", "b", "a"]


def test_novel_drops_lines_of_the_corpus_and_long_runs_of_it():
    novelty = Novelty(["emma\nolivia\nava\n"], 4)
    samples = [
        sample_of("ma\n", prime="em"),  # is a line, with its prime
        sample_of("oliviax\n"),  # has a run of five
        sample_of("livi", prime="o"),  # the run began in the prime, and is not the model's
        sample_of("emm\n"),
    ]
    assert kept(samples, count=2, novelty=novelty) == ["livi", "emm\n"]


def test_a_search_without_success_ends_and_says_what_was_found(wording):
    samples = itertools.chain([sample_of("a"), sample_of("b")], itertools.repeat(sample_of("a")))
    found = []
    with wording.raises(DataError) as caught:
        found.extend(s.text for s in select(samples, Selection(count=5, unique=True)))
    assert f"{MAX_REJECTED} repeats" in caught.value.message
