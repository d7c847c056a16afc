"""The rules: each against a naive one, row by row; their order; what a sample remembers; and the draw."""

import math
from collections import deque

import numpy as np
import pytest
from helpers import settings_named
from hypothesis import given
from hypothesis import strategies as st

from charrnn import numerics
from charrnn.config import SamplingConfig
from charrnn.errors import CheckpointError, DataError, SettingError, UsageError
from charrnn.numerics import log_softmax
from charrnn.sampling import history as history_module
from charrnn.sampling import rules
from charrnn.sampling.history import RecentSymbols, SeenNgrams
from charrnn.sampling.logits import LogitsProcessor
from charrnn.text.vocabulary import Vocabulary

LETTERS = Vocabulary("char", range(97, 104))  # a to g
BYTES = Vocabulary.of_bytes()
REMOVED = -math.inf
LARGEST = 3.4e38

usual = st.floats(-20, 20) | st.sampled_from([0.0, 1.0, -1.0])  # on which ties come too
extreme = st.floats(-LARGEST, LARGEST)
masses = st.floats(0, 1, exclude_min=True, exclude_max=True)


@st.composite
def some_logits(draw, values=usual, most=9):
    """Logits (N, V), of which each row has at least one that is not removed."""
    size = draw(st.integers(1, most))
    rows = draw(st.lists(st.lists(values, min_size=size, max_size=size), min_size=1, max_size=4))
    made = np.array(rows, np.float64)
    for row in made:
        row[list(draw(st.sets(st.integers(0, size - 1), max_size=size - 1)))] = REMOVED
    return made


def masks(logits):
    return st.lists(
        st.lists(st.booleans(), min_size=logits.shape[1], max_size=logits.shape[1]),
        min_size=len(logits),
        max_size=len(logits),
    ).map(np.array)


def softmax(row):
    """Of a list of floats, by the definition."""
    top = max(row)
    powers = [math.exp(x - top) for x in row]
    return [x / math.fsum(powers) for x in powers]


def largest_first(row):
    """The ids from the largest number to the smallest, on a tie the lower id first."""
    return sorted(range(len(row)), key=lambda i: (-row[i], i))


def kept_only(row, kept):
    return [x if i in kept else REMOVED for i, x in enumerate(row)]


def check_rule(rule, logits):
    """Each row is treated as if alone, something stays, nothing becomes NaN, the argument is not changed.

    Returns:
        What the rule made of the rows, as lists.
    """
    before = logits.copy()
    made = rule(logits)
    np.testing.assert_array_equal(logits, before)
    assert made.shape == logits.shape
    assert not np.isnan(made).any()
    assert (made.max(axis=-1) > REMOVED).all()
    assert np.isneginf(made[np.isneginf(logits)]).all()
    for row, alone in zip(made, map(rule, logits), strict=True):
        np.testing.assert_array_equal(row, alone)
    return made.tolist()


# --- ban, bias and repetition ---------------------------------------------------------------------


@given(some_logits(), st.sets(st.integers(0, 8)))
def test_a_ban_removes_the_masked_symbols_and_no_other(logits, symbols):
    symbols -= set(logits.argmax(axis=-1).tolist())
    banned = np.array([symbol in symbols for symbol in range(logits.shape[1])])
    made = check_rule(lambda x: rules.ban(x, banned), logits)
    others = set(range(9)) - symbols
    assert made == [kept_only(row, others) for row in logits.tolist()]


@given(some_logits(), st.lists(st.floats(-1e12, 1e12), min_size=9, max_size=9))
def test_a_bias_is_added_to_each_logit(logits, added):
    added = added[: logits.shape[1]]
    made = check_rule(lambda x: rules.bias(x, np.array(added)), logits)
    assert made == [[x + b for x, b in zip(row, added, strict=True)] for row in logits.tolist()]


