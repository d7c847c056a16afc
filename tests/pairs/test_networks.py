"""Networks of pairs: NumPy and torch are the same network, and padding is never read."""

import itertools

import numpy as np
import pytest
import torch
from pair_models import KINDS, TEXTS, batch_of, both, corpus_of, in_torch, with_padding
from torch import nn
from variants import TEXTBOOK

from charrnn.model import CharRNN
from charrnn.network.encoder import direction_names
from charrnn.network.pairs import language_config
from charrnn.network.shapes import count_parameters, weight_shapes
from charrnn.numerics import log_softmax
from charrnn.pairs.model import PairNetwork
from charrnn.pairs.scoring import costs
from charrnn.training.data import IGNORED
from charrnn.training.pairs.batches import laid_out

CLOSE = {"atol": 1e-5, "rtol": 0}
PAIRED = [*TEXTBOOK, "mogrifier", "mingru", "tdnn"]
"""The cells of the textbook, and those whose steps are given something else."""


def taught(model, inputs):
    """The logits (U, N, V) and weights of attention (N, U, T) of a decoder that reads right targets, step by step."""
    decoder = model.decoder
    if model.alignment.has_encoder:  # without one, the decoder has read nothing before the source
        decoder = decoder.given(model.encode_padded(inputs.source, inputs.lengths))
    state, logits, seen, states = decoder.initial_state(len(inputs.lengths)), [], [], []
    for ids in inputs.previous:
        found, state, _ = decoder.step(ids, state)
        logits.append(found)
        states.append(state)
        seen.append(decoder.attended)
    alpha = None if seen[0] is None else np.concatenate(seen, 1)
    return np.stack(logits), alpha, states


def numpy_logits(model, inputs):
    if model.config.writes:
        return taught(model, inputs)[0]
    logits = model.class_logits(model.encode_padded(inputs.source, inputs.lengths))
    return logits.swapaxes(0, 1)


def real(model, inputs):
    """Whether each logit belongs to a place of a source, not to padding."""
    if model.config.writes or model.config.align == "label":
        return np.ones(1, bool)
    return (np.arange(len(inputs.source))[:, None] < inputs.lengths)[..., None]


@pytest.mark.parametrize("cell", PAIRED)
@pytest.mark.parametrize("kind", KINDS)
def test_numpy_and_torch_compute_the_same(kind, cell):
    shape = {"num_layers": 2, "layer_norm": True}
    corpus, network, model = both(kind, cell=cell, **shape)
    assert {n: w.shape for n, w in model.weights.items()} == weight_shapes(model.config)
    assert count_parameters(model.config) == sum(p.numel() for p in network.parameters())
    inputs, _ = batch_of(corpus, model, range(4))
    with torch.no_grad():
        theirs, _ = network(in_torch(inputs), None)
    mask = real(model, inputs)
    np.testing.assert_allclose(
        np.where(mask, numpy_logits(model, inputs), 0), np.where(mask, theirs.numpy(), 0), **CLOSE
    )


@pytest.mark.parametrize("attention", ["additive", "dot"])
@pytest.mark.parametrize("cell", PAIRED)
def test_every_weight_of_attention_is_the_same(attention, cell):
    corpus, network, model = both("attention", cell=cell, attention=attention, bidirectional=True)
    inputs, _ = batch_of(corpus, model, [0, 1, 2, 4])
    with torch.no_grad():
        logits, alpha = network.attended(in_torch(inputs))
    ours, seen, _ = taught(model, inputs)
    np.testing.assert_allclose(seen, alpha.numpy(), **CLOSE)
    np.testing.assert_allclose(ours, logits.numpy(), **CLOSE)
    np.testing.assert_allclose(seen.sum(-1), 1, **CLOSE)
    behind = np.arange(seen.shape[-1]) >= inputs.lengths[:, None]
    assert (seen.swapaxes(1, 2)[behind] == 0).all()
    assert seen.std() > 0.05


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "none"])
def test_what_stands_behind_the_end_of_a_source_does_not_matter(kind):
    corpus, network, model = both(kind, cell="gru", num_layers=2, layer_norm=True)
    inputs, _ = batch_of(corpus, model, range(4))
    generator = np.random.default_rng(5)
    padded = with_padding(inputs, 3, generator, len(corpus.source_symbols))
    T, mask = len(inputs.source), real(model, inputs)
    ours = numpy_logits(model, padded)
    with torch.no_grad():
        theirs = network(in_torch(padded), None)[0].numpy()
    expected = numpy_logits(model, inputs)
    for found in (ours, theirs):
        kept = found if model.config.writes or kind == "label" else found[:T]
        np.testing.assert_allclose(np.where(mask, kept, 0), np.where(mask, expected, 0), **CLOSE)


@pytest.mark.parametrize("cell", PAIRED)
def test_a_reversed_source_backward_is_the_source_forward(cell):
    _, _, model = both("each", cell=cell)
    for name, full in direction_names(model.config, 0, "").items():
        backward = direction_names(model.config, 0, "_reverse")[name]
        model.weights[backward] = model.weights[full]
    model = PairNetwork(model.config, model.source_symbols, model.vocabulary, model.weights)
    H = model.config.hidden_size
    sources = [np.array([0, 1, 2, 3]), np.array([4, 0]), np.array([2, 2, 1])]
    ahead = model.encode(sources)
    back = model.encode([ids[::-1] for ids in sources])
    for row, ids in enumerate(sources):
        n = len(ids)
        np.testing.assert_array_equal(ahead.outputs[row, :n, :H], back.outputs[row, :n, H:][::-1])
    np.testing.assert_array_equal(ahead.final[:, :H], back.final[:, H:])
    np.testing.assert_array_equal(ahead.final[:, H:], back.final[:, :H])


