"""The mixture of an exact network and counts: near to that in floating point, and the same integers everywhere."""

import zlib

import numpy as np
import pytest
from exact_models import LETTERS, network, text_of
from hypothesis import given
from hypothesis import strategies as st

import charrnn
from charrnn.api import LanguageModel, MixedLanguageModel
from charrnn.compression.compress import compress, decompress
from charrnn.counts.counting import count
from charrnn.counts.exact_mixture import ONE, IntegerTable
from charrnn.counts.mixed_model import MixedModel
from charrnn.counts.mixture import Counts
from charrnn.counts.table import CountTable
from charrnn.errors import CheckpointError
from charrnn.exact.arithmetic import LOGIT, integer_log
from charrnn.exact.model import exact

TEXT = "def area(self):\n    return self.a * self.b\n" * 9
W = (-0.7, 1.9, 0.4, -0.3, 0.2, -0.6)


@pytest.fixture(scope="module")
def counts():
    return Counts(count(LETTERS.encode(TEXT), len(LETTERS), order=5, most=300), W)


@pytest.fixture(scope="module")
def model(counts):
    return MixedModel(exact(network("lstm")), counts)


@given(st.integers(1, 2**53), st.integers(-41, 0))
def test_the_logarithm_is_near_to_the_real_one(whole, exponent):
    x = whole * 2.0**exponent
    assert abs(integer_log(np.float64(x)) - np.log(x)) <= 0.501 * 2.0**-LOGIT
    assert integer_log(np.float64(x)) * 2**LOGIT % 1 == 0


def test_counts_predict_nearly_the_same_in_integers(counts):
    table, whole = counts.table, IntegerTable.of(counts.table)
    nodes = table.read(LETTERS.encode(TEXT[:150]), table.start())
    p = whole.predict(nodes)
    assert (p % 1 == 0).all()
    assert (p.sum(axis=1) <= ONE).all()
    np.testing.assert_allclose(p / ONE, table.predict(nodes), atol=table.order / ONE)
    for k, one in enumerate(nodes):
        assert (whole.predict(one) == p[k]).all()


def test_the_mixture_is_near_to_that_in_floating_point(model, counts):
    ids = LETTERS.encode(TEXT[:200])
    outputs, _ = model.run(ids, model.initial_state())
    log_p, share = model.predict(outputs)
    network_logits = model.network.head(outputs.outputs)
    p, added = counts.mix(network_logits, outputs.nodes)
    np.testing.assert_allclose(np.exp(log_p), p, atol=2e-3)
    np.testing.assert_allclose(share * p, added, atol=2e-3)


def test_one_stream_and_many_give_the_same_bits(model):
    ids = np.stack([LETTERS.encode(TEXT[k : k + 60]) for k in (0, 7, 31)], axis=1)
    outputs, _ = model.run(ids, model.initial_state(3))
    many = model.head(outputs)
    assert (many * 2**LOGIT % 1 == 0).all()
    for k in range(3):
        state = model.initial_state()
        for t, symbol in enumerate(ids[:, k].tolist()):
            logits, state, _ = model.step(symbol, state)
            assert (logits == many[t, k]).all()


def test_the_numbers_are_those_of_every_machine():
    """Computed once; made of integers alone, so that no machine rounds anything on the way to them."""
    random = np.random.default_rng(5)
    symbols = np.tile(np.arange(6, dtype=np.uint8), 7)
    codes = random.integers(9000, 60000, 42).astype(np.uint16)
    table = CountTable(6, 3, symbols, codes, np.full(7, 6, np.uint8))
    nodes = table.read(random.integers(0, 6, 50), table.start())
    logits = np.cumsum(random.integers(-9000, 9000, (50, 6)), axis=1) / 2**LOGIT
    p, added = Counts(table, W).exact.mix(logits, nodes)
    both = np.concatenate([integer_log(p), added]) * 2.0**41
    assert zlib.crc32(both.astype("<i8").tobytes()) == 9174357


def test_any_coefficients_give_a_weight_from_0_to_1(counts):
    logits, nodes = np.zeros(len(LETTERS)), counts.table.start()
    for w in (1e308, -1e308):
        p, added = Counts(counts.table, (w, -w, w, w, w, -w)).exact.mix(logits, nodes)
        assert (p > 0).all()
        assert (added <= p).all()


def test_counts_whose_values_are_too_large_are_refused():
    table = CountTable(
        2, 2, np.array([0, 1, 0], np.uint8), np.full(3, 9, np.uint16), np.array([2, 1], np.uint8)
    )
    with pytest.raises(CheckpointError):
        IntegerTable.of(table).predict(table.start(1))


def test_a_file_keeps_the_counts_and_what_they_do(counts, tmp_path):
    made = network("gru")
    model = LanguageModel(made.config, made.vocabulary, made.weights, training_counts=counts)
    mixed = model.with_counts().exact()
    model.exact().save(tmp_path / "model.q8.safetensors")
    loaded = charrnn.load(tmp_path / "model.q8.safetensors", counts=True)
    assert isinstance(loaded, MixedLanguageModel)
    assert loaded.is_exact
    assert "exact" in repr(loaded)
    assert text_of(loaded) == text_of(mixed) != text_of(model.exact())
    alone = charrnn.load(tmp_path / "model.q8.safetensors")
    assert text_of(alone) == text_of(model.exact())


def test_what_was_compressed_with_it_comes_back(model):
    pytest.importorskip("constriction")
    content = TEXT[:120].encode() + b"\xff"
    packed = compress(model, content)
    assert decompress(model, packed) == content
    assert len(packed) < len(compress(model.network, content))
