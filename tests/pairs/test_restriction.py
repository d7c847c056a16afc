"""Restricted targets: only what matches or is listed is written, and the best of it, against exhaustive searches."""

import itertools
import re

import numpy as np
import pytest
from pair_models import KINDS, TEXTS, both, with_a_rare_symbol

from charrnn.errors import DataError, SettingError, UsageError
from charrnn.network.alignments import ctc
from charrnn.network.alignments.each import best_of_length
from charrnn.numerics import log_softmax
from charrnn.pairs.converting import convert, restriction_of
from charrnn.pairs.scoring import costs
from charrnn.text.languages import Listed

DECODERS = ("attention", "none", "encoded")


@pytest.fixture(scope="module")
def models():
    return {kind: both(kind)[2] for kind in KINDS}


def converted(model, sources, match=None, targets=None, **search):
    return list(convert(model, sources, **search, allowed=restriction_of(model, match, targets)))


def sources_of(kind):
    return [source for source, _ in TEXTS[kind][:5]]


def letters_of(model):
    return [c for c in map(chr, model.vocabulary.symbols) if c != "\n"]


def texts(letters, longest, shortest=0):
    lengths = range(shortest, longest + 1)
    return ["".join(t) for n in lengths for t in itertools.product(letters, repeat=n)]


# --- a decoder --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("pattern", ["a+b?", "[^a]{3,}", "(ab|c){2}", ".*", "b{40}"])
def test_a_decoder_writes_only_what_matches(kind, pattern, models):
    model, sources = models[kind], sources_of(kind)
    for search in ({}, {"beam": 3, "n_best": 3}):
        for source, found in zip(
            sources, converted(model, sources, pattern, **search), strict=True
        ):
            assert found
            assert all(re.fullmatch(pattern, target.text) for target in found)
            assert all(target.is_whole for target in found) or pattern == ".*"
            whole = [t for t in found if t.is_whole]
            own = costs(model, [(source, target.text) for target in whole])
            assert [target.nats for target in whole] == pytest.approx(own, abs=1e-4)


@pytest.mark.parametrize("kind", DECODERS)
def test_a_wide_beam_finds_the_best_of_what_is_allowed(kind, models):
    model, source = models[kind], sources_of(kind)[0]
    pattern = "[ab]{1,2}c?|b*"
    matching = [t for t in texts(letters_of(model), 4) if re.fullmatch(pattern, t)]
    cost = dict(zip(matching, costs(model, [(source, t) for t in matching]), strict=True))
    (found,) = converted(model, [source], pattern, beam=200, n_best=60)
    short = [target.text for target in found if len(target.text) <= 4]
    assert short == sorted(matching, key=cost.__getitem__)
    assert len(short) > 10


@pytest.mark.parametrize("kind", DECODERS)
def test_a_decoder_chooses_from_a_list(kind, models):
    model, source = models[kind], sources_of(kind)[0]
    listed = ["abc", "ab", "", "cc", "a" * 50, "cab"]
    cost = dict(zip(listed, costs(model, [(source, t) for t in listed]), strict=True))
    (found,) = converted(model, [source], targets=[*listed, "a!"], beam=50, n_best=6)
    assert [target.text for target in found] == sorted(listed, key=cost.__getitem__)
    assert [t.nats for t in found] == pytest.approx(sorted(cost.values()), abs=1e-3)
    (one,) = converted(model, [source], targets=["a" * 50])
    assert one[0].text == "a" * 50
    (both_ways,) = converted(model, [source], "c.*", listed, beam=9, n_best=9)
    assert {target.text for target in both_ways} == {"cc", "cab"}


def test_anything_allowed_is_nothing_restricted(models):
    for kind in ("attention", "each"):
        sources = [s for s in sources_of(kind) if s]
        free = list(convert(models[kind], sources))
        bound = converted(models[kind], sources, "(?s).*")
        whole = [found[0].is_whole for found in free]
        assert [found[0].text for found, w in zip(bound, whole, strict=True) if w] == [
            found[0].text for found in free if found[0].is_whole
        ]


# --- labels -----------------------------------------------------------------------------------------------------------