@pytest.mark.parametrize("cell", ["lstm", "gru", "elman"])
def test_the_encoder_is_torchs_bidirectional_network(cell):
    _, _, model = both("each", cell=cell, num_layers=2)
    config = model.config
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}[cell]
    theirs = kind(config.embedding_size, config.hidden_size, 2, bidirectional=True)
    named = {n.removeprefix("encoder.rnn."): w for n, w in model.weights.items() if "rnn." in n}
    theirs.load_state_dict({n: torch.from_numpy(w) for n, w in named.items()})
    sources = [np.array([0, 1, 2, 3, 0]), np.array([4, 0]), np.array([2])]
    vectors = [torch.from_numpy(model.weights["encoder.embedding.weight"][ids]) for ids in sources]
    with torch.no_grad():
        packed, _ = theirs(nn.utils.rnn.pack_sequence(vectors))
    outputs, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    encoded = model.encode(sources)
    for row, ids in enumerate(sources):
        n = len(ids)
        np.testing.assert_allclose(encoded.outputs[row, :n], outputs[row, :n].numpy(), **CLOSE)
        H = config.hidden_size
        np.testing.assert_allclose(encoded.final[row, :H], outputs[row, n - 1, :H], **CLOSE)
        np.testing.assert_allclose(encoded.final[row, H:], outputs[row, 0, H:], **CLOSE)


def test_additive_attention_is_the_formula_of_its_paper():
    corpus, _, model = both("attention", attention="additive")
    w = {n.removeprefix("attention."): a for n, a in model.weights.items()}
    inputs, _ = batch_of(corpus, model, [2])
    encoded = model.encode_padded(inputs.source, inputs.lengths)
    logits, alpha, states = taught(model, inputs)
    for t, state in enumerate(states):
        h = state[-1][0][0]
        places = encoded.outputs[0]
        scores = np.array(
            [w["score"] @ np.tanh(w["query"] @ h + w["key"] @ place) for place in places]
        )
        weights = np.exp(log_softmax(scores))
        np.testing.assert_allclose(alpha[0, t], weights, **CLOSE)
        seen = np.tanh(w["context"] @ (weights @ places) + w["output"] @ h + w["bias"])
        expected = model.weights["head.weight"] @ seen + model.weights["head.bias"]
        np.testing.assert_allclose(logits[t, 0], expected, **CLOSE)


@pytest.mark.parametrize("kind", ["attention", "none", "encoded"])
def test_a_decoder_with_one_source_serves_any_number_of_rows(kind):
    corpus, _, model = both(kind)
    rows = [1, 1, 1]
    inputs, _ = batch_of(corpus, model, rows)
    whole, _, _ = taught(model, inputs)
    single = model.encode_padded(inputs.source[:, :1], inputs.lengths[:1])
    decoder = model.decoder.given(single)
    several, alone = decoder.initial_state(3), decoder.initial_state()
    for t, ids in enumerate(inputs.previous):
        logits, several, _ = decoder.step(ids, several)
        one, alone, _ = decoder.step(int(ids[0]), alone)
        np.testing.assert_allclose(logits, whole[t], **CLOSE)
        np.testing.assert_allclose(one, whole[t, 0], **CLOSE)


@pytest.mark.parametrize("cell", PAIRED)
def test_without_an_encoder_a_target_costs_what_a_language_model_gives_it(cell):
    corpus, _, model = both("lm", cell=cell, num_layers=2, layer_norm=True)
    assert corpus.source_symbols is corpus.vocabulary
    config = language_config(model.config)
    plain = CharRNN(config, model.vocabulary, model.weights)
    for source, target in TEXTS["lm"]:
        ids = model.vocabulary.encode(f"{source}\n{target}\n")
        state, cost = plain.initial_state(), 0.0
        for t, (read, following) in enumerate(itertools.pairwise(ids.tolist())):
            logits, state, _ = plain.step(read, state)
            if t >= len(source):
                cost -= log_softmax(logits)[following]
        assert costs(model, [(source, target)]) == [pytest.approx(cost, abs=1e-4)]


def test_lines_are_laid_out_with_the_target_scored():
    corpus = corpus_of([("ab", "b"), ("a", "ba"), ("b", "")], align="lm")
    inputs, targets = laid_out(corpus, np.arange(3), 1)
    shown = ["".join(" ↵ab"[k if k < 0 else k + 1] for k in row) for row in inputs.previous.T]
    assert shown == ["ab↵b", "a↵ba", "b↵↵↵"]
    scored = [[".↵ab"[0 if k == IGNORED else k + 1] for k in row] for row in targets.T]
    assert ["".join(row) for row in scored] == ["..b↵", ".ba↵", ".↵.."]


def test_a_source_that_the_decoder_reads_may_be_padded():
    corpus, _, model = both("lm", cell="gru")
    inputs, _ = batch_of(corpus, model, range(4))
    padded = with_padding(inputs, 3, np.random.default_rng(5), len(corpus.source_symbols))
    found, expected = (model.encode_padded(x.source, x.lengths).final for x in (padded, inputs))
    np.testing.assert_array_equal(found, expected)
