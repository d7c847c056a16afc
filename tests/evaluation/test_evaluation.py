"""Evaluation: every figure against torch.nn.LSTM in float64, every character scored once."""

import math

import numpy as np
import pytest
import torch
from helpers import random_model
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.evaluation import evaluate as evaluation
from charrnn.evaluation.evaluate import evaluate
from charrnn.evaluation.predictions import CHUNK
from charrnn.evaluation.streams import stretches, windows
from charrnn.model import CharRNN
from charrnn.network.shapes import weight_shapes
from charrnn.text.vocabulary import Vocabulary

V, E, H, L = 7, 5, 6, 2


@pytest.fixture(scope="module")
def model():
    config = ModelConfig(vocab_size=V, embedding_size=E, hidden_size=H, num_layers=L)
    generator = np.random.default_rng(4)
    weights = {
        name: generator.normal(0, 1, shape).astype(np.float32)
        for name, shape in weight_shapes(config).items()
    }
    return CharRNN(config, Vocabulary("char", range(97, 97 + V)), weights)


def make_ids(num_symbols, seed=0):
    return np.random.default_rng(seed).integers(0, V, num_symbols).astype(np.uint8)


def score_by_torch(model, ids, window):
    """The nats of each character but the first, and whether it was the likeliest."""
    weights = {name: torch.from_numpy(array).double() for name, array in model.weights.items()}
    lstm = torch.nn.LSTM(E, H, L).double()
    lstm.load_state_dict(
        {n.removeprefix("rnn."): w for n, w in weights.items() if n.startswith("rnn.")}
    )
    symbols = torch.from_numpy(ids.astype(np.int64))
    nats, right = [], []
    for begin in range(0, len(ids) - 1, window):
        targets = symbols[begin + 1 : begin + 1 + window]
        read = weights["embedding.weight"][symbols[begin : begin + len(targets)]]  # (T, E)
        with torch.no_grad():
            outputs, _ = lstm(read)  # (T, H)
            logits = outputs @ weights["head.weight"].T + weights["head.bias"]  # (T, V)
        costs = -torch.log_softmax(logits, 1).gather(1, targets[:, None])[:, 0]
        nats += costs.tolist()
        right += (logits.argmax(1) == targets).tolist()
    return nats, right


@pytest.mark.parametrize("num_symbols", [2, 3, CHUNK, CHUNK + 1, 2 * CHUNK + 2, 301])
@pytest.mark.parametrize("window", [None, 1, 2, 7, CHUNK, 100, 1000])
def test_the_metrics_equal_torch_in_float64(model, num_symbols, window):
    ids = make_ids(num_symbols)
    nats, right = score_by_torch(model, ids, window or num_symbols)
    result = evaluate(model, ids, window=window)
    assert result.characters == len(nats) == num_symbols - 1
    assert result.nats_per_char == pytest.approx(np.mean(nats), rel=1e-5)
    assert result.bits_per_char == pytest.approx(np.mean(nats) / math.log(2), rel=1e-5)
    assert result.perplexity == pytest.approx(math.exp(np.mean(nats)), rel=1e-5)
    assert result.accuracy == np.mean(right)
    assert (result.window, result.unknown) == (window, 0)


def test_a_window_forgets_and_a_window_longer_than_the_text_does_not(model):
    ids = make_ids(200)
    carried = evaluate(model, ids)
    assert evaluate(model, ids, window=5).total_nats != pytest.approx(carried.total_nats, rel=1e-3)
    assert evaluate(model, ids, window=10**9).total_nats == carried.total_nats


def test_one_lane_is_strictly_one_pass(model):
    ids = make_ids(300)
    state, nats = model.initial_state(1), 0.0
    for t in range(len(ids) - 1):
        state, _ = model.advance(ids[t : t + 1], state)
        logits = model.logits(state)[0].astype(np.float64)
        nats += np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[ids[t + 1]]
    assert evaluate(model, ids, streams=1).total_nats == pytest.approx(nats, rel=1e-6)


def test_many_streams_come_closer_to_one_pass_the_more_they_warm_up(model, monkeypatch):
    ids = make_ids(900)
    one_pass = evaluate(model, ids, streams=1).total_nats
    distances = []
    for warm_up in (0, 3, 100):
        monkeypatch.setattr(evaluation, "WARM_UP", warm_up)
        many = evaluate(model, ids, streams=40)
        assert (many.streams, many.characters) == (40, 899)
        distances.append(abs(many.total_nats - one_pass))
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-4 * one_pass


def test_a_text_gets_a_lane_for_each_stretch_up_to_a_limit(model, monkeypatch):
    monkeypatch.setattr(evaluation, "STREAM_LENGTH", 50)
    assert [evaluate(model, make_ids(n)).streams for n in (2, 99, 100, 499)] == [1, 1, 2, 9]
    monkeypatch.setattr(evaluation, "MAX_STREAMS", 4)
    assert evaluate(model, make_ids(499)).streams == 4
    assert evaluate(model, make_ids(5), streams=99).streams == 4
    one_pass = evaluate(model, make_ids(499), streams=1).total_nats
    assert evaluate(model, make_ids(499), streams=9).total_nats == pytest.approx(one_pass, rel=1e-4)


