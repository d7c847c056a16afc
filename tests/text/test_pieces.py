"""How a text is cut into records and documents, and what stands between files."""

import io
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, SettingError
from charrnn.text.advice import corpus_advice
from charrnn.text.corpus import Corpus, read_corpus
from charrnn.text.pieces import ended
from charrnn.text.sources import TextSource

RECIPES = "Cake\n\n- 3 eggs\n\n%%\n\nSoup\n\n- 2 leeks\n- salt\n\n%%\n\nTea\n"


def read(*texts: str, **settings) -> Corpus:
    """The corpus of some files."""
    sources = [
        TextSource(f"{number}.txt", lambda text=text: io.BytesIO(text.encode()))
        for number, text in enumerate(texts)
    ]
    return read_corpus(sources, CorpusConfig(**settings), cache=Path("unused"))


def text_of(corpus: Corpus) -> str:
    return corpus.vocabulary.decode(corpus.ids)


def items(corpus: Corpus, part=None) -> list[str]:
    ids = corpus.ids if part is None else part
    begin, *found, end = corpus.vocabulary.decode(ids).split(corpus.item_end)
    assert begin == end == ""
    return found


# --- cutting ----------------------------------------------------------------------------------------------------------


@given(
    st.text("a%\n", max_size=40),
    st.sampled_from(["%%", "\n\n", "%", "\n%\n", "a", "%a%"]),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_records_do_not_depend_on_how_a_text_comes_in_pieces(text, separator, cuts):
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(bounds)]
    expected = [part.strip("\n") for part in text.split(separator)]
    assert "".join(ended(pieces, separator, "|")) == "|".join(filter(None, expected))


@pytest.mark.parametrize("level", ["char", "byte"])
def test_records_are_what_stands_between_separators_without_the_newlines_around(level):
    corpus = read(RECIPES, separator="%%", level=level)
    recipes = ["Cake\n\n- 3 eggs", "Soup\n\n- 2 leeks\n- salt", "Tea"]
    assert sorted(items(corpus)) == recipes
    assert corpus.num_items == 3
    assert len(corpus) == sum(map(len, recipes)) + 3


def test_an_empty_line_separates_and_several_do_not_make_an_empty_record():
    assert sorted(items(read("\n\na\nb\n\n\n\nc\n\n", separator="\n\n"))) == ["a\nb", "c"]


def test_each_file_is_a_document_and_no_word_runs_into_the_next():
    corpus = read("tweet 1", "tweet 2\n", "", "tweet 3", documents=True)
    assert sorted(items(corpus)) == ["tweet 1", "tweet 2", "tweet 3"]


@pytest.mark.parametrize("settings", [{"separator": "%%"}, {"documents": True}, {"lines": True}])
def test_items_are_shuffled_and_split_as_wholes_by_the_split_seed(settings):
    texts = [f"number {k}" for k in range(30)]
    joined = ["\n%%\n".join(texts)] if "separator" in settings else texts
    first = read(*joined, **settings)
    assert sorted(items(first, first.train) + items(first, first.val)) == sorted(texts)
    assert len(items(first, first.val)) == 3
    again, other = read(*joined, **settings), read(*joined, **settings, split_seed=2)
    assert items(again) == items(first) != items(other) != texts


def test_the_character_that_ends_a_record_may_not_stand_in_the_text(wording):
    for settings, character in (
        ({"separator": "%"}, "\x1e"),
        ({"documents": True}, "\x1c"),
        ({"separator": "%", "level": "byte"}, "\x1e"),
    ):
        with wording.raises(DataError):
            read(f"a{character}b%c", **settings)


def test_a_separator_that_makes_no_two_records_is_refused(wording):
    with wording.raises(DataError):
        read("one\ntwo\n", separator="%%")


def test_only_one_kind_of_item_is_read_and_the_split_seed_needs_one():
    for settings in (
        {"lines": True, "documents": True},
        {"separator": "%", "documents": True},
        {"separator": "%", "lines": True},
        {"separator": ""},
        {"split_seed": 2},
    ):
        with pytest.raises(SettingError):
            CorpusConfig(**settings)


# --- between files ----------------------------------------------------------------------------------------------------


def test_a_newline_stands_between_files_that_have_none_and_this_is_said():
    corpus = read("hello", "world\n", "", "again", "and")
    assert text_of(corpus) == "hello\nworld\nagain\nand"
    (note,) = corpus.notes
    assert note == (
        "5 files joined, each ended by a newline, added to 2 that had none; "
        "{documents} treats each of these small files as a separate text"
    )


def test_a_single_file_gets_no_boundary_and_few_files_no_advice():
    assert (text_of(read("hello")), read("hello").notes) == ("hello", ())
    assert read("a\n", "b\n").notes == ("2 files joined, each ended by a newline",)


def test_an_older_run_reads_its_files_without_a_boundary():
    """As its fingerprint, and the ids that it was trained on, ask for."""
    assert text_of(read("hello", "world", tidied=False)) == "helloworld"


# --- a list -----------------------------------------------------------------------------------------------------------

NAMES = "".join(f"{a}{b}{c}\n" for a in "ADLMS" for b in ("ar", "ina", "o") for c in "aeinr")
VERSE = "Shall I compare thee to a day,\nThou art more lovely now and mild:\n" * 40
CODE = "def f(x):\n    y = x\n    return y\n\n" * 40


def is_list(text, **settings):
    return any("{lines} treats" in note for note in corpus_advice(read(text, **settings)))


def test_a_list_of_short_lines_is_noticed():
    assert is_list(NAMES)
    assert is_list(NAMES, level="byte")
    assert not is_list(NAMES, lines=True)


@pytest.mark.parametrize("text", [VERSE, CODE, NAMES[:90], NAMES.replace("\n", "n" * 50 + "\n")])
def test_verse_code_short_texts_and_long_lines_are_no_list(text):
    assert not is_list(text)
