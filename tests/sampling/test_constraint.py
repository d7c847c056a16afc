"""Text that matches a constraint: every law against `re.fullmatch`, or against all texts that there are."""

import itertools
import random
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import product

import numpy as np
import pytest
from helpers import examples, random_model
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import SamplingConfig
from charrnn.errors import UsageError
from charrnn.sampling.constraint import automaton
from charrnn.sampling.constraint import regex as expression
from charrnn.sampling.constraint.automaton import compile_constraint
from charrnn.sampling.constraint.bytes import SCALARS
from charrnn.sampling.sampler import collect, generate, in_order
from charrnn.text.vocabulary import Vocabulary

BYTES = Vocabulary.of_bytes()
ASCII = Vocabulary("char", [10, *range(32, 127)])
WIDE = Vocabulary("char", sorted(map(ord, "\n\x1c aAkKsS_09-ßſéÉσςΣΐ漢٣²½İı\u212a\u2028😀")))


def letters(text):
    return Vocabulary("char", sorted(map(ord, text)))


def read(shape, text):
    state = shape.start
    for symbol in shape.vocabulary.encode(text):
        state = shape.advance(state, int(symbol))
    return state


def allowed_texts(shape, state, left):
    """The symbols that are allowed, as characters."""
    return "".join(shape.vocabulary.decode([i]) for i in np.flatnonzero(shape.allowed(state, left)))


# --- what an expression means ---------------------------------------------------------------------

SMALL = "ab\n"
atoms = st.sampled_from(
    [
        "a",
        "b",
        r"\n",
        ".",
        "[ab]",
        "[^a]",
        r"\w",
        r"\s",
        "(?s:.)",
        "(?i:A)",
        "(?i:[^B])",
        "()",
        "(|a)",
    ]
)
quantifiers = st.sampled_from(
    ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{,2}", "{2,}", "{0}", "{0,2}?"]
)
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, quantifiers).map(lambda part: f"(?:{part[0]}){part[1]}"),
    ),
    max_leaves=6,
)
TEXTS = ["".join(letters) for n in range(6) for letters in product(SMALL, repeat=n)]


@cache
def matching(pattern):
    """All texts of up to 5 characters that match; among those of more, nothing is known."""
    return {text for text in TEXTS if re.fullmatch(pattern, text)}


@examples(150)
@given(patterns, st.sampled_from([letters(SMALL), BYTES]))
def test_a_text_is_accepted_if_and_only_if_re_matches_it_in_full(pattern, vocabulary):
    shape = compile_constraint(pattern, vocabulary)
    found = {text for text in TEXTS[:121] if shape.accepts(read(shape, text))}
    assert found == {text for text in matching(pattern) if len(text) < 5}


@examples(150)
@given(patterns, st.integers(0, 5), st.data())
def test_what_is_allowed_is_what_some_match_of_at_most_the_length_goes_on_with(
    pattern, length, data
):
    shape = compile_constraint(pattern, letters(SMALL))
    text = data.draw(st.sampled_from([t for t in TEXTS if len(t) <= length]))
    going_on = [t for t in matching(pattern) if len(t) <= length and t.startswith(text)]
    expected = {t[len(text)] for t in going_on if t != text}
    state = read(shape, text)
    assert set(allowed_texts(shape, state, length - len(text))) == expected
    if expected:
        assert shape.can_go_on(state)


@examples(100)
@given(patterns)
def test_the_shortest_match_is_the_shortest_of_all_texts(pattern):
    shortest = compile_constraint(pattern, letters(SMALL)).shortest
    lengths = [len(text) for text in matching(pattern)]
    assert shortest == min(lengths) if lengths else shortest is None or shortest > 5


FLAGS = ("", "(?i)", "(?a)", "(?s)", "(?ai)", "(?m)", "(?x)")


