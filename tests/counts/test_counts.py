"""Counts agree with dictionaries, sum to one whatever is left out, and read alike by ones and by many."""

import dataclasses
import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import examples, make_text, random_model
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from variants import every_cell

from charrnn import checkpoint
from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.cli.counts import CountsOptions
from charrnn.counts.counting import count
from charrnn.counts.mixed_model import MixedModel
from charrnn.counts.mixture import USUAL, Counts, F, cross_entropy, features, fit, slope, weights
from charrnn.counts.table import SCALE, CountTable, as_codes
from charrnn.errors import CheckpointError
from charrnn.evaluation.count_weights import count_and_fit
from charrnn.evaluation.evaluate import evaluate, streams_of
from charrnn.evaluation.ngram import kneser_ney
from charrnn.interpret.recording import joined, record, record_parts
from charrnn.model import CharRNN
from charrnn.numerics import softmax
from charrnn.schema import SchemaError
from charrnn.text.vocabulary import Vocabulary

TEXT = make_text(4000)
VOCABULARY = Vocabulary("char", sorted(set(map(ord, TEXT))))
IDS = VOCABULARY.encode(TEXT)
TRAIN, HELD_OUT = IDS[:3000], IDS[3000:]
V = len(VOCABULARY)
W = (-0.5, 1.0, 0.5, 0.1, 0.5, -0.5)


def tables(most=10**9, order=5, **more):
    return count(TRAIN, V, order=order, most=most, **more)


def model_of(cell="lstm", layers=1):
    return random_model(
        VOCABULARY,
        kind=CharRNN,
        seed=3,
        cell=cell,
        num_layers=layers,
        hidden_size=8,
        embedding_size=4,
    )


def read(table, ids):
    """The contexts after each symbol, read one by one."""
    nodes, found = table.start(), []
    for symbol in ids.tolist():
        nodes = table.advance(symbol, nodes)
        found.append(nodes)
    return np.array(found)


# --- the table ---


@pytest.mark.parametrize("order", [1, 2, 5, 9])
def test_all_counts_give_the_kneser_ney_model(order):
    table = tables(order=order)
    *_, expected = kneser_ney(TRAIN, HELD_OUT, V, order)
    p = table.predict(read(table, HELD_OUT[:-1]))
    found = p[np.arange(len(p)), HELD_OUT[1:]]
    np.testing.assert_allclose(
        found, expected, rtol=0.02
    )  # codes are that coarse, and what they take off goes to the rarest


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=60),
    st.lists(st.integers(0, 5), max_size=20),
    st.integers(1, 6),
    st.integers(0, 30),
    st.booleans(),
)
@examples(50)
def test_every_distribution_sums_to_one(train, text, order, most, has_items):
    table = count(np.array(train), 6, order=order, most=most, end=0 if has_items else None)
    nodes = np.array([table.start(), *read(table, np.array(text, int))])
    together = table.predict(nodes)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-12)
    assert (together > 0).all()
    for row, own in zip(together, nodes, strict=True):
        np.testing.assert_allclose(table.predict(own), row, rtol=1e-12)


def test_many_streams_are_read_as_one_by_one():
    table = tables()
    streams = HELD_OUT[:900].reshape(3, 300).T
    nodes = table.start(3)
    for symbols in streams:
        nodes = table.advance(symbols, nodes)
    expected = [read(table, own)[-1] for own in streams.T]
    np.testing.assert_array_equal(nodes, expected)


def test_what_is_kept_is_what_helps_most():
    sizes = [100, 300, 1000, 10**9]
    made = [tables(most=most) for most in sizes]
    costs = []
    for table, most in zip(made, sizes, strict=True):
        assert len(table) <= 3 * most + V  # and the contexts of what is kept
        p = table.predict(read(table, TRAIN[:-1]))
        costs.append(-np.log(p[np.arange(len(p)), TRAIN[1:]]).mean())
    assert costs == sorted(costs, reverse=True)
    assert len(tables(most=0)) == len(set(TRAIN.tolist()))


def test_no_context_goes_on_in_the_next_item():
    ids = np.array([0, 1, 2, 0, 1, 3, 0, 2, 2, 0])
    table = count(ids, 4, order=4, most=10**9, end=0)
    for before in ([], [2], [1, 2]):
        ended = table.predict(read(table, np.array([*before, 0]))[-1])
        np.testing.assert_allclose(ended, table.predict(read(table, np.array([0]))[-1]))
    nodes = read(table, np.array([1, 2, 0, 1]))[-1]
    assert table.predict(nodes).argmax() in (2, 3)


def test_large_alphabets_have_larger_numbers():
    train = np.arange(70_000) % 300
    table = count(train, 300, order=3, most=10**9)
    assert table.symbols.dtype == np.uint16
    nodes = read(table, np.array([298, 299]))[-1]
    assert table.predict(nodes).argmax() == 0


