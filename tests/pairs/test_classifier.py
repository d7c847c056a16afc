"""The naive Bayes classifier over character n-grams."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import DataError
from charrnn.pairs.classifier import BOUNDARY, NgramClassifier

TEXTS = ["anna", "emma", "ken", "bo", "otto", "annabo"]
LABELS = ["f", "f", "m", "m", "m", "f"]


def by_hand(text, order, smoothing):
    """The same from the formula, with Fractions' plainness."""

    def grams(one):
        whole = BOUNDARY + one + BOUNDARY
        return [whole[i : i + n] for n in range(1, order + 1) for i in range(len(whole) - n + 1)]

    counts = {label: Counter() for label in LABELS}
    for one, label in zip(TEXTS, LABELS, strict=True):
        counts[label].update(grams(one))
    every = {gram for counter in counts.values() for gram in counter}
    scores = {}
    for label, counter in counts.items():
        total = sum(counter.values()) + smoothing * len(every)
        score = math.log(LABELS.count(label) / len(LABELS))
        score += sum(math.log((counter[g] + smoothing) / total) for g in grams(text) if g in every)
        scores[label] = score
    norm = math.log(sum(map(math.exp, scores.values())))
    return [scores[label] - norm for label in sorted(scores)]


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("smoothing", [0.1, 1.0])
@given(text=st.text(alphabet="anemkbotxy", max_size=12))
def test_it_computes_bayes_rule(text, order, smoothing):
    made = NgramClassifier(TEXTS, LABELS, order=order, smoothing=smoothing)
    assert made.labels == ("f", "m")
    assert np.allclose(made.log_probabilities(text), by_hand(text, order, smoothing))


@given(text=st.text(max_size=9))
def test_the_probabilities_of_any_text_sum_to_one(text):
    made = NgramClassifier(TEXTS, LABELS)
    assert np.exp(made.log_probabilities(text)).sum() == pytest.approx(1)
    assert made.classify(text) in made.labels


def test_where_nothing_is_known_the_most_frequent_label_is_taken():
    made = NgramClassifier(["aa", "ab", "zz"], ["x", "x", "y"])
    assert made.classify("???") == "x"
    assert made.classify("zz") == "y"


def test_beginnings_and_ends_count():
    made = NgramClassifier(["ab", "ba"] * 9, ["rising", "falling"] * 9)
    assert made.classify("ab") == "rising"
    assert made.classify("ba") == "falling"


def test_without_texts_there_is_nothing_to_learn():
    with pytest.raises(DataError):
        NgramClassifier([], [])