@given(
    some_logits(), st.floats(1e-3, 1e3).filter(lambda x: x != 1), st.floats(-100, 100), st.data()
)
def test_the_penalty_multiplies_log_probabilities_whatever_is_added_to_all_logits(
    logits, penalty, constant, data
):
    recent = data.draw(masks(logits))
    made = rules.repetition_penalty(logits, recent, penalty)
    for row, mask, found in zip(logits.tolist(), recent.tolist(), made.tolist(), strict=True):
        log_p = [math.log(p) if p else REMOVED for p in softmax(row)]
        expected = [penalty * x if m else x for x, m in zip(log_p, mask, strict=True)]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    shifted = rules.repetition_penalty(logits + constant, recent, penalty)
    np.testing.assert_allclose(made, shifted, rtol=1e-9, atol=1e-9 * max(penalty, 1))


@given(some_logits(extreme), st.floats(1e-12, 1e12), st.data())
def test_no_penalty_removes_a_symbol_or_makes_it_nan(logits, penalty, data):
    mask = data.draw(masks(logits))[0]
    made = check_rule(lambda x: rules.repetition_penalty(x, mask, penalty), logits)
    assert (np.isneginf(made) == np.isneginf(logits)).all()


@given(some_logits(), st.data())
def test_a_penalty_above_one_makes_recent_symbols_less_likely_and_one_below_likelier(logits, data):
    recent = data.draw(masks(logits))
    before = numerics.softmax(logits)
    less = numerics.softmax(rules.repetition_penalty(logits, recent, 1.5))
    more = numerics.softmax(rules.repetition_penalty(logits, recent, 0.5))
    total = [(p * recent).sum(axis=-1) for p in (less, before, more)]
    assert (total[0] <= total[1] + 1e-12).all()
    assert (total[1] <= total[2] + 1e-12).all()


@given(some_logits(), st.data())
def test_no_repeat_ngram_removes_what_repeats_unless_nothing_else_is_left(logits, data):
    repeats = data.draw(masks(logits))
    made = rules.no_repeat_ngram(logits, repeats).tolist()
    for row, mask, found in zip(logits.tolist(), repeats.tolist(), made, strict=True):
        removed = [REMOVED if m else x for x, m in zip(row, mask, strict=True)]
        assert found == (removed if max(removed) > REMOVED else row)
    check_rule(lambda x: rules.no_repeat_ngram(x, repeats[0]), logits)


# --- temperature ----------------------------------------------------------------------------------

temperatures = st.floats(0, allow_infinity=False) | st.sampled_from([0.0, 5e-324, 1e-300, 1e300])


@given(some_logits(extreme), temperatures)
def test_fault_74_any_finite_temperature_gives_a_distribution_in_the_order_of_the_logits(
    logits, value
):
    made = np.array(check_rule(lambda x: rules.temperature(x, value), logits))
    p = numerics.softmax(made)
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    for row, chances in zip(logits, p, strict=True):
        assert chances[row.argmax()] == chances.max() > 0
        assert not chances[np.isneginf(row)].any()
        if value:
            assert (np.diff(chances[np.argsort(row, kind="stable")]) >= 0).all()
        else:
            assert chances.tolist() == [float(i == row.argmax()) for i in range(len(row))]


@given(some_logits(), st.floats(0.01, 100))
def test_temperature_divides_the_logits_of_a_softmax(logits, value):
    p = numerics.softmax(rules.temperature(logits, value))
    expected = [softmax([x / value for x in row]) for row in logits.tolist()]
    np.testing.assert_allclose(p, expected, rtol=1e-9, atol=1e-15)


@given(some_logits(extreme), st.data())
def test_each_lane_may_have_a_temperature_of_its_own(logits, data):
    size = len(logits)
    values = np.array(data.draw(st.lists(temperatures, min_size=size, max_size=size)))
    made = rules.temperature(logits, values)
    alone = [rules.temperature(*one) for one in zip(logits, values.tolist(), strict=True)]
    np.testing.assert_array_equal(made, alone)


