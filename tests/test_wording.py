"""The words of messages: how many there are, what was meant, and options that take one of a few words."""

import pytest
from helpers import call_charrnn, random_model
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import UsageError
from charrnn.interpret.units import parse_unit, parse_units
from charrnn.model import CharRNN
from charrnn.wording import (
    as_typed,
    counted,
    did_you_mean,
    duration,
    edit_distance,
    escape,
    listed,
    nearest,
    plain,
    quoted,
    size,
)


@pytest.fixture
def call(workplace, monkeypatch, capsys):
    """`charrnn ARGUMENTS` beside the corpus and its two runs, `bytes` and `tiny`."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(workplace)

    def run(*arguments, status=0):
        return call_charrnn(capsys, *arguments, status=status)

    return run


# --- numbers --------------------------------------------------------------------------------------


def test_only_one_thing_is_singular():
    assert [counted(n, "line") for n in (0, 1, 2, 1000)] == [
        "0 lines",
        "1 line",
        "2 lines",
        "1,000 lines",
    ]
    assert [size(n) for n in (0, 1, 999, 1000)] == ["0 bytes", "1 byte", "999 bytes", "1.0 kB"]


@pytest.mark.parametrize(
    ("arguments", "status", "counted"),
    [
        (("visualize", "tiny", "--max-chars", 1), 0, "1 character "),
        (("saliency", "tiny", "d", "--at", 5), 2, "1 character,"),
        (("gates", "tiny", "d"), 0, "1 character,"),
        (("visualize", "tiny", "d", "--unit", "L0.h.0-0"), 0, "1 unit,"),
        (
            ("sample", "tiny", "--lines", "-n", 1, "--count", 1, "--seed", 1),
            0,
            "1 line ",
        ),
        (
            ("sample", "tiny", "--lines", "-n", 1, "--count", 2, "--seed", 1),
            0,
            "2 lines ",
        ),
    ],
)
def test_one_of_something_is_said_as_one(call, arguments, status, counted):
    result = call(*arguments, status=status)
    assert f" {counted}" in result.out + result.err


# --- what was meant -------------------------------------------------------------------------------


def test_long_lists_and_texts_are_cut_short():
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a", "b", "c", "d"], most=2) == "a, b and 2 more"
    assert quoted("a\n") == r"'a\n'"
    assert quoted("x" * 100, most=10) == "'xxxx ... xxxx'"
    assert escape("a\x1b[") == r"a\x1b["


def test_an_expression_is_shown_as_it_was_typed():
    assert as_typed(r"\w+") == r"'\w+'"
    assert as_typed("it's\n") == r'''"it's\n"'''
    assert as_typed("x" * 100, most=10) == "'xxxx ... xxxx'"


def test_durations_are_minutes_or_hours():
    assert [duration(s) for s in (-1, 0.4, 75, 4000)] == ["0:00", "0:00", "1:15", "1:06:40"]


def test_the_nearest_word_is_found_in_small_letters_and_large():
    known = ["names", "plays", "Python"]
    assert nearest("plasy", known) == "plays"
    assert nearest("PLAYS", known) == "plays"
    assert nearest("pyhton", known) == "Python"
    assert nearest("zzz", known) is nearest("plays", []) is None
    assert did_you_mean("plasy", known) == "did you mean plays?"
    assert did_you_mean("zzz", known) == ""


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_the_edit_distance_is_symmetric_and_counts_edits(a, b, c):
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, b) <= max(len(a), len(b))
    assert edit_distance(a + c, b + c) <= edit_distance(a, b)
    assert edit_distance(a, a + c) == len(c)


def test_neighbors_that_changed_places_are_one_edit():
    assert edit_distance("tiyn", "tiny") == 1
    assert edit_distance("layer", "layers") == 1
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == 3


def test_a_run_that_is_not_there_is_told_with_the_nearest(call, wording):
    for verb in (("sample",), ("evaluate", "tiyn", "corpus.txt"), ("inspect",)):
        arguments = verb if len(verb) > 1 else (*verb, "tiyn")
        wording(call(*arguments, status=4))
    wording(call("sample", "zzz", status=4))


def test_a_file_with_nearly_a_run_s_name_is_read(call, workplace, wording):
    (workplace / "tyni").write_text("def")
    try:
        wording(call("visualize", "tyni"))
    finally:
        (workplace / "tyni").unlink()


def make_model(cell="lstm", **shape):
    return random_model("abc", kind=CharRNN, scale=0, cell=cell, **({"num_layers": 1} | shape))


SMALL = make_model(num_layers=2, hidden_size=5)


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("l0.h.3", "L0.h.3"),
        ("L0.C.3", "L0.c.3"),
        ("L0h3", "L0.h.3"),
        ("1.f.0-4", "L1.f.0-4"),
        ("l*:H:*", "L*.h.*"),
        (" L0.h.3\n", "L0.h.3"),
    ],
)
def test_an_address_is_told_with_the_one_that_was_meant(address, meant, wording):
    with wording.raises(UsageError):
        parse_units(address, SMALL)
    assert parse_units(meant, SMALL)


@pytest.mark.parametrize("address", ["l0.h.5", "l2.h.0", "l0.y.0", "h.3", "37", "", "L0.\u017f.3"])
def test_no_address_is_suggested_that_the_model_has_not(address):
    with pytest.raises(UsageError) as caught:
        parse_units(address, SMALL)
    assert caught.value.hint == ""


@given(st.text("Ll01.*-hcHC \u017f\u212a", max_size=9))
def test_every_address_is_read_or_refused(address):
    for parse in (parse_unit, parse_units):
        try:
            parse(address, SMALL)
        except UsageError as error:
            meant = error.hint.removeprefix("did you mean ").removesuffix("?")
            assert not meant or len(meant) == 1 or parse_units(meant, SMALL)


def test_a_state_or_gate_is_told_with_the_nearest_and_ranges_say_what_there_is():
    least = make_model(hidden_size=1)
    for address, of, message, hint in (
        ("L0.hh.3", SMALL, "the lstm cell has no 'hh'; it has the states h c", "did you mean h?"),
        ("L0.y.3", SMALL, "the lstm cell has no 'y'", ""),
        ("L2.h.3", SMALL, "L2.h.3: the model has layers 0 to 1", ""),
        ("L0.h.5", SMALL, "L0.h.5: a layer has units 0 to 4", ""),
        ("L1.h.0", least, "L1.h.0: the model has layer 0 only", ""),
        ("L0.h.1", least, "L0.h.1: a layer has unit 0 only", ""),
    ):
        with pytest.raises(UsageError) as caught:
            parse_units(address, of)
        assert caught.value.message.startswith(message)
        assert caught.value.hint == hint


def test_an_edit_of_a_mistyped_unit_is_told_the_same(call, wording):
    wording(call("sample", "tiny", "--clamp", "l0.h.3=1", status=2))


# --- one of a few words ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("visualize", "tiny", "d", "--palette", "foo"),
        ("visualize", "tiny", "d", "--palette", "rdbo"),
        ("visualize", "tiny", "d", "--sort", "x"),
        ("visualize", "tiny", "d", "--color", "8"),
        ("sample", "tiny", "--color", "8"),
        ("sample", "tiny", "--unknown", "x"),
        ("evaluate", "tiny", "--split", "vall"),
    ],
)
def test_another_word_is_refused_in_one_line(call, arguments, wording):
    result = call(*arguments, status=2)
    wording(result)
    assert len(result.err.splitlines()) <= 2


def test_automatic_colours_are_those_of_no_choice(call, monkeypatch):
    shown = ("visualize", "tiny", "def", "--unit", "L0.h.3")
    written = ("sample", "tiny", "-n", 9, "--seed", 1, "--show-probabilities", "-q")
    for forced in ("", "1"):
        monkeypatch.setenv("FORCE_COLOR", forced)
        for arguments in (shown, written):
            plain = call(*arguments).out
            assert call(*arguments, "--color", "auto").out == plain
            assert ("\x1b" in plain) == bool(forced)


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (2369.4, 3, "2,370"),
        (2369.4, 2, "2,400"),
        (1.04e6, 3, "1,040,000"),
        (895.3, 2, "900"),
        (9.96, 2, "10"),
        (4.52, 2, "4.5"),
        (0.00671, 2, "0.0067"),
        (2e-6, 2, "0.000002"),
        (0.0, 2, "0"),
        (3.0, 3, "3"),
    ],
)
def test_a_plain_number_has_no_exponent(number, digits, text):
    assert plain(number, digits) == text