def test_codes_never_add_up_to_more_than_their_values():
    values = np.array([1.0, 0.5, 1e-3, 1e-9, 0.0])
    decoded = np.exp(-as_codes(values).astype(float) / SCALE)
    assert (decoded[:4] <= values[:4]).all()
    np.testing.assert_allclose(decoded[:4], values[:4], rtol=4e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: (t.symbols[:-1], t.codes, t.sizes),
        lambda t: (t.symbols, t.codes[:-1], t.sizes),
        lambda t: (t.symbols, t.codes, t.sizes[:-1]),
        lambda t: (t.symbols[::-1].copy(), t.codes, t.sizes),
        lambda t: (np.full_like(t.symbols, 200), t.codes, t.sizes),
        lambda t: (t.symbols[:0], t.codes[:0], t.sizes[:0]),
    ],
)
def test_arrays_that_are_no_tree_are_refused(change, wording):
    table = tables(most=50)
    with pytest.raises(CheckpointError) as caught:
        CountTable(V, 5, *change(table)).require_order()
    wording(caught.value)


def test_values_that_sum_to_more_than_one_are_refused_where_they_are_met(wording):
    table = tables(most=50)
    table = CountTable(V, 5, table.symbols, np.full_like(table.codes, 1), table.sizes)
    for nodes in (table.start(), table.start(2)):
        with pytest.raises(CheckpointError) as caught:
            table.predict(nodes)
        wording(caught.value)


# --- the mixture ---


def test_weights_are_between_none_and_all_and_alike_for_one_and_many():
    table, random = tables(), np.random.default_rng(1)
    counts = Counts(table, W)
    nodes = read(table, HELD_OUT[:50])
    logits = random.normal(0, 3, (50, V)).astype(np.float32)
    p, added = counts.mix(logits, nodes)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert ((added > 0) & (added < p)).all()
    for k in range(50):
        one, own = counts.mix(logits[k], nodes[k])
        np.testing.assert_allclose(one, p[k], rtol=1e-12)
        np.testing.assert_allclose(own, added[k], rtol=1e-12)
    network, counted = softmax(logits.astype(np.float64)), table.predict(nodes)
    weight = weights(np.array(W), features(network, counted, nodes))[:, None]
    np.testing.assert_allclose(p, (1 - weight) * network + weight * counted, rtol=1e-12)


def test_a_fit_finds_the_weights_that_made_the_symbols():
    random = np.random.default_rng(2)
    known = np.concatenate([np.ones((40_000, 1)), random.normal(0, 1, (40_000, F - 1))], axis=1)
    wanted = np.array([-0.5, 1.0, -0.7, 0.0, 0.4, 0.0])
    first, second = random.dirichlet(np.ones(8) / 3, (2, 40_000))
    weight = weights(wanted, known)[:, None]
    p = (1 - weight) * first + weight * second
    symbols = (p.cumsum(axis=1) > random.random((40_000, 1))).argmax(axis=1)
    rows = np.arange(40_000)
    own, others = first[rows, symbols], second[rows, symbols]
    found = fit(own, others, known)
    np.testing.assert_allclose(found, wanted, atol=0.15)
    best = cross_entropy(found, own, others, known)
    assert best <= cross_entropy(tuple(wanted), own, others, known)


def test_the_slope_of_a_fit_is_the_derivative_of_its_cost():
    random = np.random.default_rng(4)
    own, others = random.uniform(0.01, 1, (2, 50))
    known, w, small = random.normal(0, 1, (50, F)), np.array(W), 1e-6
    for k, expected in enumerate(slope(w, own, others, known)):
        step = small * np.eye(F)[k]
        below, above = (cross_entropy(tuple(w + s), own, others, known) for s in (-step, step))
        assert expected == pytest.approx((below - above) / (2 * small * 50), rel=1e-5, abs=1e-8)


@every_cell
def test_a_mixed_model_is_one_distribution_by_every_way_of_reading(name):
    counts = Counts(tables(most=500), W)
    model = MixedModel(model_of(name, layers=2), counts)
    ids = HELD_OUT[:40]
    state, stepped = model.initial_state(), []
    for symbol in ids.tolist():
        logits, state, _ = model.step(symbol, state)
        stepped.append(logits)
    p = np.exp(np.array(stepped))
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-9)
    outputs, _ = model.run(ids, model.initial_state())
    np.testing.assert_allclose(np.exp(model.head(outputs)), p, rtol=1e-4)
    _, unmoved = model.run(ids[:0], state)
    np.testing.assert_array_equal(unmoved[-1][0], state[-1][0])
    several = model.initial_state(2)
    for symbol in ids.tolist():
        logits, several, _ = model.step(np.array([symbol, symbol]), several)
    np.testing.assert_allclose(np.exp(logits), p[[-1, -1]], rtol=1e-4)


