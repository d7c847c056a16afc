"""Finding units: a planted one is found first, with the scores that a direct computation gives, and noise is not."""

import numpy as np
import pytest
from counting import counting_model, text_of
from helpers import characters, random_model
from variants import TEXTBOOK

from charrnn.errors import DataError, UsageError
from charrnn.evaluation.streams import stretches
from charrnn.interpret.echoes import shuffled
from charrnn.interpret.finding import find
from charrnn.interpret.labeling import Labeling
from charrnn.interpret.labels import of_file, of_regex, of_spans, per_symbol
from charrnn.interpret.recording import record
from charrnn.interpret.scores import (
    areas,
    average_precision,
    best_threshold,
    overlap,
    ranks,
    standardized,
)
from charrnn.interpret.states import states_at
from charrnn.text.vocabulary import Vocabulary


def inside(text):
    """1 from an opening bracket to before the closing one."""
    return np.cumsum([(c == "(") - (c == ")") for c in text]).astype(np.float32)


@pytest.fixture(scope="module")
def counted():
    text = text_of(4000)
    model = counting_model()
    return model, text, model.vocabulary.encode(text)


def test_a_planted_counter_is_found_first_and_proven(counted):
    model, text, ids = counted
    (found,) = find(model, ids, [Labeling("open", inside(text))], networks=5)
    assert str(found.unit) == "L0.c.5"
    assert found.score == pytest.approx(1)
    assert (found.sign, found.average_precision, found.overlap) == (1, pytest.approx(1), 1)
    assert found.is_proven
    assert found.p == pytest.approx(1 / 200)
    assert found.echo < found.needed < 1


def test_labels_that_have_nothing_to_do_with_the_text_are_not_found(counted):
    model, _, ids = counted
    random = np.random.default_rng(4)
    walks = [(np.cumsum(random.normal(size=len(ids))) > 0).astype(np.float32) for _ in range(12)]
    labelings = [Labeling(str(k), walk) for k, walk in enumerate(walks)]
    assert not any(one.is_proven for one in find(model, ids, labelings, networks=5))


def test_what_a_network_with_shuffled_weights_follows_too_is_no_find(counted):
    model, text, ids = counted
    just_read = np.array([c in "ab" for c in text], np.float32)
    (found,) = find(model, ids, [Labeling("ab", just_read)], networks=5)
    assert found.p < 0.05
    assert found.echo > 0.9
    assert not found.is_proven


def test_without_networks_chance_alone_is_excluded(counted):
    model, text, ids = counted
    just_read = np.array([c in "ab" for c in text], np.float32)
    (found,) = find(model, ids, [Labeling("ab", just_read)], networks=0)
    assert found.is_proven


def test_a_number_is_followed_by_its_correlation(counted):
    model, text, ids = counted
    (found,) = find(model, ids, [Labeling("depth", -inside(text), is_number=True)], networks=2)
    assert str(found.unit) == "L0.c.5"
    assert found.sign == -1
    assert found.score == pytest.approx(1, abs=1e-3)
    assert found.overlap is None


def test_a_concept_that_a_half_lacks_is_left_out(counted):
    model, text, ids = counted
    late = np.zeros(len(text), np.float32)
    late[-500:] = 1
    assert find(model, ids, [Labeling("late", late)], networks=1) == []


def test_a_short_text_has_too_few_shifts_to_prove_anything(counted):
    model, text, ids = counted
    labeling = Labeling("open", -inside(text[:190]), is_number=True)
    (found,) = find(model, ids[:190], [labeling], networks=0)
    assert found.score > 0.9
    assert found.p >= 1 / (95 - 2 * 4 + 1)
    assert not found.is_proven


def test_a_number_may_be_another_one_at_each_character(counted):
    model, text, ids = counted
    random = np.random.default_rng(1)
    other = inside(text) + random.uniform(0, 0.01, len(text)).astype(np.float32)
    (found,) = find(model, ids, [Labeling("other", other, is_number=True)], networks=0)
    assert str(found.unit) == "L0.c.5"
    still = np.full(len(text), 3, np.float32)
    assert find(model, ids, [Labeling("still", still, is_number=True)], networks=0) == []


def test_a_text_is_long_enough_or_refused(counted):
    model, _, ids = counted
    with pytest.raises(DataError, match="at least 100"):
        find(model, ids[:99], [])


def test_the_same_seed_finds_the_same(counted):
    model, text, ids = counted
    labeling = Labeling("open", inside(text))
    assert find(model, ids, [labeling], networks=2) == find(model, ids, [labeling], networks=2)


def test_spans_are_chosen_by_one_half_of_them_and_scored_on_the_other(counted):
    model, text, ids = counted
    edges = np.flatnonzero(np.diff(inside(text), prepend=0, append=0))
    spans = [f"{a}:{b}" for a, b in zip(edges[::2], edges[1::2], strict=True)]
    (found,) = find(model, ids, [of_spans(spans, text)], networks=3)
    assert str(found.unit) in (
        "L0.c.5",
        "L0.h.5",
    )  # with its output gate open, both have two values
    assert found.score > 0.9


