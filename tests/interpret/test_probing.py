"""Linear probes: what only several units carry is read out, noise is not, and the scores are those of scikit-learn."""

import string

import numpy as np
import pytest
from counting import counting_model
from helpers import characters, random_model

from charrnn.errors import DataError, UsageError
from charrnn.interpret.concepts import get_concept
from charrnn.interpret.labeling import Labeling
from charrnn.interpret.probing.characters import _parts, probe
from charrnn.interpret.probing.kinds import Label, Number, Truth
from charrnn.interpret.probing.lines import FEWEST, _split, probe_lines, wilson
from charrnn.interpret.units import units_of
from charrnn.network.untrained import untrained_weights

LETTERS = "ab()[]"


def two_brackets(length, seed=3):
    """Letters with two kinds of brackets that know nothing of each other."""
    random = np.random.default_rng(seed)
    made, is_open = [], [False, False]
    for _ in range(length):
        c = random.choice(list("ab"))
        if random.random() < 0.2:
            kind = random.integers(2)
            c, is_open[kind] = ("()", "[]")[kind][is_open[kind]], not is_open[kind]
        made.append(c)
    return "".join(made)


def opened(text, pair):
    return np.cumsum([(c == pair[0]) - (c == pair[1]) for c in text]).astype(np.float32)


@pytest.fixture(scope="module")
def counted():
    text = two_brackets(6000)
    model = counting_model(letters=LETTERS, others=[(9, "[]")])
    return model, text, model.vocabulary.encode(text)


def test_what_only_two_units_carry_together_is_read_from_them(counted):
    model, text, ids = counted
    both = opened(text, "()") * opened(text, "[]")
    below = [unit for unit in units_of(model) if unit.layer == 0]  # those above mix what these hold
    (found,) = probe(model, ids, [Labeling("both", both)], units=below)
    assert found.score > 0.99
    assert found.readout.scores["auc"] > 0.99
    assert found.selectivity > 0.4
    assert found.untrained.score < found.score - 0.1
    taken = {str(one.unit) for one in found.enough.units}
    assert taken & {"L0.c.5", "L0.h.5"}
    assert taken & {"L0.c.9", "L0.h.9"}
    assert len(found.enough.units) <= 6
    alone = [size.score for size in found.sizes if len(size.units) == 1]
    assert not alone or max(alone) < 0.9
    assert found.baseline == pytest.approx(2 * both.mean() / (1 + both.mean()), abs=0.1)


def test_labels_that_have_nothing_to_do_with_the_text_leave_no_selectivity(counted):
    model, _, ids = counted
    random = np.random.default_rng(4)
    walks = [
        (np.cumsum(random.normal(size=len(ids))) % 20 > 10).astype(np.float32) for _ in range(4)
    ]
    found = probe(
        model, ids, [Labeling(str(k), walk) for k, walk in enumerate(walks)], untrained=False
    )
    assert len(found) == 4
    assert abs(np.mean([one.selectivity for one in found])) < 0.1
    assert all(abs(one.readout.scores["auc"] - 0.5) < 0.15 for one in found)


def test_a_number_is_read_out_by_ridge_regression(counted):
    model, text, ids = counted
    total = opened(text, "()") - 2 * opened(text, "[]")
    (found,) = probe(model, ids, [Labeling("sum", total, is_number=True)], untrained=False)
    assert (found.measure, found.untrained) == ("R²", None)
    assert found.score == pytest.approx(1, abs=0.01)
    assert found.shuffled.score < 0.1
    assert found.baseline == pytest.approx(0, abs=0.1)


def test_only_the_chosen_units_are_read(counted):
    from charrnn.interpret.units import Unit

    model, text, ids = counted
    own = [Unit(0, "c", 9), Unit(0, "c", 3)]
    labels = [Labeling("open", opened(text, "[]")), Labeling("other", opened(text, "()"))]
    found, other = probe(model, ids, labels, units=own, untrained=False)
    assert (found.units, found.score) == (2, pytest.approx(1, abs=0.01))
    assert str(found.enough.units[0].unit) == "L0.c.9"
    assert other.score < 0.8


def test_concepts_that_are_too_rare_are_left_out_and_short_texts_are_refused(counted, wording):
    model, _, ids = counted
    rare = np.zeros(len(ids), np.float32)
    rare[:20] = 1
    assert probe(model, ids, [Labeling("rare", rare), Labeling("always", 1 - 0 * rare)]) == []
    with wording.raises(DataError):
        probe(model, ids[:500], [Labeling("rare", rare[:500])])


def test_a_number_may_be_another_one_at_each_character(counted):
    model, _, ids = counted
    values = np.arange(len(ids), dtype=np.float32)
    (found,) = probe(model, ids, [Labeling("place", values, is_number=True)], untrained=False)
    assert found.measure == "R²"