def test_a_recording_has_the_mixed_predictions_and_what_came_from_counts():
    text = TEXT[3000:3080]
    counts = Counts(tables(most=500), W)
    model = MixedModel(model_of(layers=2), counts)
    whole = record(model, text, top=2)
    assert whole.surprisal.sum() * np.log(2) == pytest.approx(evaluate(model, text).total_nats)
    state, parts = model.initial_state(), [0.0]
    for symbol, following in itertools.pairwise(VOCABULARY.encode(text).tolist()):
        state, _ = model.advance(symbol, state)
        _, shares = model.predict(model.outputs(state))
        parts.append(shares[following])
    np.testing.assert_allclose(whole.from_counts, parts, rtol=1e-5)
    again = joined([*record_parts(model, text, top=2, length=33)])
    np.testing.assert_allclose(again.from_counts, whole.from_counts, rtol=1e-5)
    np.testing.assert_array_equal(again.arrays["c"], record(model.network, text).arrays["c"])
    assert record(model.network, text).from_counts is None


# --- with a network ---


def test_figures_are_of_text_that_their_weights_did_not_see():
    model, layout = model_of(), streams_of(HELD_OUT, by_items=False)
    counts = count_and_fit(model, TRAIN, HELD_OUT, layout, order=5, most=10**9)
    assert counts.characters == len(HELD_OUT) - 1
    assert counts.network_nats == pytest.approx(evaluate(model, HELD_OUT).nats_per_char, rel=1e-5)
    both = evaluate(MixedModel(model, counts), HELD_OUT).nats_per_char
    assert both < counts.nats < counts.network_nats


def test_a_checkpoint_gives_counts_back(tmp_path):
    model = model_of()
    counts = Counts(tables(most=300), W, 2.0, 1.5, 77)
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, Checkpoint(model, counts=counts))
    found = load_checkpoint(path)
    assert found.model.fingerprint == model.fingerprint
    assert found.counts.record == counts.record
    for name, array in counts.arrays.items():
        np.testing.assert_array_equal(found.counts.arrays[name], array)
    text = TEXT[3000:3300]
    again = evaluate(found.mixed, text).total_nats
    assert again == evaluate(MixedModel(model, counts), text).total_nats
    save_checkpoint(path, dataclasses.replace(found, counts=None))
    assert load_checkpoint(path).counts is None


def test_counts_are_read_when_they_are_used(tmp_path, monkeypatch):
    counts = Counts(tables(most=300), W)
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, Checkpoint(model_of(), counts=counts))
    read = []
    monkeypatch.setattr(CountTable, "restored", lambda *given: read.append(given) or counts.table)
    found = load_checkpoint(path)
    assert found.counts.w == W
    assert not read
    assert found.mixed.counts.table is found.mixed.counts.table
    assert len(read) == 1


def test_counts_under_the_checksum_of_the_whole_file_are_read(tmp_path):
    counts = Counts(tables(most=300), W)
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, Checkpoint(model_of(), counts=counts))
    tensors = load_tensors(path.read_bytes())
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    header = json.loads(metadata["header"])
    del header["counts"]["sha256"]
    metadata["header"] = json.dumps(header)
    metadata["sha256"] = checkpoint._checksum(metadata["header"], tensors)
    content = save_tensors(tensors, metadata)
    path.write_bytes(content)
    assert load_checkpoint(path).counts.table.codes.tolist() == counts.table.codes.tolist()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "change",
    [
        {"w": (1.0, 2.0)},
        {"order": 0},
        {"order": 10**6},
        {"w": "many"},
        {"characters": -1},
    ],
)
def test_a_damaged_record_of_counts_is_refused(change, wording):
    counts = Counts(tables(most=50), W)
    with pytest.raises((CheckpointError, SchemaError)) as caught:
        Counts.restored(counts.record | change, lambda _: counts.table)
    wording(caught.value)


@pytest.mark.parametrize(
    ("network_nats", "nats", "usual"), [(2.0, 1.9, True), (2.0, 2.1, False), (None, None, True)]
)
def test_counts_that_do_not_help_are_only_mixed_in_when_wanted(network_nats, nats, usual):
    table = count(np.array([0, 1, 0, 1, 1]), 2, order=2, most=10)
    counts = Counts(table, USUAL, network_nats, nats)
    loaded = SimpleNamespace(counts=counts, require_counts=lambda: counts)
    assert CountsOptions().wanted(loaded, usually=True) is (counts if usual else None)
    assert CountsOptions(counts=True).wanted(loaded, usually=True) is counts
    assert CountsOptions(counts=False).wanted(loaded, usually=True) is None