def test_the_ends_of_temperature_are_the_likeliest_alone_and_all_alike():
    logits = np.array([3.0, 5.0, 5.0, -90.0])
    for value in (0, 1e-300):
        first = numerics.softmax(rules.temperature(logits, value))
        assert first.tolist() == ([0, 1, 0, 0] if value == 0 else [0, 0.5, 0.5, 0])
    assert numerics.softmax(rules.temperature(logits, 1e300)).tolist() == [0.25] * 4


# --- how far down the list ------------------------------------------------------------------------


@given(some_logits(), st.integers(1, 12))
def test_top_k_keeps_the_k_largest(logits, k):
    made = check_rule(lambda x: rules.top_k(x, k), logits)
    assert made == [kept_only(row, set(largest_first(row)[:k])) for row in logits.tolist()]
    assert rules.top_k(np.array(made), k).tolist() == made


@given(some_logits(), masses)
def test_fault_75_top_p_keeps_the_fewest_that_reach_the_mass(logits, mass):
    made = check_rule(lambda x: rules.top_p(x, mass), logits)
    for row, found in zip(logits, made, strict=True):
        p = numerics.softmax(row).tolist()
        kept, total = set(), 0.0
        for symbol in largest_first(p):
            if total >= mass:
                break
            kept.add(symbol)
            total += p[symbol]
        assert found == kept_only(row.tolist(), kept)


@given(some_logits(), masses)
def test_typical_keeps_the_fewest_that_surprise_as_expected_and_reach_the_mass(logits, mass):
    made = check_rule(lambda x: rules.typical(x, mass), logits)
    for row, found in zip(logits.tolist(), made, strict=True):
        p = softmax(row)
        entropy = math.fsum(-x * math.log(x) for x in p if x)
        distance = [abs(-math.log(x) - entropy) if x else math.inf for x in p]
        kept = [i for i, x in enumerate(found) if x > REMOVED]
        assert found == kept_only(row, set(kept))
        farthest = max(kept, key=lambda i: (distance[i], i))
        rest = [i for i, x in enumerate(row) if x > REMOVED and i not in kept]
        assert all(distance[i] >= distance[farthest] - 1e-9 for i in rest)
        total = math.fsum(p[i] for i in kept)
        assert total >= mass - 1e-9
        assert total - p[farthest] < mass + 1e-9


def test_typical_may_leave_the_likeliest_out_and_breaks_ties_by_id():
    p = np.array([0.4, 0.12, 0.12, 0.12, 0.12, 0.12])  # entropy 1.64; surprises 0.92 and 2.12
    assert np.isfinite(rules.typical(np.log(p), 0.2)).tolist() == [False, True, True, *[False] * 3]
    assert np.isfinite(rules.typical(np.log(p), 0.7)).tolist() == [True, *[True] * 5]


@given(some_logits(), st.floats(1e-6, 1))
def test_min_p_removes_what_is_less_likely_than_its_part_of_the_likeliest(logits, part):
    made = check_rule(lambda x: rules.min_p(x, part), logits)
    for row, found in zip(logits.tolist(), made, strict=True):
        p = softmax(row)
        for x, y, probability in zip(row, found, p, strict=True):
            if not math.isclose(probability, part * max(p), rel_tol=1e-9):
                assert y == (x if probability > part * max(p) else REMOVED)
    assert rules.min_p(np.array(made), part).tolist() == made


@given(some_logits(), masses, masses)
def test_a_smaller_share_keeps_no_symbol_that_a_larger_one_removes(logits, one, other):
    low, high = sorted((one, other))
    for rule, few, many in (
        (rules.top_p, low, high),
        (rules.typical, low, high),
        (rules.min_p, high, low),
        (rules.top_k, 1 + int(9 * low), 1 + int(9 * high)),
    ):
        kept, more = np.isfinite(rule(logits, few)), np.isfinite(rule(logits, many))
        assert not (kept & ~more).any()


@given(some_logits(extreme), st.integers(1, 12), masses)
def test_logits_of_any_size_leave_something_and_no_nan(logits, k, share):
    for rule, value in (
        (rules.top_k, k),
        (rules.top_p, share),
        (rules.typical, share),
        (rules.min_p, share),
    ):
        check_rule(lambda x, rule=rule, value=value: rule(x, value), logits)


