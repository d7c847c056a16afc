"""Sampling: the loop that writes against a loop by hand. Its rules are tested in test_rules.py."""

import math
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sampling_models import LETTERS, make_model

from charrnn.api import LanguageModel
from charrnn.config import SamplingConfig
from charrnn.errors import DataError, UsageError
from charrnn.network.shapes import count_parameters
from charrnn.sampling import sampler
from charrnn.sampling.logits import LogitsProcessor
from charrnn.text.vocabulary import Vocabulary


def text_of(model, prime="", **settings):
    return "".join(model.sample(prime, **({"length": 40, "seed": 1} | settings)))


# --- the text that comes out ----------------------------------------------------------------------

BIAS = np.array([0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 1.5])
CHI_SQUARE_LIMIT = 26.0
"""Exceeded once in 4000 draws with 6 degrees of freedom."""


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_characters_come_as_often_as_the_temperature_says(temperature):
    length = 6000
    written = text_of(make_model(bias=BIAS), length=length, seed=3, temperature=temperature)
    powers = [math.exp(x / temperature) for x in BIAS]
    found = [written.count(chr(97 + symbol)) for symbol in range(7)]
    wanted = [length * x / sum(powers) for x in powers]
    statistic = sum((n - w) ** 2 / w for n, w in zip(found, wanted, strict=True))
    assert statistic < CHI_SQUARE_LIMIT


def likeliest_by_hand(model, prime_ids, length):
    state = model.initial_state()
    for symbol in prime_ids:
        _, state, _ = model.step(symbol, state)
    logits, written = model.logits(state), []
    for _ in range(length):
        written.append(int(logits.argmax()))
        logits, state, _ = model.step(written[-1], state)
    return model.vocabulary.decode(written)


def test_temperature_zero_always_takes_the_likeliest_whatever_the_seed():
    model = make_model(scale=3.0)
    expected = likeliest_by_hand(model, [1, 0, 5], 40)
    assert len(set(expected)) > 1
    for seed in (1, 2, None):
        assert text_of(model, "baf", temperature=0, seed=seed) == expected
    assert text_of(model, "baf", temperature=1e-30) == expected
    assert text_of(model, "baf", temperature=5, top_k=1) == expected
    assert text_of(model, "baf", temperature=5, top_p=1e-9) == expected


@pytest.mark.parametrize(("first", "start"), [(ord("\n"), [0]), (ord("!"), [])])
def test_without_a_prime_a_line_begins_or_the_state_is_zero(first, start):
    model = make_model(Vocabulary("char", [first, *range(97, 104)]), scale=3.0)
    assert text_of(model, temperature=0) == likeliest_by_hand(model, start, 40)


def test_the_prime_decides_what_follows_and_is_not_handed_out():
    model = make_model(scale=3.0)
    texts = {text_of(model, prime) for prime in ("a", "b", "ab", "ba")}
    assert len(texts) == 4
    assert {len(text) for text in texts} == {40}


def test_a_prime_with_unknown_characters_is_refused_at_once(wording):
    with wording.raises(DataError):
        make_model().sample("abé")


@pytest.mark.parametrize(
    "setting",
    [
        *({"temperature": t} for t in (-1e-9, math.nan, math.inf)),
        *({"top_p": p} for p in (0, -0.1, 1.1, math.nan)),
        *({"top_k": k} for k in (-1, 1.5)),
        *({"length": n} for n in (-1, 1.0, True)),
        *({"seed": s} for s in (-1, 2**63)),
    ],
)
def test_a_setting_out_of_its_range_is_refused_at_once(setting, wording):
    with wording.raises(UsageError):
        make_model().sample(**setting)


def test_fault_86_the_same_seed_gives_the_same_text_and_another_seed_or_index_another():
    model = make_model()

    def write(seed, index):
        config = SamplingConfig(length=40, temperature=1.0, seed=seed)
        return "".join(sampler.sample(model, "", config, index=index))

    streams = [(1, 0), (2, 0), (1, 1), (1, 2), (2**32 + 1, 0), (2**63 - 1, 0), (None, 0), (None, 0)]
    texts = [write(*stream) for stream in streams]
    assert len(set(texts)) == len(texts)
    assert [write(*stream) for stream in streams[:-2]] == texts[:-2]


