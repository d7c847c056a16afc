"""`charrnn corpora`: the list of the corpora known by name."""

import itertools
import json

import pytest
from helpers import call_charrnn, run_charrnn, run_shell

from charrnn.text.catalog import CATALOG
from charrnn.text.generated import GENERATORS


def test_corpora_are_listed_for_people_and_for_programs(capsys):
    listed = call_charrnn(capsys, "corpora").out
    rows = [json.loads(line) for line in call_charrnn(capsys, "corpora", "--json").out.splitlines()]
    assert [row["name"] for row in rows] == list(CATALOG)
    for row in rows:
        assert all(row[key] for key in ("what", "size", "license", "origin"))
        assert all(row[key] in listed for key in ("name", "what", "size", "license", "origin"))
        assert row["here"] or row["origin"].startswith("https://")
    assert rows[0]["here"]


def test_a_corpus_is_printed_as_it_is_read(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = call_charrnn(capsys, "corpora", "roman").out
    assert printed == "".join(GENERATORS["roman"].lines())
    other = call_charrnn(capsys, "corpora", "roman", "--seed", 7).out
    assert other == "".join(GENERATORS["roman"].lines(7))
    assert sorted(other.splitlines()) == sorted(printed.splitlines())
    assert other != printed


def test_a_text_is_printed_with_its_hidden_labels_if_they_are_wanted(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charrnn.text.generated.nesting.NUM_LINES", 300)
    labeled = call_charrnn(capsys, "corpora", "nested", "--labels").out.splitlines()
    assert labeled == [f"{line}\t{depth}" for line, depth in GENERATORS["nested"].pairs(1)]
    other = call_charrnn(capsys, "corpora", "nested", "--seed", 7).out
    assert other == "".join(GENERATORS["nested"].lines(7))
    assert "\t" not in other


@pytest.mark.parametrize(
    "arguments",
    [
        (3, "nubmers"),
        (3, "nothing-of-the-kind"),
        (2, "--seed", 3),
        (2, "python", "--seed", 3),
        (2, "numbers", "--json"),
        (2, "--labels"),
        (2, "numbers", "--labels"),
        (2, "python", "--labels"),
    ],
    ids=str,
)
def test_what_cannot_be_printed_is_refused_in_one_line(capsys, arguments, wording):
    status, *arguments = arguments
    wording(call_charrnn(capsys, "corpora", *arguments, status=status))


def test_a_reader_that_has_enough_ends_the_printing(tmp_path):
    done = run_shell("charrnn corpora numbers | head -n 2", tmp_path)
    assert done.stdout.decode() == "".join(itertools.islice(GENERATORS["numbers"].lines(), 2))
    assert done.stderr == b""


def test_a_run_on_pairs_finds_them_again_by_their_name(tmp_path):
    options = ("--hidden-size", 8, "--steps", 2, "--name", "words")
    run_charrnn("train", "roman", *options, cwd=tmp_path)
    scored = run_charrnn("evaluate", "words", "--split", "val", "--json", cwd=tmp_path)
    assert json.loads(scored.out)["characters"] > 5000