def test_the_parts_of_spans_share_no_character():
    spans = ["10:20", "24:30", "200:210", "205:220", "220:230"]
    first, second = of_spans(spans, "a" * 300).places
    assert (first.tolist(), second.tolist()) == ([*range(22), *range(115, 300)], [*range(22, 60)])
    labeling = of_spans(["5:9"], "a" * 300)
    assert labeling.name == "the span"
    assert [part.tolist() for part in labeling.places] == [[*range(29)]] * 2


def test_shuffled_weights_are_the_same_numbers_in_another_order():
    model = random_model(characters("abc"), embedding_size=4, hidden_size=5)
    other = shuffled(model, 1)
    for name, array in model.weights.items():
        assert sorted(other.weights[name].ravel()) == sorted(array.ravel())
    assert any((other.weights[n] != a).any() for n, a in model.weights.items())


# --- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("item_end", [None, "\n"])
@pytest.mark.parametrize("cell", TEXTBOOK)
def test_states_read_in_streams_are_those_of_a_recording(cell, item_end):
    shape = {"embedding_size": 4, "hidden_size": 5, "num_layers": 2}
    model = random_model(characters("ab\n"), cell=cell, **shape)
    text = "abba\nab\nbbb\n" * 20
    ids = model.vocabulary.encode(text)
    end = None if item_end is None else int(model.vocabulary.encode("\n")[0])
    expected = record(model, text, keep={"h", "c"}, item_end=item_end).arrays
    places = np.array([0, 5, 100, 101, len(text) - 1])
    streams = stretches(len(ids) + 1, 1 if item_end is None else 3, 12)
    found = states_at(model, ids, places, streams, item_end=end)
    for k, letter in enumerate(model.cell.states):
        assert np.abs(found[:, k] - expected[letter][places]).max() < 1e-5


# --- scores -----------------------------------------------------------------------------------------------------------


def test_scores_are_those_of_their_definitions():
    random = np.random.default_rng(5)
    values = random.integers(0, 6, (60, 3)).astype(np.float32)
    labels = random.integers(0, 2, (60, 2)).astype(np.float32)
    found = areas(ranks(values), labels)
    for u in range(3):
        for c in range(2):
            on, off = values[labels[:, c] > 0, u], values[labels[:, c] == 0, u]
            greater = on[:, None] > off
            equal = on[:, None] == off
            assert found[u, c] == pytest.approx((greater + equal / 2).mean())
    x, y = values[:, 0], labels[:, 0] > 0
    steps, before = [], 0
    for threshold in sorted({*x.tolist()}, reverse=True):
        on = x >= threshold
        right = int((on & y).sum())
        steps.append((right - before) * right / on.sum())
        before = right
    assert average_precision(x, y) == pytest.approx(sum(steps) / y.sum())
    unions = {t: (on & y).sum() / (on | y).sum() for t in x.tolist() for on in [x >= t]}
    best = best_threshold(x, y)
    assert unions[best] == pytest.approx(max(unions.values()))
    assert overlap(x, y, best) == pytest.approx(unions[best])
    r = (standardized(values).T @ standardized(labels)) / 60
    assert r == pytest.approx(np.corrcoef(values.T, labels.T)[:3, 3:], abs=1e-5)


def test_a_unit_that_never_moves_correlates_with_nothing():
    values = np.full((10, 1), 0.7, np.float32)
    assert (standardized(values) == 0).all()


# --- labels -----------------------------------------------------------------------------------------------------------


def test_a_pattern_labels_its_matches():
    assert of_regex("b+", "abba").values.tolist() == [0, 1, 1, 0]
    with pytest.raises(UsageError, match="matches nothing"):
        of_regex("x", "abba")
    with pytest.raises(UsageError, match="not a regular expression"):
        of_regex("(", "abba")


def test_a_file_labels_each_character(tmp_path):
    path = tmp_path / "depth.txt"
    path.write_text("0\n1.5\n-2\n")
    found = of_file(path, "abc")
    assert found.values.tolist() == [0, 1.5, -2]
    assert found.is_number
    assert found.name == "depth"
    path.write_text("0\n1\n1\n")
    assert not of_file(path, "abc").is_number


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\n2\n", "2 lines, but the text has 3"),
        ("1\n1e39\n2\n", "line 2: expected"),
        ("1\nnan\n2\n", "line 2: expected a number"),
    ],
)
def test_a_file_of_labels_that_does_not_fit_is_refused(tmp_path, content, message):
    path = tmp_path / "labels.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        of_file(path, "abc")


@pytest.mark.parametrize("span", ["3", "5:3", "2:99", "-1:2", "a:b"])
def test_a_span_is_within_the_text(span):
    with pytest.raises(UsageError, match="span"):
        of_spans([span], "a" * 20)


def test_labels_of_characters_become_labels_of_bytes():
    labeling = per_symbol(
        Labeling("x", np.array([0, 1, 0], np.float32)), "aéb", Vocabulary("byte", range(256))
    )
    assert labeling.values.tolist() == [0, 1, 1, 0]
