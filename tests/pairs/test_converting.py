"""Converting: greedy, by a beam, by CTC, against exhaustive searches; and the scores of what comes out."""

import itertools

import numpy as np
import pytest
import torch
from pair_models import KINDS, TEXTS, batch_of, both, in_torch, with_a_rare_symbol

from charrnn.errors import DataError, SettingError
from charrnn.pairs.baselines import measure_rules
from charrnn.pairs.converting import convert
from charrnn.pairs.scoring import PairScores, costs, edit_distance, num_symbols, score_pairs
from charrnn.pairs.search import longest_written
from charrnn.training.pairs.task import PairTask

DECODERS = ("attention", "none", "encoded", "lm")


def best(model, sources, **search):
    return [found[0] for found in convert(model, sources, **search)]


def sources_of(kind):
    return [source for source, _ in TEXTS[kind][:5]]


@pytest.mark.parametrize("kind", DECODERS)
def test_the_cost_of_what_is_written_is_that_of_the_same_target(kind):
    _, _, model = both(kind)
    sources = sources_of(kind)
    for search in ({}, {"beam": 3}):
        for source, target in zip(sources, best(model, sources, **search), strict=True):
            if target.is_whole:
                assert costs(model, [(source, target.text)])[0] == pytest.approx(
                    target.nats, abs=1e-4
                )


@pytest.mark.parametrize("kind", DECODERS)
def test_a_wide_beam_finds_the_most_likely_targets(kind):
    _, _, model = both(kind, cell="gru")
    source = sources_of(kind)[0]
    letters = [c for c in map(chr, model.vocabulary.symbols) if c != "\n"]
    short = ["".join(t) for n in range(4) for t in itertools.product(letters, repeat=n)]
    cost = dict(zip(short, costs(model, [(source, t) for t in short]), strict=True))
    (found,) = convert(model, [source], beam=200, n_best=40)
    assert [t.nats for t in found] == sorted(t.nats for t in found)
    ours = [t.text for t in found if len(t.text) < 4][:5]
    likely = sorted(short, key=cost.__getitem__)
    assert ours == likely[: len(ours)]
    assert len(ours) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_sources_are_converted_alone_as_they_are_together(kind):
    _, _, model = both(kind)
    sources = sources_of(kind) * 2
    together = best(model, sources)
    for source, target in zip(sources, together, strict=True):
        (alone,) = best(model, [source])
        assert alone.text == target.text
        assert alone.nats == pytest.approx(target.nats, abs=1e-4)
    if kind in DECODERS:
        by_beam = best(model, sources, beam=3)
        assert [t.text for t in by_beam] == [best(model, [s], beam=3)[0].text for s in sources]


def test_a_decoder_that_comes_to_no_end_is_stopped():
    _, _, model = both("attention")
    end = 0
    model.weights["head.bias"][end] = -100
    assert best(model, ["abc"])[0].is_whole is False
    assert len(best(model, ["abc"])[0].text) == longest_written(model)


def test_a_source_of_which_nothing_is_known_has_no_target():
    for kind in ("attention", "label", "ctc"):
        _, _, model = both(kind)
        assert list(convert(model, ["", "ab", "???"]))[::2] == [[], []]
    _, _, model = both("attention")
    assert best(model, ["a?b"])[0].text == best(model, ["ab"])[0].text


def test_each_copies_what_it_does_not_know_to_its_place():
    _, _, model = both("each")
    known, found = best(model, ["ab", "?a!b"])
    assert found.text == f"?{known.text[0]}!{known.text[1]}"
    assert best(model, ["?!"])[0].text == "?!"
    assert list(convert(model, [""])) == [[]]


def test_labels_are_ranked_by_their_probabilities(wording):
    _, _, model = both("label")
    (found,) = convert(model, ["abc"], n_best=2)
    assert {t.text for t in found} == {"odd", "even"}
    assert sum(np.exp(-t.nats) for t in found) == pytest.approx(1)
    with wording.raises(SettingError):
        list(convert(model, ["abc"], n_best=3))


def test_a_search_that_a_model_has_not_is_refused(wording):
    for kind, search in {
        "label": {"beam": 2},
        "each": {"n_best": 2},
        "attention": {"n_best": 2},
    }.items():
        _, _, model = both(kind)
        with wording.raises(SettingError):
            list(convert(model, ["abc"], **search))


def test_a_label_that_is_not_known_is_refused(wording):
    _, _, model = both("none")
    with wording.raises(DataError):
        list(convert(model, ["es"]))


def test_the_unknown_symbol_is_never_written():
    for align in ("attention", "each", "ctc"):
        model = with_a_rare_symbol(align)
        beams = [{}] if align == "each" else [{}, {"beam": 2}]
        for search in beams:
            assert {*best(model, ["abab"], **search)[0].text} <= {"x"}


# --- scores -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_costs_are_those_of_the_loss_in_torch(kind):
    corpus, network, model = both(kind)
    rows = [k for k in range(4) if kind != "ctc" or k != 3]  # "cc" has no room for "ab" and more
    inputs, targets = in_torch(batch_of(corpus, model, rows))
    with torch.no_grad():
        logits, _ = network(inputs, None)
        mean = PairTask(model.config).loss(logits, targets).item()
    pairs = corpus.pairs(np.array(rows))
    total = sum(costs(model, pairs))
    assert total / max(1, num_symbols(model, pairs)) == pytest.approx(mean, abs=1e-5)


def test_exact_matches_and_character_errors_are_counted():
    pairs = [("a", "kitten"), ("b", "abc"), ("c", "")]
    scores = PairScores(pairs, ["sitting", "abc", "x"], 12.0, 12)
    assert scores.exact == pytest.approx(1 / 3)
    assert scores.char_error_rate == pytest.approx((3 + 0 + 1) / 9)
    assert scores.nats_per_symbol == 1.0


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "abc", 0),
        ("ab", "ba", 2),
        ("abcd", "bcd", 1),
    ],
)
def test_the_edit_distance(one, other, distance):
    assert edit_distance(one, other) == edit_distance(other, one) == distance


def test_macro_f1_is_the_mean_of_the_labels():
    pairs = [("s", label) for label in "aaabbc"]
    scores = PairScores(pairs, [*"aabbbb"], 1.0, 6, ("a", "b", "c"))
    assert scores.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
    f1 = [2 * 1 * (2 / 3) / (1 + 2 / 3), 2 * 0.5 * 1 / 1.5, 0.0]
    assert scores.macro_f1 == pytest.approx(np.mean(f1))


def test_targets_that_a_model_cannot_write_are_named(wording):
    for kind, target in {"attention": "abZ", "label": "prime"}.items():
        _, _, model = both(kind)
        with wording.raises(DataError):
            score_pairs(model, [("abc", target)])


def test_the_baselines():
    found = measure_rules(
        [("a", "x"), ("b", "x"), ("c", "y")],
        [("x", "x"), ("q", "x"), ("y", "y")],
        is_label=False,
    )
    assert found.most_frequent == pytest.approx(2 / 3)
    assert found.copy == pytest.approx(2 / 3)
    assert found.ngrams is None


def test_labels_are_counted_by_n_grams_too():
    train = [("aa", "x"), ("ab", "x"), ("cc", "y")]
    found = measure_rules(train, [("ba", "x"), ("c", "y"), ("a", "y")], is_label=True)
    assert found.ngrams == pytest.approx(2 / 3)
