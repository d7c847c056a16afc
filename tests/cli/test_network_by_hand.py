"""`charrnn network`: a network set by hand is a checkpoint like any other."""

import json
import re

import pytest
from helpers import call_charrnn

from charrnn.cli.network import NAMES
from charrnn.constructions.named import NAMED


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, status=0: call_charrnn(capsys, *arguments, status=status)


def test_a_network_of_an_expression_writes_words_and_is_drawn(run, tmp_path, wording):
    wording(run("network", "--from-regex", "(ab)*"))
    written = run("sample", "regex", "--count", 20, "--seed", 2, "--json").out
    texts = [json.loads(line)["text"] for line in written.splitlines()]
    assert len(texts) == 20
    assert all(re.fullmatch("(ab)*", text.removesuffix("\n")) for text in texts)
    (tmp_path / "ab.txt").write_text("ab\n")
    drawn = run("visualize", "regex", "ab.txt", "--diagram").out
    assert re.search(r"L0\.h\.1 \+1\.00 +\+0\.00 +\+0\.00", drawn)
    assert "by hand" in run("inspect", "regex").out


def test_the_names_are_those_of_the_networks():
    assert (*NAMED,) == NAMES


def test_a_network_goes_to_a_file_and_is_described_as_json(run):
    made = json.loads(run("network", "parity", "--out", "p.safetensors", "--json").out)
    assert made["path"] == "p.safetensors"
    assert len(made["units"]) == 2
    sample = run("sample", "p.safetensors", "--seed", 1).out
    assert sample.count("1") % 2 == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("counter", "--from-regex", "a"),
        ("brakets",),
        ("--from-regex", "a(?=b)"),
        ("counter", "--out", "a/b"),
    ],
)
def test_what_makes_no_network_is_refused(run, wording, arguments):
    wording(run("network", *arguments, status=2))


def test_a_run_is_not_replaced_unless_asked(run, wording, tmp_path):
    run("network", "counter")
    wording(run("network", "counter", status=2))
    run("network", "counter", "--overwrite")
    (tmp_path / "checkpoints/counter/last.safetensors").write_bytes(b"")
    wording(run("network", "counter", "--overwrite", status=2))
