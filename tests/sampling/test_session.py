"""A text written together: what is accepted, what is suggested, and the way back."""

import dataclasses
import random

import numpy as np
import pytest
from helpers import examples, random_model
from hypothesis import given
from hypothesis import strategies as st
from sampling_models import LETTERS, make_model

from charrnn.config import SamplingConfig
from charrnn.errors import DataError, EnvironmentFault, UsageError
from charrnn.sampling import sampler
from charrnn.sampling.sampler import generate, sample
from charrnn.sampling.session import Session, first_word
from charrnn.text.vocabulary import Vocabulary

WORDS = Vocabulary("char", [ord(c) for c in "\n abcd"])
MODEL = make_model(WORDS)
BYTES = make_model(Vocabulary.of_bytes())


def make_session(text="", model=MODEL, **options):
    return Session(model, SamplingConfig(**({"seed": 7, "length": 30} | options)), text)


def test_records_are_saved_as_a_corpus_has_them(tmp_path):
    end = "\x1e"
    model = random_model("ab" + end, seed=2)
    config = SamplingConfig(seed=7, length=300, item_end=end)
    session = Session(model, config, "a", "\n%%\n")
    first = written(session)
    assert session.stop == "end"
    assert first.endswith(end)  # so that the next one begins behind it
    assert end not in first[:-1]
    session.accept_all()
    assert written(session) == "".join(sample(model, "", config, index=1)) + end
    session.accept_all()
    session.save(tmp_path / "a.txt")
    assert (
        (tmp_path / "a.txt").read_text() == session.text.replace(end, "\n%%\n") == session.readable
    )
    assert session.readable.count("%%") == 2


def written(session):
    """Have the suggestion written to its end, and give it."""
    for _ in session.generate():
        pass
    return session.suggestion


def seen(session):
    return session.text, session.suggestion, session.temperature, session.stop, session.draft


def sampled(text, index=0, model=MODEL, **options):
    """What `write` gives for one stream of the seed."""

    config = SamplingConfig(**({"seed": 7, "length": 30} | options))
    return "".join(piece.text for piece in generate(model, text, config, indices=[index]))


@pytest.fixture(autouse=True)
def parts_of_one_character(monkeypatch):
    monkeypatch.setattr(sampler, "STRIDE", 1)


# --- suggestions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "ab c"])
def test_the_first_suggestion_is_what_sample_writes(text):
    assert written(make_session(text)) == "".join(MODEL.sample(text, seed=7, length=30))


def test_the_parts_of_a_suggestion_come_one_by_one_and_make_it_up():
    session = make_session("ab")
    parts, grown = [], []
    for part in session.generate():
        parts.append(part)
        grown.append(session.suggestion)
    assert len(parts) == 30
    assert grown == ["".join(parts[: k + 1]) for k in range(30)]
    assert (session.stop, list(session.generate())) == ("length", [])


def test_another_suggestion_is_another_and_the_same_steps_give_the_same():
    def suggestions():
        session = make_session("ab")
        yield written(session)
        for _ in range(5):
            session.regenerate()
            yield written(session)

    first, second = list(suggestions()), list(suggestions())
    assert first == second
    assert len(set(first)) == 6
    assert first == [sampled("ab", index) for index in range(6)]


def test_another_temperature_draws_with_the_same_numbers_so_that_the_way_back_is_the_first():
    session = make_session("ab", temperature=1.5)
    first = written(session)
    session.set_temperature(0.3)
    assert written(session) == sampled("ab", temperature=0.3) != first
    session.set_temperature(1.5)
    assert written(session) == first


def test_at_temperature_zero_all_suggestions_are_the_likeliest():
    session = make_session("ab", temperature=0)
    first = written(session)
    session.regenerate()
    assert written(session) == first


def test_the_settings_are_obeyed():
    session = make_session("ab", length=400, stop=("ca",), ban="d", top_k=3)
    assert written(session) == sampled("ab", length=400, stop=("ca",), ban="d", top_k=3)
    assert session.stop == "stop"


def test_a_line_goes_on_from_the_last_line_of_the_text():
    session = make_session("a", item_end="\n", length=500)
    first = written(session)
    assert first.endswith("\n")
    assert first == sampled("a", item_end="\n", length=500)
    session.accept_all()
    assert written(session) == sampled("", 1, item_end="\n", length=500)
    session.type("bb")
    assert session.text == "a" + first + "bb"
    assert written(session) == sampled("bb", 2, item_end="\n", length=500)


def test_what_cannot_be_obeyed_is_said_at_once():
    with pytest.raises(DataError, match="é"):
        make_session("é")
    with pytest.raises(DataError, match="é"):
        make_session("é\na", item_end="\n")
    with pytest.raises(UsageError):
        make_session(match="x+")


# --- accepting ------------------------------------------------------------------------------------


