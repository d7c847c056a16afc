"""Units that stand out without a concept: the slow, the two-valued and the rarely on, and none that never moves."""

import numpy as np
import pytest
from counting import counting_model, text_of

from charrnn.interpret.finding import find, survey
from charrnn.interpret.labeling import Labeling
from charrnn.interpret.moments import LONGEST_LAG
from charrnn.interpret.traits import KINDS, RUN, consecutive, standing_out
from charrnn.interpret.units import Unit

UNITS = [Unit(0, "h", k) for k in range(6)]


def made(length=8000):
    """Noise, a slow sine, two values, a drift longer than any lag, a rare spike, and a unit that never moves."""
    random = np.random.default_rng(6)
    t = np.arange(length)
    noise = random.normal(size=length)
    sine = np.sin(t / 100) + 0.1 * random.normal(size=length)
    two = random.choice([-0.9, 0.9], size=length) + 0.01 * random.normal(size=length)
    drift = np.tanh(t / length * 4 - 2)
    spike = (random.random(length) < 0.01) * 0.8 + 0.001
    return np.stack([noise, sine, two, drift, spike, 0 * t + 0.5], axis=1).astype(np.float32)


def test_each_kind_has_the_units_that_were_made_for_it():
    values = made()
    found = standing_out(UNITS, values, [values[k : k + RUN] for k in (0, 3000, 6500)], 2)
    assert [trait.kind for trait in found] == [kind for kind in KINDS for _ in range(2)]
    longest, second, two, _, rare, _ = found
    assert (longest.unit.index, longest.figure, longest.is_least) == (3, LONGEST_LAG, True)
    assert (second.unit.index, second.is_least) == (1, False)
    assert second.figure == pytest.approx(119, abs=15)  # arccos(1/e) * 100
    assert {trait.unit.index for trait in found[2:4]} <= {2, 4}
    assert two.figure == pytest.approx(1, abs=0.01)
    assert (rare.unit.index, rare.figure > 0.95) == (4, True)
    every = standing_out(UNITS, values, [values], 9)
    assert 5 not in {trait.unit.index for trait in every}


def test_the_counter_of_a_network_is_its_unit_with_two_values():
    model, text = counting_model(), text_of(3000)
    ids = model.vocabulary.encode(text)
    open_ = np.cumsum([(c == "(") - (c == ")") for c in text]).astype(np.float32)
    labelings = [Labeling("open", open_)]
    finds, traits = survey(model, ids, labelings, 3, networks=2)
    assert finds == find(model, ids, labelings, networks=2)
    assert len(traits) == 9
    best = next(trait for trait in traits if trait.kind == "bimodality")
    assert str(best.unit) == "L0.c.5"
    assert best.figure > 0.95
    figures = {kind: [t.figure for t in traits if t.kind == kind] for kind in KINDS}
    assert all(own == sorted(own, reverse=True) for own in figures.values())


def test_excerpts_are_consecutive_and_within_the_text():
    assert [len(run) for run in consecutive(500)] == [500]
    runs = consecutive(100_000)
    assert all((np.diff(run) == 1).all() and len(run) == RUN for run in runs)
    assert runs[0][0] == 0
    assert runs[-1][-1] == 99_999


def test_labels_may_be_made_one_after_the_other():
    model, text = counting_model(), text_of(600)
    ids = model.vocabulary.encode(text)
    labels = {c: np.array([one == c for one in text], np.float32) for c in "ab()"}
    made = []

    def labelings():
        for c, values in labels.items():
            made.append(c)
            yield Labeling(c, values)

    found, _ = survey(model, ids, labelings(), 0, networks=1)
    assert made == [*labels]
    assert found == find(model, ids, [Labeling(c, v) for c, v in labels.items()], networks=1)
