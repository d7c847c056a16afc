"""What is said of a corpus before a network is trained on it."""

import io
import itertools
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.text.advice import LITTLE, corpus_advice
from charrnn.text.corpus import Corpus, read_corpus
from charrnn.text.normal import known_form, normalized, normalized_pieces
from charrnn.text.sources import TextSource
from charrnn.text.vocabulary import Vocabulary, code_points

NAMES = "José García, Ángel Muñoz y Begoña Núñez\n" * 9
DECOMPOSED = unicodedata.normalize("NFD", NAMES)


def read(text: str, vocabulary: Vocabulary | None = None, **settings) -> Corpus:
    source = TextSource("a.txt", lambda: io.BytesIO(text.encode()))
    return read_corpus(
        [source], CorpusConfig(**settings), cache=Path("unused"), vocabulary=vocabulary
    )


def text_of(corpus: Corpus) -> str:
    return corpus.vocabulary.decode(corpus.ids)


def vocabulary_of(text: str) -> Vocabulary:
    return Vocabulary("char", sorted(set(code_points(text).tolist())))


def advice(text: str, **settings) -> str:
    return "\n".join(corpus_advice(read(text, **settings)))


# --- length -----------------------------------------------------------------------------------------------------------


def test_little_text_is_called_little_with_what_would_be_enough():
    assert "only 21 characters" in advice("twenty-one characters")
    assert "1,000,000 (a long book)" in advice("twenty-one characters")
    assert "only 21 bytes" in advice("twenty-one characters", level="byte")
    assert "little text" not in advice("ab c\n\n" * LITTLE)


# --- accents ----------------------------------------------------------------------------------------------------------


@given(
    st.text("ae\u0301\u0327\u00e9가\u1100\u1161\u11a8 \n", max_size=40),
    st.lists(st.integers(0, 40)),
)
def test_a_normal_form_does_not_depend_on_how_a_text_comes_in_pieces(text, cuts):
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(bounds)]
    for form in ("nfc", "nfd"):
        expected = unicodedata.normalize(form.upper(), text)
        assert "".join(normalized_pieces(pieces, form)) == expected


@pytest.mark.parametrize("text", [NAMES, DECOMPOSED, NAMES + DECOMPOSED])
def test_a_corpus_is_read_in_the_normal_form_that_is_named(text):
    assert set(text_of(read(text, normalize="nfc"))) == set(NAMES)
    assert set(text_of(read(text, normalize="nfd"))) == set(DECOMPOSED)
    assert text_of(read(text)) == text


def test_fault_50_decomposed_accents_are_noticed_and_composed_ones_are_right():
    assert f"{9 * 7} decomposed accents" in advice(DECOMPOSED)
    assert "{normalize:nfc} composes each into one character" in advice(DECOMPOSED)
    for text, settings in (
        (NAMES, {}),
        (DECOMPOSED, {"normalize": "nfc"}),
        (NAMES, {"level": "byte"}),
        ("\u0958a\u0301\u0959" * 50, {}),  # composed it has more characters, not fewer
    ):
        assert "accent" not in advice(text, **settings)


def test_accents_that_make_characters_unknown_are_told_with_the_form_of_the_model():
    cases = ((DECOMPOSED, NAMES, "composed", "nfc"), (NAMES, DECOMPOSED, "decomposed", "nfd"))
    for text, known, what, form in cases:
        with pytest.raises(DataError) as caught:
            read(text, vocabulary_of(known))
        assert caught.value.hint == f"the model's accents are {what}: add normalize={form!r}"
        assert read(text, vocabulary_of(known), normalize=form).ids.size == len(known)
    with pytest.raises(DataError) as caught:
        read(DECOMPOSED + "日", vocabulary_of(NAMES))
    assert not caught.value.hint
    with pytest.raises(DataError) as caught:
        read("Jose", vocabulary_of("José"))  # an e that is none of the accents' letters
    assert not caught.value.hint


def test_the_form_in_which_more_is_known_is_found():
    assert known_form(DECOMPOSED, vocabulary_of(NAMES)) == "NFC"
    assert known_form(NAMES, vocabulary_of(DECOMPOSED)) == "NFD"
    assert known_form(NAMES, vocabulary_of(NAMES)) is None
    assert known_form("日" + NAMES, vocabulary_of(NAMES)) is None
    assert normalized(DECOMPOSED, "NFC") == NAMES


# --- characters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_byte_order_mark_inside_a_text_is_no_symbol(encoding):
    data = ("\ufeffuno dos\n\ufefftres\n\ufeff" * 2).encode(encoding)
    source = TextSource("a.txt", lambda: io.BytesIO(data))
    corpus = read_corpus([source], CorpusConfig(), cache=Path("unused"))
    assert text_of(corpus) == "uno dos\ntres\n" * 2
    assert (
        "5 byte order marks inside the text left out (U+FEFF, where files were joined)"
        in corpus.notes
    )
    before = read_corpus([source], CorpusConfig(tidied=False), cache=Path("unused"))
    assert text_of(before).count("\ufeff") == 5  # what an older run was trained on


def test_a_character_that_stands_only_behind_the_training_text_is_named():
    text = "abcdefgh ijkl\n" * 90 + "abc§\n"
    assert "1 character occurs only in the validation or test text: § (U+00A7 SECTION SIGN)" in (
        advice(text)
    )
    assert "only in the validation or test text" not in advice(text, val_fraction=0.0)
    assert "only in the validation or test text" not in advice("§" + text)
    assert "only in the validation or test text" in advice(
        text, val_fraction=0.0, test_fraction=0.1
    )
    assert "only in the validation or test text" not in advice(text, level="byte")
    assert "only in the validation or test text" not in advice(
        text, min_count=2
    )  # it is the unknown symbol


def test_lines_that_differ_only_in_blanks_at_their_ends_are_counted():
    text = "".join(f"name {k}\nname {k} \n" for k in range(9)) + "one\n\tone\none \n"
    assert "11 lines differ from another only in leading or trailing blanks: sed -E " in advice(
        text, lines=True
    )
    assert "trailing blanks" not in advice(text.replace(" \n", "\n").replace("\t", ""), lines=True)
    assert "trailing blanks" not in advice(text)