@given(st.text(" \nab", max_size=20))
def test_the_first_word_ends_before_white_space_that_follows_a_letter(text):
    words, rest = [], text
    while rest:
        word = first_word(rest)
        assert word == rest[: len(word)] != ""
        words.append(word)
        rest = rest[len(word) :]
    assert [w.split() for w in words if w.strip()] == [[w] for w in text.split()]
    assert all(w == w.rstrip() for w in words[:-1])


@pytest.mark.parametrize("model", [MODEL, BYTES])
def test_word_by_word_to_the_end_is_the_same_as_all_at_once(model):
    by_word, at_once = make_session("ab", model), make_session("ab", model)
    whole = written(by_word)
    written(at_once)
    assert at_once.accept_all() == whole
    words = []
    while len(by_word.text) < len("ab" + whole):
        before = by_word.suggestion
        words.append(by_word.accept_word())
        assert before.startswith(words[-1])
        if by_word.text != "ab" + whole:
            assert by_word.suggestion == before[len(words[-1]) :]  # the rest of the same stream
    assert "".join(words) == whole
    assert seen(by_word) == seen(at_once)
    assert written(by_word) == written(at_once)


def test_after_all_of_a_suggestion_the_next_stream_goes_on():
    session = make_session("ab")
    whole = written(session)
    session.accept_all()
    assert (session.text, session.suggestion, session.stop) == ("ab" + whole, "", None)
    assert written(session) == sampled("ab" + whole, 1)


def test_half_a_suggestion_can_be_accepted_and_the_other_half_still_comes():
    session, whole = make_session("ab"), sampled("ab")
    parts = session.generate()
    for _ in range(10):
        next(parts)
    assert session.accept_all() == whole[:10]
    assert session.accept_word() == ""
    assert "".join(parts) == whole[10:]
    assert session.suggestion == whole[10:]


def test_what_is_typed_as_suggested_leaves_the_suggestion():
    session = make_session("ab")
    whole = written(session)
    for k, character in enumerate(whole[:5]):
        session.type(character)
        assert session.suggestion == whole[k + 1 :]
    assert session.draft.index == 0


def test_what_is_typed_otherwise_begins_another():
    session = make_session("ab")
    other = next(c for c in "abcd" if c != written(session)[0])
    session.type(other)
    assert (session.text, session.suggestion) == ("ab" + other, "")
    assert written(session) == sampled("ab" + other, 1)


def test_deleting_gives_back_to_the_suggestion_and_before_its_beginning_begins_another():
    session = make_session("ab")
    whole = written(session)
    session.accept_word()
    kept = session.text
    session.delete()
    assert session.text + session.suggestion == "ab" + whole
    while session.text != "ab":
        session.delete()
    assert session.suggestion == whole
    session.delete()
    assert (session.text, session.suggestion) == ("a", "")
    assert written(session) == sampled("a", 1)
    assert kept.startswith("ab")


@pytest.mark.parametrize(
    ("text", "left"), [("ab cd", "ab "), ("ab cd \n", "ab "), ("ab", ""), ("  ", ""), ("", "")]
)
def test_a_word_is_deleted_with_the_white_space_after_it(text, left):
    session = make_session(text)
    session.delete_word()
    assert session.text == left


def test_unknown_characters_change_nothing(wording):
    session = make_session("ab")
    written(session)
    before = seen(session)
    with wording.raises(DataError):
        session.type("cé")
    assert seen(session) == before
    assert not session.undo()


@pytest.mark.parametrize("temperature", [-1, float("nan"), float("inf")])
def test_what_is_no_temperature_changes_nothing(temperature):
    session = make_session("ab")
    before = seen(session)
    with pytest.raises(UsageError):
        session.set_temperature(temperature)
    assert seen(session) == before


def test_a_byte_model_takes_any_text_and_suggests_whole_characters():
    session = make_session("é漢", BYTES, length=50)
    assert len(written(session)) == 50
    session.accept_word()
    session.delete()
    assert session.text + session.suggestion == "é漢" + sampled("é漢", 0, BYTES, length=50)


# --- back -----------------------------------------------------------------------------------------

STEPS = {
    "word": Session.accept_word,
    "all": Session.accept_all,
    "again": Session.regenerate,
    "delete": Session.delete,
    "delete word": Session.delete_word,
    "write": written,
    "part": lambda session: next(session.generate(), None),
    "colder": lambda session: session.set_temperature(session.temperature / 2),
    "type": lambda session: session.type("ca b"),
    "a": lambda session: session.type("a"),
}


@examples(60)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_every_step_can_be_taken_back_and_the_invariant_holds(steps):
    session = make_session("ab", length=12)
    before = [seen(session)]
    for step in steps:
        STEPS[step](session)
        whole = session.draft.text + sampled(
            session.draft.text, session.draft.index, temperature=session.temperature, length=12
        )
        assert whole.startswith(session.text + session.suggestion)
        assert session.text.startswith(session.draft.text)
        before.append(seen(session))
    while session.undo():
        # what the model wrote meanwhile is no step: the moment comes back in its last form
        assert seen(session) in before
    assert session.text == "ab"
    assert session.draft == before[0][-1]


