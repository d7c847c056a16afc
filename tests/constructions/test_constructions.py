"""Networks that were set by hand accept their languages, and no other texts, through their predictions."""

import itertools
import re

import numpy as np
import pytest

from charrnn.config import SamplingConfig
from charrnn.constructions.automaton import minimal_automaton
from charrnn.constructions.base import NEVER
from charrnn.constructions.brackets import DEPTH, PAIRS
from charrnn.constructions.named import NAMED
from charrnn.constructions.regular import from_regex, in_ranges
from charrnn.constructions.shift_register import CHARACTERS, DELAY
from charrnn.errors import UsageError
from charrnn.numerics import log_softmax
from charrnn.sampling.sampler import generate

POSSIBLE = NEVER * 0.9
"""A text that is less likely than this, in nats, has at least one character that cannot come where it is."""


def accepted(made, characters, longest):
    """All texts of these characters up to a length, and whether the network gives them a chance."""
    model, ids = made.model, {c: made.model.vocabulary.id_of(c) for c in (*characters, "\n")}
    first = model.step(ids["\n"], model.initial_state())
    level = [("", 0.0, first)]
    for length in range(longest + 1):
        longer = []
        for text, nats, (logits, state, _) in level:
            log_p = log_softmax(logits)
            yield text, nats + log_p[ids["\n"]] > POSSIBLE
            if length < longest:
                longer += [
                    (text + c, nats + log_p[ids[c]], model.step(ids[c], state)) for c in characters
                ]
        level = longer


@pytest.mark.parametrize(
    ("pattern", "characters", "longest"),
    [
        ("(ab)*", "ab", 8),
        ("a*b|c", "abc", 6),
        ("(a|b)*a(a|b){2}", "ab", 7),
        ("[ab]{2,4}c?", "abc", 5),
        ("(?i)x|y+", "xXyY", 4),
        ("é+[^é]", "éa~", 4),
        ("(?:aa|aaa)+?b??", "ab", 7),
        ("", "", 0),
        (r"[^\n]?b[^\0-a]", "abc", 4),
    ],
)
def test_a_compiled_expression_accepts_what_re_matches_in_full(pattern, characters, longest):
    for text, possible in accepted(from_regex(pattern), characters, longest):
        assert possible == bool(re.fullmatch(pattern, text)), text


@pytest.mark.parametrize(
    "pattern", ["(ab)*", "[0-9]{3}(-[A-F]+)*", r"(\w+@\w+\.(com|org))", "x?y?z?|..."]
)
def test_every_sample_of_a_compiled_expression_is_a_word(pattern):
    config = SamplingConfig(item_end="\n", length=1000, seed=3, temperature=1.0)
    pieces = list(generate(from_regex(pattern).model, "", config, indices=range(30), batch_size=30))
    assert [piece.stop for piece in pieces if piece.stop] == ["line"] * 30
    for index in range(30):
        text = "".join(piece.text for piece in pieces if piece.index == index)
        assert re.fullmatch(pattern, text.removesuffix("\n")), text


def test_an_impossible_character_has_no_chance_and_the_end_has_none_where_no_word_ends():
    model = from_regex("(ab)*").model
    a, b, end = map(model.vocabulary.id_of, "ab\n")
    logits, state, _ = model.step(end, model.initial_state())
    assert log_softmax(logits)[[a, end]] == pytest.approx(np.log(0.5))
    assert log_softmax(logits)[b] < -99
    logits, _, _ = model.step(a, state)
    assert log_softmax(logits)[b] == 0
    assert (log_softmax(logits)[[a, end]] < -99).all()


def test_exactly_one_unit_is_1_while_a_word_goes_on_and_none_after_it_has_gone_wrong():
    model = from_regex("(a|b)*abb").model
    state = model.initial_state()
    for symbol in map(model.vocabulary.id_of, "\nababbaabb"):
        _, state, _ = model.step(symbol, state)
        h = state[0][0]
        assert sorted(set(h.tolist())) == [0, 1]
        assert h.sum() == 1
    model = from_regex("ab").model
    _, state, _ = model.step(model.vocabulary.id_of("\n"), model.initial_state())
    for symbol in map(model.vocabulary.id_of, "ba"):
        _, state, _ = model.step(symbol, state)
        assert not state[0][0].any()