@pytest.mark.parametrize("length", [0, 1, 7, 33])
@pytest.mark.parametrize(
    "vocabulary",
    [
        LETTERS,
        Vocabulary("char", sorted(map(ord, "é漢😀\N{ZERO WIDTH JOINER}"))),
        Vocabulary.of_bytes(),
    ],
    ids=["ascii", "wide", "bytes"],
)
def test_length_counts_characters(vocabulary, length):
    pieces = list(make_model(vocabulary).sample(length=length, temperature=2.0, seed=1))
    assert sum(map(len, pieces)) == length
    assert all(pieces)


@pytest.mark.parametrize("temperature", [0, 1e-40, 0.8, 1e30])
def test_the_unknown_symbol_is_read_but_never_written(temperature):
    vocabulary = Vocabulary("char", range(97, 104), has_unknown=True)
    model = make_model(vocabulary, bias=[0, 1, 0, 2, 0, 1, 0, 50])
    assert set(text_of(model, "é?", temperature=temperature)) <= set("abcdefg")


@pytest.mark.parametrize("likely", [bytes(range(256)), "aé€😀".encode(), b"a\xc3\xe2\xf0"])
def test_a_byte_model_writes_whole_characters_as_a_decoder_would(likely, monkeypatch):
    symbols = []

    class RecordingProcessor(LogitsProcessor):
        def draw(self, *args, **kwargs):
            symbols.append(int(super().draw(*args, **kwargs)))
            return symbols[-1]

    monkeypatch.setattr(sampler, "LogitsProcessor", RecordingProcessor)
    bias = np.full(256, -50.0)
    bias[list(likely)] = 0.0
    model = make_model(Vocabulary.of_bytes(), bias=bias)
    pieces = list(model.sample(length=300, seed=1))
    whole = bytes(symbols).decode("utf-8", "replace")
    assert "".join(pieces) == whole[:300]
    assert "".join(pieces).encode().decode() == whole[:300]
    assert any(len(character.encode()) > 1 for character in pieces)
    for length in range(20):  # some byte ends two characters at once: a broken one and itself
        assert text_of(model, length=length, temperature=0.8) == whole[:length]


# --- the loop -------------------------------------------------------------------------------------


class CountingModel(LanguageModel):
    steps = 0

    def advance(self, ids, state):
        self.steps += 1
        return super().advance(ids, state)


def test_the_generator_works_only_when_asked_and_needs_no_end():
    plain = make_model()
    model = CountingModel(plain.config, plain.vocabulary, plain.weights)
    pieces = model.sample("abc", length=10**15, seed=1)
    assert model.steps == 0
    text = ""
    while len(text) < 40:
        text += next(pieces)
        assert model.steps <= 3 + len(text)
    assert text[:40] == text_of(plain, "abc")


def test_the_larger_a_network_the_shorter_its_pieces(monkeypatch):
    model = make_model()
    assert len(next(model.sample(length=1000, seed=1))) == sampler.STRIDE
    monkeypatch.setattr(sampler, "WEIGHTS_PER_PIECE", count_parameters(model.config))
    assert len(next(model.sample(length=1000, seed=1))) == 1


def test_writers_that_take_turns_or_run_in_threads_do_not_disturb_each_other():
    model, settings = make_model(), {"length": 200, "temperature": 1.0}
    alone = [text_of(model, prime, seed=seed, **settings) for seed, prime in enumerate("abcd")]
    writers = [model.sample(prime, seed=seed, **settings) for seed, prime in enumerate("abcd")]
    turns = zip(*writers, strict=True)
    assert ["".join(pieces) for pieces in zip(*turns, strict=True)] == alone
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(text_of, model, prime, seed=seed, **settings)
            for seed, prime in enumerate("abcd")
        ]
        assert [job.result() for job in jobs] == alone


def test_sampling_leaves_the_global_random_states_alone():
    before = random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002
    text_of(make_model(), seed=None)
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before  # noqa: NPY002
