"""Symbols and their numbers: order, width, round trips, and what a vocabulary says of strangers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import DataError
from charrnn.text.vocabulary import (
    NOT_IN_VOCABULARY,
    UNKNOWN_TEXT,
    Vocabulary,
    code_points,
    name_characters,
)

CHARACTERS = st.characters(exclude_categories=["Cs"])
BYTES = Vocabulary.of_bytes()


def of_text(text: str, *, has_unknown: bool = False) -> Vocabulary:
    return Vocabulary("char", sorted(set(map(ord, text))), has_unknown=has_unknown)


def spell(vocabulary: Vocabulary, ids) -> list[str]:
    """What the incremental decoder says after each id."""
    decode = vocabulary.decoder()
    return [decode(int(i)) for i in ids]


def test_ids_follow_code_point_order():
    vocabulary = of_text("b中a\n🙂é")
    assert vocabulary.decode(range(len(vocabulary))) == "\nabé中🙂"
    assert vocabulary.encode("🙂\né").tolist() == [5, 0, 3]


@pytest.mark.parametrize(
    ("size", "has_unknown", "dtype"),
    [
        (1, False, "uint8"),
        (256, False, "uint8"),
        (256, True, "uint16"),
        (257, False, "uint16"),
        (65_536, False, "uint16"),
        (65_536, True, "uint32"),
        (65_537, False, "uint32"),
    ],
)
def test_ids_take_the_smallest_width_that_holds_them_all(size, has_unknown, dtype):
    vocabulary = Vocabulary("char", range(size), has_unknown=has_unknown)
    assert vocabulary.dtype == np.dtype(dtype)
    largest = len(vocabulary) - 1
    assert np.array(largest).astype(vocabulary.dtype) == largest


@pytest.mark.parametrize("symbols", [[98, 97], [97, 97]])
def test_symbols_out_of_order_or_twice_are_our_own_mistake(symbols):
    with pytest.raises(AssertionError):
        Vocabulary("char", symbols)


@given(st.text(CHARACTERS, min_size=1))
def test_characters_survive_text_to_ids_to_text(text):
    vocabulary = of_text(text)
    ids = vocabulary.encode(text)
    assert len(ids) == len(text)
    assert ids.min() >= 0
    assert ids.max() < len(vocabulary)
    assert vocabulary.decode(ids) == text
    assert "".join(spell(vocabulary, ids)) == text


@given(st.text(CHARACTERS))
def test_bytes_survive_text_to_ids_to_text(text):
    ids = BYTES.encode(text)
    assert ids.tolist() == list(text.encode())
    assert BYTES.decode(ids) == text
    assert "".join(spell(BYTES, ids)) == text


@given(st.text(CHARACTERS, min_size=1))
def test_a_byte_model_never_shows_half_a_character(text):
    ends = np.cumsum([len(c.encode()) for c in text])
    shown = spell(BYTES, BYTES.encode(text))
    assert [i + 1 for i, piece in enumerate(shown) if piece] == ends.tolist()
    assert [piece for piece in shown if piece] == list(text)


@given(st.binary())
def test_bytes_that_are_no_utf_8_are_shown_as_replacement_characters(data):
    shown = "".join(spell(BYTES, data))
    assert data.decode("utf-8", "replace").startswith(shown)
    assert BYTES.decode(list(data)) == data.decode("utf-8", "replace")


@given(st.binary())
def test_raw_bytes_of_the_command_line_reach_a_byte_model(data):
    text = data.decode("utf-8", "surrogateescape")
    assert BYTES.encode(text).tolist() == list(data)


def test_each_decoder_starts_afresh():
    first, second = BYTES.decoder(), BYTES.decoder()
    assert first(0xC3) == ""
    assert second(ord("a")) == "a"
    assert first(0xA9) == "é"


@given(st.text(CHARACTERS, min_size=1), st.text(CHARACTERS))
def test_with_an_unknown_symbol_every_text_can_be_read(known, text):
    vocabulary = of_text(known, has_unknown=True)
    ids = vocabulary.encode(text)
    assert vocabulary.unknown_id == len(vocabulary) - 1 == len(set(known))
    assert vocabulary.missing(text) == []
    expected = "".join(c if c in known else UNKNOWN_TEXT for c in text)
    assert vocabulary.decode(ids) == expected
    assert "".join(spell(vocabulary, ids)) == expected


@given(st.text(CHARACTERS, min_size=1), st.text(st.characters()))
def test_missing_characters_come_once_in_order_of_appearance(known, text):
    expected = list(dict.fromkeys(c for c in text if c not in known))
    vocabulary = of_text(known)
    assert vocabulary.missing(text) == expected
    found = vocabulary.lookup(code_points(text)) == NOT_IN_VOCABULARY
    assert found.tolist() == [c not in known for c in text]


def test_missing_characters_are_named_with_code_points():
    with pytest.raises(DataError) as caught:
        of_text("abc").encode("aéb\x1b中é")
    message = caught.value.message
    assert "3 characters" in message
    assert "é (U+00E9 LATIN SMALL LETTER E WITH ACUTE)" in message
    assert "中 (U+4E2D CJK UNIFIED IDEOGRAPH-4E2D)" in message
    assert message.count("U+00E9") == 1


@pytest.mark.parametrize("character", ["\x1b", "\x00", "\x9b", "\u202e", "\ud800", "\U0010ffff"])
def test_a_named_character_cannot_act_on_the_terminal(character):
    named = name_characters([character])
    assert named.isascii()
    assert named.isprintable()
    assert f"U+{ord(character):04X}" in named


def test_a_long_list_of_characters_is_cut_and_counted():
    named = name_characters([chr(97 + k) for k in range(11)], most=4)
    assert named.count("U+") == 4
    assert named.endswith(" and 7 more")


@pytest.mark.parametrize("vocabulary", [of_text("ab"), BYTES], ids=["char", "byte"])
def test_a_lone_surrogate_is_refused(vocabulary):
    with pytest.raises(DataError, match=r"U\+D800"):
        vocabulary.encode("a\ud800b")


def test_nothing_encodes_to_nothing():
    for vocabulary in (of_text("ab"), BYTES):
        assert vocabulary.encode("").tolist() == []
        assert vocabulary.decode([]) == ""