def test_a_rule_that_is_off_returns_its_argument():
    logits = np.array([1.0, -700.0, REMOVED])
    mask = np.array([True, False, False])
    for same in (
        rules.ban(logits, None),
        rules.bias(logits, None),
        rules.repetition_penalty(logits, None, 2.0),
        rules.repetition_penalty(logits, mask, 1.0),
        rules.no_repeat_ngram(logits, None),
        rules.temperature(logits, 1.0),
        *(rules.top_k(logits, k) for k in (0, 3, 10**9)),
        rules.typical(logits, 1.0),
        rules.top_p(logits, 1.0),
        rules.min_p(logits, 0.0),
    ):
        assert same is logits


# --- the draw -------------------------------------------------------------------------------------


@given(some_logits())
def test_probabilities_and_their_logarithms_are_those_of_a_softmax(logits):
    expected = np.array([softmax(row) for row in logits.tolist()])
    np.testing.assert_allclose(numerics.softmax(logits), expected, rtol=1e-12)
    np.testing.assert_allclose(np.exp(log_softmax(logits)), expected, rtol=1e-9)
    ratio = expected / expected.max(axis=-1, keepdims=True)
    np.testing.assert_allclose(numerics.odds(logits), ratio, rtol=1e-9)


@given(some_logits(), st.sampled_from([rules.SMALL, 1e-3, 0.8, 1, 3.0, 1e300]))
def test_the_quick_odds_are_those_of_the_rules_but_for_a_factor(logits, divisor):
    logits = np.where(logits == REMOVED, -50.0, logits)
    for row in (logits, *logits, *(100 * logits)):
        expected = numerics.softmax(rules.temperature(rules.finite(row), divisor))
        found = rules.tempered_odds(row, np.array(divisor))
        assert (found.sum(axis=-1) > 0).all()
        share = found / found.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(share, expected, rtol=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_quick_odds_refuse_what_is_not_finite(bad, wording):
    for row in ([1.0, bad, 2.0], [[1.0, bad], [0.0, 1.0]]):
        with wording.raises(CheckpointError):
            rules.tempered_odds(np.array(row, np.float32), np.array(0.8))


@given(some_logits(), st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4))
def test_draw_takes_the_symbol_whose_share_of_the_unit_interval_holds_u(logits, numbers):
    p, u = numerics.softmax(logits), np.array(numbers[: len(logits)])
    drawn = rules.draw(p, u)
    assert drawn.shape == u.shape
    for row, number, symbol in zip(p, u.tolist(), drawn.tolist(), strict=True):
        assert row[symbol] > 0
        assert math.fsum(row[:symbol]) <= number + 1e-12
        assert number < math.fsum(row[: symbol + 1]) + 1e-12
        assert int(rules.draw(row, number)) == symbol


@given(some_logits(extreme))
def test_draw_reaches_no_removed_symbol_at_the_ends_of_the_unit_interval(logits):
    p = numerics.softmax(logits)
    for u in (0.0, math.nextafter(1, 0)):
        for row, symbol in zip(p, rules.draw(p, np.full(len(p), u)).tolist(), strict=True):
            assert row[symbol] > 0
            assert int(rules.draw(row, u)) == symbol


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("temperature", [0, 0.8])
def test_logits_that_overflowed_are_refused(wrong, temperature, wording):
    processor = LogitsProcessor(SamplingConfig(temperature=temperature), LETTERS)
    logits = np.zeros((3, 7), np.float32)
    logits[1, 4] = wrong
    for broken in (logits, logits[1]):
        with wording.raises(CheckpointError):
            processor.draw(broken, np.zeros(broken.shape[:-1]))


def test_the_largest_float32_logits_are_not_refused():
    logits = np.full(7, np.finfo(np.float32).max, np.float32)
    logits[1:] *= -1
    for temperature in (0, 1e-300, 1.0, 1e300):
        assert (
            int(LogitsProcessor(SamplingConfig(temperature=temperature), LETTERS).draw(logits, 0.1))
            == 0
        )