def test_labels_are_those_that_are_allowed(models):
    model = models["label"]
    free = converted(model, ["abc", "d"], n_best=2)
    for pattern, label in {"od+": "odd", "e.*": "even"}.items():
        for found, all_of_it in zip(converted(model, ["abc", "d"], pattern), free, strict=True):
            assert [found[0]] == [target for target in all_of_it if target.text == label]
    assert converted(model, ["abc"], targets=["even", "prime"])[0][0].text == "even"
    with pytest.raises(SettingError):
        converted(model, ["abc"], "odd", n_best=2)


# --- ctc --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["a?b?c?d?", "(ab)+|d+", "[ab]*", "aa?", "bb"])
def test_ctc_finds_the_best_collapsed_target(pattern, models):
    model = models["ctc"]
    for source in ("aab", "dab", "c"):
        (ids,) = model.ids_of([source])
        log_p = log_softmax(model.class_logits(model.encode([ids])))[0]
        candidates = [t for t in texts(letters_of(model), len(ids)) if re.fullmatch(pattern, t)]
        score = {
            t: ctc.log_likelihood(log_p, model.vocabulary.encode(t).tolist()) for t in candidates
        }
        possible = sorted((t for t in score if score[t] > -np.inf), key=lambda t: -score[t])
        (found,) = converted(model, [source], pattern, beam=200, n_best=200)
        assert [target.text for target in found] == possible
        assert [-t.nats for t in found] == pytest.approx([score[t] for t in possible], abs=1e-5)
        if candidates:
            (listed,) = converted(model, [source], targets=candidates, beam=200, n_best=200)
            assert [target.text for target in listed] == possible


def test_ctc_keeps_more_prefixes_until_one_can_be_completed():
    generator = np.random.default_rng(3)
    log_p = log_softmax(generator.normal(size=(8, 4)) * 3)
    rare = [0, 1, 0, 1, 2, 2]  # the last two need a blank between them
    language = Listed([rare, [2, 2, 2, 2, 2]], 3)
    found = ctc.beam_search(log_p, 500, language)
    assert found == [(rare, pytest.approx(ctc.log_likelihood(log_p, rare)))]


# --- a symbol for each character --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["x*y*", "(xy|yx)+", "y.*y|x{2}", ".*"])
def test_each_finds_the_best_text_of_its_length(pattern, models):
    model = models["each"]
    for source in ("abc", "dd", "abcde"):
        same = texts(letters_of(model), len(source), len(source))
        matching = [t for t in same if re.fullmatch(pattern, t)]
        cost = dict(zip(matching, costs(model, [(source, t) for t in matching]), strict=True))
        (found,) = converted(model, [source], pattern)
        if not matching:
            assert found == []
            continue
        assert found[0].text == min(cost, key=cost.__getitem__)
        assert found[0].nats == pytest.approx(min(cost.values()), abs=1e-5)
        (listed,) = converted(model, [source], targets=matching)
        assert listed == found


def test_each_matches_what_it_copies_too(models):
    model = models["each"]
    assert re.fullmatch("x+-y+", converted(model, ["ab-ab"], "x+-y+")[0][0].text)
    assert converted(model, ["ab-ab"], "[xy]+") == [[]]
    assert converted(model, ["??"], r"\?+")[0][0].text == "??"
    assert converted(model, ["ab", "?b"], targets=["xy", "?x"])[1][0].text == "?x"


def test_too_many_states_are_refused(wording, monkeypatch):
    monkeypatch.setattr("charrnn.network.alignments.each.MOST_STATES", 8)
    words = ["".join(word) for word in itertools.product("ab", repeat=4)]
    language = Listed([[ord(c) - 97 for c in word] for word in words], 2)
    with wording.raises(UsageError):
        best_of_length(np.zeros((4, 2)), language)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["attention", "ctc", "label"])
def test_what_cannot_be_written_is_refused(kind, models, wording):
    model = models[kind]
    for condition in (
        {"match": "[0-9]+"},
        {"match": "a(?=b)"},
        {"match": "("},
        {"targets": ["0", "1"]},
        {"targets": []},
        {"targets": ["ab", "odd"], "match": "x|b"},
        {"targets": ["a\nb"]},
    ):
        with wording.raises(UsageError, DataError):
            restriction_of(model, **condition)


def test_the_unknown_symbol_is_never_matched():
    for align in ("attention", "each", "ctc"):
        model = with_a_rare_symbol(align)
        (found,) = converted(model, ["abab"], ".*")
        assert {*found[0].text} <= {"x"}
