"""What a run may be called, on every system."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import UsageError
from charrnn.runs import checked_name, new_folder

WRONG = (
    *("", ".", "..", ".hidden", "-x", "a/b", "a\\b", "a:b", "a*", "a?", 'a"', "<a", "a>", "a|b"),
    *("a.", "a ", "a. .", "con", "CON", "nul", "Nul.txt", "aux .x", "COM1", "com9.tar.gz", "LPT0"),
    *("COM\u00b9", "CONIN$", "a\n", "\x1b[2J", "a\0", "\u202e", "\udcff", "n" * 201, "漢" * 67),
)


@pytest.mark.parametrize("name", WRONG)
def test_fault_38_a_name_that_some_system_refuses_is_refused(name):
    with pytest.raises(UsageError):
        checked_name(name)


@pytest.mark.parametrize(
    "name", ["a", "plays.2", "War and Peace", "漢字", "com", "console", "COM10", "nulls", "a-b_c"]
)
def test_a_plain_name_is_taken(name):
    assert checked_name(name) == name


@given(st.text(min_size=1, max_size=80).filter(lambda name: "\0" not in name))
def test_a_name_made_from_a_text_may_be_typed(name):
    for corpus in (name, f"texts/{name}.txt", "con.txt", "𐐷" * 60):
        made = new_folder(Path("none"), None, [corpus], overwrite=True).name
        assert checked_name(made) == made


def test_bytes_that_are_no_text_are_refused_in_one_line(charrnn_in):
    for command in (("train", "x.txt"), ("train", "--resume"), ("runs", "rename", "a")):
        option = ("--name",) if command[0] == "train" else ()
        result = charrnn_in(*command, *option, os.fsdecode(b"\xff"), status=None)
        assert result.status in (2, 4)
        assert result.err.count("charrnn: ") == 1


def test_a_run_that_is_only_planned_has_a_name_that_it_could_be_saved_under(
    charrnn_in, tmp_path, wording
):
    (tmp_path / "a.txt").write_text("a text to plan a run for\n" * 9)
    wording(charrnn_in("train", "a.txt", "--steps", 1, "--plan-only", "--name", "CON", status=2))
