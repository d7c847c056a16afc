"""The golden file: it is compared word for word, belongs to tests that exist, and is the only place of sentences."""

import ast
import re
from pathlib import Path

import messages
import pytest
from helpers import Result
from messages import COLLECTED, Wording, read_golden, write_golden

from charrnn.errors import DataError

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("test_*.py"))


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """Write a golden file of this test's own, and make the comparison of its test "t"."""
    monkeypatch.setattr(messages, "GOLDEN", tmp_path / "messages.txt")

    def make(*entries):
        write_golden({"t": list(entries)})
        monkeypatch.setattr(messages, "_golden", read_golden)
        return Wording("t", {str(tmp_path): "HERE"}, writes=False)

    return make


def test_a_message_is_compared_word_for_word_with_its_hint_and_kind(golden):
    entry = "DataError: no text\n         give one"
    golden(entry)(DataError("no text", "give one"))
    for other in (DataError("no texts", "give one"), DataError("no text"), "no text"):
        with pytest.raises(AssertionError):
            golden(entry)(other)


def test_a_command_is_compared_with_its_arguments_and_its_status(golden, tmp_path):
    result = Result(3, "", f"step 7, epoch 0.1\ncharrnn: no {tmp_path}/a\n", ("sample", "x"))
    entry = "$ charrnn sample x\ncharrnn: no HERE/a\n[3]"
    golden(entry)(result)
    for changed in (entry.replace("sample", "train"), entry.replace("[3]", "[2]"), entry + "\n"):
        if changed.strip() != entry:
            with pytest.raises(AssertionError):
                golden(changed)(result)


def test_all_messages_of_a_test_are_compared_and_all_in_the_file_are_met(golden):
    wording = golden("one", "two")
    wording("one")
    wording("one")  # the same once more
    with pytest.raises(AssertionError, match="not met"):
        wording.close()
    wording("two")
    wording.close()
    with pytest.raises(AssertionError):
        wording("three")


def test_the_file_is_read_as_it_was_written(golden):
    golden()
    sections = {"a::b[x y]": ["one\n  more", "$ two\n[0]"], "a::c": ["same"], "a::d": ["same"]}
    write_golden(sections)
    assert read_golden() == sections


def test_every_section_belongs_to_a_test():
    functions = {
        f"{path.relative_to(TESTS)}::{node.name}"
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and "wording" in {a.arg for a in node.args.args}
    }
    assert {name.split("[")[0] for name in read_golden()} <= functions


def test_every_section_belongs_to_a_case_of_its_test(request):
    """As far as whole modules were collected with this one."""
    if any("::" in argument for argument in request.config.args):
        return
    collected = request.config.stash[COLLECTED]
    modules = {name.split("::")[0] for name in collected}
    sections = {name for name in read_golden() if name.split("::")[0] in modules}
    assert sorted(sections - collected) == []


def is_sentence(node):
    """Whether a string has three words of small letters in a row."""
    return any(
        re.search(r"\b[a-z']{2,} [a-z']{2,} [a-z']{2,}\b", part.value)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def wordings_in(path):
    """What compares messages with sentences in a file of tests."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises":
            found += [k.value for k in node.keywords if k.arg == "match" and is_sentence(k.value)]
        if isinstance(node, ast.Compare) and is_sentence(node.left):
            place = ast.unparse(node.comparators[0])
            if re.search(r"\.(err|message|hint)\b|\bstderr\b", place):
                found.append(node)
    return [f"{path.relative_to(TESTS)}, line {node.lineno}: {ast.unparse(node)}" for node in found]


def test_no_other_test_holds_the_wording_of_a_message():
    assert [line for path in FILES for line in wordings_in(path)] == []