@pytest.mark.parametrize(
    "part",
    [
        ".",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        "k",
        "K",
        "[^k]",
        "[a-z]",
        "[^A-Z]",
        "ß",
        "ſ",
        "σ",
        "ς",
        "É",
        "İ",
        "ı",
        r"[\w-]",
        r"[^\W\d_]",
        r"\x41",
        r"\u212a",
        "[]-]",
        "[^]a]",
        r"\-",
        "(?-i:s)",
    ],
)
def test_one_character_matches_as_re_says_in_every_alphabet(part):
    """Each flag with one of the alphabets: another one for the next part."""
    alphabets = (WIDE, BYTES)[:: 1 - 2 * (len(part) % 2)]
    for flags, vocabulary in zip(FLAGS, itertools.cycle(alphabets), strict=False):
        pattern = "(?a)(?u:\\w)" if (flags, part) == ("(?a)", "(?-i:s)") else flags + part
        shape = compile_constraint(pattern, vocabulary)
        for character in map(chr, WIDE.symbols.tolist()):
            expected = re.fullmatch(pattern, character) is not None
            assert shape.accepts(read(shape, character)) == expected, (pattern, character)


@pytest.mark.parametrize(
    "pattern", ["^ab$", r"\Aab\Z", "^(?:ab$|^b)$", "(^a)?b", "(?m)^ab$", "^^ab$$"]
)
def test_anchors_at_the_edges_say_nothing_new(pattern):
    shape = compile_constraint(pattern, letters(SMALL))
    assert {t for t in TEXTS if shape.accepts(read(shape, t))} == matching(pattern) != set()


# --- dead ends, lengths, refusals -----------------------------------------------------------------


def test_a_dead_end_is_never_entered():
    shape = compile_constraint("a*b|c|ad+", letters("ac"))
    assert allowed_texts(shape, shape.start, 100) == "c"
    assert not shape.can_go_on(read(shape, "c"))
    assert not shape.can_go_on(read(shape, "a"))
    assert not shape.accepts(read(shape, "a"))


def test_the_unknown_symbol_is_never_allowed():
    shape = compile_constraint("(?s:.)*", Vocabulary("char", [97, 98], has_unknown=True))
    assert shape.allowed(shape.start, 5).tolist() == [True, True, False]
    assert not shape.accepts(shape.advance(shape.start, 2))


def test_the_last_character_must_finish_the_match():
    shape = compile_constraint("[ab]*c", letters("abc"))
    assert [allowed_texts(shape, shape.start, n) for n in (0, 1, 2)] == ["", "c", "abc"]


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "a{2,1}",
        "*a",
        "[[a]b]",
        r"(a)\1",
        r"(a)?(?(1)b|c)",
        "a(?=b)",
        "(?<!b)a",
        "(?!)",
        "(?>a)",
        "a*+",
        r"\ba",
        "a^b",
        "(a$)*",
        r"a\Z\n",
        "(" * 5000 + ")" * 5000,
        "((a{1000}){1000}){1000}",
        "a{99999999999999999999}",
        r"\p{L}",
        "(?L)a",
    ],
)
def test_what_cannot_be_done_is_named_in_one_line(pattern, wording):
    with wording.raises(UsageError) as caught:
        compile_constraint(pattern, ASCII)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_repeat_of_nothing_costs_nothing():
    for pattern in ("(){4000000000}", "(){7,4000000000}", "(()*)*", "(((a?)?)*)+"):
        shape = compile_constraint(pattern, ASCII)
        assert shape.accepts(shape.start)