# --- all of them ----------------------------------------------------------------------------------

MASS = np.array([0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 1.5])
WRITTEN = [3, 1, 3, 3, 1]  # dbddb


def expected_probabilities(settings):
    """Of the next letter after dbddb when the model's logits are MASS, by hand and in the documented order."""
    logits = MASS.tolist()
    for letter in settings.get("ban", ""):
        logits[ord(letter) - 97] = REMOVED
    for letters, value in settings.get("bias", ()):
        for letter in letters:
            logits[ord(letter) - 97] += value
    window = settings.get("repetition_window", 16)
    log_p = [math.log(p) if p else REMOVED for p in softmax(logits)]
    logits = [
        x * settings.get("repetition_penalty", 1) if i in WRITTEN[-window:] else x
        for i, x in enumerate(log_p)
    ]
    if "no_repeat_ngram" in settings:
        for follower in {1: (1, 3), 2: (3,), 3: (3,)}[settings["no_repeat_ngram"]]:
            logits[follower] = REMOVED
    logits = [x / settings.get("temperature", 1.0) for x in logits]
    logits = kept_only(logits, set(largest_first(logits)[: settings.get("top_k", 7)]))
    if "typical" in settings:
        p = softmax(logits)
        entropy = -math.fsum(x * math.log(x) for x in p if x)
        distance = [abs(math.log(x) + entropy) if x else math.inf for x in p]
        logits = reaching(logits, sorted(range(7), key=distance.__getitem__), settings["typical"])
    logits = reaching(logits, largest_first(logits), settings.get("top_p", 1.1))
    p = softmax(logits)
    least = settings.get("min_p", 0) * max(p)
    return softmax([x if q >= least else REMOVED for x, q in zip(logits, p, strict=True)])


def reaching(logits, order, mass):
    p = softmax(logits)
    counts = [n for n in range(1, 8) if math.fsum(p[i] for i in order[:n]) >= mass]
    return kept_only(logits, set(order[: counts[0]]) if counts else set(order))


COMBINATIONS = [
    *({"temperature": t} for t in (0.3, 0.7, 1.0, 3.0)),
    {"top_k": 3},
    {"temperature": 2.0, "top_p": 0.6},
    {"temperature": 2.0, "top_k": 4, "top_p": 0.6},
    {"min_p": 0.3},
    {"temperature": 0.5, "min_p": 0.1},
    {"typical": 0.5},
    {"temperature": 2.0, "typical": 0.6, "top_p": 0.7},
    {"typical": 0.3, "top_p": 0.8},
    {"top_k": 2, "typical": 0.3},
    {"top_p": 0.7, "min_p": 0.2},
    {"ban": "df"},
    {"ban": "d", "bias": (("ac", 1.5), ("g", -0.5)), "top_k": 3},
    {"repetition_penalty": 1.8},
    {"repetition_penalty": 1.8, "repetition_window": 1, "temperature": 0.6},
    *({"no_repeat_ngram": n, "temperature": 1.5} for n in (1, 2, 3)),
    {"ban": "f", "repetition_penalty": 1.3, "no_repeat_ngram": 2, "temperature": 1.7, "top_p": 0.8},
    {"bias": (("d", 2.0),), "repetition_penalty": 1.5, "top_k": 5, "typical": 0.9, "min_p": 0.05},
]
CHI_SQUARE_LIMIT = 26.0
"""Exceeded once in 4000 draws with 6 degrees of freedom, and less often with fewer."""


def processor_and_histories(settings, count=1):
    processor = LogitsProcessor(SamplingConfig(**({"temperature": 1.0} | settings)), LETTERS)
    histories = [processor.new_history(WRITTEN) for _ in range(count)]
    return processor, None if histories[0] is None else histories


@pytest.mark.parametrize("settings", COMBINATIONS, ids=str)
def test_the_rules_are_applied_in_the_documented_order(settings):
    processor, histories = processor_and_histories(settings)
    found = processor.probabilities(MASS.astype(np.float32), histories=histories)
    np.testing.assert_allclose(found, expected_probabilities(settings), rtol=1e-9)


