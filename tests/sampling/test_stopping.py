"""Where samples end: stop texts, sentences, lines and lengths, each against a naive reading of the whole text."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.config import SamplingConfig
from charrnn.errors import UsageError
from charrnn.sampling.stopping import SentenceEnd, StoppingCriteria

texts = st.text("ab.", max_size=30)
stops = st.lists(st.text("ab.", min_size=1, max_size=8), max_size=3).map(tuple)


def read(text, prime="", **settings):
    """What is handed out of a text, how, and why it ended."""
    ends = StoppingCriteria(SamplingConfig(**({"length": 10**6} | settings)), prime)
    out = "".join(ends.read(character) for character in text if ends.reason is None)
    return out + ("" if ends.reason else ends.flush()), ends.reason


@given(st.text("ab.", max_size=8), texts, stops)
@example("ab", "ab", ("abab",))
@example("abba", "ab", ("abbaab",))
def test_a_stop_text_is_never_handed_out_whatever_precedes_it(prime, text, stops):
    whole = prime + text
    complete = [
        (end, len(stop))
        for stop in stops
        for end in range(len(prime) + 1, len(whole) + 1)
        if whole[:end].endswith(stop)
    ]
    out, reason = read(text, prime, stop=stops)
    if not complete:
        assert (out, reason) == (text, None)
        return
    end = min(end for end, _ in complete)
    length = max(length for at, length in complete if at == end)
    assert reason == "stop"
    assert out == text[: max(0, end - length - len(prime))]


@given(texts, stops)
def test_only_what_may_become_a_stop_text_is_held_back(text, stops):
    ends = StoppingCriteria(SamplingConfig(length=10**6, stop=stops))
    out = ""
    for number, character in enumerate(text, 1):
        out += ends.read(character)
        if ends.reason:
            break
        held = text[len(out) : number]
        beginnings = [text[:number][-n:] for n in range(1, number + 1)]
        longest = max(
            (len(b) for b in beginnings for s in stops if s.startswith(b) and s != b), default=0
        )
        assert len(held) == longest


@given(texts, st.integers(0, 40), st.none() | st.integers(0, 40), stops)
def test_length_and_max_chars_are_never_exceeded(text, length, most, stops):
    out, reason = read(text, length=length, max_chars=most, stop=stops)
    limit = length if most is None else min(length, most)
    assert len(out) <= limit
    if reason is None:
        assert out == text
        assert len(text) < limit or not text
    if reason in ("length", "max-chars"):
        assert out == text[:limit]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("It is. It was.", "It is."),
        ("Who? Me", "Who?"),
        ('"Go!" he said.\nAnd', '"Go!"'),
        ("3.14 is pi. So", "3.14 is pi."),
        ("Wait... what", "Wait..."),
        ("(So it is.) And", "(So it is.)"),
        ("end.\nNext", "end."),
        ("你好。再见", "你好。"),
        ("「你好。」再见", "「你好。」"),
        ("什么?!是", None),
        ("什么？！是", "什么？！"),
        ("no end", None),
        ("end.", None),
    ],
)
def test_a_sentence_ends_before_what_follows_its_mark(text, sentence):
    out, reason = read(text, length=0, until_sentence=True)
    assert (out, reason) == ((sentence, "sentence") if sentence else (text, None))


@given(st.text("a. )\n。", max_size=40), st.integers(0, 30))
def test_a_sentence_is_looked_for_only_after_the_length(text, length):
    out, reason = read(text, length=length, until_sentence=True)
    over, end = SentenceEnd(), None
    for at, character in enumerate(text):
        if over.is_before(character) and at >= length:
            end = at
            break
    assert (out, reason) == ((text, None) if end is None else (text[:end], "sentence"))
    whole = re.fullmatch(r".*(\.[)]*|。+[).]*)", out, re.DOTALL)
    assert reason is None or whole


def test_a_sentence_that_does_not_end_is_given_up():
    assert read("a" * 5000, length=10, until_sentence=True) == ("a" * 1010, "max-chars")
    assert read("a" * 50, length=10, until_sentence=True, max_chars=20) == ("a" * 20, "max-chars")


def test_a_line_ends_with_its_newline():
    assert read("ab\ncd", item_end="\n") == ("ab\n", "line")
    assert read("ab\n", item_end="\n", length=2) == ("ab", "length")
    assert read("ab\ncd", item_end="\n", stop=("b\n",)) == ("a", "stop")


def test_an_empty_stop_text_and_a_constraint_with_other_ends_are_refused(wording):
    with wording.raises(UsageError):
        SamplingConfig(stop=("a", ""))
    with wording.raises(UsageError):
        SamplingConfig(match="a+", until_sentence=True)