@pytest.mark.parametrize(
    ("pattern", "known", "missing"),
    [
        ("caf[éè]+!", "caf!", r"they lack any of è \(U\+00E8[^)]*\), é \(U\+00E9[^)]*\)$"),
        ("a*b|cd", "a", r"they lack b \(U\+0062 LATIN SMALL LETTER B\)$"),
        ("xaxbx", "x", r"they lack a \(U\+0061.*\), b \(U\+0062[^)]*\)$"),
        (r"\d+", "ab", r"any of 0 \(U\+0030 DIGIT ZERO\), 1 \(U\+0031 DIGIT ONE\) or [0-9]+ more$"),
        (r"a[^\s\S]", "a", "no text at all does"),
    ],
)
def test_what_the_vocabulary_lacks_is_named(pattern, known, missing, wording):
    shape = compile_constraint(pattern, letters(known))
    assert shape.shortest is None
    assert not shape.can_go_on(shape.start)
    assert re.search(missing, shape.describe_missing())
    with wording.raises(UsageError):
        shape.require(1000)


def test_a_length_too_short_for_any_match_is_refused(wording):
    shape = compile_constraint(r"\d{4}-\d\d-\d\d|(?:漢|😀){12}", BYTES)
    shape.require(10)
    assert shape.describe_missing() == ""
    with wording.raises(UsageError):
        shape.require(9)


# --- bytes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern", ["[\U0000d7ff-\U0000e001]", "😀|漢|a", "[é-ô\U0001f600-\U0001f6a0]"]
)
def test_at_level_byte_exactly_the_encodings_of_matching_characters_are_spelt(pattern):
    shape = compile_constraint(pattern, BYTES)
    spelt, waiting = set(), [(shape.start, b"")]
    while waiting:
        state, text = waiting.pop()
        if shape.accepts(state):
            spelt.add(text)
        allowed = np.flatnonzero(shape.allowed(state, 1 - shape.accepts(state))).tolist()
        waiting += [(shape.advance(state, byte), text + bytes([byte])) for byte in allowed]
    everything = SCALARS.tobytes().decode("utf-32-le")
    assert spelt == {c.encode() for c in re.findall(pattern, everything)} != set()


@pytest.mark.parametrize("pattern", [".", r"\w", r"\W", "[^a-\U0001f600]"])
def test_at_level_byte_a_large_class_has_the_characters_that_re_gives_it(pattern):
    shape = compile_constraint(pattern, BYTES)
    edges = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0x10FFFF]
    for character in map(chr, [*edges, *random.Random(1).choices(SCALARS.tolist(), k=2000)]):
        state, possible = shape.start, True
        for byte in character.encode():
            possible = possible and bool(shape.allowed(state, 1)[byte])
            state = shape.advance(state, byte)
        expected = re.fullmatch(pattern, character) is not None
        assert possible == expected == shape.accepts(state), ascii(character)


@cache
def any_text():
    return compile_constraint("(?s:.)*", BYTES)


@examples(200)
@given(st.binary(max_size=8) | st.text(max_size=3).map(str.encode))
def test_bytes_are_accepted_if_and_only_if_they_are_whole_characters(text):
    shape = any_text()
    state, possible = shape.start, True
    for byte in text:
        possible = possible and bool(shape.allowed(state, 10)[byte])
        state = shape.advance(state, byte)
    try:
        whole = text.decode() is not None
    except UnicodeDecodeError:
        whole = False
    assert (possible and shape.accepts(state)) == whole == shape.accepts(state)


def test_at_level_byte_a_begun_character_counts_as_one_that_is_left():
    shape = compile_constraint("é|漢a", BYTES)
    first, second = "é".encode()
    assert np.flatnonzero(shape.allowed(shape.start, 1)).tolist() == [first]
    state = shape.advance(shape.start, first)
    assert not shape.accepts(state)
    assert np.flatnonzero(shape.allowed(state, 1)).tolist() == [second]
    assert shape.can_go_on(state)
    assert shape.shortest == 1


# --- size and sharing -----------------------------------------------------------------------------


def walk(shape, seed, length):
    generator, state, text = random.Random(seed), shape.start, []
    for left in range(length, 0, -1):
        allowed = np.flatnonzero(shape.allowed(state, left)).tolist()
        if not allowed:
            break
        text.append(generator.choice(allowed))
        state = shape.advance(state, text[-1])
    assert shape.accepts(state)
    return shape.vocabulary.decode(text)