def test_every_character_has_the_same_weight(model):
    ids = make_ids(64 + 3)
    whole = evaluate(model, ids, window=64)
    parts = [evaluate(model, ids[:65]), evaluate(model, ids[64:])]
    assert [part.characters for part in parts] == [64, 2]
    assert whole.total_nats == pytest.approx(sum(p.total_nats for p in parts), rel=1e-6)
    assert whole.correct == sum(p.correct for p in parts)
    mean_of_means = sum(p.nats_per_char for p in parts) / 2
    assert whole.nats_per_char != pytest.approx(mean_of_means, rel=1e-3)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int32, np.int64])
def test_the_type_of_the_ids_does_not_matter(model, dtype):
    ids = make_ids(150)
    assert evaluate(model, ids.astype(dtype)) == evaluate(model, ids)


def test_ids_mapped_from_a_file_score_as_in_memory(model, tmp_path):
    ids = make_ids(150)
    (tmp_path / "ids").write_bytes(ids.tobytes())
    mapped = np.memmap(tmp_path / "ids", np.uint8, "r")
    assert evaluate(model, mapped, window=20) == evaluate(model, ids, window=20)


@pytest.mark.parametrize("num_symbols", [0, 1])
@pytest.mark.parametrize("window", [None, 3])
def test_a_text_with_nothing_to_predict_is_refused(model, num_symbols, window, wording):
    with wording.raises(DataError):
        evaluate(model, make_ids(num_symbols), window=window)


def test_the_dictionary_has_the_metrics_under_their_names(model):
    result = evaluate(model, make_ids(50), unknown=3)
    assert result.as_dict() == {
        "characters": 49,
        "nats_per_char": result.total_nats / 49,
        "bits_per_char": result.total_nats / 49 / math.log(2),
        "perplexity": math.exp(result.total_nats / 49),
        "accuracy": result.correct / 49,
        "unknown": 3,
        "window": None,
        "streams": 1,
        "lines": None,
        "items": None,
        "protocol": "state carried",
        "adapting": None,
    }


def biased(model, value):
    weights = {name: np.zeros_like(array) for name, array in model.weights.items()}
    weights["head.bias"][0] = value
    return CharRNN(model.config, model.vocabulary, weights)


def test_a_model_that_is_sure_and_wrong_has_finite_metrics(model):
    result = evaluate(biased(model, 1e30), np.array([1, 1, 0], np.uint8))
    assert result.nats_per_char == pytest.approx(5e29)
    assert math.isfinite(result.perplexity)
    assert result.accuracy == 0.5


def test_predictions_that_overflow_are_refused(model, wording):
    with wording.raises(CheckpointError), np.errstate(all="ignore"):
        evaluate(biased(model, np.inf), make_ids(9))


# --- streams ----------------------------------------------------------------------------------------

lengths = st.integers(2, 300)
some = st.integers(1, 300)


def require_each_scored_once(num_symbols, streams, length, most):
    """Ids are positions here, so that what is read and scored can be seen."""
    ids = np.arange(num_symbols)
    scored = []
    for part in streams.groups(most):
        assert 1 <= len(part.first) <= most
        chunks = list(part.chunks(ids, length))
        assert max(len(c.inputs) for c in chunks) <= length
        inputs = np.concatenate([c.inputs for c in chunks])  # (T, N)
        targets = np.concatenate([c.targets for c in chunks])
        counts = np.concatenate([c.scored for c in chunks])
        np.testing.assert_array_equal(targets, inputs + 1)
        for stream in range(inputs.shape[1]):
            last = np.flatnonzero(counts[:, stream])[-1]
            read = inputs[: last + 1, stream]
            np.testing.assert_array_equal(read, part.first[stream] + np.arange(last + 1))
        scored += targets[counts].tolist()
    assert sorted(scored) == list(range(1, num_symbols))


@given(lengths, some, st.integers(0, 60), st.integers(1, 70), st.integers(1, 9))
def test_stretches_score_every_character_but_the_first_once(
    num_symbols, streams, warm, length, most
):
    laid = stretches(num_symbols, min(streams, num_symbols - 1), warm)
    np.testing.assert_array_equal(laid.first, np.maximum(laid.begin - warm, 0))
    sizes = laid.end - laid.begin
    assert sizes.max() - sizes.min() <= 1
    require_each_scored_once(num_symbols, laid, length, most)


@given(lengths, some, st.integers(1, 70), st.integers(1, 9))
def test_windows_score_every_character_but_the_first_once(num_symbols, size, length, most):
    laid = windows(num_symbols, size)
    np.testing.assert_array_equal(laid.first, laid.begin)
    sizes = laid.end - laid.begin
    assert (sizes[:-1] == size).all()
    assert 1 <= sizes[-1] <= size
    require_each_scored_once(num_symbols, laid, length, most)


def test_the_unknown_symbol_ends_no_line():
    vocabulary = Vocabulary("char", [*map(ord, "ab")], has_unknown=True)
    model = random_model(vocabulary, kind=CharRNN)
    with pytest.raises(UsageError):
        evaluate(model, "ab\naéb", item_end="\n")