@pytest.mark.parametrize("settings", COMBINATIONS, ids=str)
def test_symbols_come_as_often_as_the_rules_say(settings):
    draws = 6000
    processor, _ = processor_and_histories(settings)
    history = processor.new_history(WRITTEN)
    u = np.random.default_rng(3).random(draws)
    drawn = processor.draw(
        np.tile(MASS.astype(np.float32), (draws, 1)),
        u,
        histories=None if history is None else [history] * draws,
    )
    found, expected = np.bincount(drawn, minlength=7), np.array(expected_probabilities(settings))
    assert not found[expected == 0].any()
    wanted = draws * expected[expected > 0]
    assert ((found[expected > 0] - wanted) ** 2 / wanted).sum() < CHI_SQUARE_LIMIT


ORDER_MATTERS = {
    "temperature before top-p": ({"temperature": 3.0, "top_p": 0.5}, 3),
    "top-p at temperature 1": ({"top_p": 0.5}, 2),
    "ban before top-k": ({"ban": "d", "top_k": 1}, 1),
    "no-repeat-ngram before top-k": ({"no_repeat_ngram": 1, "top_k": 1}, 1),
}


@pytest.mark.parametrize(("settings", "kept"), ORDER_MATTERS.values(), ids=ORDER_MATTERS)
def test_a_rule_sees_what_the_ones_before_it_left(settings, kept):
    processor, histories = processor_and_histories(settings)
    p = processor.probabilities(MASS.astype(np.float32), histories=histories)
    assert np.count_nonzero(p) == kept


@st.composite
def configs(draw):
    penalty = draw(st.sampled_from([None, 1.0, 0.5, 1.3, 1e12]))
    return SamplingConfig(
        length=5,
        temperature=draw(st.sampled_from([0.0, 1e-300, 0.8, 1.0, 1e300])),
        temperature_to=draw(st.sampled_from([None, 0.0, 2.0])),
        top_k=draw(st.none() | st.integers(1, 8)),
        top_p=draw(st.sampled_from([None, 1e-9, 0.5, 1.0])),
        min_p=draw(st.sampled_from([None, 0.0, 0.1, 1.0])),
        typical=draw(st.sampled_from([None, 1e-9, 0.5, 1.0])),
        repetition_penalty=penalty,
        repetition_window=16 if penalty in (None, 1) else draw(st.sampled_from([1, 4, 16])),
        no_repeat_ngram=draw(st.none() | st.integers(1, 3)),
        ban=draw(st.sampled_from(["", "d", "abcfg"])),
        bias=draw(st.sampled_from([(), (("e", 1e12),), (("e", -1e12),)])),
    )


model_logits = st.lists(st.floats(-LARGEST, LARGEST), min_size=7, max_size=7)


@given(configs(), st.lists(model_logits, min_size=1, max_size=4), st.booleans(), st.data())
def test_with_any_settings_each_lane_is_chosen_as_if_it_were_alone(config, rows, masked, data):
    logits = np.array(rows, np.float32)
    processor = LogitsProcessor(config, LETTERS)
    histories = [data.draw(st.lists(st.integers(0, 6), max_size=12)) for _ in logits]
    kept = [processor.new_history(history) for history in histories]
    looks_back = kept[0] is not None
    u = np.array([data.draw(st.floats(0, 1, exclude_max=True)) for _ in logits])
    written = np.arange(len(logits)) * 2
    allowed = None
    if masked:
        allowed = data.draw(masks(logits))
        allowed[:, 4] = True  # e, which no ban above names
    ids = processor.draw(
        logits, u, position=written, histories=kept if looks_back else None, allowed=allowed
    )
    for n, row in enumerate(logits):
        settings = {
            "position": int(written[n]),
            "histories": kept[n : n + 1] if looks_back else None,
            "allowed": None if allowed is None else allowed[n],
        }
        p = processor.probabilities(row, **settings)
        assert not np.isnan(p).any()
        assert p.sum() == pytest.approx(1)
        assert p[ids[n]] > 0
        assert int(processor.draw(row, float(u[n]), **settings)) == ids[n]
        assert chr(97 + ids[n]) not in config.ban
        assert allowed is None or allowed[n, ids[n]]


