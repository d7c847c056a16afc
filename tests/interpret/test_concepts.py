"""Concepts: the value of each at every character of small texts, written below them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import UsageError
from charrnn.interpret.concepts import CONCEPTS, get_concept

TRUTHS = [
    ("inside double quotes", 'say "hi" now', "000011100000"),
    ("inside double quotes", '"a" "b"', "1100110"),
    ("inside double quotes", r'"\"" x', "111000"),
    ("inside double quotes", '"a\nb" c', "1111000"),
    ("inside double quotes", '"a\n\nb" c', "00000000"),
    ("inside double quotes", 'an inch " is one', "0" * 16),
    ("inside double quotes", "“hi” x", "111000"),
    ("inside single quotes", "x = 'ab'", "00001110"),
    ("inside single quotes", "don't won't", "0" * 11),
    ("inside single quotes", "'tis the dog's", "0" * 14),
    ("inside triple quotes", '"""a"b"""c', "0011111100"[:10]),
    ("inside triple quotes", '"a"', "000"),
    ("inside a string", "'a' \"b\"", "1100110"),
    ("inside a string", "# 'a'\n'b'", "000000110"),
    ("inside a comment", "a # b\nc", "0011100"),
    ("inside a comment", "'#' # b", "0000111"),
    ("inside a comment", "a /* b */ c", "00111111100"),
    ("inside a comment", "http://x.y", "0" * 10),
    ("inside a comment", "int a; // b\nc", "0000000111100"),
    ("inside brackets", "f(x)[1] ", "01101100"),
    ("inside an identifier", 'if a_1: "b" # c', "110111000000000"),
    ("leading blanks", "  a b\n\tc\n  ", "110000100" + "11"),
    ("a newline is due", "ab\nc\n\nd", "0101000"),
    ("blank line", "a\n\nb\n \nc", "00100010"),
    ("speaker's name", "\n\nFirst Citizen:\nWe: no", "00" + "1" * 13 + "0" * 8),
    ("inside a word", "don't - x1 well-to-do", "11111" + "000100" + "1" * 10),
    ("start of a sentence", "Hi. You", "0001000"),
    ("start of a sentence", "ab. cd", "000000"),
    ("run of capitals", "A ROMEO: Bc", "00011110000"),
    ("inside a number", "x1 12.5 a3", "0001111000"),
    ("inside an address", "see http://a.b/c, ok", "0000" + "1" * 12 + "0000"),
    ("inside an address", "a@b.org x", "111111100"),
    ("Markdown emphasis", "a *bc* d", "00111000"),
    ("Markdown emphasis", "2 * 3 * 4", "0" * 9),
    ("Markdown emphasis", "snake_case_name", "0" * 15),
]
NUMBERS = [
    ("bracket depth", "a([b]{c})d", "0122122100"),
    ("bracket depth", ") (a", "0011"),
    ("bracket depth", "(a\n\nb)", "1110000"[:3] + "0" * 3),
    ("bracket depth", "(')')", "11110"),
    ("depth of ( )", "([(", "112"),
    ("depth of [ ]", "([[]", "0121"),
    ("depth of { }", "{}{", "101"),
    ("indentation", "  ab\nc", "122200"),
    ("position in line", "ab\ncd", "12012"),
    ("position in word", "ab cd1", "120120"),
]


@pytest.mark.parametrize(("name", "text", "expected"), TRUTHS)
def test_where_a_concept_holds(name, text, expected):
    values = CONCEPTS[name].of(text)
    assert "".join(str(int(value)) for value in values) == expected


@pytest.mark.parametrize(("name", "text", "expected"), NUMBERS)
def test_the_degree_of_a_concept(name, text, expected):
    values = CONCEPTS[name].of(text)
    assert "".join(str(int(value)) for value in values) == expected
    assert CONCEPTS[name].is_number


def test_every_concept_of_the_catalog_is_tested_here():
    assert {name for name, *_ in TRUTHS + NUMBERS} == {*CONCEPTS}


@given(text=st.text(alphabet="ab \n\t'\"#()[]{}*_/.:1A\\é", max_size=60))
def test_a_concept_has_a_finite_value_for_every_character(text):
    for concept in CONCEPTS.values():
        values = concept.of(text)
        assert values.shape == (len(text),)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        if not concept.is_number:
            assert np.isin(values, (0, 1)).all()


def test_a_tab_reaches_to_the_next_multiple_of_eight():
    assert CONCEPTS["indentation"].of("\t  a").tolist() == [8, 9, 10, 10]


def test_every_concept_has_a_summary_of_one_sentence():
    for concept in CONCEPTS.values():
        assert concept.summary.endswith(".")


def test_a_part_of_a_name_is_enough_where_no_other_has_it():
    assert get_concept("Comment").name == "inside a comment"
    with pytest.raises(UsageError, match="several concepts"):
        get_concept("word")
    assert get_concept("quotes").name == "inside a string"
    with pytest.raises(UsageError, match="several concepts"):
        get_concept("")
    with pytest.raises(UsageError, match="colour"):
        get_concept("colour")
