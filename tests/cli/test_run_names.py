"""Which checkpoint a command takes: the newest, one that is named, and none that is damaged or missing."""

import os
import pickle

import pytest
from helpers import BEST, call_charrnn


def test_the_newest_run_is_taken_and_said_unless_one_is_named(workplace, capsys, monkeypatch):
    monkeypatch.chdir(workplace)
    options = ("-n", 60, "--seed", 1)
    newest = call_charrnn(capsys, "sample", *options)
    assert f"newest checkpoint {BEST}" in newest.err
    assert call_charrnn(capsys, "sample", "-q", *options).err == ""
    for name in ("tiny", "checkpoints/tiny", BEST, workplace / BEST):
        named = call_charrnn(capsys, "sample", name, *options)
        assert named.out == newest.out
        assert "newest" not in named.err
    assert call_charrnn(capsys, "sample", "bytes", *options).out != newest.out


def test_a_missing_checkpoint_is_answered_with_what_there_is(
    refused, monkeypatch, tmp_path, wording
):
    names = ("nope", ".", "", "no/such.safetensors", "a\0b", "x" * 5000)
    for name in names:
        wording(refused(4, "sample", name))
    monkeypatch.chdir(tmp_path)
    wording(refused(4, "sample"))
    wording(refused(4, "sample", "nope"))


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("verb", [("sample",), ("evaluate", "-q"), ("inspect", "--json")])
def test_a_bad_checkpoint_is_refused_and_none_of_its_code_runs(
    refused, workplace, tmp_path, verb, wording
):
    good = (workplace / BEST).read_bytes()
    damaged = bytearray(good)
    damaged[8 + int.from_bytes(good[:8], "little")] ^= 1  # of the first weight
    ran = tmp_path / "ran"
    bad = {
        "damaged.safetensors": bytes(damaged),
        "short.safetensors": good[:-50],
        "empty.safetensors": b"",
        "other.safetensors": b"just a text, no model at all",
        "model.pt": pickle.dumps(Payload(ran)),
    }
    text = [workplace / "corpus.txt"] if verb[0] == "evaluate" else []
    for name, content in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        result = refused(4, verb[0], path, *text, *verb[1:])
        assert result.err.startswith(f"charrnn: {path}")
        wording(result)
    assert not ran.exists()


def test_damaged_counts_are_refused_where_they_are_used(
    refused, workplace, tmp_path, capsys, wording
):
    damaged = bytearray((workplace / BEST).read_bytes())
    damaged[-1] ^= 1
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(damaged)
    for command in (("sample", "--counts"), ("evaluate", "corpus.txt"), ("inspect",)):
        wording(refused(4, command[0], path, *command[1:]))
    alone = [
        call_charrnn(capsys, "sample", name, "-q", "-n", 60, "--seed", 1).out
        for name in (path, BEST)
    ]
    assert alone[0] == alone[1]
