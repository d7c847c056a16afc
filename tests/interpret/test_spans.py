"""Units that are on exactly in a span, and where else they are: against references that go place by place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from charrnn.errors import UsageError
from charrnn.interpret.spans import Place, Span, both_signs, fits, margins, similar

QUARTERS = st.integers(-4, 4).map(lambda k: k / 4)
"""Coarse, so that values meet each other and the threshold."""
THRESHOLDS = st.sampled_from([0.25, 0.3, 0.5])
SHAPES = st.tuples(st.integers(1, 14), st.integers(1, 5))
VALUES = SHAPES.flatmap(lambda shape: arrays(np.float64, shape, elements=QUARTERS))


@st.composite
def spans_in(draw, length):
    start = draw(st.integers(0, length - 1))
    stop = draw(st.integers(start + 1, length))
    return Span(start, stop, draw(st.integers(0, 3)), draw(st.integers(0, 3)))


def signature(values, span, threshold):
    """LSTMVis's rule, character by character: off in the context, on in the span, nothing said of the rest."""
    fitting, worst = [], []
    for unit in range(values.shape[1]):
        good, distances = True, []
        for t in range(len(values)):
            value = values[t, unit]
            if span.start <= t < span.stop:
                good = good and value >= threshold
                distances.append(value - threshold)
            elif span.start - span.left <= t < span.stop + span.right:
                good = good and not value >= threshold
                distances.append(threshold - value)
        fitting.append(good)
        worst.append(min(distances))
    return fitting, worst


@given(st.data(), VALUES, THRESHOLDS)
def test_units_fit_a_span_by_the_signature_and_by_its_worst_place(data, values, threshold):
    span = data.draw(spans_in(len(values)))
    fitting, worst = signature(values, span, threshold)
    assert fits(values, span, threshold).tolist() == fitting
    assert margins(values, span, threshold).tolist() == worst


def places_by_trying_everything(values, units, threshold, least):
    """Every stretch that cannot be made longer without losing the number of units on at its poorest character."""
    T, U = values.shape
    on = [{u for u in range(U) if values[t, u] >= threshold} for t in range(T)]
    found = []
    for start in range(T):
        for stop in range(start + least, T + 1):
            poorest = min(len(on[t] & set(units)) for t in range(start, stop))
            before = len(on[start - 1] & set(units)) if start else -1
            after = len(on[stop] & set(units)) if stop < T else -1
            if poorest == 0 or before >= poorest or after >= poorest:
                continue
            throughout = set.intersection(*on[start:stop])
            if throughout & set(units):
                found.append(
                    Place(start, stop, len(throughout & set(units)), len(throughout | set(units)))
                )
    return sorted(found, key=lambda p: (-p.shared, p.union, -(p.stop - p.start), p.start))


@given(st.data(), VALUES, THRESHOLDS, st.integers(1, 3), st.integers(1, 6))
def test_places_are_those_that_trying_everything_finds(data, values, threshold, least, most):
    units = data.draw(st.lists(st.integers(0, values.shape[1] - 1), min_size=1, unique=True))
    expected = places_by_trying_everything(values, units, threshold, least)
    assert similar(values, units, threshold, min_length=least, max_places=99) == expected
    assert similar(values, units, threshold, min_length=least, max_places=most) == expected[:most]


def test_a_pattern_planted_twice_is_found_where_it_was_planted():
    generator = np.random.default_rng(0)
    values = generator.normal(0, 0.12, (400, 30)).clip(-1, 1)
    planted = [3, 11, 17]
    for start in (50, 300):
        values[start : start + 6, planted] = 0.9
    values[:, 17] *= -1  # one of them says it by being low
    signals = both_signs(values)
    found = np.flatnonzero(fits(signals, Span(50, 56, 1, 1)))
    assert found.tolist() == [3, 11, 30 + 17]
    best = similar(signals, found.tolist())[:2]
    assert {(p.start, p.stop, p.shared) for p in best} == {(50, 56, 3), (300, 306, 3)}
    assert all(p.jaccard == 1 for p in best)


def test_the_negative_of_a_unit_is_a_unit_of_its_own():
    values = np.array([[0.5, -1.0], [0.0, 0.25]])
    assert both_signs(values).tolist() == [[0.5, -1.0, -0.5, 1.0], [0.0, 0.25, 0.0, -0.25]]


@pytest.mark.parametrize("numbers", [(3, 3), (4, 2), (-1, 2), (0, 2, -1), (0, 2, 0, -1)])
def test_what_is_no_span_is_refused(numbers, wording):
    with wording.raises(UsageError):
        Span(*numbers)


def test_a_span_beyond_the_text_is_refused_and_context_beyond_it_does_not_count(wording):
    values = np.ones((5, 2))
    with wording.raises(UsageError):
        fits(values, Span(2, 6))
    assert fits(values, Span(0, 5, 3, 3)).all()
