"""Softmax and its relatives, against their definitions in Python's own numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import CheckpointError
from charrnn.numerics import (
    log_softmax,
    odds,
    require_finite_predictions,
    reverse_log_cumsum,
    softmax,
)

rows = st.lists(st.floats(-700, 700), min_size=1, max_size=7)


@given(rows)
def test_softmax_and_its_relatives_agree_with_their_definitions(row):
    top = max(row)
    weights = [math.exp(x - top) for x in row]
    total = math.fsum(weights)
    logits = np.array(row)
    np.testing.assert_allclose(odds(logits), weights, rtol=1e-12)
    np.testing.assert_allclose(softmax(logits), [w / total for w in weights], rtol=1e-12)
    expected = [x - top - math.log(total) for x in row]
    np.testing.assert_allclose(log_softmax(logits), expected, rtol=1e-12, atol=1e-12)


@given(st.lists(st.tuples(*[st.floats(-50, 50, width=32)] * 5), min_size=2, max_size=4))
def test_each_row_is_computed_as_if_it_were_alone(table):
    logits = np.array(table, np.float32)
    for function in (odds, softmax, log_softmax):
        alone = np.stack([function(row) for row in logits])
        np.testing.assert_array_equal(function(logits), alone)
    assert softmax(logits).dtype == np.float32
    assert log_softmax(logits).dtype == np.float64


def test_a_removed_symbol_has_no_probability():
    logits = np.array([0.0, -np.inf, 1.0])
    assert odds(logits)[1] == softmax(logits)[1] == 0


@given(rows)
def test_the_reverse_cumulative_sum_is_that_of_the_logs(row):
    expected = math.log(math.fsum(math.exp(x - max(row)) for x in row))
    found = reverse_log_cumsum(np.array(row))
    assert found[0] == pytest.approx(expected + max(row), rel=1e-12, abs=1e-12)
    assert found[-1] == row[-1]
    assert len(found) == len(row)


def test_predictions_that_are_not_finite_are_refused(wording):
    require_finite_predictions(1e300)
    for total in (math.inf, -math.inf, math.nan):
        with wording.raises(CheckpointError):
            require_finite_predictions(total)