def test_back_brings_back_text_suggestion_and_temperature():
    session = make_session("ab")
    written(session)
    moments = [seen(session)]
    for step in (
        session.accept_word,
        session.regenerate,
        lambda: session.set_temperature(2.0),
        lambda: session.type("dd "),
        session.delete,
        session.accept_all,
    ):
        step()
        written(session)
        moments.append(seen(session))
    assert len(set(moments)) == len(moments)
    for moment in reversed(moments[:-1]):
        assert session.undo()
        assert seen(session) == moment
    assert not session.undo()


def test_a_suggestion_that_was_left_half_written_is_written_to_its_end_after_the_way_back():
    session = make_session("ab")
    parts = session.generate()
    for _ in range(5):
        next(parts)
    session.regenerate()
    assert list(parts) == []
    session.undo()
    assert session.suggestion == sampled("ab")[:5]
    assert "".join(session.generate()) == sampled("ab")[5:]


def test_a_word_typed_letter_by_letter_is_taken_back_as_one():
    session = make_session("", length=0)
    for character in "ab cd":
        session.type(character)
    found = []
    while session.undo():
        found.append(session.text)
    assert found == ["ab", ""]


def test_what_comes_between_parts_what_is_typed():
    session = make_session("", length=0)
    session.type("a")
    session.regenerate()
    session.type("b")
    session.undo()
    assert session.text == "a"
    session.type("c")
    session.undo()
    assert session.text == "a"


def test_a_step_that_changes_nothing_is_none():
    session = make_session("", length=0)
    session.accept_word()
    session.accept_all()
    session.delete()
    session.type("")
    session.edit("")
    session.set_temperature(session.temperature)
    assert not session.undo()


# --- threads --------------------------------------------------------------------------------------


def test_what_was_written_for_another_suggestion_is_ignored():
    session = make_session("ab")
    old = session.draft
    session.type("c")
    session.receive(old, "dddd", "length")
    assert (session.suggestion, session.stop) == ("", None)


def test_news_that_are_none_are_ignored():
    session = make_session("ab")
    session.receive(session.draft, "cd", None)
    session.receive(session.draft, "c", None)
    assert session.suggestion == "cd"
    session.receive(session.draft, "cda", "length")
    session.receive(session.draft, "cdab", None)
    assert (session.suggestion, session.stop) == ("cda", "length")


def test_running_a_draft_changes_nothing_and_closing_it_ends_the_writing():
    steps = []

    class Counting(type(MODEL)):
        def step(self, ids, state):
            steps.append(ids)
            return super().step(ids, state)

    model = Counting(MODEL.config, MODEL.vocabulary, MODEL.weights)
    session = make_session("ab", model, length=10**9)
    before = seen(session)
    running = session.run(session.draft)
    for _ in range(5):
        next(running)
    count = len(steps)
    running.close()
    assert len(steps) == count < 10
    assert seen(session) == before


# --- saving ---------------------------------------------------------------------------------------


def test_the_text_is_saved_exactly_and_the_suggestion_is_not(tmp_path):
    session = make_session("é漢\n\x1b\udcff ", BYTES)
    written(session)
    session.save(tmp_path / "story.txt")
    assert (tmp_path / "story.txt").read_bytes() == "é漢\n\x1b".encode() + b"\xff "
    assert [path.name for path in tmp_path.iterdir()] == ["story.txt"]


def test_a_file_that_is_there_is_kept_unless_it_was_saved_before_or_is_to_be_replaced(
    tmp_path, wording
):
    path = tmp_path / "story.txt"
    path.write_text("old")
    session = make_session("ab")
    with wording.raises(UsageError):
        session.save(path)
    assert path.read_text() == "old"
    session.save(path, replace=True)
    session.type("c")
    session.save(path)
    assert path.read_text() == "abc"


def test_what_cannot_be_saved_is_told(tmp_path, wording):
    session = make_session("ab")
    with wording.raises(UsageError):
        session.save(tmp_path)
    with wording.raises(EnvironmentFault):
        session.save(tmp_path / "nowhere" / "story.txt")
    with pytest.raises((UsageError, EnvironmentFault)):
        session.save(tmp_path / ("x" * 300))
    with wording.raises(UsageError):
        session.save(tmp_path / "a\0b")


def test_the_unknown_symbol_stands_for_what_is_typed():
    vocabulary = Vocabulary("char", LETTERS.symbols, has_unknown=True)
    session = make_session("", make_model(vocabulary))
    session.type("é")
    assert "\N{REPLACEMENT CHARACTER}" not in written(session)
    assert session.text == "é"


def test_a_session_leaves_its_settings_and_the_global_random_states_alone():
    config = SamplingConfig(seed=1, length=5)
    before = dataclasses.asdict(config), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    session = Session(MODEL, config)
    session.set_temperature(0.1)
    written(session)
    after = dataclasses.asdict(config), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert after == before
