"""A model that learns while it reads: each prediction comes before what is learned from it, and a copy learns."""

import math

import numpy as np
import pytest
import threadpoolctl
import torch
from helpers import make_text, random_model
from torch.nn.functional import cross_entropy
from variants import BACKWARD, VARIANTS

from charrnn import threads
from charrnn.adapting.learner import LEAST, Learner
from charrnn.adapting.rates import choose_rate
from charrnn.api import LanguageModel
from charrnn.config import ADAPTING_RATES, HIGHEST_ADAPTING_RATES, AdaptingConfig
from charrnn.counts.counting import count
from charrnn.counts.mixed_model import MixedModel
from charrnn.counts.mixture import Counts
from charrnn.errors import CharrnnError
from charrnn.evaluation.evaluate import evaluate
from charrnn.evaluation.learning import learn
from charrnn.interpret.edits import Edit, edited
from charrnn.model import CharRNN
from charrnn.network.backward import Parameters, backward, read
from charrnn.network.heads import Head, linear_logits, linear_shapes
from charrnn.numerics import softmax
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.network import Network

TEXT = make_text(1500)
VOCABULARY = Vocabulary("char", sorted(set(map(ord, TEXT))))
IDS = VOCABULARY.encode(TEXT)
V = len(VOCABULARY)
W = (-0.5, 1.0, 0.5, 0.1, 0.5, -0.5)
NOTHING = AdaptingConfig(adapt_rate=1e-30, adapt_decay=0.0, adapt_chunk=7)
"""Settings with which nothing is learned."""


def model_of(cell="lstm", **more):
    shape = {"num_layers": 2, "hidden_size": 8, "embedding_size": 4, "scale": 0.3} | more
    return random_model(VOCABULARY, kind=CharRNN, seed=3, cell=cell, **shape)


def mixed(model):
    counts = count(IDS[:800], V, order=4, most=300, end=None)
    return MixedModel(model, Counts(counts, W))


def predictions(model, ids, config=None, end=None):
    """The log-probabilities after each symbol but the last."""
    learner = Learner(model, config or AdaptingConfig(), end)
    return np.concatenate([log_p for _, log_p in learner.read(ids)])


@pytest.mark.parametrize("item_end", [None, "\n"])
@pytest.mark.parametrize(("name", "activation"), [v for v in VARIANTS if v[0] in BACKWARD])
def test_a_learner_that_learns_nothing_reads_as_the_model_does(
    name, activation, item_end, monkeypatch
):
    monkeypatch.setattr("charrnn.adapting.learner.WEIGHT_RATE", 0.0)
    model = model_of(name, activation=activation, layer_norm=True, learn_start=True)
    for one in (model, mixed(model)):
        how = {"item_end": item_end} if item_end else {"streams": 1}
        expected = evaluate(one, IDS[:300], **how)
        how.pop("streams", None)
        found = evaluate(one, IDS[:300], adapt=NOTHING, **how)
        assert found.total_nats == pytest.approx(expected.total_nats, rel=1e-5)
        assert (found.correct, found.characters) == (expected.correct, expected.characters)
        assert (found.items, found.streams) == (expected.items, 1)


@pytest.mark.parametrize("rule", ["rms", "sgd"])
@pytest.mark.parametrize("has_counts", [False, True])
def test_a_prediction_depends_on_nothing_after_it(rule, has_counts):
    model = mixed(model_of()) if has_counts else model_of()
    config = AdaptingConfig(adapt_rule=rule, adapt_chunk=8)
    before = predictions(model, IDS[:65], config)
    np.testing.assert_allclose(np.exp(before).sum(axis=1), 1, atol=1e-9)
    for place in (5, 24, 40):
        changed = IDS[:65].copy()
        changed[place:] = (changed[place:] + 1) % V
        after = predictions(model, changed, config)
        np.testing.assert_array_equal(after[:place], before[:place])
        assert (after[place:] != before[place:]).any()


@pytest.mark.parametrize("name", BACKWARD)
@pytest.mark.parametrize(("rule", "rate"), [("rms", 0.01), ("sgd", 0.5)])
def test_what_is_read_again_is_expected_more(name, rule, rate):
    model = model_of(name)
    config = AdaptingConfig(adapt_rule=rule, adapt_rate=rate, adapt_chunk=16)
    text = np.tile(IDS[:160], 3)
    learned = evaluate(model, text, adapt=config)
    assert learned.nats_per_char < evaluate(model, text, streams=1).nats_per_char - 0.05


