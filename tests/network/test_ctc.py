"""Connectionist temporal classification: against torch, and against all paths of short sources."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from torch.nn.functional import ctc_loss

from charrnn.network.alignments.ctc import beam_search, best_path, collapsed, log_likelihood
from charrnn.numerics import log_softmax

V = 3  # symbols, beside the blank
BLANK = V


def places(num, seed):
    """Log-probabilities of a source with `num` places, (num, V + 1)."""
    return log_softmax(2 * np.random.default_rng(seed).normal(size=(num, V + 1)))


def by_brute_force(log_p):
    """The probability of each target, as the sum over all paths."""
    found = defaultdict(float)
    for path in itertools.product(range(V + 1), repeat=len(log_p)):
        p = math.exp(sum(row[k] for row, k in zip(log_p, path, strict=True)))
        found[tuple(collapsed(path, BLANK))] += p
    return found


@pytest.mark.parametrize("num", [1, 2, 5])
def test_the_probability_of_a_target_is_the_sum_over_its_paths(num):
    log_p = places(num, num)
    found = by_brute_force(log_p)
    assert sum(found.values()) == pytest.approx(1)
    for target, probability in found.items():
        assert math.exp(log_likelihood(log_p, target)) == pytest.approx(probability)
    assert log_likelihood(log_p, [0] * (num + 1)) == -np.inf


def test_a_wide_beam_finds_the_most_likely_target_and_its_probability():
    for seed in range(20):
        log_p = places(4, seed)
        found = by_brute_force(log_p)
        best = sorted(found, key=found.__getitem__, reverse=True)
        beam = beam_search(log_p, 200)
        assert [tuple(target) for target, _ in beam[:5]] == best[:5]
        assert math.exp(beam[0][1]) == pytest.approx(found[best[0]])


def test_a_beam_may_find_a_better_target_than_the_best_path():
    log_p = np.log(np.array([[0.4, 0, 0, 0.6], [0.4, 0, 0, 0.6]]) + 1e-12)
    assert best_path(log_p)[0] == []  # 0.36, but a symbol has 0.64 on its three paths
    target, score = beam_search(log_p, 4)[0]
    assert (target, math.exp(score)) == ([0], pytest.approx(0.64))


def test_equal_neighbors_are_merged_and_blanks_left_out():
    assert collapsed([0, 0, BLANK, 0, 1, 1, BLANK], BLANK) == [0, 0, 1]
    assert collapsed([BLANK, BLANK], BLANK) == []


def test_the_loss_is_torchs():
    targets = [[0, 1], [2, 2, 0], [1], []]
    lengths = [6, 7, 3, 4]
    rows = [places(7, seed) for seed in range(4)]
    for row, n, target in zip(rows, lengths, targets, strict=True):
        theirs = ctc_loss(
            torch.from_numpy(row[:n])[:, None],
            torch.tensor([target], dtype=torch.long),
            torch.tensor([n]),
            torch.tensor([len(target)]),
            blank=BLANK,
            reduction="sum",
        )
        assert -log_likelihood(row[:n], target) == pytest.approx(theirs.item())