def test_the_parts_do_not_overlap_and_the_halves_lie_apart():
    for length in (1000, 5001, 90_000):
        places, rows = _parts(length, 20_000)
        fitted, checked, held_out = ({*places[part].tolist()} for part in rows)
        assert not fitted & checked
        assert min(held_out) - max(fitted | checked) >= min(1000, length // 20)
        assert len(fitted | checked | held_out) == len(places)


def test_the_scores_are_those_of_scikit_learn():
    from sklearn import metrics

    random = np.random.default_rng(5)
    labels = (random.random(500) < 0.3).astype(np.float32)
    values = (labels + random.normal(size=500)).round(1).astype(np.float32)
    truth = Truth()
    threshold = truth.threshold(values, labels)
    found = truth.scores(values, labels, threshold)
    assert found["f1"] == pytest.approx(metrics.f1_score(labels, values >= threshold))
    every = [metrics.f1_score(labels, values >= t) for t in np.unique(values)]
    assert found["f1"] == pytest.approx(max(every))
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(labels, values))
    expected = metrics.average_precision_score(labels, values)
    assert found["average_precision"] == pytest.approx(expected)
    always = metrics.f1_score(labels, np.ones(500))
    assert truth.baseline(labels, labels) == pytest.approx(always)

    numbers = random.normal(size=500) + labels
    found = Number().scores(values, numbers, None)
    assert found["r2"] == pytest.approx(metrics.r2_score(numbers, values))
    assert found["r"] == pytest.approx(np.corrcoef(numbers, values)[0, 1])

    true, given = random.integers(3, size=90), random.integers(3, size=90)
    found = Label().scores(given, true, None)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(true, given))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(true, given, average="macro"))


# --- a network without training ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["lstm", "gru", "elman", "jordan", "peephole"])
def test_an_untrained_network_has_weights_like_those_that_training_starts_from(cell):
    from charrnn.training.network import make_network

    config = random_model(
        characters(string.printable),
        cell=cell,
        hidden_size=64,
        embedding_size=12,
        layer_norm=True,
        learn_start=True,
    ).config
    expected = make_network(config, 0.0, 1).to_numpy()
    found = untrained_weights(config, None, 1)
    assert found.keys() == expected.keys()
    for name, array in found.items():
        other = expected[name]
        assert (array.dtype, array.shape) == (other.dtype, other.shape)
        assert np.ptp(array) == pytest.approx(np.ptp(other), rel=0.5), name
        assert array.std() == pytest.approx(other.std(), rel=0.4, abs=0.02), name
        assert array.mean() == pytest.approx(other.mean(), abs=0.1), name


# --- lines ------------------------------------------------------------------------------------------------------------


def lines_of_brackets(count, seed=7):
    """Lines, and which brackets are open at the end of each."""
    random = np.random.default_rng(seed)
    pairs = []
    while len(pairs) < count:
        line = two_brackets(int(random.integers(5, 40)), seed=int(random.integers(1 << 30)))
        ends = opened(line, "()")[-1], opened(line, "[]")[-1]
        pairs.append((line, {(0, 0): "none", (1, 0): "round", (0, 1): "square"}.get(ends, "both")))
    return pairs


def test_whole_lines_are_classified_by_their_last_state(counted):
    model, _, _ = counted
    pairs = lines_of_brackets(400)
    found = probe_lines(model, pairs)
    assert found.labels == ("both", "none", "round", "square")
    assert found.probe.score > 0.95
    assert found.low < found.probe.score <= found.high
    assert found.ngrams < 0.9
    assert found.probe.baseline < 0.6
    assert found.probe.shuffled.score < 0.6
    assert found.probe.untrained.score < 0.95
    assert found.probe.readout.scores["macro_f1"] > 0.9
    assert sum(found.counts) == len({*pairs})


def test_a_line_is_in_one_part_whatever_its_labels():
    lines = ["a", "b", "a", "c", "d", "e", "b", "f", "g", "h", "i", "j"]
    parts = [{lines[k] for k in rows} for rows in _split(lines, 1)]
    assert set.union(*parts) == {*lines}
    assert sum(map(len, parts)) == len({*lines})


def test_labels_with_too_few_lines_are_left_out_or_refused(counted, wording):
    model, _, _ = counted
    pairs = [(line, label) for line, label in lines_of_brackets(200) if label in ("none", "both")]
    rare = [("ab" * k, "rare") for k in range(1, FEWEST)]
    assert probe_lines(model, pairs + rare, untrained=False).rare == ("rare",)
    with wording.raises(DataError):
        probe_lines(model, rare + pairs[:3])
    with wording.raises(DataError):
        probe_lines(model, [("a" * k, f"{k // 20}") for k in range(2, 2102)])


def test_the_interval_is_wilsons():
    low, high = wilson(0.9, 100)
    assert (low, high) == (pytest.approx(0.8256, abs=1e-3), pytest.approx(0.9448, abs=1e-3))
    assert wilson(1.0, 50)[1] == pytest.approx(1)


# --- a number above a bound -------------------------------------------------------------------------------------------


def test_a_number_above_a_bound_is_a_concept(wording):
    concept = get_concept("indentation>4")
    assert (concept.name, concept.is_number) == ("indentation > 4", False)
    assert concept.of("a\n        b\n    c\n")[-4:].tolist() == [0, 0, 0, 0]
    assert concept.of("a\n        b\n")[9:11].tolist() == [1, 1]
    with wording.raises(UsageError):
        get_concept("inside a comment > 3")
    with wording.raises(UsageError):
        get_concept("indentation > 4 > 2")