@pytest.mark.parametrize("name", BACKWARD)
def test_a_step_of_sgd_is_that_of_torch(name):
    """From the trained weights, to which decay has nothing to add."""
    model = model_of(name, layer_norm=True)
    network = Network(model.config)
    network.load_numpy(model.weights)
    ids = IDS[:21].astype(np.int64)
    logits, _ = network(torch.from_numpy(ids[:-1, None]), None)
    cross_entropy(logits[:, 0], torch.from_numpy(ids[1:])).backward()
    config = AdaptingConfig(adapt_rule="sgd", adapt_rate=0.5, adapt_chunk=20, adapt_decay=0.25)
    learner = Learner(model, config)
    nats = learner.learn(ids)
    expected = cross_entropy(logits[:, 0], torch.from_numpy(ids[1:])).item() * 20
    assert nats == pytest.approx(expected, rel=1e-5)
    folded = model.cell.folds_bias
    for weight, gradient in ((n, w.grad) for n, w in network.named_parameters()):
        if folded and "bias_hh" in weight:  # what both biases learn is in the first
            continue
        wanted = model.weights[weight] - 0.5 * gradient.numpy()
        np.testing.assert_allclose(learner.adapted().weights[weight], wanted, atol=2e-6)


def test_the_rules_are_their_equations():
    """Three steps in float64, with the learner's own gradients."""
    model, chunk = model_of(num_layers=1), 10
    for rule, rate in (("sgd", 0.2), ("rms", 0.002)):
        weights, gradient = Parameters(model.config), Parameters(model.config)
        weights.copy_from(model.weights)
        trained = weights.vector.astype(np.float64)
        squares, state = np.zeros_like(trained), model.initial_state()
        for k in range(3):
            ids = IDS[k * chunk : (k + 1) * chunk + 1].astype(int)
            passed = read(weights, ids[:-1], state, state, np.zeros(chunk, np.bool_))
            d_logits = (softmax(passed.logits) - np.eye(V)[ids[1:]]) / chunk
            backward(weights, passed, d_logits, gradient)
            state, g = passed.state, gradient.vector.astype(np.float64)
            squares = 0.99 * squares + 0.01 * g**2
            scaled = g / (np.sqrt(squares / (1 - 0.99 ** (k + 1))) + LEAST) if rule == "rms" else g
            w = weights.vector.astype(np.float64)
            weights.vector[:] = w + 0.1 * (trained - w) - rate * scaled
        config = AdaptingConfig(
            adapt_rule=rule, adapt_rate=rate, adapt_decay=0.1, adapt_chunk=chunk
        )
        found = learn(model, IDS[: 3 * chunk + 1], config).model.weights
        expected = weights.to_weights(model.weights)
        for weight, array in expected.items():
            np.testing.assert_allclose(found[weight], array, atol=2e-5)


@pytest.mark.parametrize("has_counts", [False, True])
def test_the_model_keeps_its_weights_and_the_copy_predicts_with_its_own(has_counts):
    model = mixed(model_of()) if has_counts else model_of()
    kept = {name: array.copy() for name, array in model.weights.items()}
    fingerprint = model.fingerprint
    learned = learn(model, IDS[:200], AdaptingConfig(adapt_rate=0.01))
    assert all((model.weights[name] == array).all() for name, array in kept.items())
    assert model.fingerprint == fingerprint != learned.model.fingerprint
    assert type(learned.model) is type(model)
    after = evaluate(learned.model, IDS[:200], streams=1).nats_per_char
    assert after < learned.nats / learned.characters < math.log(V) + 1
    again = predictions(learned.model, IDS[:50], NOTHING)
    np.testing.assert_allclose(again, predictions(learned.model, IDS[:50], NOTHING))


@pytest.mark.parametrize("name", BACKWARD)
def test_a_copy_stays_as_it_was_when_the_learner_goes_on(name):
    learner = Learner(mixed(model_of(name, layer_norm=True)), AdaptingConfig(adapt_rate=0.01))
    learner.learn(IDS[:100])
    copied = learner.adapted()
    kept = {n: array.copy() for n, array in copied.weights.items()}
    before, w = predictions(copied, IDS[:50], NOTHING), copied.counts.w
    learner.learn(IDS[100:200])
    for n, array in copied.weights.items():
        np.testing.assert_array_equal(array, kept[n])
    np.testing.assert_array_equal(predictions(copied, IDS[:50], NOTHING), before)
    assert copied.counts.w == w != learner.adapted().counts.w


def test_the_weight_of_the_counts_learns_too():
    """The first chunk's step is towards what the mixture would have expected more there."""
    model = mixed(model_of())
    ids = IDS[900:1000]
    config = AdaptingConfig(adapt_rate=1e-30, adapt_chunk=99)
    learned = learn(model, ids, config)
    assert learned.model.counts.w != model.counts.w
    again = learn(learned.model, ids, config)
    assert again.nats < learned.nats - 0.01
    assert model.counts.w == W