def test_the_temperature_moves_in_equal_steps_from_the_first_character_to_the_last():
    config = SamplingConfig(length=5, temperature=2.0, temperature_to=0.5)
    processor = LogitsProcessor(config, LETTERS)
    logits = MASS.astype(np.float32)
    expected = [softmax([x / t for x in MASS]) for t in (2.0, 1.625, 1.25, 0.875, 0.5, 0.5)]
    for written, p in enumerate(expected):  # the last is behind the end, where it stays
        np.testing.assert_allclose(processor.probabilities(logits, position=written), p, rtol=1e-9)
    together = processor.probabilities(np.tile(logits, (6, 1)), position=np.arange(6))
    np.testing.assert_allclose(together, expected, rtol=1e-9)


def test_one_character_has_the_first_temperature():
    processor = LogitsProcessor(
        SamplingConfig(length=1, temperature=0, temperature_to=9.0), LETTERS
    )
    assert processor.probabilities(MASS.astype(np.float32)).tolist() == [0, 0, 0, 1, 0, 0, 0]


# --- what a sample remembers ----------------------------------------------------------------------

histories = st.lists(st.integers(0, 4), max_size=60)


@given(histories, st.integers(1, 9))
def test_recent_symbols_are_those_of_the_window(history, window):
    recent = RecentSymbols(5, window)
    for symbol in history:
        recent.append(symbol)
    assert set(np.flatnonzero(recent.mask())) == set(history[-window:])


@given(histories, st.integers(1, 5), st.sampled_from([1, 3, 10, 10_000]))
def test_a_symbol_repeats_an_ngram_when_a_naive_search_finds_it(history, length, look_back):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_module, "MAX_NGRAMS", look_back)
        ngrams = SeenNgrams(5, length)
        for symbol in history:
            ngrams.append(symbol)
    starts = range(len(history) - length + 1)
    written = [tuple(history[at : at + length]) for at in starts][-look_back:]
    before = tuple(history[len(history) - length + 1 :])
    expected = [len(before) == length - 1 and (*before, symbol) in written for symbol in range(5)]
    assert ngrams.mask().tolist() == expected


def test_a_history_stays_small_however_much_is_written(monkeypatch):
    monkeypatch.setattr(history_module, "MAX_NGRAMS", 50)
    config = SamplingConfig(repetition_penalty=1.2, repetition_window=7, no_repeat_ngram=4)
    history = LogitsProcessor(config, LETTERS).new_history()
    for symbol in np.random.default_rng(1).integers(0, 7, 3000).tolist():
        history.append(symbol)
    held = [*vars(history.recent).values(), *vars(history.ngrams).values()]
    sizes = [len(x) for x in held if isinstance(x, (deque, dict, np.ndarray))]
    assert len(sizes) == 5
    assert max(sizes) == 50


def test_only_rules_that_look_back_have_a_history():
    def history_of(**settings):
        return LogitsProcessor(SamplingConfig(**settings), LETTERS).new_history()

    assert history_of() is history_of(ban="a", top_k=3, typical=0.5) is None
    assert history_of(no_repeat_ngram=2).recent is None
    assert history_of(repetition_penalty=0.9).ngrams is None


@given(st.integers(1, 3), st.integers(0, 10**6))
def test_no_ngram_is_written_twice_while_another_symbol_is_left(length, seed):
    processor = LogitsProcessor(SamplingConfig(no_repeat_ngram=length, ban="efg"), LETTERS)
    generator, written = np.random.default_rng(seed), [0, 1]
    history = processor.new_history(written)
    for _ in range(30):
        logits = generator.normal(0, 3, 7).astype(np.float32)
        symbol = int(processor.draw(logits, generator.random(), histories=[history]))
        history.append(symbol)
        grams = [written[at : at + length] for at in range(len(written) - length + 1)]
        before = written[len(written) - length + 1 :]
        others = [s for s in range(4) if [*before, s] not in grams]
        assert symbol in (others or range(4))
        written.append(symbol)