def test_a_constraint_with_more_states_than_memory_is_walked_in_little(monkeypatch):
    pattern = "(a|b)*a(a|b){40}"
    plain = walk(compile_constraint(pattern, letters("ab")), 1, 600)
    monkeypatch.setattr(automaton, "MAX_NUMBERS", 1000)
    shape = compile_constraint(pattern, letters("ab"))
    assert walk(shape, 1, 600) == plain
    assert re.fullmatch(pattern, plain)
    assert len(shape._dfa._known) < 1000


def test_threads_may_share_a_constraint(monkeypatch):
    monkeypatch.setattr(automaton, "MAX_NUMBERS", 2000)
    shape = compile_constraint("((a|b)*a(a|b){9}c)*", letters("abc"))
    alone = [walk(shape, seed, 300) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda seed: walk(shape, seed, 300), range(8))) == alone


def test_repeats_within_repeats_do_not_double():
    shape = compile_constraint("(" * 40 + "a" + "+)" * 40, letters("a"))
    assert allowed_texts(shape, shape.start, 1) == "a"
    assert shape.shortest == 1


def test_many_words_and_long_repeats_are_no_trouble():
    generator = random.Random(1)
    words = {"".join(generator.choices("abcdefgh", k=generator.randint(3, 9))) for _ in range(3000)}
    shape = compile_constraint("|".join(sorted(words)), ASCII)
    assert all(walk(shape, seed, 9) in words for seed in range(50))
    assert len(walk(compile_constraint(".{5000}", ASCII), 1, 5000)) == 5000
    assert expression.MAX_NODES > 5000


# --- a model that writes under a constraint -------------------------------------------------------------


def samples(model, pattern, length, size):
    """Samples of the real sampler under a constraint."""
    config = SamplingConfig(match=pattern, length=length, temperature=1.0, seed=2)
    return list(
        collect(
            in_order(generate(model, "", config, indices=range(60), batch_size=size)), "", config
        )
    )


LINE = r"[^\n]"
FORMS = [
    (r"\d{4}-\d{2}-\d{2}", 10),
    (rf"{LINE}{{5}}\n{LINE}{{7}}\n{LINE}{{5}}\n", 20),
    (r"[A-Za-z_]\w{0,15}", 12),
    (r'\{"name": "[A-Z][a-z]{1,8}", "age": [1-9]\d?, "tags": \[("[a-z]+"(, "[a-z]+")*)?\]\}', 60),
    (r"(?:Romeo|Juliet|The Nurse): [^\n]*", 30),
    (r"[漢😀é]{2,6}|\w+", 6),
]


@pytest.mark.parametrize("vocabulary", [ASCII, BYTES, WIDE], ids=["ascii", "bytes", "wide"])
@pytest.mark.parametrize(("pattern", "length"), FORMS)
def test_every_sample_matches_in_full_and_obeys_the_length(pattern, length, vocabulary):
    shape = compile_constraint(pattern, vocabulary)
    if shape.shortest is None:
        with pytest.raises(UsageError, match="lack"):
            shape.require(length)
        return
    shape.require(length)
    written = samples(random_model(vocabulary, hidden_size=7, num_layers=1), pattern, length, 1)
    assert [
        s.text
        for s in samples(random_model(vocabulary, hidden_size=7, num_layers=1), pattern, length, 32)
    ] == [s.text for s in written]
    assert {s.stop for s in written} == {"match"}
    texts = [s.text for s in written]
    for text in texts:
        assert re.fullmatch(pattern, text), text
        assert len(text) <= length
    assert len(set(texts)) > 20


def test_compiling_leaves_the_warning_filters_alone():
    before = list(warnings.filters)
    compile_constraint("[a-z]+", ASCII)
    assert warnings.filters == before