def test_weights_that_were_laid_out_come_back():
    model = model_of("gru", layer_norm=True, learn_start=True)
    for one in (model, model_of("lstm"), model_of("jordan"), model_of("peephole")):
        weights = Parameters(one.config)
        weights.copy_from(one.weights)
        for name, array in weights.to_weights(one.weights).items():
            np.testing.assert_allclose(array, one.weights[name], atol=1e-6)


def test_the_best_rate_of_several_is_taken():
    model = model_of(num_layers=1)
    usual = ADAPTING_RATES["sgd"]
    config, tried = choose_rate(model, IDS[:300], None, AdaptingConfig(adapt_rule="sgd"))
    assert usual in tried
    assert config.rate == min(tried, key=tried.__getitem__)
    assert tried[config.rate] == evaluate(model, IDS[:300], adapt=config).nats_per_char
    ordered = sorted(tried)
    is_last = config.rate == HIGHEST_ADAPTING_RATES["sgd"] or len(tried) >= 8
    assert config.rate not in (ordered[0], ordered[-1]) or is_last
    assert ordered[-1] <= HIGHEST_ADAPTING_RATES["sgd"]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: edited(m, [Edit("clamp", "L0.c.1", 1.0)]),
        lambda m: CharRNN(
            m.config, m.vocabulary, m.weights, Head(shapes=linear_shapes, logits=linear_logits)
        ),
    ],
    ids=["edited", "another head"],
)
def test_a_model_that_cannot_learn_is_refused(change, wording):
    with pytest.raises(CharrnnError) as caught:
        Learner(change(model_of()), AdaptingConfig())
    wording(caught.value)


def test_a_rate_at_which_the_weights_grow_without_bound_is_refused(wording):
    with pytest.raises(CharrnnError) as caught:
        learn(
            model_of("elman", activation="relu"),
            IDS,
            AdaptingConfig(adapt_rule="sgd", adapt_rate=10.0, adapt_chunk=1),
        )
    wording(caught.value)


@pytest.mark.parametrize(("rule", "highest"), HIGHEST_ADAPTING_RATES.items())
def test_a_rate_beyond_sense_is_refused(rule, highest, wording):
    assert AdaptingConfig(adapt_rule=rule, adapt_rate=highest).rate == highest
    for rate in (1.01 * highest, 99.0):
        with wording.raises(CharrnnError):
            AdaptingConfig(adapt_rule=rule, adapt_rate=rate)


def test_learning_and_few_streams_have_one_thread(monkeypatch):
    limits, real = [], threads.threads_of_products
    monkeypatch.setattr(threads, "threads_of_products", lambda n: limits.append(n) or real(n))
    model, ids = model_of(num_layers=1), IDS[:60]
    learn(model, ids, NOTHING)
    evaluate(model, ids, adapt=NOTHING)
    choose_rate(model, ids, None, NOTHING)
    evaluate(model, ids, streams=7)
    assert limits == [1, 1, 1, 1]
    evaluate(model, ids, streams=8)
    assert limits[4:] == [None]


def test_the_threads_are_those_of_every_library_that_is_loaded_by_now():
    def found():
        known = threadpoolctl.threadpool_info()
        return [one["num_threads"] for one in known if one["user_api"] == "blas"]

    for module in ("numpy", "scipy.linalg"):
        pytest.importorskip(module)
        before = found()
        for most in (1, 2):
            with threads.threads_of_products(most):
                assert {*found()} == {most}
        assert found() == before


@pytest.mark.parametrize("how", [{"window": 9}, {"streams": 2}, {"adapt": 0.1}])
def test_a_text_that_is_learned_from_is_read_in_one_stream(how, wording):
    with pytest.raises(CharrnnError) as caught:
        evaluate(model_of(), IDS, **{"adapt": AdaptingConfig()} | how)
    wording(caught.value)


def test_a_language_model_gives_a_copy_that_has_learned():
    model = random_model(VOCABULARY, seed=3)
    settings = {"adapt_rule": "sgd", "adapt_rate": 0.5}
    learned = model.adapted(TEXT[:300], **settings)
    assert isinstance(learned, LanguageModel)
    expected = learn(model, IDS[:300], AdaptingConfig(**settings)).model
    assert learned.fingerprint == expected.fingerprint != model.fingerprint
    found = model.evaluate(TEXT[:300], adapt=AdaptingConfig(**settings))
    assert found == evaluate(model, TEXT[:300], adapt=AdaptingConfig(**settings))