@pytest.mark.parametrize(
    ("pattern", "states"),
    [
        ("(ab)*", 2),
        ("a|b|c", 2),
        ("a*a*a*", 1),
        ("(aa)*|(aaa)*", 6),
        ("(a|b)*a(a|b){3}", 16),
        ("abc|abd|bbc|bbd", 4),
    ],
)
def test_the_automaton_has_the_least_number_of_states(pattern, states):
    assert len(minimal_automaton(pattern).accepts) == states


def test_the_automaton_itself_matches_like_re():
    pattern = "(a|bc)*[ac]?"
    automaton = minimal_automaton(pattern)
    for n in range(6):
        for text in map("".join, itertools.product("abc", repeat=n)):
            assert automaton.matches(text) == bool(re.fullmatch(pattern, text))


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a)\1",
        "a(?=b)",
        "(",
        "a\n",
        r"a|[^b]*[\0-~]",
        r"[^\s\S]",
        "(a|b)*a(a|b){12}",
        "(a|b)*a(a|b){9}",
    ],
)
def test_what_no_network_is_made_of_is_refused(pattern, wording):
    with pytest.raises(UsageError) as refused:
        from_regex(pattern)
    wording(refused.value)


def test_characters_in_words():
    assert in_ranges("abcdx_ ") == "space _ a-d x"
    assert in_ranges(' !"#é') == "space-# é"


# --- the others -----------------------------------------------------------------------------------


def test_the_counter_accepts_as_many_b_as_a():
    for text, possible in accepted(NAMED["counter"](), "ab", 9):
        half = len(text) // 2
        assert possible == (text == "a" * half + "b" * half), text


def test_the_counter_is_exact_after_thousands_of_characters():
    model = NAMED["counter"]().model
    a, b, end = map(model.vocabulary.id_of, "ab\n")
    _, state, _ = model.step(end, model.initial_state())
    for symbol in (*[a] * 3000, *[b] * 2999):
        logits, state, _ = model.step(symbol, state)
    assert log_softmax(logits)[end] < -99
    logits, _, _ = model.step(b, state)
    assert log_softmax(logits)[end] == 0


def test_parity_accepts_an_even_number_of_ones():
    for text, possible in accepted(NAMED["parity"](), "01", 8):
        assert possible == (text.count("1") % 2 == 0), text


def matches(text):
    """Whether all brackets of a text match, by a stack."""
    stack = []
    closes = {closes: opens for opens, (closes, _) in PAIRS.items()}
    for c in text:
        if c not in closes:
            stack.append(c)
        elif not stack or stack.pop() != closes[c]:
            return False
    return not stack


def test_the_bracket_matcher_accepts_brackets_that_match():
    for text, possible in accepted(NAMED["brackets"](), "()[]", 6):
        assert possible == matches(text), text


@pytest.mark.parametrize(
    "text", ["([" * (DEPTH // 2), "[" * DEPTH, "(" * DEPTH, "[[(" * (DEPTH // 3)]
)
def test_the_stack_is_exact_at_its_greatest_depth(text):
    model = NAMED["brackets"]().model
    closing = "".join(PAIRS[c][0] for c in reversed(text))
    logits, state, _ = model.step(model.vocabulary.id_of("\n"), model.initial_state())
    for c in text + closing:
        assert log_softmax(logits)[model.vocabulary.id_of(c)] > -2
        wrong = {")": "]", "]": ")"}.get(c)
        if wrong:
            assert log_softmax(logits)[model.vocabulary.id_of(wrong)] < -99
        logits, state, _ = model.step(model.vocabulary.id_of(c), state)
        if c == text[-1] and state[0][0][-1] == DEPTH:
            assert (log_softmax(logits)[[model.vocabulary.id_of(o) for o in PAIRS]] < -99).all()
    assert log_softmax(logits)[model.vocabulary.id_of("\n")] > -2


def test_the_shift_register_predicts_the_character_at_its_end():
    model = NAMED["shift-register"]().model
    text = "dacbdacbbbad"
    state = model.initial_state()
    for read, c in enumerate(text, 1):
        logits, state, _ = model.step(model.vocabulary.id_of(c), state)
        log_p = log_softmax(logits)
        if read < DELAY:
            assert log_p == pytest.approx(-np.log(len(CHARACTERS)))
        else:
            assert log_p[model.vocabulary.id_of(text[read - DELAY])] == 0


@pytest.mark.parametrize("name", NAMED)
def test_every_unit_has_a_meaning(name):
    made = NAMED[name]()
    assert all(made.units.values())
    used = np.abs(made.model.weights["head.weight"]).sum(axis=0) > 0
    top = f"L{made.model.config.num_layers - 1}."
    assert used.sum() <= sum(address.startswith(top) for address in made.units)