# --- what the user names --------------------------------------------------------------------------


def test_the_unknown_symbol_is_banned_and_nothing_else_by_default():
    with_unknown = Vocabulary("char", range(97, 104), has_unknown=True)
    assert LogitsProcessor(SamplingConfig(), with_unknown).banned.tolist() == [False] * 7 + [True]
    assert LogitsProcessor(SamplingConfig(), LETTERS).banned is None


@pytest.mark.parametrize("has_unknown", [False, True])
@pytest.mark.parametrize("settings", [{"ban": "aéz"}, {"bias": (("b", 1.0), ("aéz", 2.0))}])
def test_characters_that_the_model_does_not_know_are_named(settings, has_unknown, wording):
    vocabulary = Vocabulary("char", range(97, 104), has_unknown=has_unknown)
    with wording.raises(DataError):
        LogitsProcessor(SamplingConfig(**settings), vocabulary)


def test_of_a_byte_model_ascii_characters_can_be_named_and_no_others(wording):
    processor = LogitsProcessor(SamplingConfig(ban="\x00a\x7f", bias=(("b", 2.0),)), BYTES)
    assert np.flatnonzero(processor.banned).tolist() == [0, 97, 127]
    p = processor.probabilities(np.zeros(256, np.float32))
    assert p[98] == pytest.approx(p[99] * math.exp(2.0 / SamplingConfig.temperature))
    for characters in ("é", "a\udc80"):
        with wording.raises(DataError):
            LogitsProcessor(SamplingConfig(ban=characters), BYTES)


def test_banning_everything_is_refused(wording):
    with wording.raises(UsageError):
        LogitsProcessor(SamplingConfig(ban="gfedcba"), LETTERS)
    with_unknown = Vocabulary("char", range(97, 104), has_unknown=True)
    with wording.raises(UsageError):
        LogitsProcessor(SamplingConfig(ban="gfedcba"), with_unknown)


def test_only_what_is_allowed_is_chosen_and_it_is_refused_to_ban_all_of_it(wording):
    processor = LogitsProcessor(SamplingConfig(ban="ab"), LETTERS)
    logits = np.zeros((2, 7), np.float32)
    allowed = np.zeros((2, 7), np.bool_)
    allowed[0, [0, 2]] = allowed[1, [1, 6]] = True
    assert processor.draw(logits, np.array([0.0, 0.9]), allowed=allowed).tolist() == [2, 6]
    allowed[1, 6] = False
    with wording.raises(UsageError):
        processor.draw(logits, np.zeros(2), allowed=allowed)


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        *(({"min_p": p}, "min_p") for p in (-0.1, 1.1, math.nan)),
        *(({"typical": p}, "typical") for p in (0, -0.1, 1.1, math.nan)),
        *(({"repetition_penalty": x}, "repetition_penalty") for x in (0, -1, math.inf)),
        *(({"repetition_window": n}, "repetition_window") for n in (0, 1.5, 8)),
        *(({"no_repeat_ngram": n}, "no_repeat_ngram") for n in (0, 1.5, 1001)),
        *(({"temperature_to": t}, "temperature_to") for t in (-1e-9, math.nan, math.inf)),
        *(({"bias": (("a", x),)}, "bias") for x in (math.nan, math.inf, "1")),
        ({"bias": (("", 1.0),)}, "bias"),
        ({"bias": (("ab", 1.0), ("cb", 2.0))}, "bias"),
        ({"ban": "b", "bias": (("ab", 1.0),)}, "bias"),
        ({"ban": None}, "ban"),
        ({"bias": "a=1"}, "bias"),
        ({"stop": "abc"}, "stop"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(setting, name, wording):
    with wording.raises(SettingError) as caught:
        SamplingConfig(**setting)
    assert settings_named(caught.value)[0] == name
